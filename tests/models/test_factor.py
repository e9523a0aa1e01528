"""Factor models of ordinal answers against R `lavaan` (tests/reference/lavaan), and what cannot be fitted."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.factor import FEWEST, factor_structure

REFERENCE = Path(__file__).parents[1] / "reference" / "lavaan"
R = json.loads((REFERENCE / "expected.json").read_text())["structures"]
CONSTRUCTS = {
    "hs": {"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"], "speed": ["x7", "x8", "x9"]},
    "bfi": {"agreeable": ["A2", "A3", "A5"], "extravert": ["E3", "E4"], "neurotic": [f"N{i}" for i in range(1, 6)]},
}


@pytest.fixture(scope="module", params=CONSTRUCTS)
def both(request):
    answers = pd.read_csv(REFERENCE / f"{request.param}.csv")
    return factor_structure(answers, CONSTRUCTS[request.param]), R[request.param]


def test_estimates_agree_with_lavaan(both):
    """lavaan ends its search at a relative change of 1e-10 of the misfit, so estimates differ by up to about 1e-5."""
    found, r = both
    assert (found.n, found.reason) == (r["n"], "")
    assert found.loadings["loading"].tolist() == pytest.approx(r["loadings"], abs=1e-5)
    assert found.loadings["std_error"].tolist() == pytest.approx(r["loading_errors"], rel=1e-4)
    names = zip(r["first"], r["second"], strict=True)
    table = found.correlations.set_index(["first", "second"])
    for at, (first, second) in enumerate(names):
        row = table.loc[(first, second)]
        assert row["correlation"] == pytest.approx(r["correlations"][at], abs=1e-5)
        assert row["std_error"] == pytest.approx(r["correlation_errors"][at], rel=1e-4)


@pytest.mark.parametrize("kind", ["plain", "scaled"])
def test_fit_agrees_with_lavaan(both, kind):
    found, r = both
    ours = asdict(getattr(found, kind))
    assert ours.pop("df") == r[kind]["df"]
    # lavaan takes p as 1 - P, which is 0 below 1e-16.
    assert ours.pop("p") == pytest.approx(r[kind]["p"], rel=1e-5, abs=1e-12)
    for name, value in ours.items():
        assert value == pytest.approx(r[kind][name], rel=1e-6), name
    assert found.srmr == pytest.approx(r["srmr"], rel=1e-6)


def one_factor(loadings: list[float], n: int = 500, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    of = np.array(loadings)
    y = rng.normal(size=(n, 1)) * of + rng.normal(size=(n, len(of))) * np.sqrt(1 - of**2)
    return pd.DataFrame(np.digitize(y, [-1, 0, 1]), columns=[f"q{i}" for i in range(len(of))])


def test_a_true_model_is_rejected_as_often_as_it_should():
    """Of 100 samples of 300 answers, 5 % have p < 0.05: at most 12 of them, with probability 0.998."""
    constructs = {"c": [f"q{i}" for i in range(5)]}
    p = [factor_structure(one_factor([0.8, 0.7, 0.6, 0.7, 0.5], 300, s), constructs).scaled.p for s in range(100)]
    assert sum(x < 0.05 for x in p) <= 12
    assert np.mean(p) == pytest.approx(0.5, abs=0.1)


def test_loadings_of_three_items_are_exact():
    """Three correlations give three loadings: l1^2 = r12 r13 / r23, and nothing is left to test."""
    found = factor_structure(one_factor([0.8, 0.7, 0.5]), {"c": ["q0", "q1", "q2"]})
    load = found.loadings["loading"].to_numpy()
    assert (found.scaled.df, found.scaled.cfi, found.srmr) == (0, 1, pytest.approx(0, abs=1e-7))
    assert np.isnan(found.scaled.p) and (np.abs(load - [0.8, 0.7, 0.5]) < 0.15).all()


def test_missing_answers_leave_complete_respondents():
    answers = one_factor([0.8, 0.7, 0.6, 0.7])
    holes = answers.astype("Int64").mask(np.random.default_rng(1).random(answers.shape) < 0.05)
    constructs = {"c": list(answers)}
    kept = holes.dropna()
    found = factor_structure(holes, constructs)
    assert found.n == len(kept) < len(holes)
    pd.testing.assert_frame_equal(found.loadings, factor_structure(kept, constructs).loadings)


def heywood() -> pd.DataFrame:
    """Return answers of which r12 r13 > r23: the first item would need more variance in common than it has."""
    y = np.random.default_rng(2).multivariate_normal([0, 0, 0], [[1, 0.7, 0.7], [0.7, 1, 0.3], [0.7, 0.3, 1]], 800)
    return pd.DataFrame(np.digitize(y, [-1, 0, 1]), columns=["q0", "q1", "q2"])


ANSWERS = one_factor([0.8, 0.7, 0.6, 0.7])
NOISE = pd.DataFrame(np.random.default_rng(3).integers(1, 5, (400, 4)), columns=[f"q{i}" for i in range(4)])


@pytest.mark.parametrize(
    ("answers", "constructs", "reason"),
    [
        (heywood(), {"c": ["q0", "q1", "q2"]}, "an item would have no part of its own"),
        (ANSWERS.head(FEWEST - 1), {"c": list(ANSWERS)}, "too few complete answers"),
        (ANSWERS.assign(q1=3), {"c": list(ANSWERS)}, "the same answer from everyone"),
        (ANSWERS.assign(q1=ANSWERS["q0"]), {"c": list(ANSWERS)}, "correlation cannot be told"),
        (ANSWERS, {"c": ["q0", "q1"]}, "not identified"),
        (ANSWERS, {"c": ["q0", "q1"], "d": ["q2", "q3"]}, "one and the same"),
    ],
)
def test_what_cannot_be_fitted_says_so(answers, constructs, reason):
    found = factor_structure(answers, constructs)
    assert reason in found.reason
    assert found.loadings.empty and list(found.loadings) == ["construct", "item", "loading", "std_error"]


def test_items_of_which_only_one_is_ever_chosen_say_so():
    """All answers lie in the first row or column of the table: nothing tells how far it goes below 0."""
    codes = np.repeat([[0, 0], [0, 1], [0, 2], [1, 0], [2, 0]], [100, 9, 9, 9, 9], axis=0)
    answers = pd.DataFrame(np.column_stack([codes, np.arange(len(codes)) % 3]), columns=["q0", "q1", "q2"])
    assert "correlation cannot be told" in factor_structure(answers, {"c": list(answers)}).reason


def test_noise_gives_a_result_or_a_reason():
    for seed in range(6):
        codes = np.random.default_rng(seed).integers(1, 4, (120, 6))
        answers = pd.DataFrame(codes, columns=[f"q{i}" for i in range(6)])
        found = factor_structure(answers, {"c": ["q0", "q1", "q2"], "d": ["q3", "q4", "q5"]})
        assert (found.reason == "") == (len(found.loadings) == 6)


@pytest.mark.parametrize(
    ("constructs", "rule"),
    [({"c": ["q0", "q9"]}, "no such column"), ({"c": ["q0", "q1"], "d": ["q1", "q2"]}, "two constructs")],
)
def test_items_that_cannot_be_meant_are_errors(constructs, rule):
    with pytest.raises(WorkbenchError, match=rule):
        factor_structure(NOISE, constructs)
