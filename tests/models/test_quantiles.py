"""Quantiles of times: R agrees with each number, and limits hold what they should as often as they should."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sro_research.models.quantiles import (
    NO_CASES,
    TOO_FEW_CASES,
    TOO_FEW_SCHOOLS,
    cluster_limits,
    order_statistic_limits,
    quantile_estimates,
)

FOLDER = Path(__file__).parents[1] / "reference" / "quantiles"
R = json.loads((FOLDER / "expected.json").read_text())
MINUTES = pd.read_csv(FOLDER / "minutes.csv", dtype={"school_id": "string"}).assign(wave="1")
MEASURES = {"median": 0.5, "p90": 0.9}
TOLERANCE = 1e-9
"""Relative. Both take the same order statistics; between two of them R interpolates by sums of weights, which round."""


def estimates(rows: pd.DataFrame) -> pd.DataFrame:
    return quantile_estimates(rows, value="minutes", measures=MEASURES, unit="minutes").set_index(
        ["measure", "school_id"]
    )


@pytest.mark.parametrize("measure", list(MEASURES))
@pytest.mark.parametrize("school", list(R["schools"]))
def test_a_school_against_r(school: str, measure: str) -> None:
    row, wanted = estimates(MINUTES).loc[(measure, school)], R["schools"][school]
    assert row["n"] == wanted["n"]
    assert row["estimate"] == pytest.approx(wanted[measure]["estimate"], rel=TOLERANCE)
    for limit in ("conf_low", "conf_high"):
        if wanted[measure][limit] is None:
            assert pd.isna(row[limit]) and row["note"] == TOO_FEW_CASES
        else:
            assert row[limit] == pytest.approx(wanted[measure][limit], rel=TOLERANCE) and row["note"] == ""


@pytest.mark.parametrize("measure", list(MEASURES))
def test_the_district_against_r(measure: str) -> None:
    row = estimates(MINUTES).loc[(measure, "")]
    assert row["n"] == R["district"]["n"]
    for number, value in R["district"][measure].items():
        assert row[number] == pytest.approx(value, rel=TOLERANCE), number
    alone = order_statistic_limits(MINUTES["minutes"].to_numpy(), MEASURES[measure])
    wanted = R["all_calls"][measure]
    assert alone == pytest.approx((wanted["conf_low"], wanted["conf_high"]), rel=TOLERANCE)
    # Schools that differ tell less than as many calls of one school would.
    assert row["conf_low"] < alone[0] and alone[1] < row["conf_high"]


@pytest.mark.parametrize(("p", "fewest"), [(0.5, 6), (0.9, 36)])
def test_how_many_calls_limits_need(p: float, fewest: int) -> None:
    assert np.isnan(order_statistic_limits(np.arange(fewest - 1.0), p)).all()
    low, high = order_statistic_limits(np.arange(float(fewest)), p)
    assert 0 <= low < high == fewest - 1


def test_what_has_no_limits_says_why() -> None:
    few = MINUTES[MINUTES["school_id"].isin(["02", "03", "04", "05", "06", "07", "08"])]
    assert estimates(few).loc[("median", ""), "note"] == TOO_FEW_SCHOOLS
    unknown = MINUTES.assign(minutes=MINUTES["minutes"].where(MINUTES["school_id"] != "02"))
    row = estimates(unknown).loc[("median", "02")]
    assert (row["n"], row["status"], row["note"]) == (0, "not_estimable", NO_CASES)
    assert estimates(unknown).loc[("median", ""), "n"] == len(MINUTES) - 6
    assert np.isnan(cluster_limits(np.arange(9.0), np.array(["a"] * 9), 0.5)).all()
    assert np.isnan(cluster_limits(np.array([]), np.array([]), 0.5)).all()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=80), st.sampled_from([0.1, 0.5, 0.9]))
def test_limits_hold_the_estimate_and_move_with_the_unit(values: list[float], p: float) -> None:
    minutes = np.array(values)
    low, high = order_statistic_limits(minutes, p)
    if not np.isnan(low):
        assert low <= np.quantile(minutes, p) <= high
        assert order_statistic_limits(60 * minutes, p) == (60 * low, 60 * high)


SIMULATED = 2000


def within(held: np.ndarray, expected: float) -> bool:
    """Tell whether the share that held is within 3.3 binomial errors (1 in 1,000) of what it should be."""
    return abs(held.mean() - expected) <= 3.3 * np.sqrt(expected * (1 - expected) / len(held))


@pytest.mark.parametrize(("n", "p"), [(12, 0.5), (40, 0.5), (40, 0.9), (150, 0.9)])
def test_order_statistics_cover_exactly_as_often_as_the_binomial_says(n: int, p: float) -> None:
    rng = np.random.default_rng([n, round(10 * p)])
    draws = np.exp(rng.normal(0, 0.7, (SIMULATED, n)))
    limits = np.array([order_statistic_limits(minutes, p) for minutes in draws])
    truth = np.exp(0.7 * stats.norm.ppf(p))
    low, high = stats.binom.ppf(0.025, n, p), stats.binom.ppf(0.975, n, p)
    exact = stats.binom.cdf(high, n, p) - stats.binom.cdf(low - 1, n, p)
    assert 0.95 <= exact <= 0.975
    assert within((limits[:, 0] <= truth) & (truth <= limits[:, 1]), exact)


@pytest.mark.parametrize("schools", [8, 12, 40])
@pytest.mark.parametrize("p", [0.5, 0.9])
def test_woodruff_limits_cover_the_quantile_of_all_such_schools(schools: int, p: float) -> None:
    """In 1,000 districts of schools that differ by 25 % and have 10 to 60 calls: 93 to 97 %, give or take chance.

    With 8 schools one in twenty districts has no limits of the 90 % point.
    """
    rng = np.random.default_rng([schools, round(10 * p)])
    truth, held = np.exp(np.hypot(0.25, 0.7) * stats.norm.ppf(p)), []
    for _ in range(SIMULATED // 2):
        school = np.repeat(np.arange(schools), rng.integers(10, 61, schools))
        minutes = np.exp(rng.normal(0, 0.25, schools)[school] + rng.normal(0, 0.7, len(school)))
        low, high = cluster_limits(minutes, school, p)
        if not np.isnan(low):
            held.append(low <= truth <= high)
    assert len(held) >= 0.94 * SIMULATED / 2
    chance = 3 * np.sqrt(0.95 * 0.05 / len(held))
    assert 0.93 - chance <= np.mean(held) <= 0.97 + chance
