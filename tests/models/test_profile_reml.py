"""The engine against R `lme4` and `lmerTest` at the optimum, and its statistics against the rows they came from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.errors import WorkbenchError
from sro_research.models.profile_reml import RESIDUAL, fit_reml
from sro_research.models.random_effects import intercepts, slope
from sro_research.models.sufficient import cells_of, scan_cells
from sro_research.tables import write_table

FOLDER = Path(__file__).parents[1] / "reference" / "lme4"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
MUNDLAK = ["year2", "year3", "within", "between", "grade"]
COLUMNS = ["climate", "flat", "year2", "year3", "within", "between", "grade", "grade7", "far"]


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


@pytest.fixture(scope="module")
def simulated():
    return cells_of(data("simulated"), keys=["district", "school", "year"], columns=COLUMNS)


def agrees(fit, name: str, components: dict[str, str]) -> None:
    r = EXPECTED[name]
    # df: lmerTest takes its derivatives of the covariance numerically, from a deviance of some thousands.
    df = [fit.degrees(row) for row in np.eye(len(fit.coefficients))]
    for found, wanted, within in (
        (fit.coefficients, r["coefficients"], 1e-6),
        (fit.std_errors, r["std_errors"], 1e-6),
        (df, r["satterthwaite_df"], 1e-5),
        ([fit.log_likelihood], [r["log_likelihood"]], 1e-12),
    ):
        assert list(found) == pytest.approx(wanted, rel=within)
    for ours, theirs in (components | {RESIDUAL: "Residual"}).items():
        # Where R stands at zero, so do we.
        assert fit.variances[ours] == pytest.approx(r["components"][theirs], rel=1e-6, abs=0), theirs
    assert (fit.n, fit.zero) == (r["n"], r["singular"])


@pytest.mark.parametrize(
    ("file", "name", "keys", "outcome", "covariates"),
    [
        ("sleepstudy", "sleepstudy_intercept", ["Subject"], "Reaction", ["Days"]),
        ("dyestuff", "dyestuff", ["Batch"], "Yield", []),
        ("dyestuff2", "dyestuff2", ["Batch"], "Yield", []),
        ("pastes", "pastes", ["batch", "cask"], "strength", []),
    ],
)
def test_textbook_data(file, name, keys, outcome, covariates):
    cells = cells_of(data(file), keys=keys, columns=[outcome, *covariates])
    fit = fit_reml(intercepts(cells, levels=keys), outcome=outcome, covariates=covariates)
    agrees(fit, name, {key: f"{':'.join(keys[: i + 1])}.(Intercept)" for i, key in enumerate(keys)})


def test_a_random_slope():
    cells = cells_of(data("sleepstudy"), keys=["Subject"], columns=["Reaction", "Days"])
    fit = fit_reml(slope(cells, level="Subject", column="Days"), outcome="Reaction", covariates=["Days"])
    parts = {"Subject": "Subject.(Intercept)", "Subject, Days": "Subject.Days",
             "Subject, covariance": "Subject.(Intercept).Days"}  # fmt: skip
    agrees(fit, "sleepstudy_slope", parts)


LEVELS = {"district": "district.(Intercept)", "school": "school.(Intercept)", "year": "school:year.(Intercept)"}


@pytest.mark.parametrize(
    ("name", "levels", "outcome"),
    [
        ("school", ["school"], "climate"),
        ("school_year", ["school", "year"], "climate"),
        ("district_school_year", ["district", "school", "year"], "climate"),
        ("school_year_flat", ["school", "year"], "flat"),
    ],
)
def test_nested_intercepts(simulated, name, levels, outcome):
    fit = fit_reml(intercepts(simulated, levels=levels), outcome=outcome, covariates=MUNDLAK)
    agrees(fit, name, {level: LEVELS[level] for level in levels})


@pytest.mark.parametrize(("name", "outcome"), [("slope", "climate"), ("slope_flat", "flat")])
def test_a_slope_that_differs_by_school_or_not(simulated, name, outcome):
    fit = fit_reml(
        slope(simulated, level="school", column="grade7"), outcome=outcome, covariates=["within", "between", "grade7"]
    )
    parts = {"school": "school.(Intercept)", "school, grade7": "school.grade7",
             "school, covariance": "school.(Intercept).grade7"}  # fmt: skip
    agrees(fit, name, parts)


def test_a_column_far_from_zero_loses_nothing(simulated):
    fit = fit_reml(intercepts(simulated, levels=["school"]), outcome="climate", covariates=["within", "between", "far"])
    r = EXPECTED["far"]
    assert fit.coefficients[1:] == pytest.approx(r["coefficients"][1:], rel=1e-9)
    assert fit.std_errors[1:] == pytest.approx(r["std_errors"][1:], rel=1e-6)
    assert fit.coefficients[0] + 1e6 * fit.coefficients[3] == pytest.approx(r["coefficients"][0], rel=1e-9)


def test_slopes_of_the_likelihood_are_those_of_the_likelihood(simulated):
    """The exact derivatives, against differences of M and log|V|."""
    for effects, theta in (
        (intercepts(simulated, levels=["district", "school", "year"]), [0.4, 0.7, 0.2]),
        (intercepts(simulated, levels=["school"]), [0.7]),
        (slope(simulated, level="school", column="within"), [0.5, -0.2, 0.3]),
    ):
        at, here = np.array(theta), effects.pick([0, 5, 6, 1]).at(np.array(theta))
        for i, move in enumerate(1e-5 * np.eye(len(at))):
            up, down = (effects.pick([0, 5, 6, 1]).at(at + sign * move) for sign in (1, -1))
            assert here.log_det_slope[i] == pytest.approx((up.log_det - down.log_det) / 2e-5, rel=1e-6)
            difference = (up.cross - down.cross) / 2e-5
            # Relative to the largest: the smallest are differences of rounding.
            assert np.abs(here.cross_slope[i] - difference).max() < 1e-6 * np.abs(difference).max()


def test_another_start_ends_at_the_same_place(simulated):
    effects = intercepts(simulated, levels=["school", "year"])
    cold = fit_reml(effects, outcome="climate", covariates=MUNDLAK)
    for start in ([0.0, 0.0], [0.02, 2.0], [5.0, 0.01]):
        warm = fit_reml(effects, outcome="climate", covariates=MUNDLAK, start=np.array(start))
        assert warm.theta == pytest.approx(cold.theta, rel=1e-8)


def test_the_disk_gives_what_the_table_gives(tmp_path):
    table = data("simulated").rename(columns={"school": "school_id"})
    table.loc[[3, 40], "climate"] = np.nan
    table.loc[7, "year"] = np.nan
    write_table(tmp_path / "a.parquet", table)
    found = scan_cells(tmp_path / "a.parquet", keys=["school_id", "year"], columns=COLUMNS)
    wanted = cells_of(table, keys=["school_id", "year"], columns=COLUMNS)
    assert found.left_out == wanted.left_out == 3
    assert found.keys.astype(str).equals(wanted.keys.astype(str))
    assert np.array_equal(found.sizes, wanted.sizes)
    # Sums of hundreds, in another order.
    np.testing.assert_allclose(found.answered, wanted.answered, atol=1e-9)
    np.testing.assert_allclose(found.products, wanted.products, atol=1e-9)


def test_statistics_are_those_of_the_rows():
    table = pd.DataFrame({"school": ["b", "a", "b", "a"], "x": [1.0, 2, 3, 6], "y": [True, False, True, True]})
    cells = cells_of(table, keys=["school"], columns=["x", "y"])
    assert cells.keys["school"].tolist() == ["a", "b"]
    assert cells.sizes.tolist() == [2, 2] and cells.centres.tolist() == [3.0, 0.75]
    assert cells.answered.tolist() == [[2.0, -0.5], [-2.0, 0.5]]
    assert cells.products[0].tolist() == [[10.0, 1.5], [1.5, 0.625]]
    assert cells.means("x").tolist() == [4.0, 2.0]


def test_cells_are_pooled_and_joined_as_if_made_so():
    table = data("simulated")
    fine = cells_of(table, keys=["district", "school", "year"], columns=["climate", "grade"])
    coarse = fine.pooled(["school", "year"])
    wanted = cells_of(table, keys=["school", "year"], columns=["climate", "grade"])
    np.testing.assert_allclose(coarse.products, wanted.products, atol=1e-9)
    hours = table.groupby(["school", "year"])["hours"].first()
    joined = wanted.joined(hours.reset_index()[["hours"]])
    all_at_once = cells_of(table, keys=["school", "year"], columns=["climate", "grade", "hours"])
    np.testing.assert_allclose(joined.total(), all_at_once.total(), atol=1e-7)
    np.testing.assert_allclose(joined.products_with("hours"), all_at_once.products_with("hours"), atol=1e-8)
    with pytest.raises(WorkbenchError, match="Pool cells first"):
        joined.pooled(["school"])
    with pytest.raises(WorkbenchError, match="a value is missing"):
        wanted.joined(pd.DataFrame({"hours": hours.where(hours > 1).to_numpy()}))


def test_input_that_has_no_answer_says_why(simulated, tmp_path):
    table = data("simulated").rename(columns={"school": "school_id"})
    write_table(tmp_path / "a.parquet", table)
    for make in (
        lambda **names: cells_of(table, **names),
        lambda **names: scan_cells(tmp_path / "a.parquet", **names),
    ):
        with pytest.raises(WorkbenchError, match=r"no such column\. Did you mean 'climate'"):
            make(keys=["school_id"], columns=["climat"])
        with pytest.raises(WorkbenchError, match="column district: it is not of numbers"):
            make(keys=["school_id"], columns=["district"])
    blank = table.assign(climate=np.nan)
    write_table(tmp_path / "b.parquet", blank)
    with pytest.raises(WorkbenchError, match="no row has a number"):
        cells_of(blank, keys=["school_id"], columns=["climate"])
    with pytest.raises(WorkbenchError, match="no row has a number"):
        scan_cells(tmp_path / "b.parquet", keys=["school_id"], columns=["climate"])
    effects = intercepts(simulated, levels=["school"])
    with pytest.raises(WorkbenchError, match="follow from one another: grade, grade7"):
        fit_reml(effects, outcome="climate", covariates=["grade", "grade7", "within"])
    with pytest.raises(WorkbenchError, match="nothing of the outcome is left"):
        fit_reml(effects, outcome="grade", covariates=["grade7"])
    with pytest.raises(WorkbenchError, match="no statistics were kept"):
        fit_reml(effects, outcome="climate", covariates=["age"])
    with pytest.raises(WorkbenchError, match="cells have no such key"):
        intercepts(simulated, levels=["schol"])
    one = simulated.where((simulated.keys["school"] == "s01").to_numpy())
    with pytest.raises(WorkbenchError, match="one group only"):
        intercepts(one, levels=["school"])
    alone = cells_of(table.drop_duplicates("school_id"), keys=["school_id"], columns=["climate"])
    with pytest.raises(WorkbenchError, match="no group has two answers"):
        intercepts(alone, levels=["school_id"])
    same = table.assign(climate=table["school_id"].str[1:].astype(float))
    cells = cells_of(same, keys=["school_id"], columns=["climate", "grade"])
    with pytest.raises(WorkbenchError, match="does not differ within"):
        fit_reml(intercepts(cells, levels=["school_id"]), outcome="climate", covariates=["grade"])


def test_few_schools_reach_the_optimum_every_time():
    """Where schools hardly differ, and few: the search ends no higher than a fine grid, also at zero."""
    rng, zeros = np.random.default_rng(3), 0
    for _ in range(40):
        schools = int(rng.integers(5, 15))
        school = np.repeat(np.arange(schools), rng.integers(2, 20, schools))
        x = rng.normal(size=schools)[school] + rng.normal(size=len(school))
        y = rng.normal(0, rng.choice([0, 0.1, 0.5]), schools)[school] + 0.2 * x + rng.normal(size=len(school))
        cells = cells_of(pd.DataFrame({"school": school, "x": x, "y": y}), keys=["school"], columns=["x", "y"])
        effects = intercepts(cells, levels=["school"])
        fit = fit_reml(effects, outcome="y", covariates=["x"])
        grid = [0, *np.geomspace(0.01, 10, 60)]
        assert fit.log_likelihood >= max(_log_likelihood(effects, theta) for theta in grid) - 1e-10
        zeros += fit.zero
    assert 5 < zeros < 35


def _log_likelihood(effects, theta: float) -> float:
    """REML by its definition, from M and log|V|."""
    at = effects.at(np.array([theta]))
    degrees = effects.n - len(at.cross) + 1
    inner = np.linalg.slogdet(at.cross[:-1, :-1])[1]
    rest = np.exp(np.linalg.slogdet(at.cross)[1] - inner)
    return -0.5 * (at.log_det + inner + degrees * (1 + np.log(2 * np.pi * rest / degrees)))
