"""The last look at a page before it may be published: what a machine can see, on every page."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NoReturn

from lxml import html

from sro_research.errors import ReportError

FORBIDDEN = ("iframe", "object", "embed", "canvas", "form", "link", "base")
LOADING = ("src", "srcset", "data", "poster", "action")
_OUTSIDE = re.compile(r"^\s*(https?:)?//", re.I)
_STYLE_LOADS = re.compile(r"@import|url\(\s*['\"]?(https?:)?//")
_MISSING_NUMBER = re.compile(r"\b(nan|NaN|inf)\b|<NA>|∞")
_JARGON = re.compile(
    r"\bp\s*[<=>]\s*0?\.\d|p-value|statistically significant|valor p\b|estadísticamente signific", re.I
)


def check_page(page: str, *, figures: int) -> None:
    """Refuse a page that would not work offline, cannot be read aloud, or lost a figure.

    Raises `ReportError` naming what is wrong and the fix.
    """
    root = html.document_fromstring(page)
    title = (root.findtext(".//title") or "page").strip()
    _check_structure(root, title, figures)
    _check_self_contained(root, title, page)
    _check_words(root, title)


def _check_structure(root: html.HtmlElement, title: str, figures: int) -> None:
    if not root.get("lang"):
        _refuse(title, "the page does not say its language", "Set `lang` on <html>.")
    levels = [int(e.tag[1]) for e in root.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1 or levels[0] != 1 or any(b > a + 1 for a, b in pairwise(levels)):
        _refuse(title, "the headings are not in order", "Start with one title and do not skip a level.")
    if (found := len(list(root.iter("figure")))) != figures:
        _refuse(title, f"{figures} figures were shown and {found} are on the page", "Look for a lost output.")
    ids = Counter(e.get("id") for e in root.iter("*") if e.get("id"))
    if twice := [name for name, count in ids.items() if count > 1]:
        _refuse(title, f"the identifier '{twice[0]}' is used twice", "Number the parts.")
    if lost := [e.get("href") for e in root.iter("a") if e.get("href", "")[:1] == "#" and e.get("href")[1:] not in ids]:
        _refuse(title, f"a link leads to '{lost[0]}', which is not on the page", "Number the headings.")
    if any(figure.find(".//table") is None for figure in root.iter("figure")):
        _refuse(title, "a chart has no table of its numbers", "Build it as a Figure.")
    texts = {e.get("id"): (e.text_content() or "").strip() for e in root.iter("title", "desc") if e.get("id")}
    for chart in root.iter("svg"):
        names = [texts.get(name) for name in chart.get("aria-labelledby", "").split()]
        if len(names) != 2 or not all(names):
            _refuse(title, "a chart has no title or description", "Build it as a Figure.")
        if names[0] == names[1]:
            _refuse(title, "a chart's description only repeats its title", "Say what the chart shows.")
        if any("…" in text.text_content() for text in chart.iter("text")):
            _refuse(title, "a chart cuts a label short", "Break it into lines.")
    for table in root.iter("table"):
        caption = table.find("caption")
        if caption is None or not caption.text_content().strip():
            _refuse(title, "a table has no caption", "Build it as a Table.")
        if any(not cell.get("scope") for cell in table.iter("th")):
            _refuse(title, "a table heading does not say whether it heads a row or a column", "Build it as a Table.")
    if any(not image.get("alt") for image in root.iter("img")):
        _refuse(title, "an image has no alternative text", "Add one.")


def _check_self_contained(root: html.HtmlElement, title: str, page: str) -> None:
    if len(list(root.iter("script"))) > 1:
        _refuse(title, "the page holds a script that is not its own", "Escape the text it came from.")
    if (element := next(root.iter(*FORBIDDEN), None)) is not None:
        _refuse(title, f"the page holds <{element.tag}>, which may load something", "Remove it.")
    for element in root.iter("*"):
        for name in element.attrib:
            if name in LOADING:
                _refuse(title, f"<{element.tag} {name}> loads something", "Put it into the page itself.")
            if name.startswith("on"):
                _refuse(title, f"<{element.tag} {name}> carries a script", "Remove it.")
        if element.tag != "a" and _OUTSIDE.match(element.get("href", "")):
            _refuse(title, f"<{element.tag}> points outside the page", "Remove it.")
    if _STYLE_LOADS.search(page):
        _refuse(title, "the style sheet loads something", "Put it into the page itself.")


def _check_words(root: html.HtmlElement, title: str) -> None:
    texts = [
        text for element in root.body.iter("*") if element.tag not in ("script", "style") for text in _own(element)
    ]
    if bad := next((found for text in texts if (found := _MISSING_NUMBER.search(text))), None):
        _refuse(title, f"a missing number is printed as '{bad.group()}'", "Show [c] or [x].")
    if any(text.strip() == "None" for cell in root.iter("td", "strong") for text in _own(cell)):
        _refuse(title, "a missing number is printed as 'None'", "Show [c] or [x].")
    if bad := next((found for text in texts if (found := _JARGON.search(text))), None):
        _refuse(title, f"'{bad.group()}' is for statisticians", "Say it as a range or a verdict.")


def _own(element: html.HtmlElement) -> list[str]:
    """Return the texts that stand directly in an element."""
    return [text for text in (element.text, *(child.tail for child in element)) if text]


def _refuse(title: str, rule: str, fix: str) -> NoReturn:
    raise ReportError(title, rule, fix=fix)
