"""Least squares with few clusters: three guarded ways to say how sure an effect is, beside the multilevel model.

People of one school answer alike, and with few schools the usual cluster-robust errors are too small. Three remedies
fail in different places, so they are shown side by side (MacKinnon, Nielsen & Webb 2023, J. Econometrics 232, 272-299).
With X_g, e_g the rows and residuals of cluster g, M = (X'X)^-1 and H = X M X':

- CR2: M sum_g X_g' A_g e_g e_g' A_g X_g M, A_g = (I - H_gg)^-1/2, and Satterthwaite's degrees of freedom of each
  coefficient, as if answers were independent (Bell & McCaffrey 2002, Surv. Methodol. 28, 169-181; Pustejovsky &
  Tipton 2018, J. Bus. Econ. Stat. 36, 672-683). R: `clubSandwich::vcovCR(type = "CR2")`, `coef_test`.
- CV3: (G-1)/G sum_g (b_(g) - b)(b_(g) - b)', b_(g) without cluster g, and G-1 degrees of freedom (MacKinnon, Nielsen &
  Webb 2023, J. Appl. Econometrics 38, 671-694). R: `vcovCR(type = "CR3")` times (G-1)/G.
- the wild cluster bootstrap with the null imposed: residuals of the model in which the coefficient is what is tested
  have their signs turned cluster by cluster (Cameron, Gelbach & Miller 2008, Rev. Econ. Stat. 90, 414-427). All
  turns are enumerated where there are at most `LARGEST_ENUMERATION`. The interval holds the values that it does not
  reject. Unreliable where only few clusters differ in what is studied.

References: R `clubSandwich` 0.5, `sandwich` 3.0 and enumeration, tests/reference/multilevel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import CHECK, CHECKS, as_estimates
from sro_research.models.exposure_design import BETWEEN_TERM, WITHIN_TERM, Design
from sro_research.models.school_means import CONFIDENCE

INTERCEPT = "(Intercept)"
CR2, CV3, WILD = "CR2, Satterthwaite", "CV3 jackknife", "wild cluster bootstrap, null imposed"
COLUMNS = ["term", "method", "estimate", "std_error", "df", "p", "conf_low", "conf_high", "clusters", "note"]

LARGEST_ENUMERATION = 2**14
"""All turns of 14 clusters by two signs, or of 5 by Webb's six weights."""
DRAWS = 9_999
"""Turns that are drawn at random where not all can be taken."""
WEIGHTS = {"rademacher": (-1.0, 1.0), "webb": tuple(s * (k / 2) ** 0.5 for s in (-1, 1) for k in (1, 2, 3))}
"""Two points; six points for few clusters (Webb 2023, Can. J. Econ. 56, 839-858)."""

NOT_WITHOUT = "without one of the clusters it cannot be estimated"
NO_LIMIT = "too few clusters for the bootstrap to reject anything: no interval"
NOTHING_LEFT = "no degrees of freedom are left"
_ALONE = 1e-10
"""1 - leverage below this is a cluster that alone decides a coefficient (pseudo-inverse, as in `clubSandwich`)."""
_TIE = 1e-9
"""Relative distance at which two statistics are the same: turning no sign gives the statistic itself."""


@dataclass(frozen=True)
class Clustered:
    """A least-squares regression whose rows come in G clusters: p coefficients with names, sums and rows by cluster."""

    names: list[str]
    coefficients: np.ndarray
    bread: np.ndarray
    x: list[np.ndarray]
    residuals: list[np.ndarray]

    @property
    def clusters(self) -> int:
        """G, the number of clusters."""
        return len(self.x)


def least_squares(data: pd.DataFrame, *, outcome: str, terms: Sequence[str], cluster: str) -> Clustered:
    """Regress the outcome on an intercept and `terms` (numeric columns). Rows with a missing value are left out.

    Raises `ValueError` where there are fewer than two clusters, or coefficients that cannot be told apart.
    """
    known = data.dropna(subset=[outcome, *terms, cluster])
    x = np.column_stack([np.ones(len(known)), known[list(terms)].to_numpy(dtype=float)])
    y = known[outcome].to_numpy(dtype=float)
    if known[cluster].nunique() < 2:
        raise ValueError("fewer than two clusters: no comparison between them")
    scale = np.linalg.norm(x, axis=0).clip(1e-300)
    q, r = np.linalg.qr(x / scale)
    if np.linalg.matrix_rank(r) < x.shape[1]:
        raise ValueError("the coefficients cannot be told apart")
    root = np.linalg.inv(r) / scale[:, None]
    coefficients = root @ (q.T @ y)
    rows = list(known.groupby(cluster, observed=True).indices.values())
    apart = y - x @ coefficients
    return Clustered([INTERCEPT, *terms], coefficients, root @ root.T, [x[r] for r in rows], [apart[r] for r in rows])


def cr2(of: Clustered, term: str) -> tuple[float, float]:
    """Return the CR2 standard error of a coefficient and its Satterthwaite degrees of freedom."""
    return cr2_of(of, [term])[0]


def cr2_of(of: Clustered, terms: Sequence[str]) -> list[tuple[float, float]]:
    """Return the CR2 standard errors of coefficients and their Satterthwaite degrees of freedom."""
    contrasts = of.bread[:, [of.names.index(term) for term in terms]]
    sides, scores, lengths = [], [], []
    for x, e in zip(of.x, of.residuals, strict=True):
        weights = _adjusted(of, x) @ contrasts  # a_g = A_g X_g M c, one number per row and contrast
        sides.append(x.T @ weights)
        lengths.append((weights**2).sum(axis=0))
        scores.append(e @ weights)
    by_term = np.array(sides).transpose(2, 0, 1), np.array(lengths).T, np.array(scores).T
    return [(float(np.linalg.norm(s)), _satterthwaite(w, n, of.bread)) for w, n, s in zip(*by_term, strict=True)]


def _satterthwaite(side: np.ndarray, length: np.ndarray, bread: np.ndarray) -> float:
    """Return tr(Q)^2 / tr(QQ) of Q = diag(length) - side bread side', of which the whole (G x G) is never made."""
    own = np.einsum("gp,pq,gq->g", side, bread, side)
    inner = side.T @ side @ bread
    trace = (length - own).sum()
    return float(trace**2 / ((length**2).sum() - 2 * length @ own + np.trace(inner @ inner)))


def _adjusted(of: Clustered, x: np.ndarray) -> np.ndarray:
    """Return (I - H_gg)^-1/2 X_g (n_g x p); H_gg has no more eigenvalues than there are coefficients."""
    half = np.linalg.cholesky(of.bread)
    vectors, roots, _ = np.linalg.svd(x @ half, full_matrices=False)
    left = 1 - roots**2
    stretch = np.where(left > _ALONE, left.clip(_ALONE) ** -0.5, 0.0)
    return x + vectors @ ((stretch - 1)[:, None] * (vectors.T @ x))


def cv3(of: Clustered, term: str) -> float:
    """Return the CV3 standard error of a coefficient, missing where it is not estimable without one of the clusters."""
    k = of.names.index(term)
    total = np.linalg.inv(of.bread)
    moves = []
    for x, e in zip(of.x, of.residuals, strict=True):
        rest = total - x.T @ x
        scale = np.sqrt(np.diag(total))
        if np.linalg.eigvalsh(rest / np.outer(scale, scale))[0] < _ALONE:
            return float("nan")
        moves.append(np.linalg.solve(rest, x.T @ e)[k])  # b - b_(g)
    return float(np.linalg.norm(moves) * ((of.clusters - 1) / of.clusters) ** 0.5)


@dataclass(frozen=True)
class Turned:
    """The wild cluster bootstrap of one coefficient: p(value) of the null that it is `value`."""

    estimate: float
    p: Callable[[float], float]
    turns: int
    enumerated: bool

    def interval(self, step: float) -> tuple[float, float]:
        """Return the values that are not rejected, searched outward by `step`; infinite where none is."""
        return self._limit(-step), self._limit(step)

    def _limit(self, step: float) -> float:
        kept, lost = self.estimate, self.estimate + step
        for _ in range(12):
            if self.p(lost) < 1 - CONFIDENCE:
                break
            kept, lost = lost, lost + 2 * (lost - kept)
        else:
            return float(np.copysign(np.inf, step))
        for _ in range(45):
            middle = (kept + lost) / 2
            kept, lost = (middle, lost) if self.p(middle) >= 1 - CONFIDENCE else (kept, middle)
        return (kept + lost) / 2


def wild_bootstrap(
    of: Clustered, term: str, *, weights: Literal["rademacher", "webb"] = "rademacher", seed: int = 0
) -> Turned:
    """Prepare the wild cluster bootstrap of a coefficient, with the null imposed and CV1 errors (two-sided).

    p is the share of turns whose statistic is at least as far from zero as the one found, with the turn that changes
    nothing among them, which makes it exact where errors are symmetric. Turns that are drawn count one more for it.
    """
    turns, enumerated = _turns(of.clusters, WEIGHTS[weights], seed)
    k = of.names.index(term)
    row, estimate = of.bread[k], float(of.coefficients[k])
    shape = row / of.bread[k, k]  # How the coefficients move when this one is held at a value.
    # Sums over rows: only X_g'X_g and X_g'e_g are needed (MacKinnon, Nielsen & Webb 2023, J. Appl. Econometrics 38).
    grams = np.array([x.T @ x for x in of.x])
    free = np.array([x.T @ e for x, e in zip(of.x, of.residuals, strict=True)])
    moved = grams @ shape
    reach = np.einsum("p,gpq->gq", row, grams) @ of.bread

    def p(value: float) -> float:
        scores = free + (estimate - value) * moved
        found = _statistics(np.ones((of.clusters, 1)), scores, row, reach)[0]
        others = _statistics(turns, scores, row, reach)
        # An estimate exactly at the value is as near as can be.
        far = np.count_nonzero(np.abs(others) >= abs(found) * (1 - _TIE))
        return far / len(others) if enumerated else (far + 1) / (len(others) + 1)

    return Turned(estimate, p, turns.shape[1], enumerated)


def _statistics(turns: np.ndarray, scores: np.ndarray, row: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return t of each turn (G x turns): its distance from the null over its CV1 error, but for a common factor."""
    by_cluster = scores @ row
    parts = by_cluster[:, None] * turns - (reach @ scores.T) @ turns
    return (by_cluster @ turns) / np.sqrt(np.sum(parts**2, axis=0)).clip(1e-300)


@lru_cache(maxsize=2)
def _turns(clusters: int, points: tuple[float, ...], seed: int) -> tuple[np.ndarray, bool]:
    """Return weights (G x turns) and whether they are all there are."""
    if len(points) ** clusters <= LARGEST_ENUMERATION:
        return np.array(list(itertools.product(points, repeat=clusters))).T, True
    return np.random.default_rng(seed).choice(points, size=(clusters, DRAWS)), False


def side_by_side(
    of: Clustered, terms: Sequence[str], *, weights: Literal["rademacher", "webb"] = "rademacher", seed: int = 0
) -> pd.DataFrame:
    """Return a row for each term and method, with the columns `COLUMNS`."""
    rows = []
    for term in terms:
        estimate = float(of.coefficients[of.names.index(term)])
        error, df = cr2(of, term)
        rows.append(_row(term, CR2, estimate, error, df, "" if df > 0 else NOTHING_LEFT))
        jackknife = cv3(of, term)
        rows.append(_row(term, CV3, estimate, jackknife, of.clusters - 1, NOT_WITHOUT if np.isnan(jackknife) else ""))
        turned = wild_bootstrap(of, term, weights=weights, seed=seed)
        low, high = turned.interval(2 * error)
        endless = not np.isfinite([low, high]).all()
        limits = (np.nan, np.nan) if endless else (low, high)
        rows.append((term, WILD, estimate, np.nan, np.nan, turned.p(0.0), *limits, NO_LIMIT if endless else ""))
    table = pd.DataFrame(rows, columns=[c for c in COLUMNS if c != "clusters"])
    return table.assign(clusters=of.clusters)[COLUMNS]


def check_estimates(made: Design, *, population: str, construct: str, per: float) -> pd.DataFrame:
    """Return the effect within schools in the three ways as estimates, in scale points per `per` units.

    `group_by` is `CHECK`, `group` one of `CHECKS`.
    """
    table = beside_the_model(made)
    rows = table[table["term"] == WITHIN_TERM].assign(group=list(CHECKS), n=len(made.table))
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        rows[column] = per * rows[column]
    about = {"measure": "effect_within_schools", "population": population, "construct": construct, "group_by": CHECK}
    return as_estimates(rows, unit="scale points", **about)


def _row(term: str, method: str, estimate: float, error: float, df: float, note: str) -> tuple[object, ...]:
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df) * error
    p = 2 * stats.t.sf(abs(estimate) / error, df) if error > 0 else np.nan
    return term, method, estimate, error, df, p, estimate - reach, estimate + reach, note


def beside_the_model(
    made: Design, *, cluster: Literal["school", "district"] = "school", means: bool = False, seed: int = 0
) -> pd.DataFrame:
    """Return within, between and contextual effects of a design by least squares, in the three ways, side by side.

    Rows are answers, or with `means` school-waves that all weigh the same.
    """
    table = made.table.assign(exposure=made.table[WITHIN_TERM] + made.table[BETWEEN_TERM])
    terms = list(made.terms)
    if means:
        groups = list(dict.fromkeys([*made.levels, cluster]))
        table = table.groupby(groups, as_index=False)[["score", "exposure", *terms]].mean()
        # Distances from the mean of school and wave have the mean zero.
        terms = [t for t in terms if table[t].abs().max() > _TIE]
    effects = side_by_side(
        least_squares(table, outcome="score", terms=terms, cluster=cluster), [WITHIN_TERM, BETWEEN_TERM], seed=seed
    )
    # Beside the exposure itself, its mean has the contextual effect.
    swapped = [t for t in terms if t != WITHIN_TERM] + ["exposure"]
    context = side_by_side(
        least_squares(table, outcome="score", terms=swapped, cluster=cluster), [BETWEEN_TERM], seed=seed
    )
    return pd.concat([effects, context.assign(term="contextual")], ignore_index=True)
