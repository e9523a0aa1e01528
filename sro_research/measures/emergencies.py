"""Emergencies, and whether what was to be done after them has been done."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import begun_in, counts, findings, outside, shares, without_cases
from sro_research.parameters import Wave

WAITS = {"after_action_closing": ("date", "closed_on")}
"""What items wait for, from the day of the emergency (`items_of_schools`, `cases.waits`, `models.time_to_event`)."""


def items_of_schools(items: pd.DataFrame, emergencies: pd.DataFrame) -> pd.DataFrame:
    """Return after-action items with `school_id`, `date` and `kind` of their emergency."""
    return items.merge(emergencies[["emergency_id", "school_id", "date", "kind"]], on="emergency_id", how="inner")


def emergency_indicators(
    emergencies: pd.DataFrame, items: pd.DataFrame | None, schools: pd.DataFrame, waves: list[Wave], *, as_of: dt.date
) -> pd.DataFrame:
    """Return `emergencies`, also by kind, and, where items are provided, two shares of those due by the day of export.

    `after_action_closed_share`: closed by that day; `after_action_on_time_share`: closed by the day they were due.
    Items belong to the wave of their emergency; what is not due yet counts for nothing.
    """
    begun = begun_in(emergencies, "date", waves)
    tables = [counts(begun, schools, measure="emergencies", unit="emergencies", by=by) for by in ("", "kind")]
    if items is not None:
        own = begun_in(items_of_schools(items, emergencies), "date", waves)
        due = own[own["due_on"] <= pd.Timestamp(as_of)].reset_index(drop=True)
        known = ~(due["closed_on"] < due["date"])
        closed = (due["closed_on"] <= pd.Timestamp(as_of)).astype("boolean").where(known)
        on_time = (due["closed_on"] <= due["due_on"]).astype("boolean").where(known)
        tables += [
            shares(due, closed, schools, measure="after_action_closed_share"),
            shares(due, on_time, schools, measure="after_action_on_time_share"),
        ]
    return pd.concat(tables, ignore_index=True)


def emergency_findings(
    emergencies: pd.DataFrame, items: pd.DataFrame | None, waves: list[Wave], *, as_of: dt.date
) -> pd.DataFrame:
    """Return what does not fit in emergencies and their items, as `finding`, `rows`, `explanation`."""
    found = {
        "emergencies_outside_waves": (
            outside(emergencies, "date", waves),
            "Emergencies on a day that belongs to no wave's period; they are not counted, nor are their items.",
        ),
        "emergencies_waves_without_any": (
            without_cases(emergencies, "date", waves),
            "Waves in which no emergency is on the list; their counts are taken as not known, not as zero.",
        ),
    }
    if items is not None:
        own = items_of_schools(items, emergencies)
        found |= {
            "emergencies_without_items": (
                ~emergencies["emergency_id"].isin(items["emergency_id"]),
                "Emergencies without an after-action item: nothing was to be done, or nothing was written down.",
            ),
            "items_without_emergency": (
                ~items["emergency_id"].isin(emergencies["emergency_id"]),
                "After-action items of an emergency that is not in the list; they are not counted.",
            ),
            "items_overdue": (
                (own["due_on"] < pd.Timestamp(as_of)) & ~(own["closed_on"] <= pd.Timestamp(as_of)),
                "After-action items that were due before the day of export and are open.",
            ),
            "items_negative_time": (
                own["closed_on"].notna() & (own["closed_on"] < own["date"]),
                "After-action items that were closed before their emergency; they are in no share.",
            ),
        }
    return findings(found)
