"""Restorative sessions: referred, held, agreement completed, and whether the people came into conflict again.

That fewer conflicts follow sessions than other answers would not show that sessions prevent them: who is referred and
agrees to meet is not anybody.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import (
    backwards,
    begun_in,
    counts,
    findings,
    happened,
    later,
    outside,
    shares,
    within,
    without_cases,
)
from sro_research.parameters import Wave
from sro_research.schemas import YES

WAITS = {"restorative_session": ("referred_on", "held_on")}
"""What cases wait for, from which day to which (`cases.waits`, `models.time_to_event`)."""


def restorative_indicators(
    cases: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, days: int, as_of: dt.date
) -> pd.DataFrame:
    """Return `restorative_referrals` and three shares.

    Held so far; of those held, agreement completed (not known is neither); of those held, repeated within `days`, among
    sessions that could be watched for so long.
    """
    begun = begun_in(cases, "referred_on", waves)
    held = happened(begun, "held_on", as_of=as_of)
    completed = (
        (begun["agreement_completed"] == YES).astype("boolean").where(held & begun["agreement_completed"].notna())
    )
    repeated = within(begun, "held_on", "repeated_on", days=days, as_of=as_of)
    return pd.concat(
        [
            counts(begun, schools, measure="restorative_referrals", unit="referrals"),
            shares(begun, held, schools, measure="restorative_held_share"),
            shares(begun, completed, schools, measure="restorative_completed_share"),
            shares(begun, repeated, schools, measure="restorative_repeated_share"),
        ],
        ignore_index=True,
    )


def restorative_findings(cases: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the restorative cases, as `finding`, `rows`, `explanation`."""
    held, completed = cases["held_on"], cases["agreement_completed"]
    return findings(
        {
            "restorative_outside_waves": (
                outside(cases, "referred_on", waves),
                "Referrals on a day that belongs to no wave's period; they are not counted.",
            ),
            "restorative_negative_time": (
                backwards(cases, "referred_on", "held_on") | backwards(cases, "held_on", "repeated_on"),
                "Cases with a session before the referral, or a repeated incident before the session; the time in "
                "question is not used.",
            ),
            "restorative_completed_without_session": (
                held.isna() & (completed == YES).fillna(False),
                "Cases whose agreement is completed although no session is recorded; they are not among the completed.",
            ),
            "restorative_agreement_not_known": (
                held.notna() & completed.isna(),
                "Sessions of which it is not known whether the agreement was completed; its share leaves them out.",
            ),
            "restorative_waves_without_any": (
                without_cases(cases, "referred_on", waves),
                "Waves in which no referral was made; their counts are taken as not known, not as zero.",
            ),
            "restorative_dated_later": (
                later(cases, ["referred_on", "held_on", "repeated_on"], as_of=as_of),
                "Cases with a day after the day of export; what is dated later has not happened yet.",
            ),
        }
    )
