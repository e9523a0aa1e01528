"""Cases with a beginning and, perhaps, an end: what is open is neither done nor failed."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.cases import (
    COLUMNS,
    begun_in,
    counts,
    findings,
    found_first,
    happened,
    later,
    outside,
    shares,
    waits,
    within,
    without_cases,
)
from sro_research.parameters import Wave

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2}, dtype="string")
AS_OF = dt.date(2025, 6, 30)


def cases(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["school_id", "first", "last"]).astype({"school_id": "string"})
    return table.assign(**{name: pd.to_datetime(table[name]) for name in ("first", "last")})


def test_a_time_on_the_last_day_belongs_to_the_wave() -> None:
    table = cases(("a", "2024-06-30 15:00", None), ("a", "2024-07-01 00:00", None))
    assert begun_in(table, "first", WAVES)["wave"].tolist() == ["1"]
    assert outside(table, "first", WAVES).tolist() == [False, True]


@pytest.mark.parametrize(
    ("first", "last", "answer"),
    [
        ("2025-05-01", "2025-05-11", True),  # the tenth day counts
        ("2025-05-01", "2025-05-12", False),
        ("2025-05-01", None, False),  # open, and watched for ten days
        ("2025-06-20", None, False),  # the tenth day is the day of export
        ("2025-06-21", None, None),  # not watched for so long
        ("2025-06-21", "2025-06-22", None),  # nor this one: fast recent cases would count, slow ones not
        ("2025-05-01", "2025-04-30", None),  # backwards
        (None, "2025-05-01", None),
    ],
)
def test_within_so_many_days(first: str | None, last: str | None, answer: bool | None) -> None:
    found = within(cases(("a", first, last)), "first", "last", days=10, as_of=AS_OF).iloc[0]
    assert (None if pd.isna(found) else bool(found)) is answer


def test_open_cases_last_until_the_day_of_export() -> None:
    table = cases(
        ("a", "2025-06-01", "2025-06-04"),
        ("a", "2025-06-01", None),
        ("a", "2025-06-01", "2025-07-15"),  # not yet, on the day of export
        ("a", "2025-06-30", "2025-06-30"),
        ("a", "2025-06-10", "2025-06-01"),  # backwards: no duration
        ("a", "2025-07-10", None),  # not begun
        ("a", None, None),
        ("a", "2023-07-31", None),  # the day before the first wave: it is in no count, and in no median
    )
    found = waits(table, "first", "last", WAVES, as_of=AS_OF)
    assert found[["duration", "observed"]].values.tolist() == [[3, True], [29, False], [29, False], [0, True]]
    assert happened(table, "last", as_of=AS_OF).tolist() == [True, False, False, True, True, False, False, False]
    later_than_that = later(table, ["first", "last"], as_of=AS_OF)
    assert later_than_that.tolist() == [False, False, True, False, False, True, False, False]


def test_a_share_is_of_the_known_and_a_school_without_any_has_none() -> None:
    table = begun_in(cases(*[("a", "2023-09-01", None)] * 4), "first", WAVES)
    made = shares(table, pd.Series([True, False, True, pd.NA], dtype="boolean"), SCHOOLS, measure="m")
    assert list(made.columns) == COLUMNS
    by = made.set_index(["school_id", "wave"])
    for school in ("a", ""):
        assert by.loc[(school, "1"), ["numerator", "denominator", "cases"]].tolist() == [2, 3, 3]
        assert by.loc[(school, "1"), "value"] == pytest.approx(2 / 3)
    for place in (("a", "2"), ("b", "1"), ("b", "2"), ("", "2")):
        assert pd.isna(by.loc[place, "value"]) and by.loc[place, "cases"] == 0


def test_a_count_of_nothing_is_zero_where_the_list_was_kept() -> None:
    table = begun_in(cases(("a", "2023-09-01", None), ("a", "2024-09-01", None)), "first", WAVES)
    by = counts(table, SCHOOLS, measure="m", unit="cases").set_index(["school_id", "wave"])["value"]
    assert by.to_dict() == {("a", "1"): 1, ("a", "2"): 1, ("b", "1"): 0, ("b", "2"): 0, ("", "1"): 1, ("", "2"): 1}


def test_a_count_is_not_known_in_a_wave_in_which_the_list_holds_nothing() -> None:
    table = begun_in(cases(("a", "2024-09-01", None)), "first", WAVES)
    by = counts(table, SCHOOLS, measure="m", unit="cases").set_index(["school_id", "wave"])["value"]
    assert by.xs("1", level="wave").isna().all() and by.xs("2", level="wave").to_dict() == {"a": 1, "b": 0, "": 1}
    none = counts(table, SCHOOLS, measure="m", unit="cases", which=pd.Series([False]))
    assert none.set_index(["school_id", "wave"])["value"].xs("2", level="wave").eq(0).all(), "cases, none of which"


def test_a_wave_without_any_case_is_told() -> None:
    assert without_cases(cases(("a", "2024-09-01", None), ("a", "2020-01-01", None)), "first", WAVES).tolist() == [1, 0]
    assert without_cases(cases(), "first", WAVES).all()


@pytest.mark.parametrize("rows", [0, 3])
def test_a_file_whose_cases_are_all_of_other_times_still_gives_every_school(rows: int) -> None:
    table = begun_in(cases(*[("a", "2020-01-01", None)] * rows), "first", WAVES)
    assert len(counts(table, SCHOOLS, measure="m", unit="cases")) == 6
    assert shares(table, pd.Series([], dtype="boolean"), SCHOOLS, measure="m")["value"].isna().all()


def test_groups_hold_everybody_also_who_states_none() -> None:
    table = begun_in(cases(*[("a", "2023-09-01", None)] * 3), "first", WAVES)
    table["kind"] = pd.array(["x", None, "x"], dtype="string")
    by = counts(table, SCHOOLS, measure="m", unit="cases", by="kind").set_index(["school_id", "wave", "group"])
    assert by.loc[("a", "1", "x"), ["numerator", "denominator"]].tolist() == [2, 3]
    assert by.loc[("a", "1", "not stated"), "numerator"] == 1
    assert by.loc[("b", "1", "x"), "numerator"] == 0
    assert set(by["group_by"]) == {"kind"}


def test_findings_that_found_nothing_are_rows_too() -> None:
    found = findings({"one": (pd.Series([True, True, False]), "Two."), "none": (pd.Series([False]), "Nothing.")})
    assert found[["finding", "rows"]].values.tolist() == [["one", 2], ["none", 0]]
    assert found["explanation"].tolist() == ["Two.", "Nothing."]
    assert findings({"counted": (2, "Two.")})["rows"].tolist() == [2]


def test_what_was_found_stands_before_what_was_only_looked_for() -> None:
    table = findings({name: (rows, ".") for name, rows in (("a", 0), ("b", 1), ("c", 0), ("d", 9))})
    assert found_first(table)["finding"].tolist() == ["b", "d", "a", "c"]
    assert found_first(table[:0]).empty


days = st.dates(dt.date(2023, 7, 1), dt.date(2025, 8, 1))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), days, st.none() | days), min_size=1, max_size=25))
def test_whatever_the_days_every_case_is_somewhere(rows: list[tuple[str, dt.date, dt.date | None]]) -> None:
    """Counts of schools add up to the district's, with those outside to all; a wait is a case that is not left out."""
    table = cases(*rows)
    begun = begun_in(table, "first", WAVES)
    made = counts(begun, SCHOOLS, measure="m", unit="cases")
    total = made.groupby(made["school_id"] == "")["value"].sum()
    assert total[True] == total[False] == len(begun) == len(table) - outside(table, "first", WAVES).sum()
    waited = waits(table, "first", "last", WAVES, as_of=AS_OF)
    assert len(waited) == len(begun) - (begun["last"] < begun["first"]).sum() and (waited["duration"] >= 0).all()
