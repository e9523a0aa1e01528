"""How long it took until the officer was there, from call to clearing.

A call's chain is received, dispatched, arrived, cleared. Times are heavy-tailed, so what is told is the median and the
time within which 90 of 100 were answered, never a mean; both are quantiles of type 7 (R's default). A time that is
missing and one that is negative are counted, never dropped silently and never taken as zero. Where the officer came
upon something without a call there is no response to time. Clocks go back once a year: a call in that hour may look
negative.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.measures.cases import begun_in, findings, finished, outside, over_schools, shares
from sro_research.parameters import Wave

INTERVALS = {
    "dispatch": ("received_at", "dispatched_at"),
    "travel": ("dispatched_at", "arrived_at"),
    "response": ("received_at", "arrived_at"),
    "scene": ("arrived_at", "cleared_at"),
}
"""Parts of the chain, and the two times that each lies between."""
NOT_CALLED = ("dispatch", "travel", "response")
"""Parts that a call which the officer came upon does not have."""
TIMED, MISSING, NEGATIVE = "timed", "missing", "negative"
QUANTILES = {"median": 0.5, "p90": 0.9}
MINUTES_IN_A_DAY = 24 * 60


def response_intervals(calls: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return one row per call and part of the chain: the columns of calls, `wave`, `interval`, `minutes`, `status`.

    `status` is `timed`, `missing` (one of the two times is blank) or `negative`; only what is timed has minutes.
    """
    begun, tables = begun_in(calls, "received_at", waves), []
    for interval, (first, last) in INTERVALS.items():
        rows = begun[begun["source"] != "officer"] if interval in NOT_CALLED else begun
        minutes = _minutes(rows, first, last)
        status = pd.Series(TIMED, index=rows.index, dtype="string").mask(minutes.isna(), MISSING)
        status = status.mask(minutes.lt(0).fillna(False), NEGATIVE)
        tables.append(rows.assign(interval=interval, minutes=minutes.where(status == TIMED), status=status))
    return pd.concat(tables, ignore_index=True)


def response_indicators(intervals: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Return indicators by school, wave and for the district: `<interval>_minutes_median` and `_p90`, in minutes.

    Numerator: timed calls; denominator: all calls that should have been timed. Those of `response` are also given by
    `priority`. `response_missing_share` and `response_negative_share` say which share of calls could not be timed.
    """
    tables = [
        _quantile(intervals[intervals["interval"] == interval], schools, interval=interval, name=name, by=by)
        for interval in INTERVALS
        for name in QUANTILES
        for by in (("", "priority") if interval == "response" else ("",))
    ]
    response = intervals[intervals["interval"] == "response"]
    for status in (MISSING, NEGATIVE):
        yes = (response["status"] == status).astype("boolean")
        tables.append(shares(response, yes, schools, measure=f"response_{status}_share"))
    return pd.concat(tables, ignore_index=True)


def response_findings(calls: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return what does not fit in the calls, as `finding`, `rows`, `explanation`."""
    called = calls["source"] != "officer"
    minutes = {name: _minutes(calls, *pair) for name, pair in INTERVALS.items()}
    negative = pd.DataFrame({name: part.lt(0).fillna(False) for name, part in minutes.items()})
    long = pd.DataFrame({name: part.gt(MINUTES_IN_A_DAY).fillna(False) for name, part in minutes.items()})
    gap = calls["arrived_at"].isna() & calls["cleared_at"].notna()
    return findings(
        {
            "calls_outside_waves": (
                outside(calls, "received_at", waves),
                "Calls received on a day that belongs to no wave's period; they are not counted.",
            ),
            "calls_negative_time": (
                negative.any(axis=1),
                "Calls in which one time of the chain is before the one it follows; that part is counted as negative "
                "and is in no median.",
            ),
            "calls_without_arrival": (
                called & calls["arrived_at"].isna(),
                "Calls without a time of arrival: cancelled, open or not written down; they have no response time.",
            ),
            "calls_cleared_without_arrival": (
                called & gap,
                "Calls that were cleared although no arrival is recorded; they are among those without an arrival.",
            ),
            "calls_longer_than_a_day": (
                long.any(axis=1),
                "Calls in which a part of the chain took longer than a day, perhaps a wrong date; they are kept.",
            ),
        }
    )


def _minutes(calls: pd.DataFrame, first: str, last: str) -> pd.Series:
    return ((calls[last] - calls[first]).dt.total_seconds() / 60).astype("Float64")


def _quantile(rows: pd.DataFrame, schools: pd.DataFrame, *, interval: str, name: str, by: str) -> pd.DataFrame:
    def summary(grouped: pd.api.typing.DataFrameGroupBy) -> pd.DataFrame:
        known = grouped["minutes"]
        return pd.DataFrame(
            {"numerator": known.count(), "denominator": known.size(), "value": known.quantile(QUANTILES[name])}
        )

    table = over_schools(rows.assign(minutes=rows["minutes"].astype(float)), schools, summary, by=by)
    numbers = table[["numerator", "denominator"]].fillna(0)
    table = table.assign(numerator=numbers["numerator"], denominator=numbers["denominator"], cases=numbers["numerator"])
    table["value"] = table["value"].replace(np.nan, pd.NA)
    return finished(table, measure=f"{interval}_minutes_{name}", unit="minutes")
