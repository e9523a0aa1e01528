"""Regressions on a sample with replicate weights: do schools that differ in one thing differ in an outcome?

A generalized linear model is fitted with the full-sample weights, and again with each column of replicate weights; the
spread of the replicates is the error (`replicates.replicate_statistic`). The weighted score equations

    sum_i w_i x_i (y_i - mu_i) = 0,    mu = x b (linear), exp(x b) (log), 1 / (1 + exp(-x b)) (logit)

are solved by Fisher scoring (Nelder & Wedderburn 1972, J. R. Stat. Soc. A 135, 370-384). Counts by the log link are
Poisson's equations, and as the error comes from replicates they need not vary as Poisson counts do ("quasi-Poisson").
Degrees of freedom are those of the design less one for each coefficient beyond the first, as in R.

A coefficient on the log or logit scale says little to a reader, so each effect is given three times: as `coefficient`;
as `ratio` of counts or of odds; and as `difference` in the outcome's own unit, which is the mean that the model expects
if all schools were of this group, less the mean if all were of the reference, everything else as it is (Graubard & Korn
1999, Biometrics 55, 652-659, predictive margins). For a number it is the difference that one more makes.

These are differences between schools, adjusted for what else is in the model. They are no effects of officers: schools
with more incidents ask for officers, and officers record incidents that others would not.

References: R `survey::svyglm` on `svrepdesign`, and `withReplicates` for the differences; tests/reference/ssocs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from sro_research.errors import nearest
from sro_research.models.precision import TAIL
from sro_research.models.replicates import Replicates, replicate_statistic
from sro_research.models.sampling import DesignError, numbers

Link = Literal["identity", "log", "logit"]
STEPS = 100
ENDED = 1e-12
"""Scoring has ended when no coefficient moves by more than this part of the largest."""
UNDETERMINED = 1e10
"""Condition number from which columns of the model say the same thing."""


def effects(
    schools: pd.DataFrame,
    plan: Replicates,
    *,
    outcome: str,
    link: Link,
    terms: Sequence[str],
    reference: Mapping[str, str],
) -> pd.DataFrame:
    """Return what each term makes of an outcome, adjusted for the others: one row per group but the reference.

    `terms` are columns: numbers, yes or no, or groups, whose reference group is in `reference`. Schools that lack the
    outcome or a term are left out. Columns: `term`, `group`, `reference` (blank for numbers), `n`, `coefficient`,
    `std_error`, `degrees_of_freedom`, `p_value`; `ratio`, `ratio_low`, `ratio_high` (missing for a linear model);
    `difference`, `difference_error`, `difference_low`, `difference_high` in the outcome's unit. Raises `DesignError`
    where a column is missing, two say the same, or the outcome is predicted exactly.
    """
    table = schools.dropna(subset=[outcome, *terms]).reset_index(drop=True)
    model = _model(table, outcome, link, terms, reference)
    estimate, covariance = replicate_statistic(table, plan, model.fitted)
    error = np.sqrt(np.diagonal(covariance))
    count, width = len(model.labels), model.x.shape[1]
    degrees = plan.sample(table).degrees + 1 - width
    reach = stats.t.ppf(1 - TAIL, degrees)
    b, se = estimate[1:width], error[1:width]
    difference, difference_error = estimate[width:], error[width:]
    ratio = np.exp(np.stack([b, b - reach * se, b + reach * se])) if link != "identity" else np.full((3, count), np.nan)
    return model.labels.assign(
        n=len(table),
        coefficient=b,
        std_error=se,
        degrees_of_freedom=degrees,
        p_value=2 * stats.t.sf(np.abs(b) / se, degrees),
        ratio=ratio[0],
        ratio_low=ratio[1],
        ratio_high=ratio[2],
        difference=difference,
        difference_error=difference_error,
        difference_low=difference - reach * difference_error,
        difference_high=difference + reach * difference_error,
    )


@dataclass(frozen=True)
class _Model:
    """An outcome `y` and columns `x` (schools x coefficients, the first 1); `labels` names the others.

    `term` tells which columns belong together: of groups, at most one of them is 1.
    """

    y: np.ndarray
    x: np.ndarray
    link: Link
    labels: pd.DataFrame
    groups: np.ndarray

    def fitted(self, weight: np.ndarray) -> np.ndarray:
        """Return the coefficients for these weights, and the differences that their terms make."""
        b = self._coefficients(weight)
        term = self.labels["term"].to_numpy()
        differences = []
        for j in range(1, self.x.shape[1]):
            same = np.flatnonzero(term == term[j - 1]) + 1
            before, after = self.x.copy(), self.x.copy()
            if self.groups[j - 1]:
                before[:, same] = after[:, same] = 0.0
            after[:, j] += 1.0
            change = _mean(self.link, after @ b) - _mean(self.link, before @ b)
            differences.append(weight @ change / weight.sum())
        return np.concatenate([b, differences])

    def _coefficients(self, weight: np.ndarray) -> np.ndarray:
        b = np.zeros(self.x.shape[1])
        b[0] = _start(self.link, weight @ self.y / weight.sum())
        with contextlib.suppress(np.linalg.LinAlgError):
            for _ in range(STEPS):
                step = self._step(weight, _mean(self.link, self.x @ b))
                b = b + step
                if np.abs(step).max() <= ENDED * max(1.0, np.abs(b).max()):
                    return b
        fix = "Join small groups, or leave a term out."
        raise DesignError("the regression", "has no solution: a group's outcomes are all alike", fix=fix)

    def _step(self, weight: np.ndarray, mu: np.ndarray) -> np.ndarray:
        information = (self.x * (weight * _slope(self.link, mu))[:, None]).T @ self.x
        return np.linalg.solve(information, self.x.T @ (weight * (self.y - mu)))


def _model(table: pd.DataFrame, outcome: str, link: Link, terms: Sequence[str], reference: Mapping[str, str]) -> _Model:
    columns, labels, groups = [np.ones(len(table))], [], []
    for term in terms:
        if pd.api.types.is_numeric_dtype(table[term]) and not pd.api.types.is_bool_dtype(table[term]):
            columns.append(numbers(table, term))
            labels.append((term, "", ""))
            groups.append(False)
            continue
        of, first = table[term].astype("string"), reference.get(term, "False")
        if first not in set(of):
            raise DesignError(f"column {term}", f"has no group '{first}'", fix=nearest(first, of.unique()))
        for group in sorted(set(of) - {first}):
            columns.append((of == group).to_numpy(dtype=float))
            labels.append((term, group, first))
            groups.append(True)
    x = np.column_stack(columns)
    if np.linalg.cond(x / np.linalg.norm(x, axis=0)) > UNDETERMINED:
        raise DesignError("the regression", "two terms say the same thing", fix="Leave one of them out.")
    named = pd.DataFrame(labels, columns=["term", "group", "reference"], dtype="string")
    return _Model(numbers(table, outcome), x, link, named, np.array(groups))


def _mean(link: Link, eta: np.ndarray) -> np.ndarray:
    if link == "identity":
        return eta
    return np.exp(eta) if link == "log" else expit(eta)


def _slope(link: Link, mu: np.ndarray) -> np.ndarray:
    """Return how fast the mean moves with the linear predictor; for these links also the variance of the model."""
    if link == "identity":
        return np.ones_like(mu)
    return mu if link == "log" else mu * (1 - mu)


def _start(link: Link, mean: float) -> float:
    if link == "identity":
        return mean
    return float(np.log(mean) if link == "log" else np.log(mean / (1 - mean)))
