"""Training against the standard, in the district.

What single officers have taken (`training_requirements`) leaves this room for the district as a whole, never for a
school, where often one officer serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sro_research.measures.coverage import SECONDARY
from sro_research.measures.periods import DAYS_IN_A_MONTH, Period, day_number, duty_days, lies_in
from sro_research.measures.training_requirements import IN_FORCE, MISSING, ON_LEAVE
from sro_research.parameters import Wave

OVERDUE_COURSES, HOURS = "training_overdue", "training_hours_per_officer_month"


def training_rates(requirements: pd.DataFrame) -> pd.DataFrame:
    """Return the district's training by wave, as indicators, from `training_requirements`.

    Of the courses that have come due for officers who are not on leave: `training_completion_rate`, the share taken at
    all by the wave's last day; `training_currency_rate`, the share that counts on that day, in its grace days too; and
    `training_overdue`, how many are overdue or expired. `people` counts the officers; of the number of
    courses, those who lack one: three missing courses are three officers' records, however many others have all.
    """
    rows = []
    for wave, of in requirements.groupby("wave", sort=False):
        due = of[of["come_due"] & (of["status"] != ON_LEAVE)]
        counts = {
            "training_completion_rate": due["completed_on"].notna(),
            "training_currency_rate": due["status"].isin(IN_FORCE),
            OVERDUE_COURSES: due["status"].isin(MISSING),
        }
        for measure, which in counts.items():
            of_whom = due[which] if measure == OVERDUE_COURSES else due
            rows.append((wave, measure, int(which.sum()), len(due), of_whom["officer_key"].nunique()))
    table = pd.DataFrame(rows, columns=["wave", "measure", "numerator", "denominator", "people"])
    return _of_district(table, unit="share", counts=(OVERDUE_COURSES, "courses"))


def training_hours(
    training: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, waves: Sequence[Wave]
) -> pd.DataFrame:
    """Return the district's hours of training per officer-month of duty by wave, as indicators.

    Hours are those of courses completed in the wave's period by officers in service that day; months hold 30.4 days in
    service and not on leave.
    """
    table = training.merge(officers, on="officer_key")
    day = table["completed_on"]
    serving = (day >= table["start_date"]) & ~(day > table["end_date"])
    rows = []
    for wave in waves:
        days = duty_days(officers, leaves, wave.start, wave.end)
        theirs = serving & day.between(pd.Timestamp(wave.start), pd.Timestamp(wave.end))
        months = days.sum() / DAYS_IN_A_MONTH
        rows.append((wave.id, HOURS, table.loc[theirs, "hours"].sum(), months, int((days > 0).sum())))
    table = pd.DataFrame(rows, columns=["wave", "measure", "numerator", "denominator", "people"])
    return _of_district(table, unit="hours per officer-month")


def _of_district(table: pd.DataFrame, *, unit: str, counts: tuple[str, str] = ("", "")) -> pd.DataFrame:
    """Complete rows to indicators; those of the measure in `counts` are numbers of cases, not shares."""
    measure, cases = counts
    value = table["numerator"] / table["denominator"].where(table["denominator"] > 0)
    counted = table["measure"] == measure
    return table.assign(
        school_id="",
        population="officer",
        value=value.mask(counted, table["numerator"]).astype("Float64"),
        unit=counted.map({True: cases, False: unit}),
    )


def training_adoption(
    assignments: pd.DataFrame, trained: Mapping[str, list[Period]], *, schools: Sequence[str], waves: Sequence[Wave]
) -> pd.DataFrame:
    """Tell which schools had a fully trained officer on the last day of each wave.

    `trained` has the times at which each officer was fully trained (`trained_periods`). A secondary officer counts
    where no other is assigned: who stands in serves elsewhere. Returns a row per school and wave: `school_id`, `wave`,
    `staffed` (an officer was assigned), `treated` (at least one of them was fully trained on that day) and
    `first_treated_wave`, missing if there was none. `treated` may end when a trained officer leaves or a course
    expires; the event study asks what follows the first treated wave, whatever comes after it.
    """
    rows = []
    for wave in waves:
        end = pd.Timestamp(wave.end)
        there = assignments[
            (assignments["from_date"] <= end) & (assignments["to_date"].isna() | (assignments["to_date"] >= end))
        ]
        stands_in = there["role"].eq(SECONDARY).fillna(False).astype(bool)
        there = there[~stands_in | ~there["school_id"].isin(there.loc[~stands_in, "school_id"])]
        ready = [officer for officer, periods in trained.items() if lies_in(day_number(end), periods)]
        with_trained = there.loc[there["officer_key"].isin(ready), "school_id"]
        at = pd.DataFrame({"school_id": pd.array(list(schools), dtype="string")}).assign(wave=wave.id)
        rows.append(
            at.assign(
                staffed=at["school_id"].isin(there["school_id"]).astype(bool),
                treated=at["school_id"].isin(with_trained).astype(bool),
            )
        )
    table = pd.concat(rows, ignore_index=True)
    first = table[table["treated"]].groupby("school_id")["wave"].first()
    return table.assign(first_treated_wave=table["school_id"].map(first).astype("string"))
