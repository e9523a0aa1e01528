"""What officers do at schools: kinds of activity, hours of an officer's month, people there, and quarters without any.

The log is taken as whole for each wave in which it holds any activity of any school: a school, a kind of activity or a
quarter without one has zero then. In another wave logging had not begun, and nothing is known. Kinds are those of the
log, as it writes them; the standard says which are outreach and which presence. Attendance counts people once for each
activity, and not at every activity: what was not counted is in no mean, and a sum is "at least so many". A log tells
who was reached in number, and perhaps for whom an activity was meant; of which race or gender people were it does not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from sro_research.measures.cases import (
    DISTRICT,
    KEYS,
    begun_in,
    findings,
    finished,
    later,
    outside,
    over_schools,
    shares,
)
from sro_research.measures.outreach import PER_STUDENTS
from sro_research.measures.periods import (
    DAYS_IN_A_MONTH,
    day_numbers,
    duty_days,
    leave_periods,
    lies_in,
)
from sro_research.parameters import Wave

HOURS, HOURS_OF_MONTH = "outreach_hours_per_100_students", "outreach_hours_per_officer_month"
REACHED, PEOPLE = "outreach_attendance_per_100_students", "outreach_attendance_per_activity"
MISSED, QUARTERS = "outreach_quarters_missed", 4
BY = "activity"
CATEGORY = "category"
TOLD_BY = (BY, CATEGORY, "audience")
"""What hours and attendance are broken down by, where the log says it."""


def with_categories(outreach: pd.DataFrame, categories: Mapping[str, str]) -> pd.DataFrame:
    """Return the log with the `category` of each activity; blank where no standard says it."""
    return outreach.assign(category=outreach[BY].map(dict(categories)).astype("string"))


def activity_hours(outreach: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return hours per 100 students by kind of activity, by category and by audience, for schools and the district.

    The district's of all kinds are there too. Each way of telling adds up to `outreach_hours`, which has the schools'
    hours of all kinds. `cases` counts students.
    """
    begun = begun_in(outreach, "date", waves)
    here, logged = _listed(begun, schools), list(begun["wave"].unique())
    whole, *parts = (_sums(here, "hours", schools, logged, by=by) for by in ("", *_told(here)))
    return _per_students(pd.concat([whole[whole["school_id"] == DISTRICT], *parts]), schools, HOURS, unit="hours")


def _told(outreach: pd.DataFrame) -> list[str]:
    """Return the columns by which the log can be broken down; a blank one says nothing."""
    return [by for by in TOLD_BY if by == BY or (by in outreach and outreach[by].notna().any())]


def outreach_hours_of_officers(
    outreach: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, waves: list[Wave]
) -> pd.DataFrame:
    """Return `outreach_hours_per_officer_month`, of the district by wave; `cases` counts officers on duty.

    Months hold 30.4 days in service and not on leave. Hours of officers who are not on the list are left out.
    """
    begun = begun_in(outreach, "date", waves)
    hours = begun[begun["officer_key"].isin(officers["officer_key"])].groupby("wave")["hours"].sum()
    rows = []
    for wave in waves:
        days = duty_days(officers, leaves, wave.start, wave.end)
        logged = (begun["wave"] == wave.id).any()
        rows.append(
            (wave.id, hours.get(wave.id, 0.0) if logged else pd.NA, days.sum() / DAYS_IN_A_MONTH, (days > 0).sum())
        )
    table = pd.DataFrame(rows, columns=["wave", "numerator", "denominator", "cases"])
    table = table.astype({"numerator": "Float64", "denominator": "Float64"}).assign(school_id=DISTRICT)
    value = table["numerator"] / table["denominator"].mask(table["denominator"] <= 0)
    unit = "hours per officer-month"
    return finished(
        table.assign(value=value, group_by="", group=""), measure=HOURS_OF_MONTH, unit=unit, population="officer"
    )


def attendance(outreach: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return who came, by school, wave and for the district, also by kind of activity, category and audience.

    `outreach_attendance_counted_share`, of activities; `outreach_attendance_per_activity`, the mean of those where it
    was counted; and `outreach_attendance_per_100_students`, of all kinds: at least so many, with no value where nothing
    was counted. `cases` counts activities; of the last, students.
    """
    begun = _listed(begun_in(outreach, "date", waves), schools)
    counted = begun["attendance"].notna().astype("boolean")
    known = begun[counted.astype(bool)].reset_index(drop=True)
    ways = ("", *_told(begun))
    tables = [shares(begun, counted, schools, measure="outreach_attendance_counted_share", by=by) for by in ways]
    for by in ways:
        table = over_schools(
            known, schools, lambda rows: rows["attendance"].agg(numerator="sum", denominator="count"), by=by
        )
        table = table.astype({"numerator": "Float64", "denominator": "Float64"}).fillna(
            {"numerator": 0, "denominator": 0}
        )
        value = table["numerator"] / table["denominator"].mask(table["denominator"] == 0)
        table = table.assign(value=value, cases=table["denominator"])
        tables.append(finished(table, measure=PEOPLE, unit="people per activity"))
    reached = over_schools(known, schools, lambda rows: rows[["attendance"]].sum())
    reached = reached.rename(columns={"attendance": "numerator"})
    return pd.concat([*tables, _per_students(reached, schools, REACHED, unit="people")], ignore_index=True)


def quarters_missed(
    outreach: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, as_of: dt.date
) -> pd.DataFrame:
    """Return in how many quarters of a wave a school had no activity, and none of each kind; for the district, summed.

    Quarters are four parts of the wave's period, as long as each other to the day. The denominator counts those that
    are over on the day of export, of schools on the roster, and `cases` with it.
    """
    begun = _listed(begun_in(outreach, "date", waves), schools)
    begun = begun.assign(quarter=_quarter(begun["date"], begun["wave"], waves))
    over = {wave.id: _quarters_over(wave, as_of) for wave in waves}
    begun = begun[begun["quarter"] < begun["wave"].map(over).astype("Int64")]
    seen = [begun.drop_duplicates([*KEYS, *kind, "quarter"]) for kind in ([], [BY])]
    tables = [_missed(rows, schools, over, by=by) for rows, by in zip(seen, ("", BY), strict=True)]
    return pd.concat(tables, ignore_index=True)


def outreach_findings(
    outreach: pd.DataFrame,
    waves: list[Wave],
    *,
    as_of: dt.date,
    schools: pd.DataFrame | None = None,
    assignments: pd.DataFrame | None = None,
    leaves: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what does not fit in the log of activities, as `finding`, `rows`, `explanation`."""
    found = {
        "outreach_outside_waves": (
            outside(outreach, "date", waves),
            "Activities on a day that belongs to no wave's period; they are not counted.",
        ),
        "outreach_attendance_not_counted": (
            outreach["attendance"].isna(),
            "Activities at which nobody counted who came; their hours count, and they are in no attendance.",
        ),
        "outreach_dated_later": (
            later(outreach, ["date"], as_of=as_of),
            "Activities on a day after the day of export: planned, or a wrong date.",
        ),
    }
    if schools is not None:
        begun = begun_in(outreach, "date", waves)
        found["outreach_school_not_listed"] = (
            ~pd.MultiIndex.from_frame(begun[KEYS]).isin(pd.MultiIndex.from_frame(schools[KEYS])),
            "Activities at a school that is not on the list of that wave; they count in an officer's month only.",
        )
    if assignments is not None:
        found["outreach_officer_not_assigned"] = (
            ~_assigned(outreach, assignments),
            "Activities of an officer who was not assigned to that school on that day, a substitute perhaps; they "
            "count for the school.",
        )
    if leaves is not None:
        found["outreach_on_leave"] = (
            _on_leave(outreach, leaves),
            "Activities of an officer who was on leave that day.",
        )
    return findings(found)


def _listed(begun: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Return the activities at schools on the roster of their wave: only their students are counted."""
    return begun.merge(schools[KEYS].drop_duplicates(), on=KEYS)


def _sums(begun: pd.DataFrame, column: str, schools: pd.DataFrame, logged: list[str], *, by: str) -> pd.DataFrame:
    """Sum a column over schools, zero where a wave was logged and a school has nothing."""
    table = over_schools(begun, schools, lambda rows: rows[[column]].sum(), by=by)
    total = table[column].astype("Float64")
    return table.assign(numerator=total.mask(total.isna() & table["wave"].isin(logged), 0.0))


def _per_students(table: pd.DataFrame, schools: pd.DataFrame, measure: str, *, unit: str) -> pd.DataFrame:
    district = schools.groupby("wave")["students"].agg(lambda students: students.sum(skipna=False))
    roster = pd.concat([schools[[*KEYS, "students"]], district.reset_index().assign(school_id=DISTRICT)])
    table = table.merge(roster, on=KEYS, how="left").rename(columns={"students": "denominator"})
    numerator, students = table["numerator"].astype("Float64"), table["denominator"].astype("Float64")
    table = table.assign(value=PER_STUDENTS * numerator / students, cases=table["denominator"])
    return finished(table, measure=measure, unit=f"{unit} per {PER_STUDENTS} students")


def _days(wave: Wave) -> int:
    return (wave.end - wave.start).days + 1


def _quarter(dates: pd.Series, wave: pd.Series, waves: list[Wave]) -> pd.Series:
    """Return which quarter of its wave a day lies in, from 0."""
    start = wave.map({w.id: pd.Timestamp(w.start) for w in waves}).astype("datetime64[ns]")
    length = wave.map({w.id: _days(w) for w in waves}).astype("Int64")
    return QUARTERS * (dates - start).dt.days.astype("Int64") // length


def _quarters_over(wave: Wave, as_of: dt.date) -> int:
    """Count the quarters of a wave that lie wholly before the end of a day."""
    passed = min((as_of - wave.start).days + 1, _days(wave))
    return max(0, QUARTERS * passed // _days(wave))


def _missed(seen: pd.DataFrame, schools: pd.DataFrame, over: dict[str, int], *, by: str) -> pd.DataFrame:
    table = over_schools(seen.assign(had=1), schools, lambda rows: rows[["had"]].sum(), by=by)
    roster = schools.groupby("wave").size()
    places = table["wave"].map(roster).astype("Int64").where(table["school_id"] == DISTRICT, 1)
    quarters = (table["wave"].map(over).astype("Int64") * places).astype("Float64")
    had = table["had"].astype("Float64").fillna(0)
    missed = (quarters - had).where(table["wave"].isin(seen["wave"]) & (quarters > 0))
    table = table.assign(numerator=missed, denominator=quarters, value=missed, cases=quarters)
    return finished(table, measure=MISSED, unit="quarters")


def _assigned(outreach: pd.DataFrame, assignments: pd.DataFrame) -> pd.Series:
    keys = ["school_id", "officer_key"]
    rows = outreach[[*keys, "date"]].assign(row=outreach.index)
    posts = rows.merge(assignments[[*keys, "from_date", "to_date"]], on=keys)
    there = (posts["from_date"] <= posts["date"]) & (posts["to_date"].isna() | (posts["date"] <= posts["to_date"]))
    return pd.Series(outreach.index.isin(posts.loc[there, "row"]), index=outreach.index)


def _on_leave(outreach: pd.DataFrame, leaves: pd.DataFrame) -> pd.Series:
    away = leave_periods(leaves)
    days = zip(outreach["officer_key"], day_numbers(outreach["date"]), strict=True)
    return pd.Series([lies_in(day, away.get(officer, [])) for officer, day in days], index=outreach.index, dtype=bool)
