"""One raw export file to a table of text, whatever program wrote it.

Every reader ends in the same shape, so that one set of rules serves CSV, Excel and SPSS alike: all cells are text,
blank where empty, and the index is the row number a spreadsheet shows (the header is row 1).
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Export:
    """A raw file as text: `cells`, and the row numbers that could not be read with the reason for each."""

    cells: pd.DataFrame
    unreadable: dict[int, str]

    @property
    def rows(self) -> int:
        """Rows in the file, readable or not, without the header."""
        return len(self.cells) + len(self.unreadable)


def read_export(path: Path, encoding: str = "utf-8") -> Export:
    """Read a CSV, XLSX or SPSS file.

    Raises `SourceError` when the file as a whole cannot be read.
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
    export = reader(path, encoding)
    twice = export.cells.columns.str.lower().duplicated()
    if twice.any():
        # By position: in a file without a header the "name" would be a person's answer.
        raise SourceError(
            path,
            f"column {twice.argmax() + 1} has the name of an earlier one",
            fix="Give each column its own name.",
        )
    if export.rows == 0:
        raise SourceError(path, "the file has a header but no rows", fix="Export it again.")
    return export


def _read_csv(path: Path, encoding: str) -> Export:
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
    header = _QUOTED.sub("", text.lstrip().splitlines()[0])
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
    width = len(records[first])
    rows = {number: cells for number, cells in enumerate(records, 1) if number > first + 1 and _filled(cells)}
    readable = {number: cells for number, cells in rows.items() if len(cells) == width}
    unreadable = {n: "has more or fewer cells than the header" for n in rows if n not in readable}
    return Export(_table(records[first], readable), unreadable)


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


def _read_xlsx(path: Path, _encoding: str) -> Export:
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
        for number, cells in enumerate(records[1:], FIRST_DATA_ROW)
        if _filled(cells)
    }
    return Export(_table(records[0], rows), {})


def _read_sav(path: Path, _encoding: str) -> Export:
    try:
        # User-missing codes are answers ("don't know"); the codebook, not SPSS, says what they mean.
        table, _ = pyreadstat.read_sav(path, user_missing=True)
    except Exception:
        raise SourceError(path, "this is not a readable SPSS file", fix="Save it again as .sav.") from None
    cells = pd.DataFrame({name: [_as_text(v) for v in table[name]] for name in table.columns}, dtype="str")
    cells.index = pd.RangeIndex(FIRST_DATA_ROW, FIRST_DATA_ROW + len(cells))
    return Export(cells, {})


def _filled(cells: list[str]) -> bool:
    # A line of nothing is what editors leave behind, not an answer.
    return any(cell.strip() for cell in cells)


def _table(header: list[str], rows: dict[int, list[str]]) -> pd.DataFrame:
    """Return rows as a table, by row number, without columns that have no name."""
    names = [name.strip() for name in header]
    cells = pd.DataFrame(list(rows.values()), index=list(rows), columns=range(len(names)), dtype="str")
    cells = cells[[i for i, name in enumerate(names) if name]]
    return cells.set_axis([name for name in names if name], axis="columns")


def _as_text(value: object) -> str:
    """Write a cell as a person would type it: whole numbers without a point, midnight without a time."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).removesuffix(" 00:00:00")
