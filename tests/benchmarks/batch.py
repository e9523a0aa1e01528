"""What a report costs, with this project and without: `python tests/benchmarks/batch.py --schools 20 --rounds 3`.

All variants make the same notebooks and HTML pages of the same made-up schools, in turn within one session; the table
has medians of the rounds. With `--pages` they make the pages of this project, in two languages with charts as SVG.
Start-up counts, so few schools flatter the loops; "next s" is what one more report takes. CPU is that of the whole
process tree. The machine should do nothing else, and the byte code of all packages should be there (`python -m
compileall`), for a kernel that may not write it compiles at each start.

Peers that are not installed are left out. To have ploomber-engine without touching this environment:

    python -m pip install --target /tmp/ploomber --no-deps ploomber-engine ploomber-core debuglater posthog
    PYTHONPATH=/tmp/ploomber python tests/benchmarks/batch.py --only "python loop" ploomber
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import psutil

from reports import SchoolPage, Task, export, prepare, prepare_pages

BIN = Path(sys.executable).parent
PRELOAD = ["numpy", "pandas", "statsmodels.formula.api", "pingouin", "altair", "nbconvert"]


def loop(tasks: list[Task]) -> None:
    """Do what papermill's and nbconvert's documentation shows: two commands for each school."""
    for task in tasks:
        given = [word for pair in task.parameters.items() for word in ("-r", *pair)]
        subprocess.run([BIN / "papermill", "--no-progress-bar", task.source, task.executed, *given], check=True)
        subprocess.run([BIN / "jupyter", "nbconvert", "--to", "html", task.executed], check=True)


def python_loop(tasks: list[Task]) -> None:
    """Call both libraries from one process; each notebook still gets a new kernel."""
    import papermill

    for task in tasks:
        papermill.execute_notebook(task.source, task.executed, task.parameters, progress_bar=False)
        export(task)


def two_processes(tasks: list[Task]) -> None:
    """Run the Python loop twice at the same time, each with half of the schools."""
    halves = [subprocess.Popen(inside("python loop", tasks[start::2])) for start in range(2)]
    assert [half.wait() for half in halves] == [0, 0]


def ploomber(tasks: list[Task]) -> None:
    """Run notebooks in this process, by ploomber-engine: what one notebook changes, the next one meets."""
    from ploomber_engine import execute_notebook

    for task in tasks:
        execute_notebook(task.source, task.executed, parameters=task.parameters, progress_bar=False)
        export(task)


def ours(tasks: list[Task], slots: int) -> None:
    """Make each in a child of one warm process: the notebook by its engine for papermill, then the page."""
    from sro_research.batch.warm.pool import Died, WarmPool

    with WarmPool(slots, [*PRELOAD, "warmed"]) as pool:
        for _, ended in pool.run("warmed:report", ({"task": task} for task in tasks)):
            assert not isinstance(ended, Died)


def floor(tasks: list[Task]) -> None:
    """Do only what no engine can leave out: the code, the forms of what is shown, JSON and the page."""
    for task in tasks:
        run_here(task)
        export(task)


SHOWING: list[Any] = []
"""Modules whose `display` is to be that of the cell at work."""


def run_here(task: Task) -> nbformat.NotebookNode:
    """Run the code of a notebook in this process, and write what it shows."""
    made = nbformat.read(task.source, as_version=4)
    names: dict[str, Any] = {}
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= task.parameters
    nbformat.write(made, task.executed)
    return made


def outputs(source: str, names: dict[str, Any]) -> list[nbformat.NotebookNode]:
    """Run a cell and return what it shows: its displays, its last value, its text."""
    from IPython.core.formatters import DisplayFormatter

    forms, shown, text = DisplayFormatter(), [], io.StringIO()
    names["display"] = lambda value: shown.append(forms.format(value))
    for module in SHOWING:
        module.display = names["display"]
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(text):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
    if value is not None:
        names["display"](value)
    made = [nbformat.v4.new_output("display_data", data=data, metadata=about) for data, about in shown]
    return [nbformat.v4.new_output("stream", text=text.getvalue()), *made] if text.getvalue() else made


@dataclass(frozen=True)
class Variant:
    """A way to make the reports, and the module without which it cannot."""

    make: Callable[[list[Task]], None]
    needs: str = "papermill"


def page_loop(tasks: list[Task]) -> None:
    """Do by commands what a batch does: a notebook by papermill, and its page in each language by nbconvert."""
    for task in tasks:
        given = [word for pair in task.parameters.items() for word in ("-r", *pair)]
        subprocess.run([BIN / "papermill", "--no-progress-bar", task.source, task.executed, *given], check=True)
        for language, page in task.pages.items():
            others = " ".join(f"{code}={other.name}" for code, other in task.pages.items() if code != language)
            subprocess.run(
                [BIN / "jupyter", "nbconvert", "--to", "school_report", task.executed, "--output", page.name,
                 f"--SchoolReportExporter.language={language}", f"--SchoolReportExporter.other_pages={others}"],
                check=True,
            )  # fmt: skip


def page_ours(tasks: list[Task], slots: int) -> None:
    """Make the pages as `sro-research run` does."""
    from sro_research.batch.executors import warm_pages
    from sro_research.batch.page import Limits
    from sro_research.batch.plan import Job

    jobs = [Job(task.school, task.source, task.executed, task.parameters, {}, task.pages) for task in tasks]
    for _, outcome, _ in warm_pages(jobs, slots, cwd=tasks[0].folder, limits=Limits()):
        assert outcome.ok, outcome.error


def page_floor(tasks: list[Task]) -> None:
    """Run the code of all notebooks in this process, and make the pages here."""
    from sro_research.batch.page import page_of
    from sro_research.report import parts

    SHOWING.append(parts)
    for task in tasks:
        made = run_here(task)
        for language, page in task.pages.items():
            page.write_text(page_of(made, language, {}))


WARM = "sro_research.batch.warm"
PAGES = {
    "loop": Variant(page_loop),
    "ours 1 slot": Variant(lambda tasks: page_ours(tasks, 1)),
    "ours 2 slots": Variant(lambda tasks: page_ours(tasks, 2)),
    "floor": Variant(page_floor),
}
VARIANTS = {
    "loop": Variant(loop),
    "python loop": Variant(python_loop),
    "two processes": Variant(two_processes),
    "ploomber": Variant(ploomber, needs="ploomber_engine"),
    "ours 1 slot": Variant(lambda tasks: ours(tasks, 1), needs=WARM),
    "ours 2 slots": Variant(lambda tasks: ours(tasks, 2), needs=WARM),
    "floor": Variant(floor),
}


def inside(name: str, tasks: list[Task]) -> list[str]:
    """Return the command that makes reports in a new process."""
    schools = [task.school for task in tasks]
    pages = ["--pages"] if isinstance(tasks[0], SchoolPage) else []
    return [sys.executable, __file__, *pages, "--inside", name, str(tasks[0].folder), *schools]


def measured(name: str, tasks: list[Task]) -> dict[str, float]:
    """Make all reports once in a new process, and return what that took of time and memory for each."""
    for path in tasks[0].executed.parent.iterdir():
        path.unlink()
    peak, ended, started = [0.0], threading.Event(), time.perf_counter()
    with (tasks[0].folder / "log.txt").open("w") as log:
        process = subprocess.Popen(inside(name, tasks), stdout=log, stderr=log)
    sampler = threading.Thread(target=sample, args=(process.pid, peak, ended))
    sampler.start()
    # The usage of a process that has been waited for includes that of all children that it waited for.
    _, status, usage = os.wait4(process.pid, 0)
    wall, process.returncode = time.perf_counter() - started, os.waitstatus_to_exitcode(status)
    ended.set()
    sampler.join()
    if process.returncode or not all(task.page.is_file() for task in tasks):
        sys.exit(f"{name} failed:\n{(tasks[0].folder / 'log.txt').read_text()[-3000:]}")
    times = sorted(task.page.stat().st_mtime for task in tasks)
    return {
        "wall s": wall / len(tasks),
        "CPU s": (usage.ru_utime + usage.ru_stime) / len(tasks),
        "next s": (times[-1] - times[0]) / (len(tasks) - 1) if len(tasks) > 1 else float("nan"),
        "peak PSS MB": peak[0],
        "page kB": float(np.median([task.page.stat().st_size for task in tasks])) / 1000,
    }


def sample(root: int, peak: list[float], ended: threading.Event) -> None:
    """Note the highest sum of memory of a process tree, shared pages divided by those who share them."""
    while not ended.wait(0.25):
        total = 0
        # Processes come and go while their list is read.
        with contextlib.suppress(psutil.Error):
            for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                    total += int(re.search(r"^Pss: +(\d+)", text, re.M)[1])
        peak[0] = max(peak[0], total / 1000)


def main() -> None:
    """Print one line for each variant: the medians of its rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schools", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--pages", action="store_true", help="this project's own pages")
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    variants = PAGES if chosen.pages else VARIANTS
    if chosen.inside:
        name, folder, *schools = chosen.inside
        kind = SchoolPage if chosen.pages else Task
        return variants[name].make([kind(Path(folder), school) for school in schools])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    os.environ["PLOOMBER_STATS_ENABLED"] = "false"  # It would report to its makers, and wait for them.
    wanted = [name for name in variants if name in chosen.only]
    there = [name for name in wanted if importlib.util.find_spec(variants[name].needs)]
    for name in [name for name in wanted if name not in there]:
        print(f"{name}: {variants[name].needs} is not installed")
    with tempfile.TemporaryDirectory(prefix="batch-") as folder:
        tasks = (prepare_pages if chosen.pages else prepare)(Path(folder), chosen.schools)
        rows = []
        for turn in range(chosen.rounds):
            for name in there:
                rows.append({"variant": name, **measured(name, tasks)})
                print(json.dumps({"round": turn + 1, "load": os.getloadavg()[0], **rows[-1]}), file=sys.stderr)
    table = pd.DataFrame(rows).groupby("variant", sort=False).median()
    print(table.round({"wall s": 2, "CPU s": 2, "next s": 2, "peak PSS MB": 0, "page kB": 0}).to_string())


if __name__ == "__main__":
    main()
