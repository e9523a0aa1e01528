"""The last look at a page before it may be published: what a machine can see, on every page."""

from __future__ import annotations

import re
from itertools import pairwise

from bs4 import BeautifulSoup

from sro_research.errors import ReportError

FORBIDDEN = ["iframe", "object", "embed", "canvas", "form", "link", "base"]
_OUTSIDE = re.compile(r"^\s*(https?:)?//", re.I)


def check_page(page: str, *, figures: int) -> None:
    """Refuse a page that would not work offline, cannot be read aloud, or lost a figure.

    Raises `ReportError` naming what is wrong and the fix.
    """
    soup = BeautifulSoup(page, "lxml")

    def refuse(rule: str, fix: str) -> None:
        title = soup.title.get_text() if soup.title else "page"
        raise ReportError(title, rule, fix=fix)

    html = soup.find("html")
    if html is None or not html.get("lang"):
        refuse("the page does not say its language", "Set `lang` on <html>.")
    levels = [int(h.name[1]) for h in soup.find_all(re.compile("^h[1-6]$"))]
    if levels.count(1) != 1 or levels[0] != 1 or any(b > a + 1 for a, b in pairwise(levels)):
        refuse("the headings are not in order", "Start with one title and do not skip a level.")
    if len(found := soup.find_all("figure")) != figures:
        refuse(f"{figures} figures were shown and {len(found)} are on the page", "Look for a lost output.")
    for svg in soup.select("svg[role=img]"):
        names = [soup.find(id=i) for i in str(svg.get("aria-labelledby", "")).split()]
        if len(names) != 2 or not all(n is not None and n.get_text().strip() for n in names):
            refuse("a chart has no title or description", "Build it as a Figure.")
    for table in soup.find_all("table"):
        if table.caption is None or not table.caption.get_text().strip():
            refuse("a table has no caption", "Build it as a Table.")
        if any(not th.get("scope") for th in table.find_all("th")):
            refuse("a table heading does not say whether it heads a row or a column", "Build it as a Table.")
    if any(not image.get("alt") for image in soup.find_all("img")):
        refuse("an image has no alternative text", "Add one.")
    if soup.find(FORBIDDEN) is not None or soup.find("script", src=True) is not None:
        refuse("the page holds an element that may load something", "Remove it.")
    for element in soup.find_all(True):
        for name in ("src", "srcset", "data", "poster", "action"):
            if element.get(name):
                refuse(f"<{element.name} {name}> loads something", "Put it into the page itself.")
        if element.name != "a" and _OUTSIDE.match(str(element.get("href", ""))):
            refuse(f"<{element.name}> points outside the page", "Remove it.")
        if any(name.startswith("on") for name in element.attrs):
            refuse(f"<{element.name}> carries a script", "Remove it.")
    if re.search(r"@import|url\(\s*['\"]?(https?:)?//", page):
        refuse("the style sheet loads something", "Put it into the page itself.")
    if (text := soup.get_text(" ")) and (bad := re.search(r"\b(nan|NaN|None|inf)\b|<NA>", text)):
        refuse(f"a missing number is printed as '{bad.group()}'", "Show [c] or [x].")
