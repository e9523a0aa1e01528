"""Reviews of body-camera recordings and logs that supervisors owe: done, and done when due."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import begun_in, findings, later, outside, shares
from sro_research.parameters import Wave
from sro_research.schemas import NO, YES


def log_review_indicators(
    reviews: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, as_of: dt.date
) -> pd.DataFrame:
    """Return `log_reviews_done_share`, also by kind, and `log_reviews_on_time_share`, of the reviews that were due.

    A review belongs to the wave in which it is due. One that is not due yet counts for nothing, nor does one of which
    it is not known whether it was done; where the day is not known, it is in the first share only. One that was done
    after the day of export was not done yet.
    """
    due = begun_in(reviews, "due_on", waves)
    due = due[due["due_on"] <= pd.Timestamp(as_of)].reset_index(drop=True)
    done = ((due["reviewed"] == YES) & ~later(due, ["reviewed_on"], as_of=as_of)).astype("boolean")
    done = done.where(due["reviewed"].notna())
    # A missing `done` and a late day would else be a "no".
    known = done.notna() & (~done | due["reviewed_on"].notna())
    on_time = (done & (due["reviewed_on"] <= due["due_on"])).where(known)
    return pd.concat(
        [
            shares(due, done, schools, measure="log_reviews_done_share"),
            shares(due, done, schools, measure="log_reviews_done_share", by="kind"),
            shares(due, on_time, schools, measure="log_reviews_on_time_share"),
        ],
        ignore_index=True,
    )


def log_review_findings(reviews: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the reviews, as `finding`, `rows`, `explanation`."""
    reviewed, on = reviews["reviewed"], reviews["reviewed_on"]
    return findings(
        {
            "reviews_outside_waves": (
                outside(reviews, "due_on", waves),
                "Reviews due on a day that belongs to no wave's period; they are not counted.",
            ),
            "reviews_not_known": (
                reviewed.isna(),
                "Reviews of which it is not recorded whether they were done; they are in no share.",
            ),
            "reviews_done_without_day": (
                (reviewed == YES).fillna(False) & on.isna(),
                "Reviews that were done on a day that is not recorded; they are in no share of reviews on time.",
            ),
            "reviews_not_done_with_day": (
                (reviewed == NO).fillna(False) & on.notna(),
                "Reviews that were not done but have a day on which they were; they count as not done.",
            ),
            "reviews_dated_later": (
                later(reviews, ["reviewed_on"], as_of=as_of),
                "Reviews done on a day after the day of export; what is dated later has not happened yet.",
            ),
        }
    )
