"""What every page has around its findings."""

from __future__ import annotations

from sro_research.report.own_texts import own_texts
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Head, Heading, Paragraph, Part
from sro_research.report.words import Words


def head(page: Page, w: Words) -> list[Part]:
    """Title, the notices that stand on every page, and the line that says which study this is."""
    title, language = page.title[w.language], w.language
    notices = [w("head_synthetic")] if page.synthetic else []
    if page.notice is not None:
        notices.append(page.notice[language])
    if page.national is not None:
        notices.append(w("national_notice", publisher=page.national.publisher))
    if page.facts.sources_set_aside:
        notices.append(w("head_set_aside", files=page.facts.sources_set_aside))
    if page.facts.rows_lost:
        notices.append(w("head_rows_lost"))
    return [
        Head(
            title=_title(page, w),
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


def _title(page: Page, w: Words) -> str:
    school = page.school_name(w.language)
    if page.national is not None:
        return w("national_title_school", school=school) if school else w("national_title_board")
    if not page.instruments:
        return w("head_title_records", who=school or page.organization)
    return w("head_title_school", school=school) if school else w("head_title_board", organization=page.organization)


def limits(page: Page, w: Words) -> list[Part]:
    """What no reader should take from the page."""
    of_answers = w.sentences("limits_of_answers") if page.instruments else []
    return [Heading(w("limits_heading")), Bullets([*of_answers, *w.sentences("limits")])]


def how(page: Page, w: Words) -> list[Part]:
    """Scores, ranges, hiding, sources and margins, in a few sentences."""
    facts, minimum = page.facts, page.disclosure.minimum_group_size
    sources = [
        w("how_audit", date=facts.audited),
        w("how_sources", read=facts.sources_read, rows=w.number(facts.rows_set_aside)),
    ]
    if not page.instruments:
        return [Heading(w("how_heading")), Bullets([w("how_marks"), *sources])]
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
                *sources,
            ]
        ),
    ]


def ask(page: Page, w: Words) -> list[Part]:
    """Where a reader turns with a question or a complaint."""
    return [Heading(w("ask_heading")), Paragraph(w("ask_text", contact=page.contact[w.language]))]
