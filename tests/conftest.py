"""What several tests share: one small run of the demo study, and the district whose reference values R computed."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from sro_research.intake.ssocs import find_ssocs, read_ssocs
from sro_research.parameters import read_parameters
from sro_research.standards.ssocs import read_ssocs as read_ssocs_maps
from sro_research.study import Study, open_study

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """A study that was run in a folder of its own."""

    params_file: Path
    data: Path
    root: Path
    output: str

    @property
    def internal(self) -> Path:
        return self.root / "internal"

    @property
    def release(self) -> Path:
        return self.root / "release"


def sro_research(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "sro_research", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


STEPS = ("data_quality", "climate_perceptions", "survey_quality", "training_and_outreach", "engagement_and_climate",
         "safe_cells")  # fmt: skip
"""Study notebooks of the studies that many tests run; those of program records have tests of their own, and `make test`
runs every notebook with nbmake."""


def demo_study(folder: Path, more: str = "") -> Path:
    """Write a study file like the demo's, with fewer notebooks, whose data and results lie in `folder`."""
    path = folder / "demo.yaml"
    text = f"extends: {PROJECT}/params/demo.yaml\nfolders:\n  data: {folder}/data\n  reports: {folder}/reports\n{more}"
    if "\nnotebooks:" not in text:
        steps = "".join(f"    - study/{step}.ipynb\n" for step in STEPS)
        pages = "  school: school/school_report.ipynb\n  board: board/board_summary.ipynb\n"
        text = f"{text.rstrip()}\nnotebooks:\n  study:\n{steps}{pages}"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Run:
    """The demo study with the pages of two schools and the board, made once, by the worker that needs it first."""

    def make(folder: Path) -> str:
        params_file = demo_study(folder)
        made = sro_research("synthesize", params_file)
        assert made.returncode == 0, made.stderr
        run = sro_research("run", params_file, "--limit", 2, "--jobs", 2)
        assert run.returncode == 0, run.stderr
        return run.stdout

    folder, output = made_once("demo-study", make, tmp_path_factory, worker_id)
    return Run(folder / "demo.yaml", folder / "data", folder / "reports" / "demo", output)


@pytest.fixture(scope="session")
def national(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Run:
    """A made-up national survey with the pages of two kinds of schools and the nation's, made once."""
    from national_study import national_study, write_files

    def make(folder: Path) -> str:
        write_files(folder / "data")
        run = sro_research("run", national_study(folder), "--only", "high_city", "--only", "combined_city", "--jobs", 2)
        assert run.returncode == 0, run.stderr
        return run.stdout

    folder, output = made_once("national-study", make, tmp_path_factory, worker_id)
    return Run(folder / "national.yaml", folder / "data", folder / "reports" / "ssocs", output)


def made_once(
    name: str, make: Callable[[Path], str], factory: pytest.TempPathFactory, worker_id: str
) -> tuple[Path, str]:
    """Return a folder that the worker which needs it first has made, and what making it printed."""
    shared = factory.getbasetemp() if worker_id == "master" else factory.getbasetemp().parent
    folder, output = shared / name, shared / name / "output.txt"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.is_file():
            folder.mkdir()
            output.write_text(make(folder), encoding="utf-8")
    return folder, output.read_text(encoding="utf-8")


def run_cells(name: str, params_file: Path, run_dir: str = "") -> None:
    """Run the code of a study notebook in this process."""
    place: dict[str, object] = {"display": lambda *values: [str(value) for value in values]}
    for cell in nbformat.read(PROJECT / "notebooks" / "study" / f"{name}.ipynb", as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            place |= {"params_file": str(params_file), "run_dir": run_dir}
        elif cell.cell_type == "code":
            exec(compile(cell.source, name, "exec"), place)


@pytest.fixture(scope="session")
def program(demo: Run, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The demo study with the notebooks of program records, in a results folder of its own."""
    folder = tmp_path_factory.mktemp("program")
    for part in ("protected", "estimates", "quarantine"):
        shutil.copytree(demo.internal / part, folder / "internal" / part)
    steps = read_parameters(PROJECT / "params" / "demo.yaml").notebooks.study
    pages = "school: school/school_report.ipynb, board: board/board_summary.ipynb"
    path = folder / "program.yaml"
    path.write_text(f"extends: {demo.params_file}\nnotebooks: {{study: [{', '.join(steps)}], {pages}}}\n")
    for name in ("program_delivery", "operations", "equity", "rubric"):
        run_cells(name, path, str(folder))
    return open_study(str(path), run_dir=str(folder))


DISTRICT = PROJECT / "tests" / "reference" / "district"


@pytest.fixture(scope="session")
def reference() -> dict:
    values = json.loads((DISTRICT / "expected.json").read_text())
    return values | {wave: str(values[wave]) for wave in ("first_wave", "last_wave")}


@pytest.fixture(scope="session")
def district_scores() -> pd.DataFrame:
    scores = pd.read_csv(DISTRICT / "responses.csv", dtype={"school_id": "string", "wave": "string"})
    scores["agrees"] = (scores["score"] > 2.5).astype(float).where(scores["score"].notna())
    return scores.assign(population="student", construct="trust")


@pytest.fixture(scope="session")
def district_schools() -> pd.DataFrame:
    schools = pd.read_csv(DISTRICT / "schools.csv", dtype={"school_id": "string", "wave": "string"})
    return schools.set_index(["school_id", "wave"])


SSOCS = PROJECT.parent / "shared" / "data" / "ssocs"


@pytest.fixture(scope="session")
def ssocs() -> dict[str, pd.DataFrame]:
    """The schools of the School Survey on Crime and Safety by wave, where the public-use files are at hand."""
    asked, layouts = read_ssocs_maps(PROJECT / "params" / "standards" / "ssocs")
    if not all((SSOCS / f"{layout.file}.sav").is_file() for layout in layouts.values()):
        pytest.skip("the public-use files of the survey are not all beside the project (shared/data/ssocs)")
    return {wave: read_ssocs(find_ssocs(SSOCS, layout), layout=layout, asked=asked) for wave, layout in layouts.items()}
