"""Limits of small counts against R, and their coverage, summed over everything that could have been counted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from sro_research.models.small_counts import midp_rate, midp_rate_ratio, midp_share, score_share_ratio

FOLDER = Path(__file__).parents[1] / "reference" / "contacts"
R = json.loads((FOLDER / "expected.json").read_text())
X, N, Y, M = pd.read_csv(FOLDER / "ratios.csv").to_numpy(dtype=float).T
TOLERANCE = 1e-9
"""Relative: both search for the same root, R's `uniroot` to 1e-14 of a share, which p / (1 - p) magnifies."""


def test_one_share_and_one_rate_against_r() -> None:
    for name, found in (("share", midp_share(X, N)), ("rate", midp_rate(X, N))):
        for column, limit in zip(("conf_low", "conf_high"), found, strict=True):
            assert limit.tolist() == pytest.approx(R[name][column], rel=TOLERANCE, abs=1e-12), (name, column)


@pytest.mark.parametrize(("name", "made"), [("rate_ratio", midp_rate_ratio), ("share_ratio", score_share_ratio)])
def test_two_of_them_against_r(name: str, made) -> None:
    for column, found in zip(("conf_low", "conf_high", "p_value"), made(X, N, Y, M), strict=True):
        assert found.tolist() == pytest.approx(R[name][column], rel=TOLERANCE, abs=1e-12), column


def test_limits_of_epitools_are_near() -> None:
    low, high, _ = midp_rate_ratio(X[:6], N[:6], Y[:6], M[:6])
    # It searches the share of events to 1e-4 (the default of `uniroot`), which is 2e-3 of the smallest.
    assert low.tolist() == pytest.approx(R["rate_ratio"]["epitools_low"], rel=2e-3, abs=1e-9)
    assert high.tolist() == pytest.approx(R["rate_ratio"]["epitools_high"], rel=2e-3)


def test_what_cannot_be_known_is_missing() -> None:
    for limits in (midp_share([0], [0]), midp_rate([0], [0]), midp_rate_ratio([0], [5], [0], [5])):
        assert all(np.isnan(limit).all() for limit in limits)
    for of_all in (score_share_ratio([5], [5], [7], [7]), score_share_ratio([0], [5], [0], [7])):
        assert all(np.isnan(limit).all() for limit in of_all)


def test_limits_of_none_and_all() -> None:
    low, high = midp_share([0, 10], [10, 10])
    # Half of (1 - p)^10 is 0.025.
    assert [low[0], high[0], low[1], high[1]] == pytest.approx([0, 1 - 0.05**0.1, 0.05**0.1, 1])
    assert midp_rate([0], [1])[1][0] == pytest.approx(-np.log(0.05))
    assert midp_rate_ratio([4], [10], [0], [10])[1][0] == score_share_ratio([4], [10], [0], [10])[1][0] == np.inf


@pytest.mark.parametrize(("y", "m"), [(10, 30), (3, 40), (29, 30)])
def test_where_all_of_one_are_a_yes_the_limit_is_wilsons_of_the_other(y: int, m: int) -> None:
    """From some ratio on p1 = 1 fits best, p0 = 1 / ratio, and U is the score of y / m alone (Wilson 1927)."""
    z2 = stats.chi2.isf(0.05, 1)
    wilson = (y + z2 / 2 - np.sqrt(z2 * (y * (m - y) / m + z2 / 4))) / (m + z2)
    _, high, _ = score_share_ratio([30], [30], [y], [m])
    low, _, _ = score_share_ratio([y], [m], [30], [30])
    assert [high[0], low[0]] == pytest.approx([1 / wilson, wilson], rel=1e-9)


COUNTS = st.integers(0, 60)


@settings(max_examples=40, deadline=None)
@given(x=COUNTS, y=COUNTS, more_x=st.integers(0, 200), more_y=st.integers(0, 200))
def test_turning_a_ratio_over_turns_its_limits_over(x: int, y: int, more_x: int, more_y: int) -> None:
    assume(x + more_x > 0 and y + more_y > 0)
    for made in (midp_rate_ratio, score_share_ratio):
        low, high, p = (float(part[0]) for part in made([x], [x + more_x], [y], [y + more_y]))
        _, turned_high, turned_p = (float(part[0]) for part in made([y], [y + more_y], [x], [x + more_x]))
        if np.isnan(low):
            assert x + y == 0 or (made is score_share_ratio and more_x + more_y == 0)
            continue
        assert p == pytest.approx(turned_p, rel=1e-9)
        assert low == pytest.approx(1 / turned_high if turned_high > 0 else np.inf, rel=1e-6, abs=1e-12)
        assert (low <= 1 <= high) == (p >= 0.05) or p == pytest.approx(0.05, abs=1e-6)
        ratio = x / (x + more_x) / (y / (y + more_y)) if y else np.inf
        assert low <= ratio * (1 + 1e-9) and ratio <= high * (1 + 1e-9)


def test_mid_p_limits_of_a_share_cover_95_percent_on_average() -> None:
    for n in (10, 30, 80):
        x = np.arange(n + 1)
        low, high = midp_share(x, np.full(n + 1, n))
        p = np.linspace(0.03, 0.97, 200)[:, None]
        coverage = (stats.binom.pmf(x, n, p) * ((low <= p) & (p <= high))).sum(axis=1)
        assert 0.945 <= coverage.mean() <= 0.975
        assert coverage.min() > 0.90


@pytest.mark.parametrize(("mean", "other"), [(3, 15), (10, 40), (5, 5), (30, 200)])
@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.7])
def test_mid_p_limits_of_a_rate_ratio_cover_95_percent(mean: float, other: float, ratio: float) -> None:
    x, y = np.arange(0, 100)[:, None], np.arange(0, 300)[None, :]
    chance = stats.poisson.pmf(x, mean * ratio) * stats.poisson.pmf(y, other)
    likely = chance > 1e-7
    rows, columns = np.nonzero(likely)
    low, high, _ = midp_rate_ratio(rows, np.full(len(rows), mean), columns, np.full(len(rows), other))
    holds = ~(low > ratio) & ~(high < ratio)
    assert chance[likely].sum() > 0.999
    # Where fewer than two events are expected, whole counts leave more.
    assert 0.94 <= (chance[likely] * holds).sum() <= (0.975 if mean * ratio > 2 else 0.98)


@pytest.mark.parametrize(("n", "m"), [(30, 120), (60, 60), (100, 400)])
@pytest.mark.parametrize(("p", "ratio"), [(0.3, 1.5), (0.2, 1.0), (0.6, 0.8), (0.1, 2.0)])
def test_score_limits_of_a_share_ratio_cover_95_percent(n: int, m: int, p: float, ratio: float) -> None:
    chance = stats.binom.pmf(np.arange(n + 1)[:, None], n, p * ratio) * stats.binom.pmf(np.arange(m + 1), m, p)
    rows, columns = np.nonzero(chance > 1e-9)
    low, high, _ = score_share_ratio(rows, np.full(len(rows), n), columns, np.full(len(rows), m))
    holds = ~(low > ratio) & ~(high < ratio)
    assert 0.935 <= (chance[rows, columns] * holds).sum() <= 0.97
