"""Threat assessments: whether the team met in time, and with the officer; no more about the case is known here."""

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

WAITS = {"threat_team_meeting": ("opened_on", "met_on"), "threat_assessment_closing": ("opened_on", "closed_on")}
"""What assessments wait for, from which day to which (`cases.waits`, `models.time_to_event`)."""


def threat_assessment_indicators(
    assessments: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, days: int, as_of: dt.date
) -> pd.DataFrame:
    """Return `threat_assessments_opened` and three shares.

    Met within `days` of opening; of teams that met, those with the officer present (not recorded is neither); closed.
    """
    begun = begun_in(assessments, "opened_on", waves)
    known = happened(begun, "met_on", as_of=as_of) & begun["officer_present"].notna()
    present = (begun["officer_present"] == YES).astype("boolean").where(known)
    met = within(begun, "opened_on", "met_on", days=days, as_of=as_of)
    closed = happened(begun, "closed_on", as_of=as_of)
    return pd.concat(
        [
            counts(begun, schools, measure="threat_assessments_opened", unit="assessments"),
            shares(begun, met, schools, measure="threat_teams_met_in_time_share"),
            shares(begun, present, schools, measure="threat_teams_with_officer_share"),
            shares(begun, closed, schools, measure="threat_assessments_closed_share"),
        ],
        ignore_index=True,
    )


def threat_assessment_findings(assessments: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the threat assessments, as `finding`, `rows`, `explanation`."""
    met, present = assessments["met_on"], assessments["officer_present"]
    return findings(
        {
            "assessments_outside_waves": (
                outside(assessments, "opened_on", waves),
                "Assessments opened on a day that belongs to no wave's period; they are not counted.",
            ),
            "assessments_negative_time": (
                backwards(assessments, "opened_on", "met_on") | backwards(assessments, "opened_on", "closed_on"),
                "Assessments with a meeting or a closing before they were opened; the time in question is not used.",
            ),
            "assessments_closed_without_meeting": (
                assessments["closed_on"].notna() & met.isna(),
                "Assessments that were closed without a meeting of the team on record.",
            ),
            "assessments_presence_not_recorded": (
                met.notna() & present.isna(),
                "Meetings of which it is not recorded whether the officer was there; they are in no share.",
            ),
            "assessments_presence_without_meeting": (
                met.isna() & present.notna(),
                "Assessments that tell of an officer's presence but of no meeting; they are in no share.",
            ),
            "assessments_waves_without_any": (
                without_cases(assessments, "opened_on", waves),
                "Waves in which no assessment was opened; their counts are taken as not known, not as zero.",
            ),
            "assessments_dated_later": (
                later(assessments, ["opened_on", "met_on", "closed_on"], as_of=as_of),
                "Assessments with a day after the day of export; what is dated later has not happened yet.",
            ),
        }
    )
