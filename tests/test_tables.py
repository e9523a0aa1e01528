"""Tables: one file or a folder of files give the same rows, and what stops in the middle changes nothing."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sro_research import tables
from sro_research.errors import WorkbenchError
from sro_research.files import read_json
from sro_research.tables import INDEX, is_table, read_table, scan, write_table

IDS = ["0100", "100", "", "ñ", "0001", "a/b", "1e3", "Z"]
ROWS = st.lists(
    st.tuples(
        st.none() | st.sampled_from(IDS),
        st.none() | st.integers(-5, 5),
        st.none() | st.sampled_from(["x", "ñ"]),
        st.none() | st.floats(allow_nan=False),
    ),
    max_size=30,
)
ASKED = st.none() | st.sets(st.sampled_from([*IDS, "not there", "zz"]))


def table_of(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["school_id", "item", "text", "number"], dtype=object)
    return table.astype({"school_id": "string", "item": "Int8", "number": "Float64"})  # `text` stays Python's own


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make four rows a bucket, and more than four a folder."""
    monkeypatch.setattr(tables, "ROWS_IN_ONE_FILE", 4)
    monkeypatch.setattr(tables, "ROWS_IN_A_BUCKET", 4)


def numbered(start: int, rows: int = 12) -> pd.DataFrame:
    """Return a table of schools of three rows that is told from others by its numbers."""
    return pd.DataFrame({"school_id": [f"{i // 3:04d}" for i in range(rows)], "n": range(start, start + rows)})


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, named=st.booleans(), asked=ASKED, columns=st.none() | st.just(["number", "text"]))
@example(rows=[], named=True, asked=set(), columns=None)
@example(rows=[("0100", 1, None, None)] * 9 + [("100", 2, "x", 0.5)], named=True, asked={"0100"}, columns=None)
@example(rows=[(None, 1, "x", None)] * 9, named=True, asked={"0100"}, columns=None)
def test_a_folder_a_file_and_a_filter_give_the_same_rows(
    rows: list[tuple[object, ...]], named: bool, asked: set[str] | None, columns: list[str] | None
) -> None:
    table = table_of(rows)
    expected = table.sort_values("school_id", kind="stable", ignore_index=True)
    if not named:
        table, expected, asked = table.drop(columns="school_id"), table.drop(columns="school_id"), None
    if asked is not None:
        expected = expected[expected["school_id"].isin(asked)].reset_index(drop=True)
    if columns is not None:
        expected = expected[columns]
    with tempfile.TemporaryDirectory(prefix="run=1[a]") as folder, pytest.MonkeyPatch.context() as patch:
        one, many = Path(folder) / "one.parquet", Path(folder) / "many.parquet"
        write_table(one, table)
        patch.setattr(tables, "ROWS_IN_ONE_FILE", 0)
        patch.setattr(tables, "ROWS_IN_A_BUCKET", 4)
        write_table(many, table)
        assert many.is_dir() == bool(rows) and len([*many.rglob("*.parquet")]) == -(-len(rows) // 4)
        # An empty column of Python's own values has no type on the disk, in both shapes.
        blank = {"text": "object"} if table["text"].isna().all() else {"text": "str"}
        for path in (one, many):
            read = read_table(path, columns, schools=asked)
            pd.testing.assert_frame_equal(read, expected.astype(blank))


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"school_id": pd.array(["0001", None], dtype="string"), "n": pd.array([1, None], dtype="Int16")}
    )
    write_table(tmp_path / "t.parquet", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table)


def test_rows_keep_their_order_within_a_school(tmp_path: Path) -> None:
    schools = np.random.default_rng(1).choice(["0100", "100", "0001"], 5_000)
    table = pd.DataFrame({"school_id": pd.array(schools, dtype="string"), "n": range(5_000)})
    write_table(tmp_path / "t.parquet", table)
    read = read_table(tmp_path / "t.parquet")
    assert list(read["school_id"].unique()) == ["0001", "0100", "100"]
    for _, of_school in read.groupby("school_id"):
        assert of_school["n"].is_monotonic_increasing


@pytest.mark.usefixtures("small")
def test_damaged_and_missing_tables_are_named(tmp_path: Path) -> None:
    path = tmp_path / "table"
    for content in (b"", b"PAR1 no table", b"\x00"):
        path.write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"table: this table is damaged\. "):
            read_table(path)
    for missing in (tmp_path / "none.parquet", tmp_path):
        assert not is_table(missing)
        for reader in (read_table, lambda p: scan("select 1", t=p)):
            with pytest.raises(WorkbenchError, match="this table has not been made yet"):
                reader(missing)
    write_table(path, numbered(0))
    assert is_table(path)
    (path / read_json(path / INDEX)[1]["file"]).unlink()
    with pytest.raises(WorkbenchError, match=r"table: this table is damaged\. "):
        read_table(path)


@pytest.mark.usefixtures("small")
def test_some_schools_are_read_from_their_own_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, numbered(0, 30))
    index = read_json(path / INDEX)
    assert sum(part["rows"] for part in index) == 30
    of = {file: set(pq.read_table(path / file)["school_id"].to_pylist()) for file in (p["file"] for p in index)}
    for part in index:
        assert {part["first"], part["last"]} <= of[part["file"]]
    asked = {"0000", "0009"}
    for file, schools in of.items():
        if not schools & asked:
            (path / file).write_bytes(b"not to be opened")
    assert read_table(path, schools=asked)["n"].tolist() == [0, 1, 2, 27, 28, 29]


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=200), bucket=st.integers(20, 200))
def test_files_are_cut_between_schools_where_they_can_be(sizes: list[int], bucket: int) -> None:
    schools = pd.Series(np.repeat([f"{i:04d}" for i in range(len(sizes))], sizes), dtype="str")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROWS_IN_A_BUCKET", bucket)
        cuts = tables._cuts(schools.to_frame("school_id"))
    rows, count = len(schools), -(-len(schools) // bucket)
    parts = np.diff([0, *cuts, rows])
    assert len(parts) == count
    assert parts.min() >= rows / count / 2 - 1 and parts.max() <= rows / count * 1.5 + 1
    inside = [cut for cut in cuts if schools[cut] == schools[cut - 1]]
    # Only a school that fills half of a file, from a quarter before the cut to a quarter after it, is cut.
    assert all(sizes[int(schools[cut])] >= rows / count / 2 - 2 for cut in inside)


@pytest.mark.parametrize(
    ("rows", "groups"), [(10_000, [10_000]), (25_000, [10_000, 10_000, 5_000]), (90_000, 3 * [30_000])]
)
def test_groups_are_small_and_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, groups: list[int]
) -> None:
    monkeypatch.setattr(tables, "MOST_GROUPS", 3)
    write_table(tmp_path / "t.parquet", pd.DataFrame({"n": np.zeros(rows)}))
    found = pq.ParquetFile(tmp_path / "t.parquet").metadata
    assert [found.row_group(i).num_rows for i in range(found.num_row_groups)] == groups


SHAPES = {"file": numbered(100, 3), "folder": numbered(200)}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("old", "new"), [*itertools.product(SHAPES, SHAPES)])
def test_a_table_takes_the_place_of_another(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SHAPES[old])
    write_table(path, SHAPES[new].assign(n=0))
    assert list(tmp_path.iterdir()) == [path] and path.is_dir() == (new == "folder")
    pd.testing.assert_frame_equal(read_table(path), SHAPES[new].assign(n=0))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("old", SHAPES)
@pytest.mark.parametrize("at", range(4))
def test_a_disk_that_fills_up_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, at: int
) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SHAPES[old])
    writes = itertools.count()

    def full(_descriptor: int) -> None:
        if next(writes) == at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkbenchError, match=r"t\.parquet: cannot be written: no space left on device"):
        write_table(path, numbered(0))
    assert next(writes) == at + 1
    assert list(tmp_path.iterdir()) == [path]
    pd.testing.assert_frame_equal(read_table(path), SHAPES[old])


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from sro_research import tables
tables.ROWS_IN_ONE_FILE = tables.ROWS_IN_A_BUCKET = 4
writes = iter(range(int(sys.argv[2])))
os.fsync = lambda _: None if next(writes, None) is not None else os.kill(os.getpid(), signal.SIGKILL)
tables.write_table(Path(sys.argv[1]), pd.DataFrame({"school_id": ["0001"] * 12, "n": 0}))
"""


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("old", SHAPES)
def test_a_write_that_is_killed_leaves_the_old_table(tmp_path: Path, old: str) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SHAPES[old])
    killed = subprocess.run([sys.executable, "-c", KILLED, path, "3"], check=False)
    assert killed.returncode == -signal.SIGKILL
    pd.testing.assert_frame_equal(read_table(path), SHAPES[old])
    write_table(path, numbered(0))
    pd.testing.assert_frame_equal(read_table(path), numbered(0))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("old", "new"), [*itertools.product(SHAPES, SHAPES)])
def test_a_table_that_is_replaced_while_it_is_read_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SHAPES[old])
    replacing, read = iter([True]), pd.read_parquet

    def late(files: list[Path], **how: object) -> pd.DataFrame:
        if next(replacing, False):  # after it is known which files there are, before they are opened
            write_table(path, SHAPES[new].assign(n=0))
        return read(files, **how)

    monkeypatch.setattr(pd, "read_parquet", late)
    pd.testing.assert_frame_equal(read_table(path), SHAPES[new].assign(n=0))


@pytest.mark.usefixtures("small")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is a moment without a table")
def test_readers_see_one_table_or_another_and_never_parts_of_both(tmp_path: Path) -> None:
    path, ended = tmp_path / "t.parquet", threading.Event()
    write_table(path, numbered(0))

    def write() -> None:
        for start in range(100, 4_000, 100):
            write_table(path, numbered(start))
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not ended.is_set():
        read = read_table(path)
        start = int(read["n"].iloc[0])
        pd.testing.assert_frame_equal(read, numbered(start))
        seen.add(start)
    writer.join()
    assert len(seen) > 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_scan_gives_what_pandas_gives(tmp_path: Path, shape: str) -> None:
    # DuckDB would read `a[1]` as a pattern, which another folder fits, and `run=9` as a column.
    folder, other = tmp_path / "a[1]" / "run=9", tmp_path / "a1" / "run=9"
    write_table(other / "it's.parquet", SHAPES[shape].assign(n=-1))
    write_table(folder / "it's.parquet", SHAPES[shape])
    roster = pd.DataFrame({"school_id": ["0000", "0001"], "students": [7, 8]})
    write_table(folder / "roster.parquet", roster)
    query = (
        'select school_id, mean(n) as mean, any_value(students) as students from "a b" join roster using (school_id)'
    )
    found = scan(
        f"{query} group by school_id order by school_id",
        **{"a b": folder / "it's.parquet", "roster": folder / "roster.parquet"},
    )
    mean = SHAPES[shape].merge(roster).groupby("school_id", as_index=False).agg(mean=("n", "mean"))
    pd.testing.assert_frame_equal(found, mean.merge(roster))
    pd.testing.assert_frame_equal(scan("select * from t order by n", t=folder / "it's.parquet"), SHAPES[shape])


def test_a_scan_leaves_no_threads_and_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = psutil.Process().num_threads()
    found = scan("select current_setting('threads') as threads, current_setting('temp_directory') as folder").loc[0]
    assert found["threads"] <= tables.SCAN_THREADS
    assert Path(found["folder"]).is_absolute() and not Path(found["folder"]).exists()
    assert psutil.Process().num_threads() == before
    assert list(tmp_path.iterdir()) == []


def test_duckdb_is_not_there_until_something_is_scanned() -> None:
    code = "import sys, sro_research.tables; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
