"""Polychoric correlations and their covariance against R `lavaan` and `psych` (tests/reference/lavaan), and by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.polychoric import LARGEST, ordinal_moments, polychoric_correlations

REFERENCE = Path(__file__).parents[1] / "reference" / "lavaan"
R = json.loads((REFERENCE / "expected.json").read_text())["moments"]
ITEMS = [f"x{i}" for i in range(1, 10)]


@pytest.fixture(scope="module")
def pupils() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "hs.csv")


def pairs(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def test_moments_agree_with_lavaan(pupils):
    found = ordinal_moments(pupils[ITEMS].to_numpy())
    assert found.n == len(pupils)
    assert np.concatenate(found.thresholds) == pytest.approx(R["thresholds"], rel=1e-9)
    # lavaan ends its search at a relative change of 1e-10 of the likelihood.
    assert pairs(found.correlations) == pytest.approx(R["correlations"], abs=1e-6)
    assert np.diag(found.covariance) == pytest.approx(R["gamma_diagonal"], rel=2e-6)
    # lavaan divides by n - 1 where it makes standard errors of it.
    errors = np.sqrt(np.diag(found.covariance)[len(R["thresholds"]) :] / (found.n - 1))
    order = {pair: at for at, pair in enumerate(zip(*np.triu_indices(9, 1), strict=True))}
    names = zip(R["first_items"], R["second_items"], strict=True)
    at = [order[tuple(sorted((ITEMS.index(a), ITEMS.index(b))))] for a, b in names]
    assert errors[at] == pytest.approx(R["correlation_errors"], rel=1e-6)


def test_the_whole_covariance_agrees_with_lavaan(pupils):
    found = ordinal_moments(pupils[["x1", "x2", "x4"]].to_numpy()).covariance
    assert found.ravel() == pytest.approx(R["gamma_of_three"], rel=1e-5, abs=1e-6)


def test_correlations_agree_with_psych(pupils):
    # psych searches with optimize(), whose tolerance is 1.2e-4, and probabilities of mnormt.
    assert pairs(polychoric_correlations(pupils[ITEMS].to_numpy())) == pytest.approx(R["psych"], abs=1e-4)


def test_two_categories_agree_with_lavaan(pupils):
    found = polychoric_correlations(pupils[[f"b{i}" for i in range(1, 7)]].to_numpy())
    assert pairs(found) == pytest.approx(R["tetrachoric"], abs=1e-6)


def test_an_empty_cell_of_two_by_two_agrees_with_lavaan():
    table = pd.read_csv(REFERENCE / "empty_cell.csv").to_numpy()
    assert polychoric_correlations(table)[0, 1] == pytest.approx(R["empty_cell"], abs=1e-6)


def test_cut_in_the_middle_is_sheppards_formula():
    """With both items cut at their medians, P(both below) = 1/4 + asin(r) / 2 pi (Sheppard 1899)."""
    both = 35
    table = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [both, 50 - both, 50 - both, both], axis=0)
    assert polychoric_correlations(table)[0, 1] == pytest.approx(np.sin(2 * np.pi * (both / 100 - 0.25)), abs=1e-10)


def test_the_truth_is_found_also_with_items_of_different_length():
    truth = np.array([[1, 0.9, 0.3], [0.9, 1, 0.1], [0.3, 0.1, 1]])
    y = np.random.default_rng(4).multivariate_normal(np.zeros(3), truth, 100_000)
    cuts = ([0.2], [-1, 0, 0.4, 2], [-0.5, 0.5])
    codes = np.column_stack([np.digitize(y[:, j], cuts[j]) for j in range(3)])
    found = ordinal_moments(codes)
    assert np.concatenate(found.thresholds) == pytest.approx(np.concatenate(cuts), abs=0.02)
    error = np.sqrt(np.diag(found.covariance)[-3:] / found.n)
    assert (np.abs(pairs(found.correlations) - pairs(truth)) < 4 * error).all()
    assert (error < 0.01).all()


def test_standard_errors_are_the_spread_over_samples():
    """Of 300 samples of 200 answers the spread has a sampling error of 4 %: the limit is three of them and a half."""
    rng, r = np.random.default_rng(8), []
    for _ in range(300):
        y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 200)
        m = ordinal_moments(np.digitize(y, [-0.8, 0.1, 1.0]))
        r.append((m.correlations[0, 1], np.sqrt(m.covariance[-1, -1] / m.n)))
    spread, mean_error = np.std([x for x, _ in r]), np.mean([e for _, e in r])
    assert mean_error == pytest.approx(spread, rel=0.15)


def test_codes_are_only_an_order(pupils):
    codes = pupils[["x1", "x2", "x3"]].to_numpy()
    expected = polychoric_correlations(codes)
    assert polychoric_correlations(np.where(codes == 1, -5, codes * 3)) == pytest.approx(expected)
    reversed_first = np.column_stack([-codes[:, 0], codes[:, 1:]])
    assert polychoric_correlations(reversed_first)[0, 1:] == pytest.approx(-expected[0, 1:], abs=1e-9)


def test_identical_and_constant_items(pupils):
    x = pupils["x1"].to_numpy()
    found = polychoric_correlations(np.column_stack([x, x, np.ones_like(x), pupils["x2"]]))
    assert found[0, 1] == pytest.approx(LARGEST, abs=1e-6)
    assert np.isnan(found[2]).all() and np.isnan(found[:, 2]).all()
    assert found[0, 3] == pytest.approx(R["correlations"][0], abs=1e-6)


@pytest.mark.parametrize("bad", [np.array([[1.0, np.nan], [2, 1]]), np.array([[1.5, 1], [2, 1]]), np.zeros((0, 2))])
def test_what_are_not_codes_is_an_error(bad):
    with pytest.raises(WorkbenchError, match="whole codes"):
        polychoric_correlations(bad)


def test_moments_need_items_that_vary():
    with pytest.raises(WorkbenchError, match="same answer from everyone"):
        ordinal_moments(np.array([[1, 1], [1, 2], [1, 1]]))
