"""Rows that keep the rules get in; the others are counted by rule; what nobody asked for goes no further."""

from __future__ import annotations

from pathlib import Path

import pytest

from sro_research import schemas
from sro_research.errors import SourceError
from sro_research.intake import Admission, admit, read_export
from sro_research.intake.admission import NAMES_SHOWN

CODES = {"q1": (1, 2, 3, 4, 98), "q2": (1, 2, 3, 4, 98)}
RESPONSES = schemas.responses(CODES, ["0001", "0012"])
HEADER = "respondent_id,school_id,q1,q2"


def take(folder: Path, text: str, *, schema: object = RESPONSES, rename: dict[str, str] | None = None) -> Admission:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return admit(read_export(path), schema, source=path, rename=rename)


def found(admission: Admission) -> list[tuple[int, str, str]]:
    return list(admission.quarantine[["row", "column", "rule"]].itertuples(index=False, name=None))


def test_rows_are_admitted_or_set_aside_with_their_number_and_rule(tmp_path: Path) -> None:
    lines = [HEADER, "a,0001,1,", "b,0001,7,#REF!", "c,9999,7,1", ",,1,1", "d,0001,1", "a,0012,2,2", "e,12,1,1"]
    admission = take(tmp_path, "\n".join(lines))
    assert admission.table["respondent_id"].tolist() == ["a"]
    assert admission.table["q2"].isna().all()
    assert found(admission) == [
        (3, "q2", "not a whole number"),
        (4, "q1", "not a code of this question"),
        (4, "school_id", "not a school of this study"),
        (5, "respondent_id", "must not be blank"),
        (5, "school_id", "must not be blank"),
        (6, "", "has more or fewer cells than the header"),
        (7, "respondent_id", schemas.TWICE),
        (8, "school_id", "lost the leading zeros of a school of this study"),
    ]
    assert (admission.rows_read, admission.rows_set_aside) == (7, 6)
    assert set(admission.quarantine["source"]) == {"a.csv"}


@pytest.mark.parametrize(
    ("rows", "kept", "rules"),
    [
        # Of two the first is kept, unless the first is set aside for a reason of its own.
        (["a,0001,1,1", "a,0001,2,2"], [1], [(3, "respondent_id", schemas.TWICE)]),
        (["a,0001,7,1", "a,0001,2,2"], [2], [(2, "q1", "not a code of this question")]),
        (["a,0001,x,1", "a,0001,2,2"], [2], [(2, "q1", "not a whole number")]),
        (["a,0001,1,1", "a,0001,7,2"], [1], [(3, "q1", "not a code of this question")]),
        (
            ["a,0001,7,1", "a,0001,2,2", "a,0001,3,3"],
            [2],
            [(2, "q1", "not a code of this question"), (4, "respondent_id", schemas.TWICE)],
        ),
    ],
)
def test_of_two_respondents_one_is_kept(
    tmp_path: Path, rows: list[str], kept: list[int], rules: list[tuple[int, str, str]]
) -> None:
    admission = take(tmp_path, "\n".join([HEADER, *rows]))
    assert admission.table["q1"].tolist() == kept
    assert found(admission) == rules


def test_what_no_codebook_names_is_dropped_and_counted(tmp_path: Path) -> None:
    admission = take(tmp_path, f"comment,{HEADER},ip_address,e_mail\nhelp me,a,0001,1,1,10.0.0.1,jane@example.org\n")
    assert list(admission.table.columns) == ["respondent_id", "school_id", "q1", "q2"]
    assert (admission.columns_dropped, admission.rows_set_aside) == (3, 0)


def test_names_of_columns_may_differ_in_capitals_or_be_mapped(tmp_path: Path) -> None:
    text = "ResponseId,SCHOOL_ID,Q1,second\na,0001,1,2\n"
    admission = take(tmp_path, text, rename={"respondent_id": "responseid", "q2": " Second "})
    assert admission.table.iloc[0].tolist() == ["a", "0001", 1, 2]
    assert admission.columns_dropped == 0


@pytest.mark.parametrize(
    ("header", "rename", "rule", "fix"),
    [
        (
            "respondent_id,school_id,q1",
            {},
            "the column 'q2' is missing",
            "The export has 3 columns. Add it, or map it ",
        ),
        (
            "respondent_id,school_id,q1,Q3",
            {"q2": "Q2"},
            "the column 'Q2' is missing",
            "The export has 4 columns. Mend ",
        ),
        (
            "respondent_id,school_id,q1,Q 2",
            {},
            "the column 'q2' is missing",
            "The export has 4 columns. If its column 'Q 2' is meant, write `columns: {q2: \"Q 2\"}`.",
        ),
        # The file has no header: its "names" are a person's answers, and are not repeated.
        (
            "Jane Doe,0001,1,2",
            {},
            "the columns 'respondent_id', 'school_id', 'q1', 'q2' are missing",
            "The export has 4 columns. Add them, or map them with `columns: {respondent_id: …, school_id: …, q1: …",
        ),
        (
            "respondent_id,School ID,Question 1",
            {"q2": "Second"},
            "the columns 'school_id', 'q1', 'Second' are missing",
            "The export has 3 columns. Mend the name in `columns`. If its column 'School ID' is meant, write `columns: "
            '{school_id: "School ID"}`. Add the others, or map them with `columns: {q1: …}`. '
            "Columns without a rule: Question 1.",
        ),
        (
            "respondent_id,school_id,q1,comment",
            {},
            "the column 'q2' is missing",
            "The export has 4 columns. Add it, or map it with `columns: {q2: …}`. Columns without a rule: comment.",
        ),
        (HEADER, {"scool_id": "x"}, "`columns` maps 'scool_id', which is no column of this table", "Did you mean 'sch"),
        (HEADER, {"q1": "q2"}, "'q1' and 'q2' are both read from the column 'q2'", "Give each its own column in "),
    ],
)
def test_a_missing_or_mistaken_column_sets_the_file_aside(
    tmp_path: Path, header: str, rename: dict[str, str], rule: str, fix: str
) -> None:
    with pytest.raises(SourceError) as caught:
        take(tmp_path, f"{header}\n" + ",".join("abcd"[: header.count(",") + 1]), rename=rename)
    assert str(caught.value).startswith(f"{tmp_path}/a.csv: {rule}. {fix}")
    assert "Jane" not in str(caught.value)


def test_of_many_columns_without_a_rule_the_first_are_named(tmp_path: Path) -> None:
    header = ",".join(["respondent_id", "school_id", "q1", *(f"x{n}" for n in range(NAMES_SHOWN + 1))])
    with pytest.raises(SourceError, match=rf"Columns without a rule: x0, .*, x{NAMES_SHOWN - 1}, …\.$"):
        take(tmp_path, f"{header}\n{header}\n")


@pytest.mark.parametrize("rename", [{"scool_id": "x"}, {"q1": "q2"}, {"q2": "Q2"}])
def test_a_mistaken_mapping_is_named_with_its_line(tmp_path: Path, rename: dict[str, str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("respondent_id,school_id,q1,q3,q2x\na,0001,1,1,1\n")
    with pytest.raises(SourceError, match=r" at /study\.yaml:7\.$"):
        admit(read_export(path), RESPONSES, source=path, rename={"q2": "q3", **rename}, renamed_at="/study.yaml:7")


def test_an_optional_column_may_be_absent(tmp_path: Path) -> None:
    admission = take(tmp_path, "officer_id,start_date,badge\no,2024-01-01,7\n", schema=schemas.officers())
    assert admission.table["end_date"].isna().all()
    assert admission.columns_dropped == 1  # the badge
    assert admission.notes == ()


def test_an_optional_column_under_a_near_name_is_pointed_out_and_not_read(tmp_path: Path) -> None:
    admission = take(tmp_path, "officer_id,start_date,End Date\no,2024-01-01,2025-01-01\n", schema=schemas.officers())
    assert admission.table["end_date"].isna().all()
    assert admission.notes == (
        "no column 'end_date'. If its column 'End Date' is meant, write `columns: {end_date: \"End Date\"}`.",
    )


def test_closures_without_a_column_of_schools_are_said_to_be_of_all_schools(tmp_path: Path) -> None:
    """A column of schools under another name would else close every school, and nobody would know."""
    closures = schemas.closures({"0001", "0002"})
    taken = take(tmp_path, "campus,from_date,to_date\n0001,2025-01-06,2025-01-10\n", schema=closures)
    assert taken.notes == ("no column 'school_id': each row counts for all schools. If it has another name, map it.",)


@pytest.mark.parametrize(
    ("header", "column"), [(HEADER, "q1"), (HEADER, "school_id"), (f"{HEADER},comment", "comment")]
)
@pytest.mark.parametrize("sign", ["x", "9"])
def test_a_cell_of_many_megabytes_is_a_matter_of_one_row(tmp_path: Path, header: str, column: str, sign: str) -> None:
    fine = dict(zip(header.split(","), ["a", "0001", "1", "1", "hello"], strict=False))
    rows = [fine | {column: sign * 11_000_000}, fine | {"respondent_id": "b"}]
    admission = take(tmp_path, "\n".join([header, *(",".join(row.values()) for row in rows)]))
    assert admission.rows_read == 2
    assert admission.rows_set_aside == (column != "comment")
    assert len(admission.quarantine.to_csv()) < 1000
