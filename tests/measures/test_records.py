"""Participation and outreach: small tables in, indicators out."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.estimates import from_indicators, stack
from sro_research.measures.outreach import outreach_hours, outside_periods, wave_of
from sro_research.measures.participation import response_counts, response_rates, roster
from sro_research.parameters import Wave

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame(
    {"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2, "students": [50, 100, 10, None], "staff": [5, 5, 2, 2]}
).astype({"students": "Int64", "staff": "Int64", "school_id": "string", "wave": "string"})


def days(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts)))


def test_a_day_belongs_to_the_wave_whose_period_holds_it():
    dates = days("2023-08-01", "2024-06-30", "2024-07-15", "2025-01-01")
    assert wave_of(dates, WAVES).fillna("none").tolist() == ["1", "1", "none", "2"]
    assert outside_periods(dates, WAVES) == 1


def test_hours_per_100_students():
    log = pd.DataFrame(
        {"school_id": ["a", "a", "a"], "hours": [2.0, 3.0, 9.0], "date": days("2023-09-01", "2024-02-01", "2024-07-15")}
    )
    hours = outreach_hours(log, SCHOOLS, WAVES).set_index(["school_id", "wave"])["value"]
    assert hours["a", "1"] == 10  # 5 hours for 50 students; July belongs to no wave
    assert hours["b", "1"] == 0  # the log was kept and has nothing of this school: that is zero
    assert pd.isna(hours["a", "2"])  # nobody logged anything in this wave: that is not known
    assert pd.isna(hours["b", "2"])  # how many students there are is not known


def responses(**people: int) -> pd.DataFrame:
    return pd.DataFrame([(s, "1") for s, n in people.items() for _ in range(n)], columns=["school_id", "wave"])


def test_response_rates():
    rates = response_rates(responses(a=25, b=12), SCHOOLS, population="student").set_index("school_id")
    assert rates.loc["a", "value"] == 0.5
    assert pd.isna(rates.loc["b", "value"])  # 12 answers from 10 students: the roster is wrong
    estimates = from_indicators(rates.reset_index(), people="numerator", method="m").set_index("school_id")
    assert estimates.loc["b", "status"] == "not_estimable"
    district = response_counts(rates.reset_index()).set_index(["measure", "school_id"])
    assert district.loc[("responses", ""), "estimate"] == 37
    # One school's rate is not known, so neither is the district's.
    assert district.loc[("response_rate", ""), "status"] == "not_estimable"


def test_a_school_where_nobody_answered_counts_in_the_rate_of_the_district():
    """80 of 100 and 0 of 100 are 80 of 200; in a wave without a survey nobody was asked."""
    schools = SCHOOLS.assign(students=pd.array([100, 100, 100, 100], dtype="Int64"))
    rates = response_rates(responses(a=80), schools, population="student")
    assert rates.set_index(["school_id", "wave"])["numerator"].to_dict() == {("a", "1"): 80, ("b", "1"): 0}
    counts = response_counts(rates).set_index(["measure", "school_id", "wave"])
    assert counts.loc[("response_rate", "", "1"), "estimate"] == pytest.approx(0.40)
    assert counts.loc[("response_rate", "", "1"), "n"] == 80
    assert counts.loc[("responses", "b", "1"), "n"] == 0
    # Nobody is a small group too, with rows that disclosure can hide, each once.
    stack([response_counts(rates), from_indicators(rates, people="numerator", method="m")])


def test_a_school_that_nobody_lists_still_counts_its_answers():
    rates = response_rates(responses(z=5), SCHOOLS, population="student").set_index("school_id")
    assert rates.loc["z", "numerator"] == 5 and pd.isna(rates.loc["z", "value"]) and rates.loc["a", "numerator"] == 0


def test_the_roster_of_a_population_that_schools_do_not_count_is_not_known():
    assert roster(SCHOOLS, "family").isna().all()
    assert roster(SCHOOLS, "staff")["a", "1"] == 5
