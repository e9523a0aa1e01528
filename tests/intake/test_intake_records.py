"""Records refer to each other and to the standards; what refers to nothing is set aside, with its rule and a fix."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT
from small_district import FILES, INSTRUMENT, PROVIDED, STANDARDS, STANDARDS_FOLDER, taken

from sro_research import schemas
from sro_research.intake import Intake, fix_of, look_through
from sro_research.intake.records import RECORDS, Known
from sro_research.parameters import Records
from sro_research.standards.outreach import OutreachStandard
from sro_research.standards.together import Standards


def declared(name: str, part: str) -> str:
    """Say what a standard has, and how a study declares its own."""
    return (
        f"Write one of {', '.join(getattr(getattr(STANDARDS, name), part))}, or its title. For {part} of your own: "
        f"copy {STANDARDS_FOLDER}, declare them in the copy's {name}.yaml (an id without spaces; its title may be "
        "any words, and is read too), and set `folders.standards` to the copy."
    )


def set_aside(intake: Intake) -> list[tuple[str, str, str]]:
    return list(intake.quarantine[["source", "column", "rule"]].itertuples(index=False, name=None))


def test_each_kind_of_records_of_a_study_file_has_its_rules() -> None:
    assert {"schools", *RECORDS} == set(Records.model_fields)


@pytest.mark.parametrize(
    ("kind", "row", "column", "rule", "fix"),
    [
        (
            "training",
            "O1,knitting,2024-01-01,8",
            "course",
            "not a course of this study",
            declared("training", "courses"),
        ),
        (
            "selection",
            "O1,height,3,2019-11-04",
            "criterion",
            "not one of patience, communication, cultural_awareness, record",
            declared("selection", "criteria"),
        ),
        (
            "drills",
            "D2,0001,2023-11-02,dance",
            "kind",
            "not a kind of drill of this study",
            declared("drills", "drills"),
        ),
        (
            "outreach",
            "0001,O1,2024-01-02,Bake sale,2",
            "activity",
            "not an activity of this study",
            declared("outreach", "activities"),
        ),
        (
            "after_action_items",
            "I2,D1,2024-03-20,",  # of a drill
            "emergency_id",
            "not an emergency of this study",
            "The emergencies are those in emergencies.csv.",
        ),
        (
            "lessons",
            "N4,2024-02-21,D9",
            "learned_from",
            "not a drill or an emergency of this study",
            "The drills and emergencies are those in drills.csv and emergencies.csv.",
        ),
        (
            "agreement_reviews",
            "lunch,,2024-03-01,met,document",
            "clause",
            "not a clause of this study",
            declared("agreement", "clauses"),
        ),
        (
            "budget",
            "2024,cars,100,district",
            "item",
            "not a kind of cost of this study",
            declared("budget", "items"),
        ),
        (
            "budget",
            "2024,other,100,church",
            "paid_by",
            "not one of district, city, county, state, or grant: and the grant's identifier",
            declared("budget", "partners"),
        ),
        (
            "contacts",
            "C3,0001,O9,2024-01-15,stop,,",
            "officer_id",
            "not an officer of this study",
            "The officers are those in officers.csv.",
        ),
        (
            "calls",
            "K2,1,2024-01-15 10:02,,school",
            "school_id",
            "lost the leading zeros of a school of this study",
            "Export the column as text.",
        ),
    ],
)
def test_a_row_that_refers_to_nothing_is_set_aside(
    tmp_path: Path, kind: str, row: str, column: str, rule: str, fix: str
) -> None:
    intake = taken(tmp_path, {f"{kind}.csv": f"{FILES[f'{kind}.csv']}{row}\n"})
    assert set_aside(intake) == [(f"{kind}.csv", column, rule)]
    assert len(intake.tables[kind]) == FILES[f"{kind}.csv"].count("\n") - 1
    known = {"instruments": {"student": INSTRUMENT}, "records": PROVIDED, "standards": STANDARDS}
    assert fix_of(column, rule, kind=kind, **known) == fix


def test_an_audience_is_one_of_the_standard_and_may_be_missing(tmp_path: Path) -> None:
    header, row = FILES["outreach.csv"].splitlines()
    second, third = (row.replace("01-01", day) for day in ("01-02", "01-03"))
    rows = f"{header},audience\n{row},students\n{second},girls\n{third},\n"
    intake = taken(tmp_path, {"outreach.csv": rows})
    assert set_aside(intake) == [("outreach.csv", "audience", "not an audience of this study")]
    assert intake.tables["outreach"]["audience"].fillna("").tolist() == ["students", ""]
    known = {"instruments": {}, "records": PROVIDED, "standards": STANDARDS}
    assert fix_of("audience", "not an audience of this study", kind="outreach", **known) == declared(
        "outreach", "audiences"
    )


def test_where_no_audiences_are_declared_a_log_says_for_whom_as_it_likes() -> None:
    outreach = OutreachStandard(activities=STANDARDS.outreach.model_dump()["activities"])
    schema = RECORDS["outreach"](Known({}, [], {}, Standards(outreach=outreach)))
    cells = {"school_id": "1", "officer_id": "o", "date": "2024-01-01", "activity": "other"}
    typed, _ = schemas.convert(pd.DataFrame([cells | {"hours": "2", "attendance": "", "audience": "vecinos"}]), schema)
    assert schemas.broken_rules(typed, schema).empty


def test_rows_that_name_an_officer_who_was_set_aside_are_told_to_wait_for_it(tmp_path: Path) -> None:
    officers = FILES["officers.csv"].replace("O1,2020-01-01", "O1,1/1/2020")
    intake = taken(tmp_path, {"officers.csv": officers}, examine=look_through)
    problem = next(problem for problem in intake.problems if "training.csv" in problem)
    assert problem == (
        f"{tmp_path}/training.csv: no row keeps the rules (1 read); most often officer_id: not an officer of this "
        "study (1 row). The officers are those in officers.csv. 1 row of officers.csv was set aside: mend it first."
    )


def test_a_log_whose_activities_are_all_its_own_is_told_how_to_declare_them(tmp_path: Path) -> None:
    intake = taken(tmp_path, {"outreach.csv": FILES["outreach.csv"].replace("parent_night", "Bake sale")})
    assert intake.problems == [
        f"{tmp_path}/outreach.csv: no row keeps the rules (1 read); most often activity: not an activity of this study "
        f"(1 row). {declared('outreach', 'activities')}"
    ]
    assert "Bake" not in intake.problems[0]


def test_without_a_standard_a_log_names_its_activities_as_it_likes() -> None:
    schema = RECORDS["outreach"](Known({}, [], {}, Standards()))
    cells = {"school_id": "1", "officer_id": "o", "date": "2024-01-01", "activity": "Café con la policía"}
    text = pd.DataFrame([cells | {"hours": "2", "attendance": "", "audience": "vecinos"}])
    typed, unread = schemas.convert(text, schema)
    assert unread.empty and schemas.broken_rules(typed, schema).empty


def test_a_code_that_the_student_survey_does_not_know_is_set_aside(tmp_path: Path) -> None:
    intake = taken(tmp_path, {"contacts.csv": FILES["contacts.csv"] + "C3,0001,O1,2024-01-15,stop,,7\n"})
    assert set_aside(intake) == [("contacts.csv", "gender", "not a code of this question of the student survey")]


def test_a_lesson_from_a_drill_that_was_set_aside_is_set_aside_with_it(tmp_path: Path) -> None:
    another = "D2,0001,2023-11-02,evacuation\n"
    intake = taken(tmp_path, {"drills.csv": FILES["drills.csv"].replace("D1,0001", "D1,0009") + another})
    assert set_aside(intake) == [
        ("drills.csv", "school_id", "not a school of this study"),
        ("lessons.csv", "learned_from", "not a drill or an emergency of this study"),
    ]


def test_without_a_list_of_what_they_refer_to_records_are_not_held_against_one(tmp_path: Path) -> None:
    intake = taken(tmp_path, without=("drills", "emergencies"))
    assert intake.quarantine.empty
    assert len(intake.tables["lessons"]) == 3 and len(intake.tables["after_action_items"]) == 1


def test_a_file_of_emergencies_that_cannot_be_read_takes_no_other_file_with_it(tmp_path: Path) -> None:
    intake = taken(tmp_path, {"emergencies.csv": ""}, without=("lessons",))
    assert [problem.split(": ")[0] for problem in intake.problems] == [str(tmp_path / "emergencies.csv")]
    assert len(intake.tables["after_action_items"]) == 1


README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["schools", *RECORDS])
def test_the_readme_names_the_columns_of_each_kind_and_which_may_be_missing(kind: str) -> None:
    row = re.search(rf"^\| `records\.{kind}` \|.*$", README, re.MULTILINE)
    assert row is not None
    told = re.search(r": ((?:`[^`]+`(?:\\\*)?)+)", row[0])
    assert told is not None
    schema = schemas.schools([]) if kind == "schools" else RECORDS[kind](Known({}, [], {}, STANDARDS))
    # The star is escaped: two in a line would set in italics what stands between them.
    starred = [rf"{name}\*" if column.nullable else name for name, column in schema.columns.items()]
    assert told[1].replace("`", "").split(", ") == starred


@pytest.mark.parametrize("absent", ["drills", "emergencies"])
def test_where_one_list_of_events_was_not_provided_a_lesson_may_come_from_it(tmp_path: Path, absent: str) -> None:
    intake = taken(tmp_path, without=(absent, "after_action_items"))
    lines = FILES["lessons.csv"].splitlines()
    assert len(intake.tables["lessons"]) == len(lines) - 1
