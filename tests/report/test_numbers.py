"""The program in numbers: what records say of it, true to the cells; what is about people never."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import PROJECT, Run
from program_records import operations, program_delivery

from sro_research.disclosure.audit import Audit, audit
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.program import of_program, program_rows
from sro_research.disclosure.safe import safe_cells
from sro_research.errors import StudyFileError
from sro_research.estimates import stack
from sro_research.report import sections, wording
from sro_research.report.own_texts import own_texts
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Glossary, Multilingual, Paragraph, Part, Table, plain
from sro_research.report.template import fixed_texts, page_of
from sro_research.report.words import Words, load_words
from sro_research.study import FIGURE, Study, open_report, open_study

EN, ES = load_words("en"), load_words("es")


@pytest.fixture(scope="module")
def study(demo: Run) -> Study:
    return open_study(str(demo.params_file))


@pytest.fixture(scope="module")
def estimates(study: Study) -> pd.DataFrame:
    return stack([program_delivery(study), operations(study)])


@pytest.fixture(scope="module")
def board(demo: Run, study: Study, estimates: pd.DataFrame) -> Page:
    """The board's page with the figures of the program that the demo's records have."""
    page = open_report(str(demo.params_file)).page
    others = page.cells[~of_program(page.cells)]
    nobody = Pattern(pd.DataFrame(columns=[*ROW, "shown"], dtype="string"))
    cells = safe_cells(program_rows(estimates, stack([])), nobody, study.policy, waves=study.waves)
    figures = tuple("|".join(key) for key in cells[FIGURE].itertuples(index=False))
    return replace(page, cells=pd.concat([others, cells]), facts=replace(page.facts, figures=figures))


def tables(parts: list[Part]) -> dict[str, dict[str, list[str]]]:
    """Rows by subject and title."""
    return {
        part.caption: {row[0]: [plain(text) for text in row[1:]] for row in part.rows}
        for part in parts
        if isinstance(part, Table)
    }


def texts(parts: list[Part]) -> str:
    return " ".join(plain(str(part)) for part in parts)


def audited(page: Page, folder: Path, parts: dict[str, list[Part]] | None = None) -> Audit:
    """Write the section as a page, in every language, and attack it."""
    made = parts or {language: sections.numbers(page, load_words(language)) for language in page.languages}
    shown = {language: [*sections.head(page, load_words(language)), *of] for language, of in made.items()}
    outputs = [
        nbformat.v4.new_output("display_data", data=Multilingual(dict(zip(shown, of, strict=True)))._repr_mimebundle_())
        for of in zip(*shown.values(), strict=True)
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    folder.mkdir()
    for language in page.languages:
        (folder / f"board.{language}.html").write_text(page_of(notebook, language, {}), encoding="utf-8")
    (folder / "index.html").write_text("<html lang='en'><head><title>Index</title></head></html>")
    (folder / "index.es.html").write_text("<html lang='es'><head><title>Index</title></head></html>")
    own = {language: own_texts(page, load_words(language)) for language in page.languages}
    return audit(folder, words=fixed_texts(), own_texts=own, cells=page.cells)


def test_it_says_what_the_records_say(board: Page, estimates: pd.DataFrame) -> None:
    found = tables(sections.numbers(board, EN))
    whole = estimates[of_program(estimates)].set_index(["measure", "wave"])
    held, minutes = whole.loc["drills_done_share", "2026"], whole.loc["response_minutes_p90", "2026"]
    calls = found["Calls, drills and reviews"]
    assert calls["Required drills that were held: of 100"][2] == f"{100 * held['estimate']:.0f} ({held['n']} cases)"
    assert calls["Response time (90 of 100 calls): minutes"][2] == f"{minutes['estimate']:.1f}"
    cost = whole.loc["cost_per_officer", "2026"]["estimate"]
    assert found["Cost"]["Cost per officer: dollars for each officer-year"][2] == f"{cost:,.0f}"
    there = whole.loc["school_days_covered", "2026"]
    share = f"{100 * there['estimate']:.0f} ({there['n']} officers)"
    assert found["Officers and coverage"]["School-days with an officer: of 100"][2] == share
    retained = found["Officers and coverage"]["Officers who stayed: of 100"]
    assert whole.loc["officers_retained", "2026"]["estimate"] == 1 and retained[2] == "80 or more"


def test_both_languages_tell_the_same_cells(board: Page) -> None:
    english, spanish = sections.numbers(board, EN), sections.numbers(board, ES)
    assert [type(part) for part in english] == [type(part) for part in spanish]
    for one, other in zip(english, spanish, strict=True):
        if isinstance(one, Table) and isinstance(other, Table):
            assert len(one.rows) == len(other.rows) and one.caption != other.caption


def test_each_table_has_the_meaning_of_each_of_its_figures_below(board: Page) -> None:
    parts = sections.numbers(board, EN)
    for table, below in pairwise(parts):
        if isinstance(table, Table):
            assert isinstance(below, Glossary) and below.title == table.caption
            assert len(below.terms) == len(table.rows)
            for (term, _), row in zip(below.terms, table.rows, strict=True):
                assert row[0].startswith(f"{term}: ")
            assert all(meaning.endswith(".") for _, meaning in below.terms)


def test_absent_hidden_and_unavailable(board: Page) -> None:
    title, key = "Required drills that were held", "drills_done_share||2025"
    row = board.cells["measure"].eq("drills_done_share") & board.cells["wave"].eq("2025")

    def said(page: Page) -> str:
        return tables(sections.numbers(page, EN))["Calls, drills and reviews"][f"{title}: of 100"][1]

    assert said(replace(board, cells=board.cells[~row])) == "[c]"
    fewer = tuple(figure for figure in board.facts.figures if figure != key)
    assert said(replace(board, facts=replace(board.facts, figures=fewer))) == "[x]"


def test_what_was_not_provided_is_said(board: Page) -> None:
    def without(measures: tuple[str, ...], *kinds: str) -> list[Part]:
        figures = tuple(f for f in board.facts.figures if not f.startswith(measures))
        provided = tuple(kind for kind in board.facts.provided if kind not in kinds)
        return sections.numbers(replace(board, facts=replace(board.facts, figures=figures, provided=provided)), EN)

    missing = EN("numbers_missing", subject="Calls, drills and reviews")
    parts = without(("drills_",), "drills")
    at = parts.index(Paragraph(missing))
    assert parts[at + 1] == Bullets(["Required drills that were held"])
    assert "Required drills that were held: of 100" not in tables(parts)["Calls, drills and reviews"]
    assert missing not in texts(without(("drills_",))), "the study has the records, and does not count them"
    none = EN("numbers_none", subject="Cost")
    assert Paragraph(none) in without(("cost_", "ending_"), "budget", "grants")
    assert "Cost" not in tables(without(("cost_", "ending_")))


def test_records_without_the_list_they_need_are_not_said_to_be_missing(board: Page) -> None:
    """A district gives its training and outreach, and no list of officers."""
    figures = tuple(f for f in board.facts.figures if f.startswith("outreach_quarters_missed"))
    facts = replace(board.facts, figures=figures, provided=("outreach", "schools", "training"))
    parts = sections.numbers(replace(board, facts=facts), EN)
    assert EN("numbers_none", subject="Training") not in texts(parts)
    assert EN("numbers_missing", subject="Outreach") not in texts(parts)
    for subject, figure in (("Training", "Courses taken"), ("Outreach", "Hours that an officer logged")):
        said = parts.index(Paragraph(EN("numbers_incomplete", subject=subject)))
        assert isinstance(of := parts[said + 1], Bullets) and figure in of.items
    assert Paragraph(EN("numbers_none", subject="Officers and coverage")) in parts


def test_a_study_that_counts_nothing_and_lacks_nothing_has_no_such_section(board: Page, demo: Run) -> None:
    nothing = replace(board, facts=replace(board.facts, figures=()))
    assert sections.numbers(nothing, EN) == []
    assert sections.numbers(open_report(str(demo.params_file), school_id="0001").page, EN) == []
    only_surveys = sections.numbers(replace(nothing, facts=replace(nothing.facts, provided=())), EN)
    assert tables(only_surveys) == {} and EN("numbers_none", subject="Training") in texts(only_surveys)


def test_the_page_is_clean(board: Page, tmp_path: Path) -> None:
    result = audited(board, tmp_path / "release")
    assert result.clean, result.lines()
    alone = replace(board, facts=replace(board.facts, figures=(), provided=()))
    result = audited(alone, tmp_path / "alone")
    assert result.clean, result.lines()


def test_a_figure_about_people_in_the_cells_does_not_reach_the_page(
    board: Page, estimates: pd.DataFrame, tmp_path: Path
) -> None:
    """Planted: the district's tips among the safe cells. The section passes by; a page that tells them is found."""
    tips = estimates[(estimates["measure"] == "tips_received") & (estimates["school_id"] == "")]
    cells = tips.assign(status="shown")[list(board.cells.columns)]
    figures = (*board.facts.figures, *("|".join(key) for key in cells[FIGURE].itertuples(index=False)))
    planted = replace(board, cells=pd.concat([board.cells, cells]), facts=replace(board.facts, figures=figures))
    assert len(tips) == len(board.waves)
    assert sections.numbers(planted, EN) == sections.numbers(board, EN)

    def told(w: Words) -> list[Part]:
        cell = planted.cell("tips_received", school_id="")
        return [Paragraph(wording.amount(cell.estimate, cell, w, part="estimate", decimals=0))]

    result = audited(planted, tmp_path / "release", {language: told(load_words(language)) for language in ("en", "es")})
    assert len(result.unregistered) == 2 and "names no safe cell" in result.unregistered[0]


def test_no_page_but_the_board_s_has_the_definitions(demo: Run, study: Study) -> None:
    assert open_report(str(demo.params_file), school_id="0001").page.program == ()
    assert {figure.measure for figure in study.program_figures()} >= {"drills_done_share", "cost_per_officer"}


def test_the_run_notes_which_figures_it_has(demo: Run) -> None:
    page = open_report(str(demo.params_file)).page
    noted = page.cells.loc[of_program(page.cells), FIGURE].itertuples(index=False)
    assert sorted(page.facts.figures) == sorted("|".join(key) for key in noted)
    assert "training_completion_rate|officer|2026" in page.facts.figures


def test_a_definition_about_people_that_calls_itself_the_program_s_stops_the_study(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "params" / "standards", tmp_path / "standards")
    path = tmp_path / "standards" / "indicators" / "contacts.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("about: people", "about: program", 1), encoding="utf-8")
    folders = f"folders: {{data: {tmp_path}/data, reports: {tmp_path}/reports, standards: {tmp_path}/standards}}"
    (tmp_path / "demo.yaml").write_text(f"extends: {PROJECT}/params/demo.yaml\n{folders}\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match="it is made of 'contacts', which are about people"):
        open_study(str(tmp_path / "demo.yaml"))
