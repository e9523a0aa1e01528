"""Tips, threat assessments, restorative sessions and reviews: what is open, not known or not due is not a failure."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.measures.log_reviews import log_review_findings, log_review_indicators
from sro_research.measures.restorative import restorative_findings, restorative_indicators
from sro_research.measures.threat_assessments import threat_assessment_findings, threat_assessment_indicators
from sro_research.measures.tips import tip_findings, tip_indicators
from sro_research.parameters import Wave

WAVES = [Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30))]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b"], "wave": ["1", "1"]}, dtype="string")
AS_OF = dt.date(2024, 6, 30)
COLUMNS = {
    "tips": ["received_on", "first_action_on", "closed_on", "reopened"],
    "assessments": ["opened_on", "met_on", "officer_present", "closed_on"],
    "restorative": ["referred_on", "held_on", "agreement_completed", "repeated_on"],
    "reviews": ["kind", "due_on", "reviewed", "reviewed_on"],
}


def table(kind: str, *rows: tuple[str | None, ...]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=COLUMNS[kind])
    dtypes = {name: "datetime64[ns]" if name.endswith("_on") else "string" for name in made}
    return made.astype(dtypes).assign(school_id=pd.array(["a"] * len(rows), dtype="string"))


def of_school(indicators: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return (numerator, denominator) of each measure at the school, and check that the district, of one, is equal."""
    whole = indicators[indicators["group_by"] == ""].set_index(["school_id", "measure"])
    numbers = whole[["numerator", "denominator", "value", "cases"]]
    pd.testing.assert_frame_equal(numbers.loc["a"], numbers.loc[""])
    shares = whole.loc["b"].query("unit == 'share'")
    assert shares["value"].isna().all() and (shares["cases"] == 0).all()
    return {name: (row["numerator"], row["denominator"]) for name, row in numbers.loc["a"].iterrows()}


def found(findings: pd.DataFrame) -> dict[str, int]:
    assert findings["explanation"].str.endswith(".").all()
    return {name: rows for name, rows in findings[["finding", "rows"]].itertuples(index=False) if rows}


TIPS = table(
    "tips",
    ("2023-09-01", "2023-09-02", "2023-09-10", "no"),
    ("2023-09-01", "2023-09-05", "2023-09-10", "yes"),
    ("2023-09-01", "2023-09-02", "2023-09-10", None),
    ("2023-09-01", None, None, None),  # open
    ("2024-06-29", "2024-06-29", None, None),  # too recent to ask whether it was done within three days
    ("2023-09-05", "2023-09-01", None, "yes"),  # backwards; reopened, never closed
    ("2023-09-01", "2024-07-05", "2024-07-06", None),  # later than the day of export
    ("2023-09-01", None, "2023-09-01", "no"),
    ("2022-09-01", "2022-09-01", None, None),  # in no wave
    ("2023-09-01", "2023-09-08", "2023-09-07", "no"),
)


def test_tips() -> None:
    made = of_school(tip_indicators(TIPS, SCHOOLS, WAVES, days=3, as_of=AS_OF))
    assert made.pop("tips_received")[0] == 9
    assert made == {
        "tips_acted_on_in_time_share": (2, 7),
        "tips_closed_share": (5, 9),
        "tips_reopened_share": (1, 4),
    }
    assert found(tip_findings(TIPS, WAVES, as_of=AS_OF)) == {
        "tips_outside_waves": 1,
        "tips_negative_time": 1,
        "tips_closed_before_action": 1,
        "tips_closed_without_action": 1,
        "tips_reopened_without_closing": 1,
        "tips_dated_later": 1,
    }


ASSESSMENTS = table(
    "assessments",
    ("2023-09-01", "2023-09-03", "yes", "2023-10-01"),
    ("2023-09-01", "2023-09-20", "no", None),
    ("2023-09-01", "2023-09-03", None, None),  # presence not recorded
    ("2023-09-01", None, None, "2023-09-02"),
    ("2023-09-01", None, "yes", None),
    ("2024-06-29", None, None, None),
    ("2023-09-10", "2023-09-09", "yes", None),
    ("2024-07-01", None, None, None),
    ("2024-06-29", "2024-07-02", "yes", None),  # no meeting yet on the day of export
)


def test_threat_assessments() -> None:
    made = of_school(threat_assessment_indicators(ASSESSMENTS, SCHOOLS, WAVES, days=5, as_of=AS_OF))
    assert made.pop("threat_assessments_opened")[0] == 8
    assert made == {
        "threat_teams_met_in_time_share": (2, 5),
        "threat_teams_with_officer_share": (2, 3),
        "threat_assessments_closed_share": (2, 8),
    }
    assert found(threat_assessment_findings(ASSESSMENTS, WAVES, as_of=AS_OF)) == {
        "assessments_outside_waves": 1,
        "assessments_negative_time": 1,
        "assessments_closed_without_meeting": 1,
        "assessments_presence_not_recorded": 1,
        "assessments_presence_without_meeting": 1,
        "assessments_dated_later": 2,
    }


RESTORATIVE = table(
    "restorative",
    ("2023-09-01", "2023-09-10", "yes", None),
    ("2023-09-01", "2023-09-10", "no", "2023-10-10"),  # the thirtieth day
    ("2023-09-01", "2023-09-10", None, "2023-10-11"),  # later than that
    ("2023-09-01", None, "yes", None),  # completed, but never held
    ("2024-06-01", "2024-06-10", "no", "2024-06-12"),  # not watched for thirty days
    ("2023-09-01", "2023-08-20", "yes", None),  # held before it was referred
    ("2023-09-01", None, None, None),
    ("2021-09-01", None, None, None),
    ("2023-09-01", "2023-09-10", "no", "2024-07-09"),
)


def test_restorative_sessions() -> None:
    made = of_school(restorative_indicators(RESTORATIVE, SCHOOLS, WAVES, days=30, as_of=AS_OF))
    assert made.pop("restorative_referrals")[0] == 8
    assert made == {
        "restorative_held_share": (6, 8),
        "restorative_completed_share": (2, 5),
        "restorative_repeated_share": (1, 5),
    }
    assert found(restorative_findings(RESTORATIVE, WAVES, as_of=AS_OF)) == {
        "restorative_outside_waves": 1,
        "restorative_negative_time": 1,
        "restorative_completed_without_session": 1,
        "restorative_agreement_not_known": 1,
        "restorative_dated_later": 1,
    }


REVIEWS = table(
    "reviews",
    ("body_camera", "2023-09-01", "yes", "2023-09-01"),
    ("body_camera", "2023-09-01", "yes", "2023-09-02"),  # late
    ("body_camera", "2023-09-01", "yes", None),
    ("contact_log", "2023-09-01", "no", None),
    ("contact_log", "2023-09-01", "no", "2023-08-30"),
    ("contact_log", "2023-09-01", None, None),
    ("contact_log", "2022-09-01", "yes", "2022-09-01"),
    ("contact_log", "2023-09-01", None, "2023-09-20"),  # not known whether it was done, though late if it was
    ("contact_log", "2024-06-28", "yes", "2024-07-03"),  # not done yet on the day of export
)


def test_log_reviews() -> None:
    reviews = log_review_indicators(REVIEWS, SCHOOLS, WAVES, as_of=AS_OF)
    assert of_school(reviews) == {"log_reviews_done_share": (3, 6), "log_reviews_on_time_share": (1, 5)}
    by_kind = reviews.query("group_by == 'kind' and school_id == 'a'").set_index("group")["value"]
    assert by_kind.to_dict() == {"body_camera": 1, "contact_log": 0}
    assert found(log_review_findings(REVIEWS, WAVES, as_of=AS_OF)) == {
        "reviews_outside_waves": 1,
        "reviews_not_known": 2,
        "reviews_done_without_day": 1,
        "reviews_not_done_with_day": 1,
        "reviews_dated_later": 1,
    }


@pytest.mark.parametrize(("as_of", "due"), [(dt.date(2023, 8, 31), 0), (dt.date(2023, 9, 1), 5)])
def test_a_review_that_is_not_due_counts_for_nothing(as_of: dt.date, due: int) -> None:
    assert of_school(log_review_indicators(REVIEWS, SCHOOLS, WAVES, as_of=as_of))["log_reviews_done_share"][1] == due


def test_a_wave_without_any_case_is_a_finding() -> None:
    """A list of tips that began with the second year has no tips in the first: its zero may be no zero."""
    two = [*WAVES, Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30))]
    assert found(tip_findings(TIPS, two, as_of=AS_OF))["tips_waves_without_any"] == 1
    assert found(threat_assessment_findings(ASSESSMENTS, two, as_of=AS_OF))["assessments_waves_without_any"] == 1
    assert found(restorative_findings(RESTORATIVE, two, as_of=AS_OF))["restorative_waves_without_any"] == 1
