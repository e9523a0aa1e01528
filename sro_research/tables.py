"""Tables on the disk: Parquet sorted by school, so that one school is read without the others.

A table is a file. One of many millions of rows is a folder of files of about a million rows each, and an index that
says which schools lie in which; both are read and written by the same two functions. A file per school would be read
fast too, but what looks at all schools would open them all, and a cluster's disk does not like so many.
"""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import tempfile
from bisect import bisect_left
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sro_research.errors import WorkbenchError
from sro_research.files import neighbour, put_in_place, read_json, write_flushed

SCHOOL = "school_id"
ROW_GROUP = 10_000
"""Rows in a group, the least that is read: few enough for one school, so many that the list of groups stays short."""
MOST_GROUPS = 200
"""Groups in a file; whoever opens it reads the list of them, with every column of each."""
ROWS_IN_ONE_FILE = 5_000_000
"""A table of more rows becomes a folder."""
ROWS_IN_A_BUCKET = 1_000_000
"""About so many rows has a file in a folder; at least half, at most one and a half times as many."""
INDEX = "_index.json"
"""What starts with a line is not data to those who read a folder of Parquet files."""
SCAN_THREADS = 4
"""Most threads of a scan: the cores of a laptop; a node of a cluster has many and is shared."""


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, so that a reader sees the old table or the whole new one.

    Where it has a `school_id`, rows are sorted by it, and keep their order within a school.
    """
    if SCHOOL in table and not table[SCHOOL].is_monotonic_increasing:
        table = table.sort_values(SCHOOL, kind="stable")
    with neighbour(path) as new:
        if len(table) > ROWS_IN_ONE_FILE:
            _write_buckets(new, table)
        else:
            write_flushed(new, _parquet(table))
        put_in_place(new, path)


def read_table(path: Path, columns: list[str] | None = None, *, schools: Collection[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_table` wrote; with `schools`, only rows whose `school_id` is one of them.

    Raises `WorkbenchError` where it was not made or is damaged.
    """
    wanted = None if schools is None else pc.field(SCHOOL).isin(pa.array(list(schools), pa.string()))
    while True:
        files = _files(path, schools)
        try:
            return pd.read_parquet(files, columns=columns, filters=wanted, partitioning=None)
        except (ValueError, OSError):
            if files == _files(path, schools):  # Otherwise the table was replaced meanwhile.
                raise WorkbenchError(path, "this table is damaged", fix="Run again with `--force`.") from None


def is_table(path: Path) -> bool:
    """Tell whether a table was made."""
    return path.is_file() or (path / INDEX).is_file()


def scan(sql: str, /, **tables: Path) -> pd.DataFrame:
    """Return the result of a query in SQL over tables of any size, each called by its name.

    Only what the result needs is read, and what does not fit in memory waits on the disk:

        scan("select grade, avg(item01) as mean from answers group by grade", answers=path)

    Raises `WorkbenchError` where a table was not made, `duckdb.Error` where the query is wrong or a table damaged.
    """
    import duckdb  # Here, because it has threads, and who forks a warm child must not.

    threads = min(SCAN_THREADS, os.cpu_count() or 1)
    # By itself DuckDB would put what does not fit, which is protected, into the working folder.
    with (
        tempfile.TemporaryDirectory() as private,
        duckdb.connect(config={"threads": threads, "temp_directory": private}) as database,
    ):
        for name, path in tables.items():
            files = [glob.escape(str(file)) for file in _files(path)]
            database.read_parquet(files).create_view(name)
        return database.execute(sql).df()


def _parquet(table: pd.DataFrame, schema: pa.Schema | None = None) -> bytes:
    rows = max(ROW_GROUP, math.ceil(len(table) / MOST_GROUPS))
    return table.to_parquet(index=False, row_group_size=rows, schema=schema)


def _write_buckets(folder: Path, table: pd.DataFrame) -> None:
    """Write a sorted table as files, and the index: by file its rows, and its first and last school in the alphabet.

    A file is named by what is in it. One that was found in the index of a table that has been replaced since is then
    missing, or the same.
    """
    folder.mkdir()
    schema = pa.Schema.from_pandas(table, preserve_index=False)  # A column may be blank in one of the files.
    index = []
    for number, part in enumerate(np.split(np.arange(len(table)), _cuts(table))):
        rows = table.iloc[part[0] : part[-1] + 1]
        data = _parquet(rows, schema)
        name = f"{number:04d}-{hashlib.blake2b(data, digest_size=8).hexdigest()}.parquet"
        write_flushed(folder / name, data)
        named = rows[SCHOOL].dropna().astype("str") if SCHOOL in rows else pd.Series(dtype="str")
        first, last = (named.min(), named.max()) if len(named) else (None, None)
        index.append({"file": name, "rows": len(rows), "first": first, "last": last})
    write_flushed(folder / INDEX, json.dumps(index, indent=2, ensure_ascii=False).encode())


def _cuts(table: pd.DataFrame) -> list[int]:
    """Return the rows at which new files begin: equal parts, moved by up to a quarter to where a school begins."""
    count = math.ceil(len(table) / ROWS_IN_A_BUCKET)
    equal = [round(len(table) * part / count) for part in range(1, count)]
    if SCHOOL not in table:
        return equal
    begins = np.flatnonzero(np.diff(table[SCHOOL].factorize()[0], prepend=-2))
    near = [int(begins[np.abs(begins - cut).argmin()]) for cut in equal]
    return [to if 4 * abs(to - cut) < len(table) / count else cut for cut, to in zip(equal, near, strict=True)]


def _files(path: Path, schools: Collection[str] | None = None) -> list[Path]:
    """Return the files of a table in which rows of these schools may lie, at least one."""
    if path.is_file():
        return [path]
    index = read_json(path / INDEX)
    if index is None:
        raise WorkbenchError(
            path, "this table has not been made yet", fix="Run the earlier notebooks: `sro-research run`."
        )
    if schools is not None:
        ids = sorted(schools)
        index = [p for p in index if p["first"] is not None and _any_within(ids, p["first"], p["last"])] or index[:1]
    return [path / part["file"] for part in index]


def _any_within(ids: list[str], first: str, last: str) -> bool:
    at = bisect_left(ids, first)
    return at < len(ids) and ids[at] <= last
