"""What to do about rows that were set aside: the fix for each rule, with what this study would accept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sro_research.instruments import Instrument
from sro_research.schemas import NOT_A_CODE, NOT_A_DAY, NOT_A_LABEL, NOT_A_TIME, NOT_WHOLE, REPEATED, TWICE

A_RUN = 3
"""So many codes in a row are written as the first and the last."""


def fix_of(
    column: str,
    rule: str,
    *,
    kind: str,
    instruments: Mapping[str, Instrument],
    courses: Iterable[str],
    courses_file: object,
    schools_file: str,
) -> str:
    """Return the fix for a rule that rows of a source of a kind broke; blank where the rule says it all."""
    instrument = instruments.get(kind.removeprefix("responses/"))
    allowed = instrument.codes.get(column) if instrument is not None else None
    if allowed is not None and rule in (NOT_A_CODE, NOT_WHOLE):
        return f"Expected: codes {codes_in_words(allowed)}, or blank."
    if allowed is not None and rule == NOT_A_LABEL:
        return (
            f"Expected: codes {codes_in_words(allowed)}, or their labels in a language of the pages. "
            "If the program writes them otherwise, say so with `answers: {theirs: code}`."
        )
    if rule == "not a course of this study":
        return f"The courses are {', '.join(courses)}; they are defined in {courses_file}."
    return {
        NOT_A_DAY: "Write days like 2026-06-30.",
        NOT_A_TIME: "Write times like 2026-06-30 14:05, as the clock at the school showed them.",
        NOT_WHOLE: "Write it in digits, without a point.",
        TWICE: "Give each its own, if they are two." if instrument is not None else "Delete the later ones.",
        REPEATED: "Two equal activities on one day: write them as one, with the hours of both.",
        "not a school of this study": f"The schools are those in {schools_file}.",
        "lost the leading zeros of a school of this study": "Export the column as text.",
        "has more or fewer cells than the header": "Put text that holds a separator in quotes.",
    }.get(rule, "")


def codes_in_words(codes: Iterable[int]) -> str:
    """Write codes as `1-4, 98, 99`."""
    runs: list[list[int]] = []
    for code in sorted(set(codes)):
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) >= A_RUN else ", ".join(map(str, r)) for r in runs)
