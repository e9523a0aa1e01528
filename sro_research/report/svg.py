"""A chart specification to inline SVG: one image with a name and a description, in the colours of the page."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import vl_convert
from lxml import etree

SVG = "http://www.w3.org/2000/svg"
THEMED = {
    "#1b1f24": "ink",
    "#fffffe": "paper",
    "#8a8f98": "grid",
    "#0b4f9d": "ours",
    "#8f4e00": "others",
    "#8c2d04": "a1",
    "#b25a00": "a2",
    "#6b717b": "a3",
    "#3a76b0": "a4",
    "#08406f": "a5",
}
"""Colours that the page's style sheet repaints. The colour itself stays as an attribute for print and other programs."""
DROPPED = ("class", "role", "pointer-events")
_DECIMALS = re.compile(r"(\d+\.\d{2})\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@lru_cache(maxsize=512)
def _drawn(specification: str) -> str:
    return vl_convert.vegalite_to_svg(specification)


def inline_svg(specification: dict[str, object], *, uid: str, title: str, description: str, css_class: str) -> str:
    """Draw a Vega-Lite specification as SVG to be put into a page.

    Marks lose their own roles and labels: a screen reader gets one image, named by `title` and `description`, and the
    table below it, instead of a hundred graphics symbols. Identifiers start with `uid`, so that two charts on a page do
    not share clip paths.
    """
    root = etree.fromstring(_drawn(json.dumps(specification, sort_keys=True)).encode())
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        for name in [n for n in element.attrib if n in DROPPED or n.startswith("aria-")]:
            del element.attrib[name]
        colors = [
            f"{at[0]}-{THEMED[element.get(at, '').lower()]}"
            for at in ("fill", "stroke")
            if element.get(at, "").lower() in THEMED
        ]
        if colors:
            element.set("class", " ".join(colors))
        for name, value in element.attrib.items():
            value = _DECIMALS.sub(r"\1", value) if name != "id" else f"{uid}-{value}"
            element.set(name, _REFERENCE.sub(rf"url(#{uid}-\1)", value))
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    width = float(root.get("viewBox", "0 0 0 0").split()[2])
    root.set("class", css_class)
    root.set("style", f"max-width:{width:.0f}px")
    root.set("role", "img")
    root.set("aria-labelledby", f"{uid}-title {uid}-desc")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = etree.Element(f"{{{SVG}}}{tag}", {"id": f"{uid}-{tag}"}, nsmap=None)
        child.text = text
        root.insert(position, child)
    return etree.tostring(root, encoding="unicode")
