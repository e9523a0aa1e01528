"""How much would have to be wrong before a finding changes?

Hidden confounding: E-values (VanderWeele & Ding 2017, Ann. Intern. Med. 167, 268-274) and robustness values with
observed covariates as benchmarks (Cinelli & Hazlett 2020, J. R. Stat. Soc. B 82, 39-67). Nonresponse: bounds that hold
whoever did not answer (Manski 2003, Partial Identification of Probability Distributions) and tipping points. Too small
to matter: two one-sided tests against the smallest effect of interest (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15,
657-680; Lakens 2017, Soc. Psychol. Personal. Sci. 8, 355-362).

None of these says that a finding is right. Each takes rows of estimates and returns them with columns added.

References: the published examples, R `lm`, `t.test`; tests/reference/sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.models.school_means import CONFIDENCE

PER_DEVIATION, PER_ERROR = 0.91, 1.78
"""A difference of d standard deviations is about a risk ratio exp(0.91 d), with limits exp(0.91 d +- 1.78 se)
(VanderWeele 2017, Ann. Intern. Med. 167, 268-274, table 2; after Chinn 2000, Stat. Med. 19, 3127-3131)."""
EQUIVALENT, BEYOND, UNDECIDED = (
    "smaller than the smallest effect of interest",
    "at least the smallest effect of interest",
    "cannot tell: too imprecise for this effect",
)
WHERE = "the sensitivity analysis"


def e_values(rows: pd.DataFrame, *, scale: Literal["ratio", "standardized"]) -> pd.DataFrame:
    """Add `e_value` and `e_value_limit`: how strong a hidden confounder would have to be to explain an effect away.

    The strength is a risk ratio that it would need with both exposure and outcome, beyond what is adjusted for:
    RR + sqrt(RR (RR - 1)), with 1 / RR for RR below 1. The second is for the limit of the interval nearer to no effect,
    and 1 where the interval contains it. `ratio` rows have `estimate`, `conf_low`, `conf_high` as risk ratios (odds
    ratios only where the outcome is rare); `standardized` rows `estimate` and `std_error` in standard deviations of the
    outcome. R: `EValue::evalues.RR`, `EValue::evalues.MD`.
    """
    if scale == "ratio":
        point, low, high = _numbers(rows, "estimate", "conf_low", "conf_high")
        if min(np.nanmin(part, initial=1.0) for part in (point, low, high)) <= 0:
            raise WorkbenchError(WHERE, "a ratio is above zero", fix="Give ratios, not their logarithms.")
    else:
        d, error = _numbers(rows, "estimate", "std_error")
        point = np.exp(PER_DEVIATION * d)
        low, high = (np.exp(PER_DEVIATION * d + sign * PER_ERROR * error) for sign in (-1, 1))
    near = np.where(point >= 1, np.maximum(low, 1), np.minimum(high, 1))
    return rows.assign(e_value=_e_value(point), e_value_limit=_e_value(near))


def _e_value(ratio: np.ndarray) -> np.ndarray:
    away = np.maximum(ratio, 1 / ratio)
    return away + np.sqrt(away * (away - 1))


def robustness_values(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `partial_r2`, `robustness_value` and `robustness_value_limit` to coefficients of regressions.

    Rows have `estimate`, `std_error`, `degrees_of_freedom`. A confounder that explains `robustness_value` of what is
    left of both exposure and outcome would bring the estimate to zero; `robustness_value_limit`, its 95 % interval to
    touch zero. `partial_r2` is what a confounder that explains all of the outcome must explain of the exposure. Exact
    for least squares; for a mixed model a guide only. R: `sensemakr::robustness_value(alpha = 1)` and `(alpha = 0.05)`.
    """
    estimate, error, df = _numbers(rows, "estimate", "std_error", "degrees_of_freedom")
    f = np.abs(estimate / error) / np.sqrt(df)
    critical = stats.t.ppf((1 + CONFIDENCE) / 2, df - 1) / np.sqrt(df - 1)
    left = np.maximum(f - critical, 0)
    # With few degrees of freedom the error shrinks fast enough for another solution (their appendix).
    limit = np.where(left * critical < 1, _robustness(left), (f**2 - critical**2) / (1 + f**2))
    return rows.assign(
        partial_r2=f**2 / (1 + f**2),
        robustness_value=_robustness(f),
        robustness_value_limit=np.where(left > 0, limit, 0),
    )


def _robustness(f: np.ndarray) -> np.ndarray:
    return (np.sqrt(f**4 + 4 * f**2) - f**2) / 2


def with_confounder(
    rows: pd.DataFrame, *, r2_exposure: float | np.ndarray, r2_outcome: float | np.ndarray
) -> pd.DataFrame:
    """Return coefficients as they would be, had a confounder that pulls them to zero been adjusted for.

    `r2_exposure` is its partial R2 with the exposure, `r2_outcome` with the outcome given the exposure. Rows have
    `estimate`, `std_error`, `degrees_of_freedom`; these and `conf_low`, `conf_high` are replaced. With the R2 of a real
    covariate that was left out this is the regression with it, to rounding. R: `sensemakr::adjusted_estimate`,
    `adjusted_se`.
    """
    estimate, error, df = _numbers(rows, "estimate", "std_error", "degrees_of_freedom")
    bias = error * np.sqrt(df * r2_outcome * r2_exposure / (1 - r2_exposure))
    new = np.sign(estimate) * (np.abs(estimate) - bias)
    new_error = error * np.sqrt((1 - r2_outcome) / (1 - r2_exposure) * df / (df - 1))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df - 1) * new_error
    return rows.assign(
        estimate=new, std_error=new_error, degrees_of_freedom=df - 1, conf_low=new - reach, conf_high=new + reach
    )


def benchmarked(
    table: pd.DataFrame,
    *,
    outcome: str,
    exposure: str,
    covariates: Sequence[str],
    benchmarks: Sequence[str],
    times: Sequence[float] = (1, 2, 3),
) -> pd.DataFrame:
    """Return what the effect of an exposure would be with a confounder as strong as an observed covariate, or more so.

    Least squares of complete rows (one per school, say) on numeric columns; `benchmarks` are among `covariates`. One
    row per benchmark and multiple: `benchmark`, `times`, `r2_exposure`, `r2_outcome` (bounds, their section 4.4) and
    the columns of `with_confounder`. A multiple that would explain more than all is a row without numbers.
    R: `sensemakr::ovb_bounds`.
    """
    data = table[[outcome, exposure, *covariates]].dropna().astype(float)
    full, df = _least_squares(data, outcome, [exposure, *covariates])
    treated, treated_df = _least_squares(data, exposure, covariates)
    rows = [
        bounded(
            full.loc[[exposure]].assign(degrees_of_freedom=df),
            r2_exposure=_partial(treated.loc[benchmark], treated_df),
            r2_outcome=_partial(full.loc[benchmark], df),
            times=times,
        ).assign(benchmark=benchmark)
        for benchmark in benchmarks
    ]
    made = pd.concat(rows, ignore_index=True)
    return made[["benchmark", *made.columns.drop("benchmark")]]


def bounded(row: pd.DataFrame, *, r2_exposure: float, r2_outcome: float, times: Sequence[float]) -> pd.DataFrame:
    """Return one coefficient with a confounder that is `times` as strong as a covariate with these two partial R2.

    `row` has one row as `with_confounder` needs it; the R2 are the covariate's, with the exposure and with the outcome.
    """
    k = np.asarray(times, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        on_exposure = k * r2_exposure / (1 - r2_exposure)
        shared = k * r2_exposure**2 / ((1 - k * r2_exposure) * (1 - r2_exposure))
        on_outcome = ((np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)) ** 2 * r2_outcome / (1 - r2_outcome)
        impossible = (on_exposure >= 1) | ~(shared < 1)
        on_exposure = np.where(impossible, np.nan, on_exposure)
        on_outcome = np.where(impossible, np.nan, np.minimum(on_outcome, 1))
    repeated = pd.concat([row] * len(k), ignore_index=True)
    made = with_confounder(repeated, r2_exposure=on_exposure, r2_outcome=on_outcome)
    return made.assign(times=k, r2_exposure=on_exposure, r2_outcome=on_outcome)


def _least_squares(data: pd.DataFrame, outcome: str, terms: Sequence[str]) -> tuple[pd.DataFrame, int]:
    x = np.column_stack([np.ones(len(data)), data[list(terms)]])
    df = len(x) - x.shape[1]
    scale = np.linalg.norm(x, axis=0)
    if df < 2 or not (scale > 0).all() or np.linalg.matrix_rank(x / scale) < x.shape[1]:
        rule = "a covariate follows from the others, or there are too few rows for them"
        raise WorkbenchError(WHERE, rule, fix="Leave covariates out.", rows=len(data))
    q, r = np.linalg.qr(x)
    y = data[outcome].to_numpy()
    values = np.linalg.solve(r, q.T @ y)
    variance = ((y - x @ values) ** 2).sum() / df
    error = np.sqrt(variance) * np.linalg.norm(np.linalg.inv(r), axis=1)
    return pd.DataFrame({"estimate": values[1:], "std_error": error[1:]}, index=pd.Index(terms)), df


def _partial(coefficient: pd.Series, df: int) -> float:
    t = coefficient["estimate"] / coefficient["std_error"]
    return float(t**2 / (t**2 + df))


def nonresponse_bounds(
    rows: pd.DataFrame, *, least: float = 0.0, most: float = 1.0, threshold: float | None = None
) -> pd.DataFrame:
    """Add what a share or mean of everybody could be, whatever those who did not answer would have said.

    Rows have `estimate`, `conf_low`, `conf_high` of respondents and `response_rate` (0 to 1]; answers lie between
    `least` and `most`. Adds `lowest` and `highest`, with `lowest_limit` and `highest_limit` that also allow for
    sampling. With a `threshold` adds `tipping_point`, the mean that the others would need for everybody's to be at it,
    and `can_tip`, whether that is possible.
    """
    estimate, low, high, rate = _numbers(rows, "estimate", "conf_low", "conf_high", "response_rate")
    if not ((rate > 0) & (rate <= 1) | np.isnan(rate)).all():
        raise WorkbenchError(WHERE, "a response rate is above 0 and at most 1", fix="Divide by those who were asked.")
    silent = 1 - rate
    made = rows.assign(
        lowest=rate * estimate + silent * least,
        highest=rate * estimate + silent * most,
        lowest_limit=rate * low + silent * least,
        highest_limit=rate * high + silent * most,
    )
    if threshold is None:
        return made
    with np.errstate(divide="ignore", invalid="ignore"):
        point = (threshold - rate * estimate) / silent
    point = np.where(silent > 0, point, np.nan)
    return made.assign(tipping_point=point, can_tip=(point >= least) & (point <= most))


def equivalence(rows: pd.DataFrame, *, smallest: float) -> pd.DataFrame:
    """Add the test that an effect is smaller, in either direction, than the smallest effect of interest.

    Rows have `estimate`, `std_error`, `degrees_of_freedom`. Adds `p_equivalence`, the larger p of the two one-sided
    tests; `equivalence_low`, `equivalence_high`, the 90 % interval they amount to; and `conclusion`: it lies within
    +-`smallest`, or the 95 % interval lies beyond, or neither. "Not significant" is not "no effect".
    R: larger p of `t.test(mu = -smallest, alternative = "greater")` and `t.test(mu = smallest, alternative = "less")`.
    """
    if not smallest > 0:
        raise WorkbenchError(WHERE, "the smallest effect of interest is above zero", fix="Give its size, without sign.")
    estimate, error, df = _numbers(rows, "estimate", "std_error", "degrees_of_freedom")
    p = np.maximum(stats.t.sf((estimate + smallest) / error, df), stats.t.cdf((estimate - smallest) / error, df))
    inner, outer = (stats.t.ppf(level, df) * error for level in (CONFIDENCE, (1 + CONFIDENCE) / 2))
    beyond = (estimate - outer >= smallest) | (estimate + outer <= -smallest)
    said = np.select([p < 1 - CONFIDENCE, beyond], [EQUIVALENT, BEYOND], UNDECIDED)
    return rows.assign(
        p_equivalence=p,
        equivalence_low=estimate - inner,
        equivalence_high=estimate + inner,
        conclusion=np.where(np.isnan(p), "", said),
    )


def _numbers(rows: pd.DataFrame, *columns: str) -> list[np.ndarray]:
    missing = [column for column in columns if column not in rows]
    if missing:
        raise WorkbenchError(WHERE, f"rows need the columns {', '.join(missing)}", fix="Add them to the estimates.")
    return [rows[column].to_numpy(dtype=float, na_value=np.nan) for column in columns]
