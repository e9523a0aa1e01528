"""Rules that hold for every input, tried with made-up ones."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research import schemas
from sro_research.errors import SourceError, StudyFileError
from sro_research.files import fingerprint, read_yaml
from sro_research.intake import Admission, admit, read_export

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
CODES = {"q1": (1, 2, 3, 98), "q2": (1, 2, 3, 98)}
HEADER = ["respondent_id", "school_id", "q1", "q2"]


def read(content: str, name: str = "a.yaml") -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(content, encoding="utf-8")
        return read_yaml(path).data


def take(text: str, schools: list[str] | None) -> Admission:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return admit(read_export(path), schemas.responses(CODES, schools), source=path)


def as_csv(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([HEADER, *rows])
    return buffer.getvalue()


@given(st.lists(TEXT.filter(lambda t: t != "<<"), min_size=1, unique=True))
def test_what_stands_in_quotes_comes_back_as_it_stands(texts: list[str]) -> None:
    values = {text: text for text in texts}
    written = yaml.safe_dump(values, default_style='"', allow_unicode=True, width=10_000)
    assert read(written) == values


@given(st.text(st.sampled_from("ab01: -'\"[]{}&*!<\n\t#|>,.?~%@`") | st.characters(exclude_categories=["Cs"])))
@settings(max_examples=300)
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        said = f"/a.yaml: read as a {type(read(text)).__name__}. Fine."
    except StudyFileError as error:
        said = str(error)
    assert re.fullmatch(r"[^\n]*/a\.yaml(:\d+)?: [^\n]+\. [^\n]+", said)


@given(st.dictionaries(TEXT, st.integers() | TEXT))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.from_regex(r"[0-9]{1,12}", fullmatch=True), min_size=1, max_size=20))
def test_ids_keep_their_zeros_from_the_file_to_the_table(ids: list[str]) -> None:
    admission = take(as_csv([[f"r{i}", school, "1", ""] for i, school in enumerate(ids)]), None)
    assert admission.table["school_id"].tolist() == ids


CELL = st.one_of(
    st.sampled_from(
        ["", "1", "3", "98", "7", "0001", "1.5", "#REF!", "=1+1", " 2 ", "nan", "NULL", '"', "a,b", "x\ny"]
    ),
    st.text(max_size=8).map(lambda t: t.encode("utf-8", "ignore").decode()),
)
ROW = st.lists(CELL, min_size=1, max_size=6) | st.tuples(
    st.sampled_from(["r1", "r2", "r3"]), st.sampled_from(["0001", "0002"]), st.sampled_from("123"), st.just("")
).map(list)


@given(st.lists(ROW, min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_every_row_is_admitted_or_set_aside_and_none_is_both(rows: list[list[str]]) -> None:
    if not any(cell.strip() for row in rows for cell in row):
        with pytest.raises(SourceError, match="the file has a header but no rows"):
            take(as_csv(rows), ["0001", "0002"])
        return
    admission = take(as_csv(rows), ["0001", "0002"])
    assert len(admission.table) + admission.rows_set_aside == admission.rows_read
    assert admission.rows_read == sum(any(cell.strip() for cell in row) for row in rows)
    assert set(admission.quarantine["row"]) <= set(range(2, len(rows) + 2))
    # What got in keeps every rule: taken in again, it is admitted as it is.
    assert schemas.broken_rules(admission.table, schemas.responses(CODES, ["0001", "0002"])).empty


CANARY = "CANARY7f3a"


@given(
    st.lists(st.lists(st.booleans(), min_size=4, max_size=5), min_size=1, max_size=5),
    st.sampled_from(["", "\n", '"', "\x00", CANARY]),
    st.booleans(),
    st.sampled_from(["utf-8", "ascii", "utf-9"]),
)
@settings(max_examples=150, deadline=None)
def test_no_value_of_a_persons_row_is_ever_repeated(
    planted: list[list[bool]], tail: str, header: bool, encoding: str
) -> None:
    # Canaries stand in some cells of some rows, with or without a header, whole or broken in the middle.
    rows = [",".join(f"{CANARY}é" if plant else "1" for plant in row) for row in planted]
    text = "\n".join([",".join(HEADER), *rows] if header else rows) + tail
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(text, encoding="utf-8", newline="")
        try:
            admission = admit(read_export(path, encoding), schemas.responses(CODES, ["1"]), source=path)
            said = admission.quarantine.to_csv()
        except SourceError as error:
            said = repr(error.__reduce__()) + "".join(traceback.format_exception(error))
    assert CANARY not in said
