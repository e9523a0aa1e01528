"""What a program records of its people: leave, selection, yearly reviews and coaching; and when schools are closed.

Each table says that something was done and when, never what was said: notes of a talk stay with who led it.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import FOR_ALL_SCHOOLS, REPEATED, date, in_order, of_study, text

YES_OR_NO = ("yes", "no")
STAGES = ("talk", "plan", "reassignment")
"""Stages of coaching: a talk, a written plan, another post."""
REASONS = ("role", "communication", "documentation", "training", "attendance", "other")
"""What coaching is about, in kinds; never in words of its own."""


def leaves(officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a leave of an officer, first to last day; still on leave where `to_date` is blank."""
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "from_date": date(),
            "to_date": date(nullable=True),
        },
        checks=in_order("from_date", "to_date"),
        unique=["officer_id", "from_date"],
        report_duplicates="exclude_first",
        strict=True,
    )


def closures(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a time when a school has no lessons, first to last day; all schools where `school_id` is blank."""
    return pa.DataFrameSchema(
        {
            "school_id": text(*of_study(schools, "a school"), nullable=True, metadata=FOR_ALL_SCHOOLS),
            "from_date": date(),
            "to_date": date(),
        },
        checks=[in_order("from_date", "to_date"), pa.Check(lambda table: ~table.duplicated(), error=REPEATED)],
        strict=True,
    )


def selection(
    officers: Iterable[str] | None, criteria: Iterable[str], *, lowest: int, highest: int
) -> pa.DataFrameSchema:
    """One row is a criterion by which an officer was rated before joining; not assessed where `rating` is blank."""
    names = list(criteria)
    on_scale = pa.Check.in_range(lowest, highest, error=f"not a rating from {lowest} to {highest}")
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "criterion": text(pa.Check.isin(names, error=f"not one of {', '.join(names)}")),
            "rating": pa.Column("Int64", on_scale, nullable=True),
            "rated_on": date(),
        },
        unique=["officer_id", "criterion", "rated_on"],
        report_duplicates="exclude_first",
        strict=True,
    )


def reviews(officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an officer's yearly review: the day it was held, or was to be held, and whether it was. No content."""
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "date": date(),
            "done": text(pa.Check.isin(YES_OR_NO, error="not yes or no")),
        },
        unique=["officer_id", "date"],
        report_duplicates="exclude_first",
        strict=True,
    )


def coaching(officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a stage of coaching: when it began, until when it is looked at again, and when it was closed."""
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "stage": text(pa.Check.isin(STAGES, error=f"not one of {', '.join(STAGES)}")),
            "reason": text(pa.Check.isin(REASONS, error=f"not one of {', '.join(REASONS)}")),
            "opened_on": date(),
            "recheck_due": date(nullable=True),
            "closed_on": date(nullable=True),
        },
        checks=[in_order("opened_on", "recheck_due"), in_order("opened_on", "closed_on")],
        unique=["officer_id", "stage", "reason", "opened_on"],
        report_duplicates="exclude_first",
        strict=True,
    )
