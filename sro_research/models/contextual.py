"""Does a school's exposure matter beyond a student's own, when both are told by the students themselves?

Two things go wrong when school means of students' answers are put in a regression. Who is in a good mood answers
everything well, so that means of the same students go together without any cause: `split_halves` takes exposure from
one half of a school's students and outcome from the other. And the mean of some students is not the school: its error
pulls the effect of the school towards that of the student. With reliability ICC(2) of the mean,

    manifest contextual effect = ICC(2) x contextual effect       (students of equal number, Lüdtke et al. 2008, eq. 9)

so `contextual_effects` shows beside the manifest effect the latent one, in which the school's level is a latent
variable measured by its students (Lüdtke, Marsh, Robitzsch, Trautwein, Asparouhov & Muthén 2008, Psychol. Methods 13,
203-229). The latent one fits a climate of which students are informants; where nearly all students answered and their
composition itself is meant, the manifest one does. With few schools or low ICC the latent one may err more than the
manifest (Lüdtke, Marsh, Robitzsch & Trautwein 2011, Psychol. Methods 16, 444-467): both are shown.

References: R `lavaan` two-level, `lme4`; tests/reference/sensitivity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize

from sro_research.errors import WorkbenchError
from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.profile_reml import fit_reml
from sro_research.models.random_effects import intercepts
from sro_research.models.reliability import Interval, school_reliability_intervals
from sro_research.models.school_means import CONFIDENCE
from sro_research.models.sufficient import cells_of

SPLITS, DRAWS = 100, 1000
MOST_LOST = 0.05
"""If more of the bootstrap draws than this have no answer, their quantiles are not limits."""
FEW_FOR_LATENT, LOW_ICC = 50, 0.05
"""Below these the latent effect was found unstable in simulations (Lüdtke et al. 2008, study 1)."""
FLAT = 1e-4
"""Share of a variable's variance between schools below which its latent school level does not vary."""

SAME, HALVES, CORRECTED = "the same students", "split halves", "split halves, corrected for their reliability"
MANIFEST, LATENT = "manifest school mean", "latent school mean"
UNSTABLE = "few schools or little between them: the latent effect may be further off than the manifest"
NO_LATENT = "the schools' exposures do not differ more than chance: no latent effect"
NO_ERROR = "the likelihood is flat: no standard error of the latent effect"
NO_COMMON = "the two halves of schools do not agree on the exposure"
WHERE = "the contextual model"


@dataclass(frozen=True)
class Contextual:
    """Effects of a student's own exposure and of the school's, and how well schools are told apart by the exposure.

    `effects` has one row per `method` (manifest, latent) and `effect` (`within`, `between`, `contextual` = between less
    within), with `estimate`, `std_error`, `conf_low`, `conf_high`, `note`, per unit of exposure.
    """

    effects: pd.DataFrame
    icc1: Interval
    icc2: Interval
    n: int
    schools: int


@dataclass(frozen=True)
class _Moments:
    """School means (J x p) and `sizes` (J), and the pooled cross-products within schools (p x p)."""

    means: np.ndarray
    sizes: np.ndarray
    within: np.ndarray

    @property
    def df_within(self) -> float:
        return float(self.sizes.sum() - len(self.sizes))


def paired(scores: pd.DataFrame, *, outcome: str, exposure: str, wave: str) -> pd.DataFrame:
    """Return one row per respondent of a wave with the scores of two constructs, as columns of their names.

    `scores` comes from `measures.scales.score`.
    """
    of = scores[(scores["wave"] == wave) & scores["construct"].isin([outcome, exposure])]
    table = of.pivot(index=["respondent_key", "school_id"], columns="construct", values="score")
    return table[[outcome, exposure]].reset_index().rename_axis(columns=None)


def contextual_effects(
    table: pd.DataFrame, *, outcome: str, exposure: str, covariates: Sequence[str] = (), school: str = "school_id"
) -> Contextual:
    """Fit the manifest and the latent contextual model to one row per student; rows with a blank are left out.

    Manifest: REML with a random intercept by school (R `lmer(y ~ within + mean + (1 | school))`). Latent: maximum
    likelihood of the two-level normal model, observed information, delta method (R `lavaan`, two levels with y ~ x in
    each). Limits by t with the degrees of freedom that schools (within: students) leave. `covariates` are students'
    answers too and enter on both levels. Raises `WorkbenchError` with fewer than `FEW_CLUSTERS` schools, or where a
    column does not vary within schools.
    """
    names = [outcome, exposure, *covariates]
    data = _complete(table, names, school)
    values, schools = data[names].to_numpy(), data[school]
    moments = _moments(values, schools)
    icc1, icc2 = school_reliability_intervals(data[exposure], schools)
    terms = len(names) - 1
    df = {"within": moments.df_within - terms, "between": len(moments.sizes) - 1 - terms}
    df["contextual"] = df["between"]
    note = UNSTABLE if len(moments.sizes) < FEW_FOR_LATENT or icc1.estimate < LOW_ICC else ""
    rows = pd.concat([_manifest(values, schools), _latent(moments, note)], ignore_index=True)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, rows["effect"].map(df)) * rows["std_error"]
    rows = rows.assign(conf_low=rows["estimate"] - reach, conf_high=rows["estimate"] + reach)
    columns = ["method", "effect", "estimate", "std_error", "conf_low", "conf_high", "note"]
    return Contextual(rows[columns], icc1, icc2, len(data), len(moments.sizes))


def split_halves(
    table: pd.DataFrame,
    *,
    outcome: str,
    exposure: str,
    seed: int,
    school: str = "school_id",
    splits: int = SPLITS,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Return slopes of school mean outcome on school mean exposure, with the same and with different students.

    Three rows (`method`): all students for both; random halves of each school, exposure from one and outcome from the
    other, averaged over `splits` and both directions; and the same with the covariance of the two halves' exposures
    in place of the variance, which takes out the error of half a school's mean. Columns `estimate`, `conf_low`,
    `conf_high` (percentiles of a bootstrap of schools; the same `seed` gives the same numbers), `n`, `schools`, `note`.
    Each school counts once. Source of the idea: Ostroff, Kinicki & Clark 2002, J. Appl. Psychol. 87, 355-368.
    """
    data = _complete(table, [outcome, exposure], school)
    data = data[data.groupby(school)[outcome].transform("size") >= 2]
    codes = pd.factorize(data[school])[0]
    rng = np.random.default_rng(seed)
    y, x = data[outcome].to_numpy(), data[exposure].to_numpy()
    halves = [_halved(y, x, codes, rng) for _ in range(splits)]
    ya, yb, xa, xb = (np.stack(part, axis=1) for part in zip(*halves, strict=True))  # schools x splits
    count = np.bincount(codes)
    whole = (np.bincount(codes, y) / count)[:, None], (np.bincount(codes, x) / count)[:, None]
    schools = len(count)
    equal = np.full((1, schools), 1 / schools)
    drawn = rng.multinomial(schools, np.full(schools, 1 / schools), size=draws) / schools
    methods: dict[str, Callable[..., np.ndarray]] = {SAME: _same, HALVES: _crossed, CORRECTED: _common}
    rows = []
    for method, slopes in methods.items():
        parts = whole if method == SAME else (ya, yb, xa, xb)
        estimate, spread = slopes(equal, *parts)[0], slopes(drawn, *parts)
        sure = np.isfinite(estimate) and np.isnan(spread).mean() <= MOST_LOST
        tail = (1 - CONFIDENCE) / 2
        low, high = np.nanquantile(spread, [tail, 1 - tail]) if sure else (np.nan, np.nan)
        rows.append((method, estimate, low, high, "" if sure else NO_COMMON))
    made = pd.DataFrame(rows, columns=["method", "estimate", "conf_low", "conf_high", "note"])
    return made.assign(n=len(data), schools=schools)


def _halved(
    y: np.ndarray, x: np.ndarray, codes: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return school means of y in a random half and in the other, then of x."""
    order = np.lexsort((rng.random(len(codes)), codes))
    count = np.bincount(codes)
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(count) - count, count)
    first = np.empty(len(codes), dtype=bool)
    first[order] = rank < (count // 2)[codes[order]]
    ya, yb, xa, xb = (
        np.bincount(codes[half], values[half]) / np.bincount(codes[half])
        for values in (y, x)
        for half in (first, ~first)
    )
    return ya, yb, xa, xb


def _covariance(weights: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return covariances over schools (draws x splits) under each draw's weights."""
    return weights @ (a * b) - (weights @ a) * (weights @ b)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)


def _same(weights: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return _ratio(_covariance(weights, x, y), _covariance(weights, x, x))[:, 0]


def _crossed(weights: np.ndarray, ya: np.ndarray, yb: np.ndarray, xa: np.ndarray, xb: np.ndarray) -> np.ndarray:
    one = _ratio(_covariance(weights, xa, yb), _covariance(weights, xa, xa))
    other = _ratio(_covariance(weights, xb, ya), _covariance(weights, xb, xb))
    return (one + other).mean(axis=1) / 2


def _common(weights: np.ndarray, ya: np.ndarray, yb: np.ndarray, xa: np.ndarray, xb: np.ndarray) -> np.ndarray:
    shared = (_covariance(weights, xa, yb) + _covariance(weights, xb, ya)).mean(axis=1) / 2
    return _ratio(shared, _covariance(weights, xa, xb).mean(axis=1))


def _complete(table: pd.DataFrame, names: list[str], school: str) -> pd.DataFrame:
    data = table[[*names, school]].dropna()
    data = data.assign(**{name: data[name].astype(float) for name in names})
    if data[school].nunique() < FEW_CLUSTERS:
        raise WorkbenchError(WHERE, f"fewer than {FEW_CLUSTERS} schools", fix="Show the schools; do not model them.")
    flat = [name for name in names if data.groupby(school)[name].nunique().max() < 2]
    if flat:
        rule = f"the same for everybody of a school: {', '.join(flat)}"
        raise WorkbenchError(WHERE, rule, fix="Use the multilevel model for what is known of schools only.")
    return data


def _moments(values: np.ndarray, schools: pd.Series) -> _Moments:
    codes = pd.factorize(schools)[0]
    sizes = np.bincount(codes).astype(float)
    means = np.stack([np.bincount(codes, column) for column in values.T], axis=1) / sizes[:, None]
    apart = values - means[codes]
    return _Moments(means, sizes, apart.T @ apart)


def _manifest(values: np.ndarray, schools: pd.Series) -> pd.DataFrame:
    codes = pd.factorize(schools)[0]
    means = pd.DataFrame(values[:, 1:]).groupby(codes).transform("mean").to_numpy()
    terms = values.shape[1] - 1
    data = pd.DataFrame(
        {
            "y": values[:, 0],
            "school": codes,
            **{f"w{i}": values[:, i + 1] - means[:, i] for i in range(terms)},
            **{f"b{i}": means[:, i] for i in range(terms)},
        }
    )
    names = [f"{level}{i}" for level in "wb" for i in range(terms)]
    cells = cells_of(data, keys=["school"], columns=["y", *names])
    fit = fit_reml(intercepts(cells, levels=["school"]), outcome="y", covariates=names)
    at = [fit.columns.index(name) for name in ("w0", "b0")]
    within, between = np.column_stack([fit.coefficients[at], fit.std_errors[at]])
    # Distances from school means and the means themselves are uncorrelated, also as estimates.
    contextual = np.array([between[0] - within[0], np.hypot(between[1], within[1])])
    return _three(MANIFEST, np.array([within, between, contextual]), "")


def _three(method: str, numbers: np.ndarray, note: str) -> pd.DataFrame:
    rows = pd.DataFrame(numbers, columns=["estimate", "std_error"])
    return rows.assign(method=method, effect=["within", "between", "contextual"], note=note)


def _latent(moments: _Moments, note: str) -> pd.DataFrame:
    """Return the latent effects with delta-method errors, or rows that say why there are none."""
    p = moments.within.shape[0]
    scale = np.sqrt(np.diag(moments.within) / moments.df_within)
    scaled = _Moments(moments.means / scale, moments.sizes, moments.within / np.outer(scale, scale))
    found = _two_level(scaled)
    between, _ = _matrices(found, p)
    if np.linalg.eigvalsh(between[1:, 1:])[0] < FLAT:
        return _three(LATENT, np.full((3, 2), np.nan), NO_LATENT)
    effects = _effects(found, p)
    steps = np.eye(len(found)) * 1e-5
    slopes = np.stack([(_effects(found + h, p) - _effects(found - h, p)) / 2e-5 for h in steps], axis=1)
    information = _information(scaled, found)
    errors = np.full(3, np.nan)
    if np.linalg.eigvalsh(information)[0] > 0 and np.linalg.eigvalsh(between)[0] > 0:
        errors = np.sqrt(np.diag(slopes @ np.linalg.solve(information, slopes.T)))
    else:
        note = NO_ERROR
    return _three(LATENT, np.column_stack([effects, errors]) * scale[0] / scale[1], note)


def _effects(parameters: np.ndarray, p: int) -> np.ndarray:
    """Return the first regression coefficient within, between, and their difference."""
    between, within = (np.linalg.solve(s[1:, 1:], s[1:, 0])[0] for s in _matrices(parameters, p))
    return np.array([within, between, between - within])


def _matrices(parameters: np.ndarray, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances between and within schools from their lower triangles."""
    made = []
    for half in np.split(parameters, 2):
        lower = np.zeros((p, p))
        lower[np.tril_indices(p)] = half
        made.append(lower + np.tril(lower, -1).T)
    return made[0], made[1]


def _two_level(moments: _Moments) -> np.ndarray:
    """Return the lower triangles of both covariances (of variables with variance 1 within) of highest likelihood.

    Searched over Cholesky factors, so that both stay covariances; the last steps are Newton's on the covariances.
    """
    p = moments.within.shape[0]
    at = np.tril_indices(p)

    def misfit(factors: np.ndarray) -> tuple[float, np.ndarray]:
        lower = np.zeros((2, p, p))
        lower[:, at[0], at[1]] = np.split(factors, 2)
        value, slope = _misfit(moments, *(f @ f.T for f in lower))
        return value, np.concatenate([(2 * s @ f)[at] for s, f in zip(slope, lower, strict=True)])

    within = moments.within / moments.df_within
    spread = np.cov(moments.means, rowvar=False) - within * np.mean(1 / moments.sizes)
    values, vectors = np.linalg.eigh(spread)
    start = np.linalg.cholesky((vectors * values.clip(0.01)) @ vectors.T), np.linalg.cholesky(within)
    options = {"gtol": 1e-8, "maxiter": 2000}
    search = minimize(misfit, np.concatenate([s[at] for s in start]), jac=True, method="BFGS", options=options)
    factors = np.zeros((2, p, p))
    factors[:, at[0], at[1]] = np.split(search.x, 2)
    found = np.concatenate([(f @ f.T)[at] for f in factors])
    for _ in range(3):
        information = _information(moments, found)
        if np.linalg.eigvalsh(information)[0] <= 0:
            break
        new = found - np.linalg.solve(information, _slope(moments, found))
        if np.linalg.eigvalsh(_matrices(new, p)[0])[0] <= 0:  # At the boundary the slope is not zero.
            break
        found = new
    return found


def _misfit(moments: _Moments, between: np.ndarray, within: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """Return minus the log likelihood (less a constant) with the best means, and its slopes by both covariances.

    Schools of one size have one covariance of their means, between + within / size.
    """
    sizes, of = np.unique(moments.sizes, return_inverse=True)
    inverse = np.linalg.inv(between + within / sizes[:, None, None])
    count = np.bincount(of)
    sums = np.stack([np.bincount(of, column) for column in moments.means.T], axis=1)
    centre = np.linalg.solve(np.einsum("d,dij->ij", count, inverse), np.einsum("dij,dj->i", inverse, sums))
    apart = moments.means - centre
    products = np.zeros_like(inverse)
    np.add.at(products, of, apart[:, :, None] * apart[:, None, :])
    inner = np.linalg.inv(within)
    slopes = count[:, None, None] * inverse - inverse @ products @ inverse
    value = (
        -count @ np.linalg.slogdet(inverse)[1]
        + np.einsum("dij,dji->", inverse, products)
        + moments.df_within * np.linalg.slogdet(within)[1]
        + np.trace(inner @ moments.within)
    )
    own = moments.df_within * inner - inner @ moments.within @ inner
    return float(value / 2), [slopes.sum(axis=0) / 2, ((slopes / sizes[:, None, None]).sum(axis=0) + own) / 2]


def _slope(moments: _Moments, parameters: np.ndarray) -> np.ndarray:
    p = moments.within.shape[0]
    slopes = _misfit(moments, *_matrices(parameters, p))[1]
    twice = 2 - np.eye(p)  # What is off the diagonal stands in two places.
    return np.concatenate([(s * twice)[np.tril_indices(p)] for s in slopes])


def _information(moments: _Moments, parameters: np.ndarray) -> np.ndarray:
    """Return the observed information of the covariances, by differences of the slope."""
    steps = np.eye(len(parameters)) * 1e-5
    rows = [(_slope(moments, parameters + h) - _slope(moments, parameters - h)) / 2e-5 for h in steps]
    return (np.array(rows) + np.array(rows).T) / 2
