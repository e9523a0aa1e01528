"""Factor models of ordinal answers by diagonally weighted least squares, in one group or several.

Behind each item lies y = intercept + loading * factor + its own part; answers show y / its standard deviation, cut at
thresholds. With scale s = 1 / standard deviation, the model of a group's thresholds and correlations is

    threshold_ik = s_i (cut_ik - intercept_i - loading_i mean_f)      r_ij = s_i s_j loading_i loading_j phi_fg

for item i of factor f and item j of factor g (Muthén 1984; the delta parameterization, in which the scales and not the
own variances are parameters). Thresholds and correlations are weighted by the inverse of their variances. The test is
scaled and shifted so that it has the mean and variance of chi-square (Asparouhov & Muthén 2010, Simple second order
chi-square correction; Satorra & Bentler 1994). R: `lavaan::cfa(ordered=, estimator="WLSMV", std.lv=TRUE)`,
`lavTestLRT(method="satorra.2000", A.method="delta")`.

Respondents are taken as independent. Where people of a school answer alike, standard errors are too small and tests too
strict; estimates and indices of fit are hardly touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import block_diag, null_space
from scipy.optimize import brentq, least_squares

from sro_research.models.polychoric import OrdinalMoments

RMSEA_CONFIDENCE = 0.90
"""As is usual for RMSEA (Browne & Cudeck 1993)."""
NOT_ENDED, NOT_IDENTIFIED = "the factor model did not converge", "the factor model is not identified by these items"
OWN_VARIANCE = "improper solution: an item would have no part of its own"
SAME_FACTORS = "improper solution: constructs would be one and the same, or lie outside of what can be"
TOGETHER = "two items go together so closely, or so seldom, that their correlation cannot be told"
FLAT = 1e-7
"""Smallest singular value of the derivatives, relative to the largest, at which the parameters can be told apart."""
SLOPE = 1e-6
"""Largest slope, relative to the lengths of its two parts, at which a search has ended."""


@dataclass(frozen=True)
class Block:
    """Parameters of one kind (groups by size): the `place` of each among the free ones, or -1 and its `fixed` value."""

    place: np.ndarray
    fixed: np.ndarray

    def values(self, free: np.ndarray) -> np.ndarray:
        """Return the values (groups by size)."""
        return np.where(self.place >= 0, free[self.place], self.fixed)


@dataclass(frozen=True)
class Model:
    """Which parameters are free, and which are one and the same in several groups.

    `factor_of` is the factor of each item; `cuts` (in the order of `item_of_cut`), `loadings`, `intercepts` and
    `scales` are by item, `means` by factor, and `factors` the lower triangle of the factors' covariances.
    """

    factor_of: np.ndarray
    item_of_cut: np.ndarray
    cuts: Block
    loadings: Block
    intercepts: Block
    scales: Block
    means: Block
    factors: Block
    size: int


@dataclass(frozen=True)
class Indices:
    """A test of fit and what is made of it; RMSEA with its 90 % interval. CFI and TLI against uncorrelated items."""

    chi2: float
    df: int
    p: float
    cfi: float
    tli: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float


@dataclass(frozen=True)
class Fit:
    """A fitted model: `free` parameters, their `covariance`, fit as it is and `scaled`; or a `reason` for none.

    `jacobian` (all groups' moments by parameters), `weights`, `gamma` and `shares` (of respondents by group) are kept
    for tests against other models. An improper solution keeps its numbers beside the reason.
    """

    reason: str
    free: np.ndarray
    covariance: np.ndarray
    plain: Indices
    scaled: Indices
    srmr: float
    jacobian: np.ndarray
    weights: np.ndarray
    gamma: np.ndarray
    shares: np.ndarray


def fit_model(model: Model, groups: list[OrdinalMoments], start: np.ndarray) -> Fit:
    """Fit a model to the moments of its groups from starting values. Never raises for data; see `Fit.reason`."""
    if any(np.isnan(g.covariance).any() for g in groups):
        return _none(TOGETHER, model.size)
    sizes = [len(g.vector) for g in groups]
    n = np.repeat([float(g.n) for g in groups], sizes)
    total = sum(g.n for g in groups)
    shares = n / total
    observed = np.concatenate([g.vector for g in groups])
    gamma = block_diag(*[g.covariance for g in groups])
    weights = 1 / np.diag(gamma)
    root = np.sqrt(weights * (n - 1) / total)  # n - 1 as in R
    search = least_squares(
        lambda free: root * (_moments(model, free) - observed),
        start,
        jac=lambda free: root[:, None] * _jacobian(model, free),
        xtol=1e-14,
        ftol=1e-15,
        gtol=1e-12,
        x_scale="jac",
        max_nfev=500,
    )
    jacobian = _jacobian(model, search.x)
    left = _moments(model, search.x) - observed
    singular = np.linalg.svd(root[:, None] * jacobian, compute_uv=False)
    df = len(observed) - model.size
    if df < 0 or singular[-1] < FLAT * singular[0]:
        return _none(NOT_IDENTIFIED, model.size)
    lengths = np.linalg.norm(root[:, None] * jacobian, axis=0) * max(float(np.linalg.norm(root * left)), SLOPE)
    if (np.abs(search.grad) > SLOPE * lengths).any():
        return _none(NOT_ENDED, model.size)
    weighted = (shares * weights)[:, None] * jacobian
    inverse = np.linalg.inv(jacobian.T @ weighted)
    spread = gamma / shares[:, None]  # blocks of groups, so that the share of the row is that of the column
    covariance = inverse @ weighted.T @ spread @ weighted @ inverse / (total - len(groups))  # as in R
    chi2 = float((n - 1) * weights @ left**2)
    unscaled = np.diag(shares * weights) - weighted @ inverse @ weighted.T
    first, second = _traces(unscaled @ spread)
    null = _null(groups)
    plain = _indices(chi2, df, null[0], null[2], total - len(groups), len(groups))
    scaled = _indices(_shifted(chi2, df, first, second), df, null[1], null[2], total - len(groups), len(groups))
    srmr = _srmr(groups, left)
    reason = _improper(model, search.x)
    return Fit(reason, search.x, covariance, plain, scaled, srmr, jacobian, weights, gamma, shares)


def difference(general: Fit, restricted: Fit) -> tuple[float, int, float]:
    """Return the scaled and shifted difference in fit of nested models, its degrees of freedom and p.

    Satorra 2000 (in Heijmans et al., Innovations in Multivariate Statistical Analysis, 233-247). The restriction is
    taken from the derivatives: what of the general model's directions the restricted one lacks. Missing where neither
    model is more general.
    """
    df = restricted.plain.df - general.plain.df
    if df <= 0:
        return float("nan"), df, float("nan")
    weighted = (general.shares * general.weights)[:, None] * general.jacobian
    inverse = np.linalg.inv(general.jacobian.T @ weighted)
    lacking = null_space((np.linalg.pinv(general.jacobian) @ restricted.jacobian).T, rcond=1e-8).T
    half = weighted @ inverse @ lacking.T
    unscaled = half @ np.linalg.pinv(lacking @ inverse @ lacking.T) @ half.T
    first, second = _traces(unscaled @ (general.gamma / general.shares[:, None]))
    chi2 = _shifted(restricted.plain.chi2 - general.plain.chi2, df, first, second)
    return chi2, df, float(stats.chi2.sf(chi2, df))


def _moments(model: Model, free: np.ndarray) -> np.ndarray:
    """Return the thresholds and correlations of all groups under each other."""
    cut, load, inter, scale, mean, phi = _values(model, free)
    i, f = model.item_of_cut, model.factor_of
    a, b = np.triu_indices(len(f), 1)
    thresholds = scale[:, i] * (cut - inter[:, i] - load[:, i] * mean[:, f[i]])
    correlations = scale[:, a] * scale[:, b] * load[:, a] * load[:, b] * phi[:, _below(f[a], f[b])]
    return np.hstack([thresholds, correlations]).ravel()


def _jacobian(model: Model, free: np.ndarray) -> np.ndarray:
    cut, load, inter, scale, mean, phi = _values(model, free)
    i, f = model.item_of_cut, model.factor_of
    a, b = np.triu_indices(len(f), 1)
    pair = _below(f[a], f[b])
    groups, t = cut.shape
    slopes = np.zeros((groups, t + len(a), model.size + 1))  # one column more for what is fixed

    def add(block: Block, column: np.ndarray, row: np.ndarray, slope: np.ndarray) -> None:
        np.add.at(slopes, (np.arange(groups)[:, None], row[None, :], block.place[:, column]), slope)

    of_cut, of_pair = np.arange(t), t + np.arange(len(a))
    add(model.cuts, of_cut, of_cut, scale[:, i])
    add(model.intercepts, i, of_cut, -scale[:, i])
    add(model.means, f[i], of_cut, -scale[:, i] * load[:, i])
    add(model.loadings, i, of_cut, -scale[:, i] * mean[:, f[i]])
    add(model.scales, i, of_cut, cut - inter[:, i] - load[:, i] * mean[:, f[i]])
    for one, other in ((a, b), (b, a)):
        rest = scale[:, other] * load[:, other] * phi[:, pair]
        add(model.loadings, one, of_pair, scale[:, one] * rest)
        add(model.scales, one, of_pair, load[:, one] * rest)
    add(model.factors, pair, of_pair, scale[:, a] * scale[:, b] * load[:, a] * load[:, b])
    return slopes[:, :, :-1].reshape(-1, model.size)


def _values(model: Model, free: np.ndarray) -> list[np.ndarray]:
    blocks = (model.cuts, model.loadings, model.intercepts, model.scales, model.means, model.factors)
    return [block.values(free) for block in blocks]


def _below(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return the place of a pair of factors in the lower triangle, row by row, diagonal included."""
    high, low = np.maximum(f, g), np.minimum(f, g)
    return high * (high + 1) // 2 + low


def _improper(model: Model, free: np.ndarray) -> str:
    _, load, _, scale, _, phi = _values(model, free)
    f = model.factor_of
    m = int(f.max()) + 1
    if (1 / scale**2 - load**2 * phi[:, _below(f, f)] <= 0).any():
        return OWN_VARIANCE
    each = np.arange(m)
    squares = phi[:, _below(each[:, None], each[None, :])]
    return SAME_FACTORS if (np.linalg.eigvalsh(squares) <= 0).any() else ""


def _traces(matrix: np.ndarray) -> tuple[float, float]:
    return float(np.trace(matrix)), float((matrix * matrix.T).sum())


def _shifted(chi2: float, df: int, first: float, second: float) -> float:
    """Return chi-square scaled and shifted to the mean and variance of its distribution with df degrees of freedom."""
    if df == 0:
        return chi2
    scale = np.sqrt(df / second)
    return float(chi2 * scale + df - scale * first)


def _null(groups: list[OrdinalMoments]) -> tuple[float, float, int]:
    """Return chi-square, plain and scaled, and degrees of freedom of a model in which items are not correlated."""
    chi2, first, second, df = 0.0, 0.0, 0.0, 0
    for group in groups:
        pairs = slice(sum(map(len, group.thresholds)), None)
        gamma, r = group.covariance[pairs, pairs], group.vector[pairs]
        own = _traces(gamma / np.diag(gamma)[:, None])
        chi2 += (group.n - 1) * float((r**2 / np.diag(gamma)).sum())
        first, second, df = first + own[0], second + own[1], df + len(r)
    return chi2, _shifted(chi2, df, first, second), df


def _indices(chi2: float, df: int, null: float, null_df: int, n: float, groups: int) -> Indices:
    """Return the indices of a chi-square: Bentler 1990 (CFI), Tucker & Lewis 1973 (TLI), Steiger 1998 (RMSEA)."""
    over, null_over = max(chi2 - df, 0.0), max(null - null_df, chi2 - df, 0.0)
    cfi = 1 - over / null_over if null_over > 0 else 1.0
    if df == 0:
        return Indices(chi2, 0, float("nan"), cfi, 1.0, 0.0, 0.0, 0.0)
    against = (null - null_df) * df
    tli = 1 - (chi2 - df) * null_df / against if against else 1.0
    tail = (1 - RMSEA_CONFIDENCE) / 2
    excess = (over, _noncentral(chi2, df, 1 - tail), _noncentral(chi2, df, tail))
    rmsea, low, high = (float(np.sqrt(groups * x / (n * df))) for x in excess)
    return Indices(chi2, df, float(stats.chi2.sf(chi2, df)), cfi, tli, rmsea, low, high)


def _noncentral(chi2: float, df: int, level: float) -> float:
    """Return the noncentrality at which a chi-square no larger than this has probability `level`, at least 0."""
    if chi2 <= 0 or stats.chi2.cdf(chi2, df) <= level:
        return 0.0
    high = chi2 + 10 * np.sqrt(chi2 + 1) + 10  # far beyond: its probability there is nearly nothing
    return float(brentq(lambda x: stats.ncx2.cdf(chi2, df, x) - level, 0, high, xtol=1e-10, rtol=1e-12))


def _srmr(groups: list[OrdinalMoments], left: np.ndarray) -> float:
    """Return the root mean square of what is left of the correlations, the ones on the diagonal counted (Bentler)."""
    total, at, found = sum(g.n for g in groups), 0, 0.0
    for group in groups:
        p, size = len(group.correlations), len(group.vector)
        of_pairs = left[at + sum(map(len, group.thresholds)) : at + size]
        found += group.n / total * float(np.sqrt((of_pairs**2).sum() / (p * (p + 1) / 2)))
        at += size
    return found


def _none(reason: str, size: int) -> Fit:
    nan = float("nan")
    nothing = Indices(nan, 0, nan, nan, nan, nan, nan, nan)
    empty = np.full((0, 0), np.nan)
    return Fit(reason, np.full(size, np.nan), np.full((size, size), np.nan), nothing, nothing, float("nan"),
               empty, empty, empty, empty)  # fmt: skip
