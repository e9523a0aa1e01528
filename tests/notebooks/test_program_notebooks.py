"""The notebooks of program records run to their end whatever a district has, and say what was not provided."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import PROJECT, Run

from sro_research.disclosure.program import of_program
from sro_research.measures.contact_findings import EXPLAINED
from sro_research.parameters import Records
from sro_research.study import Study, open_study

NOTEBOOKS = ("program_delivery", "operations")
ONE_WAVE = """
surveys:
  - {instrument: student_climate, wave: "2026", file: students_2026.sav}
model: null
waves:
  - {id: "2026", label: {en: Spring 2026, es: Primavera de 2026}, start: 2025-08-01, end: 2026-06-30}
"""
TOLD_BY_NO_RECORD = {
    "drills_done_share",  # of drills that were required
    "school_days_covered",  # of school-days, which a calendar has
    "school_days_with_trained_officer",
    "schools_with_secondary_officer",  # of schools
    "agreement_assessed_share",  # of places
}
"""Shares of what is known without a record: zero of it was recorded."""


@pytest.fixture
def tables(demo: Run) -> dict[str, pd.DataFrame]:
    """The protected records of the demo study."""
    study = open_study(str(demo.params_file))
    return {name: study.protected(name) for name in Records.model_fields if study.has(name)}


def with_tables(params_file: Path, run_dir: Path, tables: dict[str, pd.DataFrame]) -> Study:
    study = open_study(str(params_file), run_dir=str(run_dir))
    study.keep(tables)
    return study


def run(name: str, study: Study, params_file: Path, display: Callable[..., object] = lambda *_: None) -> str:
    """Run a notebook's cells one after the other, with a study of its own; return what it printed."""
    cells = nbformat.read(PROJECT / "notebooks" / "study" / f"{name}.ipynb", as_version=4).cells
    names: dict[str, object] = {"display": display}
    said, options = io.StringIO(), ("display.max_rows", 9, "display.max_columns", 9, "display.max_colwidth", 9)
    with pd.option_context(*options), contextlib.redirect_stdout(said):
        for cell in cells:
            if "parameters" in cell.metadata.get("tags", []):
                names |= {"params_file": str(params_file), "run_dir": str(study.folders.root)}
            elif cell.cell_type == "code":
                exec(compile(cell.source, f"{name}:{cell.id}", "exec"), names)
    return said.getvalue()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_district_with_everything_keeps_estimates_that_stand_beside_the_others(program: Study, name: str) -> None:
    study = program
    kept = study.estimates(["training_and_outreach", *NOTEBOOKS])  # The same statistic twice would be an error.
    own = study.estimates([name])
    assert 0 < len(own) < len(kept) and {"", "clause"} & set(own["group_by"])
    assert own["n"].notna().all() or set(own.loc[own["n"].isna(), "status"]) == {"not_estimable"}


def test_every_figure_for_the_board_s_page_is_told_by_wave(program: Study) -> None:
    """The page has a column for each wave; a figure of all waves together would be a row of "there is nothing"."""
    kept = program.estimates(["training_and_outreach", *NOTEBOOKS])
    told = set(kept.loc[of_program(kept) & (kept["wave"] != "") & (kept["status"] == "estimated"), "measure"])
    by_group_only = {"cost_share"}
    assert {figure.measure for figure in program.program_figures()} - told == by_group_only


def test_a_district_with_training_and_outreach_only(demo: Run, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    few = {name: tables[name] for name in ("schools", "officers", "training", "outreach")}
    study = with_tables(demo.params_file, tmp_path, few)
    said = {name: run(name, study, demo.params_file) for name in NOTEBOOKS}
    assert said["operations"].count("not provided") == 9 and study.estimates(["operations"]).empty
    assert said["program_delivery"].count("not provided") == 3 and "reviews were provided" in said["program_delivery"]
    kept = study.estimates(["program_delivery"])
    assert {"outreach_hours_per_officer_month", "training_time_median_days"} < set(kept["measure"])


def test_a_district_with_nothing(demo: Run, tmp_path: Path) -> None:
    study = with_tables(demo.params_file, tmp_path, {})
    for name in NOTEBOOKS:
        assert "not provided" in run(name, study, demo.params_file)
        assert study.estimates([name]).empty


def test_tables_without_rows_give_no_shares(demo: Run, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    """A file was provided and holds nothing: counts are zero, shares and times are not known."""
    empty = {name: table if name == "schools" else table[:0] for name, table in tables.items()}
    study = with_tables(demo.params_file, tmp_path, empty)
    for name in NOTEBOOKS:
        assert "not provided" not in run(name, study, demo.params_file)
        kept = study.estimates([name])
        shares = kept[(kept["unit"] == "share") & ~kept["measure"].isin(TOLD_BY_NO_RECORD)]
        assert set(shares["status"]) == {"not_estimable"}


def test_a_district_without_schools(demo: Run, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    study = with_tables(demo.params_file, tmp_path, {**tables, "schools": tables["schools"][:0]})
    for name in NOTEBOOKS:
        run(name, study, demo.params_file)


def test_in_the_middle_of_a_wave_nothing_is_overdue_that_is_not_due(
    tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    """Records exported in January: drills and reviews of the spring are not owed yet."""
    path, january = tmp_path / "january.yaml", pd.Timestamp("2026-01-31")
    told = {}
    for exported in ("", f"exported_on: {january.date()}\n"):
        path.write_text(f"extends: {PROJECT}/params/demo.yaml\n{exported}", encoding="utf-8")
        study = with_tables(path, tmp_path / f"run{bool(exported)}", tables)
        run("operations", study, path)
        kept = study.estimates(["operations"])
        of_wave = kept[(kept["school_id"] == "") & (kept["wave"] == "2026") & (kept["group_by"] == "")]
        told[bool(exported)] = of_wave.set_index("measure")
    due = tables["log_reviews"].query("reviewed.notna() and due_on >= '2025-08-01' and due_on <= @january")
    assert told[True].loc["log_reviews_done_share", "n"] == len(due)
    assert told[False].loc["log_reviews_done_share", "n"] > len(due)
    assert pd.isna(told[True].loc["drills_done_share", "estimate"])
    assert told[False].loc["drills_done_share", "estimate"] > 0


def test_a_study_of_one_wave(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(f"extends: {PROJECT}/params/demo.yaml\n{ONE_WAVE}", encoding="utf-8")
    schools = tables["schools"]
    study = with_tables(path, tmp_path / "run", {**tables, "schools": schools[schools["wave"] == "2026"]})
    for name in NOTEBOOKS:
        run(name, study, path)
        assert set(study.estimates([name])["wave"]) == {"", "2026"}


def test_what_does_not_fit_in_the_contact_log_is_explained_to_its_last_word(
    demo: Run, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    """Planted: a contact in the summer, between two waves."""
    tables["contacts"].loc[0, "date"] = pd.Timestamp("2025-07-15")
    shown: list[str] = []
    study = with_tables(demo.params_file, tmp_path, tables)
    run("equity", study, demo.params_file, lambda *values: shown.extend(map(str, values)))
    assert any(EXPLAINED["contact_outside_waves"] in table for table in shown)
