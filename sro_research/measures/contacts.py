"""Contacts of officers with students: how many, for which reasons, who called, and what came of them.

A contact has reached a step where its kind or its outcome says so: a stop that ended in an arrest is an arrest too.

    stop       every contact but those of the kind `other` that came to none of the following
    search     a student was searched: the kind says so, or a basis is given
    referral   handed on to the law, or to a program instead of it: referred, diverted, cited or arrested
    citation, diversion, arrest   each of these

The log is taken as whole for each wave in which it holds any contact: a school without one has zero then. In a wave
without any contact in the district the log was not kept, or not handed over, and nothing is known of any school.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile, takewhile

import pandas as pd

from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave
from sro_research.schemas.contacts import NOT_CLASSED, ROUTINE

PER_STUDENTS = 100
CELL = ["school_id", "wave"]
RATES = {
    "contacts": "contact",
    "stops": "stop",
    "searches": "search",
    "interviews": "interview",
    "referrals": "referral",
    "citations": "citation",
    "contact_arrests": "arrest",
    "diversions": "diversion",
}
"""Measures per 100 students, and the step each counts; `arrests_per_100_students` counts students, not contacts."""
SHARES = {
    "routine_discipline_share": ("routine", "classed"),
    "classed_share": ("classed", "contact"),
    "double_coded_share": ("double_coded", "classed"),
    "officer_initiated_share": ("officer_initiated", "caller_known"),
    "routine_called_by_staff_share": ("routine_by_staff", "routine_caller_known"),
    "diversion_share": ("diverted", "to_the_law"),
    "hit_rate": ("found", "result"),
    "open_share": ("open", "outcome_known"),
}
"""Measures that are shares: which contacts, of which."""
_REFERRED = ("referred", "diverted", "cited", "arrested")


def steps(contacts: pd.DataFrame) -> pd.DataFrame:
    """Tell of each contact what is counted of it: one column of yes or no for each step and each part of a share."""
    kind, outcome, called = contacts["kind"], contacts["outcome"], contacts["called_by"]
    classed = _classed(contacts["reason"])
    routine = contacts["reason"].eq(ROUTINE)
    search = kind.eq("search") | contacts["basis"].notna()
    referral = kind.isin(["referral", "diversion", "citation", "arrest"]) | outcome.isin(_REFERRED)
    by_staff = called.isin(["administrator", "teacher"])
    said = {
        "contact": kind.notna(),
        "stop": kind.ne("other") | search | referral,
        "search": search,
        "interview": kind.eq("interview"),
        "referral": referral,
        "citation": kind.eq("citation") | outcome.eq("cited"),
        "arrest": kind.eq("arrest") | outcome.eq("arrested"),
        "diversion": kind.eq("diversion") | outcome.eq("diverted"),
        "classed": classed,
        "routine": routine,
        "double_coded": classed & _classed(contacts["second_reason"]),
        "caller_known": called.notna(),
        "officer_initiated": called.eq("officer_initiated"),
        "routine_caller_known": routine & called.notna(),
        "routine_by_staff": routine & by_staff,
        "to_the_law": outcome.isin(["diverted", "cited", "arrested"]),
        "diverted": outcome.eq("diverted"),
        "result": search & contacts["found"].notna(),
        "found": search & contacts["found"].eq("yes"),
        "outcome_known": outcome.notna(),
        "open": outcome.eq("open"),
    }
    return pd.DataFrame({name: column.fillna(False).astype(bool) for name, column in said.items()})


def _classed(reason: pd.Series) -> pd.Series:
    return reason.notna() & reason.ne(NOT_CLASSED)


def logged_waves(contacts: pd.DataFrame, waves: Sequence[Wave]) -> list[str]:
    """Return the waves in which the log holds any contact."""
    seen = set(wave_of(contacts["date"], list(waves)).dropna())
    return [wave.id for wave in waves if wave.id in seen]


def last_logged_waves(contacts: pd.DataFrame, waves: Sequence[Wave], *, years: int) -> list[str]:
    """Return the last logged waves that began within so many years, up to the last wave without a log between them."""
    logged = set(logged_waves(contacts, waves))
    from_last = dropwhile(lambda wave: wave.id not in logged, reversed(waves))
    run = list(takewhile(lambda wave: wave.id in logged, from_last))
    if not run:
        return []
    earliest = pd.Timestamp(run[0].end) - pd.DateOffset(years=years)
    return [wave.id for wave in reversed(run) if wave is run[0] or pd.Timestamp(wave.start) > earliest]


def counted_steps(contacts: pd.DataFrame, schools: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Count contacts of every school on the roster in every wave, by step; missing in a wave without a log.

    Returns `school_id`, `wave`, `students`, and a whole number for each column of `steps`.
    """
    made = steps(contacts).assign(school_id=contacts["school_id"], wave=wave_of(contacts["date"], list(waves)))
    counts = made.groupby(CELL).sum()
    table = schools[[*CELL, "students"]].merge(counts.reset_index(), on=CELL, how="left")
    logged = table["wave"].isin(logged_waves(contacts, waves))
    names = list(counts.columns)
    table[names] = table[names].astype("Int64").fillna(0).where(logged)
    return table


def contact_indicators(contacts: pd.DataFrame, schools: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Return indicators by school and wave, and of the district (`school_id` blank).

    Columns: `school_id`, `wave`, `measure`, `population`, `numerator`, `denominator`, `value`, `unit`. Rates are
    contacts per 100 students, and one student may have several; shares are of contacts. A share of no contacts has no
    value, nor has a rate where the number of students is not known; the district's rate leaves such schools out.
    """
    counts = counted_steps(contacts, schools, waves)
    rates, shares = of_all(counts[counts["students"].notna()]), of_all(counts)
    made = []
    for measure, step in RATES.items():
        rows = pd.concat([counts, rates])
        made.append(_indicator(rows, f"{measure}_per_{PER_STUDENTS}_students", step, "students", PER_STUDENTS))
    for measure, (part, whole) in SHARES.items():
        made.append(_indicator(pd.concat([counts, shares]), measure, part, whole, 1))
    return pd.concat(made, ignore_index=True)


def of_all(counts: pd.DataFrame, more: Iterable[str] = ()) -> pd.DataFrame:
    """Return the sums over schools by wave (and `more` columns), with a blank `school_id`; missing stays missing."""
    keys = ["wave", *more]
    sums = counts.drop(columns="school_id").groupby(keys, sort=False).sum(min_count=1).reset_index()
    return sums.assign(school_id=pd.array([""] * len(sums), dtype="string"))


def _indicator(counts: pd.DataFrame, measure: str, part: str, whole: str, per: int) -> pd.DataFrame:
    table = counts[CELL].assign(measure=measure, population="student")
    numerator, denominator = (counts[c].astype("Float64") for c in (part, whole))
    unit = f"contacts per {per} students" if per > 1 else "share"
    value = per * numerator / denominator.mask(denominator == 0)
    return table.assign(numerator=numerator, denominator=denominator, value=value, unit=unit)


def outcome_funnel(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Count what came of the contacts of each school and wave, and of the district (`school_id` blank).

    Returns `school_id`, `wave`, `outcome` (each of the known ones, and `not_recorded`), `contacts`, and `all_contacts`,
    which the parts add up to. Open contacts are a part; so are those without a recorded outcome.
    """
    return _parts(contacts, waves, "outcome")


def callers(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Count who called the officer, as `outcome_funnel` does its outcomes; `called_by` may be `not_recorded` too."""
    return _parts(contacts, waves, "called_by")


def _parts(contacts: pd.DataFrame, waves: Sequence[Wave], column: str) -> pd.DataFrame:
    recorded = contacts[column].fillna("not_recorded")
    rows = contacts[["school_id"]].assign(wave=wave_of(contacts["date"], list(waves)), **{column: recorded})
    both = pd.concat([rows, rows.assign(school_id="")]).dropna(subset=["wave"])
    table = both.groupby([*CELL, column]).size().rename("contacts").reset_index()
    return table.assign(all_contacts=table.groupby(CELL)["contacts"].transform("sum"))


def classed_contacts(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Return the contacts that were classed: `school_id`, `wave`, and `routine`, 1 for routine discipline, else 0."""
    made = steps(contacts)
    table = contacts[["school_id"]].assign(
        wave=wave_of(contacts["date"], list(waves)), routine=made["routine"].astype("int64")
    )
    return table[made["classed"] & table["wave"].notna()].reset_index(drop=True)


def coded_twice(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Return the classes of contacts that two people classed: `wave`, `school_id`, `first`, `second`.

    Where one of them could not class the contact, there is nothing to agree on; a contact of no wave is in no count.
    """
    wave = wave_of(contacts["date"], list(waves))
    table = contacts[["school_id"]].assign(wave=wave, first=contacts["reason"], second=contacts["second_reason"])
    return table[steps(contacts)["double_coded"] & wave.notna()].reset_index(drop=True)
