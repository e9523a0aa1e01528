"""Records of made-up districts pass the door, hold what was planted, and give it back."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sro_research import schemas
from sro_research.measures.cases import begun_in, waits
from sro_research.measures.complaints import complaint_findings, complaint_indicators
from sro_research.measures.drills import drill_counts, drill_findings, drill_indicators
from sro_research.measures.emergencies import emergency_findings, emergency_indicators, items_of_schools
from sro_research.measures.information_sharing import sharing_findings, sharing_indicators
from sro_research.measures.lessons import events, lesson_findings, lesson_indicators
from sro_research.measures.log_reviews import log_review_findings, log_review_indicators
from sro_research.measures.response_times import response_findings, response_indicators, response_intervals
from sro_research.measures.restorative import restorative_findings, restorative_indicators
from sro_research.measures.threat_assessments import threat_assessment_findings, threat_assessment_indicators
from sro_research.measures.tips import tip_findings, tip_indicators
from sro_research.models.quantiles import quantile_estimates
from sro_research.models.time_to_event import time_estimates
from sro_research.parameters import Wave
from sro_research.synthetic.complaints import ComplaintsTruth, make_complaints
from sro_research.synthetic.emergencies import EmergenciesTruth, make_emergencies
from sro_research.synthetic.information_sharing import SharingTruth, make_information_sharing
from sro_research.synthetic.operations import OperationsTruth, make_operations

WAVES = [
    Wave(id=str(year), label={"en": str(year)}, start=dt.date(year - 1, 8, 1), end=dt.date(year, 6, 30))
    for year in (2024, 2025)
]
AS_OF = dt.date(2025, 6, 30)
REQUIRED = {"lockdown": 2, "evacuation": 4}
OPERATIONS, COMPLAINTS, EMERGENCIES, SHARING = OperationsTruth(), ComplaintsTruth(), EmergenciesTruth(), SharingTruth()
HONEST = replace(OPERATIONS, negative_calls=0, closed_before_received=0, drills_out_of_period=0)


def roster(schools: int = 12, students: int = 500) -> pd.DataFrame:
    rows = [(f"{school:04d}", wave.id, students) for school in range(schools) for wave in WAVES]
    table = pd.DataFrame(rows, columns=["school_id", "wave", "students"])
    return table.astype({"school_id": "string", "wave": "string", "students": "Int64"})


def raw(seed: int, schools: pd.DataFrame, **truth: OperationsTruth) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    tables = make_operations(schools, WAVES, rng, required=REQUIRED, as_of=AS_OF, **truth)
    tables["complaints"] = make_complaints(schools, WAVES, rng, as_of=AS_OF)
    tables |= make_emergencies(schools, WAVES, tables["drills"], rng, as_of=AS_OF)
    return tables | {"information_sharing": make_information_sharing(schools, WAVES, rng, as_of=AS_OF)}


def through_the_door(tables: dict[str, pd.DataFrame], schools: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Write each table as an export and read it as one; no row may break a rule."""
    ids = schools["school_id"].unique()
    known = {
        "drills": schemas.drills(ids, REQUIRED),
        "after_action_items": schemas.after_action_items(tables["emergencies"]["emergency_id"]),
        "lessons": schemas.lessons([*tables["drills"]["drill_id"], *tables["emergencies"]["emergency_id"]]),
    }
    typed = {}
    for name, table in tables.items():
        schema = known.get(name) or getattr(schemas, name)(ids)
        export = io.StringIO(table.to_csv(index=False, date_format="%Y-%m-%d"))
        cells = pd.read_csv(export, dtype="str", keep_default_na=False)
        typed[name], unread = schemas.convert(cells[list(schema.columns)], schema)
        assert unread.empty and schemas.broken_rules(typed[name], schema).empty, name
        assert set(cells) == set(schema.columns)
    return typed


@pytest.fixture(scope="module")
def records() -> dict[str, pd.DataFrame]:
    return through_the_door(raw(3, roster()), roster())


def test_the_same_seed_makes_the_same_records() -> None:
    one, again, other = raw(1, roster(2)), raw(1, roster(2)), raw(2, roster(2))
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, again[name])
    assert not one["calls"].equals(other["calls"])


def test_nothing_is_known_of_what_comes_after_the_export(records: dict[str, pd.DataFrame]) -> None:
    for name, table in records.items():
        for column in table.select_dtypes("datetime"):
            if (name, column) != ("after_action_items", "due_on"):
                assert table[column].dt.normalize().max() <= pd.Timestamp(AS_OF), (name, column)


def all_findings(t: dict[str, pd.DataFrame], schools: pd.DataFrame) -> pd.Series:
    of = events(t["drills"], t["emergencies"])
    tables = [
        response_findings(t["calls"], WAVES),
        drill_findings(t["drills"], schools, WAVES),
        tip_findings(t["tips"], WAVES, as_of=AS_OF),
        threat_assessment_findings(t["threat_assessments"], WAVES, as_of=AS_OF),
        restorative_findings(t["restorative"], WAVES, as_of=AS_OF),
        log_review_findings(t["log_reviews"], WAVES, as_of=AS_OF),
        complaint_findings(t["complaints"], WAVES, as_of=AS_OF),
        emergency_findings(t["emergencies"], t["after_action_items"], WAVES, as_of=AS_OF),
        lesson_findings(t["lessons"], of, WAVES, as_of=AS_OF),
        sharing_findings(t["information_sharing"], WAVES, as_of=AS_OF),
    ]
    made = pd.concat(tables, ignore_index=True)
    assert made["finding"].is_unique and made["explanation"].str.endswith(".").all()
    return made.set_index("finding")["rows"]


def all_indicators(t: dict[str, pd.DataFrame], schools: pd.DataFrame) -> pd.DataFrame:
    counted = drill_counts(t["drills"], schools, WAVES, required=REQUIRED, as_of=AS_OF)
    of = events(t["drills"], t["emergencies"])
    tables = [
        response_indicators(response_intervals(t["calls"], WAVES), schools),
        drill_indicators(counted, schools),
        tip_indicators(t["tips"], schools, WAVES, days=2, as_of=AS_OF),
        threat_assessment_indicators(t["threat_assessments"], schools, WAVES, days=5, as_of=AS_OF),
        restorative_indicators(t["restorative"], schools, WAVES, days=90, as_of=AS_OF),
        log_review_indicators(t["log_reviews"], schools, WAVES, as_of=AS_OF),
        complaint_indicators(t["complaints"], schools, WAVES, days=60, as_of=AS_OF),
        emergency_indicators(t["emergencies"], t["after_action_items"], schools, WAVES, as_of=AS_OF),
        lesson_indicators(t["lessons"], of, schools, WAVES, as_of=AS_OF),
        sharing_indicators(t["information_sharing"], schools, WAVES),
    ]
    return pd.concat(tables, ignore_index=True)


def test_planted_contradictions_are_all_found_and_nothing_else(records: dict[str, pd.DataFrame]) -> None:
    found = all_findings(records, roster())
    planted = {
        "calls_negative_time": OPERATIONS.negative_calls,
        "tips_negative_time": OPERATIONS.closed_before_received,
        "tips_closed_before_action": OPERATIONS.closed_before_received,
        "drills_outside_waves": OPERATIONS.drills_out_of_period,
        "complaints_disposed_without_finding": COMPLAINTS.disposed_without_finding,
        "lessons_from_elsewhere": EMERGENCIES.lessons_from_elsewhere,
    }
    assert found[list(planted)].to_dict() == planted
    # Gaps that the records may have without contradicting themselves; days drawn at random may fall together.
    gaps = [
        "calls_without_arrival",
        "calls_cleared_without_arrival",
        "complaints_group_not_stated",
        "drills_on_one_day",
    ]
    gaps += ["emergencies_without_items", "items_overdue", "lessons_outside_waves", "sharing_without_basis"]
    assert found.drop([*planted, *gaps]).eq(0).all()


def test_each_indicator_stands_once_for_every_school_and_the_district(records: dict[str, pd.DataFrame]) -> None:
    made = all_indicators(records, roster())
    keys = ["measure", "group_by", "group", "school_id", "wave"]
    assert not made.duplicated(keys).any()
    whole = made[(made["group_by"] == "") & (made["measure"] != "lessons_in_use_share")]
    assert whole.groupby("measure").size().eq(len(roster()) + len(WAVES)).all()
    assert made["cases"].notna().all()
    share = made[made["unit"] == "share"]
    assert share["value"].notna().eq(share["cases"] > 0).all()
    assert share["value"].dropna().between(0, 1).all()
    sums = whole[~whole["measure"].str.contains("minutes")].groupby([whole["school_id"] == "", "measure", "wave"])
    numerators = sums["numerator"].sum()
    pd.testing.assert_series_equal(numerators[True], numerators[False])


PLANTED = {
    "response_missing_share": OPERATIONS.no_arrival,
    "tips_acted_on_in_time_share": 1 - np.exp(-3 / OPERATIONS.tip_action_days),
    "threat_teams_met_in_time_share": 1 - np.exp(-6 / OPERATIONS.meeting_days),
    "threat_teams_with_officer_share": OPERATIONS.officer_present,
    "restorative_completed_share": OPERATIONS.agreement_completed,
    "restorative_repeated_share": 1 - np.exp(-91 / OPERATIONS.repeated_days),
    "drills_done_share": OPERATIONS.drills_done,
    "log_reviews_done_share": OPERATIONS.reviews_done,
    "complaints_disposed_in_time_share": 1 - np.exp(-61 / COMPLAINTS.disposition_days),
    "complaints_sustained_share": COMPLAINTS.sustained,
    "after_action_on_time_share": 1 - np.exp(-31 / EMERGENCIES.closing_days),
    "sharing_with_basis_share": SHARING.basis_stated,
}


def test_planted_shares_come_back_in_a_large_district() -> None:
    """Within 3.5 binomial errors, 1 in 2,000: days at the ends of waits are cut off nowhere, open cases counted."""
    schools = roster(60, 800)
    made = all_indicators(through_the_door(raw(5, schools, truth=HONEST), schools), schools)
    whole = made.query("school_id == '' and group_by == ''").groupby("measure")[["numerator", "denominator"]].sum()
    for measure, planted in PLANTED.items():
        yes, of = whole.loc[measure].astype(float)
        assert of > 100, measure
        error = np.sqrt(planted * (1 - planted) / of)
        assert abs(yes / of - planted) <= 3.5 * error, (measure, yes / of, planted)


DISTRICTS = 200


def held(rows: pd.DataFrame, truth: float) -> float:
    return float(((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).mean())


def near(share: float, count: int) -> bool:
    """Tell whether a coverage is 93 to 97 %, give or take 3 binomial errors of 95 % of so many districts."""
    chance = 3 * np.sqrt(0.95 * 0.05 / count)
    return 0.93 - chance <= share <= 0.97 + chance


def of_districts(table: pd.DataFrame, schools: int) -> pd.DataFrame:
    """Take so many schools after another as districts of their own."""
    number = table["school_id"].astype("int64") // schools
    return table.assign(district=number.astype("string"))


def test_intervals_of_response_times_hold_what_was_planted() -> None:
    """In 200 districts of 12 schools: the quantiles of a district are those of all such schools, within limits."""
    schools = roster(12 * DISTRICTS, 300).query("wave == '2024'")
    tables = make_operations(schools, WAVES[:1], np.random.default_rng(1), required={}, as_of=AS_OF, truth=HONEST)
    cells = tables["calls"].astype("string").fillna("")
    calls, unread = schemas.convert(cells, schemas.calls(None))
    assert unread.empty
    measures = {"response_minutes_median": 0.5, "response_minutes_p90": 0.9}
    timed = of_districts(response_intervals(calls, WAVES).query("interval == 'response'"), 12)
    # `wave` is what estimates are made by.
    made = quantile_estimates(timed.assign(wave=timed["district"]), value="minutes", measures=measures, unit="minutes")
    found = made[made["school_id"] == ""]
    spread = np.hypot(OPERATIONS.response_sd_within, OPERATIONS.response_sd_between)
    for measure, p in measures.items():
        truth = OPERATIONS.response_median * np.exp(spread * stats.norm.ppf(p))
        known = found[(found["measure"] == measure) & found["conf_low"].notna()]
        assert len(known) >= 0.97 * DISTRICTS
        assert near(held(known, truth), len(known)), (measure, held(known, truth))


def test_intervals_of_times_to_disposition_hold_what_was_planted_although_cases_are_open() -> None:
    truth = 1 - np.exp(-61 / COMPLAINTS.disposition_days)
    table = make_complaints(roster(8 * DISTRICTS, 1000), WAVES, np.random.default_rng(2), as_of=AS_OF)
    last = of_districts(begun_in(table, "received_on", WAVES).query("wave == '2025'"), 8)
    waited = waits(last, "received_on", "disposed_on", WAVES, as_of=AS_OF)
    made = time_estimates(waited.assign(wave=waited["district"]), measure="disposition", by=["wave"], within=[60])
    found = made[made["measure"] == "disposition_within_60_days"]
    assert len(found) == DISTRICTS
    assert near(held(found, truth), DISTRICTS), held(found, truth)
    assert abs(found["estimate"].mean() - truth) < 0.01
    closed = waited[waited["observed"]]
    assert closed["duration"].le(60).mean() > truth + 0.02  # closed cases alone look faster than they are


def test_items_wait_as_planted() -> None:
    schools, no_drills = roster(60).assign(students=100), raw(1, roster(1))["drills"].head(0)
    made = make_emergencies(schools, WAVES, no_drills, np.random.default_rng(9), as_of=AS_OF)
    own = items_of_schools(made["after_action_items"], made["emergencies"])
    waited = waits(own, "date", "closed_on", WAVES, as_of=AS_OF)
    estimate = time_estimates(waited, measure="after_action_closing").iloc[0]
    planted = EMERGENCIES.closing_days * np.log(2)
    assert estimate["conf_low"] - 1 <= planted <= estimate["conf_high"] + 1  # days are whole
