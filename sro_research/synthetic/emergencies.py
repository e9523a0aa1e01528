"""Emergencies, after-action items and lessons of a made-up district."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas import EMERGENCIES
from sro_research.synthetic.cases import after, begin, numbered

DUE_DAYS = 30
MOST_ITEMS = 4


@dataclass(frozen=True)
class EmergenciesTruth:
    """What is planted: emergencies per school and wave, means of waits, chances."""

    per_school: float = 0.8
    closing_days: float = 20.0
    """Mean wait from an emergency until one of its items is closed."""
    lesson: float = 0.4
    """Chance that a drill or an emergency teaches a lesson."""
    use_days: float = 60.0
    lessons_from_elsewhere: int = 2


def make_emergencies(
    schools: pd.DataFrame,
    waves: list[Wave],
    drills: pd.DataFrame,
    rng: np.random.Generator,
    *,
    as_of: dt.date,
    truth: EmergenciesTruth | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables `emergencies`, `after_action_items` and `lessons`, as exported on the day `as_of`."""
    truth = truth or EmergenciesTruth()
    begun = begin(schools.assign(students=100), waves, truth.per_school, rng, as_of=as_of)
    kind = pd.Series(rng.choice(EMERGENCIES, len(begun)), dtype="string")
    emergencies = numbered(begun.rename(columns={"day": "date"}).assign(kind=kind), "emergency_id", "E")
    return {
        "emergencies": emergencies,
        "after_action_items": _items(emergencies, rng, as_of, truth),
        "lessons": _lessons(drills, emergencies, rng, as_of, truth),
    }


def _items(
    emergencies: pd.DataFrame, rng: np.random.Generator, as_of: dt.date, truth: EmergenciesTruth
) -> pd.DataFrame:
    number = rng.integers(0, MOST_ITEMS + 1, len(emergencies))
    rows = emergencies.loc[np.repeat(emergencies.index, number)].reset_index(drop=True)
    due = rows["date"] + pd.Timedelta(days=DUE_DAYS)
    closed = after(rows["date"], truth.closing_days, rng, as_of=as_of)
    return numbered(rows[["emergency_id"]].assign(due_on=due, closed_on=closed), "item_id", "I")


def _lessons(
    drills: pd.DataFrame,
    emergencies: pd.DataFrame,
    rng: np.random.Generator,
    as_of: dt.date,
    truth: EmergenciesTruth,
) -> pd.DataFrame:
    columns = {"drill_id": "learned_from", "emergency_id": "learned_from", "date": "day"}
    pairs = [t.rename(columns=columns)[["learned_from", "day"]] for t in (drills, emergencies)]
    taught = pd.concat(pairs, ignore_index=True)
    taught = taught[rng.random(len(taught)) < truth.lesson]
    noted = after(taught["day"], 7.0, rng, as_of=as_of)
    table = pd.DataFrame({"noted_on": noted, "learned_from": taught["learned_from"]}).dropna()
    elsewhere = table.head(truth.lessons_from_elsewhere).assign(learned_from=pd.NA)
    table = pd.concat([table, elsewhere], ignore_index=True).astype({"learned_from": "string"})
    return numbered(
        table.assign(in_use_on=after(table["noted_on"], truth.use_days, rng, as_of=as_of)), "lesson_id", "L"
    )
