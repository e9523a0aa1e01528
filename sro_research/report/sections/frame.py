"""What every page has around its findings."""

from __future__ import annotations

from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Head, Heading, Paragraph, Part
from sro_research.report.words import Words


def head(page: Page, w: Words) -> list[Part]:
    """Title, the notices that stand on every page, and the line that says which study this is."""
    title, language = page.title[w.language], w.language
    notices = [w("head_synthetic")] if page.synthetic else []
    if page.notice is not None:
        notices.append(page.notice[language])
    if page.facts.sources_set_aside:
        notices.append(w("head_set_aside", files=page.facts.sources_set_aside))
    return [
        Head(
            title=w("head_title_school", school=page.school_name)
            if page.school_id
            else w("head_title_board", organization=page.organization),
            subtitle=w("head_subtitle", title=title, wave=page.last_wave.label[language]),
            organization=page.organization,
            notices=notices,
            footer=w(
                "head_footer",
                title=title,
                study=page.study,
                version=page.version,
                fingerprint=page.fingerprint,
            ),
            texts=own_texts(page, w),
        )
    ]


def own_texts(page: Page, w: Words) -> dict[str, list[str]]:
    """Return the texts that are the study's own, by the place of the catalogue that they fill; `text` stands alone.

    They hold numbers that are no findings: an audit takes every other number outside a safe cell for one. A release is
    held against this list, made anew.
    """
    language, facts = w.language, page.facts
    waves = [wave.label[language] for wave in page.waves]
    constructs = [construct for instrument in page.instruments.values() for construct in instrument.constructs.values()]
    items = [item for construct in constructs for item in construct.items]
    answers = [label[language] for item in items for label in item.labels.values()]
    asked = [question for instrument in page.instruments.values() for question in instrument.background.values()]
    groups = [label[language] for question in asked for label in question.labels.values()]
    topics = [construct.title[language] for construct in constructs]
    texts = {
        "title": [page.title[language]],
        "organization": [page.organization],
        "contact": [page.contact[language]],
        "school": [page.school_name] if page.school_id else list(facts.schools.values()),
        "wave": waves,
        "first": [*waves, *answers],
        "last": [*waves, *answers],
        "topic": topics,
        "label": topics,
        "respondents": [instrument.respondents[language] for instrument in page.instruments.values()],
        "phrase": [construct.agree_phrase[language] for construct in constructs],
        "question": [question.title[language] for question in asked],
        **_own_numbers(page, w),
    }
    notice = [page.notice[language]] if page.notice else []
    texts["text"] = [*texts["school"], *answers, *groups, *notice, *(item.text[language] for item in items)]
    return {place: list(dict.fromkeys(said)) for place, said in texts.items()}


def _own_numbers(page: Page, w: Words) -> dict[str, list[str]]:
    """Return what fills the places of numbers that are about the study, and not about people."""
    facts, model = page.facts, page.model
    constructs = [c for instrument in page.instruments.values() for c in instrument.constructs.values()]
    numbers = {
        "study": [page.study],
        "version": [page.version],
        "fingerprint": [page.fingerprint],
        "date": [facts.audited],
        "files": [str(facts.sources_set_aside)],
        "read": [str(facts.sources_read)],
        "rows": [w.number(facts.rows_set_aside)],
        "hidden": [w.number(facts.rows_hidden)],
        "total": [w.number(facts.rows_hidden + facts.rows_shown)],
        "minimum": [str(page.disclosure.minimum_group_size)],
        "margin": [w.of_hundred(page.margins.share)],
    }
    if model is not None:
        numbers |= {"smallest": [w.number(model.smallest_effect, 2)], "per": [w.number(model.per)]}
        scales = [c for c in constructs if c.id == model.outcome]
        numbers |= {"lowest": [str(c.low) for c in scales], "highest": [str(c.high) for c in scales]}
    return numbers


def limits(page: Page, w: Words) -> list[Part]:
    """What no reader should take from the page."""
    return [Heading(w("limits_heading")), Bullets(w.sentences("limits"))]


def how(page: Page, w: Words) -> list[Part]:
    """Scores, ranges, hiding, sources and margins, in a few sentences."""
    facts, minimum = page.facts, page.disclosure.minimum_group_size
    return [
        Heading(w("how_heading")),
        Bullets(
            [
                w("how_scores"),
                w("how_range") if page.school_id else w("how_range_board"),
                w("how_margin", margin=w.of_hundred(page.margins.share)),
                w(
                    "how_hidden",
                    minimum=minimum,
                    hidden=w.number(facts.rows_hidden),
                    total=w.number(facts.rows_hidden + facts.rows_shown),
                ),
                w("how_coded"),
                w("how_audit", date=facts.audited),
                w("how_sources", read=facts.sources_read, rows=w.number(facts.rows_set_aside)),
            ]
        ),
    ]


def ask(page: Page, w: Words) -> list[Part]:
    """Where a reader turns with a question or a complaint."""
    return [Heading(w("ask_heading")), Paragraph(w("ask_text", contact=page.contact[w.language]))]
