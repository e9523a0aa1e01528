"""Response times: what is missing or negative is counted, never dropped or taken as zero."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.response_times import (
    INTERVALS,
    response_findings,
    response_indicators,
    response_intervals,
)
from sro_research.parameters import Wave

WAVES = [Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30))]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b"], "wave": ["1", "1"]}, dtype="string")
START = pd.Timestamp("2024-01-05 09:00")
Minutes = float | None


def calls(*rows: tuple[Minutes, Minutes, Minutes], source: str = "school", start: pd.Timestamp = START) -> pd.DataFrame:
    """Return calls whose dispatch, arrival and clearing come so many minutes after they were received."""
    times = pd.DataFrame(rows, columns=["dispatched_at", "arrived_at", "cleared_at"], dtype=float)
    table = times.apply(lambda minutes: start + pd.to_timedelta(minutes, unit="min"))
    ids = [f"c{i}" for i in range(len(rows))]
    table = table.assign(call_id=ids, school_id="a", received_at=start, priority="2", source=source)
    return table.astype({"call_id": "string", "school_id": "string", "priority": "string", "source": "string"})


TABLE = pd.concat(
    [
        calls((1, 5, 30), (2, 8, 20), (1, None, 3), (-2, 4, 9), (3, 1, 9), (None, 20, None)),
        calls((0, 0, 15), source="officer"),
        calls((1, 2, 3), start=pd.Timestamp("2024-07-15 09:00")),
    ],
    ignore_index=True,
)


def test_each_part_of_the_chain_is_timed_missing_or_negative() -> None:
    found = response_intervals(TABLE, WAVES)
    status = found.groupby(["interval", "status"]).size().unstack(fill_value=0)
    assert status.loc["dispatch", ["timed", "missing", "negative"]].tolist() == [4, 1, 1]
    assert status.loc["travel", ["timed", "missing", "negative"]].tolist() == [3, 2, 1]
    assert status.loc["response", ["timed", "missing", "negative"]].tolist() == [5, 1, 0]
    assert status.loc["scene", ["timed", "missing", "negative"]].tolist() == [5, 2, 0]
    assert found["minutes"].notna().eq(found["status"] == "timed").all()


def test_what_the_officer_came_upon_has_no_response_but_takes_time() -> None:
    found = response_intervals(calls((0, 0, 15), source="officer"), WAVES)
    assert found[["interval", "minutes"]].values.tolist() == [["scene", 15]]


def test_medians_and_how_many_calls_they_are_of() -> None:
    made = response_indicators(response_intervals(TABLE, WAVES), SCHOOLS)
    whole = made[made["group_by"] == ""].set_index(["measure", "school_id"])
    for school in ("a", ""):
        row = whole.loc[("response_minutes_median", school)]
        assert row[["numerator", "denominator", "cases", "value"]].tolist() == [5, 6, 5, 5]  # of 1, 4, 5, 8, 20
        assert whole.loc[("response_minutes_p90", school), "value"] == pytest.approx(np.quantile([1, 4, 5, 8, 20], 0.9))
        assert whole.loc[("response_missing_share", school), "value"] == pytest.approx(1 / 6)
        assert whole.loc[("response_negative_share", school), "value"] == 0
    assert pd.isna(whole.loc[("response_minutes_median", "b"), "value"])  # no call is not a time of zero
    assert whole.loc[("response_minutes_median", "b"), "cases"] == 0
    assert set(made.loc[made["group_by"] == "priority", "measure"]) == {
        "response_minutes_median",
        "response_minutes_p90",
    }


def test_what_does_not_fit_is_counted() -> None:
    table = pd.concat([TABLE, calls((1, 3000, 3010))], ignore_index=True)
    found = response_findings(table, WAVES).set_index("finding")["rows"]
    assert found.to_dict() == {
        "calls_outside_waves": 1,
        "calls_negative_time": 2,
        "calls_without_arrival": 1,
        "calls_cleared_without_arrival": 1,
        "calls_longer_than_a_day": 1,
    }


part = st.none() | st.floats(-90, 4000)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(part, part, part, st.booleans()), min_size=1, max_size=15))
def test_no_call_is_lost(rows: list[tuple[Minutes, Minutes, Minutes, bool]]) -> None:
    """Timed, missing and negative are all calls that were called; what is counted has no minutes below zero."""
    table = calls(*(row[:3] for row in rows))
    table["source"] = pd.array(["officer" if row[3] else "other" for row in rows], dtype="string")
    made = response_intervals(table, WAVES)
    called = sum(not row[3] for row in rows)
    sizes = made.groupby("interval").size().reindex(list(INTERVALS), fill_value=0)
    assert sizes.to_dict() == {"dispatch": called, "travel": called, "response": called, "scene": len(table)}
    assert (made["minutes"].dropna() >= 0).all()
    assert made["minutes"].notna().eq(made["status"] == "timed").all()
    assert set(made["status"]) <= {"timed", "missing", "negative"}
