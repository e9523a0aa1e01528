"""Disks that are full, and folders that may not be written or read: one sentence, no loss, and on when it is mended."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, Run, demo_study
from light_study import SCHOOLS, command, files, light_study, notebook, times_made

from sro_research.batch.publish import staged_for
from sro_research.errors import EXIT_INCOMPLETE, EXIT_INPUT

PAGES = [f"school/{n:04}" for n in range(1, SCHOOLS + 1)] + ["board"]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
"""Numbers of Linux."""
GO_ON = "Then run again: what is finished is kept."
FILL = """
if school_id == "0003" and "SRO_TEST_FAULT" in os.environ:
    print("x" * 3_000_000)
    if os.environ["SRO_TEST_FAULT"] == "full":
        try:
            with pathlib.Path(run_dir, "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(512))
        except OSError:
            pass
"""
FORBID = """
if school_id == "0003" and "SRO_TEST_FAULT" in os.environ:
    pathlib.Path(run_dir, os.environ["SRO_TEST_FAULT"]).chmod(0o500)
"""
MOST_OF_A_FILE = 2_000_000


def run(words: list[str], *, fault: str = "", before: Callable[[], None] | None = None) -> str:
    """Run a command to its end; return its exit status and what it said."""
    more = {"SRO_TEST_FAULT": fault} if fault else {}
    made = subprocess.run(
        words, env={**os.environ, **more}, capture_output=True, text=True, preexec_fn=before, timeout=300, check=False
    )
    assert "Traceback" not in made.stderr, made.stderr
    return f"{made.returncode}\n{made.stdout}{made.stderr}"


def error_of(said: str) -> str:
    """Return the one error with which a run ended."""
    (error,) = [line for line in said.splitlines() if "error" in line.lower()]
    assert said.startswith(f"{EXIT_INPUT}\n"), said
    return error


def no_large_files(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def bound_by_permissions() -> None:
    """Take from root, before the command begins, what lets it write and read where permissions do not."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise PermissionError("root's rights cannot be taken from it here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 40 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_ends_a_run_in_one_sentence_and_the_old_release_stays(
    demo: Run, tmp_path: Path, small_disk: Path
) -> None:
    study = light_study(demo, tmp_path, FILL, root=small_disk / "demo")
    old, before = files(study.release), times_made(study)
    said = run(command(study, "--jobs", 1), fault="full")
    assert re.fullmatch(
        rf"error: school/0003: {study.internal}/notebooks/\S+: cannot be written: no space left on device\. "
        rf"Free space or choose another folder\. {GO_ON}",
        error_of(said),
    )
    assert files(study.release) == old
    (study.root / "filler").unlink()
    assert run(command(study)).startswith(f"0\n{len(PAGES) - 2} made, 8 up to date, 0 failed")
    assert times_made(study) - before == Counter(PAGES)
    new = files(study.release)
    free = os.statvfs(study.root)
    (study.root / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - 60_000))
    error = error_of(run(command(study)))  # All pages are there; the release has no place.
    waiting = re.escape(str(staged_for(study.release)))
    assert re.fullmatch(rf"error: {waiting}/\S*: cannot be written: no space left on device\. .*", error)
    assert files(study.release) == new
    (study.root / "filler").unlink()
    assert run(command(study)).startswith("0\n0 made, 11 up to date, 0 failed")
    assert files(study.release) == new and not staged_for(study.release).exists()


def test_a_page_that_is_too_large_for_the_disk_ends_the_run(demo: Run, tmp_path: Path) -> None:
    study = light_study(demo, tmp_path, FILL)
    old, before = files(study.release), times_made(study)
    error = error_of(run(command(study, "--jobs", 1), fault="large", before=no_large_files(MOST_OF_A_FILE)))
    assert re.fullmatch(
        rf"error: school/0003: {study.internal}/notebooks/\S+: cannot be written: file too large\. .* {GO_ON}", error
    )
    assert files(study.release) == old
    assert run(command(study)).startswith("0\n3 made, 8 up to date, 0 failed")
    assert times_made(study) - before == Counter(PAGES)


def test_a_manifest_that_cannot_grow_ends_the_run_and_a_line_it_has_half_is_none(demo: Run, tmp_path: Path) -> None:
    study = light_study(demo, tmp_path)
    path = study.internal / "manifest.jsonl"
    old, lines = files(study.release), path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) * (MOST_OF_A_FILE // path.stat().st_size))  # No page is as large.
    before = times_made(study)
    begun, entry = (next(line for line in lines if word in line) for word in (b'"began"', b'"school/0001"'))
    room = path.stat().st_size + len(begun) + len(entry) * 3 // 2
    error = error_of(run(command(study, "--jobs", 1), before=no_large_files(room)))
    assert error == f"error: {path}: cannot be written: file too large. Free space or choose another folder."
    assert path.stat().st_size == room
    assert files(study.release) == old
    assert times_made(study) - before == Counter(["school/0001"])
    assert run(command(study)).startswith("0\n4 made, 7 up to date, 0 failed")
    assert times_made(study) - before == Counter(PAGES)


WRITES = {
    "its table": 'open_study(params_file, run_dir=run_dir).keep({"big": pd.DataFrame({"x": np.random.rand(200_000)})})',
    "itself": 'print("x" * 1_000_000)',
}


@pytest.mark.parametrize("what", WRITES)
def test_a_study_notebook_that_has_no_place_for_what_it_writes_ends_the_run(tmp_path: Path, what: str) -> None:
    notebook(
        tmp_path / "writes.ipynb",
        f"import numpy as np\nimport pandas as pd\nfrom sro_research.study import open_study\n{WRITES[what]}",
    )
    study = demo_study(tmp_path, "notebooks: {study: [writes.ipynb], school: writes.ipynb, board: writes.ipynb}\n")
    study.write_text(study.read_text().replace("folders:\n", f"folders:\n  notebooks: {tmp_path}\n"))
    light = Run(study, tmp_path / "data", tmp_path / "reports" / "demo", "")
    error = error_of(run(command(light, "--limit", 0), before=no_large_files(500_000)))
    place = {"its table": "protected/big.parquet", "itself": "notebooks/writes.ipynb"}[what]
    assert error.startswith(f"error: study/writes: {light.internal}/{place}: cannot be written: file too large. ")
    assert not list(light.internal.rglob("*.running.ipynb")) and not list(light.internal.rglob("*.tmp"))
    assert run(command(light, "--limit", 0)).startswith("0\n1 made, 0 up to date, 0 failed")


@pytest.mark.parametrize("folder", ["internal/notebooks", "internal/pages", "."])
def test_results_that_become_read_only_end_a_run_and_it_goes_on(demo: Run, tmp_path: Path, folder: str) -> None:
    study = light_study(demo, tmp_path, FORBID)
    old, before = files(study.release), times_made(study)
    words = command(study, "--jobs", 1)
    error = error_of(run(words, fault=folder, before=bound_by_permissions))
    place = f"{staged_for(study.release)}:" if folder == "." else f"school/0003: {study.root / folder}/"
    assert error.startswith(f"error: {place}") and ": cannot be written: permission denied. Ask for the right " in error
    assert files(study.release) == old
    made = len(PAGES) if folder == "." else 2
    assert (times_made(study) - before).total() == made
    (study.root / folder).chmod(0o700)
    said = run(words, before=bound_by_permissions)
    assert said.startswith(f"0\n{len(PAGES) - made} made, {6 + made} up to date, 0 failed"), said
    assert times_made(study) - before == Counter(PAGES)
    assert len(files(study.release)) > len(old)


def reads_only(demo: Run, place: Path) -> tuple[list[str], Path]:
    """Write a study that only reads its sources; return the command that runs it, and the folder of the sources."""
    data = place / "in" / "data"
    shutil.copytree(demo.data, data)
    study = demo_study(data.parent, "notebooks: {study: [study/data_quality.ipynb]}\n")
    shutil.copytree(PROJECT / "notebooks", data.parent / "notebooks")
    folders = f"folders:\n  notebooks: {data.parent}/notebooks\n"
    text = study.read_text(encoding="utf-8").replace(f"{data.parent}/reports", f"{place}/reports")
    study.write_text(text.replace("folders:\n", folders), encoding="utf-8")
    return command(Run(study, data, place / "reports" / "demo", ""), "--limit", 0), data


def test_read_only_sources_are_enough_and_one_that_may_not_be_read_is_set_aside(demo: Run, tmp_path: Path) -> None:
    words, data = reads_only(demo, tmp_path)
    source = next(data.glob("*training*"))
    before = files(data.parent)
    for path in [*data.parent.rglob("*"), data.parent]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    said = run(words, before=bound_by_permissions)
    assert said.startswith("0\n1 made, 0 up to date, 0 failed"), said
    assert files(data.parent) == before
    source.chmod(0)
    said = run(words, before=bound_by_permissions)
    assert said.startswith(f"{EXIT_INCOMPLETE}\n1 made, 0 up to date, 0 failed"), said
    assert f"set aside: {source}: you may not read this file. Ask for the right to read it." in said


def test_what_a_run_cannot_do_without_is_named_where_it_may_not_be_read_or_written(demo: Run, tmp_path: Path) -> None:
    words, data = reads_only(demo, tmp_path)
    roster, page = next(data.glob("*schools*")), data.parent / "notebooks" / "school" / "school_report.ipynb"
    for path, error in {
        roster: f"{roster}: you may not read this file. Ask for the right to read it.",
        page: f"{page}: cannot be read: permission denied. Check the path and who may read it.",
    }.items():
        path.chmod(0)
        assert error_of(run(words, before=bound_by_permissions)) == f"error: {error}"
        path.chmod(0o600)
    results = tmp_path / "reports"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(mode=0o500)
    error = error_of(run(words, before=bound_by_permissions))
    assert error == (
        f"error: {results}/demo/internal: cannot be written: permission denied. "
        "Ask for the right to write there or choose another folder."
    )
