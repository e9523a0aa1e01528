"""Tips: whether something was done about them, and how soon; whether they were closed, and opened again."""

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

WAITS = {"tips_first_action": ("received_on", "first_action_on"), "tips_closing": ("received_on", "closed_on")}
"""What tips wait for, from which day to which (`cases.waits`, `models.time_to_event`)."""


def tip_indicators(
    tips: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, days: int, as_of: dt.date
) -> pd.DataFrame:
    """Return `tips_received` and three shares: acted on within `days`, closed so far, reopened of those closed."""
    begun = begun_in(tips, "received_on", waves)
    closed = happened(begun, "closed_on", as_of=as_of)
    reopened = (begun["reopened"] == YES).astype("boolean").where(closed & begun["reopened"].notna())
    return pd.concat(
        [
            counts(begun, schools, measure="tips_received", unit="tips"),
            shares(
                begun,
                within(begun, "received_on", "first_action_on", days=days, as_of=as_of),
                schools,
                measure="tips_acted_on_in_time_share",
            ),
            shares(begun, closed, schools, measure="tips_closed_share"),
            shares(begun, reopened, schools, measure="tips_reopened_share"),
        ],
        ignore_index=True,
    )


def tip_findings(tips: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the tips, as `finding`, `rows`, `explanation`."""
    action, closed = tips["first_action_on"], tips["closed_on"]
    return findings(
        {
            "tips_outside_waves": (
                outside(tips, "received_on", waves),
                "Tips received on a day that belongs to no wave's period; they are not counted.",
            ),
            "tips_negative_time": (
                backwards(tips, "received_on", "first_action_on") | backwards(tips, "received_on", "closed_on"),
                "Tips with an action or a closing before they were received; the time in question is not used.",
            ),
            "tips_closed_before_action": (
                (closed < action).fillna(False),
                "Tips that were closed before the first action on them; both days are used as they stand.",
            ),
            "tips_closed_without_action": (
                closed.notna() & action.isna(),
                "Tips that were closed without a first action on record: none was needed, or it was not written down.",
            ),
            "tips_reopened_without_closing": (
                (tips["reopened"] == YES).fillna(False) & closed.isna(),
                "Tips that were reopened although no closing is recorded; they are not among the reopened.",
            ),
            "tips_waves_without_any": (
                without_cases(tips, "received_on", waves),
                "Waves in which no tip was received; their counts are taken as not known, not as zero.",
            ),
            "tips_dated_later": (
                later(tips, ["received_on", "first_action_on", "closed_on"], as_of=as_of),
                "Tips with a day after the day of export; what is dated later counts as not having happened yet.",
            ),
        }
    )
