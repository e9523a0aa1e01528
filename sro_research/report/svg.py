"""A chart specification to inline SVG: one image with a name and a description, in the colours of the page."""

from __future__ import annotations

import json
import re
from collections import Counter

from lxml import etree

from sro_research.report.drawing import draw

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
"""Colours that the style sheet of the page repaints; the colour itself stays, for print and other programs."""
DROPPED = ("role", "pointer-events", "version")
DEFAULTS = {
    "opacity": "1",
    "stroke-width": "1",
    "font-weight": "normal",
    "text-anchor": "start",
    "transform": "translate(0,0)",
    "x2": "0",
    "y2": "0",
}
"""What an element is anyway if nothing is said."""
PAINT = {"fill", "stroke"}
_GEOMETRY = ("d", "transform", "x", "y", "x2", "y2", "dy", "width", "height", "viewBox")
_DECIMALS = re.compile(r"-?\d+\.\d+(e-\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def inline_svg(specification: dict[str, object], *, uid: str, title: str, description: str, css_class: str) -> str:
    """Draw a Vega-Lite specification as SVG to be put into a page.

    Marks lose their own roles and labels: a screen reader gets one image, named by `title` and `description`, and the
    table below it, instead of a hundred graphics symbols. Identifiers start with `uid`, so that two charts on a page do
    not share clip paths.
    """
    root = etree.fromstring(draw(json.dumps(specification, sort_keys=True)).encode())
    for element in list(root.iter("{*}*")):
        _plain(element, uid)
    _share(root, "font-family")
    _share(root, "font-size")
    _unwrap(root)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.set("class", css_class)
    root.set("role", "img")
    root.set("aria-labelledby", f"{uid}-title {uid}-desc")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = etree.Element(f"{{{SVG}}}{tag}", {"id": f"{uid}-{tag}"}, nsmap=None)
        child.text = text
        root.insert(position, child)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, encoding="unicode")


def _plain(element: etree._Element, uid: str) -> None:
    """Leave what can be seen: no roles, no attributes that say the default, a tenth of a pixel, classes for colours."""
    attributes = element.attrib
    classes = [
        f"{at[0]}-{THEMED[attributes[at].lower()]}"
        for at in ("fill", "stroke")
        if attributes.get(at, "").lower() in THEMED
    ]
    unstroked = "stroke" not in attributes
    for name, value in list(attributes.items()):
        if name == "id":
            value = f"{uid}-{value}"
        elif name in _GEOMETRY:
            value = _DECIMALS.sub(_tenth, value)
        idle = DEFAULTS.get(name) == value or (unstroked and name == "stroke-width")
        if idle or name in ("class", *DROPPED) or name.startswith("aria-"):
            del attributes[name]
        else:
            attributes[name] = _REFERENCE.sub(rf"url(#{uid}-\1)", value)
    if classes:
        attributes["class"] = " ".join(classes)


def _tenth(number: re.Match[str]) -> str:
    return f"{round(float(number.group()), 1) + 0:g}"


def _share(root: etree._Element, name: str) -> None:
    """Say once what most texts say; texts inherit it."""
    if said := Counter(text.get(name) for text in root.iter("{*}text") if text.get(name)):
        value = said.most_common(1)[0][0]
        root.set(name, value)
        for text in root.iter("{*}text"):
            if text.get(name) == value:
                del text.attrib[name]


def _unwrap(root: etree._Element) -> None:
    """Drop what paints nothing, innermost first: shapes in no colour, groups that are empty or say nothing."""
    for element in reversed(list(root.iter(f"{{{SVG}}}g", f"{{{SVG}}}path"))):
        parent = element.getparent()
        if element.tag == f"{{{SVG}}}path":
            if not PAINT.intersection(element.attrib):
                parent.remove(element)
        elif not len(element):
            parent.remove(element)
        elif not element.attrib:
            at = parent.index(element)
            parent[at : at + 1] = list(element)
