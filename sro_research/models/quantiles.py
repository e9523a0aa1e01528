"""Medians and other quantiles of times, with limits that assume no shape of their distribution.

A quantile is of type 7 (R's `quantile`, numpy's default). Two kinds of limits:

- One school, n calls taken as independent: order statistics x_(l) and x_(u), with l the largest and u the smallest for
  which P(B < l) <= 2.5 % and P(B >= u) <= 2.5 %, B ~ Binomial(n, p). They hold for every continuous distribution, cover
  the truth in 95 % or a little more, and exactly in P(l <= B < u) (David & Nagaraja 2003, Order Statistics, 7.1). The
  median needs 6 calls, the 90 % point 36; with fewer there are no limits, which is said.
- The district, calls in G schools: calls of a school are alike, so the share of calls up to the quantile gets the
  error of a mean of clusters, its t interval (G - 1 degrees of freedom) is made, and the quantiles at its two ends are
  the limits (Woodruff 1952, J. Am. Stat. Assoc. 47, 635-646). R: `survey::svyquantile(interval.type = "mean",
  qrule = "hf7")`, schools as `id`.

Schools are not resampled instead. In 600 simulated districts the percentile bootstrap of schools covered the true
median of 8, 12 and 20 schools in 89, 88 and 91 % and the true 90 % point in 84, 88 and 91 %; Woodruff's limits, in 95,
94 and 95 % and in 94, 94 and 96 %.

References: R `survey` and binomial sums, tests/reference/quantiles; coverage by simulation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.precision import TAIL

FEWEST_SCHOOLS = 5
"""Schools with cases below which the district has no limits; coverage is simulated for 5 schools and more."""
NO_CASES = "no case has a known value"
TOO_FEW_CASES = "too few cases for an interval"
TOO_FEW_SCHOOLS = "too few schools with cases for an interval"
OF_CASES, OF_SCHOOLS = "quantile, order-statistic limits", "quantile, Woodruff limits, schools as clusters"
NONE = (np.nan, np.nan)


def order_statistic_limits(values: np.ndarray, p: float) -> tuple[float, float]:
    """Return 95 % limits of the p-quantile of independent values (n); both missing where n is too small for either."""
    n = len(values)
    low, high = int(stats.binom.ppf(TAIL, n, p)), int(stats.binom.ppf(1 - TAIL, n, p)) + 1
    if n == 0 or low < 1 or high > n:
        return NONE
    ordered = np.sort(values)
    return float(ordered[low - 1]), float(ordered[high - 1])


def cluster_limits(values: np.ndarray, clusters: np.ndarray, p: float) -> tuple[float, float]:
    """Return Woodruff's 95 % limits of the p-quantile of values (n) that come in clusters (n labels).

    Both are missing where the interval of the share leaves 0 to 1, or there is only one cluster.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    count = int(codes.max(initial=-1)) + 1
    if count < 2:
        return NONE
    below = values <= np.quantile(values, p)
    share = below.mean()
    apart = np.bincount(codes, below - share) / len(values)
    reach = stats.t.ppf(1 - TAIL, count - 1) * np.sqrt(count / (count - 1) * (apart @ apart))
    if share - reach < 0 or share + reach > 1:
        return NONE
    low, high = np.quantile(values, [share - reach, share + reach])
    return float(low), float(high)


def quantile_estimates(
    rows: pd.DataFrame, *, value: str, measures: Mapping[str, float], unit: str, population: str = ""
) -> pd.DataFrame:
    """Return quantiles of a column by school and wave, and by wave for the district, as estimates.

    `rows` are cases with `school_id`, `wave` and `value`, missing where it is not known; `measures` gives the
    probability of each quantile by its name. `n` counts the cases with a value.
    """
    made = []
    for measure, p in measures.items():
        by_school = rows.groupby(["school_id", "wave"])
        made += [_row(cases, value, p, measure, wave, school) for (school, wave), cases in by_school]
        made += [_row(cases, value, p, measure, wave) for wave, cases in rows.groupby("wave")]
    columns = ["measure", "wave", "school_id", "n", "estimate", "conf_low", "conf_high", "method", "note"]
    return as_estimates(pd.DataFrame(made, columns=columns), unit=unit, population=population)


def _row(cases: pd.DataFrame, value: str, p: float, measure: str, wave: str, school: str = "") -> tuple[object, ...]:
    known = cases.dropna(subset=[value])
    values, schools = known[value].to_numpy(dtype=float), known["school_id"].to_numpy(dtype=str)
    method = OF_CASES if school else OF_SCHOOLS
    if len(values) == 0:
        return (measure, wave, school, 0, np.nan, *NONE, method, NO_CASES)
    limits, note = NONE, TOO_FEW_SCHOOLS
    if school:
        limits, note = order_statistic_limits(values, p), TOO_FEW_CASES
    elif len(np.unique(schools)) >= FEWEST_SCHOOLS:
        limits, note = cluster_limits(values, schools, p), TOO_FEW_CASES
    note = note if np.isnan(limits[0]) else ""
    return (measure, wave, school, len(values), float(np.quantile(values, p)), *limits, method, note)
