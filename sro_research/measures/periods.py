"""Times of people, in whole days: when they serve, when they are on leave, and how many days of duty lie between.

Days are numbers, counted from 1970-01-01, and periods are pairs of the first and the last day, both included. What has
no end goes on to `EVER`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

EVER = 10**6
"""A day beyond all days of a study, in the year 4707."""
DAYS_IN_A_MONTH = 365.25 / 12
Period = tuple[int, int]


def day_numbers(dates: pd.Series) -> np.ndarray:
    """Return days as numbers; `EVER` where a day is missing."""
    days = dates.to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(days), EVER, days.astype(np.int64))


def day_number(day: object) -> int:
    """Return one day as a number."""
    return int(day_numbers(pd.Series([pd.Timestamp(day)]))[0])


def as_day(number: int) -> pd.Timestamp:
    """Return the day of a number; missing for `EVER` and beyond."""
    return pd.Timestamp(number, unit="D") if number < EVER else pd.NaT


def merged(periods: Iterable[Period]) -> list[Period]:
    """Return periods in order, those that touch or overlap as one."""
    whole: list[Period] = []
    for first, last in sorted(periods):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(whole[-1][1], last))
        else:
            whole.append((first, last))
    return whole


def common(one: list[Period], other: list[Period]) -> list[Period]:
    """Return the times that lie in both of two lists of merged periods."""
    both = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return [(first, last) for first, last in both if first <= last]


def without(periods: list[Period], taken: list[Period]) -> list[Period]:
    """Return the times of merged periods that lie in none of the merged `taken`."""
    edges = [-EVER, *(day for first, last in taken for day in (first - 1, last + 1)), EVER]
    return common(periods, list(zip(edges[::2], edges[1::2], strict=True)))


def days_within(first: int, last: int, periods: list[Period]) -> int:
    """Count the days from `first` to `last` that lie in merged periods."""
    return sum(b - a + 1 for a, b in common([(first, last)], periods)) if first <= last else 0


def lies_in(day: int, periods: list[Period]) -> bool:
    """Tell whether a day lies in one of the periods."""
    return any(first <= day <= last for first, last in periods)


def duty_day(start: int, days: int, leave: list[Period]) -> int:
    """Return the day that comes so many days after `start`, days of leave not counted; `EVER` if a leave has no end."""
    due = start + days
    for first, last in leave:
        if last <= start or first > due:
            continue
        if last >= EVER:
            return EVER
        due += last - max(first, start + 1) + 1
    return min(due, EVER)


def leave_periods(leaves: pd.DataFrame | None) -> dict[str, list[Period]]:
    """Return the merged leaves of each officer who had any; nobody's, where the table was not provided."""
    if leaves is None or leaves.empty:
        return {}
    table = pd.DataFrame(
        {"officer": leaves["officer_key"], "a": day_numbers(leaves["from_date"]), "b": day_numbers(leaves["to_date"])}
    )
    return {str(o): merged(zip(rows["a"], rows["b"], strict=True)) for o, rows in table.groupby("officer")}


def service_periods(officers: pd.DataFrame, leaves: pd.DataFrame | None) -> dict[str, list[Period]]:
    """Return the times each officer was in service and not on leave."""
    away = leave_periods(leaves)
    served = zip(
        officers["officer_key"], day_numbers(officers["start_date"]), day_numbers(officers["end_date"]), strict=True
    )
    return {str(o): without([(int(a), int(b))], away.get(str(o), [])) for o, a, b in served}


def duty_days(officers: pd.DataFrame, leaves: pd.DataFrame | None, first: object, last: object) -> pd.Series:
    """Count each officer's days in service and not on leave from one day to another, by `officer_key`.

    `first` and `last` are days. What is counted per officer-month is counted over these, not over the calendar.
    """
    a, b = day_number(first), day_number(last)
    days = {officer: days_within(a, b, served) for officer, served in service_periods(officers, leaves).items()}
    return pd.Series(days, dtype="int64", name="duty_days").rename_axis("officer_key")
