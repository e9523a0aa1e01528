"""What a page knows: safe cells and the texts around them. Nothing here leads back to a protected table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from sro_research.estimates import KEYS, SCHOOL
from sro_research.instruments import Instrument
from sro_research.parameters import (
    Disclosure,
    Language,
    Margins,
    Model,
    Text,
    Wave,
)
from sro_research.standards.ssocs import SsocsLayout, SsocsMeasures
from sro_research.standards.yardstick import Yardstick


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
    rows_lost: tuple[str, ...] = ()
    """Kinds of records, or surveys as `responses/<instrument>`, of which a file lost more than 5 % of its rows."""
    comparable: dict[str, str] = field(default_factory=dict)
    """Whether the groups of `population|construct|group_by` may be compared: the verdicts of `models.comparability`."""
    figures: tuple[str, ...] = ()
    """Figures of the program that the study has of the district as a whole, as `measure|population|wave`."""
    exploratory: tuple[str, ...] = ()
    """What of the question of engagement and climate was declared after results were seen: `declaration`."""
    left_out: tuple[str, ...] = ()
    """What of it was declared first and is not asked any more: `subgroups:<question>`, `harms:<harm>`."""
    declared: dict[str, str] = field(default_factory=dict)
    """What was declared first: `on`, its day, `outcome`, and `smallest`, the smallest effect of interest."""


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
    error: float | None = None
    """The standard error."""

    @property
    def shown(self) -> bool:
        """Whether there are numbers to show."""
        return self.status in ("shown", "coded", "rounded", "caution")

    @property
    def coded(self) -> bool:
        """Whether the estimate is only a bound: so many or fewer below one half, so many or more above."""
        return self.status == "coded"


HIDDEN = Cell("hidden")
NO_CELL = Cell("not_available")
"""Stands where a page says nothing of any cell."""


Pair = tuple[str, str]
"""An earlier wave and a later."""


@dataclass(frozen=True)
class National:
    """What pages say of a national survey of schools, beside its cells."""

    publisher: str
    asked: SsocsMeasures
    layouts: dict[str, SsocsLayout]
    """By wave, in the order of time."""
    known: dict[str, SsocsLayout]
    """Also of the years that the study leaves out: what a question went through in between."""

    @property
    def units(self) -> dict[str, Text]:
        """Id and name by language of the schools that get a page together: those of a level in a locale."""
        levels, locales = (self.asked.groupings[name].values for name in ("level", "locale"))
        return {
            f"{level}_{locale}": {language: f"{of[language]}, {where[language].lower()}" for language in of}
            for level, of in levels.items()
            for locale, where in locales.items()
        }

    @property
    def last(self) -> SsocsLayout:
        """The file of the last wave."""
        return list(self.layouts.values())[-1]

    def measures(self, kind: str) -> list[str]:
        """Return the measures of a kind: share, count or rate."""
        return [name for name, measure in self.asked.measures.items() if measure.kind == kind]

    def absent(self, wave: str) -> dict[str, str]:
        """Return why a wave does not have a measure, in English, by measure."""
        return {name: reason["en"] for name, reason in self.layouts[wave].absent.items()}

    @property
    def broken(self) -> dict[Pair, dict[str, str]]:
        """Why a wave cannot be compared with the one before, in English, by the two waves and by measure."""
        return {pair: _english(self.changed, self.asked.measures, pair) for pair in pairwise(self.layouts)}

    @property
    def broken_groups(self) -> dict[Pair, dict[str, str]]:
        """Why groups of a wave cannot be compared with those of the one before, in English, by waves and grouping."""
        return {pair: _english(self.changed_groups, self.asked.groupings, pair) for pair in pairwise(self.layouts)}

    def changed(self, measure: str, between: Pair) -> Text | None:
        """Return why a measure of the later of two waves cannot be compared with the earlier; None where it can."""
        if absent := self.layouts[between[1]].absent.get(measure):
            return absent
        columns = [layout.measures.get(measure) for layout in self._since(between)]
        return _together([column.changed for column in columns if column is not None])

    def changed_groups(self, grouping: str, between: Pair) -> Text | None:
        """Return why groups of the later of two waves cannot be compared with the earlier's; None where they can."""
        codes = [layout.groupings.get(grouping) for layout in self._since(between)]
        return _together([of.changed for of in codes if of is not None])

    def _since(self, between: Pair) -> list[SsocsLayout]:
        """Return the files after the earlier wave, up to the later: also of years that the study leaves out."""
        years = list(self.known)
        return [self.known[year] for year in years[years.index(between[0]) + 1 : years.index(between[1]) + 1]]


def _english(changed: Callable[[str, Pair], Text | None], names: Iterable[str], between: Pair) -> dict[str, str]:
    return {name: reason["en"] for name in names if (reason := changed(name, between)) is not None}


def _together(reasons: Iterable[Text | None]) -> Text | None:
    """Return reasons one after the other, each once."""
    given = [reason for reason in reasons if reason is not None]
    languages = given[0] if given else {}
    return {of: " ".join(dict.fromkeys(reason[of] for reason in given)) for of in languages} or None


@dataclass(frozen=True)
class ProgramFigure:
    """A figure of what the program does, as the board's page calls and explains it."""

    subject: Text
    measure: str
    title: Text
    definition: Text
    caution: Text | None
    unit: Text | None
    """What it is counted in; none of a share."""
    says_of_how_many: bool
    """Whether it is said on how many cases, or officers, a share rests."""
    records: tuple[str, ...]
    """The kinds of records that it is made of."""

    def meaning(self, language: Language) -> str:
        """Return what the figure is, and what it does not say."""
        return " ".join(text[language] for text in (self.definition, self.caution) if text is not None)


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
    national: National | None = None
    """On the pages of a national survey of schools only."""
    yardstick: Yardstick | None = None
    """Which figures can be held against such a survey, where the study asks for that; `cells` then has them."""
    program: tuple[ProgramFigure, ...] = ()
    """What may be told of the program, on the board's page only."""
    counted: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Cases about people that are counted on the board's page, with the parts of each breakdown."""
    _index: dict[tuple[str, ...], Cell] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = self.cells.set_index(KEYS)[["status", "n", "estimate", "conf_low", "conf_high", "std_error"]]
        index = {
            key: Cell(status, _known(n), _known(estimate), _known(low), _known(high), "|".join(key), _known(error))
            for key, (status, n, estimate, low, high, error) in zip(
                table.index, table.itertuples(index=False), strict=True
            )
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
        that no reader can tell a group of zero from a group of nine. Schools of the nation are not people: nothing is
        hidden of them.
        """
        school = self.school_id if school_id is None else school_id
        when = self.last_wave.id if wave is None else wave
        key = (measure, population, construct, group_by, group, school, when)
        missing = NO_CELL if population == SCHOOL else replace(HIDDEN, name="|".join(key))
        return self._index.get(key) or missing


def _known(number: Any) -> Any:
    return None if pd.isna(number) else number
