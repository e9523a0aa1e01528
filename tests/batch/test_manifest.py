"""The record of a run: what a crash cut off is not there, what was not made has failed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.batch.manifest import FAILED, OK, Manifest
from sro_research.batch.notebook import Outcome
from sro_research.batch.plan import Job
from sro_research.errors import WorkbenchError


def job(root: Path, name: str) -> Job:
    """A job with a notebook and a page, neither of which is made."""
    made = root / "internal" / name
    return Job(name, root / "source.ipynb", made / "x.ipynb", {}, {"cells": name}, {"en": made / "x.html"})


def make(job: Job) -> None:
    """Write what a job's notebook would."""
    job.output.parent.mkdir(parents=True, exist_ok=True)
    for path in (job.output, *job.pages.values()):
        path.write_text(job.name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    manifest = Manifest.open(tmp_path_factory.mktemp("whole"), "study", "")
    manifest.begin("")
    for name in ("Año 1", "Niño 2", "Ñandú 3"):
        manifest.record(job(manifest.root, name), Outcome(1.0, 2, "ValueError: ¿qué?"))
    return manifest


@settings(deadline=None)
@given(where=st.floats(0, 1))
def test_a_record_that_was_cut_anywhere_holds_its_whole_lines(whole: Manifest, where: float) -> None:
    record = whole.path.read_bytes()
    cut = record[: round(where * len(record))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, whole.path.relative_to(whole.root))
        path.parent.mkdir()
        path.write_bytes(cut)
        found = Manifest.open(Path(folder), "study", "")
    assert list(found.entries.values()) == list(whole.entries.values())[: max(0, cut.count(b"\n") - 1)]


def test_a_record_that_was_cut_in_a_letter_holds_its_whole_lines(whole: Manifest, tmp_path: Path) -> None:
    record = whole.path.read_bytes()
    (tmp_path / "internal").mkdir()
    (tmp_path / "internal" / "manifest.jsonl").write_bytes(record[: record.rindex("ú".encode()) + 1])
    assert list(Manifest.open(tmp_path, "study", "").entries) == ["Año 1", "Niño 2"]


def test_a_line_in_the_middle_that_is_none_is_said(tmp_path: Path) -> None:
    manifest = Manifest.open(tmp_path, "study", "")
    manifest.begin("")
    for damaged in (b"\xff\xfe\n", b'{"name": \n'):
        manifest.path.write_bytes(damaged)
        with pytest.raises(WorkbenchError, match=r"this file is damaged\. Delete it and run again"):
            Manifest.open(tmp_path, "study", "")


def test_what_is_said_to_be_made_and_is_not_there_has_failed(tmp_path: Path) -> None:
    manifest, page = Manifest.open(tmp_path, "study", ""), job(tmp_path, "school/1")
    make(page)
    page.pages["en"].unlink()
    entry = manifest.record(page, Outcome(1.0))
    assert entry.status == FAILED and entry.outputs == {}
    assert (
        entry.error == "internal/school/1/x.html is not there after it was made; does its maker see the same folders?"
    )
    assert manifest.reason(page) == "failed before"
    make(page)
    assert manifest.record(page, Outcome(1.0)).status == OK
    assert Manifest.open(tmp_path, "study", "").done(page)
    page.pages["en"].unlink()
    assert manifest.reason(page) == "its output is gone or was changed"
