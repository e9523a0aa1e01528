"""Read what was published, byte by byte: every number and where it says it comes from.

Nothing here trusts the program that made the pages. A number is registered where it stands in a <data> element that
names a safe cell; it is constant where the page declares it as its study's own; on a chart it has to be one of the
numbers of the chart's table, and so has the place of every mark. Anything else is a number nobody registered.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html as entities
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pandas as pd
from lxml import etree, html

from sro_research.errors import DisclosureError

_EFFECT = {"estimate", "low", "high"}
PARTS: dict[str, set[str]] = {
    "share_agree": {"n", "share", "range"},
    "share_agree_others": {"share", "range"},
    "answer_share": {"share"},
    "answer_lean": {"n", "share"},
    "responses": {"n"},
    "response_rate": {"share"},
    "outreach_hours_per_100_students": {"hours_per_100"},
    "training_completion_rate": {"n", "share"},
    "effect_within_schools": _EFFECT,
    "effect_between_schools": _EFFECT,
}
"""What a page may say of each kind of safe cell. A mean or a standard deviation would pin down the answers of a few."""
MARKS = {"hidden", "not_available"}
KEYS = 7
"""A cell is named by its measure and six keys, of which one is a group: no one is told by two traits at once."""
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)
_PLACE = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")
_DATA_CLASS = re.compile(r"\b[fs]-(ours|others|a\d)\b")
_BAR = re.compile(r"M(-?[\d.]+),(-?[\d.]+)h([\d.]+)v")
_POINT = re.compile(r"[ML](-?[\d.]+),(-?[\d.]+)")
_CONTENT = re.compile(r"(?<![-\w])content\s*:[^;}]*\d")
_LONGEST_LIST = 20
AXIS = ("0", "25", "50", "75", "100")
TICK, LABEL = 0.7, 4.0
"""Pixels by which a mark may lie beside its number (axes stand half a pixel off), and a tick's label below the tick."""


@dataclass(frozen=True)
class Claim:
    """One thing a page says of a safe cell: `part` is n, share, range, …, `value` what is said in machine form."""

    page: str
    cell: tuple[str, ...]
    part: str
    value: str


@dataclass
class Published:
    """All that a folder of pages says: claims, what could not be accounted for, and what could not be read."""

    claims: list[Claim] = field(default_factory=list)
    unregistered: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    files: int = 0


def read_published(folder: Path) -> Published:
    """Read every file below a folder.

    Raises `DisclosureError` where there is nothing to read: an audit of nothing proves nothing.
    """
    found = Published()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, found.files = str(path.relative_to(folder)), found.files + 1
        try:
            if path.suffix == ".html":
                _read_page(path.read_text(encoding="utf-8"), name, found)
            elif path.suffix in (".csv", ".xlsx"):
                _read_table(path, name, found)
            elif path.suffix not in (".json", ".svg", ".txt", ".md", ".css", ".pdf"):
                found.unreadable.append(f"{name}: files of this kind cannot be audited")
            else:
                numbers = sorted({n for text in byte_forms(path.read_bytes()) for n in NUMBER.findall(text)})
                found.unregistered += [f"{name}: {n}" for n in numbers[:_LONGEST_LIST]]
        except (OSError, ValueError, etree.LxmlError, zipfile.BadZipFile) as error:
            found.unreadable.append(f"{name}: {type(error).__name__}")
    if not found.files:
        raise DisclosureError(folder, "there is nothing to audit", fix="Run the study first.")
    return found


def byte_forms(content: bytes) -> Iterator[str]:
    """Yield a file's content as text in every form in which something could be hidden in it.

    As it is, with entities and \\u escapes resolved, base64 decoded, members of archives, streams of a PDF.
    """
    raw = content.decode("utf-8", errors="replace")
    yield raw
    yield entities.unescape(raw)
    if "\\u" in raw:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), raw)
    for blob in _BASE64.findall(content):
        try:
            yield base64.b64decode(blob + b"=" * (-len(blob) % 4)).decode("utf-8", errors="replace")
        except (binascii.Error, ValueError):
            continue
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield member
                yield from byte_forms(archive.read(member))
    if content[:2] == b"\x1f\x8b":
        yield from byte_forms(gzip.decompress(content))
    for stream in _STREAM.findall(content) if content[:4] == b"%PDF" else []:
        try:
            yield zlib.decompress(stream.strip(b"\r\n")).decode("latin-1")
        except zlib.error:
            yield stream.decode("latin-1")


def claim(page: str, source: str) -> Claim:
    """Read the source of a number, `measure|population|…|wave#part=value`."""
    name, _, said = source.partition("#")
    part, _, value = said.partition("=")
    return Claim(page, tuple(name.split("|")), part, value)


def _read_page(text: str, name: str, found: Published) -> None:
    root = html.document_fromstring(text.encode())
    constants = set(" ".join(root.xpath("//meta[@name='sro-constants']/@content")).split())
    for element in root.iter("data"):
        made = claim(name, element.get("value", ""))
        found.claims.append(made)
        if len(made.cell) != KEYS or made.part not in PARTS.get(made.cell[0], set()) | MARKS:
            found.unregistered.append(f"{name}: a source that names no safe cell, or no part of it that may be shown")
        said = [number.replace(",", "") for number in NUMBER.findall(element.text_content())]
        if said != _numbers(made.value):
            found.unregistered.append(f"{name}: '{element.text_content()}' is not what its source says")
    for script in list(root.iter("script")):
        if re.search(r"\d{2,}", re.sub(r"[A-Za-z_$][\w$]*", "", script.text_content())):
            found.unregistered.append(f"{name}: a script holds numbers")
        script.drop_tree()
    for style in list(root.iter("style")):
        if _CONTENT.search(style.text_content()):
            found.unregistered.append(f"{name}: a style sheet writes numbers")
        style.drop_tree()
    for figure in root.iter("figure"):
        _read_figure(figure, name, constants, found)
    stray = [e for e in root.iter("svg") if not any(a.tag == "figure" for a in e.iterancestors())]
    found.unregistered += [f"{name}: a chart stands outside a figure"] * len(stray)
    _check_texts(root, name, constants, found)


def _check_texts(root: html.HtmlElement, name: str, allowed: set[str], found: Published) -> None:
    """Look at all texts and attributes that a reader or a program can see, except inside <data> and charts."""
    for element in root.iter(etree.Element):
        if element.tag == "svg" or any(a.tag == "svg" for a in element.iterancestors()):
            continue
        texts = [] if element.tag == "data" else [element.text or ""]
        texts += [element.tail or ""]
        if element.tag != "meta":
            visible = ("title", "alt", "aria-label", "aria-description", "placeholder", "summary")
            texts += [value for key, value in element.attrib.items() if key in visible or key.startswith("data-")]
        for text in texts:
            for number in NUMBER.findall(text):
                if number not in allowed:
                    found.unregistered.append(f"{name}: <{element.tag}> {number}")
    for comment in root.iter(etree.Comment):
        found.unregistered += [f"{name}: comment {number}" for number in NUMBER.findall(comment.text or "")]


def _read_figure(figure: html.HtmlElement, name: str, constants: set[str], found: Published) -> None:
    """Hold a chart against the table below it: its texts, its description, and the place of every mark."""
    rows = [[claim(name, e.get("value", "")) for e in row.iter("data")] for row in figure.iter("tr")]
    told = {number for row in rows for made in row for number in _numbers(made.value)}
    leans = {f"{100 - float(n):.0f}" for row in rows for c in row if c.cell[0] == "answer_lean" for n in _share(c)}
    told |= leans | {str(len(figure.findall(".//tbody/tr"))), *AXIS}
    places = {float(n) for row in rows for c in row if c.part in ("share", "range") for n in _numbers(c.value)}
    places |= {float(n) for n in leans | {"0", "100"}}
    for row in rows:  # Parts of a bar begin where those before them end, rounded after adding up.
        answers = [float(n) for c in row if c.cell[0] == "answer_share" for n in _share(c)]
        places |= {sum(answers[: i + 1]) + off for i in range(len(answers)) for off in (-2, -1, 0, 1, 2)}
    for chart in figure.iter("{*}svg", "svg"):
        for text in [e for e in chart.iter() if _tag(e) in ("text", "desc", "title")]:
            for number in NUMBER.findall("".join(text.itertext())):
                if number.replace(",", "") not in told | constants:
                    found.unregistered.append(f"{name}: chart {number}")
        for value, slack in _drawn(chart):
            if not any(abs(value - place) <= slack for place in places):
                found.unregistered.append(f"{name}: a mark stands at {value:.1f}, which its table does not say")


def _numbers(value: str) -> list[str]:
    return NUMBER.findall(value.replace("..", " "))


def _share(made: Claim) -> list[str]:
    return _numbers(made.value) if made.part == "share" else []


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


def _read_table(path: Path, name: str, found: Published) -> None:
    """Read a table of safe cells: columns of keys, then numbers; a number in any other table is not registered."""
    if path.suffix == ".csv":
        lines = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines()]
    else:
        book = openpyxl.load_workbook(path, data_only=True)
        if hidden := [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]:
            found.unregistered.append(f"{name}: {len(hidden)} hidden sheets")
        lines = [
            ["" if v is None else str(v) for v in row] for s in book.worksheets for row in s.iter_rows(values_only=True)
        ]
    header = lines[0] if lines else []
    keys = ["measure", "population", "construct", "group_by", "group", "school_id", "wave"]
    if all(key in header for key in keys):
        for line in lines[1:]:
            row = dict(zip(header, line, strict=False))
            cell = tuple(row[key] for key in keys)
            for part in ("n", "share"):
                if row.get(part):
                    found.claims.append(Claim(name, cell, part, row[part]))
        return
    found.unregistered += [
        f"{name}: {number}" for number in [n for line in lines for v in line for n in NUMBER.findall(v)][:_LONGEST_LIST]
    ]


def canaries_in(folder: Path, tokens: list[str]) -> list[str]:
    """Return the files in which a token stands in any form; the token itself is not repeated."""
    hits = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        forms = list(byte_forms(path.read_bytes()))
        hits += [
            f"{path.relative_to(folder)}: token {i + 1}" for i, t in enumerate(tokens) if any(t in f for f in forms)
        ]
        hits += [
            f"file name {path.relative_to(folder).parent}: token {i + 1}"
            for i, t in enumerate(tokens)
            if t in path.name
        ]
    return hits


def read_public_numbers(path: Path) -> pd.DataFrame:
    """Read what else is public of each school: `school_id`, `wave`, and `students`, `staff` or both.

    Raises `DisclosureError` where the file or a column is missing, or a number is not one.
    """
    try:
        table = pd.read_csv(
            path, dtype={"school_id": "string", "wave": "string", "students": "Int64", "staff": "Int64"}
        )
    except (OSError, ValueError) as error:
        raise DisclosureError(path, f"cannot be read: {type(error).__name__}", fix="Give a CSV of counts.") from None
    if not {"school_id", "wave"} <= set(table.columns) or not {"students", "staff"} & set(table.columns):
        raise DisclosureError(path, "lacks school_id, wave, or students and staff", fix="Name the columns like this.")
    return table


def read_tokens(path: Path) -> list[str]:
    """Read tokens, one a line. Raises `DisclosureError` where there are none."""
    tokens = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    if not (tokens := [token.strip() for token in tokens if token.strip()]):
        raise DisclosureError(path, "holds no tokens", fix="Write one a line.")
    return tokens
