"""Real runs that are killed or stopped in mid-batch: nothing stays behind, nothing is lost, nothing is made twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clusters import Cluster
from conftest import Run
from light_study import SCHOOLS, command, files, light_study, seconds_to_end, started, times_made, until

from sro_research.batch.publish import staged_for
from sro_research.batch.warm import parent as parent_module
from sro_research.batch.warm.fork import ONE_THREAD
from sro_research.errors import EXIT_INPUT, EXIT_STOPPED, STOPPED

PAGES = [f"school/{n:04}" for n in range(1, SCHOOLS + 1)] + ["board"]
STUDY_NOTEBOOKS = 6
NAP = "time.sleep(0.5)"
SECONDS_TO_VANISH = 6
DEATHS = 16


def completed(run: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    return out, err


@pytest.fixture(scope="module")
def undisturbed(demo: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The release of a run that nothing happens to."""
    study = light_study(demo, tmp_path_factory.mktemp("undisturbed"), NAP)
    completed(started(study))
    return files(study.release)


class Marked:
    """A run whose processes are known by their environment, whoever has become their parent."""

    def __init__(self, study: Run, *more: object) -> None:
        self.mark = f"SRO_TEST_MARK={uuid.uuid4()}"
        name, value = self.mark.split("=")
        self.run = started(study, *more, env={**os.environ, name: value})

    def alive(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                about = Path(f"/proc/{process.pid}/environ").read_bytes()
                if self.mark.encode() in about and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def vanishes(self) -> bool:
        limit = time.monotonic() + SECONDS_TO_VANISH
        while alive := self.alive():
            if time.monotonic() > limit:
                for process in alive:
                    process.kill()
                return False
            time.sleep(0.05)
        return True


def warm_parent(run: subprocess.Popen[str]) -> psutil.Process:
    """Return the process that a run forks pages from; renderers are its other children."""
    module = parent_module.__name__
    (found,) = [child for child in psutil.Process(run.pid).children() if module in " ".join(child.cmdline())]
    return found


@pytest.mark.parametrize("engine", ["warm", "stock"])
def test_a_run_that_is_killed_leaves_nothing_behind_and_goes_on(
    demo: Run, undisturbed: dict[str, bytes], tmp_path: Path, engine: str
) -> None:
    study = light_study(demo, tmp_path, NAP)
    old, before = files(study.release), times_made(study)
    marked = Marked(study, "--engine", engine)
    until(lambda: (times_made(study) - before).total() >= 2, marked.run)
    assert len(marked.alive()) >= 3
    marked.run.kill()
    marked.run.wait()
    assert marked.vanishes()
    made = times_made(study) - before
    assert 2 <= made.total() < len(PAGES)
    assert files(study.release) == old
    planned = subprocess.run(command(study, "--dry-run"), capture_output=True, text=True, check=True).stdout
    done = {line.split()[3] for line in planned.splitlines() if line.startswith("up to date")}
    assert done & set(PAGES) == set(made)  # What was half made does not count.
    out, _ = completed(started(study))
    kept = STUDY_NOTEBOOKS + made.total()
    assert out.startswith(f"{len(PAGES) - made.total()} made, {kept} up to date, 0 failed")
    assert times_made(study) - before == Counter(PAGES)
    assert files(study.release) == undisturbed
    assert not list(study.internal.rglob("*.running.ipynb")) and not staged_for(study.release).exists()


@pytest.mark.parametrize("victim", ["parent", "child"])
def test_a_run_goes_on_when_what_it_forks_from_or_has_forked_is_killed(
    demo: Run, undisturbed: dict[str, bytes], tmp_path: Path, victim: str
) -> None:
    study = light_study(demo, tmp_path, NAP)
    before = times_made(study)
    marked = Marked(study)
    until(lambda: (times_made(study) - before).total() >= 1, marked.run)
    parent = warm_parent(marked.run)
    until(lambda: len(parent.children()) >= 2, marked.run)
    (parent if victim == "parent" else random.choice(parent.children())).kill()
    completed(marked.run)
    assert marked.vanishes()
    assert times_made(study) - before == Counter(PAGES)
    assert files(study.release) == undisturbed
    assert not list(study.internal.rglob("*.running.ipynb"))


def test_a_run_on_a_cluster_goes_on_when_a_worker_or_the_scheduler_is_killed(
    demo: Run, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    study = light_study(demo, tmp_path, NAP)
    before = times_made(study)

    def made() -> Counter[str]:
        return times_made(study) - before

    with Cluster(tmp_path / "cluster", workers=2, threads=1) as cluster:
        run = started(study, "--scheduler", cluster.address)
        until(lambda: made().total() >= 1, run)
        random.choice(cluster.workers()).kill()
        completed(run)
        assert made() == Counter(PAGES)
        assert files(study.release) == undisturbed
        # Asked for anew, workers do not take what is there for what they are asked for.
        anew = ("--scheduler", cluster.address, "--force", "--shard", "1/1")
        completed(started(study, *anew))
        assert made() == Counter(PAGES * 2)
        run = started(study, *anew)
        until(lambda: made().total() > 2 * len(PAGES), run)
        cluster.scheduler.kill()
        _, err = run.communicate(timeout=120)
        assert run.returncode == EXIT_INPUT
        assert f"the Dask scheduler at {cluster.address} is gone. Start it, and run again." in err
    assert files(study.release) == undisturbed
    completed(started(study))
    assert made() == Counter(PAGES * 3)
    assert files(study.release) == undisturbed
    assert not list(study.internal.rglob("*.running.ipynb"))


@pytest.mark.parametrize("moment", ["start", "imports", "pages"])
def test_ctrl_c_ends_a_run_at_once_and_it_goes_on(
    demo: Run, undisturbed: dict[str, bytes], tmp_path: Path, moment: str
) -> None:
    study = light_study(demo, tmp_path, NAP)
    old, before = files(study.release), times_made(study)
    marked = Marked(study)
    if moment == "start":  # The program itself imports.
        until(lambda: "pandas" in Path(f"/proc/{marked.run.pid}/maps").read_text(), marked.run)
    elif moment == "imports":  # The warm parent hears nothing then.
        until(lambda: len(psutil.Process(marked.run.pid).children()) > 0, marked.run)
    else:
        until(lambda: (times_made(study) - before).total() >= 1, marked.run)
    pressed, allowed = time.monotonic(), seconds_to_end()
    os.killpg(marked.run.pid, signal.SIGINT)
    _, err = marked.run.communicate(timeout=60)
    took = time.monotonic() - pressed
    assert marked.vanishes()
    assert took < allowed, f"{took:.2f} seconds"
    assert marked.run.returncode == EXIT_STOPPED
    assert err.splitlines()[-1] == STOPPED
    assert "Traceback" not in err and "Error" not in err
    assert files(study.release) == old
    if moment == "pages":
        completed(started(study))
        assert times_made(study) - before == Counter(PAGES)
        assert files(study.release) == undisturbed


PUBLISHER = """
import os, sys
from pathlib import Path
from sro_research.batch.plan import page_jobs
from sro_research.batch.publish import publish
from sro_research.study import open_study

params_file = Path(sys.argv[1])
study = open_study(str(params_file))
jobs = [job for job in page_jobs(study, params_file, "", study.reported_schools()) if job.name == "school/0001"]
publish(study, jobs)
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        publish(study, jobs)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
"""Has published once, so that those it forks publish at once."""


def test_a_release_is_the_old_one_or_the_new_one_whenever_its_publisher_is_killed(demo: Run, tmp_path: Path) -> None:
    study = light_study(demo, tmp_path)
    shutil.copytree(study.release, tmp_path / "old")
    old, staged = files(study.release), staged_for(study.release)
    publisher = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, study.params_file],
        env={**os.environ, **ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert publisher.stdin is not None and publisher.stdout is not None

    def begin() -> tuple[int, float]:
        """Start to publish over the old release; return who does it, and when the new one was begun."""
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(study.release)
        shutil.copytree(tmp_path / "old", study.release)
        print(file=publisher.stdin, flush=True)
        pid = int(publisher.stdout.readline())
        while not staged.exists():
            assert publisher.poll() is None
            time.sleep(0.001)
        return pid, time.monotonic()

    try:
        _, began = begin()
        assert publisher.stdout.readline() == "0\n"
        whole = time.monotonic() - began
        new = files(study.release)
        assert new != old and not staged.exists()
        found = []
        for death in range(DEATHS):
            audited = state(study.internal / "audit.txt")
            pid, began = begin()
            placed = state(study.release)
            if death % 2:  # Every other one dies when the release begins to change, soon after the audit is written.
                changes(study.internal / "audit.txt", audited, until=began + 60, pause=0.001)
                changes(study.release, placed, until=began + 60)
            else:
                time.sleep(random.uniform(0, whole))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            publisher.stdout.readline()
            found.append({str(old): "old", str(new): "new"}.get(str(files(study.release)), "a part"))
        assert set(found) == {"old", "new"}, found
        begin()
        assert publisher.stdout.readline() == "0\n"
        assert files(study.release) == new and not staged.exists()
    finally:
        publisher.kill()
        publisher.communicate()


def state(path: Path) -> tuple[int, int] | None:
    try:
        now = os.stat(path)  # noqa: PTH116 - as fast as it goes
    except FileNotFoundError:
        return None
    return now.st_ino, now.st_mtime_ns


def changes(path: Path, before: tuple[int, int] | None, *, until: float, pause: float = 0.0) -> None:
    """Return as soon as a file or folder is another, holds something else or is gone."""
    while state(path) == before:
        assert time.monotonic() < until
        if pause:
            time.sleep(pause)
