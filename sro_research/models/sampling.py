"""How the rows of a table came into a sample, and how far what is estimated from them would vary between samples.

Errors come from Taylor linearization (Woodruff 1971, J. Am. Stat. Assoc. 66, 411-414; Binder 1983, Int. Stat. Rev. 51,
279-292): each statistic is replaced by a sum of scores, w (y - r x) / sum(w x) for a ratio r, w y for a total. With
score sums z of the n_h sampled clusters of stratum h,

    variance = sum_h (1 - n_h/N_h) n_h / (n_h - 1) sum_c (z_hc - mean_h)^2

A group is a part of the sample, not a sample of its own: clusters without anybody of the group count with z = 0. Only
the first stage is counted ("ultimate clusters"): if few of all clusters were sampled that is right however people
were chosen within them (Cochran 1977, Sampling Techniques, 11.9); with N_h, everybody in a cluster was asked.

A stratum of which only one cluster was sampled has no mean to differ from. Its score is then taken as it is, which errs
on the side of too wide an interval: R's `options(survey.lonely.psu = "adjust")`.

References: R `survey` 4.1 `svydesign`, `svymean`, `svytotal`, `svyratio`; tests/reference/survey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from sro_research.errors import WorkbenchError

SUPPOSED_ICC = 0.1
"""Share of variance supposed between clusters where all answers are alike and cannot tell; see `district_means`."""
COMPLETE = 1e-7
"""A stratum of which a smaller part than this was left out was asked as a whole; as in R `survey`."""


class DesignError(WorkbenchError):
    """A table does not have the weights, strata or clusters that its design says."""


@dataclass(frozen=True)
class Design:
    """Names of the columns that say how the rows of a table were sampled; blank where there is none.

    `population` holds the number of clusters in the row's stratum (of people, where people were sampled one by one),
    missing where unknown. A cluster is one of its stratum: the same name in two strata means two clusters. To treat
    schools as fixed, with people sampled from each roster, name the school as `stratum`; to speak of schools like
    these, name it as `cluster`.
    """

    weight: str = ""
    stratum: str = ""
    cluster: str = ""
    population: str = ""

    def sample(self, table: pd.DataFrame) -> LinearSample:
        """Read the design of a table; raises `DesignError` where a row has no weight, stratum or cluster."""
        rows = len(table)
        weight = weights_of(table, self.weight) if self.weight else np.ones(rows)
        stratum = _codes(table, self.stratum) if self.stratum else np.zeros(rows, dtype=int)
        cluster = _codes(table, self.cluster) if self.cluster else np.arange(rows)
        pairs, unit = np.unique(stratum * (cluster.max(initial=0) + 1) + cluster, return_inverse=True)
        of_unit = pairs // (cluster.max(initial=0) + 1)
        sampled = np.bincount(of_unit, minlength=stratum.max(initial=0) + 1)
        left = self._left_out(table, stratum, sampled)
        return LinearSample(self, weight, unit, of_unit, sampled, left)

    def _left_out(self, table: pd.DataFrame, stratum: np.ndarray, sampled: np.ndarray) -> np.ndarray:
        """Return 1 - n_h/N_h of each stratum, 1 where N_h is not known."""
        if not self.population:
            return np.ones(len(sampled))
        size = pd.Series(numbers(table, self.population)).groupby(stratum)
        low, high = size.min().to_numpy(), size.max().to_numpy()
        if (low != high)[~np.isnan(low)].any():
            rule = f"{int((low != high)[~np.isnan(low)].sum())} strata have more than one size"
            raise DesignError(f"column {self.population}", rule, fix="Give every row of a stratum the same number.")
        if (low < sampled).any():
            rule = f"{int((low < sampled).sum())} strata have fewer members than were sampled"
            raise DesignError(f"column {self.population}", rule, fix="Leave it blank where it is not known.")
        left = 1 - sampled / np.where(np.isnan(low), np.inf, low)
        return np.where(left < COMPLETE, 0.0, left)


@dataclass(frozen=True)
class LinearSample:
    """A table's sample: `weight` and `unit` (cluster) of each row, `stratum` of each unit.

    Of each stratum: the number of units `sampled`, n_h, and the part `left_out`, 1 - n_h/N_h.
    """

    design: Design
    weight: np.ndarray
    unit: np.ndarray
    stratum: np.ndarray
    sampled: np.ndarray
    left_out: np.ndarray

    method = "Taylor linearization"

    @property
    def capped(self) -> bool:
        """Whether a sample cannot say more than as many people drawn one by one; with N_h known it can."""
        return not self.design.population

    @property
    def clustered(self) -> bool:
        """Whether clusters were sampled, not people one by one."""
        return bool(self.design.cluster)

    def estimate(
        self, cell: np.ndarray, cells: int, y: np.ndarray, x: np.ndarray | None
    ) -> tuple[np.ndarray, LinearErrors]:
        """Return sum(w y) / sum(w x) of each cell, or sum(w y) without x, and its errors.

        `cell` has the number of each row's cell, -1 for none.
        """
        rows = cell >= 0
        at, w, y = cell[rows], self.weight[rows], y[rows]
        top = np.bincount(at, w * y, cells)
        if x is None:
            estimate, scores = top, w * y
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                bottom = np.bincount(at, w * x[rows], cells)
                estimate = np.where(bottom != 0, top / bottom, np.nan)
                scores = w * (y - estimate[at] * x[rows]) / bottom[at]
        return estimate, LinearErrors(self, *(self._by_unit(v, at, rows, cells) for v in (scores, np.ones(len(at)))))

    def supposed_size(self, cell: np.ndarray, cells: int) -> np.ndarray:
        """Return the effective size of each cell if `SUPPOSED_ICC` of the variance lies between clusters.

        Kish 1965 (Survey Sampling, 5.4 and 11.7): n' / (1 + (n' sum h_c^2 - 1) ICC), h_c the share of the weights in
        cluster c, n' the effective size for the weights alone.
        """
        rows = cell >= 0
        at, w = cell[rows], self.weight[rows]
        total = np.bincount(at, w, cells)
        clusters = self._by_unit(w, at, rows, cells)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = total**2 / np.bincount(at, w**2, cells)
            together = np.asarray(clusters.multiply(clusters).sum(axis=1)).ravel() / total**2
            return size / (1 + (size * together - 1) * SUPPOSED_ICC)

    def _by_unit(self, values: np.ndarray, at: np.ndarray, rows: np.ndarray, cells: int) -> sparse.csr_array:
        return sparse.coo_array((values, (at, self.unit[rows])), shape=(cells, len(self.stratum))).tocsr()


@dataclass(frozen=True)
class LinearErrors:
    """Scores of cells by clusters (cells x clusters), and how many rows each cell has in each cluster."""

    sample: LinearSample
    scores: sparse.csr_array
    people: sparse.csr_array

    def variance(self) -> np.ndarray:
        """Return the variance of each cell's estimate."""
        scores = self.scores.tocoo()
        strata = len(self.sample.sampled)
        pairs, at = np.unique(scores.row * np.int64(strata) + self.sample.stratum[scores.col], return_inverse=True)
        row, h = pairs // strata, pairs % strata
        n = self.sample.sampled[h]
        # A lonely cluster differs from nothing but zero.
        mean = np.where(n > 1, np.bincount(at, scores.data, len(pairs)) / n, 0.0)
        squares = np.bincount(at, (scores.data - mean[at]) ** 2, len(pairs))
        squares = squares + (n - np.bincount(at, minlength=len(pairs))) * mean**2
        factor = self.sample.left_out[h] * np.where(n > 1, n / np.maximum(n - 1, 1), 1.0)
        return np.bincount(row, factor * squares, self.scores.shape[0])

    def degrees(self) -> np.ndarray:
        """Return the number of clusters less that of strata in which a cell has people; R `degf` of the subset.

        Korn & Graubard 1999, Analysis of Health Surveys, 5.2.
        """
        row, _ = self._strata()
        return self.clusters() - np.bincount(row, minlength=self.people.shape[0])

    def clusters(self) -> np.ndarray:
        """Return the number of clusters in which a cell has people."""
        return self.people.count_nonzero(axis=1)

    def certain(self) -> np.ndarray:
        """Tell which cells lie only in strata that were asked as a whole: nothing is left to guess."""
        row, h = self._strata()
        return np.bincount(row, self.sample.left_out[h] > 0, self.people.shape[0]) == 0

    def contrast(self, contrasts: sparse.csr_array) -> LinearErrors:
        """Return the errors of sums of cells, `contrasts` being sums x cells."""
        return LinearErrors(self.sample, contrasts @ self.scores, abs(contrasts) @ self.people)

    def _strata(self) -> tuple[np.ndarray, np.ndarray]:
        people, strata = self.people.tocoo(), len(self.sample.sampled)
        pairs = np.unique(people.row * np.int64(strata) + self.sample.stratum[people.col])
        return pairs // strata, pairs % strata


def numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as numbers, missing as NaN."""
    if column not in table:
        raise DesignError(f"column {column}", "the table has no such column", fix="Name a column of the table.")
    if not (pd.api.types.is_numeric_dtype(table[column]) or pd.api.types.is_bool_dtype(table[column])):
        raise DesignError(f"column {column}", "is not a column of numbers", fix="Name a column of numbers.")
    return table[column].to_numpy(dtype=float, na_value=np.nan)


def weights_of(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of weights; raises `DesignError` where one is missing or negative."""
    weight = numbers(table, column)
    if bad := int((~(weight >= 0) | np.isinf(weight)).sum()):
        raise DesignError(
            f"column {column}", "a weight is missing or negative", fix="Leave these rows out, or mend them.", rows=bad
        )
    return weight


def _codes(table: pd.DataFrame, column: str) -> np.ndarray:
    if column not in table:
        raise DesignError(f"column {column}", "the table has no such column", fix="Name a column of the table.")
    codes = pd.factorize(table[column])[0].astype(np.int64)
    if blank := int((codes < 0).sum()):
        raise DesignError(f"column {column}", "is blank", fix="Leave these rows out, or fill it in.", rows=blank)
    return codes
