"""School-days on which an officer was there, and who stands in.

A school-day is a weekday in a wave's period on which the school is not closed. Where the table of closures was not
provided, holidays count as school-days like any other. An officer is there where an assignment holds, in service and
not on leave; single days of illness or other duty are in no table. A secondary officer is there only while no primary
one is: the rest of the time he or she is named, and serves elsewhere. What a school's coverage tells of its officer's
leave is for inside; whether the officer was fully trained is told for the district only.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sro_research.measures.periods import Period, common, day_number, day_numbers, lies_in, merged, service_periods
from sro_research.parameters import Wave

COVERED, UNCOVERED, TRAINED = "school_days_covered", "school_days_uncovered", "school_days_with_trained_officer"
BACKED_UP, BACKUPS_TRAINED = "schools_with_secondary_officer", "secondary_officers_trained"
SECONDARY = "secondary"


def school_days(schools: pd.DataFrame, closures: pd.DataFrame | None, waves: list[Wave]) -> pd.DataFrame:
    """Return a row per school and school-day: `school_id`, `wave`, `date`; each wave has the schools of its roster."""
    periods = pd.concat(
        [pd.DataFrame({"wave": wave.id, "date": pd.bdate_range(wave.start, wave.end)}) for wave in waves]
    )
    table = schools[["school_id", "wave"]].merge(periods, on="wave")
    if closures is None:
        return table
    shut = pd.Series(False, index=table.index)
    for closed in closures.itertuples():
        here = True if pd.isna(closed.school_id) else table["school_id"] == closed.school_id
        shut |= here & table["date"].between(closed.from_date, closed.to_date)
    return table[~shut].reset_index(drop=True)


def coverage_calendar(
    days: pd.DataFrame,
    assignments: pd.DataFrame,
    officers: pd.DataFrame,
    leaves: pd.DataFrame | None,
    trained: dict[str, list[Period]] | None,
) -> pd.DataFrame:
    """Add to school-days how many officers were there: `officers`, of them `secondary` and `trained` ones.

    `secondary` counts who stood in, on days without a primary officer. `trained` has the times at which each officer
    was fully trained (`trained_periods`); without it the count is missing. Assignments of one officer to one school
    that overlap are one.
    """
    number = pd.Series(day_numbers(days["date"]), index=days.index)
    served, schools = service_periods(officers, leaves), dict(iter(number.groupby(days["school_id"])))
    table = days.assign(officers=0, secondary=0, trained=0, trained_secondary=0)
    for (school, officer), posts in _posts(assignments).groupby(["school_id", "officer_key"]):
        if school not in schools or officer not in served:
            continue
        second, ready = posts["role"].eq(SECONDARY).fillna(False).astype(bool), (trained or {}).get(officer, [])
        on = schools[school]
        for of, name, with_training in ((~second, "officers", "trained"), (second, SECONDARY, "trained_secondary")):
            there = common(_merged(posts[of]), served[officer])
            table.loc[on.index, name] += _on(on, there)
            table.loc[on.index, with_training] += _on(on, common(there, ready))
    standing_in = table["officers"] == 0
    table[SECONDARY] = table[SECONDARY].where(standing_in, 0)
    table["officers"] += table[SECONDARY]
    table["trained"] += table.pop("trained_secondary").where(standing_in, 0)
    table = table.astype({"trained": "Int64"})
    return table if trained is not None else table.assign(trained=pd.array([pd.NA] * len(table), dtype="Int64"))


def coverage_indicators(calendar: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return what share of school-days an officer was there, by school and in the district, as indicators.

    `school_days_covered` is a share, `school_days_uncovered` a number of days; `school_days_with_trained_officer` is of
    the district only. `people` counts the officers who were assigned in the wave; of the district's number of days not
    covered, no more than the schools that lacked an officer, because a school's gap is mostly one officer's leave.
    """
    people = _assigned(calendar, assignments)
    gaps = calendar[calendar["officers"] == 0].groupby("wave")["school_id"].nunique()
    tables = []
    for keys in (["school_id", "wave"], ["wave"]):
        rows = calendar.assign(covered=calendar["officers"] > 0, trained=(calendar["trained"] > 0))
        rows = rows.groupby(keys).agg(
            covered=("covered", "sum"), days=("date", "size"), trained=("trained", lambda t: t.sum(min_count=1))
        )
        rows = rows.reset_index().assign(school_id=lambda t: t.get("school_id", ""))
        uncovered = rows.assign(measure=UNCOVERED, numerator=rows["days"] - rows["covered"])
        tables += [rows.assign(measure=COVERED, numerator=rows["covered"]), uncovered]
        if keys == ["wave"]:
            tables.append(rows.assign(measure=TRAINED, numerator=rows["trained"]))
    table = pd.concat(tables, ignore_index=True).rename(columns={"days": "denominator"})
    table = table.merge(people, on=["school_id", "wave"], how="left").fillna({"people": 0})
    counted = table["measure"] == UNCOVERED
    lacked = table["wave"].map(gaps).fillna(0)
    table["people"] = table["people"].where(~counted | (table["school_id"] != ""), table["people"].clip(upper=lacked))
    value = table["numerator"].astype("Float64").where(counted, table["numerator"] / table["denominator"])
    return table.drop(columns=["covered", "trained"]).assign(
        population="officer", value=value, unit=counted.map({True: "school days", False: "share"})
    )


def backup_indicators(
    schools: pd.DataFrame,
    assignments: pd.DataFrame,
    officers: pd.DataFrame,
    trained: dict[str, list[Period]] | None,
    waves: list[Wave],
) -> pd.DataFrame:
    """Return how many schools had somebody to stand in on a wave's last day, and how many of these were fully trained.

    `schools_with_secondary_officer` over schools on the roster, `secondary_officers_trained` over secondary officers;
    of the district. Where no officer is secondary the second has no value. Leave is left out: who stands in on a day is
    in the calendar.
    """
    served, posts, rows = service_periods(officers, None), _posts(assignments), []
    for wave in waves:
        last = day_number(wave.end)
        roster = schools.loc[schools["wave"] == wave.id, "school_id"]
        second = posts[(posts["role"] == SECONDARY) & (posts["first"] <= last) & (posts["last"] >= last)]
        serving = [officer for officer in served if lies_in(last, served[officer])]
        second = second[second["school_id"].isin(roster) & second["officer_key"].isin(serving)]
        people = set(second["officer_key"])
        rows.append((wave.id, BACKED_UP, second["school_id"].nunique(), roster.nunique(), len(people)))
        if trained is not None:
            ready = sum(lies_in(last, trained.get(officer, [])) for officer in people)
            rows.append((wave.id, BACKUPS_TRAINED, ready, len(people), len(people)))
    table = pd.DataFrame(rows, columns=["wave", "measure", "numerator", "denominator", "people"])
    value = table["numerator"] / table["denominator"].where(table["denominator"] > 0)
    return table.assign(school_id="", population="officer", value=value.astype("Float64"), unit="share")


def _posts(assignments: pd.DataFrame) -> pd.DataFrame:
    first, last = day_numbers(assignments["from_date"]), day_numbers(assignments["to_date"])
    return assignments.assign(first=first, last=last)


def _merged(posts: pd.DataFrame) -> list[Period]:
    return merged(zip(posts["first"], posts["last"], strict=True))


def _on(days: pd.Series, periods: list[Period]) -> np.ndarray:
    on = np.zeros(len(days), dtype=np.int64)
    for first, last in periods:
        on |= days.between(first, last).to_numpy()
    return on


def _assigned(calendar: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Count the officers assigned to each school on any school-day of a wave, and in the district."""
    waves = calendar.groupby(["school_id", "wave"])["date"].agg(["min", "max"]).reset_index()
    posts = waves.merge(assignments[["school_id", "officer_key", "from_date", "to_date"]], on="school_id")
    posts = posts[(posts["from_date"] <= posts["max"]) & (posts["to_date"].isna() | (posts["to_date"] >= posts["min"]))]
    by_school = posts.groupby(["school_id", "wave"])["officer_key"].nunique()
    district = posts.groupby("wave")["officer_key"].nunique()
    return pd.concat([by_school.reset_index(name="people"), district.reset_index(name="people").assign(school_id="")])
