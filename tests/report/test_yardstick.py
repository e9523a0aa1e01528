"""The nation as a yardstick: compared where figures are defined alike, refused with a reason where they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run

from sro_research.disclosure.national import national_cells
from sro_research.errors import StudyFileError
from sro_research.estimates import as_estimates
from sro_research.parameters import read_checked
from sro_research.report import sections
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Paragraph, Table, plain
from sro_research.report.words import load_words
from sro_research.report.yardstick import Comparison, Refusal, held_against_nation
from sro_research.standards.yardstick import Counterpart, Yardstick
from sro_research.study import open_report

EN = load_words("en")
KEPT, _ = read_checked(PROJECT / "params" / "standards" / "yardstick.yaml", Yardstick)
NATION = national_cells(
    as_estimates(
        pd.DataFrame(
            {"measure": ["trained", "unsure"], "n": [900, 12], "estimate": [0.64, 0.5], "std_error": [0.02, 0.2]}
        ),
        conf_low=0.4,
        conf_high=0.9,
        population="school",
        wave="2020",
        unit="share",
        method="made up",
    )
)


def figure(measure: str = "training_completion_rate", population: str = "officer", **of: object) -> Counterpart:
    title = {"en": "Courses completed", "es": "Cursos completados"}
    return Counterpart.model_validate({"measure": measure, "population": population, "title": title, **of})


@pytest.fixture(scope="module")
def board(demo: Run) -> Page:
    page = open_report(str(demo.params_file)).page
    return replace(page, yardstick=KEPT, cells=pd.concat([page.cells, NATION], ignore_index=True))


def test_what_is_defined_alike_is_compared(board: Page) -> None:
    found = held_against_nation(board, figure(national="trained"), EN)
    assert isinstance(found, Comparison)
    assert (
        found.nation.estimate == 0.64
        and found.ours.estimate == board.cell("training_completion_rate", population="officer", school_id="").estimate
    )


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (figure(reason={"en": "It asks something else.", "es": "Pregunta otra cosa."}), "It asks something else."),
        (figure(national="unsure"), EN("yardstick_not_there")),
        (figure(national="unheard_of"), EN("yardstick_not_there")),
        (figure("no_such_figure", national="trained"), EN("yardstick_not_here")),
    ],
)
def test_what_is_not_compared_has_a_reason(board: Page, of: Counterpart, reason: str) -> None:
    assert held_against_nation(board, of, EN) == Refusal("Courses completed", reason)


def test_a_figure_matches_or_says_why_not() -> None:
    for both in ({}, {"national": "trained", "reason": {"en": "x", "es": "x"}}):
        with pytest.raises(ValueError, match="both `national` and `reason`, or neither"):
            figure(**both)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_reader_learns_why_nothing_can_be_compared(board: Page, language: str) -> None:
    words = load_words(language)
    _, told, refused = sections.yardstick(board, words)
    assert told == Paragraph(words("yardstick_none", source=KEPT.source[language]))
    assert isinstance(refused, Bullets) and len(refused.items) == len(KEPT.figures)
    for figure, said in zip(KEPT.figures, refused.items, strict=True):
        assert figure.reason is not None
        assert said == words("yardstick_refused", title=figure.title[language], reason=figure.reason[language])
    assert sections.yardstick(replace(board, yardstick=None), words) == [], "the study does not ask for it"


def test_what_can_be_compared_stands_above_what_cannot(board: Page) -> None:
    mixed = KEPT.model_copy(update={"figures": [figure(national="trained"), *KEPT.figures]})
    parts = sections.yardstick(replace(board, yardstick=mixed), EN)
    (table,), (refused,) = ([part for part in parts if isinstance(part, kind)] for kind in (Table, Bullets))
    assert [plain(row[2]) for row in table.rows] == ["64 (40 to 90)"]
    assert len(refused.items) == len(KEPT.figures) and "does not count hours" in " ".join(refused.items)
    assert sections.yardstick(replace(board, yardstick=mixed, school_id="0001"), EN) == []


def test_reasons_are_in_every_language_and_the_table_is_there() -> None:
    assert all(figure.reason and figure.reason.keys() == {"en", "es"} for figure in KEPT.figures)
    assert (PROJECT / "params" / "standards" / KEPT.table).is_file()


def test_a_register_that_is_not_there_is_said(demo: Run, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(f"extends: {demo.params_file}\nyardstick: meter.yaml\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match="there is no such file"):
        open_report(str(study))
