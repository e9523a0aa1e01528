"""Cases with days in them, counted by school and wave and for the district; and what does not fit together.

A case belongs to the wave in whose period it began. `as_of` is the day on which the records were exported: what has
not happened by then is open, not failed, and what is dated later is taken as not known yet. "Within so many days" is
asked of all cases that could be watched for so long, whether they ended early or are still open: a recent case that
already ended would otherwise count, and one beside it that did not would not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave

KEYS = ["school_id", "wave"]
DISTRICT = ""
"""The `school_id` of what is counted over all schools."""
BREAKDOWN = ["group_by", "group"]
COLUMNS = [
    *KEYS, "measure", "population", *BREAKDOWN, "numerator", "denominator", "value", "unit", "cases"
]  # fmt: skip
"""Of an indicator. `cases` counts what it rests on; `group_by` and `group` are blank where it is not broken down."""
FINDING = ["finding", "rows", "explanation"]


def begun_in(cases: pd.DataFrame, day: str, waves: list[Wave]) -> pd.DataFrame:
    """Return the cases that began in a wave, with that `wave`. Times count by their day; `outside` has the others."""
    wave = wave_of(cases[day].dt.normalize(), waves)
    return cases.assign(wave=wave)[wave.notna()].reset_index(drop=True)


def within(cases: pd.DataFrame, first: str, last: str, *, days: int, as_of: dt.date) -> pd.Series:
    """Tell whether `last` came at most so many days after `first`: True, False, or missing.

    Missing where the case could not be watched for so long, where it never began, and where the days are in the wrong
    order.
    """
    limit = cases[first] + pd.Timedelta(days=days)
    known = cases[first].notna() & (limit <= pd.Timestamp(as_of)) & ~backwards(cases, first, last)
    return (cases[last] <= limit).astype("boolean").where(known)


def happened(cases: pd.DataFrame, last: str, *, as_of: dt.date) -> pd.Series:
    """Tell whether something has happened by the day of export."""
    return (cases[last] <= pd.Timestamp(as_of)).astype("boolean")


def waits(cases: pd.DataFrame, first: str, last: str, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return how long cases took, open ones up to the day of export: what Kaplan and Meier's method asks for.

    The rows of `cases` with `wave`, `duration` (whole days, zero or more) and `observed` (it ended, by then). Cases
    that began in no wave or after the export, or whose days are in the wrong order, are left out: findings count them.
    """
    end, begun = pd.Timestamp(as_of), begun_in(cases, first, waves)
    kept = begun[(begun[first] <= end) & ~backwards(begun, first, last)]
    days = (kept[last].fillna(end).clip(upper=end) - kept[first]).dt.days
    return kept.assign(duration=days, observed=kept[last].notna() & (kept[last] <= end)).reset_index(drop=True)


def backwards(cases: pd.DataFrame, first: str, last: str) -> pd.Series:
    """Tell which cases have their last day before their first."""
    return cases[last].notna() & (cases[last] < cases[first])


def shares(cases: pd.DataFrame, yes: pd.Series, schools: pd.DataFrame, *, measure: str, by: str = "") -> pd.DataFrame:
    """Return which share of cases are a yes, by school and wave and for the district, as indicators.

    `yes` has a True, False or missing for each case; who is missing is in neither number. A school of the roster
    without a known case has a row without a value. `by` is a column whose values break the cases down.
    """
    marked = cases.assign(numerator=yes.astype("Int64"), denominator=yes.notna().astype("Int64"))
    table = over_schools(marked, schools, lambda rows: rows[["numerator", "denominator"]].sum(), by=by)
    table = table.fillna({"numerator": 0, "denominator": 0})
    value = (table["numerator"] / table["denominator"].where(table["denominator"] > 0)).astype("Float64")
    return finished(table.assign(value=value, cases=table["denominator"]), measure=measure, unit="share")


def counts(
    cases: pd.DataFrame,
    schools: pd.DataFrame,
    *,
    measure: str,
    unit: str,
    by: str = "",
    which: pd.Series | None = None,
) -> pd.DataFrame:
    """Return how many cases there are by school and wave and for the district, as indicators.

    The list is taken as whole for each wave in which any case of any school began: a school without one has a zero
    then. In another wave it was perhaps not kept, and counts are missing; that is a finding (`without_cases`). `which`
    says of which cases the count is, of all if not given. The denominator of a count that is broken down (`by` a
    column) is the school's count of all that are counted; otherwise there is none.
    """
    counted = cases.assign(numerator=1)
    table = over_schools(counted if which is None else counted[which], schools, lambda t: t[["numerator"]].sum(), by=by)
    table["numerator"] = table["numerator"].astype("Int64").fillna(0).where(table["wave"].isin(cases["wave"]))
    table["denominator"] = table.groupby(KEYS)["numerator"].transform("sum", min_count=1) if by else pd.NA
    return finished(table.assign(value=table["numerator"], cases=table["numerator"]), measure=measure, unit=unit)


def over_schools(
    cases: pd.DataFrame,
    schools: pd.DataFrame,
    summary: Callable[[pd.api.typing.DataFrameGroupBy], pd.DataFrame],
    *,
    by: str = "",
) -> pd.DataFrame:
    """Summarize grouped cases by school and wave, and by wave for the district, with the groups of `by` if given.

    Every school and wave of the roster has a row (with `by`, one for each value that any case has), blank where it has
    no case. Cases without a value of `by` are in the group `not stated`.
    """
    if by:
        cases = cases.assign(group=cases[by].astype("string").fillna("not stated"))
    keys = [*KEYS, *(["group"] if by else [])]
    everywhere = pd.concat([cases, cases.assign(school_id=DISTRICT)], ignore_index=True)
    made = summary(everywhere.groupby(keys, observed=True))
    roster = pd.concat([schools[KEYS], schools[KEYS].assign(school_id=DISTRICT)]).drop_duplicates()
    if by:
        roster = roster.merge(cases[["group"]].drop_duplicates(), how="cross")
    index = pd.MultiIndex.from_frame(roster[keys])
    table = made.reindex(made.index.union(index)) if len(made) else pd.DataFrame(index=index, columns=made.columns)
    return table.rename_axis(keys).reset_index().assign(group_by=by, **({} if by else {"group": ""}))


def finished(table: pd.DataFrame, *, measure: str, unit: str, population: str = "") -> pd.DataFrame:
    """Return indicators with all columns of `COLUMNS` and their types."""
    made = table.assign(measure=measure, unit=unit, population=population)[COLUMNS]
    numbers = dict.fromkeys(["numerator", "denominator", "value"], "Float64")
    return made.astype(numbers | {"cases": "Int64"} | dict.fromkeys([*KEYS, *BREAKDOWN], "string"))


def findings(found: Mapping[str, tuple[pd.Series | int, str]]) -> pd.DataFrame:
    """Return one row (`finding`, `rows`, `explanation`) for each thing looked for; a zero says that it was looked for.

    `found` gives for each finding the rows that are marked, or how many, and one sentence on what is counted. What
    could not be looked for has no row.
    """
    rows = [(name, int(np.sum(marked)), text) for name, (marked, text) in found.items()]
    return pd.DataFrame(rows, columns=FINDING).astype({"finding": "string", "rows": "Int64", "explanation": "string"})


def found_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return findings in their order, what was found before what was only looked for."""
    return table.sort_values("rows", key=lambda rows: rows == 0, kind="stable")


def outside(cases: pd.DataFrame, day: str, waves: list[Wave]) -> pd.Series:
    """Tell which cases began in no wave's period."""
    return wave_of(cases[day].dt.normalize(), waves).isna()


def without_cases(cases: pd.DataFrame, day: str, waves: list[Wave]) -> pd.Series:
    """Tell in which waves no case began: nothing happened, or the record was not kept yet. No file says which."""
    begun = set(begun_in(cases, day, waves)["wave"])
    return pd.Series([wave.id not in begun for wave in waves], dtype=bool)


def later(cases: pd.DataFrame, days: list[str], *, as_of: dt.date) -> pd.Series:
    """Tell which cases have one of these days after the day of export."""
    return (cases[days] > pd.Timestamp(as_of)).any(axis=1)
