"""The engagement notebook on studies that lack something: each goes to its end, and says what it could not do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run, run_cells, sro_research

from sro_research.study import Study, open_study

STUDENTS = {"2024": "students_2024.csv", "2025": "students_2025.csv", "2026": "students_2026.sav"}


def written(folder: Path, demo: Run, more: str) -> Path:
    shutil.copytree(demo.data, folder / "data")
    surveys = "".join(
        f"  - {{instrument: student_climate, wave: '{wave}', file: {name}}}\n" for wave, name in STUDENTS.items()
    )
    path = folder / "small.yaml"
    path.write_text(
        f"extends: {PROJECT}/params/demo.yaml\nstudy: small\nfolders: {{data: {folder}/data, reports: {folder}/out}}\n"
        f"surveys:\n{surveys}{more}",
        encoding="utf-8",
    )
    return path


MODEL = (
    "model: {population: student, outcome: officer_trust, exposure: outreach_hours_per_100_students, per: 10,\n"
    "  smallest_effect: 0.05, subgroups: [language], harms: [arrest], "
)


def no_outreach(path: Path) -> None:
    (path.parent / "data" / "outreach.csv").unlink()


def one_wave(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in text if "2024" not in line and "2025" not in line), encoding="utf-8")


def last_wave_not_asked(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in text if "2026" not in line), encoding="utf-8")


def nobody_stated_a_language(path: Path) -> None:
    for name in ("students_2024.csv", "students_2025.csv"):
        file = path.parent / "data" / name
        pd.read_csv(file, dtype=str).assign(language="").to_csv(file, index=False)
    last_wave_not_asked(path)


def few_schools(path: Path) -> None:
    for name in ("students_2024.csv", "students_2025.csv"):
        file = path.parent / "data" / name
        table = pd.read_csv(file, dtype=str)
        table[table["school_id"] <= "0008"].to_csv(file, index=False)
    last_wave_not_asked(path)


def a_year_before(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + MODEL + "lag: 1}\n", encoding="utf-8")


def effect(study: Study) -> pd.Series:
    table = study.estimates(["engagement_and_climate"])
    return table[(table["measure"] == "effect_within_schools") & (table["group_by"] == "")].squeeze()


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (one_wave, "one wave only: nothing changes within schools"),
        (last_wave_not_asked, ""),
        (nobody_stated_a_language, ""),
        (few_schools, "fewer than 10 schools: shown, not modelled"),
        (a_year_before, ""),
        (no_outreach, None),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_study_that_lacks_something_gets_its_answer_or_a_reason(
    tmp_path: Path, demo: Run, change: Callable[[Path], None], note: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, demo, "")
    change(path)
    for name in ("data_quality", "climate_perceptions", "engagement_and_climate"):
        run_cells(name, path)
    study = open_study(str(path))
    if note is None:
        assert study.estimates(["engagement_and_climate"]).empty
        assert "Nothing is asked here" in capsys.readouterr().out
    else:
        assert effect(study)["note"] == note


def test_hours_of_the_year_before_are_those_that_power_and_model_use(tmp_path: Path, demo: Run) -> None:
    path = written(tmp_path, demo, "")
    a_year_before(path)
    run_cells("data_quality", path)
    said = sro_research("power", path).stdout
    assert "12 schools, 2 waves, 24 school-waves" in said


def test_a_harm_that_happened_to_few_carries_no_number_to_the_pages(tmp_path: Path, demo: Run) -> None:
    path = written(tmp_path, demo, "")
    a_year_before(path)
    file = tmp_path / "data" / "discipline.csv"
    table = pd.read_csv(file, dtype=str)
    one = table["event"].eq("arrest") & table["school_id"].eq("0005") & table["wave"].eq("2025")
    table["students"] = table["students"].where(table["event"] != "arrest", one.map({True: "1", False: "0"}))
    table.to_csv(file, index=False)
    for name in ("data_quality", "climate_perceptions", "training_and_outreach", "engagement_and_climate"):
        run_cells(name, path)
    run_cells("safe_cells", path)
    cell = (
        open_study(str(path))
        .board_page()
        .cell("harm_within_schools", population="student", construct="arrest", wave="")
    )
    assert (cell.status, cell.n, cell.estimate, cell.low) == ("hidden", None, None, None)
