"""What published files say of safe cells, and whether the study decided to say it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from sro_research.disclosure.counts import COUNTED, RATE, TOLD
from sro_research.disclosure.program import AMOUNTS, NOT_OF_HOW_MANY, POPULATIONS, PROGRAM_FIGURES, SHARES
from sro_research.disclosure.safe import (
    CAUTION,
    CODED,
    HIDDEN,
    NOT_AVAILABLE,
    NOT_MET,
    ROUNDED,
    SHOWN,
    WITH_NUMBERS,
)
from sro_research.estimates import COUNT_BASE, FEW, KEYS, SCHOOL

_EFFECT = {"estimate", "low", "high"}
PARTS: dict[str, set[str]] = {
    "share_agree": {"n", "share", "range"},
    "share_agree_others": {"share", "range"},
    "answer_share": {"share"},
    "answer_lean": {"n", "share"},
    "responses": {"n"},
    "response_rate": {"share"},
    "outreach_hours_per_100_students": {"hours_per_100"},
    "effect_within_schools": _EFFECT,
    "effect_between_schools": _EFFECT,
    "harm_within_schools": _EFFECT,
    **{measure: {"share"} if measure in NOT_OF_HOW_MANY else {"n", "share"} for measure in SHARES},
    **{measure: {"estimate"} for measure in AMOUNTS},
    **{measure: {"count"} for measure in TOLD},
    RATE: {"rate"},
}
"""What a page may say of each kind of safe cell. A mean or a standard deviation would pin down the answers of a few."""
OF_SCHOOLS = {"n", "share", "range", "share_error", "estimate", "low", "high", "std_error"}
"""What may be said of any measure of the population `SCHOOL`: of schools of the nation, by a table that is public."""
_DECIMAL = r"-?\d+(?:\.\d+)?"
CARE = "!"
"""Stands behind an estimate that is to be read with caution: on the page, in a table, and in what a number says of
itself."""
_SAID = {
    "n": r"\d+",
    "share": rf"(?:<=|>=)?{_DECIMAL}{CARE}?",
    "estimate": rf"{_DECIMAL}{CARE}?",
    "count": rf"{FEW}|[1-9]\d*",
    "rate": r"\d+",
    "range": rf"{_DECIMAL}\.\.{_DECIMAL}|hidden|not_available",
    "hidden": "",
    NOT_AVAILABLE: "",
    NOT_MET: "",
}
"""The machine form of what is said of each part; others are one number."""
_KEY = re.compile(r"[^\s\d]*[\w.-]*")
"""A key is one word: nothing is told in it."""
_FIGURES = re.compile(r"\d+(?:[.,]\d+)*")
_SLACK = 1e-6


@dataclass(frozen=True)
class Claim:
    """One thing a page says of a safe cell: `part` is n, share, range, …, `value` what is said in machine form."""

    page: str
    cell: tuple[str, ...]
    part: str
    value: str

    @property
    def numbers(self) -> list[str]:
        """The numbers that are said, as they are written."""
        return _FIGURES.findall(self.value.replace("..", " "))

    @property
    def allowed(self) -> bool:
        """Whether there can be such a cell, and this may be said of it.

        A cell is named by its measure and six keys, of which one is a group: no one is told by two traits at once.
        Figures of the program, and counts of cases, are told for the district only.
        """
        if len(self.cell) != len(KEYS) or not all(_KEY.fullmatch(key) for key in self.cell):
            return False
        measure, population, *broken_down, _ = self.cell
        if measure in PROGRAM_FIGURES and (population not in POPULATIONS or any(broken_down)):
            return False
        if measure in TOLD and (population or self.cell[2] or self.cell[5]):
            return False
        of_schools = population == SCHOOL
        parts = OF_SCHOOLS | {NOT_MET} if of_schools else PARTS.get(measure, set()) | {HIDDEN}
        form = _SAID.get(self.part, _DECIMAL)
        return self.part in parts | {NOT_AVAILABLE} and bool(re.fullmatch(form, self.value, re.ASCII))


def claim(page: str, source: str) -> Claim:
    """Read the source of a number, `measure|population|…|wave#part=value`."""
    name, _, said = source.partition("#")
    part, _, value = said.partition("=")
    return Claim(page, tuple(name.split("|")), part, value)


@dataclass
class Published:
    """All that a folder of pages says: claims, what could not be accounted for, and what could not be read."""

    claims: list[Claim] = field(default_factory=list)
    unregistered: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    declared: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """The first page that declares a text as its study's own, by language, the place it fills, and the text."""
    files: int = 0

    def add(self, made: Claim) -> None:
        """Take up what is said of a cell, or note that it may not be said."""
        if made.allowed:
            self.claims.append(made)
        else:
            self.unregistered.append(
                f"{made.page}: a source that names no safe cell, or no part of it that may be shown. Use `wording`"
            )


def unbalanced(claims: Iterable[Claim]) -> list[str]:
    """Return where counts of cases are no multiples of their base, differ, or do not add up to their total.

    Counts that were rounded each for itself would give away more than they say, and so would two roundings of one.
    """
    told: dict[tuple[str, ...], Claim] = {}
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    found = set()
    for made in claims:
        if made.part == "count" and told.setdefault(made.cell, made).value != made.value:
            page, name = told[made.cell].page, ", ".join(key for key in made.cell if key)
            found.add(f"{made.page}: {name}: another count than on {page}. Make both pages of one run")
    for (measure, _, _, by, _, _, wave), made in told.items():
        count = 0 if made.value == FEW else int(made.value)
        sums[measure, by, wave] += count
        if count % COUNT_BASE:
            found.add(f"{made.page}: {measure}, {wave}: a count that is not rounded. Use `rounded_counts`")
    for (measure, by, wave), count in sums.items():
        if by and measure in COUNTED and count != sums.get((measure, "", wave)):
            page = next(made.page for cell, made in told.items() if (cell[0], cell[3], cell[6]) == (measure, by, wave))
            found.add(f"{page}: {measure}, {wave}: parts by {by} do not add up to their total. Show all of them")
    return sorted(found)


def against_cells(claims: Iterable[Claim], cells: pd.DataFrame) -> list[str]:
    """Return where published files say something else than the safe cells: of a hidden cell, or another number."""
    said = {made.cell for made in claims}
    keys = zip(*(cells[key] for key in KEYS), strict=True)
    columns = ["status", "n", "estimate", "conf_low", "conf_high", "std_error"]
    numbers = cells[columns].itertuples(index=False, name=None)
    known = {key: row for key, row in zip(keys, numbers, strict=True) if key in said}
    found = set()
    for made in claims:
        cell = known.get(made.cell, (HIDDEN, *5 * (pd.NA,)))
        if not _agrees(made, *cell):
            name = ", ".join(key for key in made.cell if key)
            rule = "is not what its safe cell says" if cell[0] in WITH_NUMBERS else "is of no cell that is shown"
            found.add(f"{made.page}: {name}: its {made.part.replace('_', ' ')} {rule}. Make the page anew")
    return sorted(found)


def _agrees(
    made: Claim, status: str, n: object, estimate: object, low: object, high: object, std_error: object
) -> bool:
    """Tell whether a claim is what a safe cell says, to the digits that are printed."""
    if made.part in (HIDDEN, NOT_MET):
        return status == made.part
    if made.part == NOT_AVAILABLE:
        return status != HIDDEN and (status not in WITH_NUMBERS or bool(pd.isna(estimate) or pd.isna(n)))
    if made.value in (HIDDEN, NOT_AVAILABLE):
        uncertain = status in (SHOWN, CAUTION) and bool(pd.isna(low) or pd.isna(high))
        return status == CODED if made.value == HIDDEN else uncertain
    if status not in WITH_NUMBERS:
        return False
    if (status == ROUNDED) != (made.part in ("count", "rate")):
        return False
    if made.part == "count":
        return made.value == (FEW if estimate == 0 else f"{estimate:.0f}")
    if made.part == "n":
        return bool(pd.notna(n)) and int(made.value) == n
    if made.part in ("share", "estimate") and (status == CAUTION) != made.value.endswith(CARE):
        return False
    value = made.value.removesuffix(CARE)
    coded = value[:2] if made.part == "share" and value[:1] in "<>" else ""
    if (status == CODED) != bool(coded):
        return False
    if made.part == "share":
        right = pd.notna(estimate) and (not coded or (coded == "<=") == (float(str(estimate)) < 0.5))
        return bool(right) and _prints(value.removeprefix(coded), estimate, 100)
    if made.part == "range":
        first, _, second = value.partition("..")
        return _prints(first, low, 100) and _prints(second, high, 100)
    if made.part == "share_error":
        return _prints(value, std_error, 100)
    return _prints(value, {"low": low, "high": high, "std_error": std_error}.get(made.part, estimate), 1)


def _prints(text: str, number: object, scale: int) -> bool:
    """Tell whether a number is printed as this text."""
    if pd.isna(number):
        return False
    unit = 10.0 ** -len(text.partition(".")[2])
    return abs(float(text) - scale * float(str(number))) <= unit / 2 + _SLACK
