"""The district beside the nation, on the board's page: figures of the same definition, and why others are left out."""

from __future__ import annotations

from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Heading, Paragraph, Part, Table
from sro_research.report.words import Words
from sro_research.report.yardstick import Comparison, Refusal, held_against_nation


def yardstick(page: Page, w: Words) -> list[Part]:
    """Show what can be held against the nation; nothing where nothing can, or the study does not ask for it."""
    register = page.yardstick
    if register is None or page.school_id:
        return []
    found = [held_against_nation(page, figure, w) for figure in register.figures]
    compared = [of for of in found if isinstance(of, Comparison)]
    refused = [of for of in found if isinstance(of, Refusal)]
    if not compared:
        return []
    body = [[of.title, wording.share(of.ours, w), wording.share_with_range(of.nation, w)] for of in compared]
    caption = w("yardstick_caption", wave=register.label[w.language])
    columns = [w("topic"), w("yardstick_ours"), w("yardstick_nation")]
    parts: list[Part] = [
        Heading(w("yardstick_heading")),
        Paragraph(w("yardstick_intro", source=register.source[w.language])),
        Table(caption, columns, body, [False, True, True]),
    ]
    said = [w("yardstick_refused", title=of.title, reason=of.reason) for of in refused]
    return [*parts, Bullets(said)] if said else parts
