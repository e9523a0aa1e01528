"""What in the records of people does not fit together, counted and explained.

A finding is about records, not about officers: most are a day that was typed wrongly, or a list that was not kept up.
Each thing that was looked for has a row, also with none found; what could not be looked for has none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.measures.cases import findings
from sro_research.measures.outreach import outside_periods, wave_of
from sro_research.measures.people import DAYS_FOR_A_REVIEW
from sro_research.measures.periods import day_numbers, duty_days, leave_periods, lies_in
from sro_research.parameters import Wave


def training_findings(
    training: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, waves: list[Wave]
) -> pd.DataFrame:
    """Return what does not fit in the record of training: `finding`, `rows`, `explanation`."""
    table = training.merge(officers, on="officer_key", how="left")
    day = table["completed_on"]
    found = {
        "course_before_hire": (
            (day < table["start_date"]).sum(),
            "Courses completed before the officer's first day; they count as taken, but not in the time it takes, "
            "nor in the hours of officers' months.",
        ),
        "course_after_service": (
            (day > table["end_date"]).sum(),
            "Courses completed after the officer's last day in the program; their hours are in no figure.",
        ),
        "course_after_last_wave": (
            (day > pd.Timestamp(waves[-1].end)).sum(),
            "Courses completed after the last day of the last wave; they are in no figure.",
        ),
        "course_of_unknown_officer": (
            table["start_date"].isna().sum(),
            "Courses of officers who are not on the list of officers; they are in no figure.",
        ),
    }
    if leaves is not None:
        away = leave_periods(leaves)
        on_leave = [
            lies_in(d, away.get(officer, [])) for officer, d in zip(table["officer_key"], day_numbers(day), strict=True)
        ]
        found["course_on_leave"] = (sum(on_leave), "Courses completed on a day on which the officer was on leave.")
    return findings(found)


def assignment_findings(
    assignments: pd.DataFrame, officers: pd.DataFrame | None, leaves: pd.DataFrame | None
) -> pd.DataFrame:
    """Return what does not fit in the assignments and leaves of officers: `finding`, `rows`, `explanation`.

    Without a list of officers, whether assignments overlap is still looked for.
    """
    here, primary = _overlapping(assignments)
    found = {
        "assignment_twice": (
            here,
            "Assignments that overlap with an earlier one of the same officer to that school.",
        ),
        "assignment_overlap": (
            primary,
            "Primary assignments that overlap with an earlier primary one of the same officer to another school; "
            "an officer may serve two schools, but not both all day.",
        ),
    }
    if officers is not None:
        found |= _against_service(assignments, officers)
        found |= {} if leaves is None else _of_leaves(leaves, officers)
    return findings(found)


def _against_service(assignments: pd.DataFrame, officers: pd.DataFrame) -> dict[str, tuple[int, str]]:
    table = assignments.merge(officers, on="officer_key", how="left")
    return {
        "assignment_before_hire": (
            (table["from_date"] < table["start_date"]).sum(),
            "Assignments that begin before the officer's first day; these days do not count as covered.",
        ),
        "assignment_after_service": (
            _ends_after(table).sum(),
            "Assignments that go on after the officer's last day; these days do not count as covered.",
        ),
        "assignment_of_unknown_officer": (
            table["start_date"].isna().sum(),
            "Assignments of officers who are not on the list of officers; they cover no day.",
        ),
    }


def people_findings(
    officers: pd.DataFrame,
    leaves: pd.DataFrame | None,
    waves: list[Wave],
    *,
    selection: pd.DataFrame | None = None,
    reviews: pd.DataFrame | None = None,
    coaching: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what does not fit in the records that were provided: `finding`, `rows`, `explanation`."""
    found: dict[str, tuple[int, str]] = {}
    if selection is not None:
        found |= _of_selection(selection, officers)
    if reviews is not None:
        found |= _of_reviews(reviews, officers, leaves, waves)
    if coaching is not None:
        found |= _of_coaching(coaching, waves)
    return findings(found)


def _of_leaves(leaves: pd.DataFrame, officers: pd.DataFrame) -> dict[str, tuple[int, str]]:
    table = leaves.merge(officers, on="officer_key", how="left")
    early = table["from_date"] < table["start_date"]
    pairs = _pairs(leaves, ["officer_key"])
    return {
        "leave_outside_service": (
            (early | _ends_after(table)).sum(),
            "Leaves that begin before the first day or end after the last.",
        ),
        "leave_overlap": (pairs["row_b"].nunique(), "Leaves that overlap with an earlier one; their days count once."),
    }


def _of_selection(selection: pd.DataFrame, officers: pd.DataFrame) -> dict[str, tuple[int, str]]:
    table = selection.merge(officers, on="officer_key", how="left")
    return {
        "selection_after_hire": (
            (table["rated_on"] > table["start_date"]).sum(),
            "Ratings made after the officer's first day; a selection comes before it.",
        ),
        "selection_not_assessed": (
            selection["rating"].isna().sum(),
            "Criteria without a rating: not assessed, which is not a low rating.",
        ),
        "selection_without_record": (
            (~officers["officer_key"].isin(selection["officer_key"])).sum(),
            "Officers without any record of their selection; whether they were rated is not known.",
        ),
    }


def _of_reviews(
    reviews: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, waves: list[Wave]
) -> dict[str, tuple[int, str]]:
    by_wave = reviews.assign(wave=wave_of(reviews["date"], waves))
    known = set(by_wave.dropna(subset="wave")[["officer_key", "wave"]].itertuples(index=False, name=None))
    missing = 0
    for wave in waves:
        days = duty_days(officers, leaves, wave.start, wave.end)
        missing += sum((officer, wave.id) not in known for officer in days.index[days >= DAYS_FOR_A_REVIEW])
    twice = by_wave[(by_wave["done"] == "yes") & by_wave["wave"].notna()].duplicated(["officer_key", "wave"])
    return {
        "review_outside_waves": (
            outside_periods(reviews["date"], waves),
            "Reviews on a day that lies in no wave's period; they are in no figure.",
        ),
        "review_twice": (twice.sum(), "Further reviews of an officer in a wave; one is counted."),
        "review_without_record": (
            missing,
            "Officers due for a review in a wave of whom there is no record; whether it was held is not known.",
        ),
    }


def _of_coaching(coaching: pd.DataFrame, waves: list[Wave]) -> dict[str, tuple[int, str]]:
    end = pd.Timestamp(waves[-1].end)
    open_still = coaching["closed_on"].isna() | (coaching["closed_on"] > end)
    return {
        "coaching_outside_waves": (
            outside_periods(coaching["opened_on"], waves),
            "Coaching that began on a day that lies in no wave's period.",
        ),
        "coaching_without_recheck": (
            coaching["recheck_due"].isna().sum(),
            "Coaching without a day on which it is looked at again.",
        ),
        "coaching_recheck_missed": (
            (open_still & (coaching["recheck_due"] < end)).sum(),
            "Coaching still open at the end of the last wave although the day of its recheck is past.",
        ),
        "reassignment_alone": (
            _alone(coaching),
            "Reassignments without an earlier talk or plan on record; the steps before may not have been written down.",
        ),
    }


def _alone(coaching: pd.DataFrame) -> int:
    first = coaching[coaching["stage"] != "reassignment"].groupby("officer_key")["opened_on"].min()
    moved = coaching[coaching["stage"] == "reassignment"]
    before = first.reindex(moved["officer_key"]).set_axis(moved.index)
    return int((before.isna() | (before > moved["opened_on"])).sum())


def _ends_after(table: pd.DataFrame) -> pd.Series:
    """Tell which rows go on after the officer's last day; one without an end goes on."""
    return table["end_date"].notna() & ~(table["to_date"] <= table["end_date"])


def _overlapping(assignments: pd.DataFrame) -> tuple[int, int]:
    """Count assignments that overlap with an earlier one: to the same school, and primary ones to another school."""
    here = _pairs(assignments, ["officer_key", "school_id"])
    primary = assignments[assignments["role"].fillna("primary") == "primary"]
    apart = _pairs(primary, ["officer_key"])
    school = assignments["school_id"].to_dict()
    other = apart[apart["row_a"].map(school) != apart["row_b"].map(school)]
    return here["row_b"].nunique(), other["row_b"].nunique()


def _pairs(table: pd.DataFrame, same: list[str]) -> pd.DataFrame:
    """Return the pairs of rows (`row_a`, `row_b`, the later one) that overlap and are alike in some columns."""
    rows = table[same].assign(first=day_numbers(table["from_date"]), last=day_numbers(table["to_date"]))
    rows = rows.assign(order=np.lexsort((np.arange(len(rows)), rows["first"])).argsort(), row=table.index)
    both = rows.merge(rows, on=same, suffixes=("_a", "_b"))
    return both[(both["order_a"] < both["order_b"]) & (both["first_b"] <= both["last_a"])]
