"""Do items belong together between schools as they do within? The two need not agree.

What students of one school differ in (within) and what schools differ in (between) are different questions: a scale
that measures one thing among students may measure another, or nothing, among schools. From the sums of squares and
products of an analysis of variance with G schools of n_j respondents (Muthén 1994, Sociol. Methods Res. 22, 376-398):

    within = W / (n - G)      between = (B / (G - 1) - within) / c      c = (n - sum n_j^2 / n) / (G - 1)

Answers are taken as numbers here. Agrees with R `psych::statsBy` (`rwg`, the pooled within correlations) and, for the
factor, `lavaan::cfa(sample.cov=, estimator="ULS")`; tests/reference/lavaan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

FEW_SCHOOLS = 50
"""Below this many schools the structure between them is only descriptive: the smallest number that Hox & Maas 2001
(Struct. Equ. Modeling 8, 157-174) tried, and there it was often improper."""
FEW = "few schools: the structure between them is descriptive"
TOO_FEW = "too few schools, respondents or items"
NO_DIFFERENCE = "schools do not differ in an item more than chance would make them"
CONSTANT = "an item does not vary within schools"
NO_FACTOR = "the factor model did not converge"
HEYWOOD = "improper solution: an item would have no part of its own"
STEEPEST = 1e-6
"""Largest slope at which a search has ended."""


@dataclass(frozen=True)
class Level:
    """One level: `correlations` of the items, `loadings` on one factor, and `srmr`, what it leaves of the correlations.

    `srmr` is the root mean square over pairs of different items. Where there is no proper factor, loadings and `srmr`
    are missing and `reason` says why.
    """

    correlations: pd.DataFrame
    loadings: pd.Series
    srmr: float
    reason: str


@dataclass(frozen=True)
class SchoolStructure:
    """The two levels, `icc` per item (the share of its variance between schools), and a `note` on their number."""

    within: Level
    between: Level
    icc: pd.Series
    schools: int
    n: int
    note: str

    def side_by_side(self) -> pd.DataFrame:
        """Return one row per item: `item`, `icc`, and `within`, `between`, its loadings on the two levels."""
        columns = {"icc": self.icc, "within": self.within.loadings, "between": self.between.loadings}
        return pd.DataFrame(columns).rename_axis("item").reset_index()


def school_structure(answers: pd.DataFrame, schools: pd.Series) -> SchoolStructure:
    """Compare one construct's items (keyed answers, respondents by items) within and between schools.

    `schools` is the school of each respondent, in the order of `answers`; complete respondents only.
    """
    table = answers.assign(_school=schools.to_numpy()).dropna()
    items = list(answers)
    by_school = table.groupby("_school", observed=True)
    sizes, n = by_school.size(), len(table)
    if len(sizes) < 2 or n <= len(sizes) or len(items) < 2:
        nothing = _missing(items, TOO_FEW)
        return SchoolStructure(nothing, nothing, nothing.loadings, len(sizes), n, TOO_FEW)
    values = table[items].to_numpy(float)
    means = by_school[items].transform("mean").to_numpy(float)
    own, of_schools = values - means, means - values.mean(axis=0)
    within = own.T @ own / (n - len(sizes))
    average = (n - float((sizes**2).sum()) / n) / (len(sizes) - 1)
    between = (of_schools.T @ of_schools / (len(sizes) - 1) - within) / average
    variance = np.diag(between) + np.diag(within)
    icc = np.divide(np.diag(between), variance, out=np.full(len(items), np.nan), where=variance > 0)
    return SchoolStructure(
        _level(within, items, CONSTANT),
        _level(between, items, NO_DIFFERENCE),
        pd.Series(icc, index=items),
        len(sizes),
        n,
        FEW if len(sizes) < FEW_SCHOOLS else "",
    )


def one_factor(correlations: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the loadings (p) on one factor by unweighted least squares over pairs of items, or missing and a reason.

    Least squares needs no positive definite matrix, which an estimate between few schools seldom is (Harman & Jones
    1966, Psychometrika 31, 351-368). The sign is that of most of the items.
    """
    p = len(correlations)
    missing = np.full(p, np.nan)
    if p < 3:
        return missing, TOO_FEW
    first, second = np.triu_indices(p, 1)
    pair = np.arange(len(first))

    def left(loadings: np.ndarray) -> np.ndarray:
        return loadings[first] * loadings[second] - correlations[first, second]

    def slopes(loadings: np.ndarray) -> np.ndarray:
        table = np.zeros((len(pair), p))
        table[pair, first], table[pair, second] = loadings[second], loadings[first]
        return table

    values, vectors = np.linalg.eigh(correlations)
    start = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
    search = least_squares(left, start, jac=slopes, xtol=1e-15, ftol=1e-15, gtol=1e-13, max_nfev=1000)
    if np.abs(search.grad).max() > STEEPEST:
        return missing, NO_FACTOR
    if (np.abs(search.x) >= 1).any():
        return missing, HEYWOOD
    return search.x * (np.sign(search.x.sum()) or 1.0), ""


def _level(covariances: np.ndarray, items: list[str], without_variance: str) -> Level:
    if not (np.diag(covariances) > 0).all():
        return _missing(items, without_variance)
    spread = np.sqrt(np.diag(covariances))
    correlations = covariances / np.outer(spread, spread)
    loadings, reason = one_factor(correlations)
    first, second = np.triu_indices(len(items), 1)
    left = correlations[first, second] - loadings[first] * loadings[second]
    return Level(
        pd.DataFrame(correlations, index=items, columns=items),
        pd.Series(loadings, index=items),
        float(np.sqrt((left**2).mean())),
        reason,
    )


def _missing(items: list[str], reason: str) -> Level:
    nothing = pd.DataFrame(np.nan, index=items, columns=items)
    return Level(nothing, pd.Series(np.nan, index=items), float("nan"), reason)
