"""Cells as people read them: of 100, a range, a verdict; or the mark that says why there is nothing."""

from __future__ import annotations

from sro_research.report.page import Cell
from sro_research.report.parts import HIDDEN_MARK, NOT_AVAILABLE_MARK
from sro_research.report.verdicts import SYMBOLS, verdict
from sro_research.report.words import Words


def mark(cell: Cell) -> str:
    """Return the mark of a cell without numbers."""
    return HIDDEN_MARK if cell.status == "hidden" else NOT_AVAILABLE_MARK


def share(cell: Cell, w: Words) -> str:
    """Write an estimate that is a share as people of 100."""
    return w.of_hundred(cell.estimate) if cell.shown and cell.estimate is not None else mark(cell)


def share_range(cell: Cell, w: Words) -> str:
    """Write the likely range of a share, as people of 100."""
    if not cell.shown:
        return mark(cell)
    if cell.low is None or cell.high is None:
        return NOT_AVAILABLE_MARK
    return w("range", low=w.of_hundred(cell.low), high=w.of_hundred(cell.high))


def count(cell: Cell, w: Words) -> str:
    """Write the number of people behind a cell."""
    return w.number(cell.n) if cell.shown and cell.n is not None else mark(cell)


def compared(difference: Cell, margin: float, w: Words) -> tuple[str, str]:
    """Return the verdict on a difference in words, and its symbol."""
    if difference.status == "hidden":
        return w("verdict_hidden"), ""
    if not difference.shown or difference.low is None or difference.high is None:
        return w("not_available"), ""
    found = verdict(difference.low, difference.high, margin)
    return w(f"verdict_{found}"), SYMBOLS[found]
