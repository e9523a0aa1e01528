"""Drills done of those required."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.measures.drills import drill_counts, drill_findings, drill_indicators
from sro_research.parameters import Wave

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2}, dtype="string")
REQUIRED = {"lockdown": 2, "evacuation": 1, "medical": 0}
DRILLS = pd.DataFrame(
    [
        ("a", "2023-09-01", "lockdown"),
        ("a", "2023-09-01", "lockdown"),  # the same day again: two drills, or one that was entered twice
        ("a", "2023-10-01", "lockdown"),  # more than required does not make up for the evacuation
        ("a", "2023-11-01", "medical"),
        ("b", "2024-03-01", "evacuation"),
        ("b", "2024-07-15", "lockdown"),  # in no wave
        ("b", "2024-09-01", "lockdown"),
    ],
    columns=["school_id", "date", "kind"],
).astype({"school_id": "string", "kind": "string", "date": "datetime64[ns]"})


def test_a_kind_does_not_make_up_for_another() -> None:
    table = drill_counts(DRILLS, SCHOOLS, WAVES, required=REQUIRED, as_of=dt.date(2025, 7, 1))
    by = table.set_index(["school_id", "wave", "kind"])
    assert by.loc[("a", "1", "lockdown"), ["required", "done", "counted"]].tolist() == [2, 3, 2]
    assert by.loc[("a", "1", "medical"), ["required", "done", "counted"]].tolist() == [0, 1, 0]
    share = drill_indicators(table, SCHOOLS).set_index(["school_id", "wave", "group"])
    assert share.loc[("a", "1", ""), ["numerator", "denominator", "cases"]].tolist() == [2, 3, 3]
    assert share.loc[("b", "1", ""), "value"] == pytest.approx(1 / 3)
    assert share.loc[("a", "2", ""), "value"] == 0  # the file was provided and has none
    assert share.loc[("", "1", ""), ["numerator", "denominator"]].tolist() == [3, 6]
    assert share.loc[("", "1", "lockdown"), "value"] == 0.5
    assert "medical" not in share.index.unique("group")  # it is not required


def test_in_a_wave_that_is_not_over_nothing_is_overdue() -> None:
    table = drill_counts(DRILLS, SCHOOLS, WAVES, required=REQUIRED, as_of=dt.date(2025, 6, 29))
    share = drill_indicators(table, SCHOOLS).query("group_by == ''").set_index(["school_id", "wave"])
    assert share["value"].xs("2", level="wave").isna().all()
    assert share["cases"].xs("2", level="wave").eq(0).all()
    assert share["value"].xs("1", level="wave").notna().all()
    assert table.query("wave == '2' and school_id == 'b' and kind == 'lockdown'")["done"].tolist() == [1]


def test_what_does_not_fit_is_counted() -> None:
    found = drill_findings(DRILLS, SCHOOLS, WAVES).set_index("finding")["rows"]
    assert found.to_dict() == {"drills_outside_waves": 1, "drills_on_one_day": 1, "schools_without_drills": 1}
