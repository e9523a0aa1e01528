"""What officers do at a school, as groups of schools that can be compared.

Most schools with an officer name most of the nine duties, so single duties tell little apart. The groups are those by
which studies of this survey have compared schools: where officers mentor or teach, beside whatever else they do, and
where they do neither; where they take part in discipline; and where an agreement says what they are there for. Schools
without an officer are a group of their own and not "no": they were not asked.
"""

from __future__ import annotations

import pandas as pd

NO_OFFICER = "no_officer"
WITH_STUDENTS = ("duty_mentoring", "duty_teaching")


def with_officer_roles(schools: pd.DataFrame) -> pd.DataFrame:
    """Add four groupings of schools; missing where a school with an officer left a question open.

    `officer`: no_officer, has_officer. `officer_role`: no_officer, does_neither, mentors_or_teaches.
    `officer_discipline`: no_officer, not_in_discipline, in_discipline. `officer_agreement`: no_officer, no_agreement,
    has_agreement.
    """
    with_students = schools[WITH_STUDENTS[0]] | schools[WITH_STUDENTS[1]]
    there = schools["officer_present"].astype("boolean")
    return schools.assign(
        officer=there.map({True: "has_officer", False: NO_OFFICER}).astype("string"),
        officer_role=_groups(schools, with_students, "mentors_or_teaches", "does_neither"),
        officer_discipline=_groups(schools, schools["duty_discipline"], "in_discipline", "not_in_discipline"),
        officer_agreement=_groups(schools, schools["agreement"], "has_agreement", "no_agreement"),
    )


def _groups(schools: pd.DataFrame, answer: pd.Series, yes: str, no: str) -> pd.Series:
    groups = answer.map({True: yes, False: no}).astype("string")
    # An unanswered first question is not "no": pandas would take a missing condition as met.
    return groups.mask((~schools["officer_present"]).fillna(False), NO_OFFICER)
