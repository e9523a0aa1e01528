"""The page in short: a few findings, each with what it is compared with, and who answered."""

from __future__ import annotations

from sro_research.instruments import Construct, Instrument
from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Card, Cards, Heading, Paragraph, Part
from sro_research.report.words import Words

HEADLINES = ("safety", "officer_trust", "officer_enforcer", "procedural_justice")
"""Constructs that come first, where an instrument has them."""
MOST_HEADLINES = 4


def headlines(instrument: Instrument) -> list[Construct]:
    """Return the constructs that come first on a page: the known headlines, or the first few of other instruments."""
    known = [construct for construct in instrument.constructs.values() if construct.id in HEADLINES]
    return (known or list(instrument.constructs.values()))[:MOST_HEADLINES]


def in_short(page: Page, w: Words) -> list[Part]:
    """Show the headline constructs with their comparison and verdict; nothing where nobody was asked."""
    if not page.instruments:
        return []
    instrument = next(iter(page.instruments.values()))
    constructs = [c for c in instrument.constructs.values() if c.id in HEADLINES] or list(
        instrument.constructs.values()
    )
    cards = [_card(page, instrument, construct, w) for construct in constructs[:MOST_HEADLINES]]
    return [
        Heading(w("short_heading")),
        Cards(cards),
        Paragraph(w("short_note", margin=w.of_hundred(page.margins.share))),
    ]


def who_answered(page: Page, w: Words) -> list[Part]:
    """Say for each population how many answered, out of how many."""
    parts: list[Part] = [Heading(w("who_heading"))]
    if not page.instruments:
        return [*parts, Paragraph(w("who_nobody"))]
    for population, instrument in page.instruments.items():
        rate = page.cell("response_rate", population=population)
        count = page.cell("responses", population=population)
        respondents = instrument.respondents[w.language]
        if not count.shown:
            text = w("who_hidden", minimum=page.disclosure.minimum_group_size, respondents=respondents)
        elif rate.shown:
            text = w(
                "who_rate",
                count=wording.count(count, w),
                respondents=respondents,
                people=wording.share(rate, w),
            )
        else:
            text = w("who_count", count=wording.count(count, w), respondents=respondents)
        parts.append(Paragraph(text))
    return [*parts, Paragraph(w("who_note"))]


def _card(page: Page, instrument: Instrument, construct: Construct, w: Words) -> Card:
    at = {"population": instrument.population, "construct": construct.id}
    level = page.cell("share_agree", **at)
    if page.school_id:
        other, difference, words = (
            page.cell("share_agree_others", **at),
            page.cell("share_agree_vs_others", **at),
            "short_compared",
        )
    else:
        earlier = page.waves[-2].id if len(page.waves) > 1 else ""
        other, difference, words = (
            page.cell("share_agree", **at, wave=earlier),
            page.cell("share_agree_change", **at),
            "short_compared_before",
        )
    verdict, symbol = wording.compared(difference, page.margins.share, w)
    comparable = level.shown and other.shown
    return Card(
        label=construct.agree_phrase[w.language][:1].upper() + construct.agree_phrase[w.language][1:],
        value=w("short_value", people=wording.share(level, w), respondents=instrument.respondents[w.language])
        if level.shown
        else wording.mark(level),
        comparison=w(words, people=wording.share(other, w))
        if comparable
        else w("short_compared_none")
        if level.shown
        else "",
        verdict=verdict if comparable else "" if level.shown else w("verdict_hidden"),
        symbol=symbol if comparable else "",
    )
