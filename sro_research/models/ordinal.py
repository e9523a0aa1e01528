"""Single items on a few ordered categories: the cumulative-logit model with a random intercept by school.

With outcome y of person i in school j in categories 1..K, thresholds a_1 < ... < a_{K-1} and covariates x,

    logit P(y_ij <= k) = a_k - x_ij'b - s z_j        z_j standard normal

(McCullagh 1980, J. R. Stat. Soc. B 42, 109-142; Hedeker & Gibbons 1994, Biometrics 50, 933-944). exp(b) is the odds
ratio of a higher category, the same at every threshold: an assumption. Treating such answers as numbers can turn the
sign of an effect (Liddell & Kruschke 2018, J. Exp. Soc. Psychol. 79, 328-348).

Maximum likelihood. A cell is all people of a school with the same covariates and answer. Because
log P(y = k) = log F(a_k - n) + log F(n - a_{k-1}) + log(1 - exp(a_{k-1} - a_k)) with F logistic and n the predictor,
a cell is two terms of a logistic regression and one of the thresholds alone. The integral over z_j is adaptive
Gauss-Hermite quadrature (Pinheiro & Bates 1995, J. Comput. Graph. Stat. 4, 12-35); slopes and observed information are
expectations over the posterior of z_j (Louis 1982, J. R. Stat. Soc. B 44, 226-233), so that Newton's steps are exact.

Agrees with R `ordinal::clmm(y ~ x + (1 | school), nAGQ = NODES)`; tests/reference/ordinal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, log_expit

from sro_research.errors import WorkbenchError
from sro_research.models.district_means import FEW, FEW_CLUSTERS
from sro_research.models.school_means import CONFIDENCE

NODES = 20
"""Of the quadrature. With nine groups of eight answers the log likelihood moves by less than 1e-8 beyond it."""
NODES_SHARES = 60
"""To average shares over schools, where nothing is adapted."""
STEPS, MODE_STEPS = 100, 100
ENDED = 1e-16
"""A search has ended when the next Newton step would raise the log likelihood by less, relative to it."""
FIRST_SPREAD = 0.5
NO_SPREAD = 1e-4
"""A standard deviation between schools below this is zero: its likelihood is flat there."""
UNDETERMINED = 10.0
"""A coefficient whose standard error is more logits than this per standard deviation of its covariate is not known:
the covariate separates categories, and its likelihood rises without end."""

BOUNDARY = "the spread between schools was estimated as zero: the model without schools"
WHERE = "the ordinal model"


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model.

    `coefficients` has one row per covariate: `term`, `estimate` (logits), `std_error`, `conf_low`, `conf_high`, and
    `odds_ratio` with `odds_low`, `odds_high`. `thresholds` has one row per boundary between `categories`. `covariance`
    is that of thresholds, coefficients and `sd_school`, in this order; at the `boundary` it has no row for `sd_school`.
    """

    coefficients: pd.DataFrame
    thresholds: pd.DataFrame
    categories: tuple[int, ...]
    covariance: np.ndarray
    sd_school: float
    log_likelihood: float
    n: int
    schools: int
    boundary: bool
    note: str

    @property
    def icc(self) -> float:
        """Share of the variance of what lies behind the answers that is between schools, s^2 / (s^2 + pi^2 / 3)."""
        return self.sd_school**2 / (self.sd_school**2 + np.pi**2 / 3)


@dataclass(frozen=True)
class _Terms:
    """Logistic terms sorted by school: predictor `rows` (r x p) @ parameters + `side` * s * z, each `weight` times.

    `first` is where a school's terms begin, `school` the number of a term's school; `gaps` counts people by pairs of
    neighbouring thresholds, `levels` the thresholds.
    """

    rows: np.ndarray
    side: np.ndarray
    weight: np.ndarray
    school: np.ndarray
    first: np.ndarray
    gaps: np.ndarray
    levels: int

    def by_school(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.first, axis=0)


@dataclass(frozen=True)
class _Point:
    """Log likelihood, slope and observed information at `parameters`; `modes` of z start the next search."""

    parameters: np.ndarray
    value: float
    slope: np.ndarray
    information: np.ndarray
    modes: np.ndarray


def fit_ordinal(
    table: pd.DataFrame, *, outcome: str, covariates: Sequence[str], school: str = "school_id"
) -> OrdinalFit:
    """Fit the model to one row per person; rows with a blank in any of the columns are left out.

    `outcome` has whole codes of which only the order counts, covariates are numbers. Where schools do not differ more
    than chance the spread is zero, `boundary` says so, and the result is the model without schools (`ordinal::clm`).
    Raises `WorkbenchError` where the outcome has no two categories, there are no two schools, a covariate follows from
    the others, or the answers do not determine a coefficient.
    """
    data = _complete(table, outcome, covariates, school)
    categories, y = np.unique(data[outcome].to_numpy(dtype=float), return_inverse=True)
    x = data[list(covariates)].to_numpy(dtype=float)
    # Centred and scaled, so that the search does not depend on units; undone below.
    centre, scale = x.mean(axis=0), x.std(axis=0)
    terms = _terms(y, (x - centre) / scale, data[school], len(categories) - 1)
    plain = _search(terms, _start(y, len(centre)), spread=False)
    mixed = _search(terms, np.append(plain.parameters, FIRST_SPREAD), spread=True)
    boundary = bool(abs(mixed.parameters[-1]) < NO_SPREAD or mixed.value <= plain.value)
    best = plain if boundary else mixed
    return _described(best, terms.levels, centre, scale, categories, covariates, data[school], boundary)


def predicted_shares(fit: OrdinalFit, at: pd.DataFrame) -> pd.DataFrame:
    """Predict the share of each category, averaged over schools, at each row of covariate values.

    `at` has a column per covariate. Returns its columns and `category`, `estimate`, `std_error`, `conf_low`,
    `conf_high`; delta method, limits on the logit scale so that they are shares. In schools other than the fitted ones.
    """
    shares, slopes = _shares(fit, at)
    error = _errors(fit, slopes)
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * error / (shares * (1 - shares))
    logit = np.log(shares / (1 - shares))
    return _by_category(fit, at, shares, error, expit(logit - reach), expit(logit + reach))


def share_changes(fit: OrdinalFit, *, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Predict how the share of each category, averaged over schools, changes from each row of `before` to `after`.

    Both have a column per covariate and the same number of rows. Returns the columns of `after` and those of
    `predicted_shares`; delta method.
    """
    (old, old_slopes), (new, new_slopes) = _shares(fit, before), _shares(fit, after)
    error = _errors(fit, new_slopes - old_slopes)
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * error
    return _by_category(fit, after, new - old, error, new - old - reach, new - old + reach)


def _complete(table: pd.DataFrame, outcome: str, covariates: Sequence[str], school: str) -> pd.DataFrame:
    data = table[[outcome, *covariates, school]].dropna()
    numbers = data[[outcome, *covariates]].astype(float)
    data = data.assign(**{c: numbers[c] for c in numbers})
    if not np.isfinite(numbers.to_numpy()).all() or (numbers[outcome] % 1 != 0).any():
        raise WorkbenchError(WHERE, "the outcome must be whole codes, covariates numbers", fix="Recode the columns.")
    if numbers[outcome].nunique() < 2:
        raise WorkbenchError(WHERE, "everybody gave the same answer", fix="Leave this item out.", rows=len(data))
    if data[school].nunique() < 2:
        raise WorkbenchError(WHERE, "there are no two schools with answers", fix="Describe the school by itself.")
    x = numbers[list(covariates)].to_numpy()
    spread = x.std(axis=0)
    if not (spread > 0).all() or np.linalg.matrix_rank((x - x.mean(axis=0)) / spread) < x.shape[1]:
        raise WorkbenchError(WHERE, "a covariate is constant or follows from the others", fix="Leave it out.")
    return data


def _terms(y: np.ndarray, x: np.ndarray, schools: pd.Series, levels: int) -> _Terms:
    codes = pd.factorize(schools)[0]
    cells, count = np.unique(np.column_stack([codes, y, x]), axis=0, return_counts=True)
    answer, of = cells[:, 1].astype(int), cells[:, 0].astype(int)
    upper, lower = answer < levels, answer > 0
    threshold = np.eye(levels)
    rows = np.concatenate(
        [
            np.column_stack([threshold[answer[upper]], -cells[upper, 2:]]),
            np.column_stack([-threshold[answer[lower] - 1], cells[lower, 2:]]),
        ]
    )
    side = np.concatenate([np.full(upper.sum(), -1.0), np.ones(lower.sum())])
    school = np.concatenate([of[upper], of[lower]])
    order = np.argsort(school, kind="stable")
    school = school[order]
    weight = np.concatenate([count[upper], count[lower]])[order].astype(float)
    gaps = np.bincount(y, minlength=levels + 1)[1:-1].astype(float)
    return _Terms(rows[order], side[order], weight, school, np.unique(school, return_index=True)[1], gaps, levels)


def _start(y: np.ndarray, covariates: int) -> np.ndarray:
    below = np.cumsum(np.bincount(y))[:-1] / len(y)
    return np.concatenate([np.log(below / (1 - below)), np.zeros(covariates)])


def _search(terms: _Terms, start: np.ndarray, *, spread: bool) -> _Point:
    """Climb by Newton's steps, damped where the information is not positive, halved where they do not climb."""
    at = _evaluate(terms, start, np.zeros(len(terms.first)), spread=spread)
    for _ in range(STEPS):
        values, vectors = np.linalg.eigh(at.information)
        # The information of s is negative near zero when schools differ; its mirror still points uphill.
        step = vectors @ ((vectors.T @ at.slope) / np.maximum(np.abs(values), values.max() * 1e-12))
        gain = float(step @ at.slope)
        if gain < ENDED * (1 + abs(at.value)):
            return at
        for _ in range(40):
            new = _evaluate(terms, at.parameters + step, at.modes, spread=spread)
            # Near the top, differences are rounding.
            if new.value >= at.value - 1e-13 * abs(at.value):
                break
            step = step / 2
        else:
            return at
        at = new
    raise _separated()


def _separated() -> WorkbenchError:
    rule = "the answers do not determine the coefficients: a covariate separates categories"
    return WorkbenchError(WHERE, rule, fix="Leave the covariate out or join categories.")


def _evaluate(terms: _Terms, parameters: np.ndarray, modes: np.ndarray, *, spread: bool) -> _Point:
    gap = np.diff(parameters[: terms.levels])
    if (gap <= 0).any():
        return _Point(parameters, -np.inf, parameters, np.eye(len(parameters)), modes)
    fixed = parameters[:-1] if spread else parameters
    base = terms.rows @ fixed
    point = _integrated(terms, parameters, base, modes) if spread else _without_schools(terms, parameters, base)
    return _with_gaps(terms, point, gap)


def _with_gaps(terms: _Terms, point: _Point, gap: np.ndarray) -> _Point:
    """Add what the distances of neighbouring thresholds contribute, log(1 - exp(-gap)) for each person between them."""
    slope, information = point.slope.copy(), point.information.copy()
    rise, bend = terms.gaps / np.expm1(gap), terms.gaps * np.exp(gap) / np.expm1(gap) ** 2
    for k, (r, b) in enumerate(zip(rise, bend, strict=True)):
        slope[k : k + 2] += [-r, r]
        information[k : k + 2, k : k + 2] += b * np.array([[1, -1], [-1, 1]])
    value = point.value + float(terms.gaps @ np.log(-np.expm1(-gap)))
    return _Point(point.parameters, value, slope, information, point.modes)


def _without_schools(terms: _Terms, parameters: np.ndarray, base: np.ndarray) -> _Point:
    rest, bend = terms.weight * expit(-base), terms.weight * expit(base) * expit(-base)
    return _Point(
        parameters,
        float(terms.weight @ log_expit(base)),
        terms.rows.T @ rest,
        (terms.rows * bend[:, None]).T @ terms.rows,
        np.zeros(len(terms.first)),
    )


def _integrated(terms: _Terms, parameters: np.ndarray, base: np.ndarray, modes: np.ndarray) -> _Point:
    """Integrate z out of the logistic terms."""
    along = terms.side * parameters[-1]
    modes, width = _modes(terms, base, along, modes)
    nodes, weights = _quadrature(NODES)
    z = modes + width * nodes[:, None]  # nodes x schools
    kernel = nodes[:, None] ** 2 / 2 - z**2 / 2 + np.log(weights)[:, None] + np.log(width) - np.log(2 * np.pi) / 2
    log_parts = np.stack([terms.by_school(terms.weight * log_expit(base + along * of[terms.school])) for of in z])
    log_parts += kernel
    top = log_parts.max(axis=0)
    total = np.exp(log_parts - top).sum(axis=0)
    posterior = np.exp(log_parts - top) / total
    return _Point(
        parameters,
        float((top + np.log(total)).sum()),
        *_louis(terms, base, along, z, posterior),
        modes,
    )


@cache
def _quadrature(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.hermite_e.hermegauss(nodes)


def _louis(
    terms: _Terms, base: np.ndarray, along: np.ndarray, z: np.ndarray, posterior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and observed information: what is expected of the complete data, less the variance of its scores."""
    p = terms.rows.shape[1]
    mean = np.zeros((len(terms.first), p + 1))
    products = np.zeros((p + 1, p + 1))
    bends = np.zeros((3, len(base)))
    for of, chance in zip(z, posterior, strict=True):
        each = of[terms.school]
        t = base + along * each
        rest = terms.weight * expit(-t)
        score = np.column_stack([terms.by_school(terms.rows * rest[:, None]), of * terms.by_school(terms.side * rest)])
        mean += chance[:, None] * score
        products += (score * chance[:, None]).T @ score
        bend = chance[terms.school] * rest * expit(t)
        bends += bend * np.stack([np.ones_like(each), each, each**2])
    information = np.empty((p + 1, p + 1))
    information[:p, :p] = (terms.rows * bends[0][:, None]).T @ terms.rows
    information[:p, p] = information[p, :p] = terms.rows.T @ (bends[1] * terms.side)
    information[p, p] = bends[2].sum()
    return mean.sum(axis=0), information - (products - mean.T @ mean)


def _modes(terms: _Terms, base: np.ndarray, along: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each school's integrand is largest, and its width there: Newton's steps kept within brackets."""
    low, high = np.full(len(z), -np.inf), np.full(len(z), np.inf)
    for _ in range(MODE_STEPS):
        t = base + along * z[terms.school]
        slope = terms.by_school(terms.weight * along * expit(-t)) - z
        bend = 1 + terms.by_school(terms.weight * along**2 * expit(t) * expit(-t))
        low, high = np.where(slope > 0, z, low), np.where(slope > 0, high, z)
        new = z + slope / bend
        inside = (new >= low) & (new <= high)
        new[~inside] = (low[~inside] + high[~inside]) / 2
        if np.abs(new - z).max() < 1e-10:
            break
        z = new
    return z, 1 / np.sqrt(bend)


def _described(
    at: _Point,
    levels: int,
    centre: np.ndarray,
    scale: np.ndarray,
    categories: np.ndarray,
    covariates: Sequence[str],
    schools: pd.Series,
    boundary: bool,
) -> OrdinalFit:
    """Return the fit in the units of the covariates."""
    scaled = np.sqrt(np.diag(np.linalg.pinv(at.information))[levels : levels + len(centre)])
    if np.linalg.eigvalsh(at.information)[0] <= 0 or (scaled > UNDETERMINED).any():
        raise _separated()
    back = np.eye(len(at.parameters))
    slopes = slice(levels, levels + len(centre))
    back[:levels, slopes] = centre / scale
    back[slopes, slopes] = np.diag(1 / scale)
    values = back @ at.parameters
    covariance = back @ np.linalg.inv(at.information) @ back.T
    if not boundary and values[-1] < 0:  # The sign of s is not known, nor needed.
        values[-1] *= -1
        covariance[-1] *= -1
        covariance[:, -1] *= -1
    rows = _rows(values, covariance)
    names = [f"{a:.0f}|{b:.0f}" for a, b in pairwise(categories)]
    effects = rows[slopes].assign(term=list(covariates))
    odds = {"odds_ratio": "estimate", "odds_low": "conf_low", "odds_high": "conf_high"}
    effects = effects.assign(**{new: np.exp(effects[old]) for new, old in odds.items()}).reset_index(drop=True)
    count = schools.nunique()
    notes = [note for note, true in {BOUNDARY: boundary, FEW: count < FEW_CLUSTERS}.items() if true]
    return OrdinalFit(
        coefficients=effects[["term", *effects.columns.drop("term")]],
        thresholds=rows[:levels].assign(term=names)[["term", *rows.columns]],
        categories=tuple(int(c) for c in categories),
        covariance=covariance,
        sd_school=0.0 if boundary else float(values[-1]),
        log_likelihood=at.value,
        n=len(schools),
        schools=count,
        boundary=boundary,
        note="; ".join(notes),
    )


def _rows(values: np.ndarray, covariance: np.ndarray) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance))
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * error
    return pd.DataFrame(
        {"estimate": values, "std_error": error, "conf_low": values - reach, "conf_high": values + reach}
    )


def _shares(fit: OrdinalFit, at: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (rows x categories) and their slopes (rows x categories x parameters)."""
    x = at[list(fit.coefficients["term"])].to_numpy(dtype=float)
    thresholds = fit.thresholds["estimate"].to_numpy()
    nodes, weights = _quadrature(NODES_SHARES)
    weights = weights / weights.sum()
    predictor = (x @ fit.coefficients["estimate"].to_numpy())[:, None] + fit.sd_school * nodes  # rows x nodes
    t = thresholds - predictor[..., None]
    below = np.einsum("q,rqk->rk", weights, expit(t))
    density = expit(t) * expit(-t) * weights[:, None]
    bend = density.sum(axis=1)  # rows x thresholds
    parts = [bend[..., None] * np.eye(len(thresholds)), -bend[..., None] * x[:, None, :]]
    if not fit.boundary:
        parts.append(-np.einsum("q,rqk->rk", nodes, density)[..., None])
    slopes = np.concatenate(parts, axis=2)
    edge = np.zeros((len(x), 1))
    whole = np.concatenate([edge, below, edge + 1], axis=1)
    flat = np.zeros((len(x), 1, slopes.shape[2]))
    return np.diff(whole, axis=1), np.diff(np.concatenate([flat, slopes, flat], axis=1), axis=1)


def _errors(fit: OrdinalFit, slopes: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("rkp,pq,rkq->rk", slopes, fit.covariance, slopes))


def _by_category(fit: OrdinalFit, at: pd.DataFrame, *numbers: np.ndarray) -> pd.DataFrame:
    k = len(fit.categories)
    rows = at.loc[at.index.repeat(k), list(fit.coefficients["term"])].reset_index(drop=True)
    rows["category"] = np.tile(fit.categories, len(at))
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    return rows.assign(**{name: values.ravel() for name, values in zip(columns, numbers, strict=True)})
