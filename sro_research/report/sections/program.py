"""What the officer program did: outreach at the school, training in the district."""

from __future__ import annotations

from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Heading, Paragraph, Part, Table
from sro_research.report.words import Words

OUTREACH = "outreach_hours_per_100_students"


def program(page: Page, w: Words) -> list[Part]:
    """Show outreach hours by wave and the district's share of completed courses; say what was not provided."""
    parts: list[Part] = [Heading(w("program_heading"))]
    if "outreach" in page.facts.provided:
        parts.append(Paragraph(w("program_outreach")))
        if page.school_id:
            parts.append(_outreach(page, w))
    else:
        parts.append(Paragraph(w("program_outreach_missing")))
    if "training" not in page.facts.provided:
        return [*parts, Paragraph(w("program_training_missing"))]
    if "officers" not in page.facts.provided:
        return [*parts, Paragraph(w("program_training_incomplete"))]
    trained = page.cell("training_completion_rate", population="officer", school_id="")
    text = (
        w("program_training", people=wording.share(trained, w), officers=wording.count(trained, w))
        if trained.shown
        else w("program_training_hidden")
    )
    return [*parts, Paragraph(text)]


def _outreach(page: Page, w: Words) -> Table:
    body = []
    for wave in page.waves:
        cell = page.cell(OUTREACH, wave=wave.id)
        hours = wording.amount(cell.estimate, cell, w, part="hours_per_100", decimals=1)
        body.append([wave.label[w.language], hours])
    return Table(w("program_outreach_caption"), [w("program_when"), w("program_hours")], body, [False, True])
