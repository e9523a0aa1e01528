"""The cumulative-logit mixed model against R `ordinal`, against itself in other units, and against planted truth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.ordinal import BOUNDARY, fit_ordinal, predicted_shares, share_changes

REFERENCE = Path(__file__).parents[1] / "reference" / "ordinal"
R = json.loads((REFERENCE / "expected.json").read_text())
TERMS = ["hours", "grade", "girl"]
COVARIATES = {"wine": ["temp_warm", "contact_yes"], "schools": TERMS}
PROFILES = pd.DataFrame({"hours": [0.0, 1.0], "grade": [7, 7], "girl": [0, 1]})


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv")


def fitted(name: str):
    return fit_ordinal(read(name), outcome="y", covariates=COVARIATES[name], school="school")


@pytest.fixture(scope="module")
def schools():
    return fitted("schools")


@pytest.mark.parametrize("name", COVARIATES)
def test_agrees_with_clmm(name):
    fit, r = fitted(name), R[name]
    found = [*fit.thresholds["estimate"], *fit.coefficients["estimate"], fit.sd_school]
    assert fit.n == r["n"]
    assert not fit.boundary
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], abs=1e-8)
    assert found == pytest.approx(r["top"], abs=1e-7)
    # clmm itself stops a little before the top, where it also takes its standard errors.
    assert found == pytest.approx([*r["thresholds"], *r["coefficients"], r["sd_school"]], abs=1e-5)
    assert [*fit.thresholds["std_error"], *fit.coefficients["std_error"]] == pytest.approx(r["std_errors"], rel=3e-5)
    assert np.sqrt(fit.covariance[-1, -1]) / fit.sd_school == pytest.approx(r["se_log_sd"], rel=1e-5)


def test_schools_that_do_not_differ_are_said_to_and_the_rest_is_clm():
    fit, r = fit_ordinal(read("alike"), outcome="y", covariates=TERMS, school="school"), R["alike"]
    assert fit.boundary and fit.sd_school == 0 and fit.icc == 0 and BOUNDARY in fit.note
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], rel=1e-10)
    assert [*fit.thresholds["estimate"], *fit.coefficients["estimate"]] == pytest.approx(
        [*r["thresholds"], *r["coefficients"]], rel=1e-6
    )
    assert [*fit.thresholds["std_error"], *fit.coefficients["std_error"]] == pytest.approx(r["std_errors"], rel=1e-6)
    assert predicted_shares(fit, PROFILES)["std_error"].gt(0).all()


def test_shares_are_averaged_over_schools_as_r_integrates_them(schools):
    shares = predicted_shares(schools, PROFILES)
    r = [*R["schools"]["shares_first"], *R["schools"]["shares_second"]]
    assert list(shares["estimate"]) == pytest.approx(r, abs=1e-7)
    assert list(shares["category"]) == [1, 2, 3, 4] * 2
    assert ((shares["conf_low"] > 0) & (shares["conf_low"] < shares["estimate"])).all()
    assert ((shares["estimate"] < shares["conf_high"]) & (shares["conf_high"] < 1)).all()


def moved(fit, parameters: np.ndarray):
    """Return the fit with other thresholds, coefficients and spread."""
    k, p = len(fit.thresholds), len(fit.coefficients)
    return replace(
        fit,
        thresholds=fit.thresholds.assign(estimate=parameters[:k]),
        coefficients=fit.coefficients.assign(estimate=parameters[k : k + p]),
        sd_school=float(parameters[-1]),
    )


def test_errors_of_shares_are_their_spread_when_parameters_are_drawn(schools):
    at = np.array([*schools.thresholds["estimate"], *schools.coefficients["estimate"], schools.sd_school])
    # Small draws, so that shares are straight lines in the parameters.
    draws = np.random.default_rng(1).multivariate_normal(at, schools.covariance * 1e-4, 600)
    before, after = PROFILES.iloc[[0]], PROFILES.iloc[[1]]
    spread = np.std([predicted_shares(moved(schools, d), before)["estimate"] for d in draws], axis=0) * 100
    assert list(predicted_shares(schools, before)["std_error"]) == pytest.approx(list(spread), rel=0.12)
    changes = [share_changes(moved(schools, d), before=before, after=after)["estimate"] for d in draws]
    found = share_changes(schools, before=before, after=after)
    assert list(found["std_error"]) == pytest.approx(list(np.std(changes, axis=0) * 100), rel=0.12)


def test_changes_are_differences_of_shares_and_cancel(schools):
    shares = predicted_shares(schools, PROFILES)["estimate"].to_numpy()
    found = share_changes(schools, before=PROFILES.iloc[[0]], after=PROFILES.iloc[[1]])
    assert list(found["estimate"]) == pytest.approx(list(shares[4:] - shares[:4]), abs=1e-12)
    assert found["estimate"].sum() == pytest.approx(0, abs=1e-12)
    assert found["estimate"].iloc[-1] > 0  # more hours and girl: both push upwards here


def test_units_of_covariates_and_codes_of_answers_do_not_matter(schools):
    data = read("schools")
    other = data.assign(
        grade=data["grade"] * 1000 + 50_000, y=data["y"] * 10 - 3, school="s" + data["school"].astype(str)
    )
    found = fit_ordinal(other.sample(frac=1, random_state=1), outcome="y", covariates=TERMS, school="school")
    assert found.categories == (7, 17, 27, 37)
    assert found.log_likelihood == pytest.approx(schools.log_likelihood, rel=1e-12)
    assert list(found.coefficients["estimate"] * [1, 1000, 1]) == pytest.approx(
        list(schools.coefficients["estimate"]), rel=1e-7
    )
    assert list(found.coefficients["std_error"] * [1, 1000, 1]) == pytest.approx(
        list(schools.coefficients["std_error"]), rel=1e-6
    )


def test_an_answer_turned_around_turns_the_signs(schools):
    found = fit_ordinal(read("schools").assign(y=lambda d: 5 - d["y"]), outcome="y", covariates=TERMS, school="school")
    assert list(found.coefficients["estimate"]) == pytest.approx(list(-schools.coefficients["estimate"]), abs=1e-8)
    assert list(found.thresholds["estimate"]) == pytest.approx(list(-schools.thresholds["estimate"][::-1]), abs=1e-7)


def district(rng: np.random.Generator, *, schools: int, size: int, spread: float = 0.8) -> pd.DataFrame:
    school = np.repeat(np.arange(schools), size)
    hours = rng.normal(size=schools)[school]
    age = rng.integers(0, 3, len(school))
    latent = 0.5 * hours - 0.3 * age + spread * rng.normal(size=schools)[school] + rng.logistic(size=len(school))
    return pd.DataFrame({"school_id": school, "hours": hours, "age": age, "y": np.digitize(latent, [-1.0, 0.5, 2.0])})


def test_the_truth_is_found_in_a_state():
    data = district(np.random.default_rng(2), schools=300, size=50)
    fit = fit_ordinal(data, outcome="y", covariates=["hours", "age"])
    table = fit.coefficients.set_index("term")
    assert abs(table.loc["hours", "estimate"] - 0.5) < 3 * table.loc["hours", "std_error"]
    assert abs(table.loc["age", "estimate"] + 0.3) < 3 * table.loc["age", "std_error"]
    assert fit.sd_school == pytest.approx(0.8, abs=0.12)
    assert table.loc["hours", "odds_ratio"] == np.exp(table.loc["hours", "estimate"])
    shares = predicted_shares(fit, data[["hours", "age"]])
    expected = shares.groupby("category")["estimate"].mean()
    assert list(expected) == pytest.approx(list(data["y"].value_counts(normalize=True).sort_index()), abs=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Of 40 samples 95 % would be missed by more than 6 once in 100 times."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(40):
        fit = fit_ordinal(district(rng, schools=40, size=20), outcome="y", covariates=["hours", "age"])
        row = fit.coefficients.iloc[0]
        held += row["conf_low"] <= 0.5 <= row["conf_high"]
    assert held >= 34


def test_blanks_are_left_out_and_few_schools_are_said():
    data = district(np.random.default_rng(4), schools=6, size=40).astype(float)
    whole = fit_ordinal(data, outcome="y", covariates=["age"])
    extra = data.iloc[[0, 1, 2]].assign(y=[np.nan, 1, 1], age=[1, np.nan, 1], school_id=[0, 0, np.nan])
    found = fit_ordinal(pd.concat([data, extra]), outcome="y", covariates=["age"])
    assert found.n == whole.n == 240
    assert found.log_likelihood == whole.log_likelihood
    assert "few schools" in found.note


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": 2}, "same answer"),
        ({"y": lambda d: d["y"] + 0.5}, "whole codes"),
        ({"hours": np.inf}, "whole codes"),
        ({"school_id": 1}, "no two schools"),
        ({"age": 1}, "constant or follows"),
        ({"age": lambda d: 2 * d["hours"] - 1}, "constant or follows"),
        ({"age": lambda d: d["y"] >= 2}, "do not determine"),
    ],
)
def test_what_cannot_be_fitted_is_an_error_with_a_way_out(change, said):
    data = district(np.random.default_rng(5), schools=12, size=20).assign(**change)
    with pytest.raises(WorkbenchError, match=said):
        fit_ordinal(data, outcome="y", covariates=["hours", "age"])
