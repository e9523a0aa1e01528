"""Contextual effects against R `lavaan` and `lme4`, and against what was planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.contextual import (
    CORRECTED,
    HALVES,
    LATENT,
    MANIFEST,
    NO_COMMON,
    NO_LATENT,
    SAME,
    UNSTABLE,
    contextual_effects,
    split_halves,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity"
R = json.loads((REFERENCE / "expected.json").read_text())["contextual"]


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "contextual.csv")


def of(found, method: str) -> pd.DataFrame:
    return found.effects[found.effects["method"] == method].set_index("effect")


@pytest.mark.parametrize(("covariates", "suffix"), [([], ""), (["z"], "_adjusted")])
def test_agrees_with_r(students, covariates, suffix):
    found = contextual_effects(students, outcome="y", exposure="x", covariates=covariates, school="school")
    assert (found.n, found.schools) == (len(students), 60)
    manifest, latent = of(found, MANIFEST), of(found, LATENT)
    r = R[f"manifest{suffix}"]
    assert list(manifest["estimate"]) == pytest.approx(r["estimates"], rel=1e-7)
    assert list(manifest["std_error"]) == pytest.approx(r["std_errors"], rel=1e-6)
    r = R[f"latent{suffix}"]
    # lavaan's EM ends at a slope of 1e-7 and not at zero: its effects are known to about 1e-6.
    assert list(latent["estimate"]) == pytest.approx(r["estimates"], rel=2e-6)
    assert list(latent["std_error"]) == pytest.approx(r["std_errors"], rel=1e-6)
    assert (found.effects["note"] == "").all()


def district(seed: int, *, schools: int, size: int, icc: float, contextual: float, mood: float = 0.0) -> pd.DataFrame:
    """Students whose exposure has the given ICC; mood is in both of a student's answers."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), size)
    level = rng.normal(0, np.sqrt(icc), schools)[school]
    own, feeling = rng.normal(0, np.sqrt(1 - icc), len(school)), mood * rng.normal(size=len(school))
    y = 0.2 * own + (0.2 + contextual) * level + rng.normal(0, 0.3, schools)[school] + rng.normal(size=len(school))
    return pd.DataFrame({"school_id": school, "x": level + own + feeling, "y": y + feeling})


def test_the_latent_effect_is_what_was_planted_and_the_manifest_falls_short_by_the_reliability():
    """1,000 schools of 10 with ICC(1) 0.1: ICC(2) = 10 * 0.1 / (1 + 9 * 0.1) = 0.526."""
    data = district(1, schools=1000, size=10, icc=0.1, contextual=0.6)
    found = contextual_effects(data, outcome="y", exposure="x")
    latent, manifest = of(found, LATENT).loc["contextual"], of(found, MANIFEST).loc["contextual"]
    assert found.icc2.estimate == pytest.approx(0.526, abs=0.05)
    assert latent["conf_low"] < 0.6 < latent["conf_high"]
    assert manifest["conf_high"] < 0.6
    assert manifest["estimate"] == pytest.approx(found.icc2.estimate * latent["estimate"], rel=0.01)
    assert of(found, LATENT).loc["within", "estimate"] == pytest.approx(0.2, abs=0.04)


def test_latent_intervals_hold_what_was_planted():
    """Of 60 samples 95 % would be missed by more than 7 once in 100 times."""
    held = 0
    for seed in range(60):
        data = district(seed, schools=80, size=12, icc=0.2, contextual=0.5)
        latent = of(contextual_effects(data, outcome="y", exposure="x"), LATENT).loc["contextual"]
        held += latent["conf_low"] <= 0.5 <= latent["conf_high"]
    assert held >= 53


def test_units_carry_over(students):
    found = contextual_effects(students, outcome="y", exposure="x", school="school").effects
    other = students.assign(x=1000 * students["x"] + 5, y=students["y"] * 10)
    scaled = contextual_effects(other, outcome="y", exposure="x", school="school").effects
    for column in ("estimate", "std_error"):
        assert list(scaled[column] * 100) == pytest.approx(list(found[column]), rel=1e-6)


def test_what_students_do_not_agree_on_has_no_latent_effect():
    data = district(3, schools=40, size=10, icc=0.0, contextual=0.0)
    data["x"] -= data.groupby("school_id")["x"].transform("mean") * 0.9
    found = contextual_effects(data, outcome="y", exposure="x")
    latent = of(found, LATENT)
    assert latent["estimate"].isna().all() and (latent["note"] == NO_LATENT).all()
    assert of(found, MANIFEST)["estimate"].notna().all()
    halves = split_halves(data, outcome="y", exposure="x", seed=1, splits=20, draws=100).set_index("method")
    assert np.isnan(halves.loc[CORRECTED, "conf_low"]) and halves.loc[CORRECTED, "note"] == NO_COMMON


def test_few_schools_are_warned_of(students):
    few = students[students["school"] <= 20]
    found = contextual_effects(few, outcome="y", exposure="x", school="school")
    assert (of(found, LATENT)["note"] == UNSTABLE).all()
    assert (of(found, MANIFEST)["note"] == "").all()


def test_a_mood_common_to_both_answers_is_in_the_same_students_and_not_in_halves():
    """No effect of schools; x and y share a mood. With 8 students a school the means share an eighth of it."""
    data = district(4, schools=400, size=8, icc=0.3, contextual=-0.2, mood=1.0)
    found = split_halves(data, outcome="y", exposure="x", seed=1, splits=30, draws=300).set_index("method")
    assert found.loc[SAME, "conf_low"] > 0
    for method in (HALVES, CORRECTED):
        assert found.loc[method, "conf_low"] < 0 < found.loc[method, "conf_high"]


def test_corrected_halves_find_the_slope_between_schools():
    data = district(5, schools=1000, size=10, icc=0.2, contextual=0.5, mood=0.5)
    found = split_halves(data, outcome="y", exposure="x", seed=1, splits=30, draws=300).set_index("method")
    assert found.loc[CORRECTED, "conf_low"] < 0.7 < found.loc[CORRECTED, "conf_high"]
    assert found.loc[CORRECTED, "conf_high"] - found.loc[CORRECTED, "conf_low"] < 0.4
    assert found.loc[HALVES, "conf_high"] < 0.7  # half a school's mean is not the school


def test_the_same_seed_gives_the_same_numbers(students):
    about = {"outcome": "y", "exposure": "x", "school": "school", "splits": 10, "draws": 50}
    first, again, other = (split_halves(students, seed=seed, **about) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["estimate"][1:], other["estimate"][1:])
    assert first["estimate"][0] == other["estimate"][0]
    means = students.groupby("school")[["x", "y"]].mean()
    assert first["estimate"][0] == pytest.approx(np.polyfit(means["x"], means["y"], 1)[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [({"school": lambda d: d["school"] % 5}, "fewer than 10 schools"), ({"x": lambda d: d["school"]}, "the same for")],
)
def test_what_cannot_be_fitted_is_an_error(students, change, said):
    with pytest.raises(WorkbenchError, match=said):
        contextual_effects(students.assign(**change), outcome="y", exposure="x", school="school")
