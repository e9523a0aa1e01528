"""Pooling against R `mice`; imputation against what was planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from sro_research.errors import WorkbenchError
from sro_research.models.imputation import imputed, pooled, pooled_test
from sro_research.models.reliability import school_reliability

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity" / "expected.json"
R = json.loads(REFERENCE.read_text())["pooling"]
ESTIMATES = pd.DataFrame(R["estimates"], columns=["intercept", "age", "bmi"])
COVARIANCES = np.array(R["covariances"]).reshape(-1, 3, 3)


def test_pooling_agrees_with_mice():
    found = pooled(ESTIMATES, covariances=COVARIANCES, complete_df=R["complete_df"])
    pairs = {
        "estimate": "estimate",
        "std_error": "std_error",
        "degrees_of_freedom": "df",
        "conf_low": "low",
        "conf_high": "high",
        "missing_information": "fmi",
    }
    for ours, theirs in pairs.items():
        assert list(found.rows[ours]) == pytest.approx(R[theirs], rel=1e-11)
    assert list(np.sqrt(np.diag(found.covariance))) == pytest.approx(R["std_error"], rel=1e-11)
    large = pooled(ESTIMATES, covariances=COVARIANCES)
    assert list(large.rows["degrees_of_freedom"]) == pytest.approx(R["df_large"], rel=1e-11)


def test_the_test_of_several_terms_agrees_with_mice():
    """`pool.compare` takes the terms as uncorrelated (mice 3.15 keeps only their variances); so do we here."""
    variances = np.array([np.diag(np.diag(c[1:, 1:])) for c in COVARIANCES])
    slopes = pooled_test(ESTIMATES[["age", "bmi"]], covariances=variances)
    found = [slopes.statistic, slopes.numerator_df, slopes.denominator_df, slopes.p_value]
    assert found == pytest.approx(R["wald"], rel=1e-10)


def test_several_terms_are_tested_alike_however_they_are_combined():
    turn = np.array([[1.0, 0, 0], [0.3, 2, 0], [1, -1, 0.5]])
    other = pd.DataFrame(ESTIMATES.to_numpy() @ turn.T)
    plain = pooled_test(ESTIMATES, covariances=COVARIANCES)
    turned = pooled_test(other, covariances=turn @ COVARIANCES @ turn.T)
    assert turned.statistic == pytest.approx(plain.statistic, rel=1e-9)
    assert turned.denominator_df == pytest.approx(plain.denominator_df, rel=1e-9)


def test_one_term_is_pooled_as_among_others():
    alone = pooled(ESTIMATES[["bmi"]], covariances=COVARIANCES[:, 2:, 2:], complete_df=R["complete_df"])
    assert alone.rows["degrees_of_freedom"][0] == pytest.approx(R["df"][2], rel=1e-11)


def test_tables_that_agree_lose_nothing():
    same = ESTIMATES.iloc[[0, 0, 0]]
    found = pooled(same, covariances=COVARIANCES[[0, 0, 0]], complete_df=20)
    assert list(found.rows["std_error"]) == pytest.approx(list(np.sqrt(np.diag(COVARIANCES[0]))))
    assert list(found.rows["degrees_of_freedom"]) == pytest.approx([21 / 23 * 20] * 3)
    assert pooled_test(same, covariances=COVARIANCES[[0, 0, 0]]).denominator_df > 1e9


def test_one_table_cannot_be_pooled():
    with pytest.raises(WorkbenchError, match="two tables or more"):
        pooled(ESTIMATES.iloc[:1], covariances=COVARIANCES[:1])


def district(seed: int, *, schools: int = 40, size: int = 25) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A complete table, and one where y is missing the more often the higher x is, and x now and then."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), size)
    x = rng.normal(0, 0.4, schools)[school] + rng.normal(size=len(school))
    y = 0.5 * x + rng.normal(0, 0.5, schools)[school] + rng.normal(size=len(school))
    whole = pd.DataFrame({"school_id": school, "girl": rng.integers(0, 2, len(school)), "x": x, "y": y})
    gone = rng.random(len(school)) < 1 / (1 + np.exp(-1.5 * x))
    return whole, whole.assign(y=whole["y"].mask(gone), x=whole["x"].mask(~gone & (rng.random(len(school)) < 0.1)))


@pytest.fixture(scope="module")
def filled() -> tuple[pd.DataFrame, pd.DataFrame, list[pd.DataFrame]]:
    whole, holes = district(1)
    return whole, holes, imputed(holes, columns=["x", "y"], predictors=["girl"], seed=1, draws=5)


def test_what_was_answered_stays_and_what_was_not_is_an_answer_of_somebody(filled):
    _, holes, tables = filled
    assert len(tables) == 5
    for table in tables:
        assert list(table.columns) == list(holes.columns) and table.index.equals(holes.index)
        assert table[["x", "y"]].notna().all(axis=None)
        for column in ("x", "y"):
            known = holes[column].notna()
            assert (table[column][known] == holes[column][known]).all()
            assert table[column].isin(holes[column]).all()
    assert not tables[0]["y"].equals(tables[1]["y"])


def test_means_that_the_silent_would_have_moved_come_back(filled):
    whole, holes, tables = filled
    truth = whole["y"].mean()
    n = len(whole)
    found = pooled(
        pd.DataFrame({"mean": [t["y"].mean() for t in tables]}),
        covariances=np.array([[[t["y"].var() / n]] for t in tables]),
    ).rows.iloc[0]
    assert abs(holes["y"].mean() - truth) > 0.15
    assert abs(found["estimate"] - truth) < 0.08
    assert found["missing_information"] > 0.2


def test_schools_stay_apart(filled):
    whole, _, tables = filled
    apart = np.mean([school_reliability(t["y"], t["school_id"])[0] for t in tables])
    assert apart == pytest.approx(school_reliability(whole["y"], whole["school_id"])[0], abs=0.06)


def test_slopes_and_their_intervals_hold_over_samples():
    """Of 20 samples 95 % would be missed by more than 4 once in 100 times."""
    held = 0
    for seed in range(20):
        _, holes = district(seed, schools=20, size=20)
        fits = [
            sm.OLS(
                t["y"], sm.add_constant(t[["x"]].join(pd.get_dummies(t["school_id"], drop_first=True, dtype=float)))
            ).fit()
            for t in imputed(holes, columns=["x", "y"], seed=seed, draws=8)
        ]
        row = pooled(
            pd.DataFrame({"x": [f.params["x"] for f in fits]}),
            covariances=np.array([[[f.bse["x"] ** 2]] for f in fits]),
            complete_df=fits[0].df_resid,
        ).rows.iloc[0]
        held += row["conf_low"] <= 0.5 <= row["conf_high"]
    assert held >= 16


def test_the_same_seed_gives_the_same_tables():
    _, holes = district(2, schools=10, size=10)
    first, again, other = (imputed(holes, columns=["x", "y"], seed=seed, draws=2) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first[1], again[1])
    assert not first[1].equals(other[1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.nan}, "the same for everybody"),
        ({"y": lambda d: d["school_id"].where(d["school_id"] > 2)}, "the same for everybody"),
        ({"girl": np.nan}, "predictor or the school"),
    ],
)
def test_what_cannot_be_filled_in_is_an_error(change, said):
    _, holes = district(3, schools=10, size=10)
    with pytest.raises(WorkbenchError, match=said):
        imputed(holes.assign(**change), columns=["x", "y"], predictors=["girl"], seed=1)
