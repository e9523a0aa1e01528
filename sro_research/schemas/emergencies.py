"""Emergencies, what was to be done after them, and lessons from them and from drills."""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import date, of_study, one_of, text

EMERGENCIES = ("reunification", "severe_weather", "medical", "lockdown", "evacuation", "other")


def emergencies(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an emergency at a school: its day and its kind; no person and no story."""
    return pa.DataFrameSchema(
        {
            "emergency_id": text(unique=True),
            "school_id": text(*of_study(schools, "a school")),
            "date": date(),
            "kind": text(one_of(EMERGENCIES)),
        },
        strict=True,
    )


def after_action_items(emergencies: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is something to be done after an emergency: due when, and closed when; open where that is blank."""
    return pa.DataFrameSchema(
        {
            "item_id": text(unique=True),
            "emergency_id": text(*of_study(emergencies, "an emergency")),
            "due_on": date(),
            "closed_on": date(nullable=True),
        },
        strict=True,
    )


def lessons(events: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a lesson in the register: noted when, learned from which drill or emergency, put to use when.

    `events` are the identifiers of drills and emergencies; a lesson from elsewhere has a blank `learned_from`.
    """
    return pa.DataFrameSchema(
        {
            "lesson_id": text(unique=True),
            "noted_on": date(),
            "learned_from": text(*of_study(events, "a drill or an emergency"), nullable=True),
            "in_use_on": date(nullable=True),
        },
        strict=True,
    )
