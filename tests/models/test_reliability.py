"""Reliability on a real survey against R `psych`, `factanal` and `aov`; other witnesses where the data are absent."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from sro_research.models.reliability import (
    alpha,
    omega_total,
    one_factor_uniqueness,
    reliability_estimates,
    school_reliability,
)

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


def with_correlations(r: np.ndarray, scale: np.ndarray, n: int = 50) -> pd.DataFrame:
    """Return n answers whose sample correlations are exactly `r`, with standard deviations `scale`."""
    draw = np.random.default_rng(3).normal(size=(n, len(r)))
    plain = np.linalg.qr(draw - draw.mean(axis=0))[0] * np.sqrt(n - 1)
    return pd.DataFrame(plain @ np.linalg.cholesky(r).T * scale)


def test_omega_of_three_items_is_exact():
    """Three correlations give three loadings: l1^2 = r12 r13 / r23, and so on."""
    r = np.array([[1, 0.56, 0.40], [0.56, 1, 0.35], [0.40, 0.35, 1]])
    scale = np.array([1.0, 2.0, 0.5])
    loadings = np.array([0.8, 0.7, 0.5])  # 0.8 * 0.7 = 0.56, and so on
    common, unique = (loadings * scale).sum() ** 2, ((1 - loadings**2) * scale**2).sum()
    assert omega_total(with_correlations(r, scale)) == pytest.approx(common / (common + unique), abs=1e-6)


def test_omega_turns_with_an_item_that_points_the_other_way():
    loadings = np.array([0.8, 0.7, 0.5, -0.6])
    r = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    common = loadings.sum() ** 2
    found = omega_total(with_correlations(r, np.ones(4)))
    assert found == pytest.approx(common / (common + (1 - loadings**2).sum()), abs=1e-6)


def test_a_factor_model_that_has_no_proper_solution_says_so(answers):
    """Identical items have no likelihood; r12 r13 > r23 would need a negative uniqueness (Heywood)."""
    heywood = with_correlations(np.array([[1, 0.8, 0.8], [0.8, 1, 0.4], [0.8, 0.4, 1]]), np.ones(3), 200)
    for items in (pd.DataFrame(dict.fromkeys("abcd", answers["a"])), heywood):
        assert np.isnan(omega_total(items))
        scores = pd.DataFrame({"construct": "c", "score": items.mean(axis=1), "school_id": "a"})
        table = reliability_estimates({"c": items}, scores, population="student", wave="1").set_index("measure")
        assert table.loc["omega_total", "note"] == "the factor model did not converge"
        assert table.loc["alpha", "note"] == ""


def test_weak_loadings_in_small_samples_are_at_the_optimum_or_missing(recwarn):
    """Where there is a solution, the fitted correlations of each item with the rest meet the observed ones."""
    rng, found = np.random.default_rng(11), 0
    for _ in range(60):
        items = 0.35 * rng.normal(size=(40, 1)) + rng.normal(size=(40, 5))
        r = np.corrcoef(items, rowvar=False)
        psi = one_factor_uniqueness(r)
        if psi is None:
            continue
        found += 1
        values, vectors = np.linalg.eigh(r / np.sqrt(np.outer(psi, psi)))
        loadings = np.sqrt(psi) * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0))
        free = psi < 1
        # At the maximum, loadings^2 + uniqueness is the variance of every item (Joreskog 1967).
        assert (loadings**2 + psi)[free] == pytest.approx(1, abs=1e-4)
    assert found > 20 and not recwarn.list


def test_icc_by_hand():
    """Schools (1, 2, 3) and (3, 5, 7): squares between 13.5 on 1, within 2 + 8 on 4, so 13.5 and 2.5."""
    scores, schools = pd.Series([1.0, 2, 3, 3, 5, 7]), pd.Series(list("aaabbb"))
    icc1, icc2 = school_reliability(scores, schools)
    assert icc1 == pytest.approx((13.5 - 2.5) / (13.5 + 2 * 2.5))
    assert icc2 == pytest.approx((13.5 - 2.5) / 13.5)


@pytest.mark.parametrize(
    ("score", "notes"),
    [
        ([3.0] * 6, ["all answers are equal"] * 4),
        ([1.0, 2, 3, 1, 2, 3], ["", "the factor model did not converge", "", "the schools do not differ at all"]),
    ],
)
def test_nothing_that_differs_says_so(score, notes):
    scores = pd.DataFrame({"construct": "c", "score": score, "school_id": list("aaabbb")})
    items = pd.DataFrame(dict.fromkeys("pqr", score))
    table = reliability_estimates({"c": items}, scores, population="student", wave="1")
    assert table["note"].tolist() == notes


def test_what_cannot_be_estimated_says_so():
    scores = pd.DataFrame({"construct": "c", "score": [1.0, 2.0], "school_id": ["a", "a"]})
    table = reliability_estimates({"c": pd.DataFrame({"q": [1.0, 2.0]})}, scores, population="student", wave="1")
    assert (table["status"] == "not_estimable").all()
    assert (table["note"] == "too few items, answers or schools").all()


def test_schools_that_do_not_differ_have_a_negative_icc():
    icc1, icc2 = school_reliability(pd.Series([1.0, 3.0, 1.0, 3.1]), pd.Series(["a", "a", "b", "b"]))
    assert icc1 < 0 and icc2 < 0
