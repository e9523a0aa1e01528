"""What published files say of safe cells, and whether the study decided to say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from sro_research.disclosure.safe import CODED, HIDDEN, SHOWN
from sro_research.estimates import KEYS

_EFFECT = {"estimate", "low", "high"}
PARTS: dict[str, set[str]] = {
    "share_agree": {"n", "share", "range"},
    "share_agree_others": {"share", "range"},
    "answer_share": {"share"},
    "answer_lean": {"n", "share"},
    "responses": {"n"},
    "response_rate": {"share"},
    "outreach_hours_per_100_students": {"hours_per_100"},
    "training_completion_rate": {"n", "share"},
    "effect_within_schools": _EFFECT,
    "effect_between_schools": _EFFECT,
    "harm_within_schools": _EFFECT,
}
"""What a page may say of each kind of safe cell. A mean or a standard deviation would pin down the answers of a few."""
_DECIMAL = r"-?\d+(?:\.\d+)?"
_SAID = {
    "n": r"\d+",
    "share": rf"(?:<=|>=)?{_DECIMAL}",
    "range": rf"{_DECIMAL}\.\.{_DECIMAL}|hidden|not_available",
    "hidden": "",
    "not_available": "",
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
        """
        parts = PARTS.get(self.cell[0], set()) | {HIDDEN, "not_available"}
        form = _SAID.get(self.part, _DECIMAL)
        named = len(self.cell) == len(KEYS) and all(_KEY.fullmatch(key) for key in self.cell)
        return named and self.part in parts and bool(re.fullmatch(form, self.value, re.ASCII))


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


def against_cells(claims: Iterable[Claim], cells: pd.DataFrame) -> list[str]:
    """Return where published files say something else than the safe cells: of a hidden cell, or another number."""
    said = {made.cell for made in claims}
    keys = zip(*(cells[key] for key in KEYS), strict=True)
    numbers = cells[["status", "n", "estimate", "conf_low", "conf_high"]].itertuples(index=False, name=None)
    known = {key: row for key, row in zip(keys, numbers, strict=True) if key in said}
    found = set()
    for made in claims:
        cell = known.get(made.cell, (HIDDEN, *4 * (pd.NA,)))
        if not _agrees(made, *cell):
            name = ", ".join(key for key in made.cell if key)
            rule = "is not what its safe cell says" if cell[0] in (SHOWN, CODED) else "is of no cell that is shown"
            found.add(f"{made.page}: {name}: its {made.part.replace('_', ' ')} {rule}. Make the page anew")
    return sorted(found)


def _agrees(made: Claim, status: str, n: object, estimate: object, low: object, high: object) -> bool:
    """Tell whether a claim is what a safe cell says, to the digits that are printed."""
    if made.part == HIDDEN:
        return status == HIDDEN
    if made.part == "not_available":
        return status != HIDDEN and (status not in (SHOWN, CODED) or bool(pd.isna(estimate) or pd.isna(n)))
    if made.value in (HIDDEN, "not_available"):
        return status == CODED if made.value == HIDDEN else status == SHOWN and bool(pd.isna(low) or pd.isna(high))
    if status not in (SHOWN, CODED):
        return False
    if made.part == "n":
        return bool(pd.notna(n)) and int(made.value) == n
    coded = made.value[:2] if made.part == "share" and made.value[:1] in "<>" else ""
    if (status == CODED) != bool(coded):
        return False
    if made.part == "share":
        right = pd.notna(estimate) and (not coded or (coded == "<=") == (float(str(estimate)) < 0.5))
        return bool(right) and _prints(made.value.removeprefix(coded), estimate, 100)
    if made.part == "range":
        first, _, second = made.value.partition("..")
        return _prints(first, low, 100) and _prints(second, high, 100)
    return _prints(made.value, {"low": low, "high": high}.get(made.part, estimate), 1)


def _prints(text: str, number: object, scale: int) -> bool:
    """Tell whether a number is printed as this text."""
    if pd.isna(number):
        return False
    unit = 10.0 ** -len(text.partition(".")[2])
    return abs(float(text) - scale * float(str(number))) <= unit / 2 + _SLACK
