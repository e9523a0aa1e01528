"""Do the items of a construct belong together, and can schools be told apart by it?

References: R `psych`, `factanal` and one-way `aov`, tests/reference/lq2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize

from sro_research.estimates import as_estimates
from sro_research.models.school_means import CONFIDENCE

TOO_FEW = "too few items, answers or schools"
NO_VARIANCE, ONE_CONSTANT = "all answers are equal", "an item has the same answer from everyone"
NO_FACTOR = "the factor model did not converge"
NO_BETWEEN = "the schools do not differ at all"

LOWEST_UNIQUENESS = 0.005
"""As in R `factanal`: below it an item would have no error of its own."""
STEEPEST = 1e-5
"""Largest slope at which a search has ended."""
SINGULAR = 1e-10
"""Smallest eigenvalue of the correlations below which an item is a sum of others and the likelihood has no maximum."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval and the number of respondents it rests on."""

    estimate: float
    low: float
    high: float
    n: int


def alpha(answers: pd.DataFrame) -> Interval:
    """Return Cronbach's alpha of keyed answers (respondents by items), complete respondents only.

    Interval after Feldt, Woodruff & Salih 1987 (Appl. Psych. Meas. 11, 93-103): (1 - alpha) times quantiles of F with
    n-1 and (n-1)(k-1) degrees of freedom.
    """
    complete = answers.dropna()
    n, k = complete.shape
    if n < 2 or k < 2 or not (total := complete.sum(axis=1).var()) > 0:
        return Interval(np.nan, np.nan, np.nan, n)
    value = k / (k - 1) * (1 - complete.var().sum() / total)
    tail = (1 - CONFIDENCE) / 2
    low, high = (1 - (1 - value) * stats.f.ppf(q, n - 1, (n - 1) * (k - 1)) for q in (1 - tail, tail))
    return Interval(value, low, high, n)


def omega_total(answers: pd.DataFrame) -> float:
    """Return McDonald's omega of a one-factor maximum likelihood model of the covariances.

    omega = (sum of loadings)^2 / ((sum of loadings)^2 + sum of uniquenesses), loadings in the items' own units
    (McDonald 1999, Test Theory). Missing where there are fewer than three items, an item does not vary, or the factor
    model has no proper solution.
    """
    return _omega(answers)[0]


def _omega(answers: pd.DataFrame) -> tuple[float, str]:
    """Return omega, and where it is missing the reason."""
    complete = answers.dropna()
    spread = complete.std().to_numpy()
    if complete.shape[1] < 3 or len(complete) <= complete.shape[1]:
        return float("nan"), TOO_FEW
    if not (spread > 0).all():
        return float("nan"), NO_VARIANCE if not (spread > 0).any() else ONE_CONSTANT
    correlations = np.corrcoef(complete.to_numpy(), rowvar=False)
    uniqueness = one_factor_uniqueness(correlations)
    if uniqueness is None:
        return float("nan"), NO_FACTOR
    common = (_loadings(correlations, uniqueness) * spread).sum() ** 2
    return float(common / (common + (uniqueness * spread**2).sum())), ""


def one_factor_uniqueness(correlations: np.ndarray) -> np.ndarray | None:
    """Return the uniquenesses (p) of a one-factor maximum likelihood model of correlations (p x p), or None.

    The likelihood is maximized over the uniquenesses alone, the loadings being known given them (Jöreskog 1967,
    Psychometrika 32, 443-482; R `factanal`). Where the search does not end, other starts are tried. A uniqueness at
    its lower bound is an improper solution (Heywood 1931): an item would be the factor itself, without error.
    """
    p = len(correlations)
    if np.linalg.eigvalsh(correlations)[0] < SINGULAR:
        return None
    # R's start, then plain ones.
    starts = [(1 - 0.5 / p) / np.diag(np.linalg.inv(correlations)), *(np.full(p, u) for u in (0.5, 0.2, 0.8))]
    bounds = [(LOWEST_UNIQUENESS, 1.0)] * p
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    for start in starts:
        inside = start.clip(LOWEST_UNIQUENESS, 1.0)
        fit = minimize(_misfit, inside, (correlations,), "L-BFGS-B", jac=True, bounds=bounds, options=options)
        slope = _misfit(fit.x, correlations)[1]
        settled = np.abs(np.clip(fit.x - slope, LOWEST_UNIQUENESS, 1.0) - fit.x).max() < STEEPEST
        if settled:
            return fit.x if (fit.x > LOWEST_UNIQUENESS * (1 + 1e-6)).all() else None
    return None


def _misfit(uniqueness: np.ndarray, correlations: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the likelihood's distance from a perfect fit, and its slopes by the uniquenesses."""
    root = np.sqrt(uniqueness)
    others = np.linalg.eigvalsh(correlations / np.outer(root, root))[:-1]
    loadings = _loadings(correlations, uniqueness)
    left = np.outer(loadings, loadings) + np.diag(uniqueness) - correlations
    return float((others - np.log(others) - 1).sum()), np.diag(left) / uniqueness**2


def _loadings(correlations: np.ndarray, uniqueness: np.ndarray) -> np.ndarray:
    root = np.sqrt(uniqueness)
    values, vectors = np.linalg.eigh(correlations / np.outer(root, root))
    return root * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))


def school_reliability(scores: pd.Series, schools: pd.Series) -> tuple[float, float]:
    """Return ICC(1), the share of variance between schools, and ICC(2), the reliability of a school's mean.

    From a one-way analysis of variance, with the average number of answers per school (Bliese 2000). ICC(1) may be
    negative, which says that schools differ less than chance would make them. ICC(2) is missing where they do not
    differ at all, both where no answer differs.
    """
    table = pd.DataFrame({"score": scores, "school": schools}).dropna()
    by_school = table.groupby("school", observed=True)["score"]
    groups, n = by_school.ngroups, len(table)
    if groups < 2 or n <= groups:
        return float("nan"), float("nan")
    within_squares = ((table["score"] - by_school.transform("mean")) ** 2).sum()
    between_squares = ((table["score"] - table["score"].mean()) ** 2).sum() - within_squares
    between, within = between_squares / (groups - 1), within_squares / (n - groups)
    if not between + within > 0:
        return float("nan"), float("nan")
    icc2 = (between - within) / between if between > 0 else float("nan")
    return (between - within) / (between + (n / groups - 1) * within), icc2


def reliability_estimates(
    answers: dict[str, pd.DataFrame], scores: pd.DataFrame, *, population: str, wave: str
) -> pd.DataFrame:
    """Return alpha, omega, ICC(1) and ICC(2) of each construct as estimates of one wave.

    `answers` maps constructs to keyed answers; `scores` are the scores of the same respondents.
    """
    rows = []
    for construct, items in answers.items():
        of = scores[scores["construct"] == construct].dropna(subset=["score"])
        a, (omega, reason) = alpha(items), _omega(items)
        icc1, icc2 = school_reliability(of["score"], of["school_id"])
        equal = NO_VARIANCE if items.dropna().stack().nunique() == 1 else TOO_FEW
        apart = NO_VARIANCE if of["score"].nunique() == 1 else NO_BETWEEN if pd.notna(icc1) else TOO_FEW
        rows += [
            ("alpha", construct, a.n, a.estimate, a.low, a.high, "Cronbach, interval after Feldt", equal),
            ("omega_total", construct, a.n, omega, np.nan, np.nan, "one-factor maximum likelihood", reason),
            ("icc1", construct, len(of), icc1, np.nan, np.nan, "one-way analysis of variance", apart),
            ("icc2", construct, len(of), icc2, np.nan, np.nan, "one-way analysis of variance", apart),
        ]
    columns = ["measure", "construct", "n", "estimate", "conf_low", "conf_high", "method", "note"]
    table = pd.DataFrame(rows, columns=columns)
    table["note"] = table["note"].where(table["estimate"].isna(), "")
    return as_estimates(table, population=population, wave=wave, unit="coefficient")
