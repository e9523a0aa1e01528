"""A study's sources, taken in together: one that is broken is set aside, and the others go on without it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_district import FILES, INSTRUMENT, KINDS, taken

from sro_research.errors import SourceError
from sro_research.intake import Intake, look_through, take_in
from sro_research.parameters import Records, SurveySource
from sro_research.standards.together import Standards

Take = Callable[..., Intake]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Take in the small district, with some of its files replaced (None: not there), or not provided at all."""
    return partial(taken, tmp_path)


def status(intake: Intake) -> dict[str, str]:
    return {row.source or row.kind: row.status for row in intake.sources.itertuples()}


def test_a_district_without_faults_is_taken_in_whole(take: Take) -> None:
    intake = take()
    assert set(intake.tables) == {"responses/student", *KINDS}
    assert set(status(intake).values()) == {"read"}
    assert intake.quarantine.empty
    assert intake.problems == []
    answers = intake.tables["responses/student"]
    assert answers["wave"].tolist() == ["24", "24", "25", "25"]
    # Rows of an export without a column of respondents are respondents, also where their answers are alike.
    assert len(answers) == 4
    assert "comment" not in answers
    dropped = intake.sources.set_index("source")["columns_dropped"]
    assert dropped["s24.csv"] == 1
    assert dropped.drop("s24.csv").eq(0).all()
    assert intake.tables["outreach"]["attendance"].isna().all()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("s24.csv", None, "there is no such file"),
        ("s24.csv", "", "the file is empty"),
        ("s24.csv", "school_id,q1,gender\n0001,1,1\n", "the column 'q2' is missing"),
        (
            "s24.csv",
            "school_id,q1,q2,gender\n1,1,1,1\n2,1,1,1\n0001,9,1,1\n",
            "no row keeps the rules (3 read); most often school_id: "
            "lost the leading zeros of a school of this study (2 rows)",
        ),
        ("officers.csv", "officer_id\nO1\n", "the column 'start_date' is missing"),
        ("training.csv", "officer_id,course,completed_on,hours\n", "the file has a header but no rows"),
        (
            "outreach.csv",
            "a,b\nc\n",
            "the columns 'school_id', 'officer_id', 'date', 'activity', 'hours' are missing",
        ),
    ],
)
def test_a_broken_source_is_set_aside_and_the_others_go_on(
    tmp_path: Path, take: Take, name: str, text: str | None, problem: str
) -> None:
    intake = take({name: text})
    assert {source for source, state in status(intake).items() if state != "read"} == {name}
    assert len(intake.problems) == 1
    assert intake.problems[0].startswith(f"{tmp_path / name}: {problem}. ")
    assert len(intake.tables["responses/student"]) == (2 if name == "s24.csv" else 4)


def test_rows_of_a_source_that_is_set_aside_for_its_rows_are_still_counted(take: Take) -> None:
    intake = take({"s24.csv": "school_id,q1,q2,gender\n1,1,1,1\n0001,9,1,1\n"})
    counts = intake.sources.set_index("source").loc["s24.csv"]
    assert counts["rows_lost"] == 2
    assert (counts["rows_read"], counts["rows_admitted"], counts["rows_set_aside"]) == (2, 0, 2)
    assert intake.quarantine["row"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("name", "more", "lost"),
    [
        ("contacts.csv", ["C2,0002,,2024-01-16,other,,"], 0),  # The same record again: all it says is in.
        ("contacts.csv", ["C2,0002,,2024-01-16,stop,,", "C2,0002,,2024-01-16,stop,,"], 1),  # Another with its number.
        ("s24.csv", ["a,0001,1,2,1,other words"], 0),
        ("s24.csv", ["a,0001,1,3,1,hello", "b,0002,9,98,2,"], 2),
        ("outreach.csv", ["0001,O1,2024-01-01,parent_night,2"], 1),  # Without a number it may be a second activity.
    ],
)
def test_a_record_that_stands_there_again_with_its_number_is_no_loss(
    take: Take, name: str, more: list[str], lost: int
) -> None:
    intake = take({name: FILES[name] + "".join(f"{row}\n" for row in more)})
    counts = intake.sources.set_index("source").loc[name]
    assert (counts["rows_set_aside"], counts["rows_lost"]) == (len(more), lost)


def test_without_officers_their_records_are_not_held_against_a_list(take: Take) -> None:
    intake = take({"officers.csv": None})
    assert len(intake.tables["training"]) == len(intake.tables["outreach"]) == 1
    strict = take({"training.csv": FILES["training.csv"] + "O9,basic_sro,2024-01-01,8\n"})
    assert strict.quarantine[["source", "row", "column", "rule"]].to_numpy().tolist() == [
        ["training.csv", 3, "officer_id", "not an officer of this study"]
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no such file"),
        ("school_id,wave\n0001,24\n", "the columns 'school_name', 'level', 'students' are missing"),
        (
            "school_id,wave,school_name,level,students\n0001,2024,Alder,middle,100\n",
            r"no row keeps the rules \(1 read\); most often wave: not a wave of this study \(1 row\)\. Mend the export",
        ),
    ],
)
def test_no_study_without_a_list_of_schools_that_was_promised(take: Take, text: str | None, problem: str) -> None:
    with pytest.raises(SourceError, match=rf"/schools\.csv: {problem}"):
        take({"schools.csv": text})


def test_no_study_without_a_survey(tmp_path: Path, take: Take) -> None:
    with pytest.raises(SourceError) as caught:
        take({"s24.csv": "", "s25.csv": None})
    assert str(caught.value) == (
        f"{tmp_path}: no survey could be read. "
        f"The first problem is {tmp_path}/s24.csv: the file is empty. Export it again."
    )


def test_a_look_through_goes_to_the_last_file_also_where_the_study_cannot_run(take: Take) -> None:
    for changed, refusal in (
        ({"schools.csv": "", "s24.csv": "", "outreach.csv": "a,b\nc\n"}, "schools.csv: the file is empty. "),
        ({"s24.csv": "", "s25.csv": "", "outreach.csv": None}, ": no survey could be read. The first problem is "),
    ):
        with pytest.raises(SourceError) as caught:
            take(changed)
        intake = take(changed, examine=look_through)
        assert str(caught.value) == str(intake.refusal)
        assert refusal in str(intake.refusal)
        assert len(intake.problems) == 3
        # Without the list of schools, no school is held against it.
        assert intake.quarantine.empty


def test_without_respondents_one_is_told_and_a_near_name_is_pointed_out(take: Take) -> None:
    twice = "s25.csv: no column 'respondent_id': answers that were given twice are not looked for."
    assert take().notes == (twice,)
    header = "Respondent ID,school_id,q1,q2,gender\n"
    assert take({"s25.csv": header + "a,0001,1,1,1\na,0001,1,1,1\n"}).notes == (
        f"{twice} If its column 'Respondent ID' is meant, write `columns: {{respondent_id: \"Respondent ID\"}}`.",
    )


def test_an_activity_that_was_entered_twice_is_set_aside(take: Take) -> None:
    row = "0001,O1,2024-01-01,parent_night,2\n"
    intake = take(
        {
            "outreach.csv": FILES["outreach.csv"]
            + row
            + row.replace("parent_night", "other")
            + row.replace("t,2", "t,2.0")
        }
    )
    assert intake.tables["outreach"]["activity"].tolist() == ["parent_night", "other"]
    assert intake.quarantine[["row", "column", "rule"]].to_numpy().tolist() == [
        [3, "", "the same record twice; the first one is kept"],
        [5, "", "the same record twice; the first one is kept"],
    ]


def test_what_is_not_provided_is_said_so(take: Take) -> None:
    intake = take(without=KINDS)
    assert {kind: state for kind, state in status(intake).items() if kind in KINDS} == dict.fromkeys(
        KINDS, "not provided"
    )
    schools = intake.tables["schools"]
    assert schools[["school_id", "wave"]].to_numpy().tolist() == [["0001", "24"], ["0001", "25"], ["0002", "24"]]
    assert schools[["students", "staff"]].isna().all(axis=None)  # not known, which is not zero
    assert set(intake.tables) == {"responses/student", "schools"}


def test_the_quarantine_names_files_as_the_study_does(tmp_path: Path) -> None:
    for folder in ("24", "25"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.csv").write_text("school_id,q1,q2,gender\n1,1,1,1\n1,9,1,1\n", encoding="utf-8")
    intake = take_in(
        [SurveySource(instrument="student", wave=wave, file=f"{wave}/s.csv") for wave in ("24", "25")],
        Records(),
        folder=tmp_path,
        instruments={"student": INSTRUMENT},
        waves=["24", "25"],
        standards=Standards(),
    )
    assert intake.quarantine[["source", "row"]].to_numpy().tolist() == [["24/s.csv", 3], ["25/s.csv", 3]]
