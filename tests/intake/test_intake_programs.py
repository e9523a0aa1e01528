"""The export of every survey program becomes the same table, says what it could not read, and lets nothing else in."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from vendors import LABELS, QUESTIONS, SECRET, STUDENT, TEXTS, WRITERS, Person, Written, as_csv

from sro_research import schemas
from sro_research.deidentify import deidentify_responses
from sro_research.intake import Intake, look_through
from sro_research.intake.programs import PROGRAMS
from sro_research.parameters import Records, Source, SurveySource
from sro_research.standards.together import Standards

ROSTER = "school_id,wave,school_name,level,students,staff\n0001,24,Alder Middle School,middle,100,10\n"
ROSTER += "0012,24,Birch High School,high,200,\n"


def person(name: str = "R1", school: str = "0001", code: int | None = 3, **more: object) -> Person:
    return Person(name, school, dict.fromkeys(QUESTIONS, code), **more)


PEOPLE = [
    person("R1", "0001", 1, seconds=61),
    person("R2", "0012", 2, seconds=3723, language="es"),
    Person("R3", "0001", {q: list(LABELS[q])[-1] for q in QUESTIONS}, language="es"),
    Person("R4", "0012", {q: None if i % 2 else 3 for i, q in enumerate(QUESTIONS)}),
]


def take(folder: Path, written: Written, *, roster: str | None = None, **more: object) -> Intake:
    for name, content in written.files.items():
        (folder / name).write_bytes(content)
    if roster is not None:
        (folder / "schools.csv").write_text(roster, encoding="utf-8")
    return look_through(
        [
            SurveySource(
                instrument="student_climate", wave="24", file=next(iter(written.files)), **written.source | more
            )
        ],
        Records(schools=None if roster is None else Source(file="schools.csv")),
        folder=folder,
        instruments={"student_climate": STUDENT},
        waves=["24"],
        standards=Standards(),
    )


def answers(intake: Intake) -> pd.DataFrame:
    assert intake.problems == []
    return intake.tables["responses/student_climate"]


def rules(intake: Intake) -> list[tuple[int, str, str]]:
    return list(intake.quarantine[["row", "column", "rule"]].itertuples(index=False, name=None))


def expected(people: list[Person], written: Written) -> pd.DataFrame:
    table = pd.DataFrame({"school_id": [p.school for p in people]}, dtype="str")
    if written.named:
        table.insert(0, "respondent_id", pd.array([p.name for p in people], dtype="str"))
    for question in QUESTIONS:
        table[question] = pd.array([p.codes[question] for p in people], dtype="Int16")
    if written.timed:
        table["duration_seconds"] = pd.array([p.seconds for p in people], dtype="Int64")
    return table


def assert_same(intake: Intake, people: list[Person], written: Written) -> None:
    wanted = expected(people, written)
    read = answers(intake)
    pd.testing.assert_frame_equal(read[list(wanted.columns)], wanted)
    assert set(read.columns) == {*wanted.columns, "wave", "respondent_id"}


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("program", WRITERS)
def test_each_program_gives_the_same_table(tmp_path: Path, program: str, words: bool) -> None:
    written = WRITERS[program](PEOPLE, words=words)
    intake = take(tmp_path, written)
    assert_same(intake, PEOPLE, written)
    assert rules(intake) == []
    # Everything but the questions, the school and the response's id stays outside and is counted.
    assert intake.sources.loc[intake.sources["kind"] == "responses/student_climate", "columns_dropped"].item() == (
        written.unwanted
    )


MANNERS = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "spaces": lambda text: f"  {text.replace(' ', chr(0xA0) + ' ')} ",
    "smart quotes": lambda text: text.replace("'", "’"),
    "tags": lambda text: f"<span lang='en'>{text}</span>&nbsp;",
    "no full stop": lambda text: text.rstrip("."),
    "line breaks": lambda text: text.replace(" ", "\n", 1),
}


@st.composite
def peoples(draw: st.DrawFn) -> list[Person]:
    number = draw(st.integers(1, 4))
    return [
        Person(
            f"R{i}",
            draw(st.sampled_from(["0001", "0012"])),
            {q: draw(st.sampled_from([None, *STUDENT.codes[q]])) for q in QUESTIONS},
            draw(st.integers(0, 10_000)),
            draw(st.sampled_from(["en", "es"])),
        )
        for i in range(number)
    ]


@settings(max_examples=15, deadline=None)
@given(peoples(), st.sampled_from(sorted(WRITERS)), st.booleans(), st.sampled_from(sorted(MANNERS)))
def test_any_table_written_as_any_export_reads_back_as_it_was(
    people: list[Person], program: str, words: bool, manner: str
) -> None:
    written = WRITERS[program](people, words=words, manner=MANNERS[manner])
    with tempfile.TemporaryDirectory() as folder:
        assert_same(take(Path(folder), written), people, written)


@pytest.mark.parametrize("headings", ["codes", "texts", "both"])
@pytest.mark.parametrize("words", [True, False])
def test_limesurvey_writes_headings_in_three_ways(tmp_path: Path, headings: str, words: bool) -> None:
    written = WRITERS["limesurvey"](PEOPLE, words=words, headings=headings)
    assert_same(take(tmp_path, written), PEOPLE, written)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings_are_read_where_the_study_says_so(tmp_path: Path, encoding: str) -> None:
    written = WRITERS["google_forms"](PEOPLE, manner=MANNERS["smart quotes"])
    text = written.files["g.csv"].decode()
    assert "’" in text and "ñ" in text
    changed = replace(written, files={"g.csv": text.encode(encoding)})
    assert_same(take(tmp_path, changed, encoding=encoding), PEOPLE, changed)


def changed(written: Written, *changes: tuple[str, str]) -> Written:
    """Return an export in whose first file some text stands in place of other text."""
    name = next(iter(written.files))
    text = written.files[name].decode("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return replace(written, files=written.files | {name: text.encode("utf-8")})


def table(**columns: list[object]) -> Written:
    """Return a plain table that blanks every question not given."""
    rows = len(next(iter(columns.values()))) if columns else 1
    whole = {"respondent_id": [f"R{i}" for i in range(rows)], "school_id": ["0001"] * rows}
    whole |= {question: [""] * rows for question in QUESTIONS} | columns
    text = as_csv([list(whole), *zip(*whole.values(), strict=True)])
    return Written({"t.csv": text.encode()}, {"program": "limesurvey"}, timed=False)


@pytest.mark.parametrize("program", WRITERS)
def test_nothing_unwanted_passes_the_door(tmp_path: Path, program: str) -> None:
    # Canaries stand in every column nobody asked for, and in the answers of one person.
    people = [*PEOPLE, person("R5", code=None), person("R6", code=None)]
    written = WRITERS[program](people, manner=lambda text: text)
    name = next(iter(written.files))
    stray = Written(written.files, written.source | {"consent": {"column": QUESTION_OF[program], "agreed": [SECRET]}})
    intake = take(tmp_path, written, roster=ROSTER)
    nobody = take(tmp_path, stray, roster=ROSTER)
    lacking = take(tmp_path, WRITERS[program](people, manner=lambda text: f"{SECRET} {text} {SECRET}"), roster=ROSTER)
    misread = take(tmp_path, Written(written.files, {"program": "plain"}), roster=ROSTER)
    assert SECRET in _all_text(tmp_path / name)
    assert len(answers(intake)) == len(people)
    assert {rule for _, _, rule in rules(nobody)} == {schemas.NO_CONSENT}
    for taken in (intake, nobody, lacking, misread):
        assert not _holds_secret(taken)
    for taken in (nobody, misread):
        assert taken.problems != [] and taken.refusal is not None


QUESTION_OF = dict.fromkeys(WRITERS, TEXTS["safe_1"]["en"]) | {
    "qualtrics": "Q2_1",
    "redcap": "safe_1",
    "limesurvey": "safe1",
}


def _all_text(path: Path) -> str:
    if path.suffix == ".xlsx":
        return "".join(str(cell) for row in openpyxl.load_workbook(path).active.values for cell in row)
    return path.read_text(encoding="utf-8")


def _holds_secret(intake: Intake) -> bool:
    tables = [*intake.tables.values(), intake.quarantine, intake.sources]
    said = [table.to_csv() for table in tables] + list(intake.notes) + intake.problems
    said += [repr(intake.refusal), *(str(table.attrs) for table in tables)]
    times = ("2024-03-05", "3/5/2024", "03/05/2024")
    return any(SECRET in text or any(t in text for t in times) for text in said)


def test_an_answer_with_a_canary_is_set_aside_and_not_repeated(tmp_path: Path) -> None:
    intake = take(tmp_path, table(safe_1=["Agree", f"Agree, {SECRET}", "de acuerdo"], gender=["1", "", SECRET]))
    assert answers(intake)["safe_1"].tolist() == [3]
    assert rules(intake) == [(3, "safe_1", schemas.NOT_A_LABEL), (4, "gender", schemas.NOT_A_LABEL)]
    assert not _holds_secret(intake)


def test_previews_refusals_and_people_not_meant_are_set_aside_each_for_one_reason(tmp_path: Path) -> None:
    people = [person(f"R{i}") for i in range(8)]
    written = WRITERS["qualtrics"](people)
    lines = written.files["q.csv"].decode("utf-8-sig").split("\r\n")
    extra = ["consent,grade,Q_TerminateFlag", "Do you agree?,Your grade?,flag", "{},{},{}"]
    extra += ["Yes,7,", "sí ,7,", "No,7,", ",7,", "Yes,5,", "Yes,7,Screened", "No,5,Screened", "No,5,"]
    lines = [f"{line},{more}" for line, more in zip(lines, extra, strict=False)]
    lines[-1] = lines[-1].replace("IP Address", "Survey Preview")
    text = "\r\n".join(lines)
    written = replace(written, files={"q.csv": text.encode()})
    consent, screen = {"column": "consent", "agreed": ["Yes", "Sí"]}, {"column": "Your grade?", "answers": [5]}
    intake = take(tmp_path, written, consent=consent, screen_out=screen)
    assert answers(intake)["respondent_id"].tolist() == ["R0", "R1"]
    assert rules(intake) == [
        (6, "", schemas.NO_CONSENT),
        (7, "", schemas.NO_CONSENT),
        (8, "", schemas.SCREENED_OUT),
        (9, "", schemas.SCREENED_OUT),
        (10, "", schemas.NO_CONSENT),
        (11, "", schemas.PREVIEW),
    ]
    assert intake.sources["rows_read"].iloc[0] == 8
    with_typo = take(tmp_path, written, consent={"column": "consnet", "agreed": [1]})
    assert with_typo.problems == [
        f"{tmp_path}/q.csv: the column 'consnet' of `consent` is missing. Mend its name in the study file."
    ]


def test_consent_in_two_languages_at_once(tmp_path: Path) -> None:
    written = table(consent=["Yes / Sí", "No / No", "Sí"])
    intake = take(tmp_path, written, consent={"column": "consent", "agreed": ["Yes", "Sí"]})
    assert answers(intake)["respondent_id"].tolist() == ["R0", "R2"]
    assert rules(intake) == [(3, "", schemas.NO_CONSENT)]
    log = intake.sources.dropna(subset="rows_read").set_index("kind").loc["responses/student_climate"]
    assert (log["rows_set_aside"], log["rows_lost"]) == (1, 0)  # Who did not agree is no loss.


@pytest.mark.parametrize("status", ["Survey Preview", "Survey Test", "1", "17"])
def test_a_preview_is_known_by_its_status(tmp_path: Path, status: str) -> None:
    written = changed(WRITERS["qualtrics"]([person("R1")]), ("IP Address,CANARY7f3a", f"{status},CANARY7f3a"))
    assert take(tmp_path, written).problems == [
        f"{tmp_path}/q.csv: no row keeps the rules (1 read); most often row: {schemas.PREVIEW} (1 row). "
        "Mend the export."
    ]


def test_rows_keep_the_number_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    # Three rows of Qualtrics and two of SurveyMonkey stand above the first answer.
    people = [person("R1"), person("R1")]
    for program, row in (("qualtrics", 5), ("surveymonkey", 4), ("limesurvey", 3)):
        assert rules(take(tmp_path, WRITERS[program](people))) == [(row, "respondent_id", schemas.TWICE)]


def test_unfinished_answers_are_kept(tmp_path: Path) -> None:
    people = [Person("R1", "0001", {q: 3 if i < 5 else None for i, q in enumerate(QUESTIONS)}), person("R2")]
    written = WRITERS["limesurvey"](people)
    text = written.files["l.csv"].decode("utf-8-sig").replace('"R1";"2024-03-05 10:03:07"', '"R1";""')
    intake = take(tmp_path, replace(written, files={"l.csv": text.encode()}))
    read = answers(intake).set_index("respondent_id")
    assert read.loc["R1", QUESTIONS].notna().sum() == 5
    assert read["duration_seconds"].tolist() == [pd.NA, 300]  # it was never handed in


def test_codes_of_the_program_are_mapped_where_the_study_says_so(tmp_path: Path) -> None:
    own = table(safe_1=["A1", "A4", "A2"], gender=["A2", "", "A1"])
    assert take(tmp_path, own).problems == [
        f"{tmp_path}/t.csv: no row keeps the rules (3 read); most often safe_1: {schemas.NOT_A_LABEL} (3 rows). "
        "Expected: codes 1-4, 98, 99, or their labels in a language of the pages. "
        "If the program writes them otherwise, say so with `answers: {theirs: code}`."
    ]
    intake = take(tmp_path, own, answers={f"A{i}": i for i in range(1, 5)})
    assert answers(intake)[["safe_1", "gender"]].to_numpy().tolist() == [[1, 2], [4, pd.NA], [2, 1]]


def test_a_label_beside_its_translation_is_read_and_another_word_is_not(tmp_path: Path) -> None:
    said = ["Agree / De acuerdo", "Agree|En desacuerdo", "Neither agree / disagree", "non-Agree", "I don\u2019t know"]
    intake = take(tmp_path, table(safe_1=said))
    assert answers(intake)["safe_1"].tolist() == [3, 98]
    assert rules(intake) == [(row, "safe_1", schemas.NOT_A_LABEL) for row in (3, 4, 5)]


def test_a_question_asked_in_two_columns_one_for_each_language_is_one(tmp_path: Path) -> None:
    english, spanish = TEXTS["safe_1"]["en"], TEXTS["safe_1"]["es"]
    by_id = table(safe_1=["Agree", "", "", "Agree"], **{spanish: ["", "De acuerdo", "", "Muy de acuerdo"]})
    intake = take(tmp_path, changed(by_id, ("safe_1,", f"{english},")))
    assert answers(intake)["safe_1"].tolist() == [3, 3, pd.NA]
    assert rules(intake) == [(5, "safe_1", schemas.TWO_ANSWERS)]
    # A column under the question's id is the whole question: what the other is, only a person can say.
    assert "2 columns are the question 'safe_1'" in take(tmp_path, by_id).problems[0]


def test_how_long_a_question_took_is_no_answer_to_it(tmp_path: Path) -> None:
    people = [person("R1", code=3), Person("R2", "0001", dict.fromkeys(QUESTIONS, None) | {"safe_2": 2})]
    written = WRITERS["limesurvey"](people, words=False, headings="both")
    head, *rows = written.files["l.csv"].decode("utf-8-sig").split("\r\n")
    timed = [f'{head};"safe1Time. Question time: safe1"', *(f'{row};"4.00"' for row in rows if row)]
    intake = take(tmp_path, replace(written, files={"l.csv": "\r\n".join(timed).encode()}))
    assert answers(intake)["safe_1"].tolist() == [3, pd.NA] and rules(intake) == []


@pytest.mark.parametrize(
    ("columns", "source", "problem"),
    [
        (
            {"a [I trust the school officer.]": ["1"], "b [I trust the school officer.]": ["1"], "trust_1": None},
            {},
            "2 columns are the question 'trust_1'. Say which one is meant with `columns: {trust_1: …}`.",
        ),
        (
            {"x": ["1"]},
            {"columns": {"safe_1": "x", "safe_2": "X "}},
            "'safe_1' and 'safe_2' are both read from the column 'X '. Give each its own column in `columns`.",
        ),
        (
            {"x/q": ["1"], "y/q": ["1"]},
            {"columns": {"safe_1": "q"}},
            "2 columns go by the name 'q', which the study file gives for 'safe_1'. "
            "Name it by its whole heading, or rename the others in the export.",
        ),
        (
            {},
            {"columns": {"safe_1": "Q7"}},
            "the column 'Q7' is missing. The export has 41 columns. Mend the name in `columns`.",
        ),
        (
            {},
            {"columns": {"scool_id": "Q7"}},
            "`columns` maps 'scool_id', which is no column of this table. Did you mean",
        ),
        (
            {"safe_3": None},
            {},
            "the column 'safe_3' is missing. The export has 40 columns. Add it, or map it with `columns: {safe_3: …}`.",
        ),
    ],
)
def test_columns_that_are_not_clear_are_named(
    tmp_path: Path, columns: dict[str, list[object] | None], source: dict[str, object], problem: str
) -> None:
    rows = table(**{name: cells or [""] for name, cells in columns.items()}).files["t.csv"].decode().splitlines()
    for gone in (name for name, cells in columns.items() if cells is None):
        place = rows[0].split(",").index(gone)
        rows = [",".join(cell for i, cell in enumerate(row.split(",")) if i != place) for row in rows]
    intake = take(tmp_path, Written({"t.csv": "\n".join(rows).encode()}, {"program": "limesurvey"} | source))
    assert intake.problems[0].startswith(f"{tmp_path}/t.csv: {problem}")


@pytest.mark.parametrize("program", WRITERS)
def test_the_export_of_another_program_is_known(tmp_path: Path, program: str) -> None:
    title = PROGRAMS[program].title
    for said in ("plain", "limesurvey" if program != "limesurvey" else "redcap"):
        written = replace(WRITERS[program](PEOPLE), source={"program": said})
        name = next(iter(written.files))
        assert take(tmp_path, written).problems == [
            f"{tmp_path}/{name}: this looks like an export of {title}. "
            f"Write `program: {program}` beside the file in the study file."
        ]


def test_a_plain_table_with_all_our_columns_stays_one_whatever_else_it_holds(tmp_path: Path) -> None:
    written = table(Timestamp=["3/5/2024"], _uuid=["u"], _submission_time=["now"], duration_seconds=["12"])
    intake = take(tmp_path, replace(written, source={"program": "plain"}))
    assert answers(intake)["duration_seconds"].tolist() == [12]


def test_a_qualtrics_export_without_its_three_rows_is_refused(tmp_path: Path) -> None:
    written = replace(table(safe_1=["1"] * 3), source={"program": "qualtrics"})
    assert take(tmp_path, written).problems == [
        f"{tmp_path}/t.csv: this is no Qualtrics export: its third row does not hold the ImportIds. "
        "Export it as CSV or TSV from Data & Analysis, or mend `program`."
    ]


AGREE = "1, Strongly disagree | 2, Disagree | 3, Agree | 4, Strongly agree"
AGREE += " | 98, I don't know | 99, I prefer not to answer"


def redcap(codes: list[str], choices: str) -> Written:
    """Return an export of one answer to safe_1 for each code, with these choices in the dictionary."""
    written = WRITERS["redcap"]([person("R1", code=1)], words=False)
    head, row = written.files["r.csv"].decode().splitlines()
    rows = [row.replace("R1,", f"R{i},").replace("0001,1,", f"0001,{code},") for i, code in enumerate(codes)]
    book = written.files["dictionary.csv"].decode()
    assert AGREE in book
    files = {"r.csv": "\n".join([head, *rows]).encode(), "dictionary.csv": book.replace(AGREE, choices).encode()}
    return replace(written, files=files)


def test_the_dictionary_of_redcap_says_what_its_codes_mean(tmp_path: Path) -> None:
    # A project that numbers the answers from the top, and has one answer that is not ours.
    theirs = "4, Strongly disagree | 3, Disagree | 2, AGREE | 1, <b>Strongly agree</b> | 7, It depends"
    intake = take(tmp_path, redcap(["4", "1", "7", "5", "", "Agree"], theirs))
    assert answers(intake)["safe_1"].tolist() == [1, 4, pd.NA, 3]
    # What another label stands at, or no label, is not ours: 7 is another answer, and 5 might be anything.
    assert rules(intake) == [
        (4, "safe_1", schemas.NOT_A_LABEL),
        (5, "safe_1", schemas.NOT_A_LABEL),
    ]
    assert intake.notes == ()


def test_choices_of_redcap_may_have_negative_codes(tmp_path: Path) -> None:
    theirs = f"{AGREE} | -99, I prefer not to answer"
    intake = take(tmp_path, redcap(["3", "-99"], theirs))
    assert answers(intake)["safe_1"].tolist() == [3, 99] and rules(intake) == []


def test_codes_whose_labels_are_ours_are_ours_and_others_are_told(tmp_path: Path) -> None:
    same = take(tmp_path, redcap(["1", "4", "99", "5"], AGREE.replace("I prefer not to answer", "No answer")))
    assert answers(same)["safe_1"].tolist() == [1, 4, 99]
    assert rules(same) == [(5, "safe_1", schemas.NOT_A_CODE)]
    assert same.notes[0].startswith("r.csv: 1 question: the file labels codes")
    strange = take(tmp_path, redcap(["1", "4"], "1, Never | 2, Rarely | 3, Often | 4, Always"))
    assert answers(strange)["safe_1"].tolist() == [1, 4]
    assert strange.notes == (
        "r.csv: 35 questions: the file labels codes with other words than the questionnaire; "
        "they are read as they stand.",
    )


def test_redcap_without_a_dictionary_is_read_by_names_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    written = WRITERS["redcap"](PEOPLE, words=False)
    bare = {key: value for key, value in written.source.items() if key != "dictionary"}
    assert_same(take(tmp_path, replace(written, source=bare)), PEOPLE, written)
    swapped = take(tmp_path, written, dictionary="r.csv")
    assert swapped.problems == [
        f"{tmp_path}/r.csv: this data dictionary has no column 'Variable / Field Name'. "
        "Download it again in REDCap (Project Setup, Data Dictionary)."
    ]


def spss(path: Path, codes: list[float], labels: dict[float, str], **more: list[object]) -> Intake:
    frame = pd.DataFrame({"school_id": ["0001"] * len(codes)} | {q: [1.0] * len(codes) for q in QUESTIONS} | more)
    pyreadstat.write_sav(frame.assign(safe_1=codes), str(path), variable_value_labels={"safe_1": labels})
    return take(path.parent, Written({path.name: path.read_bytes()}, {}))


def test_the_labels_of_spss_say_what_its_codes_mean(tmp_path: Path) -> None:
    top_down = {1.0: "Strongly agree", 2.0: "agree ", 3.0: "En desacuerdo", 4.0: "Strongly disagree", 9.0: "Who knows"}
    intake = spss(tmp_path / "a.sav", [1, 2, 3, 4, 9, 5, float("nan")], top_down)
    assert answers(intake)["safe_1"].tolist() == [4, 3, 2, 1, pd.NA]
    assert rules(intake) == [(6, "safe_1", schemas.NOT_A_LABEL), (7, "safe_1", schemas.NOT_A_LABEL)]
    same = spss(tmp_path / "b.sav", [1, 98], {1.0: "Strongly disagree", 98.0: "Don't know (do not read out)"})
    assert answers(same)["safe_1"].tolist() == [1, 98]
    strange = spss(tmp_path / "c.sav", [1, 2], {1.0: "Ja", 2.0: "Nein"})
    assert answers(strange)["safe_1"].tolist() == [1, 2]
    assert strange.notes[0].startswith("c.sav: 1 question: the file labels codes with other words")


def test_an_spss_file_of_a_program_is_read_by_the_labels_of_its_columns(tmp_path: Path) -> None:
    columns = {f"Q{i}": [3.0, 1.0] for i, _ in enumerate(QUESTIONS)}
    frame = pd.DataFrame({"ResponseId": ["R1", "R2"], "school": ["0001", "0012"], "Status": [0.0, 1.0]} | columns)
    texts = ["Response ID", "Your school?", "Response Type", *(f"Do you agree? - {TEXTS[q]['es']}" for q in QUESTIONS)]
    pyreadstat.write_sav(frame, str(tmp_path / "q.sav"), column_labels=texts)
    written = Written(
        {"q.sav": (tmp_path / "q.sav").read_bytes()},
        {"program": "qualtrics", "columns": {"school_id": "school"}},
        timed=False,
    )
    intake = take(tmp_path, written)
    assert_same(intake, [person("R1")], written)
    assert rules(intake) == [(3, "", schemas.PREVIEW)]


def test_a_school_may_be_answered_by_its_name_where_no_two_share_it(tmp_path: Path) -> None:
    said = ["Alder middle school", "0012", "  Birch\u00a0High School", "Twin", "Alder"]
    twins = ROSTER + "0020,24,Twin,middle,10,\n0021,24,Twin,middle,10,\n"
    intake = take(tmp_path, table(school_id=said), roster=twins)
    assert answers(intake)["school_id"].tolist() == ["0001", "0012", "0012"]
    unknown = "not a school of this study"
    assert rules(intake) == [(row, "school_id", unknown) for row in (5, 6)]


def test_a_school_may_be_the_label_of_a_code(tmp_path: Path) -> None:
    written = redcap(["1"], AGREE)
    book = written.files["dictionary.csv"].decode().replace("go to?,,", 'go to?,"1, 0001 | 2, Birch High School",')
    for code, school in (("1", "0001"), ("2", "0012")):
        rows = written.files["r.csv"].decode().replace("0001,1,", f"{code},1,", 1)
        files = {"r.csv": rows.encode(), "dictionary.csv": book.encode()}
        assert answers(take(tmp_path, replace(written, files=files), roster=ROSTER))["school_id"].tolist() == [school]


def test_waves_with_and_without_durations_stand_in_one_table(tmp_path: Path) -> None:
    timed, untimed = WRITERS["kobotoolbox"]([person("R1", seconds=75)]), WRITERS["google_forms"]([person("R2")])
    for written in (timed, untimed):
        for name, content in written.files.items():
            (tmp_path / name).write_bytes(content)
    intake = look_through(
        [
            SurveySource(instrument="student_climate", wave="24", file="g.csv", **untimed.source),
            SurveySource(instrument="student_climate", wave="25", file="k.csv", **timed.source),
        ],
        Records(),
        folder=tmp_path,
        instruments={"student_climate": STUDENT},
        waves=["24", "25"],
        standards=Standards(),
    )
    seconds = answers(intake)["duration_seconds"]
    assert seconds.tolist() == [pd.NA, 75] and str(seconds.dtype) == "Int64"


def test_a_duration_stays_and_leaves_no_order(tmp_path: Path) -> None:
    people = [person(f"R{i}", seconds=seconds) for i, seconds in enumerate((500, 90, 300))]
    tables = [answers(take(tmp_path, WRITERS["surveymonkey"](order))) for order in (people, people[::-1])]
    first, second = (deidentify_responses(t).drop(columns="respondent_key") for t in tables)
    assert first["duration_seconds"].tolist() == [90, 300, 500]
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"dictionary": "d.csv"}, "only REDCap has a data dictionary"),
        ({"answers": {"A1": 1}}, "a plain table holds codes, not answers in words"),
    ],
)
def test_what_does_not_fit_the_program_is_refused(source: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SurveySource(instrument="student_climate", wave="24", file="a.csv", **source)
