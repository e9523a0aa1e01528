"""What only the board's page has: the schools side by side, and engagement against climate."""

from __future__ import annotations

from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Heading, Paragraph, Part, Table
from sro_research.report.sections.answers import ROLES
from sro_research.report.verdicts import verdict
from sro_research.report.words import Words


def schools(page: Page, w: Words) -> list[Part]:
    """List one construct of the first instrument by school, in alphabetical order, never ranked."""
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


def engagement(page: Page, w: Words) -> list[Part]:
    """Say in plain words what the declared model shows; nothing where the study declares none."""
    model = page.model
    if model is None:
        return []
    construct = page.instruments[model.population].constructs[model.outcome]
    scale = {"lowest": construct.low, "highest": construct.high}
    question = w("model_question", smallest=w.number(model.smallest_effect, 2), **scale)
    within = page.cell("effect_within_schools", population=model.population, construct=model.outcome, wave="")
    between = page.cell("effect_between_schools", population=model.population, construct=model.outcome, wave="")
    parts: list[Part] = [Heading(w("model_heading")), Paragraph(question)]
    if "outreach" not in page.facts.provided:
        return [*parts, Paragraph(w("program_outreach_missing"))]
    if not within.shown or within.low is None or within.high is None:
        return [*parts, Paragraph(w("model_none"))]
    found = {"higher": "model_yes", "lower": "model_no", "same": "model_small", "unclear": "model_unclear"}[
        verdict_of_effect(within.low, within.high, model.smallest_effect)
    ]
    for key, cell in (("model_within", within), ("model_between", between)):
        if cell.shown and cell.estimate is not None and cell.low is not None and cell.high is not None:
            numbers = {
                name: wording.amount(value, cell, w, part=name, decimals=2)
                for name, value in (("estimate", cell.estimate), ("low", cell.low), ("high", cell.high))
            }
            parts.append(Paragraph(w(key, per=w.number(model.per), **numbers)))
            if key == "model_within":
                parts.append(Paragraph(w(found)))
    return [*parts, Paragraph(w("model_caution"))]


def verdict_of_effect(low: float, high: float, smallest: float) -> str:
    """Judge an effect against the smallest one of interest: it matters only if its whole interval lies beyond."""
    if low > smallest:
        return "higher"
    if high < -smallest:
        return "lower"
    return "same" if verdict(low, high, smallest) == "same" else "unclear"
