"""Linear mixed models by restricted maximum likelihood, fitted from statistics of cells.

    y = X b + Z u + e        u ~ N(0, s2 L L'), e ~ N(0, s2)

with random intercepts of nested levels (district, school, school-wave), or an intercept and one slope by school. With
V = I + Z L L' Z', A = [X y] and M = A' V^-1 A, the likelihood is known from M and log|V| alone; b and s2 drop out of
it, and the search is over L only (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1), eq. 40-43). Both are
sums over schools of closed forms of each school's statistics, exact derivatives included, so a step of the search
does not depend on how many people answered. A variance may be zero; the search finds that and it is said.

References: R `lme4` 1.1 at the optimum (`lmer(..., REML = TRUE)`), `lmerTest` 3.1; tests/reference/lme4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from sro_research.errors import WorkbenchError
from sro_research.models.sufficient import Cells

INTERCEPT, RESIDUAL = "(Intercept)", "residual"
ZERO = 1e-4
"""A standard deviation of a random effect below this part of the residual one is zero (`lme4::isSingular`)."""
STEP = 1e-5
"""Step of differences of the exact slopes; two slopes so near have about ten digits of their difference."""
CLOSE = 1e-6
"""Step of the search at which it has ended: Newton's next one would be about its square."""
MOST_STEPS = 60
DEPENDENT = 1e-11
"""Smallest eigenvalue of the covariates' correlations below which one of them follows from the others."""
NOTHING = 1e-10
"""Part of the outcome's sum of squares that is rounding."""
MODEL = "the mixed model"


@dataclass(frozen=True)
class Cross:
    """M (p+1 x p+1) and log|V| at one L, and their slopes (d x p+1 x p+1 and d) by the d parameters of L."""

    cross: np.ndarray
    log_det: float
    cross_slope: np.ndarray
    log_det_slope: np.ndarray


@dataclass(frozen=True)
class Intercepts:
    """Random intercepts of nested levels, coarsest first.

    `total` (k+1 x k+1) are the products of all respondents. Groups of the finest level that have one size shrink alike:
    `sizes` (s) are the sizes that occur, `counts` (s) how often, `by_size` (s x k+1 x k+1) the products of their sums.
    `sums` (t x k+1 x g) are the sums of the first to t-th of them in each group of the next level, the first row the
    size, and 0 where there are fewer; there are none with one level. `begins` is where groups of each still coarser
    level begin.
    """

    columns: tuple[str, ...]
    centres: np.ndarray
    levels: tuple[str, ...]
    groups: dict[str, int]
    n: int
    total: np.ndarray
    sums: np.ndarray | None
    sizes: np.ndarray
    counts: np.ndarray
    by_size: np.ndarray
    begins: tuple[np.ndarray, ...]

    @property
    def starts(self) -> np.ndarray:
        """Return where a search may begin (s x d)."""
        few = (0.03, 0.1, 0.3, 1.0, 3.0) if len(self.levels) == 1 else (0.1, 0.5)
        return np.array(list(product(few, repeat=len(self.levels))))

    def pick(self, positions: Sequence[int]) -> Intercepts:
        """Return the same of some of the columns."""
        at = list(positions)
        square = np.ix_(at, at)
        return replace(
            self,
            columns=tuple(self.columns[i] for i in at),
            centres=self.centres[at],
            total=self.total[square],
            sums=None if self.sums is None else self.sums[:, at],
            by_size=self.by_size[:, square[0], square[1]],
        )

    def at(self, theta: np.ndarray) -> Cross:
        """Return M, log|V| and their slopes: up from the finest level, whose groups shrink, and down again.

        For a group with m = 1'V0^-1 1 and r = A'V0^-1 1, V0 being V without this level and those above it, adding the
        variance t takes t r r' / (1 + t m) from M and log(1 + t m) to log|V|. On the way down q = A'V^-1 1 and
        1'V^-1 1 of all levels together are the slopes.
        """
        *coarser, finest = theta**2
        grown = 1 + finest * self.sizes
        cross = self.total - np.tensordot(finest / grown, self.by_size, 1)
        log_det = float(self.counts @ np.log(grown))
        cross_slope, log_det_slope = np.empty((len(theta), *cross.shape)), np.empty(len(theta))
        cross_slope[-1] = -np.tensordot(grown**-2, self.by_size, 1)
        log_det_slope[-1] = self.counts @ (self.sizes / grown)
        if self.sums is not None:
            n = self.sums[:, 0]
            own = 1 / (1 + finest * n)
            r, squared = self._added(own), self._added(n * own**2)
            upward = []
            for depth, ratio in enumerate(coarser[::-1]):
                if depth:
                    r = np.add.reduceat(r, self.begins[-depth], axis=1)
                up = 1 + ratio * r[0]
                cross -= (r * (ratio / up)) @ r.T
                log_det += float(np.log(up).sum())
                r = r / up
                upward.append((r, up))
            above, pull = np.zeros((len(cross), 1)), np.zeros(1)
            for level, ratio in enumerate(coarser):
                r, up = upward[-1 - level]
                if level:
                    counts = np.diff(np.append(self.begins[level - 1], r.shape[1]))
                    above, pull = np.repeat(above, counts, axis=1), np.repeat(pull, counts)
                q = r - r[0] * above
                cross_slope[level] = -q @ q.T
                log_det_slope[level] = (r[0] - r[0] ** 2 * pull).sum()
                above, pull = ratio * q + above, ratio / up + pull / up**2
            # q of the finest level is its r less its m times `above`; the square of that, added up by parent.
            mixed = squared @ above.T
            cross_slope[-1] += mixed + mixed.T - (above * squared[0]) @ above.T
            log_det_slope[-1] -= squared[0] @ pull
        return Cross(cross, log_det, 2 * theta[:, None, None] * cross_slope, 2 * theta * log_det_slope)

    def _added(self, weights: np.ndarray) -> np.ndarray:
        """Return the sums of the finest level's groups, weighted (t x g), in each group of the next (k+1 x g)."""
        assert self.sums is not None
        added = self.sums[0] * weights[0]
        for sums, weight in zip(self.sums[1:], weights[1:], strict=True):
            added += sums * weight
        return added

    def inside(self) -> np.ndarray:
        """Return the products of distances from the means of the finest level's groups (k+1 x k+1)."""
        return self.total - np.tensordot(1 / self.sizes, self.by_size, 1)

    def tidy(self, theta: np.ndarray) -> np.ndarray:
        """Return standard deviations, none negative; those below `ZERO` are zero."""
        return np.where(np.abs(theta) < ZERO, 0.0, np.abs(theta))

    def free(self, theta: np.ndarray) -> np.ndarray:
        """Return which of theta (d) are not on the boundary."""
        return theta > 0

    def variances(self, theta: np.ndarray) -> dict[str, float]:
        """Return the variance of each level over the residual variance."""
        return {level: float(t) ** 2 for level, t in zip(self.levels, theta, strict=True)}


@dataclass(frozen=True)
class Slope:
    """A random intercept and a random slope of one column, correlated, by school.

    `within` (2 x 2 x g) are the products of Z = [1, slope] in each school and `sums` (2 x k+1 x g) those of Z with all
    columns; the slope's column is less its mean and over its standard deviation `scale`.
    """

    columns: tuple[str, ...]
    centres: np.ndarray
    slope: str
    level: str
    groups: dict[str, int]
    n: int
    total: np.ndarray
    within: np.ndarray
    sums: np.ndarray
    centre: float
    scale: float

    @property
    def starts(self) -> np.ndarray:
        """Return where a search may begin (s x 3)."""
        return np.array([[a, 0.0, b] for a, b in product((0.1, 0.5), repeat=2)])

    def pick(self, positions: Sequence[int]) -> Slope:
        """Return the same of some of the columns."""
        at = list(positions)
        return replace(
            self,
            columns=tuple(self.columns[i] for i in at),
            centres=self.centres[at],
            total=self.total[np.ix_(at, at)],
            sums=self.sums[:, at],
        )

    def at(self, theta: np.ndarray) -> Cross:
        """Return M, log|V| and slopes; L = [[t0, 0], [t1, t2]] and P = LL', V^-1 = I - Z P (I + Z'Z P)^-1 Z'."""
        lower = np.array([[theta[0], 0.0], [theta[1], theta[2]]])
        both = lower @ lower.T
        f = self.within
        a, b, c, d = (
            (i == j) + f[i, 0] * both[0, j] + f[i, 1] * both[1, j] for i, j in product(range(2), repeat=2)
        )  # fmt: skip
        det = a * d - b * c
        inverse = np.array([[d, -b], [-c, a]]) / det
        q = [inverse[i, 0] * self.sums[0] + inverse[i, 1] * self.sums[1] for i in range(2)]
        inner = np.array(
            [[(inverse[i, 0] * f[0, j] + inverse[i, 1] * f[1, j]).sum() for j in range(2)] for i in range(2)]
        )
        shrunk = sum((both[i, 0] * self.sums[i]) @ q[0].T + (both[i, 1] * self.sums[i]) @ q[1].T for i in range(2))
        squares = [[q[i] @ q[j].T for j in range(2)] for i in range(2)]
        changes = [self._change(lower, i, j) for i, j in ((0, 0), (1, 0), (1, 1))]
        return Cross(
            self.total - (shrunk + shrunk.T) / 2,
            float(np.log(det).sum()),
            np.array([-sum(c[i, j] * squares[i][j] for i in range(2) for j in range(2)) for c in changes]),
            np.array([(change * inner).sum() for change in changes]),
        )

    def inside(self) -> np.ndarray:
        """Return the products of distances from the schools' means (k+1 x k+1)."""
        ones = self.sums[0]
        return self.total - (ones / self.within[0, 0]) @ ones.T

    @staticmethod
    def _change(lower: np.ndarray, i: int, j: int) -> np.ndarray:
        """Return the slope of P by the element (i, j) of L."""
        one = np.zeros((2, 2))
        one[i, j] = 1.0
        return one @ lower.T + lower @ one.T

    def tidy(self, theta: np.ndarray) -> np.ndarray:
        """Return L with a diagonal that is not negative; its sign does not matter column by column."""
        first = theta[:2] * (-1.0 if theta[0] < 0 else 1.0)
        full = np.array([*first, abs(theta[2])])
        full[[0, 2]] = np.where(full[[0, 2]] < ZERO, 0.0, full[[0, 2]])
        return full

    def free(self, theta: np.ndarray) -> np.ndarray:
        """Return which of theta (3) are not on the boundary; what is off the diagonal of L has none."""
        return np.array([theta[0] > 0, True, theta[2] > 0])

    def variances(self, theta: np.ndarray) -> dict[str, float]:
        """Return the variances of intercept (where the slope's column is 0) and slope, and their covariance."""
        lower = np.array([[theta[0], 0.0], [theta[1], theta[2]]])
        turn = np.array([[1.0, -self.centre / self.scale], [0.0, 1 / self.scale]])
        both = turn @ lower @ lower.T @ turn.T
        return {
            self.level: float(both[0, 0]),
            f"{self.level}, {self.slope}": float(both[1, 1]),
            f"{self.level}, covariance": float(both[0, 1]),
        }


RandomEffects = Intercepts | Slope


@dataclass(frozen=True)
class Fit:
    """A fitted model of p coefficients, the intercept first.

    `covariance` (p x p) is that of the coefficients; `variances` those of the random effects and `residual`; `zero`
    says whether a variance was found to be zero, or a correlation to be one; `theta` (d) is L. `by_parameters`
    (d+1 x p x p) are slopes of the covariance by theta and the residual variance, `uncertainty` (d+1 x d+1) the
    covariance of these.
    """

    columns: tuple[str, ...]
    coefficients: np.ndarray
    covariance: np.ndarray
    variances: dict[str, float]
    log_likelihood: float
    zero: bool
    n: int
    groups: dict[str, int]
    theta: np.ndarray
    by_parameters: np.ndarray
    uncertainty: np.ndarray

    @property
    def std_errors(self) -> np.ndarray:
        """Return the standard errors (p)."""
        return np.sqrt(np.diag(self.covariance))

    def degrees(self, contrast: np.ndarray) -> float:
        """Return Satterthwaite's degrees of freedom of a contrast (p) of the coefficients.

        2 v^2 / g' A g, v the contrast's variance, g its slopes by theta and the residual variance, A their asymptotic
        covariance (Giesbrecht & Burns 1985, Biometrics 41, 477-486; Fai & Cornelius 1996, J. Stat. Comput. Simul. 54,
        363-378). A theta of zero is taken as known. R: `lmerTest::contest1D(fit, L)$df`.
        """
        variance = contrast @ self.covariance @ contrast
        slopes = np.einsum("i,dij,j->d", contrast, self.by_parameters, contrast)
        return float(2 * variance**2 / (slopes @ self.uncertainty @ slopes))


def intercepts(cells: Cells, *, levels: Sequence[str]) -> Intercepts:
    """Arrange cells for random intercepts of `levels`, keys of the cells in their order, coarsest first.

    Each is nested in those before it by construction: the groups of a level are the combinations of all keys up to it.
    """
    last = len(levels) - 1
    starts = [cells.begins(level) for level in levels]
    sums = np.add.reduceat(np.column_stack([cells.sizes, cells.sums]), starts[last], axis=0)
    groups = {level: len(start) for level, start in zip(levels, starts, strict=True)}
    _enough(groups, int(cells.sizes.sum()))
    begins = [np.searchsorted(starts[i + 1], starts[i]) for i in range(last)]
    side_by_side = None
    if begins:
        starting = begins.pop()
        parts = np.diff(np.append(starting, len(sums)))
        side_by_side = np.zeros((parts.max(), sums.shape[1], len(parts)))
        parent = np.repeat(np.arange(len(parts)), parts)
        side_by_side[np.arange(len(sums)) - starting[parent], :, parent] = sums
    sizes, alike, counts = np.unique(sums[:, 0], return_inverse=True, return_counts=True)
    order = np.argsort(alike, kind="stable")
    of_one_size = np.split(sums[order], np.cumsum(counts)[:-1])
    return Intercepts(
        columns=(INTERCEPT, *cells.columns),
        centres=np.append(0.0, cells.centres),
        levels=tuple(levels),
        groups=groups,
        n=int(cells.sizes.sum()),
        total=cells.total(),
        sums=side_by_side,
        sizes=sizes,
        counts=counts.astype(float),
        by_size=np.array([some.T @ some for some in of_one_size]),
        begins=tuple(begins),
    )


def slope(cells: Cells, *, level: str, column: str) -> Slope:
    """Arrange cells for a random intercept and a random slope of `column` by `level`, a key of the cells."""
    at, starts = cells.position(column) + 1, cells.begins(level)
    total = cells.total()
    scale = float(np.sqrt(total[at, at] / total[0, 0])) or 1.0
    ones = np.column_stack([cells.sizes, cells.sums])
    slopes = np.column_stack([ones[:, at], cells.products_with(column)]) / scale
    sums = np.stack([np.add.reduceat(part, starts, axis=0).T for part in (ones, slopes)])
    groups = {level: len(starts)}
    _enough(groups, int(cells.sizes.sum()))
    return Slope(
        columns=(INTERCEPT, *cells.columns),
        centres=np.append(0.0, cells.centres),
        slope=column,
        level=level,
        groups=groups,
        n=int(cells.sizes.sum()),
        total=total,
        within=np.stack([sums[:, 0], sums[:, at] / scale], axis=1),
        sums=sums,
        centre=float(cells.centres[at - 1]),
        scale=scale,
    )


def fit_reml(
    effects: RandomEffects, *, outcome: str, covariates: Sequence[str], start: np.ndarray | None = None
) -> Fit:
    """Fit the outcome on an intercept and covariates, columns of the cells, with these random effects.

    `start` is the `theta` of a similar fit, if there is one. Raises `WorkbenchError` where a covariate follows from the
    others, the outcome does not vary beyond them, or the search does not end.
    """
    missing = [name for name in (outcome, *covariates) if name not in effects.columns]
    if missing:
        raise WorkbenchError(f"column {missing[0]}", "no statistics were kept of it", fix="Name it when they are made.")
    some = effects.pick([0, *(effects.columns.index(name) for name in (*covariates, outcome))])
    with one_thread():
        return _fit(some, start)


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS from dividing small matrices between threads, which costs more than it saves."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _fit(effects: RandomEffects, start: np.ndarray | None) -> Fit:
    _check(effects)
    degrees = effects.n - len(effects.columns) + 1

    def profile(theta: np.ndarray) -> tuple[float, np.ndarray]:
        return _deviance(effects.at(theta), degrees)

    found = _minimum(profile, _start(profile, effects.starts) if start is None else _warm(start))
    theta = effects.tidy(found)
    curvature = _curvature(lambda t: profile(t)[1], theta)
    return _result(effects, theta, curvature, degrees)


def _deviance(at: Cross, degrees: int) -> tuple[float, np.ndarray]:
    """Return -2 log likelihood with b and s2 at their best, and its slopes."""
    log_det, inverse, best, rest = _solve(at.cross)
    weights = np.append(-best, 1.0)
    slopes = at.cross_slope[:, :-1, :-1].reshape(len(at.cross_slope), -1) @ inverse.ravel()
    return (
        at.log_det + log_det + degrees * (1 + np.log(2 * np.pi * rest / degrees)),
        at.log_det_slope + slopes + degrees / rest * (at.cross_slope @ weights @ weights),
    )


def _solve(cross: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Return log|X'V^-1X|, its inverse, b, and the residual sum of squares."""
    lower = np.linalg.cholesky(cross[:-1, :-1])
    turn = np.linalg.inv(lower)
    along = turn @ cross[:-1, -1]
    rest = float(cross[-1, -1] - along @ along)
    return 2 * float(np.log(np.diag(lower)).sum()), turn.T @ turn, turn.T @ along, rest


def _start(profile: Callable[[np.ndarray], tuple[float, np.ndarray]], starts: np.ndarray) -> np.ndarray:
    return starts[int(np.argmin([profile(theta)[0] for theta in starts]))]


def _warm(theta: np.ndarray) -> np.ndarray:
    """Return a start beside zero for what was zero in another fit; at zero the deviance is level."""
    return np.where(theta == 0, 0.1, theta)


def _minimum(profile: Callable[[np.ndarray], tuple[float, np.ndarray]], theta: np.ndarray) -> np.ndarray:
    """Return where the deviance is lowest, by Newton's steps along which it falls.

    The deviance is the same with either sign of a standard deviation, so the search needs no bounds: a variance of zero
    is a minimum like another. At zero it is level also where it is no minimum; negative curvature says so, and the
    step leads away.
    """
    value, fall = profile(theta)
    for _ in range(MOST_STEPS):
        values, vectors = np.linalg.eigh(_curvature_near(lambda t: profile(t)[1], theta, fall))
        along = vectors.T @ fall
        if values[0] < 0 and abs(along[0]) < CLOSE * abs(values[0]):
            along[0] = values[0] * 0.1
        bent = np.maximum(np.abs(values), 1e-8 * np.abs(values).max() + 1e-300)
        step = -vectors @ (along / bent)
        step *= min(1.0, max(0.5, float(np.abs(theta).max())) / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() <= CLOSE * max(1.0, float(np.abs(theta).max())):
            return theta + step
        for _ in range(30):
            try:
                new, slope_there = profile(theta + step)
            except np.linalg.LinAlgError:
                new = np.inf
            if new <= value + 1e-13 * abs(value):
                break
            step = step / 2
        else:
            return theta  # No lower value can be told from rounding: this is the minimum.
        theta, value, fall = theta + step, new, slope_there
    raise WorkbenchError(MODEL, "the search for the variances did not end", fix="Leave a random effect out.")


def _curvature_near(slopes: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return second derivatives (d x d) good enough to search by, of slopes here and a little further."""
    width = STEP * np.maximum(np.abs(theta), 0.1)
    rows = [(slopes(theta + move) - here) / move.sum() for move in np.diag(width)]
    return (np.array(rows) + np.array(rows).T) / 2


def _curvature(slopes: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """Return the second derivatives (d x d) by central differences of exact slopes."""
    width = STEP * np.maximum(np.abs(theta), 0.1)
    rows = [(slopes(theta + move) - slopes(theta - move)) / (2 * move.sum()) for move in np.diag(width)]
    return (np.array(rows) + np.array(rows).T) / 2


def _result(effects: RandomEffects, theta: np.ndarray, curvature: np.ndarray, degrees: int) -> Fit:
    at = effects.at(theta)
    _, inverse, best, rest = _solve(at.cross)
    deviance, _ = _deviance(at, degrees)
    residual = rest / degrees
    weights = np.append(-best, 1.0)
    # Deviance of theta and s2 together: its profile has the curvature that was found.
    mixed = -(at.cross_slope @ weights @ weights) / residual**2
    last = degrees / residual**2
    joint = np.block([[curvature + np.outer(mixed, mixed) / last, mixed[:, None]], [mixed, last]])
    free = np.append(effects.free(theta), True)
    uncertainty = np.zeros_like(joint)
    uncertainty[np.ix_(free, free)] = 2 * np.linalg.inv(joint[np.ix_(free, free)])
    by_theta = -residual * inverse @ at.cross_slope[:, :-1, :-1] @ inverse
    # The columns were centred; only the intercept changes when they are not.
    back = np.eye(len(best))
    back[0, 1:] = -effects.centres[1:-1]
    coefficients = back @ best
    coefficients[0] += effects.centres[-1]
    variances = {name: ratio * residual for name, ratio in effects.variances(theta).items()}
    return Fit(
        columns=effects.columns[:-1],
        coefficients=coefficients,
        covariance=back @ inverse @ back.T * residual,
        variances={**variances, RESIDUAL: residual},
        log_likelihood=-deviance / 2,
        zero=not free.all(),
        n=effects.n,
        groups=effects.groups,
        theta=theta,
        by_parameters=back @ np.concatenate([by_theta, inverse[None]]) @ back.T,
        uncertainty=uncertainty,
    )


def _check(effects: RandomEffects) -> None:
    """Raise `WorkbenchError` where the likelihood has no maximum."""
    nothing = effects.total
    spread = np.sqrt(np.diag(nothing)[:-1])
    if effects.n <= len(spread):
        raise WorkbenchError(MODEL, "there are not more answers than coefficients", fix="Leave covariates out.")
    dependent = [name for name, size in zip(effects.columns, spread, strict=False) if size == 0]
    if not dependent:
        values, vectors = np.linalg.eigh(nothing[:-1, :-1] / np.outer(spread, spread))
        weights = np.abs(vectors[:, 0]) if values[0] < DEPENDENT else np.zeros(len(spread))
        dependent = [name for name, weight in zip(effects.columns, weights, strict=False) if weight > 1e-3]
    if dependent:
        raise WorkbenchError(MODEL, f"these follow from one another: {', '.join(dependent)}", fix="Leave one out.")
    if _solve(nothing)[3] <= NOTHING * nothing[-1, -1]:
        raise WorkbenchError(MODEL, "nothing of the outcome is left to explain", fix="Look at the outcome.")
    if effects.inside()[-1, -1] <= NOTHING * nothing[-1, -1]:
        raise WorkbenchError(MODEL, "the outcome does not differ within groups", fix="Use a model of group means.")


def _enough(groups: dict[str, int], n: int) -> None:
    if min(groups.values()) < 2:
        raise WorkbenchError(MODEL, "a level has one group only", fix="Leave this random effect out.")
    if max(groups.values()) >= n:
        raise WorkbenchError(MODEL, "no group has two answers", fix="Leave the finest random effect out.")
