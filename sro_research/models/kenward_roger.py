"""Standard errors and degrees of freedom of effects in a model with random intercepts and few schools.

With few schools the variances between them are guessed themselves. Kenward & Roger (1997, Biometrics 53, 983-997) widen
the covariance of the coefficients by what that guess costs, and give each contrast the degrees of freedom that match.
With V = sum_i t_i G_i, where G_i joins the answers of a group of level i and t_i is its variance (the last: residual):

    Phi = (X' V^-1 X)^-1        P_i = -X' V^-1 G_i V^-1 X        Q_ij = X' V^-1 G_i V^-1 G_j V^-1 X
    W^-1_ij = (tr(V^-1 G_i V^-1 G_j) - tr(2 Phi Q_ij - Phi P_i Phi P_j)) / 2
    adjusted = Phi + 2 Phi (sum_ij W_ij (Q_ij - P_i Phi P_j)) Phi
    df = 2 (l' Phi l)^2 / (g' W g)        g_i = l' Phi P_i Phi l

It works on the variances, so that one estimated as zero still costs degrees of freedom. All random intercepts are
constant within the smallest groups (cells): turned by an orthogonal matrix, the answers of a cell are its mean times
the root of its size, and contrasts that have the residual variance only. V is then as wide as there are cells.

References: R `pbkrtest` 0.5 (`vcovAdj`, `Lb_ddf`), tests/reference/district and tests/reference/multilevel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Adjusted:
    """What follows from k variances for p coefficients: covariance (p x p), adjusted (p x p), slopes (k x p x p), W."""

    covariance: np.ndarray
    adjusted: np.ndarray
    slopes: np.ndarray
    uncertainty: np.ndarray

    def std_error(self, contrast: np.ndarray) -> float:
        """Return the adjusted standard error of a contrast (p) of the coefficients."""
        return float(np.sqrt(contrast @ self.adjusted @ contrast))

    def df(self, contrast: np.ndarray) -> float:
        """Return the degrees of freedom of a contrast (p)."""
        slope = np.einsum("p,kpq,q->k", contrast, self.slopes, contrast)
        return float(2 * (contrast @ self.covariance @ contrast) ** 2 / (slope @ self.uncertainty @ slope))


def kenward_roger(x: pd.DataFrame, groups: pd.DataFrame, variances: list[float], residual: float) -> Adjusted:
    """Return the adjusted covariance of the coefficients of `x` (n x p) and what their degrees of freedom need.

    `groups` (n x levels) names each answer's group at every level, the last level the smallest: its groups lie within
    those of the others. `variances` has one per level. Memory: cells squared, per level.
    """
    cell = groups.iloc[:, -1]
    size = cell.groupby(cell).size()
    means = x.groupby(cell).mean()
    apart = (x - means.loc[cell].set_axis(x.index)).to_numpy()
    root = np.sqrt(size.to_numpy(dtype=float))
    between, within = root[:, None] * means.to_numpy(), apart.T @ apart
    of_cell = groups.set_index(cell)[~cell.duplicated().to_numpy()].loc[means.index]
    joined = [np.outer(root, root) * np.equal.outer(code, code) for code in (_codes(of_cell[c]) for c in of_cell)]
    joined.append(np.eye(len(size)))  # the residual
    return _adjust(between, within, joined, np.array([*variances, residual]), spare=len(x) - len(size))


def _codes(names: pd.Series) -> np.ndarray:
    return pd.factorize(names)[0]


def _adjust(
    between: np.ndarray, within: np.ndarray, joined: list[np.ndarray], variances: np.ndarray, *, spare: int
) -> Adjusted:
    """Adjust from cells (C x p), the sum of squares within them (p x p) and the `spare` contrasts behind it."""
    k, residual = len(variances), variances[-1]
    inverse = np.linalg.inv(sum(t * g for t, g in zip(variances, joined, strict=True)))
    turned = [inverse @ g for g in joined]  # V^-1 G_i
    right = inverse @ between
    covariance = np.linalg.inv(between.T @ right + within / residual)
    first = [-(right.T @ g @ right) for g in joined]
    first[-1] = first[-1] - within / residual**2
    # X' V^-1 G_i V^-1 G_j V^-1 X, and the traces; within cells only the residual variance has a part.
    half = [g @ right for g in joined]
    second = [[half[i].T @ inverse @ half[j] for j in range(k)] for i in range(k)]
    second[-1][-1] = second[-1][-1] + within / residual**3
    traces = np.array([[np.sum(turned[i] * turned[j].T) for j in range(k)] for i in range(k)])
    traces[-1, -1] += spare / residual**2
    moved = [covariance @ p for p in first]
    information = traces / 2
    for i in range(k):
        for j in range(k):
            information[i, j] -= np.trace(covariance @ second[i][j]) - np.sum(moved[i] * moved[j].T) / 2
    uncertainty = np.linalg.inv(information)
    bread = sum(
        uncertainty[i, j] * (second[i][j] - first[i] @ covariance @ first[j]) for i in range(k) for j in range(k)
    )
    return Adjusted(
        covariance=covariance,
        adjusted=covariance + 2 * covariance @ bread @ covariance,
        slopes=np.array([m @ covariance for m in moved]),
        uncertainty=uncertainty,
    )
