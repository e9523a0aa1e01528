"""Calls, drills, tips, threat assessments, restorative sessions and log reviews of a made-up district."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas import REVIEWED_LOGS
from sro_research.synthetic.cases import after, begin, numbered, yes_no

MINUTES_IN_A_DAY = 24 * 60
REVIEWS_PER_WAVE = 8
REVIEW_DELAY_DAYS = 10
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class OperationsTruth:
    """What is planted. `..._per_100` are cases per 100 students in a wave, `..._days` means of exponential waits.

    Response minutes are lognormal with the given median, standard deviations of logarithms within and between schools,
    so that the district's p-quantile is median * exp(z_p * sqrt(within^2 + between^2)).
    """

    calls_per_100: float = 12.0
    response_median: float = 6.0
    response_sd_within: float = 0.7
    response_sd_between: float = 0.25
    scene_median: float = 25.0
    by_officer: float = 0.10
    """Share of calls that the officer came upon."""
    no_arrival: float = 0.05
    drills_done: float = 0.92
    """Chance of each required drill."""
    tips_per_100: float = 3.0
    tip_action_days: float = 1.5
    tip_closing_days: float = 12.0
    tip_reopened: float = 0.08
    assessments_per_100: float = 1.5
    meeting_days: float = 3.0
    assessment_closing_days: float = 20.0
    officer_present: float = 0.80
    restorative_per_100: float = 2.0
    session_days: float = 14.0
    declined: float = 0.2
    """Share of referrals that never lead to a session."""
    agreement_completed: float = 0.75
    repeated_days: float = 700.0
    """Mean wait from a session to the next incident."""
    reviews_done: float = 0.88
    reviews_on_time: float = 0.80
    """Of those done."""
    negative_calls: int = 3
    closed_before_received: int = 2
    drills_out_of_period: int = 1
    """Records that contradict themselves: so many, whatever the district's size (as far as it has so many)."""


def make_operations(
    schools: pd.DataFrame,
    waves: list[Wave],
    rng: np.random.Generator,
    *,
    required: Mapping[str, int],
    as_of: dt.date,
    truth: OperationsTruth | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables `calls`, `drills`, `tips`, `threat_assessments`, `restorative` and `log_reviews`, by name.

    As a district would export them on the day `as_of`: what comes later is blank, times of day are text. `required` are
    drills per school and wave, by kind.
    """
    truth = truth or OperationsTruth()
    return {
        "calls": _calls(schools, waves, rng, as_of, truth),
        "drills": _drills(schools, waves, rng, required, as_of, truth),
        "tips": _tips(schools, waves, rng, as_of, truth),
        "threat_assessments": _assessments(schools, waves, rng, as_of, truth),
        "restorative": _restorative(schools, waves, rng, as_of, truth),
        "log_reviews": _reviews(schools, waves, rng, as_of, truth),
    }


def _calls(
    schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator, as_of: dt.date, truth: OperationsTruth
) -> pd.DataFrame:
    begun = begin(schools, waves, truth.calls_per_100, rng, as_of=as_of)
    n, ids = len(begun), schools["school_id"].unique()
    level = dict(zip(ids, rng.normal(0, truth.response_sd_between, len(ids)), strict=True))
    spread = begun["school_id"].map(level).to_numpy(dtype=float) + rng.normal(0, truth.response_sd_within, n)
    response = truth.response_median * np.exp(spread)
    scene = truth.scene_median * np.exp(rng.normal(0, 0.8, n))
    found = rng.random(n) < truth.by_officer
    lacking = ~found & (rng.random(n) < truth.no_arrival)
    # Calls come from half past seven to half past three.
    received = begun["day"] + _minutes(450 + 480 * rng.random(n))
    arrived = received + _minutes(np.where(found, 0, response))
    dispatched = received + _minutes(np.where(found, 0, response * rng.uniform(0.1, 0.4, n)))
    # Someone typed the hour wrong.
    timed = ~found & ~lacking
    wrong = timed & (np.cumsum(timed) <= truth.negative_calls)
    shown = arrived.where(~wrong, received - _minutes(np.full(n, 60.0)))
    called = rng.choice(["school", "emergency_line", "other"], n, p=[0.7, 0.2, 0.1])
    times = {
        "received_at": received,
        "dispatched_at": dispatched,
        "arrived_at": shown.mask(lacking),
        "cleared_at": arrived + _minutes(scene),
    }
    table = pd.DataFrame({"school_id": begun["school_id"]} | {name: t.dt.strftime(_TIME) for name, t in times.items()})
    priority = pd.Series(rng.choice(["1", "2", "3"], n, p=[0.2, 0.5, 0.3]), dtype="string")
    table = table.assign(priority=priority, source=np.where(found, "officer", called))
    # What became of them, `call_outcomes` makes up.
    return numbered(table.assign(disposition=pd.Series(pd.NA, index=table.index, dtype="string")), "call_id", "C")


def _minutes(minutes: np.ndarray) -> pd.TimedeltaIndex:
    return pd.to_timedelta(np.rint(60 * minutes), unit="s")


def _drills(
    schools: pd.DataFrame,
    waves: list[Wave],
    rng: np.random.Generator,
    required: Mapping[str, int],
    as_of: dt.date,
    truth: OperationsTruth,
) -> pd.DataFrame:
    period = {w.id: (pd.Timestamp(w.start), (w.end - w.start).days + 1) for w in waves}
    rows = [
        (school, period[wave][0] + pd.Timedelta(days=int(rng.integers(period[wave][1]))), kind)
        for school, wave in schools[["school_id", "wave"]].itertuples(index=False)
        for kind, number in required.items()
        for _ in range(number)
        if rng.random() < truth.drills_done
    ]
    table = pd.DataFrame(rows, columns=["school_id", "date", "kind"])
    table = table[table["date"] <= pd.Timestamp(as_of)].sort_values("date", kind="stable", ignore_index=True)
    stray = table.head(truth.drills_out_of_period).assign(date=pd.Timestamp(waves[0].start) - pd.Timedelta(days=20))
    return numbered(pd.concat([table, stray], ignore_index=True), "drill_id", "D")


def _tips(
    schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator, as_of: dt.date, truth: OperationsTruth
) -> pd.DataFrame:
    begun = begin(schools, waves, truth.tips_per_100, rng, as_of=as_of)
    action = after(begun["day"], truth.tip_action_days, rng, as_of=as_of)
    closed = after(action, truth.tip_closing_days, rng, as_of=as_of)
    reopened = yes_no(rng.random(len(begun)) < truth.tip_reopened).where(closed.notna())
    wrong = closed.notna().cumsum().le(truth.closed_before_received) & closed.notna()
    closed = closed.mask(wrong, begun["day"] - pd.Timedelta(days=30))
    table = begun.rename(columns={"day": "received_on"})
    return numbered(table.assign(first_action_on=action, closed_on=closed, reopened=reopened), "tip_id", "T")


def _assessments(
    schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator, as_of: dt.date, truth: OperationsTruth
) -> pd.DataFrame:
    begun = begin(schools, waves, truth.assessments_per_100, rng, as_of=as_of)
    met = after(begun["day"], truth.meeting_days, rng, as_of=as_of)
    closed = after(met, truth.assessment_closing_days, rng, as_of=as_of)
    present = yes_no(rng.random(len(begun)) < truth.officer_present).where(met.notna())
    table = begun.rename(columns={"day": "opened_on"})
    return numbered(table.assign(met_on=met, officer_present=present, closed_on=closed), "assessment_id", "A")


def _restorative(
    schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator, as_of: dt.date, truth: OperationsTruth
) -> pd.DataFrame:
    begun = begin(schools, waves, truth.restorative_per_100, rng, as_of=as_of)
    held = after(begun["day"], truth.session_days, rng, as_of=as_of).mask(rng.random(len(begun)) < truth.declined)
    completed = yes_no(rng.random(len(begun)) < truth.agreement_completed).where(held.notna())
    repeated = after(held, truth.repeated_days, rng, as_of=as_of)
    table = begun.rename(columns={"day": "referred_on"})
    return numbered(table.assign(held_on=held, agreement_completed=completed, repeated_on=repeated), "case_id", "R")


def _reviews(
    schools: pd.DataFrame, waves: list[Wave], rng: np.random.Generator, as_of: dt.date, truth: OperationsTruth
) -> pd.DataFrame:
    each = schools.assign(students=100)
    begun = begin(each, waves, REVIEWS_PER_WAVE, rng, as_of=as_of)
    done, on_time = rng.random(len(begun)) < truth.reviews_done, rng.random(len(begun)) < truth.reviews_on_time
    delay = np.where(on_time, 0, rng.integers(1, REVIEW_DELAY_DAYS, len(begun)))
    on = begun["day"] + pd.to_timedelta(delay, unit="D")
    # What is not done yet on the day of export is not done, also where it will be.
    done = done & (on <= pd.Timestamp(as_of)).to_numpy()
    kind = pd.Series(rng.choice(REVIEWED_LOGS, len(begun)), dtype="string")
    table = begun.rename(columns={"day": "due_on"}).assign(kind=kind, reviewed=yes_no(done), reviewed_on=on.where(done))
    return numbered(table[["school_id", "kind", "due_on", "reviewed", "reviewed_on"]], "review_id", "V")
