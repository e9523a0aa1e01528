"""Real deaths in mid-batch: what was being made is made, nothing is made twice, nothing is left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import nbformat
import psutil
import pytest
from clusters import Cluster

from sro_research.batch import cluster
from sro_research.batch.executors import LATE, pages_by, preload, stock_pages, warm_pages
from sro_research.batch.notebook import Outcome
from sro_research.batch.page import Limits
from sro_research.batch.plan import Job
from sro_research.batch.warm.fork import RefusedError, WarmError, WarmParent, end_own_parent
from sro_research.batch.warm.pool import Died, WarmPool
from sro_research.errors import WorkbenchError

SECONDS_TO_START = 60


@pytest.fixture(autouse=True)
def no_parent_is_left() -> Iterator[None]:
    yield
    end_own_parent()


def jobs(folder: Path, source: str, number: int = 4) -> list[Job]:
    """Jobs whose notebooks know `name` and `folder`."""
    cells = [
        nbformat.v4.new_code_cell('name = ""\nfolder = ""', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import os, time, pathlib\nhere = pathlib.Path(folder)\n" + source),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "source.ipynb")
    return [
        Job(
            name,
            folder / "source.ipynb",
            folder / "made" / f"{name}.ipynb",
            {"name": name, "folder": str(folder)},
            {},
            {},
        )
        for name in [f"page{n}" for n in range(number)]
    ]


def outcomes(todo: list[Job], *, make: Callable = warm_pages, limits: Limits | None = None) -> dict[str, Outcome]:
    """Make pages and return what came of each; none may come twice."""
    found: dict[str, Outcome] = {}
    for job, outcome, _ in make(todo, 2, cwd=todo[0].notebook.parent, limits=limits or Limits()):
        assert job.name not in found
        found[job.name] = outcome
    return found


ONCE = """
tries = here / f"{name}.tries"
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
if name == "page1" and len(tries.read_text()) == 1:
    (here / "waiting").write_text(f"{os.getpid()} {os.environ['JPY_PARENT_PID']}.")
    time.sleep(600)
"""
"""The second page waits the first time, so that something can be killed."""


def when_waiting(folder: Path, do: Callable[[psutil.Process, psutil.Process], None]) -> threading.Thread:
    """Do something to the kernel that waits and the process it works for, from a thread beside the batch."""

    def watch() -> None:
        limit = time.monotonic() + SECONDS_TO_START
        while not (folder / "waiting").exists() or not (folder / "waiting").read_text().endswith("."):
            assert time.monotonic() < limit
            time.sleep(0.02)
        kernel, maker = (folder / "waiting").read_text().rstrip(".").split()
        do(psutil.Process(int(kernel)), psutil.Process(int(maker)))

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def gone(number: int) -> bool:
    """Tell whether a process has ended, also where nobody has asked how."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


VICTIMS = {
    "kernel": lambda kernel, _: kernel.kill(),
    "maker": lambda _, maker: maker.kill(),
    "parent": lambda kernel, _: kernel.parent().kill(),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_a_killed_process_was_making_is_made_again(tmp_path: Path, victim: str) -> None:
    todo = jobs(tmp_path, ONCE)
    killer = when_waiting(tmp_path, VICTIMS[victim])
    found = outcomes(todo)
    killer.join()
    assert {name: outcome.error for name, outcome in found.items()} == dict.fromkeys((job.name for job in todo), "")
    assert (tmp_path / "page1.tries").read_text() == "xx"
    kernel, maker = map(int, (tmp_path / "waiting").read_text().rstrip(".").split())
    assert gone(kernel) and gone(maker), "it has to die with who made it"
    assert all(job.output.is_file() for job in todo)
    assert not list((tmp_path / "made").glob("*.running.ipynb")) and not list((tmp_path / "made").glob(".*"))


@pytest.mark.parametrize("make", [warm_pages, stock_pages])
def test_a_page_that_always_kills_who_makes_it_fails_alone(tmp_path: Path, make: Callable) -> None:
    todo = jobs(tmp_path, 'if name == "page1": os.kill(int(os.environ["JPY_PARENT_PID"]), 9)', number=5)
    found = outcomes(todo, make=make)
    assert found.pop("page1").error.startswith("the process that made this page died twice")
    assert sorted(found) == ["page0", "page2", "page3", "page4"] and all(outcome.ok for outcome in found.values())


def test_a_page_whose_process_always_dies_fails_and_the_others_do_not(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 'if name == "page1": os.kill(os.getpid(), 9)')
    found = outcomes(todo)
    assert found.pop("page1").error.startswith("DeadKernelError")
    assert all(outcome.ok for outcome in found.values())
    assert todo[1].output.with_suffix(".failed.ipynb").is_file() and not todo[1].output.exists()


@pytest.mark.parametrize("make", [warm_pages, stock_pages])
def test_time_and_memory_have_limits_and_what_ran_is_kept(tmp_path: Path, make: Callable) -> None:
    source = 'if name == "page0": time.sleep(600)\nif name == "page1": wasted = bytearray(3 * 2**30)\nos.getpid()'
    todo = jobs(tmp_path, source, number=3)
    found = outcomes(todo, make=make, limits=Limits(seconds=5, memory=2**30))
    assert found["page0"].error.startswith("CellTimeoutError")
    assert found["page1"].error == "MemoryError"
    assert found["page2"].ok
    for job in todo[:2]:
        kept = nbformat.read(job.output.with_suffix(".failed.ipynb"), as_version=4)
        assert kept.metadata.papermill.parameters["name"] == job.name


def test_a_kernel_that_gets_too_little_memory_says_what_may_be_meant(tmp_path: Path) -> None:
    # Memory that is taken outside Python ends the kernel: there is no exception to tell of it.
    source = "import ctypes\nplace = ctypes.CDLL(None).malloc(ctypes.c_size_t(2 * 2**30))\nctypes.memset(place, 1, 9)"
    found = outcomes(jobs(tmp_path, source, number=1), limits=Limits(memory=2**30))
    assert found["page0"].error.startswith("DeadKernelError") and "--memory" in found["page0"].error


def test_what_a_notebook_leaves_running_ends_with_it(tmp_path: Path) -> None:
    source = 'import subprocess\n(here / "left").write_text(str(subprocess.Popen(["sleep", "600"]).pid))'
    assert outcomes(jobs(tmp_path, source, number=1))["page0"].ok
    left = int((tmp_path / "left").read_text())
    limit = time.monotonic() + 5
    while not gone(left):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_nothing_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    todo = jobs(tmp_path, ONCE)
    script = "import sys; from test_faults import *\nfolder = Path(sys.argv[1]); outcomes(jobs(folder, ONCE))\n"
    runner = psutil.Popen([sys.executable, "-c", script, tmp_path], cwd=Path(__file__).parent, start_new_session=True)
    families: list[psutil.Process] = []
    watch = when_waiting(tmp_path, lambda *pair: families.extend([*pair, pair[0].parent(), *runner.children(True)]))
    watch.join()
    assert len(set(families)) >= 3
    runner.kill()
    runner.wait()
    _, alive = psutil.wait_procs(set(families), timeout=5)
    assert [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert all(outcome.ok for outcome in outcomes(todo).values())


def test_a_parent_with_threads_refuses_to_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "starts_a_thread.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    parent = WarmParent.start(["starts_a_thread"])
    try:
        with pytest.raises(RefusedError, match="it has 2 threads, and a process is only forked from one"):
            parent.fork("os:getpid", {})
    finally:
        parent.close()


def test_a_parent_that_cannot_start_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kills_itself.py").write_text("import os; os._exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WarmError), WarmPool(2, ["kills_itself"]) as pool:
        list(pool.run("os:getpid", [{}] * 9))


def test_the_tasks_of_a_pool_come_back_with_their_numbers_and_deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with WarmPool(2) as pool:
        found = dict(pool.run("test_faults:work", [{"number": n} for n in range(6)]))
    assert found[3] == Died(-signal.SIGSEGV)
    del found[3]
    assert {n: value[0] for n, value in found.items()} == {n: n * n for n in (0, 1, 2, 4, 5)}
    assert len({pid for _, pid in found.values()}) == 5  # A process for each.


def work(*, number: int) -> tuple[int, int]:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number**2, os.getpid()


def test_modules_to_import_are_read_from_the_code_of_notebooks(tmp_path: Path) -> None:
    jobs(tmp_path, "import altair as alt\nfrom sro_research.study import open_study\nfrom . import no")
    named = ["os", "time", "pathlib", "altair", "sro_research.study", "sro_research.study.open_study"]
    assert preload([tmp_path / "source.ipynb"])[1 + len(LATE) :] == named
    (tmp_path / "magic").mkdir()
    jobs(tmp_path / "magic", "%matplotlib inline")
    assert preload([tmp_path / "magic" / "source.ipynb"])[1 + len(LATE) :] == []


def test_dask_makes_each_page_once_though_a_worker_is_killed(tmp_path: Path) -> None:
    todo = jobs(tmp_path, ONCE, number=6)
    with Cluster(tmp_path / "cluster", workers=2, threads=1) as cluster:
        make = pages_by(cluster.address)
        # Parent of the kernel: the warm parent; its parent: the worker.
        killer = when_waiting(tmp_path, lambda kernel, _: kernel.parent().parent().kill())
        found = outcomes(todo, make=make)
        killer.join()
        assert {name: outcome.error for name, outcome in found.items()} == dict.fromkeys((job.name for job in todo), "")
        tries = {job.name: (tmp_path / f"{job.name}.tries").read_text() for job in todo}
        # What was finished is not made again: a receipt says so.
        assert tries == {job.name: "xx" if job.name == "page1" else "x" for job in todo}
        again = outcomes(todo, make=make)
        assert all(outcome.ok for outcome in again.values())
        assert {job.name: (tmp_path / f"{job.name}.tries").read_text() for job in todo} == tries
        # A receipt for other inputs is none.
        found = outcomes([replace(todo[0], inputs={"cells": "others"})], make=make)
        assert found["page0"].ok and (tmp_path / "page0.tries").read_text() == "xx"
        # Workers whose parents have died start others.
        for parent in [p for w in cluster.workers() for p in w.children() if "warm.parent" in " ".join(p.cmdline())]:
            parent.kill()
        changed = [replace(job, inputs={"cells": "changed"}) for job in todo]
        assert [o.error for o in outcomes(changed, make=make).values()] == [""] * len(todo)


def test_the_same_pages_in_two_folders_are_made_twice_on_one_cluster(tmp_path: Path) -> None:
    both = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        both.append(jobs(folder, "time.sleep(1)", number=2))
    with Cluster(tmp_path / "cluster") as cluster, ThreadPoolExecutor(2) as threads:
        found = list(threads.map(partial(outcomes, make=pages_by(cluster.address)), both))
    assert all(outcome.ok for one in found for outcome in one.values())
    assert [job.output for todo in both for job in todo if not job.output.is_file()] == []


def test_a_scheduler_that_is_killed_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    todo = jobs(tmp_path, ONCE)
    with Cluster(tmp_path / "cluster") as cluster:
        killer = when_waiting(tmp_path, lambda *_: cluster.scheduler.kill())
        with pytest.raises(WorkbenchError, match=r"the Dask scheduler at tcp://.* is gone\. Start it, and run again\."):
            outcomes(todo, make=pages_by(cluster.address))
        killer.join()
    assert all(outcome.ok for outcome in outcomes(todo).values())


def test_without_a_scheduler_dask_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(WorkbenchError, match="there is no Dask scheduler at"):
        outcomes(jobs(tmp_path, ""), make=pages_by("tcp://127.0.0.1:9"))
