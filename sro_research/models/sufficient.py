"""What a linear model needs to know of the respondents, by school or school-wave, and no more.

Of each cell (respondents of one school, or of one school and wave) the number n, the sums and the sums of products of
numeric columns. A linear model with random effects of schools depends on the answers through these only (McCulloch,
Searle & Neuhaus 2008, Generalized, Linear, and Mixed Models, ch. 6), so a million respondents are read once, and
every model of these columns is fitted from some thousands of cells. Columns are taken as distances from their means;
otherwise a sum of squares would lose the digits that tell people apart to those that all have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pandas as pd

from sro_research.errors import WorkbenchError, nearest
from sro_research.tables import scan

NO_ROWS = "no row has a number in each of these columns"
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "BOOLEAN", "DECIMAL")
"""Types of DuckDB that are numbers, also those that start so (`UTINYINT` and others start with U)."""


@dataclass(frozen=True)
class Cells:
    """Statistics of c cells: of a columns that respondents have, and after them z that are given with the cell.

    `keys` has a row per cell, sorted, with a fresh index; `sizes` (c), `answered` (c x a) the sums and `products`
    (c x a x a) the sums of products; in `given` (c x z) all respondents of a cell have the same value. All are of the
    columns less their `centres` (a + z). `left_out` counts rows in which a key or a number was missing.
    """

    keys: pd.DataFrame
    columns: tuple[str, ...]
    centres: np.ndarray
    sizes: np.ndarray
    answered: np.ndarray
    products: np.ndarray
    given: np.ndarray
    left_out: int

    @cached_property
    def sums(self) -> np.ndarray:
        """Return the sums of all columns (c x a + z)."""
        return np.hstack([self.answered, self.sizes[:, None] * self.given])

    def position(self, column: str) -> int:
        """Return where a column stands; raises `WorkbenchError` where it is not among the columns."""
        if column not in self.columns:
            raise WorkbenchError(f"column {column}", "no statistics were kept of it", fix=nearest(column, self.columns))
        return self.columns.index(column)

    def products_with(self, column: str) -> np.ndarray:
        """Return the sums of products of a column with all columns (c x a + z)."""
        at, answered = self.position(column), self.answered.shape[1]
        if at >= answered:
            return self.given[:, [at - answered]] * self.sums
        return np.hstack([self.products[:, at], self.answered[:, [at]] * self.given])

    def total(self) -> np.ndarray:
        """Return the products of a constant 1 and all columns over all respondents (1 + a + z, squared)."""
        sums, cross = self.sums.sum(axis=0), self.answered.T @ self.given
        square = (self.sizes[:, None] * self.given).T @ self.given
        inner = np.block([[self.products.sum(axis=0), cross], [cross.T, square]])
        return np.block([[self.sizes.sum(), sums], [sums[:, None], inner]])

    def down_to(self, key: str) -> list[str]:
        """Return the keys up to this one; raises `WorkbenchError` where it is none."""
        keys = list(self.keys)
        if key not in keys:
            raise WorkbenchError(f"level {key}", "the cells have no such key", fix=nearest(key, keys))
        return keys[: keys.index(key) + 1]

    def begins(self, key: str) -> np.ndarray:
        """Return where groups of all keys up to this one begin among the cells, which are sorted."""
        new = np.arange(len(self.keys)) == 0
        for name in self.down_to(key):
            values = self.keys[name].array
            new[1:] |= np.asarray(values[1:] != values[:-1], dtype=bool)
        return np.flatnonzero(new)

    def where(self, chosen: np.ndarray) -> Cells:
        """Return the cells that are chosen (c truth values)."""
        return replace(
            self,
            keys=self.keys[chosen].reset_index(drop=True),
            sizes=self.sizes[chosen],
            answered=self.answered[chosen],
            products=self.products[chosen],
            given=self.given[chosen],
        )

    def pooled(self, keys: Sequence[str]) -> Cells:
        """Return the same respondents in larger cells, by some of the keys; columns are given to these afterwards."""
        if self.given.size:
            raise WorkbenchError(
                "the cells", "columns were given with them", fix="Pool cells first, then join columns."
            )
        place, names = _place(self.keys, keys)
        order = np.argsort(place, kind="stable")
        starts = _starts(place[order])
        return replace(
            self,
            keys=names.iloc[place[order][starts]].reset_index(drop=True),
            sizes=np.add.reduceat(self.sizes[order], starts),
            answered=np.add.reduceat(self.answered[order], starts, axis=0),
            products=np.add.reduceat(self.products[order], starts, axis=0),
            given=np.empty((len(starts), 0)),
        )

    def means(self, column: str) -> np.ndarray:
        """Return the mean of a column in each cell (c)."""
        at = self.position(column)
        return self.centres[at] + self.sums[:, at] / self.sizes

    def joined(self, values: pd.DataFrame) -> Cells:
        """Return the cells with more columns, of which all respondents of a cell have the same value.

        `values` has a row per cell in the order of `keys`, and no value missing. No respondent is looked at again.
        """
        raw = values.to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(raw).all():
            raise WorkbenchError("columns of cells", "a value is missing", fix="Leave these cells out first.")
        centres = self.sizes @ raw / self.sizes.sum()
        return replace(
            self,
            columns=(*self.columns, *map(str, values)),
            centres=np.concatenate([self.centres, centres]),
            given=np.hstack([self.given, raw - centres]),
        )


def cells_of(table: pd.DataFrame, *, keys: Sequence[str], columns: Sequence[str]) -> Cells:
    """Return the statistics of numeric columns of a table of respondents, by keys (coarsest first).

    Raises `WorkbenchError` where a column is absent or not of numbers, or no row is complete.
    """
    _present(table, [*keys, *columns])
    values = np.stack([_numbers(table[column], column) for column in columns])
    known = np.isfinite(values).all(axis=0) & table[[*keys]].notna().to_numpy().all(axis=1)
    left_out = int((~known).sum())
    if left_out:
        table, values = table.loc[known, [*keys]], values[:, known]
    if not len(table):
        raise WorkbenchError("the cells", NO_ROWS, fix="Leave out the column that is blank.", rows=left_out)
    place, names = _place(table, keys)
    if (np.diff(place) < 0).any():
        order = np.argsort(place, kind="stable")
        place, values = place[order], values[:, order]
    starts = _starts(place)
    centres = values.mean(axis=1)
    values -= centres[:, None]
    k = len(values)
    products = np.empty((len(starts), k, k))
    for i, j in combinations_with_replacement(range(k), 2):
        products[:, i, j] = products[:, j, i] = np.add.reduceat(values[i] * values[j], starts)
    return Cells(
        keys=names.iloc[place[starts]].reset_index(drop=True),
        columns=tuple(columns),
        centres=centres,
        sizes=np.diff(np.append(starts, len(place))).astype(float),
        answered=np.add.reduceat(values, starts, axis=1).T.copy(),
        products=products,
        given=np.empty((len(starts), 0)),
        left_out=left_out,
    )


def scan_cells(path: Path, *, keys: Sequence[str], columns: Sequence[str]) -> Cells:
    """Return the same as `cells_of` of a table on the disk, which need not fit in memory (DuckDB).

    Errors as `cells_of`; and where the table was not made.
    """
    kinds = scan("describe answers", answers=path).set_index("column_name")["column_type"]
    _present(kinds.to_frame().T, [*keys, *columns])
    for column in columns:
        if not kinds[column].lstrip("U").startswith(NUMERIC):
            raise _not_numbers(column)
    number = {column: f"cast({_name(column)} as double)" for column in columns}
    complete = " and ".join([f"{_name(k)} is not null" for k in keys] + [f"isfinite({n})" for n in number.values()])
    means = ", ".join(f"avg({n}) filter (where {complete}) as c{i}" for i, n in enumerate(number.values()))
    ahead = scan(f"select count(*) as n, count(*) filter (where {complete}) as known, {means} from answers",
                 answers=path).iloc[0]  # fmt: skip
    if not ahead["known"]:
        raise WorkbenchError("the cells", NO_ROWS, fix="Leave out the column that is blank.", rows=int(ahead["n"]))
    k, by = len(columns), ", ".join(map(_name, keys))
    centres = ahead[[f"c{i}" for i in range(k)]].to_numpy(dtype=float)
    centred = ", ".join(f"{n} - ({float(c)!r}::double) as x{i}"
                        for i, (n, c) in enumerate(zip(number.values(), centres, strict=True)))  # fmt: skip
    pairs = list(combinations_with_replacement(range(k), 2))
    sums = ", ".join([f"sum(x{i}) as s{i}" for i in range(k)] + [f"sum(x{i} * x{j}) as p{i}_{j}" for i, j in pairs])
    rows = f"select {by}, {centred} from answers where {complete}"
    table = scan(f"select {by}, count(*)::double as n, {sums} from ({rows}) group by {by} order by {by}", answers=path)
    products = np.empty((len(table), k, k))
    for i, j in pairs:
        products[:, i, j] = products[:, j, i] = table[f"p{i}_{j}"]
    return Cells(
        keys=table[[*keys]],
        columns=tuple(columns),
        centres=centres,
        sizes=table["n"].to_numpy(),
        answered=table[[f"s{i}" for i in range(k)]].to_numpy(),
        products=products,
        given=np.empty((len(table), 0)),
        left_out=int(ahead["n"] - ahead["known"]),
    )


def _place(table: pd.DataFrame, keys: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return for each row the number of its cell, in the order of the keys, and the keys of all numbers."""
    parts = [pd.factorize(table[key], sort=True) for key in keys]
    shape = tuple(len(values) for _, values in parts)
    flat = np.ravel_multi_index(tuple(codes for codes, _ in parts), shape)
    used, place = _dense(flat, int(np.prod(shape)))
    at = np.unravel_index(used, shape)
    return place, pd.DataFrame({key: parts[i][1].take(at[i]) for i, key in enumerate(keys)})


def _dense(flat: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers that occur, sorted, and for each row its place among them."""
    if size > 10 * len(flat):
        used, place = np.unique(flat, return_inverse=True)
        return used, place
    seen = np.zeros(size, dtype=bool)
    seen[flat] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[flat]


def _starts(place: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(place, prepend=-1))


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise _not_numbers(name)
    return column.to_numpy(dtype=float, na_value=np.nan)


def _not_numbers(column: str) -> WorkbenchError:
    return WorkbenchError(f"column {column}", "it is not of numbers", fix="Make a column of 0 and 1 of each category.")


def _present(table: pd.DataFrame, names: Iterable[str]) -> None:
    for name in names:
        if name not in table:
            raise WorkbenchError(f"column {name}", "there is no such column", fix=nearest(name, table))


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
