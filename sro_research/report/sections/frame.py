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
        notices.append(w("head_set_aside", count=page.facts.sources_set_aside))
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
            constants=_constants(page, w),
        )
    ]


def _constants(page: Page, w: Words) -> list[str]:
    """Return the texts of a page whose numbers are the study's own: an audit takes every other number for a finding."""
    language, facts = w.language, page.facts
    texts = [page.organization, page.contact[language], page.study, page.version, page.fingerprint, facts.audited]
    texts += [page.title[language], page.notice[language] if page.notice else ""]
    texts += [*facts.schools.values(), *(wave.label[language] for wave in page.waves)]
    counts = (facts.sources_read, facts.sources_set_aside, facts.rows_set_aside, facts.rows_hidden)
    texts += [w.number(n) for n in (*counts, facts.rows_shown + facts.rows_hidden)]
    texts += [w.of_hundred(page.margins.share), str(page.disclosure.minimum_group_size)]
    if page.model is not None:
        texts += [w.number(page.model.smallest_effect, 2), w.number(page.model.per)]
    for instrument in page.instruments.values():
        texts.append(instrument.respondents[language])
        for construct in instrument.constructs.values():
            texts += [construct.title[language], construct.agree_phrase[language]]
            texts += [str(construct.low), str(construct.high), *(item.text[language] for item in construct.items)]
            texts += [label[language] for item in construct.items for label in item.labels.values()]
        for question in instrument.background.values():
            texts += [question.title[language], *(label[language] for label in question.labels.values())]
    return texts


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
