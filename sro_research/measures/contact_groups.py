"""Contacts by group of students, beside how many students the group has.

Contacts are counted, not students: one student may be stopped twice. Contacts whose group was not recorded stand with
no group, and `not_recorded` counts them; nobody is guessed into a group. A question that no contact of a wave answers
was not asked then: its groups have missing counts, not zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.measures.contacts import PER_STUDENTS, RATES, of_all, steps
from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave

STEPS = [*RATES.values(), "result", "found"]
KEYS = ["school_id", "wave", "group_by", "group"]


def recorded_questions(contacts: pd.DataFrame, questions: Sequence[str]) -> list[str]:
    """Return those of the questions that at least one contact answers."""
    return [question for question in questions if question in contacts and contacts[question].notna().any()]


def group_counts(
    contacts: pd.DataFrame, enrollment: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str]
) -> pd.DataFrame:
    """Count the contacts of every enrolled group by step: `school_id`, `wave`, `group_by`, `group`, `people`, `STEPS`.

    A group without contacts has zeros in a wave in which any contact tells a group of that question, and missing counts
    in others. A group with contacts whose number of students is not known has a row with missing `people`.
    """
    known = enrollment[enrollment["group_by"].isin(list(questions))]
    counts = _long(contacts, waves, questions).groupby(KEYS)[STEPS].sum().reset_index()
    table = known[[*KEYS, "people"]].merge(counts, on=KEYS, how="outer")
    asked = ["wave", "group_by"]
    logged = pd.MultiIndex.from_frame(table[asked]).isin(pd.MultiIndex.from_frame(counts[asked]))
    table[STEPS] = table[STEPS].astype("Int64").fillna(0).where(pd.Series(logged, index=table.index))
    return table


def district_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Add up `group_counts` over schools, with a blank `school_id`.

    A school and wave in which the students of some group are not known is left out for that question altogether: its
    contacts would have no students beside them.
    """
    lacking = counts["people"].isna() | counts["contact"].isna()
    whole = ~lacking.groupby([counts["school_id"], counts["wave"], counts["group_by"]]).transform("any")
    return of_all(counts[whole], ["group_by", "group"])[[*KEYS, "people", *STEPS]]


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


def by_officer(contacts: pd.DataFrame, waves: Sequence[Wave], *, questions: Sequence[str]) -> pd.DataFrame:
    """Return a row per contact and question whose group is known: `officer_key`, `KEYS` and `STEPS` as yes or no.

    For models only: it describes single officers. Contacts whose officer is not known are left out.
    """
    rows = _long(contacts, waves, questions)
    return rows[rows["officer_key"].notna()].reset_index(drop=True)


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
