"""What to do about rows that were set aside: the fix for each rule, with what this study would accept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sro_research.errors import counted
from sro_research.instruments import Instrument
from sro_research.intake.records import codes_of_groups
from sro_research.intake.wordings import DECLARED
from sro_research.parameters import Records
from sro_research.schemas import (
    NOT_A_CODE,
    NOT_A_DAY,
    NOT_A_LABEL,
    NOT_A_NUMBER,
    NOT_A_TIME,
    NOT_ANSWERED,
    NOT_WHOLE,
    REPEATED,
    TWICE,
)
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
    set_aside: Mapping[str, int] | None = None,
) -> str:
    """Return the fix for a rule that rows of a source of a kind broke; blank where the rule says it all.

    `set_aside` says by kind of records how many of their rows were set aside: others may have referred to these.
    """
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
        lost = _lost(LISTED[rule], records, set_aside or {})
        return f"The {' and '.join(LISTED[rule])} are those in {_files_of(LISTED[rule], records)}.{lost}"
    if (kind, column) in DECLARED and rule.startswith("not "):
        return _as_declared(*DECLARED[kind, column], standards)
    if (
        kind == "contacts"
        and column in (asked := codes_of_groups(instruments.values()))
        and rule in (NOT_WHOLE, NOT_ANSWERED)
    ):
        return f"Write the codes of the student survey: {', '.join(map(str, asked[column]))}."
    if rule.startswith("lost the leading zeros"):
        return "Export the column as text."
    return {
        NOT_A_DAY: "Write days like 2026-06-30.",
        NOT_A_TIME: "Write times like 2026-06-30 14:05, as the clock at the school showed them.",
        NOT_WHOLE: "Write it in digits, without a point.",
        NOT_A_NUMBER: "Write it in digits, like 1.5: no unit, no comma.",
        TWICE: "Give each its own, if they are two"
        + ("." if instrument is not None else "; else delete the later one."),
        REPEATED: "Two equal activities on one day: write them as one, with the hours of both."
        if kind == "outreach"
        else "Delete the later ones.",
        "has more or fewer cells than the header": "Put text that holds a separator in quotes.",
    }.get(rule, "")


def _as_declared(name: str, part: str, standards: Standards) -> str:
    """Say what a part of a standard has, and how to declare others."""
    return (
        f"Write one of {', '.join(standards.listed(name, part))}, or its title. For {part} of your own: "
        f"copy {standards.folder}, declare them in the copy's {name}.yaml (an id without spaces; its title may be "
        "any words, and is read too), and set `folders.standards` to the copy."
    )


def _lost(kinds: Iterable[str], records: Records, set_aside: Mapping[str, int]) -> str:
    """Say that rows that may have been meant were set aside themselves."""
    return "".join(
        f" {counted(rows, 'row')} of {_files_of([kind], records)} {'was' if rows == 1 else 'were'} set aside: "
        f"mend {'it' if rows == 1 else 'these'} first."
        for kind in kinds
        if (rows := set_aside.get(kind, 0))
    )


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
