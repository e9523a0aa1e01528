"""What only the national page has: kinds of schools side by side, what is not compared, and all numbers as a table."""

from __future__ import annotations

from sro_research.estimates import SCHOOL, VS_OTHERS
from sro_research.report import wording
from sro_research.report.page import Cell, National, Page
from sro_research.report.parts import Bullets, Heading, Paragraph, Part, Table
from sro_research.report.sections.national_short import any_numbers
from sro_research.report.sections.national_topics import average, shares_figure
from sro_research.report.words import Words

GROUPINGS = ("level", "size", "locale")


def national_groups(page: Page, w: Words) -> list[Part]:
    """Show each headline answer by level, size and locale."""
    national = page.national
    if national is None or page.school_id:
        return []
    parts: list[Part] = [Heading(w("national_groups_heading")), Paragraph(w("national_groups_intro"))]
    for measure in national.asked.headlines:
        cells = [
            (name[w.language], page.cell(measure, population=SCHOOL, group_by=grouping, group=group))
            for grouping in GROUPINGS
            for group, name in national.asked.groupings[grouping].values.items()
        ]
        title = national.asked.measures[measure].title[w.language]
        body = [[name, *_numbers(cell, w)] for name, cell in cells]
        columns = [w("group"), w("national_of_100"), w("likely_range"), w("national_schools")]
        table = Table(w("national_groups_title", measure=title), columns, body, [False, True, True, True])
        rows: list[tuple[str, Cell, Cell | None]] = [(name, cell, None) for name, cell in cells]
        parts.append(shares_figure(rows, table, topic=title, ours=w("national_these"), others="", w=w))
    return parts


def national_units(page: Page, w: Words) -> list[Part]:
    """List the first headline by kind of school, in alphabetical order, never ranked."""
    national = page.national
    if national is None or page.school_id:
        return []
    measure = national.asked.headlines[0]
    title, body = national.asked.measures[measure].title[w.language], []
    for name, unit in sorted((names[w.language], unit) for unit, names in page.facts.schools.items()):
        cell = page.cell(measure, population=SCHOOL, school_id=unit)
        difference = page.cell(measure + VS_OTHERS, population=SCHOOL, school_id=unit)
        body.append([name, *_numbers(cell, w), wording.compared(difference, page.margins.share, w)[0]])
    columns = [w("national_units"), w("national_of_100"), w("likely_range"), w("national_schools")]
    table = Table(
        w("national_units_caption", measure=title),
        [*columns, w("national_compared")],
        body,
        [False, True, True, True, False],
    )
    return [Heading(w("national_units_heading")), Paragraph(w("national_units_intro", measure=title)), table]


def national_anew(page: Page, w: Words) -> list[Part]:
    """Say what is not compared with the wave before, and why; nothing where all can be."""
    national = page.national
    if national is None or len(page.waves) < 2 or not any_numbers(page, national):
        return []
    between = (page.waves[-2].id, page.last_wave.id)
    groups = [reason for name in GROUPINGS if (reason := national.changed_groups(name, between))]
    said = [w("national_anew_groups", reason=reason[w.language]) for reason in groups]
    measures = national.asked.measures if not page.school_id else {}
    for name, measure in measures.items():
        if (reason := national.changed(name, between)) and name in _on_pages(national):
            said.append(w("national_anew", measure=measure.title[w.language], reason=reason[w.language]))
    return [Heading(w("national_anew_heading")), Bullets(said)] if said else []


def national_numbers(page: Page, w: Words) -> list[Part]:
    """Give every measure of the nation with its standard error."""
    national = page.national
    if national is None or page.school_id:
        return []
    body = []
    for name, measure in national.asked.measures.items():
        cell = page.cell(name, population=SCHOOL)
        if not cell.name:
            continue
        share = measure.kind == "share"
        error = (
            wording.percent_error(cell, w)
            if share
            else wording.amount(cell.error, cell, w, part="std_error", decimals=2)
        )
        number = wording.percent(cell, w) if share else average(cell, w)
        body.append([measure.title[w.language], number, error, wording.count(cell, w)])
    columns = [w("national_measure"), w("national_percent"), w("national_error"), w("national_schools")]
    caption = w("national_numbers_caption", wave=page.last_wave.label[w.language])
    return [
        Heading(w("national_numbers_heading")),
        Paragraph(w("national_numbers_intro")),
        Table(caption, columns, body, [False, True, True, True]),
    ]


def _numbers(cell: Cell, w: Words) -> list[str]:
    return [wording.share(cell, w), wording.share_range(cell, w), wording.count(cell, w)]


def _on_pages(national: National) -> set[str]:
    return {name for topic in national.asked.topics for name in topic.measures}
