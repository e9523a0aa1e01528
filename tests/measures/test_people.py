"""Selection, reviews, coaching and who stays, by hand; and what does not fit in the records."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.measures.people import (
    coaching_indicators,
    coaching_times,
    retention,
    review_indicators,
    selection_indicators,
    selection_ratings,
)
from sro_research.measures.people_findings import assignment_findings, people_findings, training_findings
from sro_research.parameters import Wave
from sro_research.standards.selection import Criterion, SelectionStandard

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
STANDARD = SelectionStandard(
    lowest=1, highest=4, criteria={name: Criterion(title={"en": name}, meets=3) for name in ("patience", "record")}
)


def table(columns: str, *rows: tuple[object, ...]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns.split())
    return made.assign(**{c: pd.to_datetime(made[c]) for c in made if c.endswith(("date", "_on", "_due"))})


OFFICERS = table(
    "officer_key start_date end_date",
    ("a", "2020-01-01", None), ("b", "2024-05-01", None), ("c", "2020-01-01", "2024-12-31"), ("d", "2020-01-01", None),
)  # fmt: skip
LEAVES = table("officer_key from_date to_date", ("d", "2023-09-01", "2024-06-30"))


def by(rows: pd.DataFrame, wave: str) -> pd.DataFrame:
    return rows[rows["wave"] == wave].set_index("measure")


def ratings(*rows: tuple[object, ...]) -> pd.DataFrame:
    made = table("officer_key criterion rating rated_on", *rows).astype({"rating": "Int64"})
    return selection_ratings(made, OFFICERS, STANDARD, WAVES)


def test_not_assessed_is_not_a_low_rating() -> None:
    made = ratings(
        ("a", "patience", 4, "2019-12-01"), ("a", "record", 2, "2019-12-01"),
        ("c", "patience", 3, "2019-12-01"), ("c", "record", None, "2019-12-01"),
    )  # fmt: skip
    first = by(selection_indicators(made), "1")
    # a, b, c and d serve on the last day; only a was rated on both criteria.
    assert first.loc["selection_documented", ["numerator", "denominator", "people"]].tolist() == [1, 4, 4]
    assert first.loc["selection_criteria_met", ["numerator", "denominator", "people"]].tolist() == [2, 3, 2]
    assert made["meets"].isna().sum() == made["rating"].isna().sum() > 0


def test_the_last_rating_counts_and_none_of_a_later_wave() -> None:
    made = ratings(
        ("a", "patience", 1, "2019-12-01"), ("a", "patience", 4, "2024-05-01"), ("a", "patience", 2, "2025-02-01"),
        ("a", "patience", None, "2024-06-01"),
    )  # fmt: skip
    of = made[(made["officer_key"] == "a") & (made["criterion"] == "patience")].set_index("wave")["rating"]
    assert of.to_dict() == {"1": 4, "2": 2}


def test_where_nobody_was_rated_there_is_no_share() -> None:
    rows = by(selection_indicators(ratings()), "1")
    assert pd.isna(rows.loc["selection_criteria_met", "value"])
    assert rows.loc["selection_documented", "value"] == 0  # the records were provided and have none


REVIEWS = table(
    "officer_key date done",
    ("a", "2024-05-01", "yes"), ("a", "2024-06-01", "yes"), ("b", "2024-06-01", "yes"), ("c", "2024-05-01", "no"),
    ("d", "2024-05-01", "no"), ("a", "2024-07-15", "yes"), ("d", "2025-05-01", "yes"),
)  # fmt: skip


def test_reviews_are_counted_for_who_worked_half_a_year() -> None:
    rows = review_indicators(REVIEWS, OFFICERS, LEAVES, WAVES)
    first, second = by(rows, "1"), by(rows, "2")
    # b was new and d on leave in the first wave; c left in the middle of the second.
    assert first.loc["reviews_recorded", ["numerator", "denominator"]].tolist() == [2, 2]
    assert first.loc["reviews_held", ["numerator", "denominator", "people"]].tolist() == [1, 2, 2]
    assert second.loc["reviews_recorded", ["numerator", "denominator"]].tolist() == [1, 3]
    assert second.loc["reviews_held", "value"] == 1  # of a and b nothing is known: that is not "no"


COACHING = table(
    "officer_key stage reason opened_on recheck_due closed_on",
    ("a", "talk", "role", "2023-09-01", "2023-10-01", "2023-10-01"),
    ("a", "plan", "role", "2024-05-01", "2024-06-01", "2024-06-02"),
    ("c", "talk", "other", "2024-06-01", "2024-06-15", None),
    ("c", "reassignment", "other", "2024-06-20", None, "2024-06-25"),
    ("d", "reassignment", "other", "2024-07-20", "2024-08-15", None),
)


def test_coaching_counts_open_records() -> None:
    first, second = (by(coaching_indicators(COACHING, OFFICERS, WAVES), wave) for wave in ("1", "2"))
    assert first["value"].drop("coaching_rechecked_in_time").to_dict() == {
        "coaching_opened": 4, "coaching_still_open": 1, "coaching_reassignments": 1
    }  # fmt: skip
    assert first.loc["coaching_rechecked_in_time", ["numerator", "denominator", "people"]].tolist() == [1, 3, 2]
    assert second["numerator"].to_dict() == {
        "coaching_opened": 0, "coaching_still_open": 2, "coaching_reassignments": 0, "coaching_rechecked_in_time": 0
    }  # fmt: skip
    assert first.loc["coaching_opened", "people"] == 4


def test_time_of_coaching_has_open_cases() -> None:
    cases = coaching_times(COACHING, WAVES[0])
    assert cases["duration"].tolist() == [30, 32, 29, 5]  # what begins after the last wave is no case of it
    assert cases["observed"].tolist() == [True, True, False, True]


def test_who_stays() -> None:
    rows = retention(OFFICERS, WAVES)
    assert rows[["numerator", "denominator"]].to_numpy().tolist() == [[3, 3], [3, 4]]
    assert rows["value"].to_list() == pytest.approx([1, 0.75])


def found(rows: pd.DataFrame) -> dict[str, int]:
    assert rows["explanation"].str.endswith(".").all() and rows["finding"].is_unique
    return {name: count for name, count in zip(rows["finding"], rows["rows"], strict=True) if count}


def test_courses_that_do_not_fit() -> None:
    training = table(
        "officer_key course completed_on",
        ("a", "x", "2019-12-31"), ("a", "x", "2020-01-01"), ("c", "x", "2025-01-01"), ("b", "x", "2025-07-01"),
        ("z", "x", "2024-01-01"), ("d", "x", "2023-12-24"),
    )  # fmt: skip
    assert found(training_findings(training, OFFICERS, LEAVES, WAVES)) == {
        "course_before_hire": 1, "course_after_service": 1, "course_after_last_wave": 1, "course_of_unknown_officer": 1,
        "course_on_leave": 1,
    }  # fmt: skip
    assert "course_on_leave" not in set(training_findings(training, OFFICERS, None, WAVES)["finding"])


def test_assignments_that_do_not_fit() -> None:
    assignments = table(
        "officer_key school_id from_date to_date role",
        ("a", "s", "2020-01-01", "2020-06-30", None), ("a", "s", "2020-06-30", "2020-12-31", None),
        ("a", "t", "2020-12-31", None, "primary"), ("a", "u", "2021-01-01", None, "secondary"),
        ("b", "s", "2024-04-30", "2024-05-31", None), ("b", "t", "2024-06-01", None, None),
        ("c", "s", "2024-12-01", None, None), ("z", "s", "2024-12-01", "2024-12-02", None),
    )  # fmt: skip
    assert found(assignment_findings(assignments, OFFICERS, LEAVES)) == {
        "assignment_twice": 1, "assignment_overlap": 1, "assignment_before_hire": 1, "assignment_after_service": 1,
        "assignment_of_unknown_officer": 1,
    }  # fmt: skip
    assert found(assignment_findings(assignments, None, None)) == {"assignment_twice": 1, "assignment_overlap": 1}
    leaves = table(
        "officer_key from_date to_date",
        ("a", "2021-01-01", "2021-01-31"), ("a", "2021-01-31", None), ("a", "2021-03-01", "2021-03-02"),
        ("b", "2024-04-30", "2024-05-02"), ("c", "2024-12-30", None),
    )  # fmt: skip
    assert found(assignment_findings(assignments.iloc[:1], OFFICERS, leaves)) == {
        "leave_outside_service": 2, "leave_overlap": 2
    }  # fmt: skip


def test_records_of_people_that_do_not_fit() -> None:
    selection = table(
        "officer_key criterion rating rated_on",
        ("a", "patience", 4, "2020-01-02"), ("b", "patience", None, "2024-04-01"), ("c", "record", 3, "2019-12-01"),
    ).astype({"rating": "Int64"})  # fmt: skip
    assert found(people_findings(OFFICERS, LEAVES, WAVES, selection=selection)) == {
        "selection_after_hire": 1, "selection_not_assessed": 1, "selection_without_record": 1
    }  # fmt: skip
    assert found(people_findings(OFFICERS, LEAVES, WAVES, reviews=REVIEWS)) == {
        "review_outside_waves": 1, "review_twice": 1, "review_without_record": 2
    }  # fmt: skip
    assert found(people_findings(OFFICERS, LEAVES, WAVES, coaching=COACHING)) == {
        "coaching_outside_waves": 1, "coaching_without_recheck": 1, "coaching_recheck_missed": 2,
        "reassignment_alone": 1,
    }  # fmt: skip


def test_what_was_not_provided_is_not_looked_for() -> None:
    assert people_findings(OFFICERS, None, WAVES).empty


def test_tables_without_rows_hold_nothing_that_does_not_fit() -> None:
    rows = people_findings(OFFICERS, LEAVES, WAVES, coaching=COACHING[:0])
    assert len(rows) == 4 and set(rows["rows"]) == {0}
