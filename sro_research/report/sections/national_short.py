"""Pages of a national survey of schools, in short: a few answers with what they are compared with, and who answered."""

from __future__ import annotations

from sro_research.estimates import CHANGE_IN, FEWEST_CASES, SCHOOL, VS_OTHERS
from sro_research.parameters import Text
from sro_research.report import wording
from sro_research.report.page import NO_CELL, Cell, National, Page
from sro_research.report.parts import Card, Cards, Heading, Paragraph, Part
from sro_research.report.words import Words


def national_short(page: Page, w: Words) -> list[Part]:
    """Show the headline answers; nothing where there are too few schools for any."""
    national = page.national
    if national is None or not any_numbers(page, national):
        return []
    text = "national_short_school" if page.school_id else "national_short_board"
    return [
        Heading(w("short_heading")),
        Cards([_card(page, national, measure, w) for measure in national.asked.headlines]),
        Paragraph(w(text, margin=w.of_hundred(page.margins.share))),
    ]


def national_who(page: Page, w: Words) -> list[Part]:
    """Say how many schools the page is about, and who answered for them."""
    national = page.national
    if national is None:
        return []
    asked = page.cell(national.asked.headlines[0], population=SCHOOL)
    if not asked.shown:
        text = w("national_who_few", fewest=FEWEST_CASES)
    elif page.school_id:
        text = w("national_who", count=wording.count(asked, w))
    else:
        text = w("national_who_board", count=wording.count(asked, w))
    return [Heading(w("who_heading")), Paragraph(text), Paragraph(w("national_who_note"))]


def any_numbers(page: Page, national: National) -> bool:
    """Tell whether there are enough schools to show a headline."""
    return any(page.cell(measure, population=SCHOOL).shown for measure in national.asked.headlines)


def compared(page: Page, national: National, measure: str) -> tuple[Cell, Cell]:
    """Return the level and the difference with which a page compares: all schools, or for the board the wave before.

    There is no difference where the question, or what a group is, has changed.
    """
    if page.school_id:
        others = page.cell(measure + VS_OTHERS, population=SCHOOL)
        return page.cell(measure, population=SCHOOL, school_id=""), others
    if len(page.waves) < 2 or reworded(page, national, measure):
        return NO_CELL, NO_CELL
    before = page.cell(measure, population=SCHOOL, wave=page.waves[-2].id)
    return before, page.cell(CHANGE_IN + measure, population=SCHOOL)


def reworded(page: Page, national: National, measure: str) -> Text | None:
    """Return why a measure is not compared with the wave before; None where it is, or where there is no such wave."""
    if len(page.waves) < 2:
        return None
    return national.changed(measure, (page.waves[-2].id, page.last_wave.id))


def _card(page: Page, national: National, measure: str, w: Words) -> Card:
    ours = page.cell(measure, population=SCHOOL)
    level, difference = compared(page, national, measure)
    verdict, symbol = wording.compared(difference, page.margins.share, w)
    title = national.asked.measures[measure].title[w.language]
    if not ours.shown:
        return Card(title, wording.mark(ours), "", w("not_met"), "")
    value = w("national_card", people=wording.share(ours, w))
    if not level.shown:
        anew = bool(reworded(page, national, measure)) and not page.school_id
        return Card(title, value, w("national_card_anew") if anew else w("short_compared_none"), "", "")
    people = wording.share(level, w)
    if page.school_id:
        return Card(title, value, w("national_card_all", people=people), verdict, symbol)
    wave = page.waves[-2].label[w.language]
    return Card(title, value, w("national_card_before", wave=wave, people=people), verdict, symbol)
