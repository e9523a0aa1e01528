"""Engagement against climate, for whom, and against harms: with the same prominence and the same caution."""

from __future__ import annotations

from sro_research.estimates import CHECK, CHECKS
from sro_research.parameters import Harm, Model
from sro_research.report import wording
from sro_research.report.page import Cell, Page
from sro_research.report.parts import Heading, Paragraph, Part, Table
from sro_research.report.verdicts import verdict
from sro_research.report.words import Words

VERDICTS = {"higher": "model_yes", "lower": "model_no", "same": "model_small", "unclear": "model_unclear"}
EFFECT = {"higher": "effect_higher", "lower": "effect_lower", "same": "effect_same", "unclear": "effect_unclear"}
HARM = {"higher": "harm_higher", "lower": "harm_lower", "unclear": "harm_unclear"}
"""What an interval says, of an effect and of a harm."""
HARMS: dict[Harm, str] = {"exclusion": "harm_exclusion", "referral": "harm_referral", "arrest": "harm_arrest"}


def engagement(page: Page, w: Words) -> list[Part]:
    """Say in plain words what the declared model shows; nothing where the study declares none."""
    model = page.model
    if model is None:
        return []
    construct = page.instruments[model.population].constructs[model.outcome]
    scale = {"lowest": construct.low, "highest": construct.high}
    topic = construct.title[w.language]
    question = w("model_question", topic=topic, smallest=w.number(model.smallest_effect, 2), **scale)
    parts: list[Part] = [Heading(w("model_heading")), Paragraph(question)]
    if model.lag:
        parts.append(Paragraph(w("model_lag")))
    parts += _declared(page, w)
    if "outreach" not in page.facts.provided:
        return [*parts, Paragraph(w("program_outreach_missing"))]
    return [*parts, *_effects(page, model, w), *_groups(page, model, w), *_harms(page, model, w)]


def _declared(page: Page, w: Words) -> list[Part]:
    """Say when the question was declared, what it was then, and what is left out since."""
    facts, instruments = page.facts, page.instruments.values()
    if "question" not in facts.exploratory:
        parts: list[Part] = [Paragraph(w("model_before"))]
    else:
        titles = {name: c.title[w.language] for instrument in instruments for name, c in instrument.constructs.items()}
        topic = titles.get(facts.declared["outcome"], facts.declared["outcome"])
        said = {"declared_on": facts.declared["on"], "first_smallest": facts.declared["smallest"]}
        parts = [Paragraph(w("model_exploratory", topic=topic, **said))]
    questions = {name: b.title[w.language] for instrument in instruments for name, b in instrument.background.items()}
    for entry in facts.left_out:
        key, _, name = entry.partition(":")
        label = questions.get(name, name) if key == "subgroups" else w(HARMS[name])  # type: ignore[index]
        parts.append(Paragraph(w("model_left_out", declared_on=facts.declared["on"], label=label)))
    return parts


def _again(page: Page, w: Words) -> list[Part]:
    return [Paragraph(w("model_exploratory_again"))] if "question" in page.facts.exploratory else []


def verdict_of_effect(low: float, high: float, smallest: float) -> str:
    """Judge an effect against the smallest one of interest: it matters only if its whole interval lies beyond."""
    if low > smallest:
        return "higher"
    if high < -smallest:
        return "lower"
    return "same" if verdict(low, high, smallest) == "same" else "unclear"


def _effects(page: Page, model: Model, w: Words) -> list[Part]:
    at = {"population": model.population, "construct": model.outcome, "wave": ""}
    within, between = page.cell("effect_within_schools", **at), page.cell("effect_between_schools", **at)
    if not within.shown or within.low is None or within.high is None:
        return [Paragraph(w("model_none"))]
    found = verdict_of_effect(within.low, within.high, model.smallest_effect)
    parts: list[Part] = []
    for key, cell in (("model_within", within), ("model_between", between)):
        if cell.shown and cell.estimate is not None and cell.low is not None and cell.high is not None:
            numbers = {
                name: wording.amount(value, cell, w, part=name, decimals=2)
                for name, value in (("estimate", cell.estimate), ("low", cell.low), ("high", cell.high))
            }
            parts.append(Paragraph(w(key, per=w.number(model.per), **numbers)))
            if key == "model_within":
                parts.append(Paragraph(w(VERDICTS[found])))
                parts += _left_open(page, model, found, w)
    return [*parts, Paragraph(w("model_caution"))]


def _left_open(page: Page, model: Model, found: str, w: Words) -> list[Part]:
    """Say so where a way to reckon that is made for few schools does not come to the model's verdict."""
    at = {"population": model.population, "construct": model.outcome, "wave": "", "group_by": CHECK}
    cells = [page.cell("effect_within_schools", group=name, **at) for name in CHECKS]
    limits = [(cell.low, cell.high) for cell in cells if cell.shown]
    others = {
        verdict_of_effect(low, high, model.smallest_effect)
        for low, high in limits
        if low is not None and high is not None
    }
    return [Paragraph(w("model_open"))] if found != "unclear" and others - {found} else []


def _groups(page: Page, model: Model, w: Words) -> list[Part]:
    """Show the effect in each declared group; not where the study declares none."""
    if not model.subgroups:
        return []
    instrument = page.instruments[model.population]
    body = []
    for question in model.subgroups:
        added = f"subgroups:{question}" in page.facts.exploratory
        for code, label in instrument.background[question].labels.items():
            at = {"population": model.population, "construct": model.outcome, "wave": ""}
            cell = page.cell("effect_within_schools", group_by=question, group=str(code), **at)
            name = w("model_added", name=label[w.language]) if added else label[w.language]
            body.append([name, *_row(cell, model.smallest_effect, EFFECT, w, decimals=2)])
    columns = [w("group"), w("model_change"), w("likely_range"), w("model_reading")]
    caption = w("model_groups_caption", per=w.number(model.per))
    return [
        Heading(w("model_groups_heading")),
        *_again(page, w),
        Paragraph(_differences(page, model, w)),
        Paragraph(w("model_groups_intro", respondents=instrument.respondents[w.language])),
        Paragraph(w("model_groups_rule", smallest=w.number(model.smallest_effect, 2))),
        Table(caption, columns, body, [False, True, True, False]),
    ]


def _differences(page: Page, model: Model, w: Words) -> str:
    """Say whether the change differs for sure between any group and all others."""
    at = {"population": model.population, "construct": model.outcome, "wave": ""}
    cells = [
        page.cell("effect_within_difference", group_by=question, group=str(code), **at)
        for question in model.subgroups
        for code in page.instruments[model.population].background[question].labels
    ]
    limits = [(cell.low, cell.high) for cell in cells if cell.shown]
    sure = any(low is not None and high is not None and (low > 0 or high < 0) for low, high in limits)
    return w("model_groups_differ" if sure else "model_groups_alike")


def _harms(page: Page, model: Model, w: Words) -> list[Part]:
    """Show how each declared harm goes with the same exposure, or say that the study did not look."""
    heading = Heading(w("harm_heading"))
    if not model.harms:
        return [heading, Paragraph(w("harm_not_asked"))]
    if "discipline" not in page.facts.provided:
        return [heading, Paragraph(w("harm_missing"))]
    body = []
    for harm in model.harms:
        cell = page.cell("harm_within_schools", population="student", construct=harm, wave="")
        name = w(HARMS[harm])
        if f"harms:{harm}" in page.facts.exploratory:
            name = w("model_added", name=name)
        body.append([name, *_row(cell, 0.0, HARM, w, decimals=1)])
    columns = [w("harm"), w("model_change"), w("likely_range"), w("model_reading")]
    return [
        heading,
        *_again(page, w),
        Paragraph(w("harm_intro")),
        Table(w("harm_caption", per=w.number(model.per)), columns, body, [False, True, True, False]),
    ]


def _row(cell: Cell, smallest: float, readings: dict[str, str], w: Words, *, decimals: int) -> list[str]:
    """Return an effect, its range, and what it says: against the smallest of interest, of a harm against none."""
    if not cell.shown or cell.low is None or cell.high is None:
        return [wording.mark(cell), wording.mark(cell), w("not_available")]
    numbers = {"estimate": cell.estimate, "low": cell.low, "high": cell.high}
    said = {part: wording.amount(value, cell, w, part=part, decimals=decimals) for part, value in numbers.items()}
    reading = w(readings[verdict_of_effect(cell.low, cell.high, smallest)])
    return [said["estimate"], w("range", low=said["low"], high=said["high"]), reading]
