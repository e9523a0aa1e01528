"""Days of duty, with leave left out."""

from itertools import pairwise

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sro_research.measures.periods import (
    EVER,
    as_day,
    common,
    day_numbers,
    days_within,
    duty_day,
    duty_days,
    leave_periods,
    merged,
    without,
)

PERIODS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1])), max_size=5)


def days(periods: list[tuple[int, int]]) -> set[int]:
    return {day for first, last in periods for day in range(first, min(last, 60) + 1)}


@given(PERIODS, PERIODS)
def test_periods_are_sets_of_days(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = merged(one), merged(other)
    assert days(a) == days(one)
    assert all(p[1] + 1 < q[0] for p, q in pairwise(a))
    assert days(common(a, b)) == days(a) & days(b)
    assert days(without(a, b)) == days(a) - days(b)
    assert days_within(5, 20, a) == len(days(a) & set(range(5, 21)))


@given(st.integers(0, 20), st.integers(0, 20), PERIODS)
def test_a_due_day_comes_after_so_many_days_of_duty(start: int, length: int, leave: list[tuple[int, int]]) -> None:
    due = duty_day(start, length, merged(leave))
    worked = [day for day in range(start + 1, due + 1) if day not in days(leave)]
    assert len(worked) == length
    # It is the first such day; a leave right after it changes nothing.
    assert length == 0 or due == worked[-1]


def test_a_leave_without_an_end_leaves_the_due_day_open() -> None:
    assert duty_day(0, 10, [(5, EVER)]) == EVER and duty_day(0, 10, [(11, EVER)]) == 10
    assert pd.isna(as_day(EVER)) and as_day(0) == pd.Timestamp("1970-01-01")


def test_duty_days_leave_out_leave_and_what_lies_outside_service() -> None:
    officers = pd.DataFrame(
        {
            "officer_key": ["a", "b", "c"],
            "start_date": pd.to_datetime(["2023-01-01", "2024-01-11", "2025-01-01"]),
            "end_date": pd.to_datetime([None, "2024-01-20", None]),
        }
    )
    leaves = pd.DataFrame(
        {
            "officer_key": ["a", "a", "b"],
            "from_date": pd.to_datetime(["2024-01-05", "2024-01-08", "2024-01-20"]),
            "to_date": pd.to_datetime(["2024-01-09", "2024-01-10", None]),
        }
    )
    assert duty_days(officers, leaves, "2024-01-01", "2024-01-31").to_dict() == {"a": 25, "b": 9, "c": 0}
    assert duty_days(officers, None, "2024-01-01", "2024-01-31").to_dict() == {"a": 31, "b": 10, "c": 0}
    assert leave_periods(leaves)["a"] == [(19727, 19732)]
    assert day_numbers(leaves["to_date"]).tolist()[2] == EVER
