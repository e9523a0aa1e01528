"""Correlations between what lies behind answers on a scale, and how sure they are.

Each item is taken as a standard normal variable cut into categories; two items as bivariate normal (Pearson 1900).
In two steps (Olsson 1979, Psychometrika 44, 443-460): thresholds from the shares of each item alone, then each
correlation r by maximum likelihood with the thresholds held. Probabilities come from Plackett's identity
(1954, Biometrika 41, 351-360), P(X < h, Y < k; r) = F(h) F(k) + integral from 0 to asin r of
exp(-(h^2 + k^2 - 2 h k sin t) / (2 cos^2 t)) dt / 2 pi,
by Gauss-Legendre quadrature (Genz 2004, Stat. Comput. 14, 251-260), for the tables of all pairs at once.

The large-sample covariance is that of Muthén 1984 (Psychometrika 49, 115-132), as R `lavaan` has it: outer products of
the scores. Agrees with R `lavaan::lavCor(ordered=, se="robust.sem")` and `lavInspect(fit, "gamma")`, and with
`psych::polychoric(correct=0)`; tests/reference/lavaan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from sro_research.errors import WorkbenchError

LARGEST = 0.999
"""A correlation is not taken beyond it; as in R `lavaan`."""
NEARLY_ONE, NO_INFORMATION = 0.99, 1e-10
"""Answers do not determine a correlation beyond the first (R `lavaan` warns there), or one of which a respondent tells
less, in Fisher's information, than the second: two items of which never both are chosen."""
ENDED = 1e-12
"""A search for correlations has ended when its steps are smaller."""
STEPS = 100
STEEP, NODES, NODES_STEEP = 0.8, 20, 64
"""Nodes of the quadrature; beyond a correlation of `STEEP` the function to integrate is too sharp for the few."""
CHUNK = 20_000
"""Respondents at a time, so that memory does not grow with their number."""
IN_EMPTY_CELL = 0.5
"""Moved into the empty cell of a 2 x 2 table, margins kept: without it the correlation would be 1 or -1 (as in R
`lavaan`; Brown & Benedetti 1977, Psychometrika 42, 347-355)."""
SMALLEST = 1e-300


@dataclass(frozen=True)
class OrdinalMoments:
    """What ordinal answers say: `thresholds` per item, `correlations` (p x p) and their `covariance`.

    `covariance` (q x q) is n times the covariance matrix of the estimates: the thresholds item by item, then the
    correlations below the diagonal, column by column. It is missing where answers do not determine a correlation.
    """

    n: int
    thresholds: tuple[np.ndarray, ...]
    correlations: np.ndarray
    covariance: np.ndarray

    @property
    def vector(self) -> np.ndarray:
        """Thresholds and correlations in the order of `covariance`."""
        first, second = np.triu_indices(len(self.correlations), 1)
        return np.concatenate([*self.thresholds, self.correlations[first, second]])


@dataclass(frozen=True)
class _Pairs:
    """Tables of all pairs of items: `counts` (pairs, k, k), and the bounds of the categories (pairs, k + 1).

    Items of fewer categories than k have empty ones at the end, between bounds that are infinite.
    """

    counts: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def polychoric_correlations(answers: np.ndarray) -> np.ndarray:
    """Return the polychoric correlations (p x p) of answers (respondents by items), integer codes without missing.

    Only the order of codes counts. An item with one answer from everyone has no correlation: its row and column
    are missing. Raises `WorkbenchError` where answers are missing or not whole numbers.
    """
    codes, sizes = _ranked(answers)
    p = codes.shape[1]
    found = np.full((p, p), np.nan)
    varied = np.flatnonzero(sizes > 1)
    if len(varied) > 1:
        codes, sizes = codes[:, varied], sizes[varied]
        found[np.ix_(varied, varied)] = _square(_correlations(_pairs(codes, sizes)), len(varied))
    found[varied, varied] = 1.0
    return found


def ordinal_moments(answers: np.ndarray) -> OrdinalMoments:
    """Return thresholds, correlations and their covariance of answers (respondents by items), codes without missing.

    Raises `WorkbenchError` where answers are missing, or an item has one answer from everyone.
    """
    codes, sizes = _ranked(answers)
    if (sizes < 2).any() or codes.shape[1] < 2:
        raise WorkbenchError("answers", "an item has the same answer from everyone, or is alone", fix="Leave it out.")
    pairs = _pairs(codes, sizes)
    r = _correlations(pairs)
    thresholds = tuple(_bounds(codes[:, j], sizes[j])[1:-1] for j in range(codes.shape[1]))
    correlations = _square(r, codes.shape[1])
    covariance = len(codes) * _covariance(codes, thresholds, pairs, r)
    return OrdinalMoments(len(codes), thresholds, correlations, covariance)


def _ranked(answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of the codes of each item from 0, and the numbers of categories."""
    numbers = np.asarray(answers, float)
    if numbers.ndim != 2 or not len(numbers) or not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        rule = "polychoric correlations need a table of whole codes without missing answers"
        raise WorkbenchError("answers", rule, fix="Take complete respondents only.")
    ranked = [np.unique(column, return_inverse=True) for column in numbers.T]
    return np.column_stack([codes for _, codes in ranked]), np.array([len(kinds) for kinds, _ in ranked])


def _bounds(codes: np.ndarray, size: int) -> np.ndarray:
    shares = np.cumsum(np.bincount(codes, minlength=size)) / len(codes)
    return np.concatenate([[-np.inf], ndtri(shares[:-1]), [np.inf]])


def _pairs(codes: np.ndarray, sizes: np.ndarray) -> _Pairs:
    n, p = codes.shape
    k = int(sizes.max())
    together = np.zeros((p * k, p * k))
    for start in range(0, n, CHUNK):
        part = codes[start : start + CHUNK]
        chosen = np.zeros((len(part), p * k), np.float32)  # counts of one chunk are exact in it
        chosen[np.arange(len(part))[:, None], part + k * np.arange(p)] = 1
        together += chosen.T @ chosen
    first, second = np.triu_indices(p, 1)
    counts = together.reshape(p, k, p, k).transpose(0, 2, 1, 3)[first, second]
    bounds = np.full((p, k + 1), np.inf)
    for j in range(p):
        bounds[j, : sizes[j] + 1] = _bounds(codes[:, j], sizes[j])
    return _Pairs(_with_empty_filled(counts) if k == 2 else counts, bounds[first], bounds[second])


def _with_empty_filled(counts: np.ndarray) -> np.ndarray:
    """Move half an answer into the one empty cell of 2 x 2 tables, keeping the margins."""
    empty = counts == 0
    on_diagonal = empty[:, 0, 0] | empty[:, 1, 1]
    move = np.where(on_diagonal, IN_EMPTY_CELL, -IN_EMPTY_CELL) * (empty.sum(axis=(1, 2)) == 1)
    return counts + move[:, None, None] * np.array([[1, -1], [-1, 1]])


def _correlations(pairs: _Pairs) -> np.ndarray:
    """Return the correlations (pairs) of greatest likelihood: scoring steps, halved where they leave the bracket."""
    r = np.zeros(len(pairs.counts))
    low, high = np.full_like(r, -LARGEST), np.full_like(r, LARGEST)
    for _ in range(STEPS):
        cells, slopes = _cells(pairs, r), _slopes(pairs, r)
        ratio = slopes / cells
        score = (pairs.counts * ratio).sum(axis=(1, 2))
        information = pairs.counts.sum(axis=(1, 2)) * (slopes * ratio).sum(axis=(1, 2))
        low, high = np.where(score > 0, r, low), np.where(score < 0, r, high)
        new = r + score / np.maximum(information, SMALLEST)
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        new = np.where(score == 0, r, new)
        step, r = np.abs(new - r).max(initial=0.0), new
        if step < ENDED:
            break
    return r


def _cells(pairs: _Pairs, r: np.ndarray) -> np.ndarray:
    """Return the probability (pairs, k, k) of each cell."""
    below = _bivariate(pairs.rows[:, :, None], pairs.columns[:, None, :], r[:, None, None])
    return np.maximum(np.diff(np.diff(below, axis=1), axis=2), SMALLEST)


def _slopes(pairs: _Pairs, r: np.ndarray) -> np.ndarray:
    """Return how fast each cell grows with r: the density at its corners (Plackett 1954)."""
    h, k, inside = _finite(pairs.rows[:, :, None], pairs.columns[:, None, :])
    r = r[:, None, None]
    density = np.exp(-(h * h - 2 * r * h * k + k * k) / (2 * (1 - r * r))) / (2 * np.pi * np.sqrt(1 - r * r))
    return np.diff(np.diff(density * inside, axis=1), axis=2)


def _bivariate(rows: np.ndarray, columns: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return P(X < row bound, Y < column bound) of a bivariate normal, arrays broadcast together."""
    h, k, inside = _finite(rows, columns)
    product, squares, angle = h * k, (h * h + k * k) / 2, np.arcsin(r)
    nodes, weights = _quadrature(NODES_STEEP if np.abs(r).max(initial=0.0) > STEEP else NODES)
    area = np.zeros_like(product)
    for node, weight in zip(nodes, weights, strict=True):
        sine = np.sin(angle * node)
        area += weight * np.exp((sine * product - squares) / (1 - sine * sine))
    return ndtr(rows) * ndtr(columns) + area * inside * angle / (2 * np.pi)


def _finite(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bounds broadcast together with 0 for infinite ones, and where both are finite."""
    h, k = np.broadcast_arrays(rows, columns)
    return np.where(np.isfinite(h), h, 0.0), np.where(np.isfinite(k), k, 0.0), np.isfinite(h) & np.isfinite(k)


@cache
def _quadrature(size: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(size)
    return (nodes + 1) / 2, weights / 2


def _square(below: np.ndarray, p: int) -> np.ndarray:
    matrix = np.eye(p)
    first, second = np.triu_indices(p, 1)
    matrix[first, second] = matrix[second, first] = below
    return matrix


def _covariance(codes: np.ndarray, thresholds: tuple[np.ndarray, ...], pairs: _Pairs, r: np.ndarray) -> np.ndarray:
    """Return the covariance (q x q) of thresholds and correlations: B^-1 S B^-T, S the sum of squared scores.

    B holds, for the equation of each estimate, products of its score with those of what it depends on: a threshold on
    those of its item, a correlation on itself and on the thresholds of both items.
    """
    t = sum(map(len, thresholds))
    own, cross = _threshold_scores(thresholds), _slopes(pairs, r) / _cells(pairs, r)
    squares = np.zeros((t + len(r), t + len(r)))
    for start in range(0, len(codes), CHUNK):
        scores = _scores(codes[start : start + CHUNK], own, cross)
        squares += scores.T @ scores
    if (np.abs(r) > NEARLY_ONE).any() or (np.diag(squares)[t:] < NO_INFORMATION * len(codes)).any():
        return np.full_like(squares, np.nan)
    bread = np.diag(np.diag(squares))
    places = np.split(np.arange(t), np.cumsum([len(x) for x in thresholds])[:-1])
    for place in places:
        bread[np.ix_(place, place)] = squares[np.ix_(place, place)]
    for at, (i, j) in enumerate(combinations(range(len(thresholds)), 2)):
        one = _Pairs(pairs.counts[at], pairs.rows[at], pairs.columns[at])
        # The table as it was answered, also where half an answer was moved.
        table = _table(codes, i, j, len(one.counts))
        bread[t + at, places[i]] = _with_thresholds(table, one.rows, one.columns, r[at], cross[at])[: len(places[i])]
        turned = _with_thresholds(table.T, one.columns, one.rows, r[at], cross[at].T)
        bread[t + at, places[j]] = turned[: len(places[j])]
    half = np.linalg.solve(bread, squares)
    return np.linalg.solve(bread, half.T)


def _table(codes: np.ndarray, i: int, j: int, k: int) -> np.ndarray:
    return np.bincount(codes[:, i] * k + codes[:, j], minlength=k * k).reshape(k, k).astype(float)


def _threshold_scores(thresholds: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Return, per item, the slope of the log likelihood of each category (rows) by each threshold."""
    scores = []
    for cuts in thresholds:
        shares = np.diff(np.concatenate([[0.0], ndtr(cuts), [1.0]]))
        density = np.exp(-cuts * cuts / 2) / np.sqrt(2 * np.pi)
        slope = np.zeros((len(cuts) + 1, len(cuts)))
        at = np.arange(len(cuts))
        slope[at, at], slope[at + 1, at] = density, -density
        scores.append(slope / shares[:, None])
    return scores


def _scores(codes: np.ndarray, own: list[np.ndarray], cross: np.ndarray) -> np.ndarray:
    """Return the scores (respondents by q) of thresholds and correlations."""
    first, second = np.triu_indices(codes.shape[1], 1)
    of_thresholds = [slope[codes[:, j]] for j, slope in enumerate(own)]
    return np.hstack([*of_thresholds, cross[np.arange(len(first)), codes[:, first], codes[:, second]]])


def _with_thresholds(
    counts: np.ndarray, rows: np.ndarray, columns: np.ndarray, r: float, cross: np.ndarray
) -> np.ndarray:
    """Return the sum over cells of the score of r times that of each threshold of the row item."""
    pair = _Pairs(counts[None], rows[None], columns[None])
    cells = _cells(pair, np.array([r]))[0]
    cuts = np.where(np.isfinite(rows), rows, 0.0)[1:-1, None]
    density = np.exp(-cuts * cuts / 2) / np.sqrt(2 * np.pi) * np.isfinite(rows[1:-1, None])
    slope = density * np.diff(ndtr((columns[None, :] - r * cuts) / np.sqrt(1 - r * r)), axis=1)
    ratio = counts * cross / cells
    return (slope * (ratio[:-1] - ratio[1:])).sum(axis=1)
