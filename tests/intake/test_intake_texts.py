"""Texts, times and codes that programs write in their own ways."""

from __future__ import annotations

import pandas as pd
import pytest
from vendors import STUDENT

from sro_research.intake.codebook import BY_ID, code_of, codebook, recoded
from sro_research.intake.durations import seconds_between, whole_seconds
from sro_research.intake.exports import read_sheet
from sro_research.intake.texts import parts_of_heading, same_text


@pytest.mark.parametrize(
    "text",
    [
        "I don't know",
        "I don\u2019t know.",
        " I\u00a0DON\u2019T  KNOW ",
        "<p>I don&#39;t&nbsp;<b>know</b></p>",
        "I don't\r\nknow",
        "\ufeffI don\u00b4t\u200b know:",
        '<span lang="en" style="x">I don`t know</span>',
    ],
)
def test_texts_are_the_same_in_every_dress(text: str) -> None:
    assert same_text(text) == "i don't know"


@pytest.mark.parametrize("text", ["I dont know", "I don't know it", "I do not know", "\u00bfI don't know?"])
def test_other_words_are_other_texts(text: str) -> None:
    assert same_text(text) != "i don't know"


def test_accents_and_signs_of_comparison_count() -> None:
    assert same_text("N\u00ba 5 < 6 and 7 > 6") == "no 5 < 6 and 7 > 6"
    assert same_text("si") != same_text("s\u00ed")
    assert same_text("si\u0301") == same_text("s\u00ed")  # an accent written by itself


@pytest.mark.parametrize(
    ("heading", "part"),
    [
        ("about/you/grade_band", "grade_band"),
        ("about-grade_band", "grade_band"),
        ("How much? - I agree", "I agree"),
        ("How much? [I agree]", "I agree"),
        ("Q1[safe1]. How much? [I agree]", "safe1"),
        ("Q1[safe1]. How much? [I agree]", "I agree"),
        ("Q1. I agree", "Q1"),
        ("I agree / Estoy de acuerdo", "Estoy de acuerdo"),
        ("<p>How much?</p><p>I agree</p>", "I agree"),
    ],
)
def test_a_heading_may_end_in_a_question(heading: str, part: str) -> None:
    assert same_text(part) in map(same_text, parts_of_heading(heading))


BOOK = codebook(STUDENT, {})


def test_a_question_is_known_by_its_id_and_its_text_in_each_language() -> None:
    assert BOOK.known(["Trust_1"]) == ("trust_1", BY_ID, 0)
    assert BOOK.known(["trust1"]) == ("trust_1", BY_ID, 0)
    assert BOOK.known(["Q7", "I trust the school officer"]) == ("trust_1", "en", 0)
    assert BOOK.known(["Q7", "Conf\u00edo en el oficial escolar."]) == ("trust_1", "es", 0)
    assert BOOK.known(["Q7", "How? - I trust the school officer."]) == ("trust_1", "en", 1)
    assert BOOK.known(["\u00bfEn qu\u00e9 grado est\u00e1s?"]) == ("grade_band", "es", 0)
    # What follows from a question is another one.
    for heading in ("I trust the school officer. - Text", "I trust the school officer. [Other]", "Why? trust_1"):
        assert BOOK.known([heading]) is None


def test_digits_are_codes_unless_the_file_writes_labels() -> None:
    grades = {"6": 1, "7": 2, "other": 3}
    assert code_of("6", grades, labels_first=False) == "6"
    assert code_of("6", grades, labels_first=True) == "1"
    assert code_of("3.0", grades, labels_first=True) == "3.0"
    assert code_of("Others", grades, labels_first=True) is None


@pytest.mark.parametrize(
    ("labels", "ours"),
    [
        ({"1": "No", "2": "Yes"}, {"1": "1", "2": "2"}),
        ({"1": "No", "2": "Perhaps"}, {"1": "1", "2": "2"}),  # where one is ours, the numbers are
        ({"0": "No", "1": "Yes", "2": "Perhaps"}, {"0": "1", "1": "2", "2": None}),
        ({"n": "No", "y": "Yes"}, {"n": "1", "y": "2"}),
        ({"1": "1", "2": "2"}, {}),
        ({"1": "Nein"}, {}),
    ],
)
def test_labels_beside_codes_say_whether_the_codes_are_ours(labels: dict[str, str], ours: dict[str, str]) -> None:
    assert recoded(labels, {"no": 1, "yes": 2}) == ours


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2024-03-05 09:58:07", "2024-03-05 10:03:07", 300),
        ("2024-03-05T09:58:07.400-05:00", "2024-03-05T16:03:07.000+01:00", 300),
        ("3/5/2024 9:58:07", "3/5/2024 10:03:07", 300),
        ("3/25/24 11:59", "3/26/24 0:01", 43_320),
        ("03/05/2024 11:58:07 AM", "03/05/2024 12:03:07 PM", 300),
        ("25/3/2024 9:58:07", "25/3/2024 10:03:07", 300),
        # Twelve months or one day: nobody can tell.
        ("1/12/2024 10:00:00", "2/12/2024 10:00:00", None),
        ("2024-03-05 09:58:07", "", None),
        ("2024-03-05 09:58:07", "2024-03-05 09:58:06", None),
        ("1980-01-01 00:00:00", "2024-03-05 09:58:06", None),
        ("yesterday", "2024-03-05 09:58:06", None),
    ],
)
def test_seconds_between_two_times(start: str, end: str, seconds: int | None) -> None:
    found = seconds_between(pd.Series([start], index=[7]), pd.Series([end], index=[7]))
    assert found.tolist() == [pd.NA if seconds is None else seconds] and found.index.tolist() == [7]


def test_seconds_that_a_program_counted_are_whole() -> None:
    found = whole_seconds(pd.Series(["61", "61.7", "-1", "", "long", "inf", " 5 "]))
    assert found.tolist() == [61, 62, pd.NA, pd.NA, pd.NA, pd.NA, 5]


def test_a_heading_with_a_line_break_does_not_hide_the_separator(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"What\ngrade, now?";"sex"\n1;2\n', encoding="utf-8")
    sheet = read_sheet(path)
    assert sheet.headings == (("What\ngrade, now?",), ("sex",))
    assert sheet.cells.to_numpy().tolist() == [["1", "2"]]


def test_a_cell_of_a_header_stands_above_the_columns_to_its_right(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,How?,,,\n,one,two,,\nR1,1,2,3,\n", encoding="utf-8")
    sheet = read_sheet(path, header_rows=2)
    assert sheet.headings == (("id", ""), ("How?", "one"), ("How?", "two"))
    assert sheet.cells.loc[3].tolist() == ["R1", "1", "2"]
