"""The schools side by side, on the board's page."""

from __future__ import annotations

from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Heading, Paragraph, Part, Table
from sro_research.report.sections.answers import ROLES
from sro_research.report.words import Words


def schools(page: Page, w: Words) -> list[Part]:
    """List one construct of the first instrument by school, in alphabetical order, never ranked."""
    if not page.instruments:
        return []
    instrument = next(iter(page.instruments.values()))
    construct = instrument.constructs.get(ROLES[0]) or next(iter(instrument.constructs.values()))
    texts = {"respondents": instrument.respondents[w.language], "phrase": construct.agree_phrase[w.language]}
    body = []
    names = ((name[w.language], school_id) for school_id, name in page.facts.schools.items())
    for name, school_id in sorted(names):
        at = {"population": instrument.population, "construct": construct.id, "school_id": school_id}
        level = page.cell("share_agree", **at)
        apart, _ = wording.compared(page.cell("share_agree_vs_others", **at), page.margins.share, w)
        body.append([name, wording.share(level, w), wording.share_range(level, w), wording.count(level, w), apart])
    columns = [w("school"), w("of_100"), w("likely_range"), w("answers"), w("compared")]
    return [
        Heading(w("schools_heading")),
        Paragraph(w("schools_intro", **texts)),
        Table(w("schools_caption", **texts), columns, body, [False, True, True, True, False]),
    ]
