"""What is published, and when: nothing stale, and nothing that the ledger does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from conftest import Run
from light_study import files, small_study

from sro_research.batch import publish
from sro_research.batch.run import How, Standing, run_study
from sro_research.batch.warm.fork import end_own_parent
from sro_research.disclosure.audit import Audit
from sro_research.errors import DiskError
from sro_research.study import open_study


@pytest.fixture
def small(demo: Run, tmp_path: Path) -> Iterator[Path]:
    yield small_study(demo, tmp_path)
    end_own_parent()


def test_a_page_whose_safe_cells_change_during_a_run_is_not_published(small: Path) -> None:
    cells = open_study(str(small)).folders.cells

    def changed(now: Standing) -> None:
        """Do what somebody in JupyterLab may do while pages are made."""
        if now.stage == "pages" and now.done == now.total:
            table = pd.read_parquet(cells)
            of_one = (table["school_id"] == "0001") & (table["status"] == "shown")
            table.loc[of_one, "n"] += 1
            table.to_parquet(cells)

    summary = run_study(small, limit=2, how=How(jobs=2, progress=changed))
    assert summary.made == 4 and not summary.failed
    released = {path.name for path in open_study(str(small)).folders.release.iterdir()}
    # The board's page is made of the cells of all schools.
    assert released == {f"{stem}{language}.html" for stem in ("index", "school_0002") for language in ("", ".es")}
    assert summary.notes[0].startswith("12 of 13 pages are not in this release")


def test_schools_that_nobody_named_are_listed_also_where_their_page_is_not_made(demo: Run, tmp_path: Path) -> None:
    study = small_study(demo, tmp_path)
    tables = nbformat.read(tmp_path / "notebooks" / "tables.ipynb", as_version=4)
    tables.cells += [
        nbformat.v4.new_code_cell(
            "import json, pathlib, pandas as pd\n"
            'inside = pathlib.Path(run_dir, "internal")\n'
            'schools = pd.read_parquet(inside / "protected" / "schools.parquet")\n'
            'schools.assign(school_name=schools["school_id"]).to_parquet(inside / "protected" / "schools.parquet")\n'
            'facts = json.loads((inside / "safe" / "facts.json").read_text())\n'
            'facts["schools"] = {school: dict.fromkeys(names, school) for school, names in facts["schools"].items()}\n'
            '(inside / "safe" / "facts.json").write_text(json.dumps(facts))',
            id="unnamed",
        )
    ]
    nbformat.write(tables, tmp_path / "notebooks" / "tables.ipynb")
    summary = run_study(study, limit=1, how=How())
    end_own_parent()
    assert not summary.failed
    index = (open_study(str(study)).folders.release / "index.html").read_text(encoding="utf-8")
    assert '<a href="school_0001.html">0001</a>' in index and "<a>0002</a>" in index


def test_the_ledger_knows_of_a_release_before_its_readers_do(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = open_study(str(small)).folders

    def died(_: Path, place: Path) -> None:
        raise DiskError(place, "cannot be written", fix="")

    with monkeypatch.context() as patch:
        patch.setattr(publish, "put_in_place", died)
        with pytest.raises(DiskError):
            run_study(small, limit=1, how=How())
    assert not folders.release.exists() and folders.ledger.exists()
    known = pd.read_parquet(folders.ledger)
    run_study(small, limit=1, how=How())
    pd.testing.assert_frame_equal(pd.read_parquet(folders.ledger), known)
    assert folders.release.stat().st_mode & 0o777 == publish.OPEN


def test_a_release_behind_a_link_stays_there_and_the_next_one_waits_beside_it_closed(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, web = open_study(str(small)).folders.release, tmp_path / "web" / "school"
    run_study(small, limit=1, how=How())
    web.parent.mkdir()
    release.rename(web)
    release.symlink_to(web, target_is_directory=True)
    waiting, audit = [], publish.audit

    def looked_at(staged: Path, **how: Any) -> Audit:
        waiting.append((staged, staged.stat().st_mode & 0o777))
        return audit(staged, **how)

    monkeypatch.setattr(publish, "audit", looked_at)
    old = set(files(web))
    run_study(small, limit=2, how=How())
    assert waiting == [(web.with_name(".school.new"), 0o700)]
    assert release.is_symlink() and set(files(web)) > old
    assert [path.name for path in web.parent.iterdir()] == ["school"]
