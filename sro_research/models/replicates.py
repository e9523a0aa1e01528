"""Errors from replicate weights: the estimate is made again with each of R columns of weights.

    variance = scale sum_r rscales_r (estimate_r - centre)^2

The centre is the estimate of the full sample, as national surveys ask (R `mse = TRUE`), or the mean of the replicates
(R's default). Jackknife: Quenouille-Tukey; Rust & Rao 1996 (Stat. Methods Med. Res. 5, 283-310). Balanced repeated
replication: McCarthy 1969 (Rev. Int. Stat. Inst. 37, 239-264), Fay's variant: Judkins 1990 (J. Off. Stat. 6, 223-239).

Public files bring such columns instead of clusters. Degrees of freedom are the rank of the weights less one, for the
sample and its groups alike. Where many clusters are known, `sampling.Design` needs no copy of the weights for each.

References: R `survey` 4.1 `svrepdesign`, `as.svrepdesign`, `withReplicates`; tests/reference/survey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from sro_research.models.sampling import Design, DesignError, weights_of

RANK = 1e-5
"""Singular values below this part of the largest are rounding; as R `degf`."""

Centre = Literal["estimate", "replicates"]


@dataclass(frozen=True)
class Replicates:
    """Columns of full-sample and replicate weights, the latter ready to use: they contain the sampling weight.

    `rscales` are one number per column, all 1 where blank; `degrees` replaces the rank of the weights less one where
    the survey's manual gives another number.
    """

    columns: tuple[str, ...]
    weight: str
    scale: float
    rscales: tuple[float, ...] = ()
    centre: Centre = "estimate"
    degrees: int | None = None

    def sample(self, table: pd.DataFrame) -> ReplicateSample:
        """Read the weights of a table; raises `DesignError` where one is missing or negative."""
        if self.rscales and len(self.rscales) != len(self.columns):
            rule = f"{len(self.columns)} columns and {len(self.rscales)} factors"
            raise DesignError("replicate weights", rule, fix="Give one factor per column.")
        weights = np.column_stack([weights_of(table, column) for column in self.columns])
        factors = self.scale * np.array(self.rscales or [1.0] * len(self.columns))
        degrees = self.degrees if self.degrees is not None else _rank(weights) - 1
        return ReplicateSample(weights_of(table, self.weight), weights, factors, self.centre, degrees)


def jk1(columns: Sequence[str], *, weight: str, centre: Centre = "estimate") -> Replicates:
    """Return the plan of a jackknife that leaves out one of R groups: scale (R-1)/R, for 50 replicates 49/50."""
    return Replicates(tuple(columns), weight, (len(columns) - 1) / len(columns), centre=centre)


def jkn(columns: Sequence[str], *, weight: str, rscales: Sequence[float], centre: Centre = "estimate") -> Replicates:
    """Return the plan of a jackknife within strata; `rscales` is (n_h-1)/n_h of each column's stratum."""
    return Replicates(tuple(columns), weight, 1.0, tuple(rscales), centre=centre)


def brr(columns: Sequence[str], *, weight: str, rho: float = 0.0, centre: Centre = "estimate") -> Replicates:
    """Return the plan of balanced repeated replication, with `rho` above zero of Fay's: scale 1 / (R (1-rho)^2)."""
    return Replicates(tuple(columns), weight, 1 / (len(columns) * (1 - rho) ** 2), centre=centre)


def jackknife(table: pd.DataFrame, design: Design, *, centre: Centre = "estimate") -> tuple[pd.DataFrame, Replicates]:
    """Make replicate weights that leave out one cluster each; returns the table with them, and their plan.

    The weights of the other clusters of the stratum are multiplied by n_h / (n_h - 1). One stratum gives JK1, several
    JKn: R `as.svrepdesign(type = "JK1")` and `"JKn"`. Raises `DesignError` where a stratum has only one cluster: there
    is nothing to leave out.
    """
    sample = design.sample(table)
    if lonely := int((sample.sampled == 1).sum()):
        fix = "Join them with strata like them, or use the design without replicates."
        raise DesignError(f"column {design.stratum or design.cluster}", f"{lonely} strata have one cluster", fix=fix)
    n = sample.sampled[sample.stratum]
    same = sample.stratum[sample.unit][:, None] == sample.stratum
    out = sample.unit[:, None] == np.arange(len(n))
    weights = sample.weight[:, None] * np.where(out, 0.0, np.where(same, n / (n - 1), 1.0))
    names = [f"replicate_{i:0{len(str(len(n)))}d}" for i in range(1, len(n) + 1)]
    made = pd.DataFrame(weights, index=table.index, columns=names).assign(full_sample_weight=sample.weight)
    factors = (n - 1) / n * sample.left_out[sample.stratum]
    plan = Replicates(tuple(names), "full_sample_weight", 1.0, tuple(factors), centre)
    return table.join(made), plan


@dataclass(frozen=True)
class ReplicateSample:
    """Weights of a table's rows: `weight` (rows), `weights` (rows x R), `factors` (R)."""

    weight: np.ndarray
    weights: np.ndarray
    factors: np.ndarray
    centre: Centre
    degrees: int

    method = "replicate weights"
    capped = True
    clustered = False

    def estimate(
        self, cell: np.ndarray, cells: int, y: np.ndarray, x: np.ndarray | None
    ) -> tuple[np.ndarray, ReplicateErrors]:
        """Return sum(w y) / sum(w x) of each cell, or sum(w y) without x, and its errors.

        `cell` has the number of each row's cell, -1 for none.
        """
        rows = np.flatnonzero(cell >= 0)
        all_weights = np.column_stack([self.weight, self.weights])[rows]

        def totals(values: np.ndarray) -> np.ndarray:
            at = (cell[rows], np.arange(len(rows)))
            return sparse.coo_array((values[rows], at), shape=(cells, len(rows))).tocsr() @ all_weights

        found = totals(y)
        if x is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                bottom = totals(x)
                found = np.where(bottom != 0, found / bottom, np.nan)
        return found[:, 0], ReplicateErrors(self, _deviations(self, found[:, 0], found[:, 1:]))

    def supposed_size(self, cell: np.ndarray, cells: int) -> np.ndarray:
        """Return the effective size of each cell for its weights alone; which rows are of one cluster is not known."""
        rows = cell >= 0
        at, w = cell[rows], self.weight[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.bincount(at, w, cells) ** 2 / np.bincount(at, w**2, cells)


@dataclass(frozen=True)
class ReplicateErrors:
    """Scaled deviations of the replicates (cells x R), missing where a replicate has nobody of the cell."""

    sample: ReplicateSample
    deviations: np.ndarray

    def variance(self) -> np.ndarray:
        """Return the variance of each cell's estimate."""
        return (self.deviations**2).sum(axis=1)

    def degrees(self) -> np.ndarray:
        """Return the degrees of freedom, those of the whole sample for each cell."""
        return np.full(len(self.deviations), self.sample.degrees)

    def clusters(self) -> np.ndarray:
        """Return one more than the degrees of freedom: clusters are not told."""
        return self.degrees() + 1

    def certain(self) -> np.ndarray:
        """No cell is certain: replicates do not tell which strata were asked as a whole."""
        return np.zeros(len(self.deviations), dtype=bool)

    def contrast(self, contrasts: sparse.csr_array) -> ReplicateErrors:
        """Return the errors of sums of cells, `contrasts` being sums x cells."""
        return ReplicateErrors(self.sample, contrasts @ self.deviations)


def replicate_statistic(
    table: pd.DataFrame, replicates: Replicates, statistic: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return any statistic of k numbers, such as regression coefficients, and its covariance (k x k).

    `statistic` takes a weight for each row of the table. R `withReplicates`.
    """
    sample = replicates.sample(table)
    estimate = np.atleast_1d(statistic(sample.weight))
    found = np.column_stack([np.atleast_1d(statistic(w)) for w in sample.weights.T])
    deviations = _deviations(sample, estimate, found)
    return estimate, deviations @ deviations.T


def _deviations(sample: ReplicateSample, estimate: np.ndarray, found: np.ndarray) -> np.ndarray:
    used = sample.factors > 0
    centre = estimate if sample.centre == "estimate" else found[:, used].mean(axis=1)
    return (found - centre[:, None]) * np.sqrt(sample.factors)


def _rank(weights: np.ndarray) -> int:
    """Return the rank from the products of columns, R x R however many the rows."""
    values = np.linalg.eigvalsh(weights.T @ weights)
    return int((values > RANK**2 * values[-1]).sum())
