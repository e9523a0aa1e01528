"""The district beside the nation, on the board's page: figures of the same definition, and why others are left out."""

from __future__ import annotations

from sro_research.report import wording
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Heading, Paragraph, Part, Table
from sro_research.report.words import Words
from sro_research.report.yardstick import Comparison, Refusal, held_against_nation
from sro_research.standards.yardstick import Yardstick


def yardstick(page: Page, w: Words) -> list[Part]:
    """Show what can be held against the nation, and why the rest cannot; nothing where nobody asks for it."""
    register = page.yardstick
    if register is None or page.school_id:
        return []
    found = [held_against_nation(page, figure, w) for figure in register.figures]
    compared = [of for of in found if isinstance(of, Comparison)]
    refused = [of for of in found if isinstance(of, Refusal)]
    parts: list[Part] = [Heading(w("yardstick_heading"))]
    if compared:
        parts += [Paragraph(w("yardstick_intro", source=register.source[w.language])), _table(compared, register, w)]
    else:
        parts.append(Paragraph(w("yardstick_none", source=register.source[w.language])))
    said = [w("yardstick_refused", title=of.title, reason=of.reason) for of in refused]
    return [*parts, Bullets(said)] if said else parts


def _table(compared: list[Comparison], register: Yardstick, w: Words) -> Table:
    body = [[of.title, wording.share(of.ours, w), wording.share_with_range(of.nation, w)] for of in compared]
    columns = [w("topic"), w("yardstick_ours"), w("yardstick_nation")]
    return Table(w("yardstick_caption", wave=register.label[w.language]), columns, body, [False, True, True])
