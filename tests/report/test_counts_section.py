"""Cases about people on the board's page: every part of every table, in both languages, and nothing of a school."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import Run
from test_numbers import audited, tables, texts

from sro_research.disclosure.counts import COUNTED, RATE, rounded_counts
from sro_research.measures.case_counts import CASES, counted_cases
from sro_research.measures.participation import roster
from sro_research.report import sections
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Heading, Paragraph, Table
from sro_research.report.sections.counts import RECORDS
from sro_research.report.words import load_words
from sro_research.study import open_report, open_study

EN, ES = load_words("en"), load_words("es")


@pytest.fixture(scope="module")
def counted(demo: Run) -> pd.DataFrame:
    study = open_study(str(demo.params_file))
    given = {kind: study.protected(kind) for kind in ("schools", "enrollment", "discipline", "contacts", *CASES)}
    waves, questions = study.parameters.waves, study.parameters.pages.groups
    return counted_cases(given, waves, as_of=waves[-1].end, questions=questions)


def with_counts(page: Page, counted: pd.DataFrame, students: pd.Series) -> Page:
    cells = rounded_counts(counted, students, study_without_ledger())
    others = page.cells[~page.cells["measure"].isin([*COUNTED, "students_counted", RATE])]
    return replace(page, cells=pd.concat([others, cells], ignore_index=True))


def study_without_ledger() -> pd.DataFrame:
    return pd.DataFrame(columns=["measure", "group_by", "group", "wave", "estimate"])


@pytest.fixture(scope="module")
def board(demo: Run, counted: pd.DataFrame) -> Page:
    study = open_study(str(demo.params_file))
    students = roster(study.protected("schools"), "student")
    return with_counts(open_report(str(demo.params_file)).page, counted, students)


def number(text: str) -> int:
    return 0 if text == "fewer than 5" else int(text.replace(",", ""))


def test_each_table_has_all_parts_and_they_add_up(board: Page, counted: pd.DataFrame) -> None:
    found = tables(sections.counts(board, EN))
    asked = [question for question in board.groups if (counted["group_by"] == question).any()]
    assert len(asked) == 3 and len(found) == sum(map(len, COUNTED.values())) + len(asked) + 1
    for caption, rows in found.items():
        if not caption.startswith("Contacts by"):
            *parts, last = rows.items()
            if last[0] == "Total":
                for at in range(3):
                    assert sum(number(cells[at]) for _, cells in parts) == number(last[1][at]), caption
        else:
            *parts, (_, all_of) = rows.items()
            assert sum(number(cells[1]) for _, cells in parts) == number(all_of[1])


def test_numbers_are_those_of_the_records(board: Page, counted: pd.DataFrame) -> None:
    found = tables(sections.counts(board, EN))
    exact = counted.set_index(["measure", "group_by", "group", "wave"])["count"]
    rows = found["Contacts of officers with students: what came of them"]
    for label, part in (("Handed back to the school", "returned_to_school"), ("Arrested", "arrested")):
        for at, wave in enumerate(("2024", "2025", "2026")):
            assert abs(number(rows[label][at]) - exact["contacts_counted", "outcome", part, wave]) < 5
    men = found["Contacts by Gender, Spring 2026"]["Boy"]
    assert abs(number(men[0]) - exact["students_counted", "gender", "2", "2026"]) < 5
    assert number(men[2]) == round(100 * number(men[1]) / number(men[0]))


def test_both_languages_tell_the_same_cells(board: Page) -> None:
    english, spanish = sections.counts(board, EN), sections.counts(board, ES)
    assert [type(part) for part in english] == [type(part) for part in spanish]
    pairs = [(a, b) for a, b in zip(english, spanish, strict=True) if isinstance(a, Table) and isinstance(b, Table)]
    for one, other in pairs:
        assert one.caption != other.caption and len(one.rows) == len(other.rows)
    assert "menos de 5" in texts(spanish) and "fewer" not in texts(spanish)


def test_what_was_not_provided_is_said_and_is_not_zero(board: Page) -> None:
    provided = tuple(kind for kind in board.facts.provided if kind not in ("tips", "contacts"))
    parts = sections.counts(replace(board, facts=replace(board.facts, provided=provided)), EN)
    assert isinstance(parts[-2], Paragraph) and "It does not mean that there were none" in parts[-2].text
    assert parts[-1] == Bullets(["Contacts of officers with students", "Tips"])
    assert not [part for part in parts if isinstance(part, Table) and part.caption.startswith(("Contact", "Search"))]
    nothing = tuple(kind for kind in board.facts.provided if kind not in RECORDS)
    bare = sections.counts(replace(board, facts=replace(board.facts, provided=nothing)), EN)
    assert [type(part) for part in bare] == [Heading, Paragraph, Bullets] and len(bare[-1].items) == len(RECORDS)
    assert sections.counts(replace(board, counted={}), EN) == []


def test_a_small_district_says_why_there_is_nothing(board: Page, counted: pd.DataFrame) -> None:
    students = pd.Series({(school, wave.id): 45 for school in ("1", "2") for wave in board.waves})
    small = with_counts(board, counted, students.rename_axis(["school_id", "wave"]))
    assert [type(part).__name__ for part in sections.counts(small, EN)] == ["Heading", "Paragraph"]
    assert "too few students" in texts(sections.counts(small, EN))


def test_the_page_withstands_an_attack_and_a_planted_number_does_not(board: Page, tmp_path: Path) -> None:
    made = {language: sections.counts(board, load_words(language)) for language in board.languages}
    assert audited(board, tmp_path / "clean", made).clean
    for parts in made.values():
        table = next(part for part in parts if isinstance(part, Table))
        table.rows[0][1] = table.rows[0][1].replace("5", "6")
    assert not audited(board, tmp_path / "planted", made).clean
