"""The notebooks of equity and of the rubric on studies that lack something: each goes to its end and says what it
could not do, and the rubric finds the evidence that it declares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import PROJECT, Run

from sro_research.models.boundary import ONE_WAVE, TREND
from sro_research.models.rubric import NO_EVIDENCE, TOO_LITTLE
from sro_research.study import Study, open_study

NOTEBOOKS = PROJECT / "notebooks" / "study"


def run(name: str, params_file: Path) -> None:
    """Run the code of a study notebook in this process."""
    place: dict[str, object] = {"display": lambda *values: [str(value) for value in values]}
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            place |= {"params_file": str(params_file), "run_dir": ""}
        elif cell.cell_type == "code":
            exec(compile(cell.source, name, "exec"), place)


def without(*names: str) -> Callable[[Path], None]:
    def change(data: Path) -> None:
        for name in names:
            (data / f"{name}.csv").unlink()

    return change


def edited(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def change(data: Path) -> None:
        edit(pd.read_csv(data / f"{name}.csv", dtype=str)).to_csv(data / f"{name}.csv", index=False)

    return change


def analysed(folder: Path, data: Path, change: Callable[[Path], None], more: str = "") -> Study:
    """Take a changed copy of the demo's records in, and run both notebooks on it."""
    shutil.copytree(data, folder / "data")
    change(folder / "data")
    path = folder / "small.yaml"
    path.write_text(
        f"extends: {PROJECT}/params/demo.yaml\nstudy: small\nfolders: {{data: {folder}/data, reports: {folder}/out}}\n"
        f"surveys:\n  - {{instrument: student_climate, wave: '2026', file: students_2026.sav}}\n{more}",
        encoding="utf-8",
    )
    for name in ("data_quality", "equity", "rubric"):
        run(name, path)
    return open_study(str(path))


def district(study: Study, notebook: str, measure: str) -> pd.DataFrame:
    known = study.estimates([notebook])
    return known[(known["measure"] == measure) & (known["school_id"] == "")]


NO_CONTACTS, NO_GROUPS = "Not provided: a log of contacts.", "Groups cannot be compared."
NO_ENROLLMENT, NONE_LOGGED = (
    "Not provided: enrollment by group.",
    "Not provided: contacts of these waves with their groups.",
)
OF_GROUPS, OF_ALL = 5, 9
"""Headings of the notebook of equity that are about groups, and those about contacts at all."""


def no_groups(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(gender="", race_ethnicity="", grade_band="", language="")


def before_all_waves(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(date="2020-01-15")


@pytest.mark.parametrize(
    ("change", "said", "headings", "contacts"),
    [
        (without("contacts", "training", "drills"), [NO_CONTACTS, NO_GROUPS], OF_ALL, None),
        (
            without("enrollment", "assignments", "discipline", "officers"),
            [NO_ENROLLMENT, NO_GROUPS],
            OF_GROUPS,
            [425, 411, 450],
        ),
        (edited("contacts", no_groups), [NONE_LOGGED, NO_GROUPS], OF_GROUPS, [425, 411, 450]),
        (edited("contacts", before_all_waves), [NONE_LOGGED, NO_GROUPS], OF_GROUPS, []),
    ],
    ids=["no log", "a log alone", "no groups", "no contact in any wave"],
)
def test_what_is_lacking_is_said_and_is_not_zero(
    tmp_path: Path,
    demo: Run,
    change: Callable[[Path], None],
    said: list[str],
    headings: int,
    contacts: list[int] | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = analysed(tmp_path, demo.data, change)
    printed = capsys.readouterr().out
    assert all(text in printed for text in said) and ("Not provided" in printed) == bool(said)
    assert printed.count(said[0]) == headings
    rates = district(study, "equity", "contacts_per_100_students")
    whole = rates[rates["group_by"] == ""]
    students = whole["estimate"] * whole["n"] / 100
    assert students.dropna().round(6).to_list() == (contacts or [])
    assert district(study, "equity", "risk_ratio_stop")["estimate"].isna().all()
    part = district(study, "rubric", "rubric_part")
    lacking = part[part["estimate"].isna()].set_index("construct")["note"]
    assert lacking.ne("").all() and set(lacking.drop("discipline_boundary", errors="ignore")) == {NO_EVIDENCE}
    assert set(part.loc[part["estimate"].notna(), "construct"]) == ({"discipline_boundary"} if contacts else set())
    score = district(study, "rubric", "rubric_score")
    assert score["estimate"].isna().all() and score["note"].str.startswith(TOO_LITTLE).all()
    assert score["note"].str.contains("trust, fairness").all()


SHARES_OF_CALLS = ("calls_returned_share", "calls_diverted_share", "calls_charged_share")


def no_dispositions(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.drop(columns="disposition")


@pytest.mark.parametrize(
    ("change", "rows", "known"),
    [
        (without("contacts", "training"), 3, True),
        (edited("calls", no_dispositions), 3, False),
        (without("calls", "training"), 0, False),
    ],
    ids=["calls without contacts", "calls that do not say what became of them", "no calls"],
)
def test_what_became_of_calls_is_told_where_it_is_on_record(
    tmp_path: Path,
    demo: Run,
    change: Callable[[Path], None],
    rows: int,
    known: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = analysed(tmp_path, demo.data, change)
    for measure in SHARES_OF_CALLS:
        told = district(study, "equity", measure)
        assert len(told) == rows and told["estimate"].notna().all() == (known or not rows)
        assert told.loc[told["estimate"].notna(), ["conf_low", "conf_high"]].notna().all(axis=None)
    assert ("Not provided: calls." in capsys.readouterr().out) == (rows == 0)


def test_groups_are_compared_in_the_waves_that_were_logged(tmp_path: Path, demo: Run) -> None:
    study = analysed(tmp_path, demo.data, edited("contacts", lambda log: log[log["date"] < "2025-08-01"]))
    ratios = district(study, "equity", "risk_ratio_stop").set_index(["group_by", "group", "wave"])["estimate"]
    assert ratios["race_ethnicity", "3", ""] > 1 and ratios["race_ethnicity", "3", "2025"] > 1
    assert "2026" not in ratios.index.get_level_values("wave")
    rates = district(study, "equity", "contacts_per_100_students").set_index(["group_by", "wave"])["estimate"]
    assert pd.isna(rates["", "2026"])  # Not known, and not zero.


def test_one_wave_has_ratios_and_no_trend(tmp_path: Path, demo: Run) -> None:
    last = "waves:\n  - {id: '2026', label: {en: Spring, es: Primavera}, start: 2025-08-01, end: 2026-06-30}\n"
    study = analysed(tmp_path, demo.data, without("training"), last)
    assert district(study, "equity", TREND)["note"].to_list() == [ONE_WAVE]
    ratios = district(study, "equity", "risk_ratio_stop").set_index(["group_by", "group", "wave"])["estimate"]
    assert ratios["race_ethnicity", "3", "2026"] == ratios["race_ethnicity", "3", ""] > 1


COUNTED = {"outreach_reach"}
"""Criteria whose evidence is a full count without limits: hours that were logged."""


def test_each_criterion_finds_its_evidence_with_an_error(program: Study) -> None:
    found = district(program, "rubric", "rubric_part").set_index(["construct", "wave"])
    known = found[found["estimate"].notna()]
    criteria = program.standards.rubric.criteria
    assert set(known.index) == {(criterion, wave) for criterion in criteria for wave in program.waves}
    with_error = ~known.index.get_level_values("construct").isin(COUNTED)
    assert (known.loc[with_error, "std_error"] > 0).all()
    score = district(program, "rubric", "rubric_score")
    assert (score["estimate"].notna() & (score["conf_low"] < score["conf_high"])).all()
