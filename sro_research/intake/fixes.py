"""What to do about rows that were set aside: the fix for each rule, with what this study would accept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sro_research.instruments import Instrument
from sro_research.intake.wordings import DECLARED
from sro_research.parameters import Records
from sro_research.schemas import NOT_A_CODE, NOT_A_DAY, NOT_A_LABEL, NOT_A_TIME, NOT_WHOLE, REPEATED, TWICE
from sro_research.standards.together import Standards

A_RUN = 3
"""So many codes in a row are written as the first and the last."""
LISTED = {
    "not a school of this study": ["schools"],
    "not an officer of this study": ["officers"],
    "not an emergency of this study": ["emergencies"],
    "not a drill or an emergency of this study": ["drills", "emergencies"],
}
"""By rule: the kinds of records whose rows may be referred to."""


def fix_of(
    column: str,
    rule: str,
    *,
    kind: str,
    instruments: Mapping[str, Instrument],
    records: Records,
    standards: Standards,
    standards_folder: Path,
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
    if rule in LISTED:
        return f"The {' and '.join(LISTED[rule])} are those in {_files_of(LISTED[rule], records)}."
    if (kind, column) in DECLARED and rule.startswith("not "):
        return _as_declared(*DECLARED[kind, column], rule, standards, standards_folder)
    if rule.startswith("lost the leading zeros"):
        return "Export the column as text."
    return {
        NOT_A_DAY: "Write days like 2026-06-30.",
        NOT_A_TIME: "Write times like 2026-06-30 14:05, as the clock at the school showed them.",
        NOT_WHOLE: "Write it in digits, without a point.",
        TWICE: "Give each its own, if they are two." if instrument is not None else "Delete the later ones.",
        REPEATED: "Two equal activities on one day: write them as one, with the hours of both."
        if kind == "outreach"
        else "Delete the later ones.",
        "has more or fewer cells than the header": "Put text that holds a separator in quotes.",
    }.get(rule, "")


def _as_declared(name: str, part: str, rule: str, standards: Standards, folder: Path) -> str:
    """Say what a part of a standard has, unless the rule says it, and where it is defined."""
    defined = f"defined in {folder / name}.yaml."
    if rule.startswith("not one of "):
        return f"They are {defined}"
    return f"The {part} are {', '.join(getattr(getattr(standards, name), part))}; they are {defined}"


def _files_of(kinds: Iterable[str], records: Records) -> str:
    """Name the files of some kinds of records; schools that no file lists are those that answers name."""
    sources = [getattr(records, kind) for kind in kinds]
    return " and ".join(source.file for source in sources if source is not None) or "the surveys"


def codes_in_words(codes: Iterable[int]) -> str:
    """Write codes as `1-4, 98, 99`."""
    runs: list[list[int]] = []
    for code in sorted(set(codes)):
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) >= A_RUN else ", ".join(map(str, r)) for r in runs)
