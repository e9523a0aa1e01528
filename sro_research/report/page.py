"""What a page knows: safe cells and the texts around them. Nothing here leads back to a protected table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sro_research.estimates import KEYS
from sro_research.instruments import Instrument
from sro_research.parameters import Disclosure, Language, Margins, Model, Text, Wave


@dataclass(frozen=True)
class Facts:
    """What a study says about itself on its pages, apart from statistics."""

    schools: dict[str, Text]
    """School id: name by language, of the schools that get a page."""
    sources_read: int
    sources_set_aside: int
    rows_set_aside: int
    rows_shown: int
    rows_hidden: int
    """Rows of people (a school's or a group's, on one topic) that the whole study shows and hides."""
    audited: str
    """The day on which the pages were attacked before they were published, as 2026-06-30."""
    provided: tuple[str, ...]
    """Kinds of records that were provided and could be read."""
    comparable: dict[str, str] = field(default_factory=dict)
    """Whether the groups of `population|construct|group_by` may be compared: the verdicts of `models.comparability`."""


@dataclass(frozen=True)
class Cell:
    """One statistic as a page may show it; without numbers where it is hidden or not available."""

    status: str
    n: int | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    name: str = ""
    """Names the cell on the published page, so that every number there can be traced."""

    @property
    def shown(self) -> bool:
        """Whether there are numbers to show."""
        return self.status in ("shown", "coded")

    @property
    def coded(self) -> bool:
        """Whether the estimate is only a bound: so many or fewer below one half, so many or more above."""
        return self.status == "coded"


HIDDEN = Cell("hidden")
NO_CELL = Cell("not_available")
"""Stands where a page says nothing of any cell."""


@dataclass(frozen=True)
class Page:
    """Everything the page of one school, or of the board (`school_id` blank), is made of."""

    study: str
    title: Text
    organization: str
    contact: Text
    notice: Text | None
    synthetic: bool
    languages: tuple[Language, ...]
    waves: tuple[Wave, ...]
    breaks: frozenset[tuple[str, str, str]]
    """(population, construct, wave) whose questions got other words since the wave before."""
    groups: tuple[str, ...]
    instruments: dict[str, Instrument]
    """By population."""
    margins: Margins
    disclosure: Disclosure
    model: Model | None
    facts: Facts
    fingerprint: str
    version: str
    school_id: str
    cells: pd.DataFrame = field(repr=False)
    _index: dict[tuple[str, ...], Cell] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = self.cells.set_index(KEYS)[["status", "n", "estimate", "conf_low", "conf_high"]]
        index = {
            key: Cell(status, _known(n), _known(estimate), _known(low), _known(high), "|".join(key))
            for key, (status, n, estimate, low, high) in zip(table.index, table.itertuples(index=False), strict=True)
        }
        object.__setattr__(self, "_index", index)

    def school_name(self, language: Language) -> str:
        """Return the school's name, blank for the board."""
        return self.facts.schools[self.school_id][language] if self.school_id else ""

    @property
    def last_wave(self) -> Wave:
        """The wave the page is about."""
        return self.waves[-1]

    def waves_alike(self, population: str, construct: str) -> list[Wave]:
        """Return the waves in which a construct was asked in the words of the last one."""
        starts = [i for i, wave in enumerate(self.waves) if (population, construct, wave.id) in self.breaks]
        return list(self.waves[max(starts, default=0) :])

    def cell(
        self,
        measure: str,
        *,
        population: str = "",
        construct: str = "",
        group_by: str = "",
        group: str = "",
        school_id: str | None = None,
        wave: str | None = None,
    ) -> Cell:
        """Look up a statistic, of this school and the last wave unless said otherwise.

        A statistic that is not there was asked of nobody or answered by nobody: it looks like any other hidden cell, so
        that no reader can tell a group of zero from a group of nine.
        """
        school = self.school_id if school_id is None else school_id
        when = self.last_wave.id if wave is None else wave
        key = (measure, population, construct, group_by, group, school, when)
        return self._index.get(key) or replace(HIDDEN, name="|".join(key))


def _known(number: Any) -> Any:
    return None if pd.isna(number) else number
