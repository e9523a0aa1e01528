"""Cells as people read them: of 100, a range, a verdict; or the mark that says why there is nothing.

Every text made of a cell remembers it, so that each number on a page can be traced, and attacked.
"""

from __future__ import annotations

from sro_research.estimates import FEW
from sro_research.report.page import Cell
from sro_research.report.parts import CAUTION_MARK, HIDDEN_MARK, MARKS, NOT_AVAILABLE_MARK, sourced
from sro_research.report.verdicts import SYMBOLS, verdict
from sro_research.report.words import Words


def mark(cell: Cell) -> str:
    """Return the mark of a cell without numbers."""
    if cell.status in MARKS:
        return sourced(MARKS[cell.status], f"{cell.name}#{cell.status}")
    return sourced(NOT_AVAILABLE_MARK, f"{cell.name}#not_available") if cell.name else NOT_AVAILABLE_MARK


def share(cell: Cell, w: Words) -> str:
    """Write an estimate that is a share as people of 100; a coded one as "so many or fewer" or "or more".

    One to be read with caution has its mark behind it.
    """
    if not cell.shown or cell.estimate is None:
        return mark(cell)
    people, low = w.of_hundred(cell.estimate), cell.estimate < 0.5
    if cell.coded:
        text, sign = w("or_fewer" if low else "or_more", people=people), "<=" if low else ">="
        return sourced(text, f"{cell.name}#share={sign}{people}")
    return _estimate(people, cell, "share", people)


def _estimate(text: str, cell: Cell, part: str, value: str) -> str:
    """Write an estimate, with a mark behind it where it is to be read with caution; its source says so, too."""
    if cell.status == "caution":
        return sourced(f"{text} {CAUTION_MARK}", f"{cell.name}#{part}={value}{CAUTION_MARK}")
    return sourced(text, f"{cell.name}#{part}={value}")


def percent(cell: Cell, w: Words) -> str:
    """Write a share as a percentage with a decimal, for those who check numbers."""
    if not cell.shown or cell.estimate is None:
        return mark(cell)
    return _estimate(w.number(100 * cell.estimate, 1), cell, "share", f"{100 * cell.estimate:.1f}")


def percent_error(cell: Cell, w: Words) -> str:
    """Write the standard error of a share, in percentage points."""
    if not cell.shown or cell.error is None:
        return NOT_AVAILABLE_MARK
    return sourced(w.number(100 * cell.error, 2), f"{cell.name}#share_error={100 * cell.error:.2f}")


def share_range(cell: Cell, w: Words) -> str:
    """Write the likely range of a share, as people of 100."""
    if not cell.shown or cell.coded:
        return mark(cell) if not cell.shown else sourced(HIDDEN_MARK, f"{cell.name}#range=hidden")
    if cell.low is None or cell.high is None:
        return sourced(NOT_AVAILABLE_MARK, f"{cell.name}#range=not_available")
    low, high = w.of_hundred(cell.low), w.of_hundred(cell.high)
    return sourced(w("range", low=low, high=high), f"{cell.name}#range={low}..{high}")


def share_with_range(cell: Cell, w: Words) -> str:
    """Write a share and, where there is one, its likely range behind it."""
    if not cell.shown or cell.coded or cell.low is None or cell.high is None:
        return share(cell, w)
    return w("with_range", people=share(cell, w), range=share_range(cell, w))


def count(cell: Cell, w: Words) -> str:
    """Write the number of people behind a cell."""
    return sourced(w.number(cell.n), f"{cell.name}#n={cell.n}") if cell.shown and cell.n is not None else mark(cell)


def rounded(cell: Cell, w: Words) -> str:
    """Write a count of cases that was rounded; zero is "fewer than five"."""
    if not cell.shown or cell.estimate is None:
        return mark(cell)
    if cell.estimate == 0:
        return sourced(w("counts_few"), f"{cell.name}#count={FEW}")
    return sourced(w.number(cell.estimate), f"{cell.name}#count={cell.estimate:.0f}")


def amount(value: float | None, cell: Cell, w: Words, *, part: str, decimals: int) -> str:
    """Write a number of a cell (`part` names which) with decimals."""
    if not cell.shown or value is None:
        return mark(cell)
    text, said = w.number(value, decimals), f"{value:.{decimals}f}"
    return _estimate(text, cell, part, said) if part == "estimate" else sourced(text, f"{cell.name}#{part}={said}")


def compared(difference: Cell, margin: float, w: Words) -> tuple[str, str]:
    """Return the verdict on a difference in words, and its symbol."""
    if difference.status == "hidden":
        return w("verdict_hidden"), ""
    if not difference.shown or difference.low is None or difference.high is None:
        return w("not_available"), ""
    found = verdict(difference.low, difference.high, margin)
    return w(f"verdict_{found}"), SYMBOLS[found]
