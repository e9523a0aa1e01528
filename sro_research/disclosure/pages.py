"""Read one published page: every number in it, and where it says it comes from.

A number is registered where it stands in a <data> element that names a safe cell. Any other stands in a text that is
known as a whole (`texts`), in a name that the pages' template gives (`s4`, `f7w-title`), or on a chart. There it has to
be one of the numbers of the chart's table, and so has the place of every mark that is drawn as the exporter draws.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from lxml import etree, html

from sro_research.disclosure.claims import Claim, Published, claim
from sro_research.disclosure.texts import HOLE, KnownTexts, numbers_in

_PLACE = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")
_DATA_CLASS = re.compile(r"\b[fs]-(ours|others|a\d)\b")
_BAR = re.compile(r"M(-?[\d.]+),(-?[\d.]+)h([\d.]+)v")
_POINT = re.compile(r"[ML](-?[\d.]+),(-?[\d.]+)")
_DOCUMENT_TYPE = re.compile(r"<!DOCTYPE[^>]*>", re.I)
AXIS = ("0", "25", "50", "75", "100")
TICK, LABEL = 0.7, 4.0
"""Pixels by which a mark may lie beside its number (axes stand half a pixel off), and a tick's label below the tick."""
DEEPEST = 60
"""No page nests elements deeper than this; a parser that gives up would leave the rest unread."""
_NAME = re.compile(r"s(\d+)|[tf](\d+)t?-caption|f(\d+)[wn]-(?:title|desc)")
_SETTINGS = {
    ("tabindex", "0"),
    ("tabindex", "-1"),
    ("charset", "utf-8"),
    ("content", "width=device-width, initial-scale=1"),
}
"""What the template says with a number, of every page."""
_COORDINATES = r"-?[\d.]+(?:[ ,]-?[\d.]+)*"
_GEOMETRY = {
    "d": r"[MLHVAZhvz\d.,\s-]*",
    "transform": rf"(?:\s*(?:translate|rotate|scale)\({_COORDINATES}\))*",
    **dict.fromkeys(("x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "width", "height", "viewbox"), _COORDINATES),
}
COLORS = frozenset(
    ("#1b1f24", "#fffffe", "#8a8f98", "#0b4f9d", "#8f4e00", "#8c2d04", "#b25a00", "#6b717b", "#3a76b0", "#08406f")
)
_LOOKS = {
    **dict.fromkeys(("fill", "stroke"), COLORS),
    "font-size": {"14px"},
    "stroke-width": {"1.5", "2"},
    "stroke-opacity": {"0.4"},
    "fill-opacity": {"1"},
    "stroke-miterlimit": {"10"},
    "xmlns": {"http://www.w3.org/2000/svg"},
}
"""Attributes of charts: places, which are measured, and looks, which are always the same."""
_THEMED = re.compile(r"[fs]-a[1-5](?: [fs]-\w+)?|[fs]-[a-z]+ [fs]-a[1-5]")
REGISTER = "Make it of a safe cell, or let the catalogue or the study say the whole text"
_MEND = "Leave it to the pages' template"


def read_page(text: str, name: str, files: set[str], words: Mapping[str, Iterable[str]], found: Published) -> None:
    """Read a page into `found`. `files` are those it may lead to, `words` the catalogue of each language."""
    root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    if root.xpath(f"boolean(//*[ancestor::*[{DEEPEST + 1}]])"):
        raise ValueError("elements are nested deeper than the parser reads")
    for kind in _DOCUMENT_TYPE.findall(text):
        if numbers_in(kind):
            found.unregistered.append(f"{name}: the document type holds numbers. {_MEND}")
    language = root.get("lang", "")
    said = root.xpath("string(//meta[@name='sro-texts'][1]/@content)")
    known = _known_texts(said, tuple(words.get(language, ())))
    for place, texts in _declared(said).items():
        for own in texts:
            found.declared.setdefault((language, place, own), name)
    _Page(root, name, known, files, found).read()


@lru_cache(maxsize=64)
def _known_texts(said: str, sentences: tuple[str, ...]) -> KnownTexts:
    return KnownTexts(sentences, _declared(said))


def _declared(said: str) -> dict[str, list[str]]:
    texts = json.loads(said) if said else {}
    if not isinstance(texts, dict) or not all(isinstance(of, list) for of in texts.values()):
        raise ValueError("the texts that a page declares are lists by the place that they fill")
    return {str(place): [str(text) for text in of] for place, of in texts.items()}


class _Page:
    """One page, while it is read."""

    def __init__(self, root: html.HtmlElement, name: str, known: KnownTexts, files: set[str], found: Published) -> None:
        self.root, self.name, self.known, self.files, self.found = root, name, known, files, found
        self.declares = next(iter(root.xpath("//meta[@name='sro-texts']")), None)
        self.parts = len(root.xpath("//div[@class='body']/*"))
        self.script = base64.b64encode(
            hashlib.sha256("".join(root.xpath("//script/text()")).encode()).digest()
        ).decode()

    def read(self) -> None:
        """Take up the page's claims, and note every number that nothing accounts for."""
        for element in self.root.iter("data"):
            self._data(element)
        for figure in self.root.iter("figure"):
            self._figure(figure)
        if any(not any(a.tag == "figure" for a in e.iterancestors()) for e in self.root.iter("svg")):
            self._note("a chart stands outside a figure. Build it as a Figure")
        self._outside()
        drawn = {e for chart in self.root.iter("svg") for e in chart.iter()}
        for element in self.root.iter(etree.Element):
            self._names(element, in_chart=element in drawn)
            if element in drawn:
                self._chart_text(element)
            elif element.tag == "script":
                if not self.known.is_fixed(element.text or ""):
                    self._note(f"a script that the pages of this program do not have. {_MEND}")
            elif element.tag == "style":
                if not self.known.is_fixed(element.text or ""):
                    self._note(f"a style sheet that the pages of this program do not have. {_MEND}")
            elif element.tag != "data":
                self._texts(element)

    def _note(self, what: str) -> None:
        self.found.unregistered.append(f"{self.name}: {what}")

    def _unregistered(self, what: str, text: str, fix: str = REGISTER) -> None:
        if numbers := numbers_in(text):
            self._note(f"{what} {' '.join(numbers)}. {fix}")

    def _data(self, element: html.HtmlElement) -> None:
        made = claim(self.name, element.get("value", ""))
        self.found.add(made)
        text = element.text_content()
        if [number.replace(",", "") for number in numbers_in(text)] != made.numbers:
            self._note(f"'{text}' is not what its source says. Write it by `wording`")

    def _outside(self) -> None:
        """Look at what is no element: comments, instructions, and what stands before the page."""
        for remark in self.root.getroottree().getroot().iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
            self._unregistered("comment", remark.text or "", _MEND)
        for remark in (*self.root.itersiblings(preceding=True), *self.root.itersiblings()):
            self._unregistered("comment", remark.text or "", _MEND)

    def _texts(self, element: html.HtmlElement) -> None:
        """Look at the texts that stand directly in an element; a number of a safe cell leaves a hole in them."""
        texts = [element.text or ""]
        for child in element:
            if child.tag == "data":
                texts[-1] += HOLE + (child.tail or "")
            elif isinstance(child.tag, str):
                texts.append(child.tail or "")
            else:
                texts[-1] += child.tail or ""
        for text in texts:
            if not self.known.knows(text, heading=element.tag in ("th", "a")):
                self._unregistered(f"<{element.tag}>", text)

    def _names(self, element: etree._Element, *, in_chart: bool) -> None:
        """Look at the name of an element, and at the names and values of its attributes."""
        tag = _tag(element)
        if not re.fullmatch("h[1-6]", tag):
            self._unregistered("element", tag, _MEND)
        for name, value in element.attrib.items():
            if name not in ("x1", "x2", "y1", "y2"):
                self._unregistered(f"<{tag}> attribute", name, _MEND)
            if (tag, name) == ("data", "value") or (element is self.declares and name == "content"):
                continue  # Both are read elsewhere.
            if numbers_in(value) and not (self._named(tag, name, value) or (in_chart and _drawn_so(name, value))):
                spoken = name in ("title", "alt", "placeholder", "summary", "label") or name.startswith("aria-")
                if not (spoken and self.known.knows(value)):
                    self._unregistered(f"<{tag} {name}>", value, REGISTER if spoken else _MEND)

    def _named(self, tag: str, name: str, value: str) -> bool:
        """Tell whether the template says this: a part of the page, another page, a setting."""
        if name in ("id", "aria-labelledby"):
            return all(self._numbers_a_part(word) for word in value.split())
        if name == "href":
            return value in self.files or (value[:1] == "#" and self._numbers_a_part(value[1:]))
        if (tag, name) == ("meta", "content"):
            value = value.replace(f"'sha256-{self.script}'", "")
            return (name, value) in _SETTINGS or not numbers_in(value)
        return (name, value) in _SETTINGS

    def _numbers_a_part(self, word: str) -> bool:
        named = _NAME.fullmatch(word)
        numbers = [number for number in named.groups() if number] if named else []
        return any(number[0] != "0" and int(number) <= self.parts for number in numbers)

    def _chart_text(self, element: etree._Element) -> None:
        """Look at what stands in a chart outside its labels, name and description."""
        if _tag(element) not in ("text", "tspan", "title", "desc"):
            self._unregistered("chart", element.text or "")
        if _tag(element) not in ("tspan", "svg"):
            self._unregistered("chart", element.tail or "")

    def _figure(self, figure: html.HtmlElement) -> None:
        """Hold a chart against the table below it: its texts, its description, and the place of every mark."""
        rows = [[claim(self.name, e.get("value", "")) for e in row.iter("data")] for row in figure.iter("tr")]
        leans = {f"{100 - float(n):.0f}" for row in rows for c in row if c.cell[0] == "answer_lean" for n in _share(c)}
        told = {number for row in rows for made in row for number in made.numbers} | leans
        count = str(len(figure.findall(".//tbody/tr")))
        places = _places(rows, leans)
        for chart in figure.iter("{*}svg", "svg"):
            for element in chart.iter():
                if _tag(element) in ("text", "desc", "title"):
                    self._chart_says(_tag(element), " ".join(element.itertext()), told, count)
            for value, slack in _drawn(chart):
                if not any(abs(value - place) <= slack for place in places):
                    self._note(f"a mark stands at {value:.1f}, which its table does not say. Round what is drawn")

    def _chart_says(self, tag: str, text: str, told: set[str], count: str) -> None:
        if tag == "text":
            alone = text.strip().lstrip("≤≥")
            right = alone in told or alone in AXIS or self.known.labels(text)
        else:
            right = self.known.knows(text) or any(n <= told | {count} for n in self.known.described(text))
        if not right:
            self._unregistered("chart", text, "Say what its table says, by a sentence of the catalogue")


def _drawn_so(name: str, value: str) -> bool:
    if name == "class":
        return bool(_THEMED.fullmatch(value))
    return value in _LOOKS.get(name, ()) or (name in _GEOMETRY and bool(re.fullmatch(_GEOMETRY[name], value, re.ASCII)))


def _places(rows: list[list[Claim]], leans: set[str]) -> set[float]:
    """Return the values (0-100) at which a chart may have a mark."""
    places = {float(n) for row in rows for c in row if c.part in ("share", "range") for n in c.numbers}
    places |= {float(n) for n in leans | {"0", "100"}}
    for row in rows:  # Parts of a bar begin where those before them end, rounded after adding up.
        answers = [float(n) for c in row if c.cell[0] == "answer_share" for n in _share(c)]
        places |= {sum(answers[: i + 1]) + off for i in range(len(answers)) for off in (-2, -1, 0, 1, 2)}
    return places


def _share(made: Claim) -> list[str]:
    return made.numbers if made.part == "share" else []


def _tag(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _origin(element: etree._Element) -> tuple[float, float]:
    """Return the pixels by which an element and the groups around it are moved."""
    x = y = 0.0
    for at in (element, *element.iterancestors()):
        if moved := _PLACE.search(at.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
    return x, y


def _drawn(chart: etree._Element) -> Iterator[tuple[float, float]]:
    """Yield the value (0-100) at which each coloured mark stands on the axis of numbers, and how exact that is."""
    texts = [((e.text or "").strip(), *_origin(e)) for e in chart.iter() if _tag(e) == "text"]
    zeros, hundreds = ([(x, y) for t, x, y in texts if t == value] for value in ("0", "100"))
    across = [(x0, x1) for x0, y0 in zeros for x1, y1 in hundreds if abs(y0 - y1) < 1 and x1 > x0]
    above = [(y0, [y1 for x1, y1 in hundreds if abs(x0 - x1) < 1 and y1 < y0]) for x0, y0 in zeros]
    up = [(y0, max(ys)) for y0, ys in above if ys]
    top = min((_origin(e)[1] for e in chart if _tag(e) == "g"), default=0.0)
    for element in chart.iter():
        if _tag(element) == "text" or not _DATA_CLASS.search(element.get("class", "")):
            continue
        xs, ys = _ends(element)
        for low, high in across[:1]:
            for x in xs if min(ys) >= top else []:
                yield 100 * (x - low) / (high - low), 100 * TICK / (high - low)
        # Tick labels stand a little below their tick.
        for low, high in {(y0 - LABEL, y1 - LABEL) for y0, y1 in up} if not across else []:
            for y in ys:
                if high - 1 <= y <= low + 1:
                    yield 100 * (low - y) / (low - high), 100 * TICK / (low - high)


def _ends(element: etree._Element) -> tuple[list[float], list[float]]:
    """Return the absolute places of a mark's ends: its middle, the ends of a line, the corners of a bar or a path."""
    x, y = _origin(element)
    if _tag(element) == "line":
        return [x, x + float(element.get("x2", 0))], [y, y + float(element.get("y2", 0))]
    path = element.get("d", "")
    if bar := _BAR.match(path):
        return [x + float(bar[1]), x + float(bar[1]) + float(bar[3])], [y + float(bar[2])]
    if "A" in path or path.endswith("Z"):
        return [x], [y]
    points = [(float(a), float(b)) for a, b in _POINT.findall(path)]
    return [x + a for a, _ in points] or [x], [y + b for _, b in points] or [y]
