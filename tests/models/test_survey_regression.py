"""Regressions with replicate weights against R `svyglm` and `withReplicates`, and a truth that was planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.measures.officer_roles import with_officer_roles
from sro_research.models.national import jackknife_of
from sro_research.models.replicates import Replicates, jk1
from sro_research.models.sampling import DesignError
from sro_research.models.survey_regression import effects

R = json.loads((Path(__file__).parents[1] / "reference" / "ssocs" / "expected.json").read_text())["regressions"]
TERMS = ["officer_role", "level", "size", "locale", "crime"]
REFERENCE = {
    "officer_role": "no_officer", "level": "elementary", "size": "under_300", "locale": "city", "crime": "low_crime"
}  # fmt: skip
LINKS = {"violent_incidents": "log", "problem_weekly": "logit", "long_suspension": "identity"}


@pytest.mark.parametrize("outcome", R)
def test_agrees_with_r(outcome: str, ssocs: dict[str, pd.DataFrame]) -> None:
    schools = with_officer_roles(ssocs["2020"])
    found = effects(
        schools, jackknife_of(schools), outcome=outcome, link=LINKS[outcome], terms=TERMS, reference=REFERENCE
    )
    r = pd.DataFrame({k: R[outcome][k] for k in ("names", "coefficient", "std_error", "p_value")}).set_index("names")
    r = r.loc[found["term"] + found["group"]]
    # Both carry their search on until nothing moves; what is left is the rounding of sums of 2,370 products.
    for column in ("coefficient", "std_error"):
        assert found[column].tolist() == pytest.approx(r[column].tolist(), rel=1e-6, abs=1e-9)
    assert found["p_value"].tolist() == pytest.approx(r["p_value"].tolist(), rel=1e-5, abs=1e-12)
    assert set(found["degrees_of_freedom"]) == {R[outcome]["degrees"]}
    roles = found.set_index("group").loc[["does_neither", "mentors_or_teaches"]]
    assert roles["difference"].tolist() == pytest.approx(R[outcome]["difference"], rel=1e-6)
    assert roles["difference_error"].tolist() == pytest.approx(R[outcome]["difference_error"], rel=1e-6)


def made_up(seed: int = 3) -> tuple[pd.DataFrame, Replicates]:
    """1,500 schools in which an officer doubles the count, whatever the school's size."""
    rng = np.random.default_rng(seed)
    schools = pd.DataFrame({"officer": pd.array(rng.random(1500) < 0.5, dtype="boolean")})
    schools["size"] = np.where(rng.random(1500) < np.where(schools["officer"], 0.7, 0.3), "large", "small")
    mean = 3.0 * np.where(schools["officer"], 2.0, 1.0) * np.where(schools["size"] == "large", 3.0, 1.0)
    schools["calls"] = rng.poisson(mean).astype(float)
    schools["minutes"] = rng.normal(size=1500)
    schools["weight"] = rng.uniform(10, 50, 1500)
    part = np.arange(1500) % 50
    given = {f"r{i}": schools["weight"].where(part != i, 0.0) * 50 / 49 for i in range(50)}
    return schools.assign(**given), jk1(list(given), weight="weight")


def test_finds_the_planted_ratio_adjusted_for_size() -> None:
    schools, plan = made_up()
    terms = ["officer", "size", "minutes"]
    found = effects(schools, plan, outcome="calls", link="log", terms=terms, reference={"size": "small"})
    assert found[["term", "group", "reference"]].to_numpy().tolist() == [
        ["officer", "True", "False"], ["size", "large", "small"], ["minutes", "", ""]
    ]  # fmt: skip
    assert (found["ratio_low"] < [2.0, 3.0, 1.0]).all() and (found["ratio_high"] > [2.0, 3.0, 1.0]).all()
    assert found["ratio"].tolist() == pytest.approx([2.0, 3.0, 1.0], rel=0.06)
    # Half of the schools are large: 3 (2 - 1) calls more at small ones, 9 at large ones.
    assert found.loc[0, "difference"] == pytest.approx(6.0, rel=0.1)


def test_of_one_group_the_differences_are_those_of_the_means() -> None:
    schools, plan = made_up()
    for link in ("identity", "log"):
        row = effects(schools, plan, outcome="calls", link=link, terms=["size"], reference={"size": "small"}).iloc[0]
        mean = schools.assign(total=schools["calls"] * schools["weight"]).groupby("size")[["total", "weight"]].sum()
        mean = mean["total"] / mean["weight"]
        assert row["difference"] == pytest.approx(mean["large"] - mean["small"])
        assert row["ratio"] == pytest.approx(mean["large"] / mean["small"]) if link == "log" else pd.isna(row["ratio"])


def test_schools_that_lack_an_answer_are_left_out() -> None:
    schools, plan = made_up()
    schools.loc[:99, "officer"] = pd.NA
    assert set(effects(schools, plan, outcome="calls", link="log", terms=["officer"], reference={})["n"]) == {1400}


def test_models_that_cannot_be_fitted_say_why() -> None:
    schools, plan = made_up()
    with pytest.raises(DesignError, match="has no group 'tiny'"):
        effects(schools, plan, outcome="calls", link="log", terms=["size"], reference={"size": "tiny"})
    twice = schools.assign(again=schools["minutes"] * 2)
    with pytest.raises(DesignError, match="two terms say the same thing"):
        effects(twice, plan, outcome="calls", link="log", terms=["minutes", "again"], reference={})
    sure = schools.assign(often=schools["officer"].astype(float))
    with pytest.raises(DesignError, match="has no solution: a group's outcomes are all alike"):
        effects(sure, plan, outcome="often", link="logit", terms=["officer"], reference={})
