"""Reliability on a real survey against R `psych`, `factanal` and `aov`; other witnesses where the data are absent."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from sro_research.models.reliability import (
    alpha,
    alpha_of,
    general_loadings,
    mean_reliability,
    mean_reliability_estimates,
    omega_hierarchical,
    omega_total,
    one_factor_uniqueness,
    ordinal_alpha,
    reliability_estimates,
    school_reliability,
    school_reliability_intervals,
    structure_estimates,
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


PSYCH = Path(__file__).parents[1] / "reference" / "psych"
BY_PSYCH = json.loads((PSYCH / "expected.json").read_text())


@pytest.fixture(scope="module")
def keyed() -> pd.DataFrame:
    table = pd.read_csv(PSYCH / "bfi.csv").astype(float)
    table[BY_PSYCH["reversed"]] = 7 - table[BY_PSYCH["reversed"]]
    return table


@pytest.mark.parametrize("scale", BY_PSYCH["items"])
def test_alpha_and_ordinal_alpha_agree_with_r(keyed, scale):
    r, items = BY_PSYCH["items"][scale], keyed[BY_PSYCH["scales"][scale]]
    assert alpha(items).estimate == pytest.approx(r["alpha"], rel=1e-9)
    assert alpha_of(np.array(r["polychoric"])) == pytest.approx(r["alpha_of_polychoric"], rel=1e-9)
    found = ordinal_alpha(items)
    assert (found.n, found.note) == (r["n_complete"], "")
    # psych searches each correlation by `optimize`, which stops 1e-4 from the optimum at worst.
    assert found.estimate == pytest.approx(r["alpha_of_polychoric"], abs=2e-5)


def fifteen(keyed: pd.DataFrame) -> pd.DataFrame:
    items = keyed[[f"{letter}{i}" for letter in "CEN" for i in range(1, 6)]]
    return items.assign(**{f"N{i}": 7 - items[f"N{i}"] for i in range(1, 6)})


def test_omega_hierarchical_agrees_with_r(keyed):
    r, items = BY_PSYCH["omega"]["bfi"], fifteen(keyed)
    found = omega_hierarchical(items)
    assert (found.n, found.note) == (r["n"], "")
    assert found.estimate == pytest.approx(r["omega_h_covariance"], rel=1e-6)
    complete = items.dropna()
    standardized = omega_hierarchical((complete - complete.mean()) / complete.std()).estimate
    assert standardized == pytest.approx(r["omega_h"], rel=1e-6)
    # As psych stops, at its own tolerances.
    assert standardized == pytest.approx(r["omega_h_psych"], rel=1e-4)
    g, _ = general_loadings(np.corrcoef(complete.to_numpy(), rowvar=False))
    assert g * np.sign(g.sum()) == pytest.approx(r["g_loadings"], abs=1e-6)


def test_omega_hierarchical_of_thurstone_agrees_with_r():
    r = BY_PSYCH["omega"]["thurstone"]
    found = omega_hierarchical(with_correlations(np.array(r["correlations"]), np.ones(9)))
    assert found.estimate == pytest.approx(r["omega_h"], rel=1e-6)


def bifactor(second: np.ndarray) -> np.ndarray:
    """Return correlations of nine items, three of each of three factors whose correlations are `second`."""
    pattern = np.kron(np.eye(3), np.array([[0.8], [0.7], [0.6]]))
    r = pattern @ second @ pattern.T
    return r - np.diag(np.diag(r)) + np.eye(9)


def test_omega_hierarchical_of_known_factors():
    """Factors that correlate a_i a_j load a_i on the general one; item loadings are then products."""
    a = np.array([0.9, 0.7, 0.5])
    second = np.outer(a, a) - np.diag(a**2) + np.eye(3)
    r, g = bifactor(second), np.outer(a, [0.8, 0.7, 0.6]).ravel()
    scale = np.linspace(0.5, 2, 9)
    found = omega_hierarchical(with_correlations(r, scale))
    assert found.estimate == pytest.approx((g * scale).sum() ** 2 / (r * np.outer(scale, scale)).sum(), rel=1e-6)


@pytest.mark.parametrize("second", [(0.5, 0.5, 0.3), (0.6, 0.6, 0.4), (0.3, 0.3, 0.3)])
def test_factors_that_mirror_one_another_are_found(second):
    """Where two factors are alike, a search from varimax alone ends on a level point that is no minimum."""
    ab, ac, bc = second
    r = bifactor(np.array([[1, ab, ac], [ab, 1, bc], [ac, bc, 1]]))
    a = np.sqrt([ab * ac / bc, ab * bc / ac, ac * bc / ab])
    g, note = general_loadings(r)
    assert note == ""
    assert np.abs(g) == pytest.approx(np.outer(a, [0.8, 0.7, 0.6]).ravel(), abs=1e-6)


@pytest.mark.parametrize(
    ("items", "note"),
    [
        (with_correlations(bifactor(np.eye(3)), np.ones(9)).iloc[:, :5], "fewer than six items: no three factors"),
        (with_correlations(bifactor(np.eye(3)), np.ones(9)).iloc[:8], "too few items, answers or schools"),
        (
            with_correlations(bifactor(np.array([[1, 0.4, 0.4], [0.4, 1, -0.3], [0.4, -0.3, 1]])), np.ones(9)),
            "the three factors have no general factor in common",
        ),
        (
            with_correlations(bifactor(np.array([[1, 0.6, 0.6], [0.6, 1, 0.2], [0.6, 0.2, 1]])), np.ones(9)),
            "the three factors have no general factor in common",
        ),
        (
            with_correlations(bifactor(np.eye(3)), np.ones(9)).iloc[:, [*range(8), 0]],
            "the factor model did not converge",
        ),
        (with_correlations(bifactor(np.eye(3)), np.ones(9)).assign(a=1.0), "an item has the same answer from everyone"),
    ],
)
def test_omega_hierarchical_that_is_missing_says_why(items, note):
    found = omega_hierarchical(items)
    assert np.isnan(found.estimate) and found.note == note


@pytest.mark.parametrize("name", BY_PSYCH["groups"])
def test_groups_agree_with_r(name):
    r, table = BY_PSYCH["groups"][name], pd.read_csv(PSYCH / "groups.csv")
    of = table[table["set"] == name]
    icc1, icc2 = school_reliability_intervals(of["y"], of["group"])
    assert icc1.n == icc2.n == r["n"]
    assert [icc1.estimate, icc1.low, icc1.high] == pytest.approx([r["icc1"], r["icc1_low"], r["icc1_high"]], rel=1e-9)
    assert [icc2.estimate, icc2.low, icc2.high] == pytest.approx([r["icc2"], r["icc2_low"], r["icc2_high"]], rel=1e-9)
    means = mean_reliability(of["y"], of["group"])
    assert means["school_id"].tolist() == r["groups"] and means["n"].tolist() == r["sizes"]
    assert means["reliability"].tolist() == pytest.approx(r["reliability"], rel=1e-9)
    low = [value < 0.7 for value in r["reliability"]]
    assert [note.startswith("reliability below 0.70") for note in means["note"]] == low


@pytest.mark.parametrize("scale", SCALES)
def test_reliability_of_a_units_mean_agrees_with_r(soldiers, scale):
    """Spearman-Brown of ICC(1) at n0, stepped up to the unit's own n, is the same number."""
    r = SCALES[scale]
    found = mean_reliability(soldiers[r["items"]].mean(axis=1), soldiers["COMPID"].astype(str)).set_index("school_id")
    for unit, of in r["units"].items():
        n, icc = of["n"], r["icc1_n0"]
        assert found.loc[unit, "reliability"] == pytest.approx(n * icc / (1 + (n - 1) * icc), rel=1e-9)


def test_intervals_of_icc_cover_also_where_schools_are_of_unequal_size():
    """With the mean size in place of one size: of 300 intervals of 95 %, 91 to 98.5 % should hold the truth."""
    rng, held = np.random.default_rng(5), 0
    sizes = np.tile([5, 10, 20, 40], 8)
    schools = pd.Series(np.repeat(np.arange(len(sizes)), sizes))
    for _ in range(300):
        means = rng.normal(0, np.sqrt(0.1), len(sizes))
        icc1, _ = school_reliability_intervals(
            pd.Series(np.repeat(means, sizes) + rng.normal(0, np.sqrt(0.9), len(schools))), schools
        )
        held += icc1.low <= 0.1 <= icc1.high
    assert 0.91 <= held / 300 <= 0.985


def test_a_school_without_scores_and_one_answer_each_are_rows_with_a_reason():
    scores, schools = pd.Series([1.0, 2, 5, 6, np.nan]), pd.Series(list("aabbc"))
    found = mean_reliability(scores, schools)
    assert found["school_id"].tolist() == ["a", "b", "c"] and found["n"].tolist() == [2, 2, 0]
    # Squares between 16 on 1, within 0.5; n0 = 2: t = 7.75, and 7.75 / (7.75 + 0.25).
    assert found["reliability"].tolist() == pytest.approx([0.96875, 0.96875, np.nan], nan_ok=True)
    assert found["note"].tolist() == ["", "", "nobody has a score"]
    single = mean_reliability(scores[[0, 2]], schools[[0, 2]])
    assert single["note"].tolist() == ["too few items, answers or schools"] * 2
    same = mean_reliability(scores * 0, schools)
    assert same["note"].tolist() == ["all answers are equal"] * 3


def test_estimates_of_school_means_warn_where_reliability_is_low(answers):
    schools = pd.Series(np.arange(len(answers)) % 10).astype(str)
    scores = pd.DataFrame({"score": answers.mean(axis=1), "school_id": schools, "construct": "c"})
    table = mean_reliability_estimates(scores.assign(population="student", wave="1"))
    assert table["school_id"].tolist() == sorted(schools.unique()) and (table["estimate"] < 0.7).all()
    assert table["note"].str.startswith("reliability below 0.70").all()
    whole = reliability_estimates({"c": answers}, scores, population="student", wave="1").set_index("measure")
    assert whole.loc["icc2", "note"].startswith("reliability below 0.70") and whole.loc["icc1", "note"] == ""
    assert whole.loc["icc1", "conf_low"] < whole.loc["icc1", "estimate"] < whole.loc["icc1", "conf_high"]


def test_estimates_of_structure(keyed, answers):
    table = structure_estimates({"long": fifteen(keyed), "short": answers}, population="student", wave="1")
    table = table.set_index(["construct", "measure"])
    r = BY_PSYCH["omega"]["bfi"]
    assert table.loc[("long", "omega_hierarchical"), "estimate"] == pytest.approx(r["omega_h_covariance"], rel=1e-6)
    assert table.loc[("short", "omega_hierarchical"), "note"] == "fewer than six items: no three factors"
    assert table.loc[("short", "alpha_ordinal"), "estimate"] > alpha(answers).estimate


def test_ordinal_alpha_that_is_missing_says_why(answers):
    assert ordinal_alpha(answers.assign(a=1.0)).note == "an item has the same answer from everyone"
    assert ordinal_alpha(answers[["a"]]).note == "too few items, answers or schools"
