"""Outreach hours against the number of students they are meant for."""

from __future__ import annotations

import pandas as pd

from sro_research.parameters import Wave

PER_STUDENTS = 100


def outreach_hours(outreach: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Sum officer hours by school and wave, as indicators per 100 students.

    A school on the roster without any recorded activity has zero hours, because the file of activities was provided.
    There is no value for a school whose number of students is not known, and none in a wave of which the file has no
    activity of any school: logging had not begun. Activities outside every wave's period are not counted;
    `outside_periods` counts them.
    """
    dated = outreach.assign(wave=wave_of(outreach["date"], waves))
    hours = dated.groupby(["school_id", "wave"])["hours"].sum().rename("numerator")
    table = schools.set_index(["school_id", "wave"])[["students"]].join(hours)
    logged = table.index.get_level_values("wave").isin(hours.index.unique("wave"))
    table["numerator"] = table["numerator"].astype("Float64").where(table["numerator"].notna() | ~logged, 0.0)
    table["denominator"] = table.pop("students").astype("Float64")
    table["value"] = PER_STUDENTS * table["numerator"] / table["denominator"]
    return table.reset_index().assign(
        measure="outreach_hours_per_100_students", population="", unit="hours per 100 students"
    )


def outside_periods(dates: pd.Series, waves: list[Wave]) -> int:
    """Count dated records that belong to no wave."""
    return int(wave_of(dates, waves).isna().sum())


def wave_of(dates: pd.Series, waves: list[Wave]) -> pd.Series:
    """Return the wave to whose period each day belongs, missing where there is none."""
    found = pd.Series(pd.NA, index=dates.index, dtype="string")
    for wave in waves:
        inside = (dates >= pd.Timestamp(wave.start)) & (dates <= pd.Timestamp(wave.end))
        found = found.mask(inside & found.isna(), wave.id)
    return found
