"""One raw export file to a table of text, whatever program wrote it.

Every reader ends in the same shape, so that one set of rules serves CSV, Excel and SPSS alike: all cells are text,
blank where empty, and the index is the row number a spreadsheet shows (the header is row 1).

A `Sheet` is a file as it lies there, its columns by position under all the rows of its header. An `Export` is a table
whose columns have names of their own.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat

from sro_research.errors import SourceError
from sro_research.files import is_file

DELIMITERS = ",;\t"
FIRST_DATA_ROW = 2
_RENAME = "Name it {0}, here and in the study file."
_KINDS = (
    (b"PK\x03\x04", b"xl/", "this is an Excel file, not text", _RENAME.format(".xlsx")),
    (b"PK\x03\x04", b"", "this is a ZIP archive, not text", "Unpack it, and name the file inside."),
    (b"\xd0\xcf\x11\xe0", b"", "this is an old Excel file, not text", "Open it in Excel and save it as .xlsx."),
    (b"$FL", b"", "this is an SPSS file, not text", _RENAME.format(".sav")),
)
"""Kinds of files by how they begin and what is in them: the rule and the fix."""
_QUOTED = re.compile(r'"[^"]*("|$)')
_HEADER = re.compile(r'(?:[^"\r\n]|"[^"]*(?:"|$))*')
"""The first line of a file, with the line breaks that stand in quotes."""


@dataclass(frozen=True)
class Sheet:
    """A raw file as text.

    `headings` are the cells of the header above each column, top first; SPSS gives a name and a label. `cells` has
    the same columns by position (0, 1, …). `unreadable` are row numbers that could not be read, with the reason for
    each. `labels` are, by position, the labels SPSS keeps of codes.
    """

    headings: tuple[tuple[str, ...], ...]
    cells: pd.DataFrame
    unreadable: dict[int, str]
    labels: dict[int, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Export:
    """A file as a table under names: `cells`, and the numbers of rows set aside with the reason for each.

    `unread` has one row (`index`, `column`, `rule`) for each answer that could not be matched to a code; its cell is
    blank. `width` is how many columns the file has, `dropped` how many of them `cells` does not hold.
    """

    cells: pd.DataFrame
    unreadable: dict[int, str]
    width: int
    unread: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"index": [], "column": [], "rule": []}))
    dropped: int = 0

    @property
    def rows(self) -> int:
        """Rows in the file, readable or not, without the header."""
        return len(self.cells) + len(self.unreadable)


def read_export(path: Path, encoding: str = "utf-8") -> Export:
    """Read a CSV, XLSX or SPSS file whose header is one row of names.

    Raises `SourceError` when the file as a whole cannot be read.
    """
    return named(read_sheet(path, encoding), path)


def named(sheet: Sheet, path: Path) -> Export:
    """Return a sheet as a table under the first row of its header, or raise `SourceError` for a name used twice."""
    cells = sheet.cells.set_axis([heading[0] for heading in sheet.headings], axis="columns")
    twice = cells.columns.str.lower().duplicated()
    if twice.any():
        # By position: in a file without a header the "name" would be a person's answer.
        raise SourceError(
            path,
            f"column {twice.argmax() + 1} has the name of an earlier one",
            fix="Give each column its own name.",
        )
    return Export(cells, sheet.unreadable, len(sheet.headings))


def read_sheet(path: Path, encoding: str = "utf-8", *, header_rows: int = 1) -> Sheet:
    """Read a CSV, XLSX or SPSS file as it lies there.

    `header_rows` is how many rows stand above the answers; an SPSS file has its own. Raises `SourceError` when the
    file as a whole cannot be read.
    """
    if not is_file(path):
        raise SourceError(path, "there is no such file", fix="Check `file` and `folders.data` in the study file.")
    if not os.access(path, os.R_OK):
        raise SourceError(path, "you may not read this file", fix="Ask for the right to read it.")
    if path.stat().st_size == 0:
        raise SourceError(path, "the file is empty", fix="Export it again.")
    readers = {
        ".csv": _read_csv,
        ".txt": _read_csv,
        ".tsv": _read_csv,
        ".xlsx": _read_xlsx,
        ".sav": _read_sav,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SourceError(path, "this kind of file is not known", fix=f"Export it as {', '.join(sorted(readers))}.")
    sheet = reader(path, encoding, header_rows)
    if len(sheet.cells) + len(sheet.unreadable) == 0:
        raise SourceError(path, "the file has a header but no rows", fix="Export it again.")
    return sheet


def _read_csv(path: Path, encoding: str, header_rows: int) -> Sheet:
    raw = path.read_bytes()
    _refuse_other_kinds(path, raw, encoding)
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}:{line}",
            f"the text is not {encoding}",
            fix="Save it as UTF-8, or write `encoding: cp1252` beside the file in the study file.",
        ) from None
    except (LookupError, ValueError):
        raise SourceError(path, f"the encoding '{encoding}' is not known", fix="Write utf-8 or cp1252.") from None
    if not text.strip():
        raise SourceError(path, "the file is empty", fix="Export it again.")
    header = _QUOTED.sub("", _HEADER.match(text.lstrip())[0])  # type: ignore[index]  # it matches anything
    delimiter = max(DELIMITERS, key=header.count)
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        records = list(reader)
    except csv.Error:
        raise SourceError(
            f"{path}:{reader.line_num}",
            "a quoted cell is not closed or is followed by stray text",
            fix="Mend the quotes near this line and export again.",
        ) from None
    first = next(i for i, cells in enumerate(records) if _filled(cells))
    width, last = len(records[first]), first + header_rows
    rows = {number: cells for number, cells in enumerate(records, 1) if number > last and _filled(cells)}
    readable = {number: cells for number, cells in rows.items() if len(cells) == width}
    unreadable = {n: "has more or fewer cells than the header" for n in rows if n not in readable}
    return _sheet(records[first:last], readable, unreadable)


def _refuse_other_kinds(path: Path, raw: bytes, encoding: str) -> None:
    """Name what a file is that only calls itself CSV; Windows' encodings would read any of these as letters."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "16" not in encoding:
        raise SourceError(
            path,
            f"the text is UTF-16, not {encoding}",
            fix="Write `encoding: utf-16` beside the file in the study file, or save it as UTF-8.",
        )
    for start, part, rule, fix in _KINDS:
        if raw.startswith(start) and part in raw:
            raise SourceError(path, rule, fix=fix)


def _read_xlsx(path: Path, _encoding: str, header_rows: int) -> Sheet:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # Some programs write a size of the sheet that is not its size.
        sheet.reset_dimensions()
        records = [[_as_text(cell) for cell in cells] for cells in sheet.iter_rows(values_only=True)]
        book.close()
    except Exception:
        # A damaged file can fail anywhere in unzipping, XML or openpyxl, each with exceptions of its own.
        raise SourceError(path, "this is not a readable Excel workbook", fix="Save it again as .xlsx.") from None
    if not records or not _filled(records[0]):
        raise SourceError(path, "the first row of the first sheet is empty", fix="Put the names of the columns there.")
    width = len(records[0])
    rows = {
        number: (cells + [""] * width)[:width]
        for number, cells in enumerate(records[header_rows:], header_rows + 1)
        if _filled(cells)
    }
    return _sheet(records[:header_rows], rows, {})


def _read_sav(path: Path, _encoding: str, _header_rows: int) -> Sheet:
    try:
        # User-missing codes are answers ("don't know"); the codebook, not SPSS, says what they mean.
        table, about = pyreadstat.read_sav(path, user_missing=True)
    except Exception:
        raise SourceError(path, "this is not a readable SPSS file", fix="Save it again as .sav.") from None
    headings = tuple((name, about.column_names_to_labels.get(name) or "") for name in table.columns)
    cells = pd.DataFrame({i: [_as_text(v) for v in table[name]] for i, (name, _) in enumerate(headings)}, dtype="str")
    cells.index = pd.RangeIndex(FIRST_DATA_ROW, FIRST_DATA_ROW + len(cells))
    labels = {
        i: {_as_text(code): label for code, label in about.variable_value_labels[name].items()}
        for i, (name, _) in enumerate(headings)
        if name in about.variable_value_labels
    }
    return Sheet(headings, cells, {}, labels)


def _filled(cells: list[str]) -> bool:
    # A line of nothing is what editors leave behind, not an answer.
    return any(cell.strip() for cell in cells)


def _sheet(header: list[list[str]], rows: dict[int, list[str]], unreadable: dict[int, str]) -> Sheet:
    """Return rows by row number under their header, without columns that have no heading."""
    width = len(header[0])
    lines = [[cell.strip() for cell in (line + [""] * width)[:width]] for line in header]
    if len(lines) > 1:
        # One cell of the first line may stand above several columns, and is written over the first of them alone.
        for i in range(1, width):
            lines[0][i] = lines[0][i] or (lines[0][i - 1] if lines[1][i] else "")
    cells = pd.DataFrame(list(rows.values()), index=list(rows), columns=range(width), dtype="str")
    kept = [i for i, name in enumerate(lines[0]) if name]
    headings = tuple(tuple(line[i] for line in lines) for i in kept)
    return Sheet(headings, cells[kept].set_axis(range(len(kept)), axis="columns"), unreadable)


def _as_text(value: object) -> str:
    """Write a cell as a person would type it: whole numbers without a point, midnight without a time."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).removesuffix(" 00:00:00")
