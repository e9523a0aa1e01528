"""A district hands over what districts hand over: one run goes to its end, and says once what was wrong with each file.

That rows alone are set aside ends in exit code 0 is what the `demo` fixture shows: its first file holds such rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest
from conftest import Run, demo_study, sro_research

CANARY = "CANARY7f3a"
"""Stands in rows of persons; it must appear nowhere but in the raw files."""
HUGE = 11_000_000
PLANTED = Counter(
    {
        ("complain_3", "not a code of this question"): 3,
        ("school_id", "not a school of this study"): 2,
        ("respondent_id", "stands twice; the first one is kept"): 2,
    }
)
"""What `synthesize` itself plants in the first student file."""


@dataclass(frozen=True)
class Outcome:
    """What `check` and then `run` made of the bad files."""

    folder: Path
    check: CompletedProcess[str]
    run: CompletedProcess[str]

    @property
    def root(self) -> Path:
        return self.folder / "reports" / "demo"


def quarantine(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "internal" / "quarantine" / "quarantine.csv", keep_default_na=False)


def rules(root: Path) -> Counter[tuple[str, str]]:
    return Counter(quarantine(root)[["column", "rule"]].itertuples(index=False, name=None))


def spoil(data: Path) -> None:
    """Plant a fault in each of several files."""
    # Rows that break rules, at the end of a file that is otherwise fine.
    students = pd.read_csv(data / "students_2024.csv", dtype="str", keep_default_na=False)
    first = students.iloc[0].to_dict()
    changes = [
        {"respondent_id": "N1", "trust_1": "5"},
        {"respondent_id": "N2", "trust_1": CANARY},
        {"respondent_id": "N3", "school_id": first["school_id"].lstrip("0")},
        {"respondent_id": "N4", "school_id": ""},
        {"respondent_id": "N5", "gender": "#REF!"},
        {"respondent_id": "N6", "trust_2": "x" * HUGE},
        {},  # the first respondent again
        {"respondent_id": "N7", "comment": CANARY + "x" * HUGE},  # nothing wrong: a comment is dropped at the door
    ]
    rows = pd.DataFrame([first | change for change in changes])
    pd.concat([students, rows]).to_csv(data / "students_2024.csv", index=False)
    # Files that are broken as a whole.
    lines = (data / "students_2025.csv").read_text(encoding="utf-8").splitlines()
    (data / "students_2025.csv").write_bytes("\n".join([*lines[:10], f"{CANARY}é,0001"]).encode("cp1252"))
    staff = pd.read_excel(data / "staff_2024.xlsx", dtype="str")
    staff.drop(columns="trust_1").to_excel(data / "staff_2024.xlsx", index=False)
    (data / "staff_2025.xlsx").write_bytes(b"")
    (data / "training.csv").write_text(f'officer_id,course,completed_on,hours\nO1,"{CANARY},2024-01-01,8\n')


BROKEN = {
    "students_2025.csv:11": "the text is not utf-8. Save it as UTF-8, or write `encoding: cp1252` beside",
    "staff_2024.xlsx": "the column 'trust_1' is missing. The export has 37 columns. Add it, or map it with",
    "staff_2025.xlsx": "the file is empty. Export it again.",
    "training.csv:2": "a quoted cell is not closed or is followed by stray text. Mend the quotes near this line",
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("bad")
    study = demo_study(folder)
    made = sro_research("synthesize", study, "--schools", 3)
    assert made.returncode == 0, made.stderr
    spoil(folder / "data")
    return Outcome(folder, sro_research("check", study), sro_research("run", study, "--limit", 1, "--jobs", 2))


def test_the_run_goes_to_its_end_without_the_broken_files(outcome: Outcome) -> None:
    assert outcome.run.returncode == 3
    assert "8 made, 0 up to date, 0 failed" in outcome.run.stdout
    pages = {path.name for path in (outcome.root / "release").iterdir()}
    assert pages == {f"{page}{language}.html" for page in ("index", "school_0001", "board") for language in ("", ".es")}


def test_each_problem_is_named_once_with_its_place_and_fix(outcome: Outcome) -> None:
    lines = [line for line in outcome.run.stderr.splitlines() if line.startswith("set aside: ")]
    assert len(lines) == len(BROKEN)
    for line, (place, message) in zip(lines, BROKEN.items(), strict=True):
        assert line.startswith(f"set aside: {outcome.folder}/data/{place}: {message}")


def test_the_run_says_how_many_rows_were_set_aside_and_where_that_is_written(outcome: Outcome) -> None:
    assert f"\n14 rows set aside, see {outcome.root}/internal/quarantine/quarantine.csv\n" in outcome.run.stderr


def test_check_says_the_same_before_anything_runs(outcome: Outcome) -> None:
    assert outcome.check.returncode == outcome.run.returncode
    assert outcome.check.stdout.splitlines()[-2:] == [
        "14 rows and 4 source files set aside.",
        "The study can run, without 4 source files.",
    ]
    for place, message in BROKEN.items():
        assert outcome.check.stderr.count(f"error: {outcome.folder}/data/{place}: {message}") == 1
    said = "students_2024.csv: trust_2: not a whole number (1 row: "
    line = next(line for line in outcome.check.stderr.splitlines() if said in line)
    assert line.endswith("). Expected: codes 1-4, 98, 99, or blank.")
    students = next(line for line in outcome.check.stdout.splitlines() if "students_2024.csv" in line)
    assert "14 set aside" in students


def test_rows_are_counted_by_rule_and_the_rest_of_their_file_is_used(outcome: Outcome) -> None:
    found = quarantine(outcome.root)
    assert set(found["source"]) == {"students_2024.csv"}
    assert rules(outcome.root) == PLANTED + Counter(
        {
            ("trust_1", "not a code of this question"): 1,
            ("trust_1", "not a whole number"): 1,
            ("trust_2", "not a whole number"): 1,
            ("gender", "not a whole number"): 1,
            ("school_id", "lost the leading zeros of a school of this study"): 1,
            ("school_id", "must not be blank"): 1,
            ("respondent_id", "stands twice; the first one is kept"): 1,
        }
    )
    sources = pd.read_parquet(outcome.root / "internal" / "protected" / "sources.parquet").set_index("source")
    counts = sources.loc["students_2024.csv"]
    assert counts["rows_set_aside"] == found["row"].nunique()
    assert counts["rows_admitted"] + counts["rows_set_aside"] == counts["rows_read"]
    answers = pd.read_parquet(outcome.root / "internal" / "protected" / "responses__student_climate.parquet")
    assert answers["wave"].value_counts()["2024"] == counts["rows_admitted"]
    assert set(answers["wave"]) == {"2024", "2026"}


def test_nothing_a_person_wrote_leaves_the_raw_files(outcome: Outcome) -> None:
    said = outcome.run.stdout + outcome.run.stderr + outcome.check.stdout + outcome.check.stderr
    assert CANARY not in said
    assert "Traceback" not in said
    files = [path for path in outcome.root.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":  # compressed
            assert CANARY not in pd.read_parquet(path).to_csv(), path


def test_rows_alone_leave_a_run_complete(demo: Run) -> None:
    # The fixture has made sure of exit code 0 and of pages.
    assert rules(demo.root) == PLANTED


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("schools.csv", "/data/schools.csv: the file is empty. Export it again."),
        ("students_2024.csv", "/data: no survey could be read. The first problem is "),
    ],
)
def test_a_study_that_cannot_be_run_says_why(tmp_path: Path, name: str, problem: str) -> None:
    wave = '{instrument: student_climate, wave: "2024", file: students_2024.csv}'
    study = demo_study(tmp_path, f"surveys:\n  - {wave}\n")
    assert sro_research("synthesize", study, "--schools", 2).returncode == 0
    (tmp_path / "data" / name).write_bytes(b"")
    check, run = sro_research("check", study), sro_research("run", study)
    assert check.returncode == run.returncode == 2
    assert check.stdout.splitlines()[-1] == run.stdout.splitlines()[-1] == "The study cannot run."
    said = [line for line in run.stderr.splitlines() if not line.startswith("0/6 ")]
    assert len(said) == 1
    assert said[0].startswith(f"error: {tmp_path}{problem}")
    assert f"error: {tmp_path}/data/{name}: the file is empty. Export it again." in check.stderr
