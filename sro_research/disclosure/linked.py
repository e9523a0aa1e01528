"""Tables of counts that share cells, as one system of equations.

A cell is named by the dimensions it is broken down by, so that a school's total is one and the same cell in its table
by group and in its table by grade. A reader who holds all pages holds all equations; protection has to as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sro_research.errors import DisclosureError

Key = tuple[tuple[str, str], ...]
"""Sorted (dimension, level) pairs; a dimension that is not named is totalled over."""


@dataclass(frozen=True)
class LinkedTables:
    """Cells of linked tables: `counts` (n,), and `equations` (m, n) with +1 for parts and -1 for their total."""

    keys: list[Key]
    counts: np.ndarray
    equations: sp.csr_matrix
    index: dict[Key, int] = field(repr=False)

    def levels(self, dimension: str) -> list[str | None]:
        """Return each cell's level of a dimension, None where the cell is a total over it."""
        return [dict(key).get(dimension) for key in self.keys]

    def describe(self, cell: int) -> str:
        """Name a cell for a message."""
        return ", ".join(f"{dimension} {level}" for dimension, level in self.keys[cell]) or "total of everything"


def link(tables: Iterable[tuple[pd.DataFrame, Sequence[str]]]) -> LinkedTables:
    """Join tables with all their margins into one system.

    Each table is a frame of one row per combination of the named dimensions, with a column `count`; what is not there
    is zero. Raises `DisclosureError` where two tables give one cell different counts: readers would see two truths.
    """
    index: dict[Key, int] = {}
    counts: list[float] = []
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    signs: list[np.ndarray] = []
    equations = 0
    for table, dimensions in tables:
        levels = [sorted(table[d].astype(str).unique()) for d in dimensions]
        dense = np.zeros([len(of) for of in levels])
        places = tuple(
            pd.Categorical(table[d].astype(str), categories=of).codes for d, of in zip(dimensions, levels, strict=True)
        )
        np.add.at(dense, places, table["count"].to_numpy(dtype=float))
        for axis in range(dense.ndim):
            dense = np.concatenate([dense, dense.sum(axis=axis, keepdims=True)], axis=axis)
        cells = np.empty(dense.shape, dtype=np.int64)
        named = [[(d, level) for level in of] for d, of in zip(dimensions, levels, strict=True)]
        for place in np.ndindex(dense.shape):
            key = tuple(sorted(named[a][at] for a, at in enumerate(place) if at < len(named[a])))
            cell = index.setdefault(key, len(counts))
            if cell == len(counts):
                counts.append(float(dense[place]))
            elif counts[cell] != dense[place]:
                raise DisclosureError(
                    f"table by {', '.join(dimensions)}",
                    f"two tables give different counts for '{', '.join(level for _, level in key) or 'all'}'",
                    fix="Count the same people in both.",
                )
            cells[place] = cell
        for axis in range(cells.ndim):
            lines = np.moveaxis(cells, axis, -1).reshape(-1, cells.shape[axis])
            rows.append(np.repeat(np.arange(equations, equations + len(lines)), lines.shape[1]))
            columns.append(lines.ravel())
            signs.append(np.tile(np.r_[np.ones(lines.shape[1] - 1), -1.0], len(lines)))
            equations += len(lines)
    shape = (equations, len(counts))
    matrix = sp.csr_matrix((np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    return LinkedTables(list(index), np.array(counts), matrix, index)
