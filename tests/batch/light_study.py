"""The finished demo study with light notebooks in the place of its pages', so that a batch takes seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nbformat
from conftest import PROJECT, Run, demo_study

SCHOOLS = 4
SECONDS_TO_START = 60
HEAD = """
import os, pathlib, time
from sro_research.report import sections
from sro_research.report.parts import show
from sro_research.study import open_report

page = open_report(params_file, school_id=school_id, run_dir=run_dir).page
show(page, sections.head)
show(page, sections.who_answered)
"""
PARAMETERS = 'params_file = ""\nrun_dir = ""\nschool_id = ""'


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook that has the parameters of a study's notebooks."""
    made = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, id="parameters")]
    made += [nbformat.v4.new_code_cell(source, id=f"cell{n}") for n, source in enumerate(cells)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), path)
    return path


def light_study(demo: Run, folder: Path, *cells: str, root: Path | None = None) -> Run:
    """Copy the demo study to `folder`, its results to `root`; a page shows little and does what `cells` say."""
    root = root or folder / "reports" / "demo"
    shutil.copytree(demo.root, root, dirs_exist_ok=True)
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("school/school_report", "board/board_summary"):
        path = folder / "notebooks" / f"{name}.ipynb"
        assert path.is_file()
        notebook(path, HEAD, *cells)
    params_file = folder / "light.yaml"
    folders = f"{{reports: {root.parent}, notebooks: {folder}/notebooks}}"
    params_file.write_text(f"extends: {demo.params_file}\nfolders: {folders}\n", encoding="utf-8")
    return Run(params_file, demo.data, root, "")


def small_study(demo: Run, folder: Path) -> Path:
    """Write a study that takes its tables from the finished demo, so that only its pages take time."""
    notebooks = folder / "notebooks"
    shutil.copytree(PROJECT / "notebooks", notebooks, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "study"))
    notebook(
        notebooks / "tables.ipynb",
        "import shutil\n"
        'for name in ("protected", "estimates", "safe", "quarantine"):\n'
        f'    shutil.copytree(f"{demo.internal}/{{name}}", f"{{run_dir}}/internal/{{name}}", dirs_exist_ok=True)',
    )
    study = demo_study(folder, "notebooks: {study: [tables.ipynb]}\n")
    study.write_text(study.read_text().replace(f"data: {folder}/data", f"data: {demo.data}\n  notebooks: {notebooks}"))
    return study


def command(study: Run, *more: object) -> list[str]:
    """Return the command that makes the pages of the light study."""
    words = [sys.executable, "-m", "sro_research", "run", study.params_file, "--limit", SCHOOLS, "--jobs", 2, *more]
    return list(map(str, words))


def started(study: Run, *more: object, **how: object) -> subprocess.Popen[str]:
    """Start a run as a terminal does: in a process group of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command(study, *more), **{**pipes, **how})  # type: ignore[call-overload, no-any-return]


def until(holds: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    """Wait until something holds of a run that still lives."""
    limit = time.monotonic() + SECONDS_TO_START
    while not holds():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def times_made(study: Run) -> Counter[str]:
    """Return how often the manifests have each page as made."""
    records = [path.read_text().split("\n")[:-1] for path in study.internal.glob("manifest*.jsonl")]
    lines = [json.loads(line) for record in records for line in record]
    return Counter(line["name"] for line in lines if line.get("status") == "ok")


def seconds_to_end() -> float:
    """Return how long a run may take to end after Ctrl-C: two seconds, more only where others want the processors."""
    return 2.0 if os.getloadavg()[0] < (os.cpu_count() or 1) else 5.0
