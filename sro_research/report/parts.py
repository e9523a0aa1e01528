"""The parts of a page: plain values that say what a reader gets, before anything is drawn.

A part goes through a notebook as JSON under a private MIME type, in all languages at once. JupyterLab shows its first
language (charts interactively); the exporter takes the language it is asked for.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from IPython.display import display

from sro_research.errors import ReportError
from sro_research.parameters import Language
from sro_research.report.page import Page
from sro_research.report.words import Words, load_words

PART_MIME = "application/vnd.sro-research.part+json"
ROWS = "rows"
"""What a chart's specification calls its data."""
VEGALITE_MIME = "application/vnd.vegalite.v5+json"
"""JupyterLab 4.6 draws up to Vega-Lite 5 without a network; Altair 6 writes 6, which differs in nothing used here."""
VEGALITE_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.20.1.json"
SHORTEST_ALT = 40

HIDDEN_MARK, NOT_AVAILABLE_MARK = "[c]", "[x]"
CAUTION_MARK, NOT_MET_MARK = "!", "‡"
MARKS = {"hidden": HIDDEN_MARK, "not_met": NOT_MET_MARK}
"""What stands in the place of the numbers of a cell, by its status; `NOT_AVAILABLE_MARK` where there is none."""
_START, _TEXT, _END = "\ue000", "\ue001", "\ue002"
"""Private characters around what was made of a safe cell; they travel through sentences and tables, and the page turns
them into <data value="source">text</data>."""
_SOURCED = re.compile(f"{_START}([^{_TEXT}]*){_TEXT}([^{_END}]*){_END}")


def sourced(text: str, source: str) -> str:
    """Return a text that remembers the safe cell it was made of."""
    return f"{_START}{source}{_TEXT}{text}{_END}"


def plain(text: str) -> str:
    """Return a text without its sources."""
    return _SOURCED.sub(r"\2", text)


def with_sources(escaped: str) -> str:
    """Turn the sources of a text that is HTML already into <data> elements."""
    return _SOURCED.sub(r'<data value="\1">\2</data>', escaped)


@dataclass(frozen=True)
class Head:
    """Title and frame of a page."""

    kind: ClassVar[str] = "head"
    title: str
    subtitle: str
    organization: str
    notices: list[str]
    footer: str
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The study's own texts, whose numbers say nothing about people: labels, names, margins."""


@dataclass(frozen=True)
class Heading:
    """A section heading; it also makes the table of contents."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    kind: ClassVar[str] = "bullets"
    items: list[str]


@dataclass(frozen=True)
class Card:
    """One finding: what, how much, compared with what, and the verdict in words."""

    label: str
    value: str
    comparison: str
    verdict: str
    symbol: str


@dataclass(frozen=True)
class Cards:
    """Findings side by side."""

    kind: ClassVar[str] = "cards"
    cards: list[Card]


@dataclass(frozen=True)
class Table:
    """A table of formatted cells; the first column heads its rows. Columns of numbers are aligned at the right."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    note: str = ""


@dataclass(frozen=True)
class Glossary:
    """What the words of a table mean, folded away until a reader opens it; `title` is that of the table."""

    kind: ClassVar[str] = "glossary"
    title: str
    terms: list[tuple[str, str]]


@dataclass(frozen=True)
class Figure:
    """A chart in two widths with its message, a description for who cannot see it, and its numbers as a table."""

    kind: ClassVar[str] = "figure"
    title: str
    alt: str
    wide: dict[str, Any] = field(repr=False)
    narrow: dict[str, Any] = field(repr=False)
    table: Table
    note: str = ""

    def __post_init__(self) -> None:
        if len(plain(self.alt)) < SHORTEST_ALT or self.alt == self.title:
            raise ReportError(
                f"figure '{self.title}'",
                "the description does not say what the chart shows",
                fix=f"Write at least {SHORTEST_ALT} characters that are not the title.",
            )


Part = Head | Heading | Paragraph | Bullets | Cards | Table | Glossary | Figure
Section = Callable[[Page, Words], list[Part]]


@dataclass(frozen=True)
class Multilingual:
    """One part in every language of a study, as a notebook output."""

    parts: dict[Language, Part]

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        first = next(iter(self.parts.values()))
        bundle: dict[str, Any] = {
            PART_MIME: {language: {"kind": part.kind, **asdict(part)} for language, part in self.parts.items()}
        }
        if isinstance(first, Figure):
            # Without text/html: JupyterLab would prefer it to the interactive chart.
            bundle[VEGALITE_MIME] = {**first.wide, "$schema": VEGALITE_SCHEMA, "description": plain(first.alt)}
            bundle["text/plain"] = f"{first.title}\n{plain(first.alt)}"
        else:
            bundle["text/html"] = preview(first)
            bundle["text/plain"] = type(first).__name__
        return bundle


def show(page: Page, section: Section) -> None:
    """Display a section of a page in a notebook, in all languages of the study."""
    by_language = {language: section(page, load_words(language)) for language in page.languages}
    for parts in zip(*by_language.values(), strict=True):
        display(Multilingual(dict(zip(by_language, parts, strict=True))))


def _html(text: str) -> str:
    return html.escape(plain(text))


def preview(part: Part) -> str:
    """Return plain HTML of a part for a notebook; the published page is made by the exporter's template."""
    match part:
        case Head():
            return f"<h1>{_html(part.title)}</h1><p>{_html(part.subtitle)}</p>" + "".join(
                f"<p><em>{_html(n)}</em></p>" for n in part.notices
            )
        case Heading():
            return f"<h2>{_html(part.text)}</h2>"
        case Paragraph():
            return f"<p>{_html(part.text)}</p>"
        case Bullets():
            return "<ul>" + "".join(f"<li>{_html(i)}</li>" for i in part.items) + "</ul>"
        case Cards():
            return (
                "<ul>"
                + "".join(
                    f"<li>{_html(c.label)}: <b>{_html(c.value)}</b> {_html(c.comparison)} {_html(c.verdict)}</li>"
                    for c in part.cards
                )
                + "</ul>"
            )
        case Glossary():
            return "<dl>" + "".join(f"<dt>{_html(t)}</dt><dd>{_html(m)}</dd>" for t, m in part.terms) + "</dl>"
        case Table():
            head = "".join(f"<th>{_html(c)}</th>" for c in part.columns)
            body = "".join("<tr>" + "".join(f"<td>{_html(c)}</td>" for c in row) + "</tr>" for row in part.rows)
            caption = f"<caption>{_html(part.caption)}</caption>"
            return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    raise TypeError(f"{type(part).__name__} has no preview")
