"""Shrunken school means against formulas in R and `lme4`, and the coverage of their limits by simulation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.sampling import DesignError
from sro_research.models.shrinkage import between_variance, shrink

SURVEY = Path(__file__).parents[1] / "reference" / "survey"
R = json.loads((SURVEY / "expected.json").read_text())["small_areas"]
AREAS = pd.read_csv(SURVEY / "areas.csv").assign(std_error=lambda t: np.sqrt(t["variance"]))


@pytest.mark.parametrize(("name", "covariates"), [("plain", []), ("meals", ["meals"])])
def test_agrees_with_formulas_in_r(name: str, covariates: list[str]) -> None:
    found, r = shrink(AREAS, covariates=covariates), R[name]
    assert found.tau2 == pytest.approx(r["tau2"], rel=1e-8)
    assert np.atleast_1d(r["coefficients"]).tolist() == pytest.approx(found.coefficients.tolist(), rel=1e-8)
    assert found.rows["estimate"].tolist() == pytest.approx(r["estimate"], rel=1e-9)
    assert (found.rows["std_error"] ** 2).tolist() == pytest.approx(r["mse"], rel=1e-8)
    assert found.rows["own_estimate"].tolist() == AREAS["estimate"].tolist()


def test_agrees_with_lme4_where_data_are_balanced() -> None:
    r = R["lme4"]
    rows = pd.DataFrame({"estimate": r["means"], "std_error": np.sqrt(r["variance"])})
    found = shrink(rows)
    # lme4's search ends within 1e-7 of the optimum.
    assert found.tau2 == pytest.approx(r["tau2"], rel=1e-6)
    assert found.rows["estimate"].tolist() == pytest.approx(r["estimate"], rel=1e-7)


def test_limits_with_tau2_known_are_those_of_a_normal_mean() -> None:
    """With very many schools tau2 and b are known: limits of estimate -+ 1.96 sqrt(tau2 D / (tau2 + D))."""
    rng = np.random.default_rng(4)
    y = rng.normal(0, np.sqrt(2), 3000)
    found = shrink(pd.DataFrame({"estimate": y, "std_error": 1.0}))
    half = 1.959964 * np.sqrt(found.tau2 / (1 + found.tau2))
    width = (found.rows["conf_high"] - found.rows["conf_low"]) / 2
    # What is left of not knowing tau2 among 3,000 schools is below a hundredth.
    assert width.tolist() == pytest.approx([half] * 3000, rel=0.01)


def test_schools_that_do_not_differ_have_one_mean() -> None:
    rows = pd.DataFrame({"estimate": [1.0, 1.1, 0.9, 1.05, 0.95, 1.0], "std_error": [0.5, 0.4, 0.5, 0.3, 0.6, 0.5]})
    found = shrink(rows)
    assert found.tau2 == 0
    mean = np.average(rows["estimate"], weights=rows["std_error"] ** -2)
    assert found.rows["estimate"].tolist() == pytest.approx([mean] * 6)
    assert (found.rows["std_error"] > 0).all() and (found.rows["conf_low"] < found.rows["conf_high"]).all()


def test_a_school_asked_as_a_whole_keeps_its_mean() -> None:
    rows = pd.DataFrame({"estimate": [1.0, 2.0, 3.0, 2.5, 1.5, 4.0], "std_error": [0.0, 0.5, 0.5, 0.5, 0.5, 0.5]})
    found = shrink(rows).rows
    assert found.loc[0, "estimate"] == 1 and found.loc[0, "std_error"] == 0 and found.loc[0, "weight_of_own"] == 1
    assert [found.loc[0, "conf_low"], found.loc[0, "conf_high"]] == pytest.approx([1, 1], abs=1e-9)
    assert 2 < found.loc[1, "estimate"] < found["own_estimate"].mean()
    alike = shrink(rows.assign(estimate=2.0, std_error=0.0)).rows
    assert alike["estimate"].tolist() == [2.0] * 6


def test_what_cannot_be_shrunken_says_so() -> None:
    rows = pd.DataFrame({"estimate": [1.0, 2, 3, 2.5, 1.5, 4], "std_error": [np.nan, 0.5, 0.5, 0.5, 0.5, 0.5]})
    found = shrink(rows).rows
    assert found.loc[0, "note"] == "the school's mean has no standard error" and pd.isna(found.loc[0, "estimate"])
    assert found.loc[1:, "note"].tolist() == [""] * 5
    few = shrink(rows[:5])
    assert few.rows["estimate"].isna().all() and np.isnan(few.tau2)
    assert few.rows.loc[1, "note"] == "too few schools to draw a mean towards them"
    with pytest.raises(DesignError, match="sum of others"):
        shrink(AREAS.assign(one=1.0), covariates=["one"])
    with pytest.raises(DesignError, match=r"a school has none .1 row."):
        shrink(AREAS.assign(meals=AREAS["meals"].where(AREAS.index > 0)), covariates=["meals"])


def test_between_variance_is_at_the_top_of_its_likelihood() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        d = rng.uniform(0.05, 3, 9)
        y, x = rng.normal(0, np.sqrt(d + rng.choice([0.0, 0.3, 5.0]))), np.ones((9, 1))

        def deviance(t: float, y: np.ndarray = y, d: np.ndarray = d) -> float:
            w = 1 / (t + d)
            return np.log(t + d).sum() + np.log(w.sum()) + (w * (y - (w * y).sum() / w.sum()) ** 2).sum()

        t = between_variance(y, d, x)
        assert deviance(t) <= min(deviance(s) for s in np.linspace(0, 30, 3001)) + 1e-9


@pytest.mark.parametrize(("schools", "times"), [(5, 160), (12, 80), (50, 25)])
@pytest.mark.parametrize("tau", [0.5, 1.5])
def test_limits_cover(schools: int, times: int, tau: float) -> None:
    """95 % limits hold the truth in 95 % of schools, less two Monte-Carlo errors, and are shorter than schools' own.

    D from 0.3 to 2. Schools of one district share its tau2, so the error is taken over districts.
    """
    rng = np.random.default_rng(8)
    held, width = [], []
    for _ in range(times):
        d, truth = rng.uniform(0.3, 2, schools), rng.normal(0, tau, schools)
        rows = pd.DataFrame({"estimate": truth + rng.normal(0, np.sqrt(d)), "std_error": np.sqrt(d)})
        found = shrink(rows).rows
        held.append(((found["conf_low"] <= truth) & (truth <= found["conf_high"])).mean())
        width.append((found["conf_high"] - found["conf_low"]).mean() / (2 * 1.96 * np.sqrt(d).mean()))
    assert np.mean(held) >= 0.95 - 2 * np.std(held) / np.sqrt(times)
    assert np.mean(width) < 1
