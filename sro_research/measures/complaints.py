"""Complaints: how they came, how long they took, what was found, and who complained.

Many complaints may mean that much is wrong, or that people know how to complain and trust that it helps; few may mean
the opposite of either. A finding is the word of whoever disposed of the complaint.
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

WAITS = {"complaints_disposition": ("received_on", "disposed_on")}
"""What complaints wait for, from which day to which (`cases.waits`, `models.time_to_event`)."""
BREAKDOWNS = ("channel", "complainant_group")
DECIDED = ("sustained", "not_sustained", "unfounded", "exonerated")
"""Findings on the matter itself; a complaint that was withdrawn or settled otherwise was not decided."""


def complaint_indicators(
    complaints: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, days: int, as_of: dt.date
) -> pd.DataFrame:
    """Return `complaints_received`, also by channel and group, `complaints_disposed` by finding, and three shares.

    Disposed of so far; disposed of within `days`, open ones included; sustained, of those decided, also by group.
    """
    begun = begun_in(complaints, "received_on", waves)
    disposed = happened(begun, "disposed_on", as_of=as_of)
    in_time = within(begun, "received_on", "disposed_on", days=days, as_of=as_of)
    decided = disposed & begun["finding"].isin(DECIDED)
    sustained = (begun["finding"] == "sustained").astype("boolean").where(decided)
    received = [
        counts(begun, schools, measure="complaints_received", unit="complaints", by=by) for by in ("", *BREAKDOWNS)
    ]
    found = counts(
        begun, schools, measure="complaints_disposed", unit="complaints", by="finding", which=disposed.fillna(False)
    )
    return pd.concat(
        [
            *received,
            found,
            shares(begun, disposed, schools, measure="complaints_disposed_share"),
            shares(begun, in_time, schools, measure="complaints_disposed_in_time_share"),
            shares(begun, sustained, schools, measure="complaints_sustained_share"),
            shares(begun, sustained, schools, measure="complaints_sustained_share", by="complainant_group"),
        ],
        ignore_index=True,
    )


def complaint_findings(complaints: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the complaints, as `finding`, `rows`, `explanation`."""
    disposed, found = complaints["disposed_on"], complaints["finding"]
    return findings(
        {
            "complaints_outside_waves": (
                outside(complaints, "received_on", waves),
                "Complaints received on a day that belongs to no wave's period; they are not counted.",
            ),
            "complaints_negative_time": (
                backwards(complaints, "received_on", "disposed_on"),
                "Complaints that were disposed of before they were received; the time in question is not used.",
            ),
            "complaints_disposed_without_finding": (
                disposed.notna() & found.isna(),
                "Complaints that were disposed of without a finding on record; they are among the disposed, under 'not "
                "stated'.",
            ),
            "complaints_found_while_open": (
                disposed.isna() & found.notna(),
                "Complaints with a finding but no day of disposition; they count as open.",
            ),
            "complaints_group_not_stated": (
                complaints["complainant_group"].isna(),
                "Complaints of which the group of the complainant is not stated; they are shown as 'not stated'.",
            ),
            "complaints_waves_without_any": (
                without_cases(complaints, "received_on", waves),
                "Waves in which no complaint was received; their counts are taken as not known, not as zero.",
            ),
            "complaints_dated_later": (
                later(complaints, ["received_on", "disposed_on"], as_of=as_of),
                "Complaints with a day after the day of export; what is dated later has not happened yet.",
            ),
        }
    )
