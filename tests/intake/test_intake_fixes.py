"""The fix for each rule names what this study would accept, and where that is written."""

from __future__ import annotations

import pytest
from small_district import INSTRUMENT, PROVIDED, STANDARDS, STANDARDS_FOLDER

from sro_research import schemas
from sro_research.intake import fix_of
from sro_research.parameters import Records


def fix(column: str, rule: str, kind: str, records: Records = PROVIDED) -> str:
    return fix_of(
        column,
        rule,
        kind=kind,
        instruments={"student": INSTRUMENT},
        records=records,
        standards=STANDARDS,
        standards_folder=STANDARDS_FOLDER,
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
