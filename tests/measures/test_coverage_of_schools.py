"""Coverage of school-days, in a fortnight done by hand."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.measures.coverage import backup_indicators, coverage_calendar, coverage_indicators, school_days
from sro_research.measures.periods import EVER, day_numbers
from sro_research.parameters import Wave

WAVES = [Wave(id="1", label={"en": "One"}, start=dt.date(2024, 1, 1), end=dt.date(2024, 1, 14))]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b", "c"], "wave": "1"})
"""Two weeks of five days, from Monday, 1 January."""


def table(columns: list[str], *rows: tuple[object, ...]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns)
    return made.assign(**{c: pd.to_datetime(made[c]) for c in columns if c.endswith("_date")})


def posts(*rows: tuple[object, ...]) -> pd.DataFrame:
    return table(["officer_key", "school_id", "from_date", "to_date", "role"], *rows)


OFFICERS = table(
    ["officer_key", "start_date", "end_date"], ("x", "2020-01-01", None), ("y", "2024-01-03", "2024-01-09")
)
CLOSURES = table(
    ["school_id", "from_date", "to_date"], (None, "2024-01-01", "2024-01-01"), ("b", "2024-01-06", "2024-01-08")
)


def day(text: str) -> int:
    return int(day_numbers(pd.Series([pd.Timestamp(text)]))[0])


def test_school_days_are_weekdays_on_which_the_school_is_open() -> None:
    assert school_days(SCHOOLS, None, WAVES).groupby("school_id").size().to_dict() == {"a": 10, "b": 10, "c": 10}
    days = school_days(SCHOOLS, CLOSURES, WAVES).groupby("school_id")["date"].agg(["size", "min"])
    assert days["size"].to_dict() == {"a": 9, "b": 8, "c": 9}
    assert set(days["min"]) == {pd.Timestamp("2024-01-02")}


def shares(assignments: pd.DataFrame, leaves: pd.DataFrame | None = None, **more: object) -> pd.DataFrame:
    calendar = coverage_calendar(
        school_days(SCHOOLS, CLOSURES, WAVES), assignments, OFFICERS, leaves, more.get("trained")
    )
    return coverage_indicators(calendar, assignments).set_index(["measure", "school_id"])


def test_a_school_is_covered_while_an_assignment_holds() -> None:
    rows = shares(posts(("x", "a", "2023-08-01", "2024-01-05", None), ("y", "b", "2023-08-01", None, None)))
    assert rows.loc[("school_days_covered", "a"), ["numerator", "denominator", "people"]].tolist() == [4, 9, 1]
    assert rows.loc[("school_days_covered", "a"), "value"] == pytest.approx(4 / 9)
    # y serves from Wednesday to the next Tuesday; school b is closed on that Monday.
    assert rows.loc[("school_days_covered", "b"), ["numerator", "denominator"]].tolist() == [4, 8]
    # Assignments were provided and have none for c: nobody was there.
    assert rows.loc[("school_days_uncovered", "c"), ["value", "people"]].tolist() == [9, 0]
    assert rows.loc[("school_days_uncovered", ""), ["value", "denominator", "people"]].tolist() == [18, 26, 2]


def test_leave_uncovers_unless_somebody_stands_in() -> None:
    leaves = table(["officer_key", "from_date", "to_date"], ("x", "2024-01-04", "2024-01-08"))
    alone = posts(("x", "a", "2023-08-01", None, "primary"))
    assert shares(alone, leaves).loc[("school_days_uncovered", "a"), "value"] == 3
    both = pd.concat([alone, posts(("y", "a", "2024-01-04", "2024-01-05", "secondary"))], ignore_index=True)
    assert shares(both, leaves).loc[("school_days_uncovered", "a"), "value"] == 1
    days = school_days(SCHOOLS, CLOSURES, WAVES)
    calendar = coverage_calendar(days, both, OFFICERS, leaves, None).query("school_id == 'a'").set_index("date")
    assert calendar["officers"].tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert calendar["secondary"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_days_without_an_officer_rest_on_the_schools_that_lacked_one() -> None:
    """Of two officers one was on leave: the district's number of days is the length of that leave."""
    both = posts(("x", "a", "2023-08-01", None, None), ("y", "b", "2023-08-01", None, None))
    officers = table(["officer_key", "start_date", "end_date"], ("x", "2020-01-01", None), ("y", "2020-01-01", None))
    leaves = table(["officer_key", "from_date", "to_date"], ("x", "2024-01-04", "2024-01-08"))
    days = school_days(SCHOOLS[SCHOOLS["school_id"] != "c"], CLOSURES, WAVES)
    rows = coverage_indicators(coverage_calendar(days, both, officers, leaves, None), both)
    rows = rows.set_index(["measure", "school_id"])
    assert rows.loc[("school_days_covered", ""), ["numerator", "people"]].tolist() == [14, 2]
    assert rows.loc[("school_days_uncovered", ""), ["value", "people"]].tolist() == [3, 1]


def test_overlapping_records_of_one_officer_are_one_officer() -> None:
    twice = posts(("x", "a", "2023-08-01", None, None), ("x", "a", "2024-01-04", "2024-01-09", "secondary"))
    calendar = coverage_calendar(school_days(SCHOOLS, CLOSURES, WAVES), twice, OFFICERS, None, None)
    assert calendar.loc[calendar["school_id"] == "a", "officers"].max() == 1


def test_trained_days_are_told_for_the_district_only_and_not_known_without_training() -> None:
    assigned = posts(("x", "a", "2023-08-01", None, None), ("y", "b", "2023-08-01", None, None))
    trained = {"x": [(day("2024-01-09"), EVER)], "y": []}
    rows = shares(assigned, trained=trained)
    found = rows.loc["school_days_with_trained_officer"]
    assert found.index.tolist() == [""]
    assert found[["numerator", "denominator"]].iloc[0].tolist() == [4, 26]
    assert pd.isna(shares(assigned).loc[("school_days_with_trained_officer", ""), "value"])


def test_a_stand_in_is_there_while_no_primary_officer_is() -> None:
    """Who is named to stand in serves another school meanwhile, and lends this one no training."""
    assigned = posts(("x", "a", "2023-08-01", None, "primary"), ("y", "a", "2023-08-01", None, "secondary"))
    trained = {"x": [], "y": [(day("2023-08-01"), EVER)]}
    days = school_days(SCHOOLS, CLOSURES, WAVES)
    here = coverage_calendar(days, assigned, OFFICERS, None, trained).query("school_id == 'a'")
    assert here[["officers", "secondary", "trained"]].max().tolist() == [1, 0, 0]
    leaves = table(["officer_key", "from_date", "to_date"], ("x", "2024-01-04", "2024-01-08"))
    here = coverage_calendar(days, assigned, OFFICERS, leaves, trained).query("school_id == 'a'")
    stood_in = [0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert here["officers"].tolist() == [1] * 9
    assert here["secondary"].tolist() == stood_in and here["trained"].tolist() == stood_in


def test_an_officer_who_is_on_no_list_covers_no_day() -> None:
    assert shares(posts(("z", "a", "2023-08-01", None, None))).loc[("school_days_covered", "a"), "numerator"] == 0


def test_who_can_stand_in_on_the_last_day() -> None:
    assigned = posts(
        ("x", "a", "2023-08-01", None, "secondary"), ("x", "b", "2023-08-01", None, "secondary"),
        ("y", "c", "2023-08-01", None, "secondary"),  # no more in service
        ("x", "c", "2023-08-01", "2024-01-13", "secondary"),
    )  # fmt: skip
    rows = backup_indicators(SCHOOLS, assigned, OFFICERS, {"x": [(0, EVER)]}, WAVES).set_index("measure")
    assert rows.loc["schools_with_secondary_officer", ["numerator", "denominator", "people"]].tolist() == [2, 3, 1]
    assert rows.loc["secondary_officers_trained", "value"] == 1
    none = backup_indicators(SCHOOLS, assigned.assign(role=None), OFFICERS, {}, WAVES).set_index("measure")["value"]
    assert none["schools_with_secondary_officer"] == 0 and pd.isna(none["secondary_officers_trained"])
