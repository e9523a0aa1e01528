"""Reliability on a real survey against R `psych`, `factanal` and `aov`; other witnesses where the data are absent."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from sro_research.models.reliability import alpha, omega_total, reliability_estimates, school_reliability

LQ2002 = Path(__file__).parents[1] / "reference" / "lq2002" / "expected.json"
DATA = Path(__file__).parents[3] / "shared" / "data" / "lq2002" / "lq2002.csv"
SCALES = json.loads(LQ2002.read_text())["scales"]


@pytest.fixture(scope="module")
def soldiers() -> pd.DataFrame:
    if not DATA.is_file():
        pytest.skip("the real survey lq2002.csv is not beside the project (shared/data/lq2002)")
    return pd.read_csv(DATA)


@pytest.mark.parametrize("scale", SCALES)
def test_agrees_with_r(soldiers, scale):
    r = SCALES[scale]
    items = soldiers[r["items"]].astype(float)
    found = alpha(items)
    assert found.n == r["n"]
    assert [found.estimate, found.low, found.high] == pytest.approx(
        [r["alpha"], r["alpha_ci_low"], r["alpha_ci_high"]], rel=1e-9
    )
    # The optimiser of the factor model stops within 1e-7 of the optimum; statsmodels and R alike.
    assert omega_total(items) == pytest.approx(r["omega_covariance"], abs=1e-6)
    icc1, icc2 = school_reliability(items.mean(axis=1), soldiers["COMPID"])
    assert [icc1, icc2] == pytest.approx([r["icc1"], r["icc2"]], rel=1e-9)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    person = rng.normal(size=(300, 1))
    table = pd.DataFrame(np.rint(2.5 + 0.7 * person + rng.normal(0, 0.6, (300, 5))).clip(1, 4), columns=list("abcde"))
    return table.mask(rng.random(table.shape) < 0.05)


def test_alpha_uses_complete_respondents_only(answers):
    complete = answers.dropna()
    value, interval = pingouin.cronbach_alpha(complete)
    found = alpha(answers)
    assert found.n == len(complete) < len(answers)
    assert found.estimate == pytest.approx(value)
    # pingouin rounds its interval to three decimals.
    assert [found.low, found.high] == pytest.approx(interval, abs=5e-4)


def test_a_scale_of_identical_items_is_perfectly_reliable(answers):
    same = pd.DataFrame(dict.fromkeys("abc", answers["a"]))
    assert alpha(same).estimate == pytest.approx(1)


def test_what_cannot_be_estimated_says_so():
    scores = pd.DataFrame({"construct": "c", "score": [1.0, 2.0], "school_id": ["a", "a"]})
    table = reliability_estimates({"c": pd.DataFrame({"q": [1.0, 2.0]})}, scores, population="student", wave="1")
    assert (table["status"] == "not_estimable").all()
    assert (table["note"] == "too few items, answers or schools").all()


def test_schools_that_do_not_differ_have_a_negative_icc():
    icc1, icc2 = school_reliability(pd.Series([1.0, 3.0, 1.0, 3.1]), pd.Series(["a", "a", "b", "b"]))
    assert icc1 < 0 and icc2 < 0
