"""What schools of the nation say, topic by topic: shares as charts, counts as tables."""

from __future__ import annotations

from sro_research.estimates import SCHOOL
from sro_research.report import wording
from sro_research.report.charts import NARROW, WIDE, Row, interval_chart
from sro_research.report.page import Cell, National, Page
from sro_research.report.parts import Figure, Heading, Paragraph, Part, Table
from sro_research.report.sections.national_short import any_numbers, compared
from sro_research.report.words import Words
from sro_research.standards.ssocs import SsocsTopic


def national_topics(page: Page, w: Words) -> list[Part]:
    """Show every topic, beside all schools on the page of some; nothing where there are too few schools."""
    national = page.national
    if national is None or not any_numbers(page, national):
        return []
    parts: list[Part] = []
    for topic in national.asked.topics:
        first = national.asked.measures[topic.measures[0]]
        parts.append(Heading(topic.title[w.language]))
        if first.kind != "share":
            parts += [Paragraph(w("national_topic_counts")), _averages(page, national, topic, w)]
            continue
        among = national.asked.measures[first.among].title[w.language] if first.among else ""
        parts.append(Paragraph(w("national_topic_among", among=among) if among else w("national_topic")))
        parts.append(_shares(page, national, topic, w))
    return parts


def shares_figure(
    rows: list[tuple[str, Cell, Cell | None]], table: Table, *, topic: str, ours: str, others: str, w: Words
) -> Figure:
    """Draw shares of schools by label, each with that of all schools where there is one; `topic` names what of."""
    most = max((row for row in rows if row[1].shown), key=lambda row: row[1].estimate or 0.0, default=None)
    detail = (
        w("national_alt_most", measure=most[0], people=wording.share(most[1], w)) if most else w("national_alt_none")
    )
    drawn = [Row(label, cell, other) for label, cell, other in rows]
    charts = {
        name: interval_chart(drawn, ours=ours, others=others, axis=w("national_axis"), width=width)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    }
    alt = w("national_alt", count=len(rows), topic=topic, detail=detail)
    return Figure(title=table.caption, alt=alt, table=table, **charts)


def _shares(page: Page, national: National, topic: SsocsTopic, w: Words) -> Figure:
    rows, body, beside = [], [], _beside(page, w)
    for measure in topic.measures:
        title, ours = national.asked.measures[measure].title[w.language], page.cell(measure, population=SCHOOL)
        level, difference = compared(page, national, measure)
        rows.append((title, ours, level if page.school_id else None))
        line = [title, wording.share(ours, w), wording.share_range(ours, w), wording.count(ours, w)]
        verdict = wording.compared(difference, page.margins.share, w)[0]
        body.append([*line, *([wording.share_with_range(level, w), verdict] if beside else [])])
    title = topic.title[w.language]
    caption = w("national_groups_title", measure=title)
    columns = [w("national_measure"), w("national_of_100"), w("likely_range"), w("national_schools"), *beside]
    table = Table(caption, columns, body, [False, True, True, True, True, False][: len(columns)])
    ours_and_others = {"ours": w("national_these"), "others": w("national_all")}
    return shares_figure(rows, table, topic=title, **ours_and_others, w=w)


def _averages(page: Page, national: National, topic: SsocsTopic, w: Words) -> Table:
    body, beside = [], _beside(page, w)[:1]
    for measure in topic.measures:
        ours, (level, _) = page.cell(measure, population=SCHOOL), compared(page, national, measure)
        line = [
            average(ours, w),
            average_range(ours, w),
            wording.count(ours, w),
            *([average(level, w)] if beside else []),
        ]
        body.append([national.asked.measures[measure].title[w.language], *line])
    columns = [w("national_measure"), w("national_average"), w("likely_range"), w("national_schools")]
    columns += beside
    return Table(topic.title[w.language], columns, body, [False, True, True, True, True][: len(columns)])


def average(cell: Cell, w: Words) -> str:
    """Write a mean count per school."""
    return wording.amount(cell.estimate, cell, w, part="estimate", decimals=1)


def average_range(cell: Cell, w: Words) -> str:
    """Write the likely range of a mean count per school."""
    if not cell.shown or cell.low is None or cell.high is None:
        return wording.mark(cell)
    ends = {"low": cell.low, "high": cell.high}
    return w("range", **{part: wording.amount(v, cell, w, part=part, decimals=1) for part, v in ends.items()})


def _beside(page: Page, w: Words) -> list[str]:
    """Return the headings of what a page compares with; the nation's with one wave compares with nothing."""
    if page.school_id:
        return [w("national_all"), w("national_compared")]
    if len(page.waves) < 2:
        return []
    return [page.waves[-2].label[w.language], w("national_change")]
