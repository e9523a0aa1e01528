"""The within-between model against R `lmerTest`, and on districts whose truth is planted."""

import numpy as np
import pandas as pd
import pytest
from multilevel_reference import DISTRICTS, EXPECTED, HOURS, PEOPLE, SCHOOLS, WAVES
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.models.exposure_design import engagement_design, lagged
from sro_research.models.kenward_roger import kenward_roger
from sro_research.models.multilevel import BETWEEN, CONTEXTUAL, WITHIN, engagement_estimates, fit_within_between

EXPOSURE = "outreach_hours_per_100_students"
TERMS = {"(Intercept)": "intercept", "wave_1": "wave_2024", "wave_2": "wave_2025", "within": "exposure_within",
         "between": "exposure_between"}  # fmt: skip


def test_a_regular_fit(district_scores, district_schools, reference):
    r = reference["multilevel"]["score"]
    fit = fit_within_between(district_scores, district_schools[EXPOSURE])
    assert (fit.n, fit.schools, fit.school_waves, fit.singular) == (r["n"], 12, 36, False)
    # Two optimisers stop at slightly different points of a flat likelihood: 1e-5 relative.
    assert fit.sd_school**2 == pytest.approx(r["variance_school"], rel=1e-5)
    assert fit.sd_school_wave**2 == pytest.approx(r["variance_school_wave"], rel=1e-5)
    assert fit.sd_residual**2 == pytest.approx(r["variance_residual"], rel=1e-5)
    for row in fit.coefficients.itertuples():
        wanted = r["coefficients"][TERMS[row.Index]]
        assert row.estimate == pytest.approx(wanted["estimate"], rel=1e-5)
        assert row.std_error == pytest.approx(wanted["se"], rel=1e-5)
        ceiling = {"within": 36 - 12 - 3, "between": 12 - 2}.get(row.Index, np.inf)
        assert row.df == pytest.approx(min(wanted["satterthwaite_df"], ceiling), rel=1e-4)


def test_a_singular_fit_is_said_and_its_degrees_of_freedom_are_those_of_the_design(
    district_scores, district_schools, reference
):
    r = reference["multilevel"]["score_flat"]
    flat = district_scores.assign(score=district_scores["score_flat"])
    fit = fit_within_between(flat, district_schools[EXPOSURE])
    assert fit.singular and r["singular"] and fit.zero_levels == ["school", "school_wave"]
    coefficients = fit.coefficients
    for term in ("within", "between"):
        wanted = r["coefficients"][TERMS[term]]
        assert coefficients.loc[term, "estimate"] == pytest.approx(wanted["estimate"], rel=1e-5)
        assert coefficients.loc[term, "std_error"] == pytest.approx(wanted["se"], rel=1e-5)
        # Satterthwaite would give 2,374 for an exposure with 12 or 36 values.
        assert wanted["satterthwaite_df"] > 2000
    assert coefficients.loc["within", "df"] == 21 and coefficients.loc["between", "df"] == 10


def test_estimates_are_in_the_declared_units(district_scores, district_schools):
    arguments = {"population": "student", "construct": "trust"}
    one = engagement_estimates(district_scores, district_schools[EXPOSURE], per=1, **arguments).set_index("measure")
    ten = engagement_estimates(district_scores, district_schools[EXPOSURE], per=10, **arguments).set_index("measure")
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert ten[column].astype(float).tolist() == pytest.approx([10 * v for v in one[column].astype(float)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s, e: (s[s["school_id"] < "0110"], e), "fewer than 10 schools"),
        (lambda s, e: (s[s["school_id"] == "0101"], e), "one school: nothing can be said between schools"),
        (lambda s, e: (s[s["wave"] == "2025"], e), "one wave only"),
        (lambda s, e: (s, e * 0 + 1), "does not vary"),
        (lambda s, e: (s[(s["wave"] == "2025") | (s["school_id"] == "0101")], e), "more than one wave"),
    ],
)
def test_what_cannot_be_modelled_says_why(district_scores, district_schools, change, reason):
    scores, exposure = change(district_scores, district_schools[EXPOSURE])
    rows = engagement_estimates(scores, exposure, population="student", construct="trust", per=1)
    assert set(rows["measure"]) == {WITHIN, BETWEEN, CONTEXTUAL}
    assert (rows["status"] == "not_estimable").all()
    assert rows["note"].str.contains(reason).all()


ADJUST = {"adjust": ["grade", "years"], "school_covariates": SCHOOLS[["poverty"]], "districts": DISTRICTS}
MODELS = {
    "plain": (PEOPLE, HOURS, {}),
    "adjusted": (PEOPLE, HOURS, ADJUST),
    "lagged": (PEOPLE, lagged(HOURS, WAVES), {}),
    "flat": (PEOPLE.assign(score=PEOPLE["flat"]), HOURS, {"districts": DISTRICTS}),
}
NAMES = {
    "wave_1": "wave2024", "wave_2": "wave2025",
    "grade g10, person": "g10_person", "grade g10, school-wave": "g10_mean",
    "grade g11, person": "g11_person", "grade g11, school-wave": "g11_mean",
    "years, person": "years_person", "years, school-wave": "years_mean",
}  # fmt: skip
LEVELS = {"district": "district", "school": "school_id", "school_wave": "cell"}
RESIDUAL = "Residual"


def by_r(column: str, label: str, name: str) -> str:
    """The name that R's coefficient has; with lagged exposure the first wave left is 2024."""
    if name == "lagged" and column == "wave_1":
        return "wave2025"
    return NAMES.get(column, NAMES.get(label, label if label == "poverty" else column))


@pytest.mark.parametrize("name", MODELS)
def test_districts_adjustments_and_lags_against_r(name):
    scores, exposure, arguments = MODELS[name]
    r = EXPECTED["models"][name]
    fit = fit_within_between(scores, exposure, **arguments)
    assert fit.n == r["n"]
    # The search stops within 1e-5 of the variances, and so do the standard errors that follow from them.
    found = {"district": fit.sd_district, "school": fit.sd_school, "school_wave": fit.sd_school_wave}
    for level, sd in found.items():
        if LEVELS[level] in r["variances"]:
            assert sd**2 == pytest.approx(r["variances"][LEVELS[level]], rel=2e-5, abs=1e-9)
        else:
            assert np.isnan(sd)
    assert fit.zero_levels == [level for level in found if r["variances"].get(LEVELS[level]) == 0]
    assert len(fit.coefficients) == len(r["coefficients"]) - 1
    for row in fit.coefficients.itertuples():
        wanted = r["coefficients"][by_r(row.Index, row.term, name)]
        assert row.estimate == pytest.approx(wanted["estimate"], rel=1e-5, abs=1e-7)
        assert row.std_error == pytest.approx(wanted["se"], rel=1e-5)
        if row.Index not in ("within", "between"):
            # Both programs differentiate numerically.
            assert row.df == pytest.approx(wanted["satterthwaite_df"], rel=1e-3)
    assert fit.method == "Kenward-Roger"
    for effect, row in fit.effects.iterrows():
        wanted = r["coefficients"][effect]
        assert row["estimate"] == pytest.approx(wanted["estimate"], rel=1e-5, abs=1e-7)
        assert row["std_error"] == pytest.approx(wanted["kenward_roger_se"], rel=1e-5)
        made = engagement_design(scores, exposure, **arguments)
        ceiling = made.ceiling.get(effect, sum(made.ceiling.values()))
        assert row["df"] == pytest.approx(min(wanted["kenward_roger_df"], ceiling), rel=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_kenward_roger_at_the_variances_that_r_found(name):
    """With R's own variances nothing is left but the formulas: every coefficient agrees to 1e-8."""
    scores, exposure, arguments = MODELS[name]
    r = EXPECTED["models"][name]
    made = engagement_design(scores, exposure, **arguments)
    x = made.table[list(made.terms)].assign(intercept=1.0)
    variances = [r["variances"][LEVELS[level]] for level in made.levels]
    adjusted = kenward_roger(x, made.table[made.levels], variances, r["variances"][RESIDUAL])
    for k, column in enumerate(x):
        key = "(Intercept)" if column == "intercept" else by_r(column, made.terms[column], name)
        contrast, wanted = np.eye(x.shape[1])[k], r["coefficients"][key]
        assert adjusted.std_error(contrast) == pytest.approx(wanted["kenward_roger_se"], rel=1e-8)
        assert adjusted.df(contrast) == pytest.approx(wanted["kenward_roger_df"], rel=1e-8)
        assert np.sqrt(contrast @ adjusted.covariance @ contrast) == pytest.approx(wanted["se"], rel=1e-8)


def test_the_contextual_effect_is_the_difference_of_the_two():
    rows = engagement_estimates(PEOPLE, HOURS, population="student", construct="trust", per=10).set_index("measure")
    difference = rows.loc[BETWEEN, "estimate"] - rows.loc[WITHIN, "estimate"]
    assert rows.loc[CONTEXTUAL, "estimate"] == pytest.approx(difference)
    assert rows.loc[CONTEXTUAL, "conf_low"] < difference < rows.loc[CONTEXTUAL, "conf_high"]
    assert rows["method"].eq("within-between REML, Kenward-Roger").all()
    assert rows["note"].eq("").all()


def test_a_variance_of_zero_is_said_by_its_level():
    rows = engagement_estimates(PEOPLE, lagged(HOURS, WAVES), population="student", construct="trust", per=1)
    assert rows["note"].eq("a variance was estimated as zero: between waves of a school").all()


def test_exposure_of_the_wave_before():
    index = pd.MultiIndex.from_product([["a", "b"], ["1", "2", "3"]], names=["school_id", "wave"])
    hours = pd.Series([1.0, 2, 3, 4, 5, 6], index=index).drop(("b", "2"))
    before = lagged(hours, ["1", "2", "3"])
    assert before.loc["a"].to_dict() == pytest.approx({"1": np.nan, "2": 1.0, "3": 2.0}, nan_ok=True)
    assert before.loc["b"].isna().all()


def test_rows_without_an_adjustment_are_left_out_and_schools_that_are_their_districts_have_no_district_intercept():
    gone = PEOPLE.assign(years=PEOPLE["years"].where(PEOPLE.index % 50 != 7))
    alone = pd.Series(DISTRICTS.index, index=DISTRICTS.index)
    made = engagement_design(gone, HOURS, adjust=["years"], districts=alone)
    assert len(made.table) == len(PEOPLE) - 10 and made.levels == ["school", "school_wave"]
    assert made.ceiling == {"within": 58 - 20 - 3 - 1, "between": 20 - 2 - 1}


def test_what_cannot_be_meant_is_said():
    with pytest.raises(WorkbenchError, match=r"schools without a district \(4 rows\)"):
        engagement_design(PEOPLE, HOURS, districts=DISTRICTS[DISTRICTS != "d2"])
    with pytest.raises(WorkbenchError, match="adjusts for income"):
        engagement_design(PEOPLE, HOURS, adjust=["income"])
    with pytest.raises(ValueError, match="cannot be told apart"):
        engagement_design(PEOPLE, HOURS, school_covariates=pd.DataFrame({"twice": 2 * HOURS}))


def simulated(rng, index, truth, people=30, sd_school=0.15, sd_school_wave=0.06):
    """Exposure, and scores of one school system whose within effect is known."""
    schools = index.get_level_values(0).nunique()
    exposure = pd.Series(rng.normal(size=len(index)), index=index)
    cell = np.repeat(rng.normal(0, sd_school, schools), len(index) // schools)
    mean = 2.5 + truth * exposure + cell + rng.normal(0, sd_school_wave, len(index))
    scores = mean.repeat(people).rename("score").reset_index()
    return scores.assign(score=scores["score"] + rng.normal(0, 0.6, len(scores))), exposure


def test_sixty_schools_have_satterthwaites_degrees_of_freedom():
    index = pd.MultiIndex.from_product([[f"{i:02d}" for i in range(60)], WAVES], names=["school_id", "wave"])
    fit = fit_within_between(*simulated(np.random.default_rng(3), index, 0.1))
    assert fit.method == "Satterthwaite"
    plain = fit.coefficients.loc[["within", "between"], ["estimate", "std_error", "df"]]
    pd.testing.assert_frame_equal(fit.effects.loc[["within", "between"]], plain, check_names=False)
    # Within and between are unrelated in a balanced design: variances of the difference add.
    added = (plain["std_error"] ** 2).sum() ** 0.5
    assert fit.effects.loc["contextual", "std_error"] == pytest.approx(added, rel=1e-6)
    assert fit.effects.loc["contextual", "df"] == plain["df"].min()


@pytest.mark.parametrize(("sd_school", "sd_school_wave"), [(0.15, 0.06), (0.0, 0.0)])
def test_intervals_of_the_within_effect_cover(sd_school, sd_school_wave):
    """95 % intervals hold the truth in at least 92 % of 200 systems of 12 schools, also where schools do not differ.

    92 and not 93: with 200 systems the standard error of a coverage of 95 % is 1.5 points.
    """
    index = pd.MultiIndex.from_product([[f"{i:02d}" for i in range(12)], WAVES], names=["school_id", "wave"])
    rng, hits, truth = np.random.default_rng(7), 0, 0.1
    for _ in range(200):
        row = fit_within_between(
            *simulated(rng, index, truth, sd_school=sd_school, sd_school_wave=sd_school_wave)
        ).effects.loc["within"]
        hits += abs(row["estimate"] - truth) <= stats.t.ppf(0.975, row["df"]) * row["std_error"]
    assert 0.92 <= hits / 200 <= 0.99
