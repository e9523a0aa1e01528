"""Random effects of a mixed model, as sums over schools of closed forms of each school's statistics.

    V = I + Z L L' Z'        M = [X y]' V^-1 [X y]

with random intercepts of nested levels (district, school, school-wave), or an intercept and one slope by school. Each
kind gives M, log|V| and their exact slopes by the parameters of L; `profile_reml` searches L by them.

References: as in `profile_reml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from sro_research.errors import WorkbenchError
from sro_research.models.sufficient import Cells

INTERCEPT, MODEL = "(Intercept)", "the mixed model"
ZERO = 1e-4
"""A standard deviation of a random effect below this part of the residual one is zero (`lme4::isSingular`)."""


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


def _enough(groups: dict[str, int], n: int) -> None:
    if min(groups.values()) < 2:
        raise WorkbenchError(MODEL, "a level has one group only", fix="Leave this random effect out.")
    if max(groups.values()) >= n:
        raise WorkbenchError(MODEL, "no group has two answers", fix="Leave the finest random effect out.")
