"""A district's figure beside the nation's, where both are defined alike; or the sentence that says why not."""

from __future__ import annotations

from dataclasses import dataclass

from sro_research.estimates import SCHOOL
from sro_research.report.page import Cell, Page
from sro_research.report.words import Words
from sro_research.standards.yardstick import Counterpart


@dataclass(frozen=True)
class Comparison:
    """A figure of the district, and the national one of the same definition; both are shown."""

    title: str
    ours: Cell
    nation: Cell


@dataclass(frozen=True)
class Refusal:
    """A figure that is not compared, and why."""

    title: str
    reason: str


def held_against_nation(page: Page, figure: Counterpart, w: Words) -> Comparison | Refusal:
    """Compare a figure of the district as a whole with the nation's, or say why it is not compared.

    It is not where the definitions differ, where there is no number of the district, and where the national one does
    not meet the reporting standards.
    """
    title = figure.title[w.language]
    if figure.national is None or page.yardstick is None:
        return Refusal(title, figure.reason[w.language] if figure.reason else w("yardstick_not_there"))
    ours = page.cell(figure.measure, population=figure.population, school_id="")
    nation = page.cell(figure.national, population=SCHOOL, school_id="", wave=page.yardstick.wave)
    if not ours.shown:
        return Refusal(title, w("yardstick_not_here"))
    return Comparison(title, ours, nation) if nation.shown else Refusal(title, w("yardstick_not_there"))
