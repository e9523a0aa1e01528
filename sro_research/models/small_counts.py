"""Limits for small counts: a share, a rate, the ratio of two rates, and the ratio of two shares.

Exact limits cover too often because counts are whole: only the part of a count's probability that lies beyond it
should count in full. Mid-P limits count half of the probability of the count itself (Lancaster 1961, J. Am. Stat.
Assoc. 56, 223-234). With X the count and x what was seen, the lower limit solves P(X > x) + P(X = x) / 2 = 0.025, the
upper one P(X < x) + P(X = x) / 2 = 0.025. They cover 95 % on average over rates, and at some rates a little less.

    share of n    X ~ binomial(n, p)
    rate          X ~ Poisson(rate * time)
    rate ratio    given both counts together, X1 ~ binomial(x1 + x0, p) with p / (1 - p) = ratio * time1 / time0

The ratio of two shares has no such distribution: it depends on the shares as well. Its limits are those ratios that
Koopman's score does not reject (1984, Biometrics 40, 513-517), with the shares p1 = ratio * p0 that fit best:

    U = (x1 - n1 p1)^2 / (n1 p1 (1 - p1)) + (x0 - n0 p0)^2 / (n0 p0 (1 - p0)) <= 3.84

p-values are those of a ratio of 1; the score's is that of Pearson's chi-square without a correction.

References: R `epitools::rateratio.midp` 0.5-10.1, `prop.test(correct = FALSE)`, `poisson.test`, and formulas;
tests/reference/contacts. Coverage is computed by summing over all tables.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special, stats

from sro_research.models.precision import TAIL

HALVINGS = 80
"""Times the place of a limit is halved, on a logarithmic scale where it has no upper end: to rounding."""
Limits = tuple[np.ndarray, np.ndarray]
Ratios = tuple[np.ndarray, np.ndarray, np.ndarray]


def midp_share(yes: np.ndarray, of: np.ndarray) -> Limits:
    """Return the limits of shares `yes / of` (arrays of counts); missing where `of` is zero."""
    x, n = _counts(yes, of)
    start, end = np.zeros_like(x), np.ones_like(x)
    low = _where(lambda p: _above(x, n, p) < TAIL, start, end)
    high = _where(lambda p: 1 - _above(x, n, p) > TAIL, start, end)
    known = n > 0
    return np.where(known, np.where(x == 0, 0, low), np.nan), np.where(known, np.where(x == n, 1, high), np.nan)


def midp_rate(events: np.ndarray, time: np.ndarray) -> Limits:
    """Return the limits of rates `events / time`, `time` being people or whatever else bears events."""
    x, t = _counts(events, time)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = _where(lambda mean: _poisson_above(x, mean) < TAIL, np.zeros_like(x), x)
        high = _where(lambda mean: 1 - _poisson_above(x, mean) > TAIL, x, x + 10 * np.sqrt(x + 1) + 10)
        known = t > 0
        return np.where(known, low / t, np.nan), np.where(known, high / t, np.nan)


def midp_rate_ratio(events: np.ndarray, time: np.ndarray, other_events: np.ndarray, other_time: np.ndarray) -> Ratios:
    """Return the limits of `(events / time) / (other_events / other_time)`, and p; missing where neither has events.

    The upper limit is infinite where the others have no events.
    """
    x, t, y, s = _counts(events, time, other_events, other_time)
    low, high = midp_share(x, x + y)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (x + y > 0) & (t > 0) & (s > 0)
        above = _above(x, x + y, np.where(known, t / (t + s), np.nan))
        ratios = [part / (1 - part) * s / t for part in (low, high)]
        p = np.minimum(1, 2 * np.minimum(above, 1 - above))
    low, high, p = (np.where(known, column, np.nan) for column in (*ratios, p))
    return low, high, p


def score_share_ratio(yes: np.ndarray, of: np.ndarray, other_yes: np.ndarray, other_of: np.ndarray) -> Ratios:
    """Return the limits of `(yes / of) / (other_yes / other_of)`, and p; missing where neither has any, or all.

    The upper limit is infinite where the others have none.
    """
    x, n, y, m = _counts(yes, of, other_yes, other_of)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (n > 0) & (m > 0) & (x + y > 0) & (x + y < n + m)
        critical = stats.chi2.isf(2 * TAIL, 1)
        best = np.log(np.where(x == 0, 0.5 / n, x / n) / np.where(y == 0, 0.5 / m, y / m))

        def outside(ratio: np.ndarray) -> np.ndarray:
            return _koopman(np.exp(ratio), x, n, y, m) > critical

        low = np.exp(_where(outside, best - 40, best))
        high = np.exp(_where(lambda ratio: ~outside(ratio), best, best + 40))
        p = stats.chi2.sf(_koopman(np.ones_like(x), x, n, y, m), 1)
    low, high = np.where(x == 0, 0, low), np.where(y == 0, np.inf, high)
    return np.where(known, low, np.nan), np.where(known, high, np.nan), np.where(known, p, np.nan)


def _koopman(ratio: np.ndarray, x: np.ndarray, n: np.ndarray, y: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Return U at a ratio; p0 is the smaller root of a quadratic, written so that nothing cancels."""
    a, c = (n + m) * ratio, x + y
    b = n * ratio + x + m + y * ratio
    p0 = 2 * c / (b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0)))
    return _square(x, n, ratio * p0) + _square(y, m, p0)


def _square(x: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return (x - n p)^2 / (n p (1 - p)), also where none or all are a yes and p may be 0 or 1."""
    between = (x - n * p) ** 2 / (n * p * (1 - p))
    return np.where(x == 0, n * p / (1 - p), np.where(x == n, n * np.maximum(1 - p, 0) / p, between))


def _above(x: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return P(X > x) + P(X = x) / 2 of binomial(n, p)."""
    return (_at_least(x, n, p) + _at_least(x + 1, n, p)) / 2


def _at_least(x: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    inside = (x > 0) & (x <= n)
    tail = special.betainc(np.where(inside, x, 1), np.where(inside, n - x + 1, 1), p)
    return np.where(x <= 0, 1.0, np.where(x > n, 0.0, tail))


def _poisson_above(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    at_least = np.where(x > 0, special.gammainc(np.where(x > 0, x, 1), mean), 1.0)
    return (at_least + special.gammainc(x + 1, mean)) / 2


def _where(still: Callable[[np.ndarray], np.ndarray], start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return where a condition that holds at `start` and not at `end` ends."""
    for _ in range(HALVINGS):
        middle = (start + end) / 2
        holds = still(middle)
        start, end = np.where(holds, middle, start), np.where(holds, end, middle)
    return (start + end) / 2


def _counts(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.broadcast_arrays(*(np.atleast_1d(np.asarray(c, dtype=float)) for c in columns)))
