"""National estimates against what NCES has printed, against R `survey`, and the rules of what is shown."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.estimates import CHANGE_IN, NOT_ESTIMABLE
from sro_research.models import design
from sro_research.models.national import changes, jackknife_of, national_estimates

REFERENCE = Path(__file__).parents[1] / "reference" / "ssocs"
R = json.loads((REFERENCE / "expected.json").read_text())
with (REFERENCE / "published.csv").open(encoding="utf-8") as file:
    PUBLISHED = list(csv.DictReader(file))
HUNDREDS = {"962300": 100}
"""What a total is rounded to; thousands where nothing is said."""


@pytest.fixture(scope="module", params=R["estimates"])
def wave(request: pytest.FixtureRequest, ssocs: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    schools = ssocs[request.param]
    shares = [name for name in R["estimates"][request.param] if name != "violent_incidents"]
    return request.param, national_estimates(schools, shares=shares, counts=["violent_incidents"], absent={})


def printed(value: float, like: str) -> str:
    return f"{value:.{len(like.partition('.')[2])}f}"


@pytest.mark.parametrize("cell", PUBLISHED, ids=[f"{i}-{c['wave']}-{c['measure']}" for i, c in enumerate(PUBLISHED, 2)])
def test_reproduces_what_nces_has_printed(cell: dict[str, str], ssocs: dict[str, pd.DataFrame]) -> None:
    schools, plan = ssocs[cell["wave"]], jackknife_of(ssocs[cell["wave"]])
    if cell["statistic"] == "total":
        total = design.totals(schools, plan, cell["measure"]).loc[0, "estimate"]
        rounded_to = HUNDREDS.get(cell["estimate"], 1000)
        assert round(total / rounded_to) * rounded_to == int(cell["estimate"])
        return
    if cell["among"]:
        # Of all schools with `among`, also those that were not asked: NCES counts them as not having it.
        schools = schools[schools[cell["among"]].fillna(False)].fillna({cell["measure"]: False})
    by = [cell["group_by"]] if cell["group_by"] else []
    rows = design.proportions(schools, plan, cell["measure"], by=by)
    row = rows[rows[by[0]] == cell["group"]].iloc[0] if by else rows.iloc[0]
    assert printed(100 * row["estimate"], cell["estimate"]) == cell["estimate"]
    if cell["std_error"]:
        assert printed(100 * row["std_error"], cell["std_error"]) == cell["std_error"]


def test_the_cells_name_their_source() -> None:
    assert sum(cell["std_error"] != "" for cell in PUBLISHED) >= 20
    assert all(cell["publication"] and cell["table"] and cell["seen"] in ("page", "memory") for cell in PUBLISHED)


@pytest.mark.parametrize("by", ["all", "level", "size", "locale", "unit"])
def test_agrees_with_r(wave: tuple[str, pd.DataFrame], by: str) -> None:
    name, rows = wave
    for measure, expected in R["estimates"][name].items():
        found = rows[rows["measure"] == measure].set_index(["group_by", "group", "school_id"])
        for i, group in enumerate(expected[by].get("group", [""])):
            key = ("", "", group) if by == "unit" else ("" if by == "all" else by, group, "")
            row = found.loc[key]
            if row["status"] == NOT_ESTIMABLE:
                estimate, error = expected[by]["estimate"][i], expected[by]["std_error"][i]
                assert error >= 0.5 * abs(estimate) or row["n"] < 30
                continue
            r = [np.ravel(expected[by][part])[i] for part in ("estimate", "std_error")]
            # Both are sums of the same products in another order: rounding, no more.
            assert [row["estimate"], row["std_error"]] == pytest.approx(r, rel=1e-8)
            assert row["n"] == np.ravel(expected[by].get("n", row["n"]))[i]


def test_totals_agree_with_r(ssocs: dict[str, pd.DataFrame]) -> None:
    for wave, r in R["totals"].items():
        row = design.totals(ssocs[wave], jackknife_of(ssocs[wave]), "violent_incidents").iloc[0]
        assert [row["estimate"], row["std_error"]] == pytest.approx([r["estimate"], r["std_error"]], rel=1e-8)
        assert row["degrees_of_freedom"] == R["degrees"] == 49


def some_schools(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    schools = pd.DataFrame({"level": ["high"] * 100 + ["combined"] * 20, "locale": "city", "size": "small"})
    schools["wave"], schools["weight"] = "2018", rng.uniform(10, 50, len(schools))
    part = np.arange(len(schools)) % 50
    given = {f"replicate_{i + 1}": schools["weight"].where(part != i, 0.0) * 50 / 49 for i in range(50)}
    schools["often"] = pd.array(rng.random(len(schools)) < 0.6, dtype="boolean")
    schools["seldom"] = pd.array(np.arange(len(schools)) < 3, dtype="boolean")
    return schools.assign(calls=rng.poisson(4, len(schools)).astype(float), **given)


def test_numbers_that_do_not_meet_the_standard_are_rows_without_numbers() -> None:
    absent = dict.fromkeys(("never", "visits", "calls_per_1000"), "not asked")
    rows = national_estimates(
        some_schools(),
        shares=["often", "seldom", "never"],
        counts=["calls", "visits"],
        rates=["calls_per_1000"],
        absent=absent,
    )
    rows = rows.set_index(["measure", "group_by", "group", "school_id"]).sort_index()
    few = rows.loc[("often", "level", "combined", "")]
    assert few["n"] == 20
    assert (few["status"], few["note"]) == ("not_estimable", "reporting standards not met")
    assert pd.isna(few[["estimate", "std_error", "conf_low", "conf_high"]]).all()
    assert rows.loc[("seldom", "", "", ""), "note"] in ("interpret with caution", "reporting standards not met")
    assert rows.loc[("often", "", "", "high_city"), "estimate"] == rows.loc[("often", "level", "high", ""), "estimate"]
    for name, unit in zip(absent, ("share", "per school", "per 1,000 students"), strict=True):
        assert (rows.loc[name, "note"] == "not asked").all() and rows.loc[name, "estimate"].isna().all()
        assert set(rows.loc[name, "unit"]) == {unit} and rows.loc[(name, "", "", ""), "n"] == 0
    assert set(rows.loc["calls", "unit"]) == {"per school"}
    assert rows.loc[("often", "", "", ""), "method"].startswith("JK1 jackknife, 50 replicates;")


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), yes=st.integers(0, 120))
def test_a_number_is_shown_exactly_where_it_meets_the_standard(seed: int, yes: int) -> None:
    schools = some_schools(seed).assign(often=pd.array(np.arange(120) % 100 < yes, dtype="boolean"))
    shown = national_estimates(schools, shares=["often"], counts=[], absent={}).set_index(["group", "school_id"])
    raw = design.proportions(schools, jackknife_of(schools), "often", by=["level"]).set_index("level")
    for level, row in raw.iterrows():
        unfit = row["n"] < 30 or row["std_error"] / row["estimate"] >= 0.5 if row["estimate"] else row["n"] < 30
        assert (shown.loc[(level, ""), "status"] == NOT_ESTIMABLE) == unfit
        assert shown.loc[("", f"{level}_city"), "status"] == shown.loc[(level, ""), "status"]


def test_a_standard_error_of_a_third_asks_for_caution() -> None:
    schools = some_schools().assign(seldom=pd.array(np.arange(120) < 9, dtype="boolean"))
    row = national_estimates(schools, shares=["seldom"], counts=[], absent={}).iloc[0]
    assert 0.3 <= row["std_error"] / row["estimate"] < 0.5
    assert (row["status"], row["note"]) == ("estimated", "interpret with caution")


def test_a_change_has_the_variance_of_both_waves_and_none_goes_over_new_wording() -> None:
    before = national_estimates(some_schools(1), shares=["often"], counts=["calls"], absent={})
    after = national_estimates(some_schools(2).assign(wave="2020"), shares=["often"], counts=["calls"], absent={})
    both = pd.concat([after, before])
    pair = ("2018", "2020")
    rows = changes(both, broken={pair: {"calls": "another question"}}, broken_groups={pair: {"level": "other levels"}})
    rows = rows.set_index(["measure", "group_by", "group", "school_id"]).sort_index()
    change, now, then = rows.loc[(CHANGE_IN + "often", "", "", "")], after.iloc[0], before.iloc[0]
    assert change["estimate"] == pytest.approx(now["estimate"] - then["estimate"])
    assert change["std_error"] == pytest.approx(np.hypot(now["std_error"], then["std_error"]))
    assert (change["wave"], change["method"]) == ("2020", "JK1 jackknife, 50 replicates, less that of 2018")
    assert (rows.loc[CHANGE_IN + "calls", "note"] == "another question").all()
    assert rows.loc[(CHANGE_IN + "often", "level", "high", ""), "note"] == "other levels"
    assert rows.loc[(CHANGE_IN + "often", "", "", "high_city"), "status"] == NOT_ESTIMABLE
    assert rows.loc[(CHANGE_IN + "often", "locale", "city", ""), "status"] == "estimated"


def test_a_question_that_got_other_words_once_has_no_trend_over_that_and_one_after_it() -> None:
    waves = [
        national_estimates(some_schools(i).assign(wave=wave), shares=["often"], counts=[], absent={})
        for i, wave in enumerate(("2018", "2020", "2022"))
    ]
    early, late = ("2018", "2020"), ("2020", "2022")
    rows = changes(
        pd.concat(waves), broken={early: {"often": "reworded"}, late: {}}, broken_groups={early: {}, late: {}}
    )
    nation = rows[(rows["group_by"] == "") & (rows["school_id"] == "")].set_index("wave")
    assert nation.loc["2020", "note"] == "reworded" and pd.isna(nation.loc["2020", "estimate"])
    assert nation.loc["2022", "estimate"] == pytest.approx(waves[2]["estimate"][0] - waves[1]["estimate"][0])
    with pytest.raises(KeyError):
        changes(pd.concat(waves), broken={early: {}}, broken_groups={early: {}})
