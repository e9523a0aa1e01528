"""Design-based estimates against R `survey`, by hand where R has no such rule, and by simulation."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models import precision
from sro_research.models.design import (
    adjusted,
    mean_differences,
    means,
    proportions,
    ratios,
    share_differences,
    totals,
)
from sro_research.models.replicates import jk1
from sro_research.models.sampling import Design, DesignError

SURVEY = Path(__file__).parents[1] / "reference" / "survey"
R = json.loads((SURVEY / "expected.json").read_text())
STRATA = Design(weight="pw", stratum="stype", population="fpc")
CLUSTERS = Design(weight="pw", cluster="dnum")
CENSUS_OF_CLUSTERS = Design(weight="pw", cluster="dnum", population="fpc")
NAMES = {"korn_graubard": "beta", "logit": "logit", "wilson": "wilson"}


def read(name: str) -> pd.DataFrame:
    table = pd.read_csv(SURVEY / f"{name}.csv", dtype={"cds": "str"})
    return table.assign(yes=(table["awards"] == "Yes").astype(int), high=(table["api00"] > 650).astype(int))


STRAT, CLUS = read("apistrat"), read("apiclus1")
TABLES = {"strat": (STRAT, STRATA), "clus": (CLUS, CLUSTERS)}


def agrees(rows: pd.DataFrame, r: dict) -> None:
    for column in ("estimate", "std_error"):
        assert rows[column].tolist() == pytest.approx(r[column], rel=1e-9)


def test_mean_with_strata_and_population() -> None:
    rows = means(STRAT, STRATA, "api00")
    agrees(rows, r := R["strat"]["mean"])
    assert rows.loc[0, ["conf_low", "conf_high"]].tolist() == pytest.approx(r["ci"], rel=1e-9)
    assert rows.loc[0, "design_effect"] == pytest.approx(r["deff"], rel=1e-9)
    assert rows.loc[0, "effective_n"] == pytest.approx(len(STRAT) / r["deff"], rel=1e-9)
    assert rows.loc[0, "degrees_of_freedom"] == R["strat"]["degrees"]


def test_groups_totals_and_ratios_with_strata() -> None:
    rows = means(STRAT, STRATA, "api00", by=["awards"])
    agrees(rows, r := R["strat"]["domains"])
    assert rows["awards"].tolist() == r["level"] and rows["degrees_of_freedom"].tolist() == r["degrees"]
    agrees(totals(STRAT, STRATA, "enroll"), R["strat"]["total"])
    agrees(totals(STRAT, STRATA, "enroll", by=["stype"]), R["strat"]["totals"])
    agrees(ratios(STRAT, STRATA, numerator="api00", denominator="api99"), R["strat"]["ratio"])


def test_clusters() -> None:
    agrees(means(CLUS, CENSUS_OF_CLUSTERS, "api00"), R["clus"]["mean"])
    agrees(means(CLUS, CLUSTERS, "api00"), R["clus"]["mean_without_fpc"])
    agrees(ratios(CLUS, CLUSTERS, numerator="api00", denominator="enroll"), R["clus"]["ratio"])
    agrees(totals(CLUS, CLUSTERS, "enroll"), R["clus"]["total"])
    rows = means(CLUS, CLUSTERS, "api00", by=["stype"])
    agrees(rows, r := R["clus"]["domains"])
    assert rows["stype"].tolist() == r["level"] and rows["degrees_of_freedom"].tolist() == r["degrees"]
    blank = CLUS.assign(api00=CLUS["api00"].where(CLUS["meals"] <= 50))
    agrees(means(blank, CLUSTERS, "api00"), R["clus"]["missing"])


@pytest.mark.parametrize("interval", NAMES)
@pytest.mark.parametrize("name", TABLES)
def test_shares(name: str, interval: str) -> None:
    table, design = TABLES[name]
    rows = proportions(table, design, "high", interval=interval)
    agrees(rows, r := R[name]["share"])
    # R's "logit" goes through a model that stops at 1e-8.
    wanted = pytest.approx(r[NAMES[interval]], rel=1e-7 if interval == "logit" else 1e-9)
    assert rows.loc[0, ["conf_low", "conf_high"]].tolist() == wanted


def test_a_stratum_with_one_cluster() -> None:
    part = np.where(CLUS["dnum"] == 637, "one", np.where(CLUS["dnum"] < 500, "low", "high"))
    table, design = CLUS.assign(part=part), Design(weight="pw", stratum="part", cluster="dnum")
    agrees(rows := means(table, design, "api00"), R["lonely"]["mean"])
    assert rows.loc[0, "degrees_of_freedom"] == R["lonely"]["degrees"]
    agrees(totals(table, design, "enroll"), R["lonely"]["total"])


def test_difference_of_groups_in_the_same_clusters() -> None:
    rows = mean_differences(CLUS, CLUSTERS, "api00", between="stype", against="E").set_index("stype")
    agrees(rows.loc[["M"]], r := R["clus"]["middle_less_elementary"])
    t = abs(r["estimate"][0] / r["std_error"][0])
    assert rows.loc["M", "p_value"] == pytest.approx(2 * stats.t.sf(t, 14))
    reach = stats.t.ppf(0.975, 14) * r["std_error"][0]
    assert rows.loc["M", "conf_high"] == pytest.approx(r["estimate"][0] + reach)


def test_limits_of_a_difference_of_shares_by_formula() -> None:
    """Newcombe's limits from the single limits and the correlation that the three variances imply."""
    rows = share_differences(CLUS, CLUSTERS, "high", between="stype", against="E").set_index("stype")
    single = proportions(CLUS, CLUSTERS, "high", by=["stype"]).set_index("stype")
    q, p = single.loc["E"], single.loc["M"]
    variance = rows.loc["M", "std_error"] ** 2
    c = (p["std_error"] ** 2 + q["std_error"] ** 2 - variance) / (2 * p["std_error"] * q["std_error"])
    a, b = p["estimate"] - p["conf_low"], q["conf_high"] - q["estimate"]
    assert 0 < c < 1
    low = p["estimate"] - q["estimate"] - np.sqrt(a**2 + b**2 - 2 * c * a * b)
    assert rows.loc["M", "conf_low"] == pytest.approx(low)


def two_schools(answers: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame([(s, y) for s, values in answers.items() for y in values], columns=["school", "y"])


def test_school_asked_as_a_whole_has_nothing_left_to_guess() -> None:
    table = two_schools({"a": [1, 0, 1, 1], "b": [1, 0, 0]}).assign(roster=[4] * 4 + [6] * 3)
    design = Design(stratum="school", population="roster")
    for rows in (means(table, design, "y", by=["school"]), proportions(table, design, "y", by=["school"])):
        a, b = rows.loc[0], rows.loc[1]
        assert (a["estimate"], a["std_error"], a["conf_low"], a["conf_high"]) == (0.75, 0, 0.75, 0.75)
        # Cochran 1977, 2.13: (1 - 3/6) s^2 / 3, s^2 = 1/3
        assert b["std_error"] == pytest.approx(np.sqrt(0.5 / 9)) and b["conf_low"] < b["estimate"] < b["conf_high"]


def test_answers_that_are_all_alike_are_not_certain() -> None:
    table = two_schools({"a": [1] * 20, "b": [1] * 20, "c": [1] * 10})
    design = Design(cluster="school")
    row = means(table, design, "y").loc[0]
    assert row[["std_error", "conf_low", "conf_high"]].isna().all() and row["note"].startswith("all answers alike")
    row = proportions(table, design, "y").loc[0]
    # n' = 50, sum of squared shares of clusters 0.36: 50 / (1 + (18 - 1) 0.1)
    q, size = stats.t.ppf(0.975, 2), 50 / 2.7
    assert row["conf_low"] == pytest.approx(1 / (1 + q**2 / size)) and row["conf_high"] == 1
    assert pd.isna(row["std_error"]) and row["note"].startswith("few schools")


def test_what_cannot_be_estimated_says_so_and_is_a_row() -> None:
    table = two_schools({"a": [1, 2, 3], "b": [2, 4, 6], "c": [np.nan, np.nan]}).assign(
        kind=["x", "x", "x", "x", "x", "y", "z", "z"], zero=0
    )
    design = Design(cluster="school")
    rows = means(table, design, "y", by=["kind"]).set_index("kind")
    assert rows.loc["x", "note"].startswith("few schools") and rows.loc["x", "std_error"] > 0
    assert rows.loc["y", "note"] == "too few sampled units: no interval" and rows.loc["y", "estimate"] == 6
    assert rows.loc["z", "note"] == "nobody answered" and rows.loc["z", "n"] == 0
    spine = as_estimates(rows.reset_index().rename(columns={"kind": "group"}), measure="m", group_by="kind")
    assert spine["status"].tolist() == ["estimated", "estimated", "not_estimable"]
    rows = ratios(table, design, numerator="y", denominator="zero", by=["kind"]).set_index("kind")
    assert rows["note"].tolist() == ["the denominator is zero", "the denominator is zero", "nobody answered"]
    gap = mean_differences(table, design, "y", between="kind", against="y", by=["school"])
    assert gap.set_index(["school", "kind"]).loc[("a", "x"), "note"] == "nobody to compare with"
    gap = mean_differences(table, design, "y", between="kind", against="y").set_index("kind")
    assert gap.loc["x", "note"] == "too few sampled units: no interval" and pd.isna(gap.loc["x", "p_value"])


def test_share_interval_is_no_shorter_than_of_as_many_people() -> None:
    """Clusters that hide less than chance would: the size is cut to n, unless a population is known."""
    table = two_schools({s: [0.0, 1.0] * 5 for s in "abcdef"}).assign(n=[60] * 60)
    table.loc[0, "y"] = 1.0
    free = proportions(table, Design(cluster="school"), "y").loc[0]
    size, q = 60, stats.t.ppf(0.975, 5)
    p = free["estimate"]
    half = q * np.sqrt(p * (1 - p) / size + q**2 / 4 / size**2) / (1 + q**2 / size)
    assert (free["conf_high"] - free["conf_low"]) / 2 == pytest.approx(half)
    known = proportions(table, Design(cluster="school", population="n"), "y").loc[0]
    assert known["conf_high"] - known["conf_low"] < free["conf_high"] - free["conf_low"]


@pytest.mark.parametrize(
    ("change", "design", "told"),
    [
        ({"pw": np.nan}, CLUSTERS, "column pw: a weight is missing or negative (183 rows)"),
        ({"pw": -1.0}, CLUSTERS, "column pw: a weight is missing or negative (183 rows)"),
        ({"dnum": None}, CLUSTERS, "column dnum: is blank (183 rows)"),
        ({"fpc": 3.0}, CENSUS_OF_CLUSTERS, "column fpc: 1 strata have fewer members than were sampled"),
        ({"fpc": range(100, 283)}, CENSUS_OF_CLUSTERS, "column fpc: 1 strata have more than one size"),
        ({"api00": "a"}, CLUSTERS, "column api00: is not a column of numbers"),
        ({}, Design(weight="w"), "column w: the table has no such column"),
        ({}, Design(cluster="w"), "column w: the table has no such column"),
    ],
)
def test_bad_designs_are_told(change: dict, design: Design, told: str) -> None:
    with pytest.raises(DesignError) as error:
        means(CLUS.assign(**change), design, "api00")
    assert str(error.value).startswith(told)


def test_bad_questions_are_told() -> None:
    with pytest.raises(DesignError, match="values other than 0 and 1"):
        proportions(CLUS, CLUSTERS, "api00")
    with pytest.raises(DesignError, match="no such column"):
        means(CLUS, CLUSTERS, "api00", by=["stipe"])
    with pytest.raises(DesignError, match="has no group 'X'"):
        mean_differences(CLUS, CLUSTERS, "api00", between="stype", against="X")


def test_adjusted_p_values_by_hand_within_families() -> None:
    """Benjamini & Hochberg: the i-th smallest of m times m / i, made to rise."""
    rows = pd.DataFrame({"family": [*"aaab", "a"], "p_value": [0.01, 0.04, 0.03, 0.04, np.nan]})
    assert adjusted(rows, family=["family"])["p_adjusted"].tolist() == pytest.approx(
        [0.03, 0.04, 0.04, 0.04, np.nan], nan_ok=True
    )
    assert adjusted(rows)["p_adjusted"].tolist()[:4] == pytest.approx([0.04] * 4)


def test_marks_of_reliability() -> None:
    rows = pd.DataFrame(
        {
            "n": [100, 100, 100, 29, 100, 100],
            "estimate": [0.1, 0.1, -0.1, 0.1, np.nan, 0.99],
            "std_error": [0.0299, 0.03, 0.05, 0.001, np.nan, 0.008],
            "note": ["", "", "", "", "nobody answered", ""],
        }
    )
    rows["reliability"] = precision.reliability(rows)
    assert rows["reliability"].tolist() == ["", "!", "‡", "‡", "‡", ""]
    shown = precision.withheld(rows)
    assert shown["estimate"].notna().tolist() == [True, True, False, False, False, True]
    assert shown["note"].tolist()[2:5] == ["reporting standards not met"] * 2 + ["nobody answered"]
    assert precision.reliability(rows, fewest=20).tolist()[3] == ""


def test_marks_stand_in_the_results() -> None:
    table = CLUS.assign(rare=(CLUS.index == 5).astype(int))
    rows = proportions(table, CLUSTERS, "rare")
    assert rows.loc[0, "coefficient_of_variation"] > 0.5 and rows.loc[0, "reliability"] == "‡"


def test_students_and_staff_of_the_same_schools_cover_the_truth() -> None:
    """95 % intervals of students less staff, 30 schools that differ as a whole, hold the truth 93 to 97 times of 100.

    Taken as independent samples, the difference would have three times the variance.
    """
    rng, districts, schools = np.random.default_rng(3), 400, 30
    effect = rng.normal(0, 0.3, (districts, schools))
    parts = []
    for kind, people, level in (("staff", 5, 0.2), ("student", 12, 0.0)):
        score = level + effect[:, :, None] + rng.normal(0, 0.5, (districts, schools, people))
        at = np.indices(score.shape)
        parts.append(
            pd.DataFrame({"district": at[0].ravel(), "school": at[1].ravel(), "y": score.ravel(), "who": kind})
        )
    table = pd.concat(parts, ignore_index=True)
    rows = mean_differences(table, Design(cluster="school"), "y", between="who", against="staff", by=["district"])
    covered = ((rows["conf_low"] <= -0.2) & (rows["conf_high"] >= -0.2)).mean()
    assert len(rows) == districts
    assert 0.95 - 2 * np.sqrt(0.95 * 0.05 / districts) <= covered <= 0.97
    single = means(table, Design(cluster="school"), "y", by=["district", "who"])
    assert (rows["std_error"] ** 2).sum() < (single["std_error"] ** 2).sum() / 2


@pytest.mark.parametrize("interval", ["wilson", "korn_graubard"])
def test_limits_of_shares_cover(interval: str) -> None:
    """95 % limits of a weighted share of a tenth in 30 schools hold the truth 93 times of 100 or more."""
    rng, districts, schools, people = np.random.default_rng(5), 500, 30, 15
    # Schools' shares are from a beta distribution with mean 0.1 and an intraclass correlation of 0.05.
    share = rng.beta(1.9, 17.1, (districts, schools))
    answer = rng.random((districts, schools, people)) < share[:, :, None]
    at = np.indices(answer.shape)
    table = pd.DataFrame({"district": at[0].ravel(), "school": at[1].ravel(), "y": answer.ravel().astype(int)})
    table["w"] = rng.uniform(1, 3, len(table))
    rows = proportions(table, Design(weight="w", cluster="school"), "y", by=["district"], interval=interval)
    covered = ((rows["conf_low"] <= 0.1) & (rows["conf_high"] >= 0.1)).mean()
    assert 0.93 - 2 * np.sqrt(0.93 * 0.07 / districts) <= covered <= 0.99


def test_many_groups_are_fast() -> None:
    """2,700 schools, 50 replicates, 600 groups: well within a second of processor time on a slow machine."""
    rng = np.random.default_rng(1)
    names = [f"r{i}" for i in range(50)]
    table = pd.DataFrame(rng.uniform(0.5, 2, (2700, 51)), columns=["w", *names])
    table = table.assign(group=rng.integers(0, 600, 2700), y=rng.integers(0, 2, 2700))
    start = time.process_time()
    rows = proportions(table, jk1(names, weight="w"), "y", by=["group"])
    assert time.process_time() - start < 1 and len(rows) == table["group"].nunique()
