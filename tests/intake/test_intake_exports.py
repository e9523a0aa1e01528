"""Whatever program wrote a file, the same table of text comes out, or one sentence about the file."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from sro_research.errors import SourceError
from sro_research.intake import read_export

TABLE = {2: ["R1", "0001", "3"], 3: ["R2", "0012", ""]}
"""What every well-formed file below holds, by row number of the spreadsheet."""

File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(content: str | bytes, name: str = "a.csv", *, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return write


def rows(path: Path, encoding: str = "utf-8") -> dict[int, list[str]]:
    cells = read_export(path, encoding).cells
    assert list(cells.columns) == ["id", "school", "q"]
    return {int(number): list(row) for number, row in zip(cells.index, cells.to_numpy().tolist(), strict=True)}


@pytest.mark.parametrize(
    "text",
    [
        "id,school,q\nR1,0001,3\nR2,0012,\n",
        "id;school;q\nR1;0001;3\nR2;0012;\n",
        "id\tschool\tq\nR1\t0001\t3\nR2\t0012\t\n",
        "\ufeffid,school,q\nR1,0001,3\nR2,0012,\n",
        "id,school,q\r\nR1,0001,3\r\nR2,0012,",
        "id,school,q\rR1,0001,3\rR2,0012,\r",
        '"id","school","q"\n"R1","0001","3"\n"R2","0012",""\n',
        " id , school,q \nR1,0001,3\nR2,0012,\n",
        "id,school,q,,\nR1,0001,3,,\nR2,0012,,,\n",  # a spreadsheet's empty columns have no names
        "id,school,q\nR1,0001,3\nR2,0012,\n\n,,\n , ,\n\n",  # what an editor leaves behind
    ],
)
def test_every_kind_of_csv_gives_the_same_table(file: File, text: str) -> None:
    assert rows(file(text)) == TABLE


def test_names_of_columns_may_hold_the_other_separators(file: File) -> None:
    path = file('"id";"school";"q";"why, oh, why, or, not"\nR1;0001;3;x\n')
    assert list(read_export(path).cells.columns) == ["id", "school", "q", "why, oh, why, or, not"]


def test_a_quoted_line_break_is_part_of_its_cell_and_of_its_row(file: File) -> None:
    path = file('id,school,"q"\nR1,0001,"one\ntwo, ""three"""\n\nR2,0012,\n')
    assert rows(path) == {2: ["R1", "0001", 'one\ntwo, "three"'], 4: ["R2", "0012", ""]}


def test_another_encoding_is_read_where_the_study_says_so(file: File) -> None:
    text = "id,school,q\nR1,0001,Peña – “sí”\n"
    assert rows(file(text, encoding="cp1252"), "cp1252")[2][2] == "Peña – “sí”"
    assert rows(file(text, encoding="utf-16"), "utf-16")[2][2] == "Peña – “sí”"
    assert rows(file("\ufeff" + text), "UTF8")[2][2] == "Peña – “sí”"


def test_ragged_rows_are_counted_and_the_others_read(file: File) -> None:
    export = read_export(file("id,school,q\nR1,0001\nR2,0012,3,4\nR3,0001,3\n"))
    assert export.unreadable == dict.fromkeys((2, 3), "has more or fewer cells than the header")
    assert export.cells.index.tolist() == [4]
    assert export.rows == 3


def test_a_cell_of_many_megabytes_is_read(file: File) -> None:
    assert len(rows(file(f"id,school,q\nR1,0001,{'x' * 11_000_000}\n"))[2][2]) == 11_000_000


SAVE_AS = "Save it as UTF-8, or write `encoding: cp1252` beside the file in the study file."
SAVE_AS_16 = "Write `encoding: utf-16` beside the file in the study file, or save it as UTF-8."
NAME_IT = "Name it {0}, here and in the study file."
QUOTES = "a quoted cell is not closed or is followed by stray text. Mend the quotes near this line and export again."
EMPTY = ": the file is empty. Export it again."


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", "utf-8", EMPTY),
        (b"\xef\xbb\xbf", "utf-8", EMPTY),
        (b"\n \n\n", "utf-8", EMPTY),
        (b"id,school,q\n", "utf-8", ": the file has a header but no rows. Export it again."),
        (b"id,q\nJane,1\nJos\xe9,2\n", "utf-8", f":3: the text is not utf-8. {SAVE_AS}"),
        ("id,q\nR1,1\n".encode("utf-16"), "utf-8", f": the text is UTF-16, not utf-8. {SAVE_AS_16}"),
        ("id,q\nR1,1\n".encode("utf-16"), "cp1252", f": the text is UTF-16, not cp1252. {SAVE_AS_16}"),
        (b"PK\x03\x04..xl/workbook.xml..", "utf-8", f": this is an Excel file, not text. {NAME_IT.format('.xlsx')}"),
        (b"PK\x03\x04..a.csv..", "cp1252", ": this is a ZIP archive, not text. Unpack it, and name the file inside."),
        (
            b"\xd0\xcf\x11\xe0..",
            "cp1252",
            ": this is an old Excel file, not text. Open it in Excel and save it as .xlsx.",
        ),
        (b"$FL2@(#) SPSS", "utf-8", f": this is an SPSS file, not text. {NAME_IT.format('.sav')}"),
        (b"id,q\nR1,1\n", "utf-9", ": the encoding 'utf-9' is not known. Write utf-8 or cp1252."),
        (b"id,q\nR1,1\n", "base64", ": the encoding 'base64' is not known. Write utf-8 or cp1252."),
        (b"id,q\nR_,1\n", "punycode", ": the encoding 'punycode' is not known. Write utf-8 or cp1252."),
        (b'id,q\nR1,1\n"Jane,2\nR3,3\n', "utf-8", f":4: {QUOTES}"),
        (b'id,q\nR1,1\n"Jane"x,2\n', "utf-8", f":3: {QUOTES}"),
        (b"id,q,id\nR1,1,2\n", "utf-8", ": column 3 has the name of an earlier one. Give each column its own name."),
        (b"id,q,Q\nR1,1,2\n", "utf-8", ": column 3 has the name of an earlier one. Give each column its own name."),
        # A file without a header: the "names" are a person's answers.
        (b"Jane,4,4\nJos,3,1\n", "utf-8", ": column 3 has the name of an earlier one. Give each column its own name."),
    ],
)
def test_a_csv_that_cannot_be_read_is_named(file: File, content: bytes, encoding: str, message: str) -> None:
    path = file(content)
    with pytest.raises(SourceError) as caught:
        read_export(path, encoding)
    assert str(caught.value) == f"{path}{message}"
    assert "Jan" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("none.csv", "there is no such file"),
        ("x" * 300, "there is no such file"),
        (".", "there is no such file"),
        ("a.json", "this kind of file is not known"),
        ("a.xls", "this kind of file is not known"),
        ("a.xlsx", "this is not a readable Excel workbook"),
        ("a.sav", "this is not a readable SPSS file"),
    ],
)
def test_a_file_of_the_wrong_kind_is_named(tmp_path: Path, name: str, rule: str) -> None:
    for other in ("a.json", "a.xls", "a.xlsx", "a.sav"):
        (tmp_path / other).write_text("Jane,4\n")
    with pytest.raises(SourceError, match=f"^{re.escape(str(tmp_path / name))}: {rule}\\. [^\n]+$"):
        read_export(tmp_path / name)


def workbook(rows_: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows_:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_excel_cells_are_read_as_a_person_would_type_them(file: File) -> None:
    content = [
        ["id", None, "school", "q", None],
        ["R1", "under no name", "0001", 3, "x"],
        ["R2", None, 12, 3.0, None],
        [None, None, None, None, None],
        ["R3", None, "0001", dt.datetime(2024, 2, 29), None],
        [" ", "", None, None, None],
        ["R4", None, "0001", "#REF!", None],
        ["R5", None, "0001", 0.1, None],
        ["R6", None, "0001", "=1+1", None],  # a formula that was never worked out has no value
        ["R7", None, "0001", True, None],
        ["R8", None, "0001"],
    ]
    assert rows(file(workbook(content), "a.xlsx")) == {
        2: ["R1", "0001", "3"],
        3: ["R2", "12", "3"],
        5: ["R3", "0001", "2024-02-29"],
        7: ["R4", "0001", "#REF!"],
        8: ["R5", "0001", "0.1"],
        9: ["R6", "0001", ""],
        10: ["R7", "0001", "True"],
        11: ["R8", "0001", ""],
    }


def test_a_workbook_whose_stated_size_is_wrong_is_read_whole(file: File) -> None:
    # Some programs write <dimension ref="A1"/> whatever the sheet holds.
    source = workbook([["id", "school", "q"], ["R1", "0001", 3], ["R2", "0012"]])
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content, count = re.subn(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', content)
                assert count == 1
            new.writestr(name, content)
    assert rows(file(buffer.getvalue(), "a.xlsx")) == TABLE


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ([], "the first row of the first sheet is empty"),
        ([[None, None], ["R1", 1]], "the first row of the first sheet is empty"),
        ([["id", "school", "q"]], "the file has a header but no rows"),
        ([["id", "Q", "q"], ["R1", 1, 2]], "column 3 has the name of an earlier one"),
    ],
)
def test_a_workbook_without_a_table_is_named(file: File, content: list[list[object]], rule: str) -> None:
    path = file(workbook(content), "a.xlsx")
    with pytest.raises(SourceError, match=f"^{re.escape(str(path))}: {rule}\\. "):
        read_export(path)


def spss(path: Path, **more: object) -> Path:
    table = pd.DataFrame({"id": ["R1", "R2", "R3"], "school": ["0001", "0012", "0001"], "q": [3.0, None, 98.0]})
    pyreadstat.write_sav(table, str(path), **more)
    return path


def test_spss_keeps_codes_also_those_called_missing_and_no_labels(tmp_path: Path) -> None:
    path = spss(
        tmp_path / "a.sav", missing_ranges={"q": [98]}, variable_value_labels={"q": {3.0: "Agree", 98.0: "Don't know"}}
    )
    assert rows(path) == TABLE | {4: ["R3", "0001", "98"]}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_named_whatever_its_kind(tmp_path: Path, file: File, share: float) -> None:
    long = workbook([["id", "school", "q"], *[[f"R{i}", "0001", i] for i in range(500)]])
    for whole in (spss(tmp_path / "whole.sav").read_bytes(), long):
        path = file(whole[: int(share * len(whole))], "cut.xlsx" if whole is long else "cut.sav")
        with pytest.raises(SourceError, match=r"this is not a readable (SPSS file|Excel workbook)\. "):
            read_export(path)


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5])
def test_a_workbook_with_damage_inside_is_named(file: File, place: float) -> None:
    whole = bytearray(workbook([["id", "school", "q"], *[[f"R{i}", "0001", i] for i in range(500)]]))
    sheet = whole.index(b"xl/worksheets/sheet1.xml")
    damaged = sheet + 200 + int(place * 1000)
    whole[damaged : damaged + 40] = b"\xa5" * 40
    with pytest.raises(SourceError, match=r"this is not a readable Excel workbook\. Save it again as \.xlsx\."):
        read_export(file(bytes(whole), "a.xlsx"))
