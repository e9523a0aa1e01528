"""Students excluded, referred and arrested, against all students of their school."""

from __future__ import annotations

import pandas as pd

PER_STUDENTS = 100
PLURALS = {"exclusion": "exclusions", "referral": "referrals", "arrest": "arrests"}


def discipline_rates(discipline: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Return indicators by school, wave and event: students to whom it happened per 100 students.

    Where a school's count, or its number of students, is not known there is no value; it is not a zero.
    """
    table = schools[["school_id", "wave", "students"]].rename(columns={"students": "denominator"})
    table = table.merge(pd.DataFrame({"event": list(PLURALS)}).astype("string"), how="cross")
    counts = discipline.rename(columns={"students": "numerator"})
    table = table.merge(counts, on=["school_id", "wave", "event"], how="left")
    value = PER_STUDENTS * table["numerator"].astype("Float64") / table["denominator"].astype("Float64")
    measure = table["event"].map(PLURALS) + f"_per_{PER_STUDENTS}_students"
    return table.assign(value=value, measure=measure, population="student", unit="students per 100 students")
