"""The rules of each table: which text becomes which value, and which rows are refused with which words."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest

from sro_research import schemas

CODES = {"q1": (1, 2, 3, 4, 98)}
RESPONSES = schemas.responses(CODES, ["0001", "0012"])


def read_one(schema: pa.DataFrameSchema, column: str, text: str) -> tuple[object, list[str]]:
    """Convert one cell, the others left blank; return its value and the rules it breaks."""
    row = pd.DataFrame({name: [text if name == column else ""] for name in schema.columns}, index=[2], dtype="str")
    typed, unread = schemas.convert(row, schema)
    return typed.loc[2, column], unread["rule"].tolist()


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), (" 3 ", 3), ("3.0", 3), ("+3", 3), ("03", 3), ("-99", -99), ("", None), ("  ", None)],
)
def test_codes_are_whole_numbers(text: str, value: int | None) -> None:
    read, rules = read_one(RESPONSES, "q1", text)
    assert (None if pd.isna(read) else read, rules) == (value, [])


@pytest.mark.parametrize(
    "text",
    ["3.5", "three", "3,", "1e0", "0x1", "1_0", "True", "inf", "nan", "NA", "٣", "=1+2", "#REF!", "40000", "9" * 400],
)
def test_what_is_no_whole_number_is_said_and_not_guessed(text: str) -> None:
    read, rules = read_one(RESPONSES, "q1", text)
    assert pd.isna(read)
    assert rules == ["not a whole number"]


NOT_A_DAY = ["not a day as YYYY-MM-DD"]


@pytest.mark.parametrize(
    ("text", "day", "rules"),
    [
        ("2024-02-29", "2024-02-29", []),
        ("", None, []),
        ("2023-02-29", None, NOT_A_DAY),
        ("02/29/2024", None, NOT_A_DAY),
        ("2024-02-29 08:30:00", None, NOT_A_DAY),
        ("9999-12-31", None, NOT_A_DAY),  # what some programs write for "still in service"
        ("0001-01-01", None, NOT_A_DAY),
        ("45000", None, NOT_A_DAY),
    ],
)
def test_days_are_written_in_one_way(text: str, day: str | None, rules: list[str]) -> None:
    read, broken = read_one(schemas.officers(), "end_date", text)
    assert broken == rules
    assert pd.isna(read) if day is None else read == pd.Timestamp(day)


@pytest.mark.parametrize(("text", "hours"), [("1.5", 1.5), (".5", 0.5), ("0.30000000000000004", 0.3), ("8", 8.0)])
def test_hours_may_have_parts(text: str, hours: float) -> None:
    read, rules = read_one(schemas.training(None, []), "hours", text)
    assert (read, rules) == (pytest.approx(hours), [])


@pytest.mark.parametrize("text", ["1,5", "1e3", "inf", "1h", "-"])
def test_what_is_no_number_is_said(text: str) -> None:
    assert read_one(schemas.training(None, []), "hours", text)[1] == ["not a number"]


@pytest.mark.parametrize("text", ["#REF!", "#N/A", "#NAME?", "#DIV/0!"])
def test_an_error_of_a_spreadsheet_is_no_text(text: str) -> None:
    # It would stand on a page as the name of a school.
    assert read_one(schemas.schools(["2024"]), "school_name", text)[1] == ["an error of the spreadsheet"]


def test_formulas_stay_text() -> None:
    assert read_one(schemas.schools(["2024"]), "school_name", "=1+1") == ("=1+1", [])


def broken(schema: pa.DataFrameSchema, *rows: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Return row number, column and rule of all broken rules; rows are numbered from 0."""
    typed, unread = schemas.convert(pd.DataFrame(list(rows), columns=list(schema.columns), dtype="str"), schema)
    assert unread.empty
    found = schemas.broken_rules(typed, schema)
    return sorted(found[["index", "column", "rule"]].itertuples(index=False, name=None))


BAD_NAME = "not an identifier of up to 64 letters, digits, - _ ."
UNKNOWN = "not a school of this study"


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        (("r", "0001", "98"), []),
        (("r", "0001", ""), []),
        (("r", "0001", "5"), [(0, "q1", "not a code of this question")]),
        (("", "0001", "1"), [(0, "respondent_id", "must not be blank")]),
        (("r", "", "1"), [(0, "school_id", "must not be blank")]),
        (("r", "0002", "1"), [(0, "school_id", UNKNOWN)]),
        (("r", "1", "1"), [(0, "school_id", "lost the leading zeros of a school of this study")]),
        (("r", "12", "1"), [(0, "school_id", "lost the leading zeros of a school of this study")]),
        (("r", "../0001", "1"), [(0, "school_id", UNKNOWN), (0, "school_id", BAD_NAME)]),
        (("r", "0001 ", "1"), []),
    ],
)
def test_rules_of_a_respondent(row: tuple[str, ...], rules: list[tuple[int, str, str]]) -> None:
    assert broken(RESPONSES, row) == rules


@pytest.mark.parametrize("school", ["x" * 65, "a/b", ".hidden", "-x", "ñ", "a b", "<b>"])
def test_a_school_id_has_to_be_a_file_name(school: str) -> None:
    assert broken(schemas.responses(CODES, None), ("r", school, "1")) == [(0, "school_id", BAD_NAME)]


def test_of_two_respondents_the_first_is_kept() -> None:
    rows = [("r", "0001", "1"), ("s", "0001", "1"), ("r", "0012", "2"), ("r", "0001", "1")]
    twice = (schemas.TWICE,)
    assert broken(RESPONSES, *rows) == [(2, "respondent_id", *twice), (3, "respondent_id", *twice)]


@pytest.mark.parametrize(
    ("schema", "row", "rules"),
    [
        (schemas.schools(["24"]), ("a", "24", "A", "middle", "100", "", ""), []),
        (
            schemas.schools(["24"]),
            ("a", "25", "A", "middle", "100", "", "d1"),
            [(0, "wave", "not a wave of this study")],
        ),
        (
            schemas.schools(["24"]),
            ("a", "24", "", "Middle", "0", "-1", ""),
            [
                (0, "level", "not one of elementary, middle, high, combined"),
                (0, "school_name", "must not be blank"),
                (0, "staff", "must be above zero"),
                (0, "students", "must be above zero"),
            ],
        ),
        (schemas.officers(), ("o", "2024-01-01", ""), []),
        (schemas.officers(), ("o", "2024-01-02", "2024-01-01"), [(0, "", "end_date is before start_date")]),
        (schemas.assignments(["a"], ["o"]), ("o", "a", "2024-01-01", "", ""), []),
        (schemas.assignments(["a"], ["o"]), ("o", "a", "2024-01-01", "", "secondary"), []),
        (
            schemas.assignments(["a"], ["o"]),
            ("p", "b", "2024-01-02", "2024-01-01", "third"),
            [
                (0, "", "to_date is before from_date"),
                (0, "officer_id", "not an officer of this study"),
                (0, "role", "not one of primary, secondary"),
                (0, "school_id", UNKNOWN),
            ],
        ),
        (schemas.assignments(["a"], None), ("p", "a", "2024-01-01", "", ""), []),
        (
            schemas.training(["o"], ["basic"]),
            ("o", "karate", "2024-01-01", "0"),
            [(0, "course", "not a course of this study"), (0, "hours", "must be above zero")],
        ),
        (schemas.discipline({("a", "24"): 5}, ["24"]), ("a", "24", "arrest", "5"), []),
        (schemas.discipline({("a", "24"): 5}, ["24"]), ("a", "24", "referral", "0"), []),
        (schemas.discipline({("a", "24"): pd.NA}, ["24"]), ("a", "24", "exclusion", "900"), []),
        (schemas.discipline(None, ["24"]), ("b", "24", "exclusion", "900"), []),
        (
            schemas.discipline({("a", "24"): 5}, ["24"]),
            ("a", "24", "exclusion", "6"),
            [(0, "", "more students than the school has")],
        ),
        (
            schemas.discipline({("a", "24"): 5}, ["24"]),
            ("b", "25", "fight", "-1"),
            [
                (0, "event", "not one of exclusion, referral, arrest"),
                (0, "school_id", UNKNOWN),
                (0, "students", "must not be negative"),
                (0, "wave", "not a wave of this study"),
            ],
        ),
        (schemas.outreach(["a"], None), ("a", "o", "2024-01-01", "parent night", "24", "", "anybody"), []),
        (schemas.outreach(["a"], None, ["talk"], ["staff"]), ("a", "o", "2024-01-01", "talk", "24", "", ""), []),
        (
            schemas.outreach(["a"], None, ["talk"], ["staff"]),
            ("a", "o", "2024-01-01", "Talk", "2", "", "girls"),
            [(0, "activity", "not an activity of this study"), (0, "audience", "not an audience of this study")],
        ),
        (
            schemas.outreach(["a"], None),
            ("a", "o", "2024-01-01", "", "24.5", "-1", ""),
            [
                (0, "activity", "must not be blank"),
                (0, "attendance", "must not be negative"),
                (0, "hours", "not between 0 and 24 hours"),
            ],
        ),
    ],
)
def test_rules_of_the_records(
    schema: pa.DataFrameSchema, row: tuple[str, ...], rules: list[tuple[int, str, str]]
) -> None:
    assert broken(schema, row) == rules


def test_one_row_for_each_school_and_wave() -> None:
    row = ("a", "24", "A", "middle", "100", "", "")
    assert broken(schemas.schools(["24"]), row, row) == [(1, "", schemas.TWICE)]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({}, None),
        ({"people": "0"}, None),
        ({"people": "-1"}, "must not be negative"),
        ({"people": ""}, "must not be blank"),
        ({"group": "3"}, "not a code of a background question of the student survey"),
        ({"group_by": "role"}, "not a code of a background question of the student survey"),
        ({"school_id": "12"}, "lost the leading zeros of a school of this study"),
        ({"wave": "2020"}, "not a wave of this study"),
    ],
)
def test_enrollment_counts_groups_that_the_survey_asks_for(changed: dict[str, str], rule: str | None) -> None:
    schema = schemas.enrollment(["0012"], ["2026"], {"gender": (1, 2)})
    row = {"school_id": "0012", "wave": "2026", "group_by": "gender", "group": "1", "people": "40"} | changed
    typed, unread = schemas.convert(pd.DataFrame([row], dtype="str"), schema)
    assert unread.empty
    assert schemas.broken_rules(typed, schema)["rule"].tolist() == ([] if rule is None else [rule])


def test_a_group_is_counted_once() -> None:
    schema = schemas.enrollment(["0012"], ["2026"], {"gender": (1, 2)})
    row = {"school_id": "0012", "wave": "2026", "group_by": "gender", "group": "1", "people": "40"}
    typed, _ = schemas.convert(pd.DataFrame([row, row | {"group": "2"}, row], dtype="str"), schema)
    assert schemas.broken_rules(typed, schema).query("index == 2")["rule"].unique().tolist() == [schemas.TWICE]
