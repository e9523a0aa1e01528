"""Schools, and what a program records of its officers and of students."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pandera.pandas as pa

from sro_research.parameters import HARMS
from sro_research.schemas.columns import IDENTIFIER, REPEATED, date, in_order, of_study, text

NOT_A_GROUP = "not a code of a background question of the student survey"
LEVELS = ("elementary", "middle", "high", "combined")
HOURS_IN_A_DAY = 24
ROLES = ("primary", "secondary")


def schools(waves: Iterable[str]) -> pa.DataFrameSchema:
    """One row is a school in a wave: its name, level, students enrolled, staff employed and, where told, district."""
    positive = pa.Check.gt(0, error="must be above zero")
    return pa.DataFrameSchema(
        {
            "school_id": text(IDENTIFIER),
            "wave": text(*of_study(waves, "a wave")),
            "school_name": text(),
            "level": text(pa.Check.isin(LEVELS, error=f"not one of {', '.join(LEVELS)}")),
            "students": pa.Column("Int64", positive),
            "staff": pa.Column("Int64", positive, nullable=True),
            "district": text(nullable=True),
        },
        unique=["school_id", "wave"],
        report_duplicates="exclude_first",
        strict=True,
    )


def enrollment(
    schools: Iterable[str] | None, waves: Iterable[str], groups: Mapping[str, Iterable[int]]
) -> pa.DataFrameSchema:
    """One row is a group of a school's students in a wave, and how many they are.

    `group_by` is a background question of the student survey, `group` one of its codes; `groups` has these.
    """
    known = {(question, str(code)) for question, codes in groups.items() for code in codes}

    def is_group(table: pd.DataFrame) -> pd.Series:
        pairs = zip(table["group_by"], table["group"], strict=True)
        return pd.Series([pair in known for pair in pairs], index=table.index)

    return pa.DataFrameSchema(
        {
            "school_id": text(*of_study(schools, "a school")),
            "wave": text(*of_study(waves, "a wave")),
            "group_by": text(),
            "group": text(),
            "people": pa.Column("Int64", pa.Check.ge(0, error="must not be negative")),
        },
        checks=pa.Check(is_group, error=NOT_A_GROUP),
        unique=["school_id", "wave", "group_by", "group"],
        report_duplicates="exclude_first",
        strict=True,
    )


def discipline(enrolled: Mapping[tuple[str, str], int] | None, waves: Iterable[str]) -> pa.DataFrameSchema:
    """One row is how many students of a school an event happened to in a wave, each student counted once.

    A zero has a row; what has none is not known. `enrolled` are the students by (school_id, wave), as far as known.
    """

    def not_more(table: pd.DataFrame) -> pd.Series:
        pairs = zip(table["school_id"], table["wave"], strict=True)
        most = pd.Series([(enrolled or {}).get(pair, pd.NA) for pair in pairs], index=table.index, dtype="Int64")
        return (table["students"] <= most).fillna(True).astype(bool)

    return pa.DataFrameSchema(
        {
            "school_id": text(*of_study(None if enrolled is None else {s for s, _ in enrolled}, "a school")),
            "wave": text(*of_study(waves, "a wave")),
            "event": text(pa.Check.isin(HARMS, error=f"not one of {', '.join(HARMS)}")),
            "students": pa.Column("Int64", pa.Check.ge(0, error="must not be negative")),
        },
        checks=pa.Check(not_more, error="more students than the school has"),
        unique=["school_id", "wave", "event"],
        report_duplicates="exclude_first",
        strict=True,
    )


def officers() -> pa.DataFrameSchema:
    """One row is an officer, from the first to the last day in the program."""
    return pa.DataFrameSchema(
        {"officer_id": text(unique=True), "start_date": date(), "end_date": date(nullable=True)},
        checks=in_order("start_date", "end_date"),
        strict=True,
    )


def assignments(schools: Iterable[str] | None, officers: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an officer's assignment to a school, from and to a day; still going on where `to_date` is blank.

    `role` is primary or secondary, for who stands in; primary where it is blank.
    """
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "school_id": text(*of_study(schools, "a school")),
            "from_date": date(),
            "to_date": date(nullable=True),
            "role": text(pa.Check.isin(ROLES, error=f"not one of {', '.join(ROLES)}"), nullable=True),
        },
        checks=in_order("from_date", "to_date"),
        strict=True,
    )


def training(officers: Iterable[str] | None, courses: Iterable[str]) -> pa.DataFrameSchema:
    """One row is a course an officer completed, with its hours."""
    return pa.DataFrameSchema(
        {
            "officer_id": text(*of_study(officers, "an officer")),
            "course": text(*of_study(courses, "a course")),
            "completed_on": date(),
            "hours": pa.Column("Float64", pa.Check.gt(0, error="must be above zero")),
        },
        unique=["officer_id", "course", "completed_on"],
        report_duplicates="exclude_first",
        strict=True,
    )


def outreach(
    schools: Iterable[str] | None,
    officers: Iterable[str] | None,
    activities: Iterable[str] | None = None,
    audiences: Iterable[str] | None = None,
) -> pa.DataFrameSchema:
    """One row is an outreach activity at a school: day, kind, officer hours and, if known, people reached and for whom.

    `activities` and `audiences` are those of the standard; any text where there is none. An activity that the standard
    does not have sets its row aside, hours and all: taken as `other` it would leave its kind unseen, while rows set
    aside are counted, and said with their fix, before hours are used.
    """
    return pa.DataFrameSchema(
        {
            "school_id": text(*of_study(schools, "a school")),
            "officer_id": text(*of_study(officers, "an officer")),
            "date": date(),
            "activity": text(*of_study(activities, "an activity")),
            "hours": pa.Column(
                "Float64",
                pa.Check.in_range(0, HOURS_IN_A_DAY, include_min=False, error="not between 0 and 24 hours"),
            ),
            "attendance": pa.Column("Int64", pa.Check.ge(0, error="must not be negative"), nullable=True),
            "audience": text(*of_study(audiences, "an audience"), nullable=True),
        },
        # A list without numbers of its own cannot tell two equal activities from one that was entered twice.
        checks=pa.Check(lambda table: ~table.duplicated(), error=REPEATED),
        strict=True,
    )
