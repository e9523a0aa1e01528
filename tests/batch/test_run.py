"""The batch on the demo study: resumed, broken, mended, published."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
from conftest import PROJECT, Run, demo_study, sro_research
from light_study import seconds_to_end

from sro_research.batch.lock import alone_in
from sro_research.errors import StudyFileError
from sro_research.files import file_fingerprint
from sro_research.report.words import load_words


@pytest.fixture
def copy(demo: Run, tmp_path: Path) -> Run:
    """A copy of the finished demo run, with notebooks of its own."""
    shutil.copytree(demo.root, tmp_path / "reports" / "demo")
    shutil.copytree(PROJECT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    params_file = tmp_path / "copy.yaml"
    params_file.write_text(
        f"extends: {demo.params_file}\nfolders: {{reports: {tmp_path}/reports, notebooks: {tmp_path}/notebooks}}\n"
    )
    return Run(params_file, demo.data, tmp_path / "reports" / "demo", "")


def pages(release: Path) -> dict[str, str]:
    return {path.name: file_fingerprint(path) for path in sorted(release.iterdir())}


def test_a_release_is_pages_and_nothing_else(demo):
    names = set(pages(demo.release))
    assert names == {
        f"{stem}{language}.html"
        for stem in ("index", "board", "school_0001", "school_0002")
        for language in ("", ".es")
    }
    assert f"index: {demo.release / 'index.html'}" in demo.output
    index = (demo.release / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="([^"#]+)"', index)) == {
        "index.es.html",
        "board.html",
        "school_0001.html",
        "school_0002.html",
    }
    assert index.count(load_words("en")("index_missing")) == 10


def test_nothing_internal_is_in_the_release(demo):
    for path in demo.release.iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(demo.root) not in text and "papermill" not in text
        assert not re.search(r"respondent_key|officer_0|SRO-1|R\d{6}|Synthetic comment", text), path.name


def test_the_manifest_says_with_what_each_page_was_made(demo):
    about, *lines = map(json.loads, (demo.internal / "manifest.jsonl").read_text().splitlines())
    assert {"study", "parameters", "version", "environment", "python", "packages"} <= about.keys()
    assert about["packages"]["papermill"]
    runs = {run["name"]: run for run in lines}
    assert list(runs)[:2] == ["study/data_quality", "study/climate_perceptions"]
    assert {"school/0001", "school/0002", "board"} <= runs.keys()
    for path, digest in runs["school/0001"]["outputs"].items():
        assert file_fingerprint(demo.root / path) == digest


def test_a_finished_run_is_not_made_again(copy):
    before = pages(copy.release)
    again = sro_research("run", copy.params_file, "--limit", 2)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("0 made, 9 up to date, 0 failed")
    rows, note = again.stderr.splitlines()  # What is up to date makes no progress.
    assert note == "note: 10 of 13 pages are not in this release; a run without --only and --limit makes all"
    assert rows == f"7 rows set aside, see {copy.internal}/quarantine/quarantine.csv"
    assert pages(copy.release) == before
    planned = sro_research("run", copy.params_file, "--dry-run").stdout.splitlines()
    assert [line.split()[0] for line in planned] == ["up"] * 8 + ["run"] * 10 + ["up"]
    assert re.fullmatch(r"run +school/0003 +new", planned[8])


def test_a_roster_smaller_than_the_answers_is_noted(copy):
    path = copy.internal / "protected" / "schools.parquet"
    roster = pd.read_parquet(path)
    roster.loc[(roster["school_id"] == "0001") & (roster["wave"] == "2025"), "students"] = 5
    roster.to_parquet(path)
    again = sro_research("run", copy.params_file, "--limit", 2)
    # Below ten no number is repeated.
    assert "note: school 0001, wave 2025: more student answers than students on the roster\n" in again.stderr


def test_a_page_that_was_changed_by_hand_is_made_again_byte_for_byte(copy):
    before = pages(copy.release)
    page = copy.internal / "pages" / "school_0001.html"
    page.write_text(page.read_text(encoding="utf-8").replace("students", "pupils"), encoding="utf-8")
    again = sro_research("run", copy.params_file, "--only", "0001")
    assert again.stdout.startswith("1 made, 7 up to date, 0 failed")
    assert pages(copy.release) == before


def test_one_schools_failure_does_not_stop_the_others(copy):
    path = copy.root.parents[1] / "notebooks" / "school" / "school_report.ipynb"
    good = path.read_text(encoding="utf-8")
    broken = nbformat.reads(good, as_version=4)
    broken.cells.insert(3, nbformat.v4.new_code_cell('assert school_id != "0002", "planted"'))
    nbformat.write(broken, path)
    run = sro_research("run", copy.params_file, "--limit", 2)
    assert run.returncode == 3
    assert run.stdout.startswith("1 made, 7 up to date, 1 failed")
    assert "failed: school/0002, cell 4: AssertionError: planted" in run.stderr
    assert "Traceback" not in run.stderr
    assert "school_0001.html" in pages(copy.release) and "school_0002.html" not in pages(copy.release)
    assert (copy.internal / "notebooks" / "school_0002.failed.ipynb").is_file()
    planned = sro_research("run", copy.params_file, "--limit", 2, "--dry-run").stdout
    assert re.search(r"^run +school/0002 +failed before$", planned, re.M)
    path.write_text(good, encoding="utf-8")
    planned = sro_research("run", copy.params_file, "--limit", 2, "--dry-run").stdout
    assert re.search(r"^run +school/0001 +changed: notebook$", planned, re.M)
    assert sro_research("run", copy.params_file, "--limit", 2).returncode == 0
    assert "school_0002.html" in pages(copy.release)


def test_a_failing_study_notebook_leaves_the_old_release(copy):
    before = pages(copy.release)
    path = copy.root.parents[1] / "notebooks" / "study" / "safe_cells.ipynb"
    broken = nbformat.read(path, as_version=4)
    broken.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(broken, path)
    run = sro_research("run", copy.params_file, "--limit", 2)
    assert run.returncode == 3
    assert re.search(
        r"^failed: study/safe_cells, cell \d+: ZeroDivisionError \(what it says may hold answers", run.stderr, re.M
    )
    assert pages(copy.release) == before


def test_a_report_that_reaches_for_a_protected_table_fails(copy):
    path = copy.root.parents[1] / "notebooks" / "school" / "school_report.ipynb"
    greedy = nbformat.read(path, as_version=4)
    greedy.cells.append(
        nbformat.v4.new_code_cell("from sro_research.study import open_study\nopen_study(params_file, run_dir=run_dir)")
    )
    nbformat.write(greedy, path)
    run = sro_research("run", copy.params_file, "--only", "0001")
    assert run.returncode == 3
    assert "a report may not open a study for analysis" in run.stderr


def test_shards_make_what_one_run_makes_and_merge_publishes_it(copy):
    before = pages(copy.release)
    shutil.rmtree(copy.internal / "pages")
    for shard in ("1/2", "2/2"):
        run = sro_research("run", copy.params_file, "--limit", 2, "--shard", shard)
        assert run.returncode == 0, run.stderr
        assert "index" not in run.stdout and "note: nothing is published by a shard" in run.stderr
        if shard == "1/2":
            early = sro_research("merge", copy.params_file, "--limit", 2)
            assert early.returncode == 2 and pages(copy.release) == before
            assert early.stderr.startswith(
                "error: merge: 1 page of 3 not made yet: school/0002. Nothing was published."
            )
    assert {path.name for path in copy.internal.glob("manifest*.jsonl")} == {
        "manifest.jsonl",
        "manifest.1of2.jsonl",
        "manifest.2of2.jsonl",
    }
    shutil.rmtree(copy.release)
    merged = sro_research("merge", copy.params_file, "--limit", 2)
    assert merged.returncode == 0, merged.stderr
    assert merged.stdout.startswith("0 made, 3 up to date, 0 failed")
    assert pages(copy.release) == before


def test_a_shard_asks_for_safe_cells_first(tmp_path):
    study = demo_study(tmp_path)
    (tmp_path / "data").mkdir()
    run = sro_research("run", study, "--shard", "1/2")
    assert run.returncode == 2
    assert "study/data_quality is not up to date (new). First run with `--limit 0`." in run.stderr
    assert "'3/2' is not a part of a whole, such as 2/8." in sro_research("run", study, "--shard", "3/2").stderr


TELLTALE = """
import sys
from IPython.display import display
from sro_research.report.parts import Multilingual, Paragraph

forked = "yes" if "sro_research.batch.page" in sys.modules else "no"
display(Multilingual({language: Paragraph(forked) for language in ("en", "es")}))
"""


def test_pages_are_those_of_a_kernel_that_is_started_and_what_differs_is_not_published(copy):
    before = pages(copy.release)
    run = sro_research("run", copy.params_file, "--limit", 2, "--verify", 1)
    assert run.returncode == 0, run.stderr
    assert re.search(
        r"^note: made again by papermill's own engine, the same to the byte: (school/000\d|board)$", run.stderr, re.M
    )
    path = copy.root.parents[1] / "notebooks" / "school" / "school_report.ipynb"
    planted = nbformat.read(path, as_version=4)
    planted.cells.append(nbformat.v4.new_code_cell(TELLTALE))
    nbformat.write(planted, path)
    run = sro_research("run", copy.params_file, "--limit", 2, "--verify", 9)
    assert run.returncode == 2
    assert re.search(
        r"error: school/000[12]: its page \(en\) differs from the one that papermill's own engine", run.stderr
    )
    assert pages(copy.release) == before


def test_a_line_that_a_crash_cut_off_is_as_if_it_were_not_there(copy):
    manifest = copy.internal / "manifest.jsonl"
    whole = manifest.read_bytes()
    lines = whole.splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    again = sro_research("run", copy.params_file, "--limit", 2, "--progress", "json")
    assert again.stdout.startswith("1 made, 8 up to date, 0 failed"), again.stderr
    assert all(line.endswith(b"}\n") for line in manifest.read_bytes().splitlines(keepends=True))
    told = json.loads(next(line for line in again.stderr.splitlines() if line.startswith("{")))
    assert told.pop("seconds") > 0
    assert told == {"stage": "pages", "done": 1, "total": 1, "failed": 0, "skipped": 2, "working": []}


def test_clean_deletes_results_and_only_results(copy):
    stranger = copy.root / "notes.txt"
    stranger.write_text("keep me")
    assert "deleted" in sro_research("clean", copy.params_file, "--yes").stdout
    assert sorted(path.name for path in copy.root.iterdir()) == ["ledger", "notes.txt"]
    assert "nothing is deleted" in sro_research("clean", copy.params_file, "--yes").stdout


def sleeping(folder: Path) -> Path:
    """Write a notebook that takes a minute and says that it has started."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                'params_file = ""\nrun_dir = ""\nschool_id = ""', metadata={"tags": ["parameters"]}
            ),
            nbformat.v4.new_code_cell(
                f'import os, pathlib, time\npathlib.Path("{folder}", f"started{{os.getpid()}}").touch()\ntime.sleep(60)'
            ),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, folder / "sleeping.ipynb")
    return folder / "sleeping.ipynb"


def stopped_by_ctrl_c(folder: Path, command: list[object], kernels: int) -> subprocess.CompletedProcess[str]:
    """Start a command, wait for its kernels, press Ctrl-C as a terminal does; in two seconds nothing of it may live."""
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        limit = time.monotonic() + 120
        while len(started := list(folder.glob("started*"))) < kernels:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.1)
        time.sleep(0.2)
        family = psutil.Process(process.pid).children(recursive=True)
        assert {int(path.name.removeprefix("started")) for path in started} <= {p.pid for p in family}
        pressed, allowed = time.monotonic(), seconds_to_end()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        while alive := [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
            assert time.monotonic() < pressed + 30, alive
            time.sleep(0.02)
        took = time.monotonic() - pressed
        assert took < allowed, f"{took:.2f} seconds"
        print(f"ended in {took:.2f} seconds")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_ctrl_c_is_one_sentence_and_ends_everything(tmp_path: Path) -> None:
    sleeping(tmp_path)
    study = demo_study(
        tmp_path, "notebooks: {study: [sleeping.ipynb], school: sleeping.ipynb, board: sleeping.ipynb}\n"
    )
    study.write_text(study.read_text().replace("folders:\n", f"folders:\n  notebooks: {tmp_path}\n"))
    ended = stopped_by_ctrl_c(tmp_path, ["-m", "sro_research", "run", study], kernels=1)
    assert ended.returncode == 130, ended.stderr
    lines = ended.stderr.splitlines()
    assert lines == ["0/1 study/sleeping", "stopped; what is finished is kept, the same command goes on"]


@pytest.mark.parametrize("engine", ["warm", "stock"])
def test_ctrl_c_ends_pages_that_are_being_made(engine: str, tmp_path: Path) -> None:
    notebook = sleeping(tmp_path)
    script = tmp_path / "pages.py"
    script.write_text(
        "from pathlib import Path\n"
        "from sro_research.batch.executors import stock_pages, warm_pages\n"
        "from sro_research.batch.page import Limits\n"
        "from sro_research.batch.plan import Job\n"
        "if __name__ == '__main__':\n"
        f"    here = Path({str(tmp_path)!r})\n"
        f"    source = Path({str(notebook)!r})\n"
        "    jobs = [Job(f'p{i}', source, here / f'p{i}.ipynb', {}, {}, {}) for i in range(5)]\n"
        "    try:\n"
        f"        list({engine}_pages(jobs, 2, cwd=here, limits=Limits()))\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped')\n"
    )
    ended = stopped_by_ctrl_c(tmp_path, [script], kernels=2)
    assert (ended.returncode, ended.stdout) == (0, "stopped\n")
    assert "Traceback" not in ended.stderr, ended.stderr
    assert len(list(tmp_path.glob("started*"))) == 2


def test_one_run_at_a_time_in_a_folder_until_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "internal").mkdir()
    code = (
        "import sys, time; from pathlib import Path; from sro_research.batch.lock import alone_in\n"
        "with alone_in(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(StudyFileError, match=r": another run is using this folder\. Wait until it has ended, or "):
            alone_in(tmp_path).__enter__()
    finally:
        holder.kill()
        holder.wait()
    with alone_in(tmp_path):
        pass
