"""What a program does from day to day: calls, drills, tips, threat assessments, restorative sessions, log reviews.

Days that stand in the wrong order are no broken rule here: they are taken in, counted and said, because how many
there are tells how far the record can be believed.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import date, moment, of_study, one_of, text, yes_or_no

CALL_SOURCES = ("school", "emergency_line", "officer", "other")
"""Who called: somebody at the school, the emergency line, or nobody, because the officer came upon it."""
RETURNED, RESOLVED, REFERRED, DIVERTED, CHARGED, OPEN = DISPOSITIONS = (
    "returned_to_school", "resolved", "referred", "diverted", "charged", "open"
)  # fmt: skip
"""What became of a call: given back to the school's staff, ended by the officer, handed on, a program instead of a
charge, a citation or arrest, not decided yet."""
REVIEWED_LOGS = ("body_camera", "activity_log", "contact_log")


def calls(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a call for the officer: when it was received, passed on, when the officer arrived and was free again.

    A blank time is not known. `priority` is the dispatcher's own code; none where there is no code. `disposition` says
    what became of the call as a whole, blank where it was not recorded.
    """
    return _records(
        "call_id",
        schools,
        {
            "received_at": moment(),
            "dispatched_at": moment(nullable=True),
            "arrived_at": moment(nullable=True),
            "cleared_at": moment(nullable=True),
            "priority": text(nullable=True),
            "source": text(one_of(CALL_SOURCES)),
            "disposition": text(one_of(DISPOSITIONS), nullable=True),
        },
    )


def drills(schools: Iterable[str] | None, kinds: Iterable[str]) -> pa.DataFrameSchema:
    """One row is a drill that was held at a school; `kinds` are those of the standard."""
    return _records("drill_id", schools, {"date": date(), "kind": text(*of_study(kinds, "a kind of drill"))})


def tips(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a tip: the days of receipt, of the first action and first closing, and whether it was reopened then.

    What has not happened yet is blank. Who gave the tip, and what it says, is not recorded here.
    """
    return _records(
        "tip_id",
        schools,
        {
            "received_on": date(),
            "first_action_on": date(nullable=True),
            "closed_on": date(nullable=True),
            "reopened": yes_or_no(nullable=True),
        },
    )


def threat_assessments(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a threat assessment: opened when, met on when, with the officer or not, closed when."""
    return _records(
        "assessment_id",
        schools,
        {
            "opened_on": date(),
            "met_on": date(nullable=True),
            "officer_present": yes_or_no(nullable=True),
            "closed_on": date(nullable=True),
        },
    )


def restorative(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a referral to a restorative session: held when, agreement completed or not, repeated when.

    `repeated_on` is the day of the first new incident between the same people, blank as long as there is none.
    """
    return _records(
        "case_id",
        schools,
        {
            "referred_on": date(),
            "held_on": date(nullable=True),
            "agreement_completed": yes_or_no(nullable=True),
            "repeated_on": date(nullable=True),
        },
    )


def log_reviews(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a review of a body-camera recording or a log that a supervisor owes: due when, done or not, when."""
    return _records(
        "review_id",
        schools,
        {
            "kind": text(one_of(REVIEWED_LOGS)),
            "due_on": date(),
            "reviewed": yes_or_no(nullable=True),
            "reviewed_on": date(nullable=True),
        },
    )


def _records(key: str, schools: Iterable[str] | None, columns: dict[str, pa.Column]) -> pa.DataFrameSchema:
    own = {key: text(unique=True), "school_id": text(*of_study(schools, "a school"))}
    return pa.DataFrameSchema({**own, **columns}, strict=True)
