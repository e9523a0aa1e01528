"""What there is to know of a survey program: how its exports look, and what their columns mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from sro_research.intake.durations import seconds_between
from sro_research.intake.exports import Sheet
from sro_research.intake.texts import parts_of_heading, same_text


@dataclass(frozen=True)
class Columns:
    """The columns of a sheet, found by what stands above each of them that may name it."""

    sheet: Sheet
    names: tuple[tuple[str, ...], ...]

    def places(self, name: str) -> list[int]:
        """Return the positions of the columns under a name, or else of those under a heading that it is a part of."""
        wanted = same_text(name)
        whole = [i for i, names in enumerate(self.names) if wanted in map(same_text, names)]
        return whole or [
            i for i, names in enumerate(self.names) if any(wanted in map(same_text, parts_of_heading(n)) for n in names)
        ]

    def place(self, *wanted: str) -> int | None:
        """Return the position of the first of several headings that the sheet has."""
        headings = [{same_text(name) for name in names} for names in self.names]
        return next((i for name in map(same_text, wanted) for i, found in enumerate(headings) if name in found), None)

    def find(self, *wanted: str) -> pd.Series | None:
        """Return the text below the first of several headings that the sheet has."""
        place = self.place(*wanted)
        return None if place is None else self.sheet.cells[place]

    def seconds(self, start: Iterable[str], end: Iterable[str]) -> pd.Series | None:
        """Return seconds between two columns of times; None if one of them is not there."""
        first, last = self.find(*start), self.find(*end)
        return None if first is None or last is None else seconds_between(first, last)


def nothing(_columns: Columns) -> None:
    """Say that a program does not tell this."""


@dataclass(frozen=True)
class Program:
    """A survey program.

    `looks` tells from the first heading of each column (in the form of `same_text`) whether a file comes from this
    program. `names` gives what may name a question among the cells of a heading. `respondent` are the headings of the
    id of a response, best first. `seconds` gives how long each took, `previews` which rows are trials of those who made
    the survey, `screened_out` which people the program turned away.
    """

    title: str
    looks: Callable[[list[str]], bool]
    respondent: tuple[str, ...] = ()
    header_rows: int = 1
    names: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda heading: heading
    seconds: Callable[[Columns], pd.Series | None] = nothing
    previews: Callable[[Columns], pd.Series | None] = nothing
    screened_out: Callable[[Columns], pd.Series | None] = nothing

    def columns(self, sheet: Sheet) -> Columns:
        """Return the columns of a sheet of this program, by name."""
        names = (self.names(heading) for heading in sheet.headings)
        return Columns(sheet, tuple(tuple(name for name in cells if name) for cells in names))
