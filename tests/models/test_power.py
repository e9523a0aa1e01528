"""Power against R, against the model itself, and where it must say that it cannot tell."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.multilevel import fit_within_between
from sro_research.models.power import (
    Design,
    Power,
    Supposed,
    answer,
    assumed_design,
    observed_design,
    power,
    power_of,
    report,
    smallest_effect,
    standard_errors,
)

FOLDER = Path(__file__).parent.parent / "reference" / "panel"
EXPOSURE = "outreach_hours_per_100_students"


@pytest.fixture(scope="module")
def r() -> dict:
    return json.loads((FOLDER / "expected.json").read_text())["power"]


@pytest.fixture(scope="module")
def design(r) -> Design:
    cells = pd.read_csv(FOLDER / "design.csv", dtype={"school_id": "string", "wave": "string"})
    between = cells.groupby("school_id")["exposure"].transform("mean")
    cells = cells.assign(between=between, within=cells["exposure"] - between)
    return Design(cells, r["sd_school"], r["sd_school_wave"], r["sd_person"])


def test_errors_and_power_by_formula(r, design):
    within, between = standard_errors(design)
    assert (within, between) == pytest.approx((r["se_within"], r["se_between"]), rel=1e-9)
    assert design.df == r["df"]
    assert power_of(0.02, within, design.df) == pytest.approx(r["power_at_0.02"], rel=1e-9)
    assert smallest_effect(within, design.df) == pytest.approx(r["smallest_effect"], rel=1e-9)


def test_two_waves_are_a_t_test_of_changes(r):
    two = r["two_waves"]
    schools = 2 * two["half"]
    change = np.repeat([2.0, 0.0], two["half"])
    cells = pd.DataFrame(
        {
            "school_id": np.repeat([f"{j:02d}" for j in range(schools)], 2),
            "wave": ["1", "2"] * schools,
            "answers": two["answers"],
            "within": np.outer(change, [-0.5, 0.5]).ravel(),
            "between": np.repeat(np.random.default_rng(1).normal(size=schools), 2),
        }
    )
    design = Design(cells, r["sd_school"], r["sd_school_wave"], r["sd_person"])
    error = standard_errors(design)[0]
    assert power_of(0.05, error, design.df) == pytest.approx(two["power_at_0.05"], rel=1e-9)
    assert smallest_effect(error, design.df) == pytest.approx(two["smallest_effect"], rel=1e-9)


def test_simulation_agrees_with_the_formula_and_keeps_its_level(design):
    found = power(design, effect=0.02)
    # Variances estimated from 34 means cost little power here; 400 draws know 83 % to 4 points.
    assert found.simulated == pytest.approx(found.by_formula, abs=0.05)
    assert found.smallest == pytest.approx(found.smallest_by_formula, rel=0.08)
    assert 0.015 <= found.false_alarms <= 0.08
    assert found.low < found.simulated < found.high


def test_a_large_design_is_told_by_formula():
    found = power(
        assumed_design(schools=2000, waves=3, answers=50, exposure_sd=5, sd_person=0.5, icc=0.07), effect=0.0005
    )
    assert found.draws == 0 and found.simulated == found.by_formula


def test_variances_are_those_of_the_model(district_scores, district_schools):
    design = observed_design(district_scores, district_schools[EXPOSURE])
    fit = fit_within_between(district_scores, district_schools[EXPOSURE])
    # The model estimates the variance of people with the others; here it is the pooled one: a thousandth apart.
    assert design.sd_person == pytest.approx(fit.sd_residual, rel=2e-3)
    assert design.sd_school == pytest.approx(fit.sd_school, rel=5e-3)
    assert design.sd_school_wave == pytest.approx(fit.sd_school_wave, rel=3e-2)
    within = fit.effects.loc["within"]
    # Its error also has Kenward & Roger's correction for estimated variances.
    assert standard_errors(design)[0] == pytest.approx(within["std_error"], rel=2e-2)
    assert design.df == pytest.approx(within["df"], abs=0.5)


def test_the_exposure_counts_in_the_waves_in_which_a_school_answered(district_scores, district_schools):
    part = district_scores[(district_scores["wave"] != "2023") | (district_scores["school_id"] > "0206")]
    design, model = (
        observed_design(part, district_schools[EXPOSURE]),
        fit_within_between(part, district_schools[EXPOSURE]),
    )
    assert 0 < len(part) < len(district_scores)
    assert standard_errors(design)[0] == pytest.approx(model.effects.loc["within", "std_error"], rel=3e-2)


def test_the_answer_depends_on_every_design_that_may_be_true():
    def of(low: float, high: float) -> Power:
        return Power(1, 1, (low + high) / 2, low, high, 0.8, 0.05, 400)

    assert answer([of(0.85, 0.9), of(0.81, 0.88)]) == "it can be seen"
    assert answer([of(0.5, 0.6), of(0.7, 0.79)]) == "it cannot be seen with this design"
    assert answer([of(0.5, 0.6), of(0.85, 0.9)]).startswith("can't tell")
    assert answer([of(0.78, 0.84)]).startswith("can't tell")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s, e: (s[s["school_id"] < "0110"], e), "fewer than 10 schools"),
        (lambda s, e: (s[s["wave"] == "2025"], e), "one wave only"),
        (lambda s, e: (s, e * 0 + 1), "does not change"),
        (lambda s, e: (s[(s["wave"] == "2025") | (s["school_id"] == "0101")], e), "more than one wave"),
        (lambda s, e: (s.drop_duplicates(["school_id", "wave"]), e), "two answers"),
    ],
)
def test_what_cannot_be_told_says_why(district_scores, district_schools, change, reason):
    seen = change(district_scores, district_schools[EXPOSURE])
    (line,) = report(seen, supposed=Supposed(), waves=3, score_range=3, effect=0.05, per=10)
    assert "can't tell (" in line and reason in line
