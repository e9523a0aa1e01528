"""Every form of the project's instruments, by the command; and what they collect reads back without a word lost."""

from __future__ import annotations

import re
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
import pytest
from asked import AWKWARD, SHIPPED, awkward, shipped
from click.testing import CliRunner
from conftest import PROJECT
from lxml import html

from sro_research.cli import main
from sro_research.files import read_yaml
from sro_research.forms import FORMS, export, pages
from sro_research.forms.questions import questions
from sro_research.forms.words import load_words
from sro_research.instruments import Instrument
from sro_research.intake import admit, read_export
from sro_research.parameters import SurveySource
from sro_research.schemas import responses

FILES = (
    "{}.xlsform.xlsx", "{}.limesurvey.txt", "{}.qualtrics.en.txt", "{}.qualtrics.es.txt",
    "{}.codebook.en.html", "{}.codebook.es.html", "{}.paper.en.html", "{}.paper.es.html",
)  # fmt: skip


def run(*arguments: object) -> tuple[int, list[str], str]:
    """Run a command here; return its exit code, its lines, and what it said of an error."""
    made = CliRunner().invoke(main, ["instrument", "export", *map(str, arguments)])
    return made.exit_code, made.stdout.splitlines(), made.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_the_command_writes_every_form_of_the_projects_instruments(tmp_path: Path, name: str) -> None:
    code, said, error = run(name, "--to", tmp_path / "new" / "folder", "--surveys", PROJECT / "surveys")
    assert (code, error) == (0, "")
    written = [tmp_path / "new" / "folder" / file.format(name) for file in FILES]
    assert said == [str(path) for path in written]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(written), "no temporary file is left"


def test_only_the_forms_and_languages_asked_for_are_written(tmp_path: Path) -> None:
    surveys = ("--surveys", PROJECT / "surveys")
    run(SHIPPED[0], "--to", tmp_path, "--languages", "es", "--form", "paper", "--form", "codebook", *surveys)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{SHIPPED[0]}.paper.es.html",
        f"{SHIPPED[0]}.codebook.es.html",
    }


def test_an_instrument_in_one_language_has_forms_in_that_one(tmp_path: Path) -> None:
    (tmp_path / "awkward.en.yaml").write_text(AWKWARD["en"], encoding="utf-8")
    code, said, _ = run("awkward", "--to", tmp_path / "forms", "--surveys", tmp_path)
    assert code == 0
    assert len(said) == len(FORMS)


def test_a_form_of_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "awkward.paper.en.html").write_text("old")
    export(awkward(tmp_path), tmp_path, languages=["en"], forms=["paper"])
    assert "<h1>" in (tmp_path / "awkward.paper.en.html").read_text(encoding="utf-8")


def test_the_same_instrument_gives_the_same_text(tmp_path: Path) -> None:
    first, second = (
        export(awkward(tmp_path), tmp_path / folder, languages=["en", "es"], forms=[f for f in FORMS if f != "xlsform"])
        for folder in "ab"
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["studnt_climate"], "/studnt_climate.en.yaml: there is no instrument 'studnt_climate'. Did you mean 'student"),
        (["student_climate", "--languages", "en,fr"], "'fr' is not one of en, es."),
        (["student_climate", "--form", "redcap"], "'redcap' is not one of 'xlsform', 'limesurvey', 'qualtrics', "),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named_and_nothing_is_written(tmp_path: Path, arguments: list[str], message: str) -> None:
    code, said, error = run(*arguments, "--to", tmp_path / "forms", "--surveys", PROJECT / "surveys")
    assert (code, said) == (2, [])
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_one_refused_form_leaves_no_other_behind(tmp_path: Path) -> None:
    awkward(tmp_path, "text: Third", 'text: "Think of ${self}"')
    code, said, error = run("awkward", "--to", tmp_path / "forms", "--surveys", tmp_path)
    assert (code, said, error.count("\n")) == (2, [], 1)
    assert error.startswith(
        "error: awkward: a_b: the text holds '${', which an XLSForm reads as the name of a question. "
    )
    assert not (tmp_path / "forms").exists()
    assert run("awkward", "--to", tmp_path / "forms", "--surveys", tmp_path, "--form", "limesurvey")[0] == 0


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, error = run("student_climate", "--to", tmp_path / "file", "--surveys", PROJECT / "surveys")
    assert code == 2
    assert error.startswith(f"error: {tmp_path}/file/student_climate.xlsform.xlsx: cannot be written: ")


@pytest.mark.parametrize("number", range(3), ids=["kobotoolbox", "limesurvey", "qualtrics"])
@pytest.mark.parametrize("name", [*SHIPPED, "awkward"])
def test_answers_under_the_names_of_a_program_read_back_as_the_codebook_page_says(
    tmp_path: Path, name: str, number: int
) -> None:
    instrument = awkward(tmp_path) if name == "awkward" else shipped(name)
    page = html.fromstring(pages.codebook(instrument, "es", {}))
    (tmp_path / "says.yaml").write_text(page.findall(".//pre")[number].text_content(), encoding="utf-8")
    says = read_yaml(tmp_path / "says.yaml").data
    source = SurveySource.model_validate({"file": "a.csv", "instrument": instrument.id, "wave": "2026", **says})
    program = pages.programs(instrument)[number]
    assert source.program == program.key
    answers = every_code(instrument)
    path = tmp_path / "a.csv"
    answers.rename(columns=program.names).to_csv(path, index=False)
    schema = responses(instrument.codes, None)
    taken = admit(read_export(path), schema, source=path, rename=source.columns)
    assert (taken.rows_set_aside, taken.columns_dropped) == (0, 0)
    read = taken.table[list(answers.columns)].astype("str")
    pd.testing.assert_frame_equal(read, answers.astype("str"), check_dtype=False)


def every_code(instrument: Instrument) -> pd.DataFrame:
    """Return answers in which each question gets each of its codes, of schools whose ids have zeros in front."""
    rows = max(len(question.choices) for question in questions(instrument))
    answers = {question.id: list(islice(cycle(question.choices), rows)) for question in questions(instrument)}
    about = {"respondent_id": [f"R{n}" for n in range(rows)], "school_id": [f"00{n}" for n in range(rows)]}
    return pd.DataFrame(about | answers)


def test_the_catalogues_say_the_same_in_both_languages() -> None:
    def shape(language: str) -> dict[str, list[str]]:
        return {key: sorted(re.findall(r"{\w+}", text)) for key, text in load_words(language).items()}

    assert shape("en") == shape("es")
    same = {key for key, text in load_words("en").items() if text == load_words("es")[key]}
    assert same == {"no", "code_label"}


def test_every_word_of_the_catalogue_is_used() -> None:
    folder = PROJECT / "sro_research" / "forms"
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".py", ".j2"))
    unused = [key for key in load_words("en") if not re.search(rf'(w\.{key}\b|"{key}"|\'{key}\')', code)]
    assert unused == []
