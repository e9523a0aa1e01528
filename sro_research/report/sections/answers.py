"""What people answered: by topic, question by question, over time, and by group."""

from __future__ import annotations

from sro_research.instruments import Construct, Instrument
from sro_research.parameters import Wave
from sro_research.report import wording
from sro_research.report.charts import (
    NARROW,
    WIDE,
    Bar,
    Panel,
    Row,
    answer_chart,
    interval_chart,
    trend_chart,
)
from sro_research.report.page import NO_CELL, Cell, Page
from sro_research.report.parts import Figure, Heading, Paragraph, Part, Table
from sro_research.report.sections.summary import headlines
from sro_research.report.words import Words

COMPARABLE = {
    "comparable": "groups_comparable",
    "not comparable": "groups_not_comparable",
    "can't tell": "groups_cannot_tell",
}
"""What is said where groups may be compared on a scale, where they may not, and where that is not known."""
COMBINED = "other"
"""The group that holds the hidden groups of a school together."""
ROLES = ("officer_trust", "officer_enforcer")
"""Two views of the officer, scored apart: liking and fearing an officer are not the ends of one scale."""


def topics(page: Page, w: Words) -> list[Part]:
    """Show every construct of every instrument, beside the other schools on a school's page."""
    parts: list[Part] = []
    for instrument in page.instruments.values():
        respondents = instrument.respondents[w.language]
        parts += [
            Heading(w("topics_heading", respondents=respondents)),
            Paragraph(w("topics_intro", respondents=respondents)),
            _topics_figure(page, instrument, w),
        ]
    return parts


def roles(page: Page, w: Words) -> list[Part]:
    """Show the answers to each item about the officer as partner and as enforcer."""
    parts: list[Part] = []
    for instrument in page.instruments.values():
        if page.school_id and all(role in instrument.constructs for role in ROLES):
            if not parts:
                parts = [Heading(w("roles_heading")), Paragraph(w("roles_intro"))]
            parts += [_answers_figure(page, instrument, instrument.constructs[role], w) for role in ROLES]
    return parts


def changes(page: Page, w: Words) -> list[Part]:
    """Show the headline constructs over the waves; nothing where there is one wave only, or nobody was asked."""
    if len(page.waves) < 2 or not page.instruments:
        return []
    parts: list[Part] = [Heading(w("change_heading")), Paragraph(w("change_intro"))]
    return parts + [_change_figure(page, instrument, w) for instrument in page.instruments.values()]


def groups(page: Page, w: Words) -> list[Part]:
    """Show one construct of the first instrument by the study's background questions."""
    instrument = next(iter(page.instruments.values()), None)
    asked = [] if instrument is None else [question for question in page.groups if question in instrument.background]
    if instrument is None or not asked:
        return []
    construct = instrument.constructs.get(ROLES[0]) or next(iter(instrument.constructs.values()))
    phrase = construct.agree_phrase[w.language]
    intro = w(
        "groups_intro",
        respondents=instrument.respondents[w.language],
        phrase=phrase,
        minimum=page.disclosure.minimum_group_size,
    )
    figures = [_group_part(page, instrument, construct, question, w) for question in asked]
    return [Heading(w("groups_heading")), Paragraph(intro), *figures]


def _levels(page: Page, instrument: Instrument) -> list[tuple[Construct, Cell, Cell | None]]:
    """Return constructs with our share and, on a school's page, that of the other schools."""
    rows = []
    for construct in instrument.constructs.values():
        at = {"population": instrument.population, "construct": construct.id}
        others = page.cell("share_agree_others", **at) if page.school_id else None
        rows.append((construct, page.cell("share_agree", **at), others))
    return rows


def _topics_figure(page: Page, instrument: Instrument, w: Words) -> Figure:
    respondents, levels = instrument.respondents[w.language], _levels(page, instrument)
    rows = [Row(construct.title[w.language], ours, others) for construct, ours, others in levels]
    header = [w("topic"), _who(page, w), w("likely_range"), w("answers")]
    body = [
        [c.title[w.language], wording.share(ours, w), wording.share_range(ours, w), wording.count(ours, w)]
        for c, ours, _ in levels
    ]
    if page.school_id:
        header += [w("other_schools"), w("compared")]
        for line, (construct, _, others) in zip(body, levels, strict=True):
            difference = page.cell("share_agree_vs_others", population=instrument.population, construct=construct.id)
            line += [
                wording.share_with_range(others, w) if others else "",
                wording.compared(difference, page.margins.share, w)[0],
            ]
    title = w("topics_title", respondents=respondents)
    best = max((pair for pair in levels if pair[1].shown), key=lambda pair: pair[1].estimate or 0, default=None)
    detail = (
        w("topics_alt_most", label=best[0].title[w.language], people=wording.share(best[1], w))
        if best
        else w("topics_alt_none")
    )
    return Figure(
        title=title,
        alt=w("topics_alt", count=len(rows), respondents=respondents, who=_who(page, w).lower(), detail=detail),
        **_both_widths(interval_chart, rows, ours=_who(page, w), others=w("other_schools"), axis=w("axis_people")),
        table=Table(title, header, body, [False, True, True, True, True, False][: len(header)]),
    )


def _answers_figure(page: Page, instrument: Instrument, construct: Construct, w: Words) -> Figure:
    respondents, codes = instrument.respondents[w.language], construct.items[0].codes
    labels = [construct.items[0].labels[code][w.language] for code in codes]
    bars, body, at = [], [], {"population": instrument.population}
    for item in construct.items:
        cells = [
            page.cell("answer_share", **at, construct=item.id, group_by="answer", group=str(code)) for code in codes
        ]
        lean = page.cell("answer_lean", **at, construct=item.id)
        shown = all(cell.shown for cell in cells)
        bars.append(Bar(item.text[w.language], [cell.estimate or 0.0 for cell in cells] if shown else None, lean))
        line = [*(wording.share(cell, w) for cell in cells), wording.share(lean, w), wording.count(lean, w)]
        body.append([item.text[w.language], *line])
    title = w("roles_title", topic=construct.title[w.language], respondents=respondents)
    lean = page.cell("answer_lean", **at, construct=construct.items[0].id)
    detail = w("roles_alt_row", people=wording.share(lean, w)) if lean.shown else w("topics_alt_none")
    return Figure(
        title=title,
        alt=w(
            "roles_alt",
            respondents=respondents,
            count=len(bars),
            first=labels[0],
            last=labels[-1],
            detail=detail,
        ),
        **_both_widths(answer_chart, bars, labels=labels, axis=w("axis_people")),
        table=Table(
            title, [w("question"), *labels, w("lean"), w("answers")], body, [False] + [True] * (len(labels) + 2)
        ),
        note=w("roles_note"),
    )


def _change_figure(page: Page, instrument: Instrument, w: Words) -> Figure:
    respondents, waves = instrument.respondents[w.language], [wave.label[w.language] for wave in page.waves]
    panels, body, anew, detail = [], [], [], w("topics_alt_none")
    for construct in headlines(instrument):
        at = {"population": instrument.population, "construct": construct.id}
        alike = page.waves_alike(**at)
        ours = [_of_wave(page, "share_agree", at, wave, alike) for wave in page.waves]
        others = (
            [_of_wave(page, "share_agree_others", at, wave, alike) for wave in page.waves] if page.school_id else None
        )
        if len(alike) < len(page.waves):
            anew.append(w("change_anew", topic=construct.title[w.language], wave=alike[0].label[w.language]))
        panels.append(Panel(construct.title[w.language], ours, others))
        verdict, _ = wording.compared(page.cell("share_agree_change", **at), page.margins.share, w)
        line = [construct.title[w.language], *(wording.share_with_range(cell, w) for cell in ours)]
        body.append([*line, *(wording.share_with_range(cell, w) for cell in others or []), verdict])
        if len(alike) < len(page.waves):
            detail = "" if len(panels) == 1 else detail
        elif ours[0].shown and ours[-1].shown and len(panels) == 1:
            detail = w(
                "change_alt_row",
                label=construct.title[w.language],
                before=wording.share(ours[0], w),
                after=wording.share(ours[-1], w),
            )
    title = w("change_title", respondents=respondents, first=waves[0], last=waves[-1])
    compared = [w("other_schools_wave", wave=wave) for wave in waves] if page.school_id else []
    return Figure(
        title=title,
        alt=w(
            "change_alt",
            count=len(panels),
            respondents=respondents,
            first=waves[0],
            last=waves[-1],
            detail=detail,
        ),
        **_both_widths(
            trend_chart,
            panels,
            waves=waves,
            ours=_who(page, w),
            others=w("other_schools"),
            axis=w("axis_people"),
        ),
        table=Table(
            title,
            [w("topic"), *waves, *compared, w("change_from_before")],
            body,
            [False] + [True] * len([*waves, *compared]) + [False],
        ),
        note=" ".join(anew),
    )


def _of_wave(page: Page, measure: str, at: dict[str, str], wave: Wave, alike: list[Wave]) -> Cell:
    """Return a topic's cell of a wave, or none where the questions had other words."""
    return page.cell(measure, **at, wave=wave.id) if wave in alike else NO_CELL


def _group_part(page: Page, instrument: Instrument, construct: Construct, question: str, w: Words) -> Part:
    background, phrase = instrument.background[question], construct.agree_phrase[w.language]
    at = {"population": instrument.population, "construct": construct.id, "group_by": question}
    cells = [
        (label[w.language], page.cell("share_agree", **at, group=str(code)))
        for code, label in background.labels.items()
    ]
    if page.school_id and any(cell.status == "hidden" for _, cell in cells):
        cells.append((w("other_groups"), page.cell("share_agree", **at, group=COMBINED)))
    if not any(cell.shown for _, cell in cells):
        return Paragraph(w("groups_all_hidden", question=background.title[w.language]))
    shown = [cell.estimate or 0.0 for _, cell in cells if cell.shown]
    detail = (
        w("groups_alt_range", low=w.of_hundred(min(shown)), high=w.of_hundred(max(shown)))
        if shown
        else w("topics_alt_none")
    )
    title = w("groups_title", question=background.title[w.language], phrase=phrase)
    body = [
        [label, wording.share(cell, w), wording.share_range(cell, w), wording.count(cell, w)] for label, cell in cells
    ]
    return Figure(
        title=title,
        alt=w("groups_alt", count=len(cells), phrase=phrase, detail=detail),
        **_both_widths(
            interval_chart,
            [Row(label, cell) for label, cell in cells],
            ours=_who(page, w),
            others="",
            axis=w("axis_people"),
        ),
        table=Table(title, [w("group"), w("of_100"), w("likely_range"), w("answers")], body, [False, True, True, True]),
        note=w(COMPARABLE[page.facts.comparable.get("|".join(at.values()), "can't tell")]),
    )


def _who(page: Page, w: Words) -> str:
    return w("this_school") if page.school_id else w("all_schools")


def _both_widths(chart, *args, **kwargs):  # type: ignore[no-untyped-def]
    return {"wide": chart(*args, **kwargs, width=WIDE), "narrow": chart(*args, **kwargs, width=NARROW)}
