"""Results at a URL: on a disk and in a store without folders, by one machine and by another, whole and cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from click.testing import CliRunner
from conftest import PROJECT, Run, demo_study
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from light_study import small_study

from sro_research.batch import elsewhere
from sro_research.batch.elsewhere import at_hand, look
from sro_research.batch.lock import HOURS_HELD
from sro_research.batch.place import PlaceError
from sro_research.batch.publish import _machine
from sro_research.batch.run import How, Standing, merge_study, plan_study, run_study
from sro_research.batch.warm.fork import end_own_parent
from sro_research.cli import main
from sro_research.errors import StudyFileError, WorkbenchError
from sro_research.files import local_copy
from sro_research.parameters import read_parameters
from sro_research.study import Folders, open_report, open_study

Machine = Callable[[str], Path]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Go to another machine: one whose cache folder is another."""

    def go_to(name: str) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machines" / name))
        return tmp_path / "machines" / name

    go_to("one")
    return go_to


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}://{tmp_path}/there"


def folders(url: str) -> Folders:
    """The folders of a study, made as a study makes them."""
    found = Folders.at(url)
    found.internal.mkdir(parents=True, exist_ok=True)
    return found


def there(url: str) -> dict[str, bytes]:
    """What anybody finds at a URL."""
    fs, top = fsspec.url_to_fs(url)
    return {path.removeprefix(f"{top}/"): fs.cat_file(path) for path in fs.find(top)}


def kept(url: str) -> dict[str, bytes]:
    return {name: data for name, data in there(url).items() if "/." not in name}


def make(root: Path, version: str, pages: tuple[str, ...] = ("index.html", "school_1.html")) -> dict[str, bytes]:
    """Write what a run makes; of the same size in each version, so that a size tells nothing."""
    files = {
        "internal/audit.txt": version,
        "internal/manifest.jsonl": version,
        "internal/notebooks/school_1.ipynb": version,
        "internal/protected/schools.parquet": version,
        "ledger/rows.parquet": version,
        **{f"internal/pages/{page}": f"{page} {version}" for page in pages if page != "index.html"},
        **{f"release/{page}": f"{page} {version}" for page in pages},
    }
    shutil.rmtree(root / "release", ignore_errors=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return {name: text.encode() for name, text in files.items()}


def test_what_is_made_here_lies_there_and_comes_to_another_machine(url: str, machine: Machine) -> None:
    one = folders(url)
    with at_hand(one):
        made = make(one.root, "v1", ("index.html", "school_1.html", "school_2.html"))
        for unfinished in ("internal/pages/.page.tmp", "internal/notebooks/school_3.running.ipynb"):
            (one.root / unfinished).write_text("half")
    assert kept(url) == made
    machine("two")
    two = folders(url)
    assert two.root != one.root
    with at_hand(two):
        assert {name: (two.root / name).read_bytes() for name in made} == made
        (two.internal / "pages" / "school_2.html").unlink()
        made = make(two.root, "v2")
    assert kept(url) == made
    machine("one")
    look(one)
    assert {name: (one.root / name).read_bytes() for name in made} == made
    assert sorted(page.name for page in one.release.iterdir()) == ["index.html", "school_1.html"]
    assert kept(url) == made


def test_on_a_disk_what_is_internal_is_its_owners_and_the_release_is_not(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with at_hand(folders(f"file://{tmp_path}/there")):
            make(Folders.at(f"file://{tmp_path}/there").root, "v1")
    finally:
        os.umask(before)
    modes = {name: (tmp_path / "there" / name).stat().st_mode & 0o777 for name in elsewhere.KEPT}
    assert modes == {"internal": 0o700, "ledger": 0o700, "release": 0o755}


class Watched:
    """A filesystem that writes down what it does, and fails when told to."""

    done: ClassVar[list[tuple[str, str]]] = []
    fails_after: ClassVar[int | None] = None

    def _does(self, what: str, path: str) -> None:
        if what != "get" and Watched.fails_after is not None:
            writes = [1 for done, _ in Watched.done if done != "get"]
            if len(writes) >= Watched.fails_after:
                raise OSError(28, "No space left on device")
        Watched.done.append((what, path.rpartition("/there/")[2]))

    def put_file(self, one, other, **more):
        self._does("put", other)
        return super().put_file(one, other, **more)

    def get_file(self, one, other, **more):
        self._does("get", one)
        return super().get_file(one, other, **more)

    def pipe_file(self, path, value, **more):
        self._does("write", path)
        return super().pipe_file(path, value, **more)

    def cp_file(self, one, other, **more):
        if not isinstance(self, LocalFileSystem):  # There it is how files are put and got.
            self._does("copy", other)
        return super().cp_file(one, other, **more)

    def rm_file(self, path):
        self._does("delete", path)
        return super().rm_file(path)


class WatchedDisk(Watched, LocalFileSystem):
    protocol = ("watched-disk",)


class WatchedStore(Watched, MemoryFileSystem):
    protocol = ("watched-store",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("watched-store://"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """The URL of a watched filesystem of a kind."""
    kinds = {"disk": WatchedDisk, "store": WatchedStore}
    for kind in kinds.values():
        fsspec.register_implementation(kind.protocol[0], kind, clobber=True)
    Watched.done, Watched.fails_after = [], None
    yield lambda kind: f"{kinds[kind].protocol[0]}://{tmp_path}/there"
    Watched.fails_after = None
    WatchedStore.store.clear()


def moved(*what: str) -> set[str]:
    return {path for done, path in Watched.done if done in what}


@pytest.mark.parametrize("kind", ["disk", "store"])
def test_only_what_changed_is_moved(kind: str, watched: Callable[[str], str], machine: Machine) -> None:
    url = watched(kind)
    one = folders(url)
    with at_hand(one):
        make(one.root, "v1")
    Watched.done.clear()
    with at_hand(one):
        pass
    assert moved("get", "put", "copy") == set()
    machine("two")
    two = folders(url)
    with at_hand(two):
        (two.root / "internal" / "protected" / "schools.parquet").write_text("v2")
    assert moved("put", "copy") == {"internal/protected/schools.parquet"}
    machine("one")
    Watched.done.clear()
    look(one)
    assert moved("get") == {"internal/protected/schools.parquet"}
    assert (one.root / "internal" / "protected" / "schools.parquet").read_text() == "v2"


def test_a_store_copies_pages_that_it_has_and_the_index_comes_last(watched: Callable[[str], str]) -> None:
    url = watched("store")
    with at_hand(folders(url)):
        make(Folders.at(url).root, "v1")
    Watched.done.clear()
    with at_hand(folders(url)):
        (Folders.at(url).root / "internal" / "pages" / "school_2.html").unlink(missing_ok=True)
        make(Folders.at(url).root, "v2", ("index.html", "school_1.html", "school_2.html"))
    steps = [step for step in Watched.done if "release" in step[1] and step[0] != "get"]
    assert steps[0] == ("put", "release.new/index.html")
    assert sorted(steps[1:3]) == [("copy", "release/school_1.html"), ("copy", "release/school_2.html")]
    assert steps[3] == ("copy", "release/index.html")
    order = [path for done, path in Watched.done if done == "put"]
    assert order.index("internal/notebooks/school_1.ipynb") < order.index("internal/audit.txt")
    assert order.index("internal/notebooks/school_1.ipynb") < order.index("internal/protected/schools.parquet")
    assert order.index("internal/protected/schools.parquet") < order.index("internal/manifest.jsonl")
    assert order.index("internal/manifest.jsonl") < order.index("ledger/rows.parquet") < order.index(steps[0][1])


def release(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.startswith("release/")}


@pytest.mark.parametrize("kind", ["disk", "store"])
def test_wherever_storing_fails_readers_have_a_release_and_the_next_run_mends_it(
    kind: str, watched: Callable[[str], str], machine: Machine, tmp_path: Path
) -> None:
    url = watched(kind)
    failed, new_was_seen = 0, False
    while True:
        shutil.rmtree(tmp_path / "machines", ignore_errors=True)
        with at_hand(folders(url)):
            old = make(Folders.at(url).root, "v1", ("index.html", "school_1.html", "school_2.html"))
        machine("looking")
        look(folders(url))
        machine("one")
        Watched.done.clear()
        Watched.fails_after = failed
        try:
            with at_hand(folders(url)):
                (Folders.at(url).internal / "pages" / "school_2.html").unlink()
                new = make(Folders.at(url).root, "v2")
        except PlaceError:
            pass
        else:
            break
        Watched.fails_after = None
        found = there(url)
        if kind == "disk" or not moved("copy"):
            assert release(found) in (release(old), release(new))
        for name, page in release(found).items():
            assert page in (old[name], new.get(name))
            if page != old[name]:
                new_was_seen = True
                assert found["ledger/rows.parquet"] == b"v2"
        if found["internal/manifest.jsonl"] == b"v2":
            assert found["internal/notebooks/school_1.ipynb"] == found["internal/protected/schools.parquet"] == b"v2"
        if found["internal/protected/schools.parquet"] == b"v2":
            assert found["internal/notebooks/school_1.ipynb"] == b"v2"
        if "internal/.lock" in found:
            fsspec.url_to_fs(url)[0].rm_file(f"{tmp_path}/there/internal/.lock")
        machine("looking")
        look(folders(url))
        found = kept(url)
        assert {name: (Folders.at(url).root / name).read_bytes() for name in found if "release.new" not in name} == {
            name: data for name, data in found.items() if "release.new" not in name
        }
        machine("two")
        with at_hand(folders(url)):
            new = make(Folders.at(url).root, "v2")
            (Folders.at(url).internal / "pages" / "school_2.html").unlink(missing_ok=True)
        assert kept(url) == new
        machine("one")
        failed += 1
    assert failed > 10 and (new_was_seen or kind == "disk")
    Watched.fails_after = None


def test_a_ledger_that_cannot_be_read_is_not_one_that_is_not_there(
    watched: Callable[[str], str], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = watched("store")
    with at_hand(folders(url)):
        made = make(Folders.at(url).root, "v1")
    listed = WatchedStore.ls

    def ls(self, path, **more):
        if path.endswith("ledger"):
            raise PermissionError(13, "Permission denied")
        return listed(self, path, **more)

    monkeypatch.setattr(WatchedStore, "ls", ls)
    machine("two")
    with (
        pytest.raises(PlaceError, match=r"there: it cannot be read or written: permission denied\. Check the address"),
        at_hand(folders(url)),
    ):
        pytest.fail("it went on without its ledger")
    assert kept(url) == made


def test_one_run_at_a_time_at_a_url(url: str, machine: Machine) -> None:
    with at_hand(folders(url)):
        machine("two")
        lock = json.loads(there(url)["internal/.lock"])
        assert set(lock) == {"time", "token"}
        for shard in ("", "1of2"):
            with (
                pytest.raises(
                    PlaceError, match=rf"last sign of life is of {lock['time'][:16]}.* delete internal/\.lock"
                ),
                at_hand(folders(url), shard),
            ):
                pytest.fail("two at a time")
        look(folders(url))  # To look is no harm.
    assert "internal/.lock" not in there(url)
    with pytest.raises(ZeroDivisionError), at_hand(folders(url)):  # noqa: PT012
        made = make(Folders.at(url).root, "v1")
        1 / 0  # noqa: B018
    assert there(url).keys() == made.keys() | {elsewhere.LISTING}


@pytest.mark.parametrize(
    ("lock", "held"),
    [
        (lambda hours: {"time": (datetime.now(UTC) - timedelta(hours=hours - 0.1)).isoformat(), "token": "x"}, True),
        (lambda hours: {"time": (datetime.now(UTC) - timedelta(hours=hours + 0.1)).isoformat(), "token": "x"}, False),
        (lambda _: {}, True),
        (lambda _: [1], True),
    ],
)
def test_the_lock_of_a_machine_that_died_holds_for_some_hours(lock, held, url: str) -> None:
    fs, top = fsspec.url_to_fs(url)
    fs.makedirs(f"{top}/internal")
    fs.pipe_file(f"{top}/internal/.lock", json.dumps(lock(HOURS_HELD)).encode())
    if held:
        with pytest.raises(PlaceError, match="another run works here"), at_hand(folders(url)):
            pytest.fail("it was held")
        assert "internal/.lock" in there(url)
    else:
        with at_hand(folders(url)):
            assert json.loads(there(url)["internal/.lock"])["token"] != "x"


def test_a_run_that_another_took_over_from_stores_nothing_more(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "SECONDS_BETWEEN", 0)
    with pytest.raises(PlaceError, match="another run has taken over"), at_hand(folders(url)) as keep:  # noqa: PT012
        made = make(Folders.at(url).root, "v1")
        keep()
        other = json.dumps({"time": datetime.now(UTC).isoformat(), "token": "other"}).encode()
        fs, top = fsspec.url_to_fs(url)
        fs.pipe_file(f"{top}/internal/.lock", other)
        make(Folders.at(url).root, "v2")
        keep()
    assert kept(url) == made
    assert there(url)["internal/.lock"] == other


def test_a_machine_that_is_shut_down_stores_what_is_finished(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/there"
    code = (
        "import sys, time; sys.path[:0] = ['tests', 'tests/batch']; from test_elsewhere import *\n"
        "one = folders(sys.argv[1])\n"
        "with at_hand(one): make(one.root, 'v1'); print('made', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=PROJECT
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "made\n"
        assert set(there(url)) == {"internal/.lock"}
        holder.send_signal(signal.SIGTERM)
        assert holder.wait(timeout=30) != 0
    finally:
        holder.kill()
        holder.wait()
    assert "internal/.lock" not in there(url) and "release/index.html" in there(url)


def test_sigterm_is_heard_again_after_a_notebook_left_it_to_the_system(url: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with at_hand(folders(url)) as keep:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        keep()
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            "nowhere://bucket/x",
            r"^nowhere://bucket/x: this URL cannot be used: ValueError\. Write one that fsspec knows",
        ),
        ("s3://me:secret@bucket/x", r"^s3://bucket/x: the driver for this kind of URL is not installed \(.*s3fs"),
    ],
)
def test_a_url_without_a_driver_is_one_sentence(bad: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(PlaceError, match=said), at_hand(folders(bad)):
        pytest.fail("there is no such driver")


def test_a_local_copy_is_private_and_of_one_url(tmp_path: Path, machine: Machine) -> None:
    here = machine("one")
    study = demo_study(tmp_path)
    study.write_text(study.read_text().replace(f"reports: {tmp_path}/reports", "reports: memory://bucket/results/"))
    assert read_parameters(study).folders.reports == "memory://bucket/results/"
    (tmp_path / "data").mkdir()
    opened = open_study(str(study))
    assert opened.folders.url == "memory://bucket/results/demo"
    assert opened.folders.root == local_copy("memory://bucket/results/demo")
    assert opened.folders.root.is_relative_to(here)
    assert opened.folders.root.stat().st_mode & 0o777 == 0o700
    assert open_study(str(study), run_dir="memory://other").folders.root != opened.folders.root
    assert {"memory://bucket/results/demo", f"{opened.folders.root}/"} <= set(_machine(opened))


def test_only_results_may_lie_at_a_url(tmp_path: Path) -> None:
    study = demo_study(tmp_path)
    study.write_text(study.read_text().replace(f"data: {tmp_path}/data", "data: s3://bucket/data"))
    with pytest.raises(StudyFileError, match=r"demo\.yaml:3: 'folders\.data' must lie on this machine\. Copy it here"):
        read_parameters(study)


@pytest.fixture
def small(demo: Run, tmp_path: Path) -> Iterator[Path]:
    yield small_study(demo, tmp_path)
    end_own_parent()


def test_a_study_is_run_at_a_url_and_not_made_again_from_there(
    url: str, small: Path, machine: Machine, tmp_path: Path
) -> None:
    summary = run_study(small, run_dir=url, limit=1, how=How(jobs=2))
    assert (summary.made, summary.kept, summary.failed) == (3, 0, [])
    assert summary.index == f"{url}/release/index.html"
    before = release(there(url))
    assert set(before) == {
        f"release/{stem}{language}.html" for stem in ("index", "board", "school_0001") for language in ("", ".es")
    }
    for page in before.values():
        assert url.encode() not in page and str(tmp_path).encode() not in page
    shutil.rmtree(machine("one"))
    planned = dict(plan_study(small, run_dir=url, limit=1))
    assert planned == {"study/tables": "", "school/0001": "", "board": ""}
    shutil.rmtree(machine("one"))
    summary = run_study(small, run_dir=url, limit=1, how=How(jobs=2))
    assert (summary.made, summary.kept, summary.failed) == (0, 3, [])
    assert release(there(url)) == before
    cleaned = CliRunner().invoke(main, ["clean", str(small), "--run-dir", url, "--yes"])
    assert cleaned.output == f"deleted: {url}/internal, {url}/release\n"
    assert set(there(url)) == {"ledger/counts.parquet", "ledger/rows.parquet", elsewhere.LISTING}


def test_another_machine_goes_on_where_one_died(
    small: Path, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "SECONDS_BETWEEN", 0)
    left: dict[str, set[str]] = {}

    def died(now: Standing) -> None:
        """Keep what lay at the URL when the first page was made, as if the machine had died then."""
        if now.stage == "pages" and now.done == 1 and not left:
            shutil.copytree(tmp_path / "there", tmp_path / "left")
            left["pages"] = {path.name for path in (tmp_path / "left" / "internal" / "pages").iterdir()}

    run_study(small, run_dir=f"file://{tmp_path}/there", limit=2, how=How(jobs=1, progress=died))
    assert left["pages"] >= {"school_0001.html", "school_0001.es.html"}
    assert not (tmp_path / "left" / "release").exists()
    machine("two")
    url = f"file://{tmp_path}/left"
    told = CliRunner().invoke(main, ["run", str(small), "--run-dir", url, "--limit", "2"])
    assert told.exit_code == 2 and told.output.startswith(f"error: {url}: another run works here;")
    (tmp_path / "left" / "internal" / ".lock").unlink()
    summary = run_study(small, run_dir=url, limit=2, how=How(jobs=1))
    assert (summary.made, summary.kept) == (2, 2)
    assert release(there(url)) == release(there(f"file://{tmp_path}/there"))


def test_shards_on_machines_of_their_own_and_a_merge_on_another(small: Path, machine: Machine, tmp_path: Path) -> None:
    url = f"memory://{tmp_path}/there"
    run_study(small, run_dir=url, limit=0, how=How())
    for number in (1, 2):
        machine(f"shard{number}")
        assert run_study(small, run_dir=url, limit=1, how=How(shard=(number, 2))).made == 1
    machine("merge")
    merged = merge_study(small, run_dir=url, limit=1)
    assert (merged.made, merged.kept, merged.failed) == (0, 2, [])
    found = there(url)
    assert {name for name in found if "manifest" in name} == {
        "internal/manifest.jsonl",
        "internal/manifest.1of2.jsonl",
        "internal/manifest.2of2.jsonl",
    }
    assert {"release/index.html", "release/school_0001.html", "release/board.html"} <= found.keys()
    with pytest.raises(StudyFileError, match=r"--scheduler: its workers cannot see .* Use `--shard`"):
        run_study(small, run_dir=url, how=How(scheduler="tcp://127.0.0.1:9"))


def test_a_notebook_opened_by_hand_sees_what_the_last_run_left_here(small: Path) -> None:
    url = f"memory://{small.parent}/there"
    with pytest.raises(WorkbenchError, match="the safe cells have not been made yet"):
        open_report(str(small), school_id="0001", run_dir=url)
    run_study(small, run_dir=url, limit=0, how=How())
    assert open_report(str(small), school_id="0001", run_dir=url).page.school_id == "0001"
