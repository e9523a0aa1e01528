"""The officers of a synthetic district: leave, training, selection, reviews, coaching, and who stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas import REASONS, STAGES
from sro_research.standards.selection import SelectionStandard
from sro_research.standards.training import Course


@dataclass(frozen=True)
class PeopleTruth:
    """What is planted. Days of training are days of duty from an officer's first day, leave left out."""

    course_scale: float = 150.0
    course_shape: float = 1.3
    """Time to a course's first completion: Weibull, 52 of 100 by day 120, alike for all courses and officers."""
    renewal_early: float = 20.0
    renewal_spread: float = 40.0
    """A course is taken again so many days before it expires, normal."""
    lapsed: float = 0.04
    """Chance that a course is not taken again."""
    on_leave: float = 0.15
    """Chance of a leave that begins in a wave, of 10 to 60 days."""
    rated: float = 0.9
    """Chance that a criterion was assessed."""
    meets: float = 0.8
    """Chance that a rating meets its criterion."""
    review_recorded: float = 0.9
    review_held: float = 0.85
    """Chance that there is a record of a yearly review, and that a recorded one was held."""
    coaching: float = 0.2
    """Chance of a record of coaching in a wave."""
    coaching_mean: float = 60.0
    """Mean days until coaching is closed, exponential."""
    secondary: float = 0.4
    """Chance that a school has a secondary officer."""
    flaws: dict[str, int] = field(default_factory=dict)
    """Findings of `measures/people_findings`, of those in `_with_flaws`, and how many of each were planted."""

    def closed_within(self, days: float) -> float:
        """The share of first completions by so many days of duty."""
        return float(1 - np.exp(-((days / self.course_scale) ** self.course_shape)))

    @property
    def median_days(self) -> float:
        """The median of days to the first completion, a whole number like the days that are counted."""
        return float(np.ceil(self.course_scale * np.log(2) ** (1 / self.course_shape)))


def make_people(
    officers: pd.DataFrame,
    assignments: pd.DataFrame,
    courses: Mapping[str, Course],
    standard: SelectionStandard,
    waves: list[Wave],
    rng: np.random.Generator,
    truth: PeopleTruth,
) -> dict[str, pd.DataFrame]:
    """Return `leaves`, `closures`, `training`, `selection`, `reviews`, `coaching` and `assignments` as raw tables.

    `officers` and `assignments` are those of the district; assignments come back with `role`, and with the secondary
    officers. But for the flaws that are planted, nothing happens outside an officer's service.
    """
    last = pd.Timestamp(waves[-1].end)
    served = {
        o.officer_id: (o.start_date, last if pd.isna(o.end_date) else min(o.end_date, last))
        for o in officers.itertuples()
        if o.start_date <= last
    }
    leaves = _leaves(served, waves, rng, truth)
    made = {
        "leaves": leaves,
        "closures": _closures(waves),
        "training": _training(served, leaves, courses, rng, truth),
        "selection": _selection(served, standard, rng, truth),
        "reviews": _reviews(served, waves, rng, truth),
        "coaching": _coaching(served, waves, rng, truth),
        "assignments": _with_secondary(assignments, served, rng, truth),
    }
    return made | _with_flaws(made, served, waves, truth)


Served = dict[str, tuple[pd.Timestamp, pd.Timestamp]]


def _leaves(served: Served, waves: list[Wave], rng: np.random.Generator, truth: PeopleTruth) -> pd.DataFrame:
    """A leave ends with the service; on the last day of the study some are still on leave."""
    last = pd.Timestamp(waves[-1].end)
    rows = []
    for officer, (start, end) in served.items():
        for wave in waves:
            first = max(start, pd.Timestamp(wave.start)) + _days(rng.integers(30, 330))
            to = first + _days(rng.integers(9, 60))
            if rng.random() < truth.on_leave and first <= min(end, pd.Timestamp(wave.end)):
                rows.append((officer, first, to if to <= end else end if end < last else pd.NaT))
    return _table(rows, "officer_id from_date to_date")


def _closures(waves: list[Wave]) -> pd.DataFrame:
    """Two weeks around the turn of each year and one in March, in all schools."""
    rows = []
    for year in range(waves[0].start.year, waves[-1].end.year + 1):
        rows.append((pd.NA, pd.Timestamp(year, 12, 21), pd.Timestamp(year + 1, 1, 3)))
        rows.append((pd.NA, pd.Timestamp(year, 3, 11), pd.Timestamp(year, 3, 17)))
    return _table(rows, "school_id from_date to_date").sort_values("from_date", ignore_index=True)


def _training(
    served: Served, leaves: pd.DataFrame, courses: Mapping[str, Course], rng: np.random.Generator, truth: PeopleTruth
) -> pd.DataFrame:
    away = {officer: list(of.itertuples()) for officer, of in leaves.groupby("officer_id")}
    rows = []
    for officer, (start, end) in served.items():
        duty = _duty(start, end, away.get(officer, []))
        for name, course in courses.items():
            day = int(np.ceil(truth.course_scale * rng.weibull(truth.course_shape)))
            while day < len(duty):
                rows.append((officer, name, duty[day], course.hours))
                if course.valid_days is None or rng.random() < truth.lapsed:
                    break
                after = course.valid_days + rng.normal(-truth.renewal_early, truth.renewal_spread)
                day += max(1, round(after))
    return _table(rows, "officer_id course completed_on hours")


def _duty(start: pd.Timestamp, end: pd.Timestamp, leaves: Sequence[Any]) -> np.ndarray:
    """Return the officer's days of duty; the number of a day is how many days of duty came before it.

    The first day in service is day 0, also where it is a day of leave.
    """
    days = np.arange(np.datetime64(start, "D"), np.datetime64(end, "D") + 1)
    worked = np.ones(len(days), dtype=bool)
    for leave in leaves:
        to = end if pd.isna(leave.to_date) else leave.to_date
        worked &= (days < np.datetime64(leave.from_date, "D")) | (days > np.datetime64(to, "D"))
    worked[0] = True
    return days[worked]


def _selection(
    served: Served, standard: SelectionStandard, rng: np.random.Generator, truth: PeopleTruth
) -> pd.DataFrame:
    rows = []
    for officer, (start, _) in served.items():
        on = start - _days(rng.integers(10, 60))
        for name, criterion in standard.criteria.items():
            high = rng.random() < truth.meets
            span = (criterion.meets, standard.highest + 1) if high else (standard.lowest, criterion.meets)
            rating = int(rng.integers(*span))
            rows.append((officer, name, rating if rng.random() < truth.rated else pd.NA, on))
    return _table(rows, "officer_id criterion rating rated_on").astype({"rating": "Int64"})


def _reviews(served: Served, waves: list[Wave], rng: np.random.Generator, truth: PeopleTruth) -> pd.DataFrame:
    rows = []
    for officer, (start, end) in served.items():
        for wave in waves:
            on = pd.Timestamp(wave.end) - _days(rng.integers(0, 60))
            recorded, held = rng.random(2) < (truth.review_recorded, truth.review_held)
            if recorded and start <= on <= end:
                rows.append((officer, on, "yes" if held else "no"))
    return _table(rows, "officer_id date done")


def _coaching(served: Served, waves: list[Wave], rng: np.random.Generator, truth: PeopleTruth) -> pd.DataFrame:
    """Talks and, more seldom, plans; a record is open where it would be closed after the last day."""
    last = pd.Timestamp(waves[-1].end)
    rows = []
    for officer, (start, end) in served.items():
        for wave in waves:
            span = (wave.end - wave.start).days + 1
            on = pd.Timestamp(wave.start) + _days(rng.integers(0, span))
            closed = on + _days(np.ceil(rng.exponential(truth.coaching_mean)))
            stage, reason = STAGES[int(rng.random() < 0.2)], REASONS[int(rng.integers(len(REASONS)))]
            if rng.random() < truth.coaching and start <= on <= end:
                rows.append((officer, stage, reason, on, on + _days(60), closed if closed <= last else pd.NaT))
    return _table(rows, "officer_id stage reason opened_on recheck_due closed_on")


def _with_secondary(
    assignments: pd.DataFrame, served: Served, rng: np.random.Generator, truth: PeopleTruth
) -> pd.DataFrame:
    """Let the officer of the school before, in the order of the list, stand in at some schools."""
    primary = assignments.assign(role="primary")
    first = primary.drop_duplicates("school_id")
    before = first.assign(school_id=np.roll(first["school_id"], -1), role="secondary")
    chosen = rng.random(len(before)) < truth.secondary
    stands_in = before[chosen & before["officer_id"].isin(list(served)) & (len(first) > 1)]
    return pd.concat([primary, stands_in], ignore_index=True)


def _with_flaws(
    made: dict[str, pd.DataFrame], served: Served, waves: list[Wave], truth: PeopleTruth
) -> dict[str, pd.DataFrame]:
    """Return the tables in which something is planted that the findings are to find, in rows of its own."""
    training, posts, leaves, reviews = (made[name] for name in ("training", "assignments", "leaves", "reviews"))
    first = {officer: start for officer, (start, _) in served.items()}
    early = training.drop_duplicates("officer_id").tail(truth.flaws.get("course_before_hire", 0))
    twice = posts[posts["role"] == "primary"].tail(truth.flaws.get("assignment_overlap", 0))
    schools = posts["school_id"].unique()
    elsewhere = dict(zip(schools, np.roll(schools, 1), strict=True))
    long = leaves[leaves["to_date"] > leaves["from_date"]].head(truth.flaws.get("leave_overlap", 0))
    stray = reviews.head(truth.flaws.get("review_outside_waves", 0))
    more = {
        "training": early.assign(completed_on=early["officer_id"].map(first) - _days(1)),
        "assignments": twice.assign(school_id=twice["school_id"].map(elsewhere)),
        "leaves": long.assign(from_date=long["from_date"] + _days(1)),
        "reviews": stray.assign(date=pd.Timestamp(waves[0].start) - _days(20)),
    }
    return {name: pd.concat([made[name], rows], ignore_index=True) for name, rows in more.items() if len(rows)}


def _days(number: Any) -> pd.Timedelta:
    return pd.Timedelta(days=int(number))


def _table(rows: Sequence[tuple[object, ...]], columns: str) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns.split())
    dates = [c for c in table if str(c).endswith(("date", "_on", "_due"))]
    return table.astype(dict.fromkeys(dates, "datetime64[ns]"))
