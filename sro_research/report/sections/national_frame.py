"""What every page of a national survey of schools has around its findings: what it cannot say, and how it was made."""

from __future__ import annotations

from sro_research.estimates import FEWEST_CASES
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Heading, Part
from sro_research.report.words import Words


def national_limits(page: Page, w: Words) -> list[Part]:
    """What no reader should take from the page, and what the years themselves bring with them."""
    if page.national is None:
        return []
    cautions = [layout.caution[w.language] for layout in page.national.layouts.values() if layout.caution]
    return [Heading(w("limits_heading")), Bullets([*w.sentences("national_limits"), *cautions])]


def national_how(page: Page, w: Words) -> list[Part]:
    """Weights, ranges, words, marks, what is public and how it was checked, in a few sentences."""
    if page.national is None:
        return []
    said = [
        w("national_how_weights"),
        w("national_how_range", replicates=page.national.last.replicates.number),
        w("national_how_margin", margin=w.of_hundred(page.margins.share)),
        w("national_how_many"),
        w("national_how_marks", fewest=FEWEST_CASES),
        w("national_how_public"),
        w("national_how_audit", date=page.facts.audited),
    ]
    return [Heading(w("how_heading")), Bullets(said)]
