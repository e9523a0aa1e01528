"""Read what was published, byte by byte: pages, tables, and whatever else lies in the folder.

Nothing here trusts the program that made the files. What is no page and no table of safe cells may hold no number.
"""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import html as entities
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd
from lxml import etree

from sro_research.disclosure.claims import CARE, Claim, Published
from sro_research.disclosure.pages import REGISTER, read_page
from sro_research.disclosure.safe import CAUTION, NOT_AVAILABLE, NOT_MET
from sro_research.disclosure.texts import numbers_in
from sro_research.errors import DisclosureError
from sro_research.estimates import KEYS, SCHOOL, UNITS

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)
_LONGEST_LIST = 20
_OF_PEOPLE = {"n": "n", "share": "share"}
_OF_SCHOOLS = {"n": "n", "estimate": "estimate", "std_error": "std_error", "conf_low": "low", "conf_high": "high"}
"""By column of a table, what it says of a cell."""
_SCHOOL_PAGE = re.compile(r"school_(.+?)(?:\.[a-z]{2})?\.html")


def read_published(folder: Path, words: Mapping[str, Iterable[str]]) -> Published:
    """Read every file below a folder; `words` are by language the sentences that pages are made of.

    Raises `DisclosureError` where there is nothing to read: an audit of nothing proves nothing.
    """
    found = Published()
    paths = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
    for name, path in paths.items():
        before, found.files = len(found.claims), found.files + 1
        try:
            if path.suffix == ".html":
                read_page(path.read_text(encoding="utf-8"), name, set(paths), words, found)
            elif path.suffix in (".csv", ".xlsx"):
                _read_table(path, name, found)
            elif path.suffix not in (".json", ".svg", ".txt", ".md", ".pdf"):
                found.unreadable.append(f"{name}: files of this kind cannot be audited")
            else:
                numbers = sorted({n for text in byte_forms(path.read_bytes()) for n in numbers_in(text)})
                found.unregistered += [f"{name}: {n}. {REGISTER}" for n in numbers[:_LONGEST_LIST]]
        except (OSError, ValueError, csv.Error, etree.LxmlError, zipfile.BadZipFile) as error:
            found.unreadable.append(f"{name}: {type(error).__name__}")
        _check_name(name, {made.cell[5] for made in found.claims[before:]}, found)
    if not found.files:
        raise DisclosureError(folder, "there is nothing to audit", fix="Run the study first.")
    return found


def _check_name(name: str, schools: set[str], found: Published) -> None:
    """A file may be named by a number if that is the school it is about."""
    of_school = _SCHOOL_PAGE.fullmatch(name)
    if numbers_in(name) and not (of_school and of_school[1] in schools):
        found.unregistered.append(f"{name}: the file name holds a number that is no school of the page. Rename it")


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


def _read_table(path: Path, name: str, found: Published) -> None:
    """Read the tables of a file: of safe cells, or without numbers."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            _read_lines(list(csv.reader(file, strict=True)), name, found)
        return
    import openpyxl  # A third of a second, and few releases hold a workbook.

    book = openpyxl.load_workbook(path)  # Formulas as they stand; a table of safe cells has none.
    if hidden := [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]:
        found.unregistered.append(f"{name}: {len(hidden)} hidden sheets. Delete them")
    for sheet in book.worksheets:
        lines = [["" if v is None else str(v) for v in row] for row in sheet.iter_rows(values_only=True)]
        _read_lines(lines, name, found)
        remarks = [cell.comment.text for row in sheet.iter_rows() for cell in row if cell.comment]
        _note_numbers([*remarks, "" if re.fullmatch(r"Sheet\d?", sheet.title) else sheet.title], name, found)
    _note_numbers([*book.defined_names, *(named.attr_text or "" for named in book.defined_names.values())], name, found)


def _read_lines(lines: list[list[str]], name: str, found: Published) -> None:
    """Read a table: n and share of safe cells, by their keys; a number in any other place is not registered.

    Of schools of the nation a table may hold every number of a cell, under our names of columns.
    """
    header, *rows = lines or [[]]
    _note_numbers(header, name, found)
    if not set(KEYS) <= set(header):
        _note_numbers([value for row in rows for value in row], name, found)
        return
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise ValueError("a row has other columns than the header")
    for line in rows:
        row = dict(zip(header, line, strict=True))
        cell = tuple(row[key] for key in KEYS)
        parts = _OF_SCHOOLS if row["population"] == SCHOOL else _OF_PEOPLE
        care = {"estimate": CARE} if row.get("status") == CAUTION else {}
        said = [
            Claim(name, cell, parts[column], row[column] + care.get(column, "")) for column in parts if row.get(column)
        ]
        if row.get("status") in (NOT_MET, NOT_AVAILABLE):
            said.append(Claim(name, cell, row["status"], ""))
        for made in said:
            found.add(made)
        _note_numbers([] if said else cell, name, found)
        _note_numbers([row[c] for c in header if c not in (*KEYS, *parts) and row[c] not in UNITS], name, found)


def _note_numbers(texts: Iterable[str], name: str, found: Published) -> None:
    numbers = [number for text in texts for number in numbers_in(text)]
    found.unregistered += [f"{name}: {number}. Leave the column out" for number in numbers[:_LONGEST_LIST]]


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
