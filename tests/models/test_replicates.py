"""Replicate weights against R `survey`: jackknife, balanced repeated replication, Fay's, and 50 given columns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.design import mean_differences, means, proportions, ratios, share_differences, totals
from sro_research.models.replicates import Replicates, brr, jackknife, jk1, jkn, replicate_statistic
from sro_research.models.sampling import Design, DesignError

SURVEY = Path(__file__).parents[1] / "reference" / "survey"
R = json.loads((SURVEY / "expected.json").read_text())["replicates"]


def read(name: str) -> pd.DataFrame:
    table = pd.read_csv(SURVEY / f"{name}.csv", dtype={"cds": "str"})
    return table.assign(yes=(table["awards"] == "Yes").astype(int))


def paired() -> pd.DataFrame:
    table = read("apiclus1")
    table = table[table["dnum"] != 815]
    return table.assign(pair=table["dnum"].rank(method="dense").astype(int).add(1) // 2)


def plan_of(kind: str) -> tuple[pd.DataFrame, Replicates]:
    """Build the plan as a user would: from clusters, or from columns of weights that are given."""
    if kind in ("brr", "brr_mse", "fay"):
        table = paired().merge(pd.read_csv(SURVEY / "brr.csv", dtype={"cds": "str"}), on="cds", validate="1:1")
        columns = [f"{kind.removesuffix('_mse')}_{i:02d}" for i in range(1, 9)]
        centre = "replicates" if kind == "brr" else "estimate"
        return table, brr(columns, weight="pw", rho=0.3 if kind == "fay" else 0.0, centre=centre)
    if kind == "jk1_50":
        parts = pd.read_csv(SURVEY / "fifty.csv", dtype={"cds": "str"})
        table = read("apistrat").merge(parts, on="cds", validate="1:1")
        given = {f"r{i}": table["pw"].where(table["part"] != i, 0.0) * 50 / 49 for i in range(1, 51)}
        return table.assign(**given), jk1(list(given), weight="pw")
    centre = "estimate" if kind.endswith("_mse") else "replicates"
    if kind.startswith("jkn"):
        return jackknife(paired(), Design(weight="pw", cluster="dnum", stratum="pair"), centre=centre)
    population = "fpc" if kind == "jk1_fpc" else ""
    return jackknife(read("apiclus1"), Design(weight="pw", cluster="dnum", population=population), centre=centre)


def agrees(rows: pd.DataFrame, r: dict) -> None:
    for column in ("estimate", "std_error"):
        assert rows[column].tolist() == pytest.approx(r[column], rel=1e-9)


@pytest.mark.parametrize("kind", R)
def test_agrees_with_r(kind: str) -> None:
    table, plan = plan_of(kind)
    r = R[kind]
    rows = means(table, plan, "api00")
    agrees(rows, r["mean"])
    assert rows.loc[0, "degrees_of_freedom"] == r["degrees"]
    agrees(proportions(table, plan, "yes"), r["share"])
    agrees(totals(table, plan, "enroll"), r["total"])
    agrees(ratios(table, plan, numerator="api00", denominator="api99"), r["ratio"])
    agrees(means(table, plan, "api00", by=["awards"]), r["domains"])
    agrees(mean_differences(table, plan, "api00", between="awards", against="No"), r["yes_less_no"])


@pytest.mark.parametrize("kind", ["jk1", "jkn_mse", "fay", "jk1_50"])
def test_regression_coefficients(kind: str) -> None:
    table, plan = plan_of(kind)
    x, y = np.column_stack([np.ones(len(table)), table["meals"]]), table["api00"].to_numpy()

    def coefficients(w: np.ndarray) -> np.ndarray:
        return np.linalg.solve(x.T @ (w[:, None] * x), x.T @ (w * y))

    estimate, covariance = replicate_statistic(table, plan, coefficients)
    assert estimate.tolist() == pytest.approx(R[kind]["regression"]["estimate"], rel=1e-9)
    assert np.sqrt(np.diag(covariance)).tolist() == pytest.approx(R[kind]["regression"]["std_error"], rel=1e-8)


def test_jackknife_of_a_mean_of_equal_clusters_is_linearization() -> None:
    """Where the mean is a mean of cluster means, leaving one out is exact: the two errors are the same."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"school": np.repeat(range(12), 8), "y": rng.normal(size=96)})
    design = Design(cluster="school")
    made, plan = jackknife(table, design)
    assert means(made, plan, "y").loc[0, "std_error"] == pytest.approx(means(table, design, "y").loc[0, "std_error"])


def test_a_group_that_a_replicate_lacks_has_no_interval() -> None:
    table = pd.DataFrame({"school": [*"aabbcc"], "y": [1.0, 2, 3, 4, 6, 5], "kind": [*"xyxxxx"]})
    made, plan = jackknife(table, Design(cluster="school"))
    rows = means(made, plan, "y", by=["kind"]).set_index("kind")
    assert rows.loc["y", "note"] == "a replicate has nobody of this group: no interval"
    assert rows.loc["x", "std_error"] > 0 and pd.isna(rows.loc["y", "std_error"])
    gap = mean_differences(made, plan, "y", between="kind", against="y").loc[0]
    assert pd.isna(gap["std_error"]) and pd.isna(gap["p_value"]) and gap["estimate"] == pytest.approx(1.8)


def test_all_agree_has_limits_and_no_error() -> None:
    table, plan = plan_of("jk1_50")
    table = table.assign(one=1)
    row = proportions(table, plan, "one").loc[0]
    assert row["conf_low"] < 0.99 and row["conf_high"] == 1 and pd.isna(row["std_error"])
    gap = share_differences(table.assign(half=table.index % 2), plan, "one", between="half", against=0).loc[0]
    assert gap["conf_low"] < 0 < gap["conf_high"] and gap["estimate"] == 0


def test_a_manual_may_give_the_degrees_of_freedom() -> None:
    table, plan = plan_of("jk1_50")
    rows = means(table, Replicates(plan.columns, "pw", plan.scale, degrees=12), "api00")
    assert rows.loc[0, "degrees_of_freedom"] == 12


def test_what_cannot_be_replicated_is_told() -> None:
    table = read("apiclus1").assign(alone=lambda t: t["dnum"] == 637)
    with pytest.raises(DesignError, match="column alone: 1 strata have one cluster"):
        jackknife(table, Design(weight="pw", cluster="dnum", stratum="alone"))
    with pytest.raises(DesignError, match="1 columns and 2 factors"):
        means(table, jkn(["pw"], weight="pw", rscales=[1.0, 1.0]), "api00")
    with pytest.raises(DesignError, match=r"column pw: a weight is missing or negative \(183 rows\)"):
        means(table.assign(pw=np.nan), jk1(["pw"], weight="enroll"), "api00")
