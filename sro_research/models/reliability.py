"""Do the items of a construct belong together, and can schools be told apart by it?

References: R `psych`, `factanal` and one-way `aov`, tests/reference/lq2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.multivariate.factor import Factor

from sro_research.estimates import as_estimates
from sro_research.models.school_means import CONFIDENCE


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
    (McDonald 1999, Test Theory). Missing where there are fewer than three items or an item does not vary.
    """
    complete = answers.dropna()
    spread = complete.std()
    if complete.shape[1] < 3 or len(complete) <= complete.shape[1] or not (spread > 0).all():
        return float("nan")
    fit = Factor(complete.to_numpy(), n_factor=1, method="ml").fit()
    loadings = fit.loadings[:, 0] * spread.to_numpy()
    uniqueness = fit.uniqueness * spread.to_numpy() ** 2
    common = loadings.sum() ** 2
    return float(common / (common + uniqueness.sum()))


def school_reliability(scores: pd.Series, schools: pd.Series) -> tuple[float, float]:
    """Return ICC(1), the share of variance between schools, and ICC(2), the reliability of a school's mean.

    From a one-way analysis of variance, with the average number of answers per school (Bliese 2000). ICC(1) may be
    negative, which says that schools differ less than chance would make them.
    """
    table = pd.DataFrame({"score": scores, "school": schools}).dropna()
    by_school = table.groupby("school", observed=True)["score"]
    groups, n = by_school.ngroups, len(table)
    if groups < 2 or n <= groups:
        return float("nan"), float("nan")
    within_squares = ((table["score"] - by_school.transform("mean")) ** 2).sum()
    between_squares = ((table["score"] - table["score"].mean()) ** 2).sum() - within_squares
    between, within = between_squares / (groups - 1), within_squares / (n - groups)
    if not between > 0:
        return float("nan"), float("nan")
    return (between - within) / (between + (n / groups - 1) * within), (between - within) / between


def reliability_estimates(
    answers: dict[str, pd.DataFrame], scores: pd.DataFrame, *, population: str, wave: str
) -> pd.DataFrame:
    """Return alpha, omega, ICC(1) and ICC(2) of each construct as estimates of one wave.

    `answers` maps constructs to keyed answers; `scores` are the scores of the same respondents.
    """
    rows = []
    for construct, items in answers.items():
        of = scores[scores["construct"] == construct]
        a, (icc1, icc2) = alpha(items), school_reliability(of["score"], of["school_id"])
        rated = int(of["score"].notna().sum())
        rows += [
            {
                "measure": "alpha",
                "construct": construct,
                "n": a.n,
                "estimate": a.estimate,
                "conf_low": a.low,
                "conf_high": a.high,
                "method": "Cronbach, interval after Feldt",
            },
            {
                "measure": "omega_total",
                "construct": construct,
                "n": a.n,
                "estimate": omega_total(items),
                "method": "one-factor maximum likelihood",
            },
            {
                "measure": "icc1",
                "construct": construct,
                "n": rated,
                "estimate": icc1,
                "method": "one-way analysis of variance",
            },
            {
                "measure": "icc2",
                "construct": construct,
                "n": rated,
                "estimate": icc2,
                "method": "one-way analysis of variance",
            },
        ]
    table = pd.DataFrame(rows)
    note = table["estimate"].isna().map({True: "too few items, answers or schools", False: ""})
    return as_estimates(table, population=population, wave=wave, unit="coefficient", note=note)
