"""Calls and contacts of a made-up district agree, but for what is planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

from sro_research import schemas
from sro_research.instruments import load_instrument
from sro_research.measures.call_outcomes import call_findings, call_funnel
from sro_research.measures.response_times import response_findings
from sro_research.parameters import read_parameters
from sro_research.standards.together import read_standards
from sro_research.synthetic import make_district
from sro_research.synthetic.call_outcomes import CallTruth, make_call_outcomes

DEMO = read_parameters(PROJECT / "params" / "demo.yaml")
STANDARDS = read_standards(PROJECT / "params" / "standards", DEMO.records)
TRUTH = CallTruth()


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    student = load_instrument(PROJECT / "surveys", "student_climate", ["en"])
    return make_district([student], DEMO.waves, STANDARDS).tables


def typed(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls as they come through the door."""
    schema = schemas.calls(None)
    read, unread = schemas.convert(calls.astype("string").fillna("")[list(schema.columns)], schema)
    assert unread.empty and schemas.broken_rules(read, schema).empty
    return read


def found(tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    return call_findings(typed(tables["calls"]), tables["contacts"]).set_index("finding")["rows"].to_dict()


def test_planted_flaws_are_found_exactly(tables: dict[str, pd.DataFrame]) -> None:
    assert all(number > 0 for number in TRUTH.flaws.values())
    assert found(tables) == TRUTH.flaws


@pytest.mark.parametrize("name", TRUTH.flaws)
def test_a_flaw_that_is_not_planted_is_not_found(tables: dict[str, pd.DataFrame], name: str) -> None:
    truth, rng = replace(TRUTH, flaws=TRUTH.flaws | {name: 0}), np.random.default_rng(1)
    again = make_call_outcomes(tables["calls"], tables["contacts"].assign(call_id=pd.NA), DEMO.waves, rng, truth)
    assert found(again) == truth.flaws


def test_contacts_that_somebody_called_for_name_a_call_of_their_school_and_day(tables) -> None:
    log, calls = tables["contacts"], typed(tables["calls"]).set_index("call_id")
    called_for = log["called_by"].notna() & log["called_by"].ne("officer_initiated")
    assert log.loc[~called_for, "call_id"].isna().all()
    assert log.loc[called_for, "call_id"].notna().mean() > 0.85  # the others have no call left
    own = calls.reindex(log["call_id"].dropna())
    assert not own["source"].eq("officer").fillna(False).any()
    assert log["call_id"].dropna().duplicated().any()  # several students of one event


def test_what_became_of_calls_adds_up_and_is_of_every_kind(tables) -> None:
    schools = tables["schools"].astype({"school_id": "string", "wave": "string"})
    funnel = call_funnel(typed(tables["calls"]), schools, DEMO.waves)
    district = funnel[funnel["school_id"] == ""]
    assert (district[["returned", "handled", "open", "not_recorded"]].sum(axis=1) == district["calls"]).all()
    assert (district.drop(columns=["school_id", "wave"]).sum() > 10).all()


def test_only_days_of_calls_are_moved(tables) -> None:
    """Response times and the negative ones among them are those that were made before contacts were given calls."""
    rng = np.random.default_rng(2)
    moved = make_call_outcomes(tables["calls"], tables["contacts"].assign(call_id=pd.NA), DEMO.waves, rng, TRUTH)
    one, other = (typed(table) for table in (tables["calls"], moved["calls"]))
    assert (one["received_at"] != other["received_at"]).any()
    for column in ("dispatched_at", "arrived_at", "cleared_at"):
        pd.testing.assert_series_equal(
            one[column] - one["received_at"], other[column] - other["received_at"], check_names=False
        )
    assert (one["received_at"].dt.time == other["received_at"].dt.time).all()
    at = response_findings(other, DEMO.waves).set_index("finding")["rows"]
    assert at["calls_outside_waves"] == 0 and at["calls_negative_time"] == 3


def test_without_a_log_of_contacts_calls_have_an_outcome_all_the_same(tables) -> None:
    made = make_call_outcomes(tables["calls"], None, DEMO.waves, np.random.default_rng(3), TRUTH)
    assert set(made) == {"calls"}
    assert set(made["calls"]["disposition"].dropna()) == {"returned_to_school", "resolved", "open"}


def test_a_small_district_has_as_many_flaws_as_it_has_room_for(tables) -> None:
    few = tables["calls"].head(2), tables["contacts"].head(3).assign(call_id=pd.NA)
    made = make_call_outcomes(*few, DEMO.waves, np.random.default_rng(4), TRUTH)
    assert len(made["calls"]) == 2 and len(made["contacts"]) == 3
    none = make_call_outcomes(few[0][:0], few[1], DEMO.waves, np.random.default_rng(4), TRUTH)
    assert none["contacts"]["call_id"].isna().all()
