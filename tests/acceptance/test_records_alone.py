"""A district that surveyed nobody: its records alone make a report, and what they lack is said to be not provided."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Run
from lxml import html

STUDY = f"""extends: {PROJECT}/params/records.yaml
study: records
title: {{en: Records only, es: Solo registros}}
organization: District 7
contact: {{en: Ask us., es: Pregunte.}}
synthetic: true
waves:
  - {{id: "2025", label: {{en: Spring 2025, es: Primavera de 2025}}, start: 2024-08-01, end: 2025-06-30}}
  - {{id: "2026", label: {{en: Spring 2026, es: Primavera de 2026}}, start: 2025-08-01, end: 2026-06-30}}
"""


def study(folder: Path, data: Path, *kinds: str) -> Path:
    (folder / "data").mkdir(parents=True)
    for kind in kinds:
        shutil.copy(data / f"{kind}.csv", folder / "data")
    records = "".join(f"  {kind}: {{file: {kind}.csv}}\n" for kind in kinds)
    path = folder / "study.yaml"
    path.write_text(f"{STUDY}folders: {{data: data, reports: reports}}\nrecords:\n{records}", encoding="utf-8")
    return path


def sro(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sro_research", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=PROJECT)


def text_of(page: Path) -> str:
    root = html.fromstring(page.read_bytes())
    return " ".join(" ".join(element.itertext()) for element in root.iter("h1", "h2", "p", "li", "caption", "dt"))


def test_training_and_outreach_alone_make_a_whole_report(demo: Run, tmp_path: Path) -> None:
    path = study(tmp_path, demo.data, "training", "outreach")
    made = sro("run", str(path), "--limit", "1")
    assert made.returncode == 0, made.stderr
    assert "9 made, 0 up to date, 0 failed" in made.stdout
    release = tmp_path / "reports" / "records" / "release"
    board = text_of(release / "board.html")
    assert "District 7: what the school officer program wrote down" in board
    assert "No survey was provided. So these pages tell what was written down" in board
    assert "Courses were recorded, but no list of officers was provided." in board
    for subject in ("The agreement", "Cost", "After emergencies", "Calls, drills and reviews", "Officers and coverage"):
        assert f"{subject}: not provided. This does not mean that there was none." in board
    assert "Contacts of officers with students" in board and "It does not mean that there were none." in board
    for nothing in ("likely range", "of 100 students", "Can't tell yet"):
        assert nothing not in board
    assert "No se entregó ninguna encuesta." in text_of(release / "board.es.html")
    (school,) = release.glob("school_????.html")
    assert "No survey was provided." in text_of(school) and "Outreach hours for every 100 students" in text_of(school)


def test_a_log_that_lost_many_rows_is_said_by_the_command_and_at_the_top_of_each_page(
    demo: Run, tmp_path: Path
) -> None:
    path = study(tmp_path, demo.data, "training", "outreach")
    log = tmp_path / "data" / "outreach.csv"
    header, *rows = log.read_text(encoding="utf-8").splitlines()
    at = header.split(",").index("activity")
    cells = [row.split(",") for row in rows]
    for row in cells[::4]:
        row[at] = "bake_sale"
    rows = [",".join(row) for row in cells]
    log.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    lost = len(rows[::4])
    said = f"outreach.csv lost {lost:,} of {len(rows):,} rows (25 %); numbers from it may be too low or too high."
    checked = sro("check", str(path))
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.splitlines()[-1] == f"The study can run, but {said}"
    made = sro("run", str(path), "--limit", "1")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == f"The study ran, but {said}"
    release = tmp_path / "reports" / "records" / "release"
    for page in ("board", *(page.stem for page in release.glob("school_????.html"))):
        assert "Of some files, more than 5 of 100 rows broke a rule and were left out." in text_of(
            release / f"{page}.html"
        )
        assert "más de 5 de cada 100 filas no cumplían una regla" in text_of(release / f"{page}.es.html")


def test_a_record_that_a_study_drops_is_in_its_next_report_no_more(demo: Run, tmp_path: Path) -> None:
    path = study(tmp_path, demo.data, "schools", "calls", "outreach")
    board = tmp_path / "reports" / "records" / "release" / "board.html"
    assert sro("run", str(path), "--limit", "1").returncode == 0
    assert "Response time (median)" in text_of(board) and (board.parent / "school_0001.html").is_file()
    path.write_text(path.read_text().replace("  calls: {file: calls.csv}\n  outreach: {file: outreach.csv}\n", ""))
    path.write_text(path.read_text() + "  tips: {file: tips.csv}\n")
    shutil.copy(demo.data / "tips.csv", tmp_path / "data")
    again = sro("run", str(path))
    assert again.returncode == 0, again.stderr
    assert "Calls, drills and reviews: not provided." in text_of(board)
    assert "Response time" not in text_of(board) and not (board.parent / "school_0001.html").exists()


def test_records_without_any_school_make_the_board_page(demo: Run, tmp_path: Path) -> None:
    path = study(tmp_path, demo.data, "officers", "training")
    made = sro("run", str(path))
    assert made.returncode == 0, made.stderr
    assert "8 made, 0 up to date, 0 failed" in made.stdout
    board = text_of(tmp_path / "reports" / "records" / "release" / "board.html")
    assert "Across the district, officers have finished" in board


def test_records_that_tell_nothing_of_a_school_make_the_board_page_alone(demo: Run, tmp_path: Path) -> None:
    path = study(tmp_path, demo.data, "tips")
    made = sro("run", str(path))
    assert made.returncode == 0, made.stderr
    assert "8 made, 0 up to date, 0 failed" in made.stdout
    release = tmp_path / "reports" / "records" / "release"
    assert not list(release.glob("school_*")) and "school_" not in (release / "index.html").read_text(encoding="utf-8")
    board = text_of(release / "board.html")
    assert "It is not known how many students this district has" in board and "too few students" not in board


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("", "the key 'surveys' is missing. Add it, or `records`, or `national`."),
        ("records: {tips: {file: tips.csv}}\npages: {languages: [en], groups: [gender]}\n", "'pages.groups'"),
        ("extends: {defaults}\nrecords: {tips: {file: tips.csv}}\n", "extend `records.yaml`"),
    ],
)
def test_what_asks_nobody_and_has_nothing_else_is_refused(tmp_path: Path, more: str, rule: str) -> None:
    start = STUDY.replace("extends:", "#", 1) if "extends" in more else STUDY
    path = tmp_path / "study.yaml"
    path.write_text(start + more.replace("{defaults}", f"{PROJECT}/params/defaults.yaml"), encoding="utf-8")
    found = sro("check", str(path))
    assert found.returncode == 2 and rule in found.stderr and "Traceback" not in found.stderr


def test_records_of_which_none_can_be_read_are_refused(demo: Run, tmp_path: Path) -> None:
    path = study(tmp_path, demo.data, "training", "outreach")
    for kind in ("training", "outreach"):
        (tmp_path / "data" / f"{kind}.csv").write_text("nothing\n1\n")
    found = sro("run", str(path))
    assert found.returncode == 2 and "no record could be read. The first problem is " in found.stderr
