"""Contacts by group of students, beside how many students the group has.

Contacts are counted, not students: one student may be stopped twice. Contacts whose group was not recorded stand with
no group, and `not_recorded` counts them; nobody is guessed into a group. A question that no contact of a wave answers
was not asked then: its groups have missing counts, not zeros. So have those of a school that had contacts in the wave,
none of which answers it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.measures.contacts import PER_STUDENTS, RATES, of_all, steps
from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave

STEPS = [*RATES.values(), "result", "found"]
PLACE = ["school_id", "wave", "group_by"]
KEYS = [*PLACE, "group"]


def recorded_questions(contacts: pd.DataFrame, questions: Sequence[str]) -> list[str]:
    """Return those of the questions that at least one contact answers."""
    return [question for question in questions if question in contacts and contacts[question].notna().any()]


def group_counts(
    contacts: pd.DataFrame, enrollment: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str]
) -> pd.DataFrame:
    """Count the contacts of every enrolled group by step: `school_id`, `wave`, `group_by`, `group`, `people`, `STEPS`.

    A group without contacts has zeros in a wave in which any contact tells a group of that question, unless its school
    had contacts that all tell none; else missing counts. A group with contacts whose number of students is not known
    has a row with missing `people`.
    """
    enrolled = enrollment[enrollment["group_by"].isin(list(questions))]
    counts = _long(contacts, waves, questions).groupby(KEYS)[STEPS].sum().reset_index()
    table = enrolled[[*KEYS, "people"]].merge(counts, on=KEYS, how="outer")
    silent = never_recorded(contacts, waves, questions=questions)
    known = _among(table, counts, ["wave", "group_by"]) & ~_among(table, silent, PLACE)
    table[STEPS] = table[STEPS].astype("Int64").fillna(0).where(known)
    return table


def district_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Add up `group_counts` over schools, with a blank `school_id`.

    A school and wave in which the students or the contacts of some group are not known is left out for that question
    altogether: one would have none of the other beside them.
    """
    return of_all(_whole(counts), ["group_by", "group"])[[*KEYS, "people", *STEPS]]


def _whole(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of the schools, waves and questions of which all groups are known."""
    lacking = counts["people"].isna() | counts["contact"].isna()
    return counts[~lacking.groupby([counts[c] for c in PLACE]).transform("any")]


def group_rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Return indicators by group from `group_counts` or `district_counts`: contacts per 100 students of the group.

    Columns: `KEYS`, `measure`, `population`, `numerator`, `denominator`, `value`, `unit`. A group without students has
    no value.
    """
    people = counts["people"].astype("Float64")
    tables = []
    for measure, step in RATES.items():
        events = counts[step].astype("Float64")
        value = PER_STUDENTS * events / people.mask(people == 0)
        made = counts[KEYS].assign(measure=f"{measure}_per_{PER_STUDENTS}_students", population="student")
        tables.append(made.assign(numerator=events, denominator=people, value=value))
    return pd.concat(tables, ignore_index=True).assign(unit=f"contacts per {PER_STUDENTS} students")


def largest_groups(counts: pd.DataFrame) -> dict[str, str]:
    """Return the group of each question with most students over all waves: what relative rates compare with.

    Of two alike the first by its code. A question of which no group's students are known has none.
    """
    people = counts.dropna(subset=["people"]).groupby(["group_by", "group"])["people"].sum().reset_index()
    first = people.sort_values(["people", "group"], ascending=[False, True]).drop_duplicates("group_by")
    return {str(q): str(g) for q, g in first.sort_values("group_by")[["group_by", "group"]].itertuples(index=False)}


def not_recorded(contacts: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str]) -> pd.DataFrame:
    """Return indicators: contacts whose group was not recorded, of all, by school, wave and question (`group_by`)."""
    table = contacts[["school_id"]].assign(wave=wave_of(contacts["date"], list(waves)))
    both = pd.concat([table, table.assign(school_id="")])
    rows = []
    for question in questions:
        blank = both.assign(blank=contacts[question].isna().reindex(both.index))
        share = blank.groupby(["school_id", "wave"])["blank"].agg(numerator="sum", denominator="size").reset_index()
        rows.append(share.assign(group_by=question, value=share["numerator"] / share["denominator"]))
    made = pd.concat(rows, ignore_index=True)
    return made.assign(measure="group_not_recorded_share", population="student", unit="share")


def never_recorded(contacts: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str]) -> pd.DataFrame:
    """Return the schools, waves and questions (`PLACE`) that have contacts, none of which tells a group."""
    blank = not_recorded(contacts, waves, questions=questions)
    return blank.loc[(blank["school_id"] != "") & (blank["numerator"] == blank["denominator"]), PLACE]


def by_officer(
    contacts: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str], counts: pd.DataFrame
) -> pd.DataFrame:
    """Return a row per contact and question whose group is known: `officer_key`, `KEYS` and `STEPS` as yes or no.

    `counts` are `group_counts`: contacts of schools and waves that `district_counts` leaves out are left out here too,
    as its students are what they are held against. So are contacts whose officer is not known. For models only: it
    describes single officers.
    """
    rows = _long(contacts, waves, questions)
    return rows[rows["officer_key"].notna() & _among(rows, _whole(counts), PLACE)].reset_index(drop=True)


def _among(rows: pd.DataFrame, others: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Tell which rows have values of the columns that the others have."""
    found = pd.MultiIndex.from_frame(rows[columns]).isin(pd.MultiIndex.from_frame(others[columns]))
    return pd.Series(found, index=rows.index, dtype=bool)


def _long(contacts: pd.DataFrame, waves: Sequence[Wave], questions: Sequence[str]) -> pd.DataFrame:
    basic = steps(contacts)[STEPS].assign(
        officer_key=contacts["officer_key"],
        school_id=contacts["school_id"],
        wave=wave_of(contacts["date"], list(waves)),
    )
    tables = [
        # Enrollment names a group by the text of its code.
        basic.assign(group_by=question, group=contacts[question].astype("Int64").astype("string"))
        for question in questions
    ]
    long = pd.concat(tables, ignore_index=True).astype({"group_by": "string"})
    return long.dropna(subset=["wave", "group"])
