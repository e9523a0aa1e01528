"""What the training standard asks of each officer, course by course, and how it stands on the last day of a wave.

A course is due so many days after an officer's first day. Once taken it counts for its time, and then, on its grace
days, a little longer; it is due again by the end of these, and never before it is due for the first time. Days of
leave are not counted in any of these times, so due dates move. A course from before an officer's first day counts, as
long as it does: it may be another program's. Where a course counts for good, its first completion is the one that
counts.

These rows are about single persons. They are for supervisors, inside; only sums over a district leave this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sro_research.measures.periods import (
    EVER,
    Period,
    as_day,
    common,
    day_number,
    day_numbers,
    days_within,
    duty_day,
    leave_periods,
    lies_in,
    merged,
)
from sro_research.parameters import Wave
from sro_research.standards.training import Course

IN_TIME, LATE, IN_GRACE = "completed in time", "completed late", "in grace"
OVERDUE, EXPIRED = "overdue", "expired"
NOT_YET_DUE, ON_LEAVE = "not yet due", "on leave"
IN_FORCE, MISSING = (IN_TIME, LATE, IN_GRACE), (OVERDUE, EXPIRED)
KEYS = ["officer_key", "wave", "course"]
ALL_COURSES = ""
"""In `course`: every course of the standard but the refreshers."""


@dataclass(frozen=True)
class Taken:
    """When an officer took a course, and until when each time counts; days as numbers, in order."""

    first_due: int
    days: list[int]
    due: list[int]
    """The day by which each of `days` had to be, and last the day by which the next one has to be."""
    expires: list[int]
    counts: list[int]
    """The last day on which each of `days` counts: the last of its grace days."""


def taken(done: list[int], start: int, course: Course, leave: list[Period]) -> Taken:
    """Work out due days and expiry from the days in `done`, in order, on which an officer took a course."""
    first_due = duty_day(start, course.due_days, leave)
    if course.valid_days is None:
        done = done[:1]
    expires = [EVER if course.valid_days is None else duty_day(day, course.valid_days, leave) for day in done]
    counts = [EVER if day >= EVER else duty_day(day, course.grace_days, leave) for day in expires]
    # Who took it long before the first day has as much time for it as who never did.
    due = [first_due, *(max(first_due, day) for day in counts)]
    return Taken(first_due, done, due, expires, counts)


def training_requirements(
    training: pd.DataFrame,
    officers: pd.DataFrame,
    leaves: pd.DataFrame | None,
    courses: Mapping[str, Course],
    waves: list[Wave],
) -> pd.DataFrame:
    """Return a row per officer in service at the end of a wave and course, and how it stands on that day.

    Returns `officer_key`, `wave`, `course`, `first_due_on`, `due_on` (of the completion that counts, or of the one that
    is missing), `completed_on` (the one that counts), `expires_on`, `come_due` (its first due day is past) and
    `status`: completed in time, completed late, in grace, expired, overdue, not yet due, or on leave, whatever the
    course, for who is on leave that day. An officer without a record has taken nothing: the file was provided.
    """
    away, done = leave_periods(leaves), _days_done(training)
    rows = []
    served = zip(
        officers["officer_key"], day_numbers(officers["start_date"]), day_numbers(officers["end_date"]), strict=True
    )
    for officer, start, end in served:
        leave = away.get(officer, [])
        for wave in waves:
            last = day_number(wave.end)
            if not start <= last <= end:
                continue
            for name, course in courses.items():
                days = [day for day in done.get((officer, name), []) if day <= last]
                row = _stands(taken(days, int(start), course, leave), last, away=lies_in(last, leave))
                rows.append({"officer_key": officer, "wave": wave.id, "course": name, **row})
    columns = [*KEYS, "first_due_on", "due_on", "completed_on", "expires_on", "come_due", "status"]
    dates = dict.fromkeys([c for c in columns if c.endswith("_on")], "datetime64[ns]")
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(KEYS, "string") | dates)


def _stands(course: Taken, last: int, *, away: bool) -> dict[str, object]:
    known = bool(course.days)
    expires = course.expires[-1] if known else EVER
    status = _status(course, last)
    missing = status in (OVERDUE, NOT_YET_DUE, EXPIRED)
    return {
        "first_due_on": as_day(course.first_due),
        "due_on": as_day(course.due[-1] if missing else course.due[-2]),
        "completed_on": as_day(course.days[-1]) if known else pd.NaT,
        "expires_on": as_day(expires),
        "come_due": course.first_due < last,
        "status": ON_LEAVE if away else status,
    }


def _status(course: Taken, last: int) -> str:
    if not course.days:
        return NOT_YET_DUE if last <= course.first_due else OVERDUE
    if last > course.counts[-1]:
        return NOT_YET_DUE if last <= course.due[-1] else EXPIRED
    if last > course.expires[-1]:
        return IN_GRACE
    return IN_TIME if course.days[-1] <= course.due[-2] else LATE


def trained_periods(
    training: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, courses: Mapping[str, Course]
) -> dict[str, list[Period]]:
    """Return the times in service at which each officer was fully trained: every course taken, and still counting.

    A refresher that is not yet due for the first time is not missed; any other course is, due or not.
    """
    away, done = leave_periods(leaves), _days_done(training)
    trained = {}
    served = zip(
        officers["officer_key"], day_numbers(officers["start_date"]), day_numbers(officers["end_date"]), strict=True
    )
    for officer, start, end in served:
        whole: list[Period] = [(int(start), int(end))]
        for name, course in courses.items():
            of = taken(done.get((officer, name), []), int(start), course, away.get(officer, []))
            counts = list(zip(of.days, of.counts, strict=True))
            before = [(int(start), of.first_due)] if course.refresher else []
            whole = common(whole, merged([*before, *counts]))
        trained[str(officer)] = whole
    return trained


def completion_times(
    training: pd.DataFrame,
    officers: pd.DataFrame,
    leaves: pd.DataFrame | None,
    courses: Mapping[str, Course],
    until: Wave,
) -> pd.DataFrame:
    """Return how long officers take to a course's first completion: `officer_key`, `course`, `duration`, `observed`.

    Days of duty from an officer's first day; open cases last to the end of service or the last day of `until`. A course
    of `ALL_COURSES` is the last of all courses but refreshers. Who took a course before the first day is no case of it.
    """
    away, done, last = leave_periods(leaves), _days_done(training), day_number(until.end)
    rows = []
    served = zip(
        officers["officer_key"], day_numbers(officers["start_date"]), day_numbers(officers["end_date"]), strict=True
    )
    for officer, start, end in served:
        seen = min(int(end), last)
        if start > seen:
            continue
        first = {name: min(done.get((officer, name), [EVER])) for name in courses}
        first[ALL_COURSES] = max((first[n] for n, course in courses.items() if not course.refresher), default=EVER)
        for name, day in first.items():
            if day >= start:
                until_day = min(day, seen)
                duration = until_day - int(start) - days_within(int(start) + 1, until_day, away.get(officer, []))
                rows.append((officer, name, duration, day <= seen))
    table = pd.DataFrame(rows, columns=["officer_key", "course", "duration", "observed"])
    return table.astype({"officer_key": "string", "course": "string", "duration": "int64", "observed": bool})


def _days_done(training: pd.DataFrame) -> dict[tuple[str, str], list[int]]:
    days = training.assign(day=day_numbers(training["completed_on"])).sort_values("day")
    return days.groupby(["officer_key", "course"])["day"].agg(list).to_dict()
