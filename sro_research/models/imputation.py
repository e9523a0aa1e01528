"""Filling in missing answers several times, and putting the results together.

Each missing value is drawn several times from what resembling people answered; a model is fitted to each filled table,
and the estimates are pooled so that the error also has what the draws do not agree on (Rubin 1987, Multiple Imputation
for Nonresponse in Surveys; degrees of freedom of Barnard & Rubin 1999, Biometrika 86, 948-955). Right when what is
missing depends on nothing but what is in the table; nobody can test that.

References (pooling): R `mice` 3.15 `pool`, `pool.compare`; tests/reference/sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.models.school_means import CONFIDENCE

DRAWS = 20
"""Filled tables; about as many as there are per cent of incomplete rows (White, Royston & Wood 2011, Stat. Med. 30,
377-399)."""
BURN_IN, BETWEEN_DRAWS = 20, 5
"""Rounds through all columns before the first table is kept, and from one to the next."""
NEIGHBOURS = 5
"""Donors of predictive mean matching (Morris, White & Royston 2014, BMC Med. Res. Methodol. 14, 75)."""
RIDGE = 1e-6
"""Added to the diagonal, so that columns that follow from others do no harm (R `mice` has 1e-5)."""
WHERE = "the imputation"


@dataclass(frozen=True)
class Pooled:
    """Pooled estimates: one row per term in `rows`, and their total `covariance` (k x k).

    `rows` has `term`, `estimate`, `std_error`, `degrees_of_freedom`, `conf_low`, `conf_high`, and
    `missing_information`, the share of the information that is lost to what is missing.
    """

    rows: pd.DataFrame
    covariance: np.ndarray


@dataclass(frozen=True)
class WaldTest:
    """A test that all pooled estimates are zero: F with its two degrees of freedom."""

    statistic: float
    numerator_df: float
    denominator_df: float
    p_value: float


def pooled(estimates: pd.DataFrame, *, covariances: np.ndarray, complete_df: float = np.inf) -> Pooled:
    """Pool estimates of m filled tables (m rows, a column per term) and their covariances (m x k x k).

    `complete_df` are the degrees of freedom of the model if nothing were missing. R: `mice::pool(fits, dfcom)`.
    """
    q, u, b = _parts(estimates, covariances)
    m = len(estimates)
    total = u + (1 + 1 / m) * b
    variance = np.diag(total)
    lost = (1 + 1 / m) * np.diag(b) / variance
    df = barnard_rubin(lost, m=m, complete_df=complete_df)
    rise = lost / (1 - lost)
    error = np.sqrt(variance)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df) * error
    rows = pd.DataFrame(
        {
            "term": list(estimates.columns),
            "estimate": q,
            "std_error": error,
            "degrees_of_freedom": df,
            "conf_low": q - reach,
            "conf_high": q + reach,
            "missing_information": (rise + 2 / (df + 3)) / (rise + 1),
        }
    )
    return Pooled(rows, total)


def barnard_rubin(lost: np.ndarray, *, m: int, complete_df: float) -> np.ndarray:
    """Return degrees of freedom of estimates of which the share `lost` of the variance comes from m imputations."""
    with np.errstate(divide="ignore"):
        of_draws = (m - 1) / lost**2
    if np.isinf(complete_df):
        return of_draws
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - lost)
    return 1 / (1 / of_draws + 1 / observed)


def pooled_test(estimates: pd.DataFrame, *, covariances: np.ndarray) -> WaldTest:
    """Test that all terms are zero together (Li, Raghunathan & Rubin 1991, J. Am. Stat. Assoc. 86, 1065-1073).

    As if every term lost the same share of information. R: `mice::pool.compare(full, restricted, method = "wald")`,
    which takes the terms as uncorrelated.
    """
    q, u, b = _parts(estimates, covariances)
    m, k = estimates.shape
    rise = (1 + 1 / m) * float(np.trace(np.linalg.solve(u, b))) / k
    statistic = float(q @ np.linalg.solve(u, q)) / (k * (1 + rise))
    draws = k * (m - 1)
    if rise == 0:
        df = np.inf
    elif draws > 4:
        df = 4 + (draws - 4) * (1 + (1 - 2 / draws) / rise) ** 2
    else:
        df = draws * (1 + 1 / k) * (1 + 1 / rise) ** 2 / 2
    return WaldTest(statistic, float(k), float(df), float(stats.f.sf(statistic, k, df)))


def _parts(estimates: pd.DataFrame, covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean estimate, the mean covariance within tables, and the covariance between them."""
    values = estimates.to_numpy(dtype=float)
    m, k = values.shape
    if m < 2 or np.shape(covariances) != (m, k, k):
        rule = "two tables or more are pooled, with a covariance matrix for each"
        raise WorkbenchError(WHERE, rule, fix="Give m estimates of k terms and an array of m x k x k.")
    return values.mean(axis=0), np.mean(covariances, axis=0), np.cov(values, rowvar=False).reshape(k, k)


def imputed(
    table: pd.DataFrame,
    *,
    columns: Sequence[str],
    seed: int,
    predictors: Sequence[str] = (),
    school: str = "school_id",
    draws: int = DRAWS,
) -> list[pd.DataFrame]:
    """Return `draws` copies of a table of people with the blanks of numeric `columns` filled in.

    Chained equations with predictive mean matching (van Buuren 2018, Flexible Imputation of Missing Data, 2nd ed.,
    ch. 3-4; R `mice(method = "pmm")`): a blank gets the answer of one of the `NEIGHBOURS` most alike by the other
    `columns`, the complete `predictors`, and the means of the person's schoolmates in all of them, without which
    schools would be filled in too much alike (same book, ch. 7). Whatever the model to come uses, interactions too,
    belongs in here. The same `seed` makes the same tables. Blanks of one school are filled in one by one, so that the
    error of a school's own mean comes out somewhat too small. Raises `WorkbenchError` where a column is blank or does
    not vary within schools (that is to be filled in in a table of schools), or a predictor has blanks.
    """
    values = table[[*columns, *predictors]].astype(float)
    _check(values, table[school], columns, predictors)
    rng = np.random.default_rng(seed)
    known = values.notna().to_numpy()
    filled = values.to_numpy(copy=True)
    for k, has in enumerate(known.T):
        filled[~has, k] = rng.choice(filled[has, k], (~has).sum())
    codes = pd.factorize(table[school])[0]
    made = []
    for round_ in range(1, BURN_IN + draws * BETWEEN_DRAWS + 1):
        for k in np.flatnonzero(~known.all(axis=0)).tolist():
            filled[:, k] = _matched(filled, k, known[:, k], codes, rng)
        if round_ > BURN_IN and (round_ - BURN_IN) % BETWEEN_DRAWS == 0:
            made.append(table.assign(**dict(zip(columns, filled.T.copy(), strict=False))))
    return made


def _matched(filled: np.ndarray, k: int, known: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return column k with its blanks drawn anew."""
    y = filled[:, k]
    schoolmates = np.column_stack(
        [_mean_of_others(v, known if j == k else np.ones(len(v), dtype=bool), codes) for j, v in enumerate(filled.T)]
    )
    x = np.column_stack([np.delete(filled, k, axis=1), schoolmates])
    spread = x.std(axis=0)
    x = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]])
    estimated, drawn = _regression(x[known], y[known], rng)
    donors = np.argsort(x[known] @ estimated)
    chosen = _nearest((x[known] @ estimated)[donors], x[~known] @ drawn, rng)
    new = y.copy()
    new[~known] = y[known][donors[chosen]]
    return new


def _mean_of_others(values: np.ndarray, known: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return for each person the mean of schoolmates' known values, without the person's own; of all where none."""
    count = np.bincount(codes, known)[codes] - known
    total = np.bincount(codes, np.where(known, values, 0))[codes] - np.where(known, values, 0)
    return np.divide(total, count, out=np.full(len(values), values[known].mean()), where=count > 0)


def _regression(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients by least squares, and a draw of them from their posterior (Rubin 1987, example 5.1)."""
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] *= 1 + RIDGE
    estimated = np.linalg.solve(gram, x.T @ y)
    df = max(len(y) - x.shape[1], 1)
    deviation = np.sqrt(((y - x @ estimated) ** 2).sum() / rng.chisquare(df))
    return estimated, estimated + deviation * np.linalg.solve(np.linalg.cholesky(gram).T, rng.normal(size=x.shape[1]))


def _nearest(donors: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each wanted value the place of one of the nearest `NEIGHBOURS` of the sorted donors, at random."""
    places = np.searchsorted(donors, wanted)[:, None] + np.arange(-NEIGHBOURS, NEIGHBOURS)
    distance = np.abs(donors[places.clip(0, len(donors) - 1)] - wanted[:, None])
    distance[(places < 0) | (places >= len(donors))] = np.inf
    nearest = np.argsort(distance, axis=1)[:, : min(NEIGHBOURS, len(donors))]
    pick = rng.integers(0, nearest.shape[1], len(wanted))
    rows = np.arange(len(wanted))
    return places[rows, nearest[rows, pick]]


def _check(known: pd.DataFrame, schools: pd.Series, columns: Sequence[str], predictors: Sequence[str]) -> None:
    if known[list(predictors)].isna().any(axis=None) or schools.isna().any():
        raise WorkbenchError(WHERE, "a predictor or the school has blanks", fix="Fill it in as well, or leave it out.")
    within = known[list(columns)].groupby(schools).nunique().max()
    flat = [column for column in columns if not within[column] > 1]
    if flat:
        rule = f"blank or the same for everybody of a school: {', '.join(flat)}"
        raise WorkbenchError(WHERE, rule, fix="Fill it in in a table of schools, or leave it out.")
