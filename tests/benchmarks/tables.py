"""What a layout of survey answers costs to read and to keep: `python tests/benchmarks/tables.py`.

One table of made-up answers, sorted by school, lies on the disk in five ways: as people often keep it (one CSV, a file
per school) and as this project does (one Parquet file, or a folder of files with an index). Two things are read: the
rows of one school, and the means of 40 items by grade over all schools. The layouts take turns; the table has medians
of the rounds. Files were just written, so the disk's own speed is not in it. "first ms" is the first call of a new
process, after its imports. Building is measured once.
"""

from __future__ import annotations

import argparse
import glob
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.dataset  # noqa: F401  pandas imports it at the first call, which would count

from sro_research import tables

GRADES, ITEMS = ["6", "7", "8", "9", "10", "11", "12"], [f"item{i:02d}" for i in range(1, 41)]
CSV_TYPES = {"school_id": "str", "wave": "str", "grade": "str"}
MEANS = f"select grade, {', '.join(f'avg({i}) as {i}' for i in ITEMS)} from answers group by grade order by grade"
CALLS = 5
"""Schools that are read in a round; their median counts."""


def answers(rows: int, schools: int) -> pd.DataFrame:
    """Draw 40 answers and 7 other columns for each respondent; 3 % of answers are missing."""
    random = np.random.default_rng(1)
    school = np.sort(np.arange(rows) % schools)
    table = {
        "school_id": pd.array(pd.Series([f"{i:05d}" for i in range(schools)]).to_numpy()[school], dtype="string"),
        "wave": pd.array(random.choice(["2024", "2025"], rows), dtype="string"),
        "grade": pd.array(random.choice(GRADES, rows), dtype="string"),
        "gender": pd.array(random.choice(["girl", "boy", "another"], rows), dtype="string"),
        "race_ethnicity": pd.array(random.choice(list("abcdefg"), rows), dtype="string"),
        "language": pd.array(random.choice(["en", "es"], rows), dtype="string"),
        "weight": random.uniform(0.5, 2, rows).round(3),
    }
    for item in ITEMS:
        codes = random.integers(1, 6, rows, dtype=np.int8)
        table[item] = pd.arrays.IntegerArray(codes, random.random(rows, dtype=np.float32) < 0.03)
    return pd.DataFrame(table)


@dataclass(frozen=True)
class Layout:
    """How a table is written below a folder, how one school and some columns of all are read, and DuckDB's view."""

    build: Callable[[Path, pd.DataFrame], None]
    one: Callable[[Path, str], pd.DataFrame]
    columns: Callable[[Path, list[str]], pd.DataFrame]
    scan: Callable[[Path], pd.DataFrame]


def duck(source: str) -> Callable[[Path], pd.DataFrame]:
    """Return a query by DuckDB as it comes, over `source` with the folder for `{}`."""
    return lambda folder: duckdb.sql(MEANS.replace("answers", source.format(glob.escape(str(folder))))).df()


def each_school(folder: Path, table: pd.DataFrame, write: Callable[[pd.DataFrame, Path], None]) -> None:
    """Write a file for each school."""
    for school, rows in table.groupby("school_id"):
        write(rows, folder / str(school))


def ours(most_rows: float) -> Layout:
    """Return this project's layout: a file where the table has up to `most_rows`, a folder of ten otherwise."""

    def build(folder: Path, table: pd.DataFrame) -> None:
        tables.ROWS_IN_ONE_FILE = most_rows
        tables.ROWS_IN_A_BUCKET = min(tables.ROWS_IN_A_BUCKET, len(table) // 10 or 1)
        tables.write_table(folder / "a.parquet", table)

    return Layout(
        build=build,
        one=lambda folder, school: tables.read_table(folder / "a.parquet", schools=[school]),
        columns=lambda folder, names: tables.read_table(folder / "a.parquet", names),
        scan=lambda folder: tables.scan(MEANS, answers=folder / "a.parquet"),
    )


def one_of_csv(folder: Path, school: str) -> pd.DataFrame:
    """Read one school from the CSV of all."""
    table = pd.read_csv(folder / "a.csv", dtype=CSV_TYPES)
    return table[table["school_id"] == school]


LAYOUTS = {
    "one CSV": Layout(
        build=lambda folder, table: table.to_csv(folder / "a.csv", index=False),
        one=one_of_csv,
        columns=lambda folder, names: pd.read_csv(folder / "a.csv", dtype=CSV_TYPES, usecols=names),
        scan=duck("read_csv('{}/*.csv')"),
    ),
    "CSV per school": Layout(
        build=lambda folder, table: each_school(
            folder, table, lambda rows, path: rows.to_csv(f"{path}.csv", index=False)
        ),
        one=lambda folder, school: pd.read_csv(folder / f"{school}.csv", dtype=CSV_TYPES),
        columns=lambda folder, names: pd.concat(
            [pd.read_csv(path, dtype=CSV_TYPES, usecols=names) for path in folder.iterdir()]
        ),
        scan=duck("read_csv('{}/*.csv')"),
    ),
    "Parquet per school": Layout(
        build=lambda folder, table: each_school(
            folder, table, lambda rows, path: rows.to_parquet(f"{path}.parquet", index=False)
        ),
        one=lambda folder, school: pd.read_parquet(folder / f"{school}.parquet"),
        columns=lambda folder, names: pd.read_parquet(folder, columns=names),
        scan=duck("read_parquet('{}/*.parquet')"),
    ),
    "one Parquet [ours]": ours(float("inf")),
    "buckets [ours]": ours(0),
}


def timed(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """Return the seconds that work took, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def round_of(name: str, folder: Path, schools: list[str], rows: list[int]) -> dict[str, float]:
    """Measure one layout once, and check that it gives the rows and means that it should."""
    layout = LAYOUTS[name]
    one = [timed(lambda school=school: layout.one(folder, school)) for school in schools]
    assert [len(table) for _, table in one] == rows
    first = subprocess.run(
        [sys.executable, __file__, "--inside", name, str(folder), schools[0]],
        check=True,
        capture_output=True,
        text=True,
    )
    by_pandas, means = timed(lambda: layout.columns(folder, ["grade", *ITEMS]).groupby("grade")[ITEMS].mean())
    by_duckdb, scanned = timed(lambda: layout.scan(folder))
    scanned = scanned.astype({"grade": "str"}).set_index("grade").loc[list(means.index)]
    np.testing.assert_allclose(means.to_numpy(float), scanned.to_numpy(float), rtol=1e-9)
    return {
        "one school ms": 1000 * float(np.median([seconds for seconds, _ in one])),
        "first ms": float(first.stdout),
        "means, pandas s": by_pandas,
        "means, DuckDB s": by_duckdb,
    }


def main() -> None:
    """Print one line for each layout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--schools", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(LAYOUTS), choices=list(LAYOUTS), metavar="LAYOUT")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        name, path, school = chosen.inside
        print(1000 * timed(lambda: LAYOUTS[name].one(Path(path), school))[0])
        return
    with tempfile.TemporaryDirectory(prefix="tables-") as place:
        table, built = answers(chosen.rows, chosen.schools), {}
        sizes = table["school_id"].value_counts()
        for name in chosen.only:
            folder = Path(place) / name
            folder.mkdir()
            started = time.perf_counter()
            LAYOUTS[name].build(folder, table)
            built[name] = time.perf_counter() - started
            print(f"{name}: built in {built[name]:.1f} s", file=sys.stderr)
        del table
        measured = []
        random = np.random.default_rng(2)
        for turn in range(chosen.rounds):
            schools = [f"{i:05d}" for i in random.choice(chosen.schools, CALLS)]
            for name in chosen.only:
                found = round_of(name, Path(place) / name, schools, sizes[schools].tolist())
                measured.append({"layout": name, **found})
                print(turn + 1, measured[-1], file=sys.stderr)
        result = pd.DataFrame(measured).groupby("layout", sort=False).median()
        files = {name: [p for p in (Path(place) / name).rglob("*") if p.is_file()] for name in chosen.only}
        result.insert(0, "files", {name: len(paths) for name, paths in files.items()})
        result.insert(1, "MB", {name: sum(p.stat().st_size for p in paths) / 1e6 for name, paths in files.items()})
        result["build s"] = built
    print(f"{chosen.rows} rows, {chosen.schools} schools, medians of {chosen.rounds} rounds")
    print(result.round({"MB": 1, "one school ms": 1, "first ms": 1}).round(2).to_string())


if __name__ == "__main__":
    main()
