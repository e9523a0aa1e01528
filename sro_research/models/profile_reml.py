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
from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from sro_research.errors import WorkbenchError
from sro_research.models.random_effects import MODEL, Cross, RandomEffects

RESIDUAL = "residual"
STEP = 1e-5
"""Step of differences of the exact slopes; two slopes so near have about ten digits of their difference."""
CLOSE = 1e-7
"""Step of the search at which it has ended: the next one would be a hundredth of it, or less."""
NEAR = 3e-3
"""Part of each parameter by which a step may change it without second derivatives being computed anew."""
MOST_STEPS = 60
DEPENDENT = 1e-11
"""Smallest eigenvalue of the covariates' correlations below which one of them follows from the others."""
NOTHING = 1e-10
"""Part of the outcome's sum of squares that is rounding."""


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
    step = np.full(len(theta), np.inf)
    for _ in range(MOST_STEPS):
        if (np.abs(step) > NEAR * np.abs(theta)).any():
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
