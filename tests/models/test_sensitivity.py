"""Sensitivity to confounders, nonresponse and precision: published examples, R, and what must hold by construction."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.sensitivity import (
    BEYOND,
    EQUIVALENT,
    UNDECIDED,
    benchmarked,
    bounded,
    e_values,
    equivalence,
    nonresponse_bounds,
    robustness_values,
    with_confounder,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity"
R = json.loads((REFERENCE / "expected.json").read_text())
PUBLISHED = json.loads((REFERENCE / "published.json").read_text())
DARFUR = PUBLISHED["darfur"]


def coefficient(estimate: float, std_error: float, df: float) -> pd.DataFrame:
    return pd.DataFrame({"estimate": [estimate], "std_error": [std_error], "degrees_of_freedom": [df]})


@pytest.mark.parametrize("example", PUBLISHED["e_values"])
def test_published_e_values(example):
    found = e_values(pd.DataFrame([example])[["estimate", "conf_low", "conf_high"]], scale="ratio").iloc[0]
    digits = 5e-6 if example["estimate"] > 10 else 5e-3
    assert [found["e_value"], found["e_value_limit"]] == pytest.approx(
        [example["e_value"], example["e_value_limit"]], abs=digits
    )


def test_a_confounder_of_that_strength_would_just_do():
    """A confounder with risk ratios a and b explains at most ab / (a+b-1) (Ding & VanderWeele 2016)."""
    e = e_values(pd.DataFrame({"estimate": [2.3], "conf_low": [1.4], "conf_high": [4]}), scale="ratio").iloc[0]
    strength = e[["e_value", "e_value_limit"]].to_numpy(dtype=float)
    assert list(strength**2 / (2 * strength - 1)) == pytest.approx([2.3, 1.4])


def test_e_values_of_standardized_differences_and_of_no_effect():
    rows = pd.DataFrame({"estimate": [0.5, -0.5, 0.1, np.nan], "std_error": [0.1, 0.1, 0.1, 0.1]})
    found = e_values(rows, scale="standardized")
    assert list(found["e_value"][:2]) == pytest.approx([2.53, 2.53], abs=0.005)  # of exp(0.455) = 1.576
    assert found["e_value_limit"][0] == pytest.approx(found["e_value_limit"][1])
    assert found["e_value_limit"][2] == 1
    assert np.isnan(found["e_value"][3])


def test_robustness_values_of_darfur():
    row = coefficient(DARFUR["estimate"], DARFUR["std_error"], DARFUR["degrees_of_freedom"])
    found = robustness_values(row).iloc[0]
    # The published estimate and error have seven digits.
    for name in ("partial_r2", "robustness_value", "robustness_value_limit"):
        assert found[name] == pytest.approx(DARFUR[name], rel=2e-6)


def test_robustness_values_are_where_regressions_with_a_made_up_confounder_end():
    r = R["confounder"]
    row = coefficient(r["estimate"], r["std_error"], r["df"])
    found = robustness_values(row).iloc[0]
    for name in ("partial_r2", "robustness_value", "robustness_value_limit"):
        assert found[name] == pytest.approx(r[name], rel=1e-9)
    at = with_confounder(row, r2_exposure=found["robustness_value_limit"], r2_outcome=found["robustness_value_limit"])
    assert at["conf_high"][0] == pytest.approx(0, abs=1e-12)


def test_an_effect_that_is_not_significant_has_no_robust_limit():
    found = robustness_values(coefficient(0.1, 0.1, 50)).iloc[0]
    assert found["robustness_value"] > 0
    assert found["robustness_value_limit"] == 0


def test_with_few_degrees_of_freedom_the_limit_is_still_where_the_interval_touches_zero():
    row = coefficient(9.0, 1.0, 3)
    limit = float(robustness_values(row)["robustness_value_limit"].iloc[0])
    exposure = np.linspace(0.001, limit * 0.999, 50)
    worst = min(with_confounder(row, r2_exposure=r, r2_outcome=limit)["conf_low"].iloc[0] for r in exposure)
    assert 0 < limit < 1
    assert worst > 0


def test_a_covariate_left_out_is_given_back_exactly():
    r = R["confounder"]
    found = with_confounder(
        coefficient(r["estimate"], r["std_error"], r["df"]), r2_exposure=r["r2_exposure"], r2_outcome=r["r2_outcome"]
    ).iloc[0]
    assert [found["estimate"], found["std_error"], found["degrees_of_freedom"]] == pytest.approx(
        [r["full_estimate"], r["full_std_error"], r["full_df"]], rel=1e-11
    )
    assert [found["conf_low"], found["conf_high"]] == pytest.approx(r["full_limits"], rel=1e-11)


def test_bounds_of_darfur():
    """The covariate's own R2 follow from the published bounds at one time its strength; two and three times are new."""
    g = DARFUR["r2_exposure"][0]
    on_exposure = g / (1 + g)
    shared = on_exposure**2 / (1 - on_exposure) ** 2
    h = DARFUR["r2_outcome"][0] * (1 - shared) / (1 + np.sqrt(shared)) ** 2
    row = coefficient(DARFUR["estimate"], DARFUR["std_error"], DARFUR["degrees_of_freedom"])
    found = bounded(row, r2_exposure=on_exposure, r2_outcome=h / (1 + h), times=(1, 2, 3))
    pairs = {
        "r2_exposure": "r2_exposure",
        "r2_outcome": "r2_outcome",
        "estimate": "adjusted_estimate",
        "std_error": "adjusted_std_error",
    }
    for ours, theirs in pairs.items():
        assert list(found[ours]) == pytest.approx(DARFUR[theirs], rel=1e-8)
    # For its limits sensemakr does not take off the confounder's degree of freedom; the regression above does.
    for ours, theirs in {"conf_low": "adjusted_low", "conf_high": "adjusted_high"}.items():
        assert list(found[ours]) == pytest.approx(DARFUR[theirs], abs=2e-7)


def test_benchmarks_of_a_table_are_those_of_its_regressions():
    r = R["confounder"]
    table = pd.read_csv(REFERENCE / "swiss.csv")
    covariates = ["agriculture", "catholic", "education"]
    found = benchmarked(
        table,
        outcome="fertility",
        exposure="examination",
        covariates=covariates,
        benchmarks=["education", "agriculture"],
    )
    assert list(found["benchmark"]) == ["education"] * 3 + ["agriculture"] * 3
    share = r["r2_exposure"] / (1 - r["r2_exposure"])
    assert found["r2_exposure"][0] == pytest.approx(share, rel=1e-10)
    assert found["degrees_of_freedom"][0] == r["full_df"] - 1
    # Twice as strong as education would explain more than all of the exposure.
    assert found[found["benchmark"] == "education"]["estimate"].isna().tolist() == [False, True, True]
    assert found[found["benchmark"] == "agriculture"]["estimate"].notna().any()
    start = with_confounder(
        coefficient(r["full_estimate"], r["full_std_error"], r["full_df"]), r2_exposure=share, r2_outcome=1.0
    )
    assert found["r2_outcome"][0] == 1
    assert found["estimate"][0] == pytest.approx(start["estimate"][0], rel=1e-9)


def test_covariates_that_follow_from_each_other_are_an_error():
    table = pd.read_csv(REFERENCE / "swiss.csv").assign(twice=lambda t: 2 * t["education"])
    with pytest.raises(WorkbenchError, match="follows from the others"):
        benchmarked(
            table, outcome="fertility", exposure="examination", covariates=["education", "twice"], benchmarks=["twice"]
        )


def test_bounds_hold_for_every_way_the_silent_could_have_answered():
    rng = np.random.default_rng(1)
    everybody = rng.integers(1, 5, 1000)
    answered = rng.random(1000) < 0.6
    mean, rate = everybody[answered].mean(), answered.mean()
    row = pd.DataFrame(
        {"estimate": [mean], "conf_low": [mean - 0.1], "conf_high": [mean + 0.1], "response_rate": [rate]}
    )
    found = nonresponse_bounds(row, least=1, most=4, threshold=2.5).iloc[0]
    for extreme, name in ((1, "lowest"), (4, "highest")):
        assert np.where(answered, everybody, extreme).mean() == pytest.approx(found[name])
    filled = np.where(answered, everybody, found["tipping_point"])
    assert filled.mean() == pytest.approx(2.5)
    assert found["can_tip"]
    assert found["lowest_limit"] < found["lowest"] <= everybody.mean() <= found["highest"] < found["highest_limit"]


def test_tipping_points():
    row = {"conf_low": 0.5, "conf_high": 0.9}
    rows = pd.DataFrame([{"estimate": 0.7, "response_rate": r, **row} for r in (0.5, 0.9, 1.0)])
    found = nonresponse_bounds(rows, threshold=0.5)
    assert list(found["can_tip"]) == [True, False, False]
    assert found["tipping_point"][0] == pytest.approx(0.3)
    assert np.isnan(found["tipping_point"][2])
    assert found["lowest"][2] == found["highest"][2] == 0.7


def test_equivalence_agrees_with_r():
    r = R["equivalence"]
    row = coefficient(r["estimate"], r["std_error"], r["df"])
    assert equivalence(row, smallest=1)["p_equivalence"][0] == pytest.approx(r["p_1"], rel=1e-10)
    found = equivalence(row, smallest=3).iloc[0]
    assert found["p_equivalence"] == pytest.approx(r["p_3"], rel=1e-10)
    assert [found["equivalence_low"], found["equivalence_high"]] == pytest.approx(r["limits_90"], rel=1e-10)


@pytest.mark.parametrize(
    ("estimate", "std_error", "conclusion"),
    [
        (0.0, 0.02, EQUIVALENT),
        (0.05, 0.02, EQUIVALENT),  # significantly different from zero and still too small to matter
        (0.0, 0.08, UNDECIDED),
        (0.12, 0.02, UNDECIDED),
        (0.2, 0.02, BEYOND),
        (-0.2, 0.02, BEYOND),
        (np.nan, 0.02, ""),
    ],
)
def test_conclusions(estimate, std_error, conclusion):
    assert equivalence(coefficient(estimate, std_error, 100), smallest=0.1)["conclusion"][0] == conclusion


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda row: e_values(row.assign(estimate=-1.0), scale="ratio"), "above zero"),
        (lambda row: e_values(row.drop(columns="conf_low"), scale="ratio"), "need the columns"),
        (lambda row: equivalence(row.assign(degrees_of_freedom=9), smallest=0), "above zero"),
        (lambda row: nonresponse_bounds(row.assign(response_rate=0.0)), "response rate"),
        (lambda row: nonresponse_bounds(row.assign(response_rate=45.0)), "response rate"),
    ],
)
def test_what_cannot_be_meant_is_an_error(call, said):
    row = pd.DataFrame({"estimate": [0.5], "std_error": [0.1], "conf_low": [0.3], "conf_high": [0.7]})
    with pytest.raises(WorkbenchError, match=said):
        call(row)
