"""The fix for each rule names what this study would accept, and where that is written."""

from __future__ import annotations

import pytest
from small_district import INSTRUMENT, PROVIDED, STANDARDS

from sro_research import schemas
from sro_research.intake import fix_of
from sro_research.parameters import Records


def fix(column: str, rule: str, kind: str, records: Records = PROVIDED, set_aside: dict[str, int] | None = None) -> str:
    return fix_of(
        column,
        rule,
        kind=kind,
        instruments={"student": INSTRUMENT},
        records=records,
        standards=STANDARDS,
        set_aside=set_aside,
    )


@pytest.mark.parametrize(
    ("column", "rule", "kind", "expected"),
    [
        ("q1", schemas.NOT_A_CODE, "responses/student", "Expected: codes 1-4, 98, or blank."),
        ("gender", schemas.NOT_WHOLE, "responses/student", "Expected: codes 1, 2, 98, or blank."),
        (
            "q1",
            schemas.NOT_A_LABEL,
            "responses/student",
            "Expected: codes 1-4, 98, or their labels in a language of the pages. "
            "If the program writes them otherwise, say so with `answers: {theirs: code}`.",
        ),
        ("from_date", schemas.NOT_A_DAY, "assignments", "Write days like 2026-06-30."),
        ("school_id", "not a school of this study", "outreach", "The schools are those in schools.csv."),
        ("officer_id", "not an officer of this study", "leaves", "The officers are those in officers.csv."),
        ("officer_id", "lost the leading zeros of an officer of this study", "leaves", "Export the column as text."),
        ("", schemas.REPEATED, "closures", "Delete the later ones."),
        (
            "",
            schemas.REPEATED,
            "outreach",
            "Two equal activities on one day: write them as one, with the hours of both.",
        ),
        ("hours", "not a number", "training", "Write it in digits, like 1.5: no unit, no comma."),
        ("attendance", schemas.NOT_WHOLE, "outreach", "Write it in digits, without a point."),
        ("gender", schemas.NOT_WHOLE, "contacts", "Write the codes of the student survey: 1, 2."),
        (
            "gender",
            "not a code of this question of the student survey",
            "contacts",
            "Write the codes of the student survey: 1, 2.",
        ),
        ("contact_id", schemas.TWICE, "contacts", "Give each its own, if they are two; else delete the later one."),
        ("respondent_id", schemas.TWICE, "responses/student", "Give each its own, if they are two."),
        ("level", "must not be blank", "schools", ""),
        ("course", "must not be blank", "training", ""),
        ("kind", "not one of body_camera, activity_log, contact_log", "log_reviews", ""),
    ],
)
def test_each_rule_has_its_fix(column: str, rule: str, kind: str, expected: str) -> None:
    assert fix(column, rule, kind) == expected


def test_schools_that_no_file_lists_are_those_of_the_surveys() -> None:
    said = fix("school_id", "not a school of this study", "outreach", Records())
    assert said == "The schools are those in the surveys."


def test_events_are_those_of_the_files_that_the_study_names() -> None:
    said = fix("learned_from", "not a drill or an emergency of this study", "lessons", Records(drills=PROVIDED.drills))
    assert said == "The drills and emergencies are those in drills.csv."


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"officers": 3, "schools": 9}, " 3 rows of officers.csv were set aside: mend these first."),
        ({"officers": 1}, " 1 row of officers.csv was set aside: mend it first."),
        ({"officers": 0}, ""),
    ],
)
def test_rows_to_which_others_may_refer_are_to_be_mended_first(rows: dict[str, int], said: str) -> None:
    told = fix("officer_id", "not an officer of this study", "contacts", set_aside=rows)
    assert told == f"The officers are those in officers.csv.{said}"
