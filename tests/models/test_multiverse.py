"""A multiverse: its single fits against R `lme4`, its shares by hand, its decomposition against `statsmodels`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from sro_research.errors import WorkbenchError
from sro_research.models.choices import KEPT, LEFT_OUT, Choices, Exposure
from sro_research.models.multiverse import by_choice, leave_one_out, multiverse, specifications, summarize
from sro_research.models.sufficient import cells_of

FOLDER = Path(__file__).parents[1] / "reference" / "lme4"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
SAME, BEFORE = Exposure("hours"), Exposure("hours", lag=1)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    table = pd.read_csv(FOLDER / "simulated.csv").rename(columns={"school": "school_id", "district": "district_id"})
    flagged = np.random.default_rng(5).random(len(table)) < 0.1
    return table.assign(wave=table["year"].astype("string"), flagged=flagged)


@pytest.fixture(scope="module")
def records(rows) -> pd.DataFrame:
    table = rows.drop_duplicates(["school_id", "wave"]).set_index(["school_id", "wave"])[["hours"]]
    return table.assign(staff=np.random.default_rng(6).normal(size=len(table)))


@pytest.fixture(scope="module")
def cells(rows):
    return cells_of(rows, keys=["school_id", "wave"], columns=["climate", "grade"])


@pytest.fixture(scope="module")
def many(rows, records) -> pd.DataFrame:
    choices = Choices(
        exposure={"same year": SAME, "year before": BEFORE},
        adjustment={"none": (), "grade": ("grade",), "grade, staff": ("grade", "staff")},
        fewest_answers=(1, 8),
        flagged=(KEPT, LEFT_OUT),
        waves={"all": ("1", "2", "3"), "last two": ("2", "3")},
    )
    fine = cells_of(rows, keys=["school_id", "wave", "flagged"], columns=["climate", "grade"])
    return multiverse(fine, records, choices, outcome="climate")


@pytest.mark.parametrize(("name", "exposure", "fewest"), [("same_year", SAME, 1), ("year_before", BEFORE, 10)])
def test_a_specification_is_the_model_of_its_rows(cells, records, name, exposure, fewest):
    choices = Choices({"hours": exposure}, {"grade": ("grade",)}, (fewest,))
    row = multiverse(cells, records, choices, outcome="climate").iloc[0]
    r = EXPECTED[name]
    assert r["terms"][1] == "within"
    assert row["estimate"] == pytest.approx(r["coefficients"][1], rel=1e-6)
    assert row["std_error"] == pytest.approx(r["std_errors"][1], rel=1e-6)
    assert row["n"] == r["n"]
    waves = sum(term.startswith("year") for term in r["terms"])
    design = row["school_waves"] - row["schools"] - waves - 1 - 1
    assert row["df"] == pytest.approx(min(r["satterthwaite_df"][1], design), rel=1e-5)
    per_ten = replace(choices, exposure={"hours": replace(exposure, per=10.0)})
    ten = multiverse(cells, records, per_ten, outcome="climate").iloc[0]
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert ten[column] == pytest.approx(10 * row[column])


def test_all_combinations_are_there_and_rows_are_those_that_were_chosen(many, rows):
    assert len(many) == 2 * 3 * 2 * 2 * 2
    assert not many.duplicated(list(specifications(Choices({})))).any()
    plain = many[(many["exposure"] == "same year") & (many["fewest_answers"] == 1) & (many["waves"] == "all")]
    assert set(plain.loc[plain["flagged"] == KEPT, "n"]) == {len(rows)}
    assert set(plain.loc[plain["flagged"] == LEFT_OUT, "n"]) == {int((~rows["flagged"]).sum())}
    sizes = rows.groupby(["school_id", "wave"]).size()
    eight = many[(many["fewest_answers"] == 8) & (many["waves"] == "all") & (many["flagged"] == KEPT)]
    assert set(eight.loc[eight["exposure"] == "same year", "n"]) == {int(sizes[sizes >= 8].sum())}


def test_a_fit_does_not_depend_on_where_the_one_before_it_ended(many, rows, records):
    last = many.iloc[-1]
    alone = Choices({"b": BEFORE}, {"a": ("grade", "staff")}, (8,), (LEFT_OUT,), {"w": ("2", "3")})
    fine = cells_of(rows, keys=["school_id", "wave", "flagged"], columns=["climate", "grade"])
    row = multiverse(fine, records, alone, outcome="climate").iloc[0]
    for column in ("estimate", "std_error", "df", "conf_low"):
        assert row[column] == pytest.approx(last[column], rel=1e-7)


def test_what_cannot_be_estimated_is_a_row_that_says_why(cells, records, many):
    one_wave = Choices({"hours": SAME}, waves={"last": ("3",)})
    row = multiverse(cells, records, one_wave, outcome="climate").iloc[0]
    assert np.isnan(row["estimate"]) and "one wave only" in row["note"]
    nobody = multiverse(cells, records, Choices({"hours": SAME}, fewest_answers=(10_000,)), outcome="climate").iloc[0]
    assert "fewer than 10 schools" in nobody["note"]
    early = many[(many["exposure"] == "year before") & (many["waves"] == "last two")]
    assert early["note"].eq("").all() and early["estimate"].notna().all()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices({"hours": Exposure("hour")}), "Did you mean 'hours'"),
        (Choices({"hours": SAME}, {"age": ("age",)}), "neither answers nor records"),
        (Choices({"hours": SAME}, waves={"all": ("1", "4")}), "nobody answered"),
        (Choices({"hours": SAME}, flagged=("dropped",)), "kept or left out"),
        (Choices({"hours": SAME}, flagged=(LEFT_OUT,)), "no such key"),
    ],
)
def test_a_choice_that_cannot_be_meant_stops(cells, records, choices, message):
    with pytest.raises(WorkbenchError, match=message):
        multiverse(cells, records, choices, outcome="climate")
    twice = pd.concat([records, records.head(1)])
    with pytest.raises(WorkbenchError, match="one row by school_id and wave"):
        multiverse(cells, twice, Choices({"hours": SAME}), outcome="climate")


def test_the_summary_counts():
    curve = pd.DataFrame(
        {
            "estimate": [-0.3, -0.2, -0.1, 0.1, np.nan],
            "conf_low": [-0.4, -0.3, -0.3, -0.1, np.nan],
            "conf_high": [-0.2, -0.1, 0.1, 0.3, np.nan],
        }
    )
    found = summarize(curve, smallest_effect=0.2)
    assert (found.specifications, found.not_estimable) == (5, 1)
    assert (found.median, found.lowest, found.highest) == pytest.approx((-0.15, -0.3, 0.1))
    assert (found.share_same_sign, found.share_excluding_zero, found.share_beyond_smallest) == (0.75, 0.5, 0.5)
    assert np.isnan(summarize(curve.tail(1), smallest_effect=0.2).median)


@pytest.mark.parametrize("whole", [True, False])
def test_variance_by_choice_is_an_analysis_of_variance(many, whole):
    curve = many if whole else many[many.index % 7 != 0]
    known = curve.dropna(subset=["estimate"])
    found = by_choice(curve).set_index("choice")["eta_squared"]
    fit = ols("estimate ~ C(exposure) + C(adjustment) + C(fewest_answers) + C(flagged) + C(waves)", known).fit()
    table, total = anova_lm(fit, typ=2)["sum_sq"], known["estimate"].var(ddof=0) * len(known)
    for choice in ("exposure", "adjustment", "fewest_answers", "flagged", "waves"):
        assert found[choice] == pytest.approx(table[f"C({choice})"] / total, rel=1e-6)
    assert found["choices together"] == pytest.approx(table["Residual"] / total, rel=1e-6)
    if whole:
        assert found.sum() == pytest.approx(1)


def test_without_a_school_is_the_fit_of_the_others(cells, rows, records):
    choices = Choices({"hours": SAME}, {"grade": ("grade",)})
    found = leave_one_out(cells, records, choices, outcome="climate").set_index("school_id")
    assert len(found) == 36 and found["change"].abs().is_monotonic_decreasing
    whole = multiverse(cells, records, choices, outcome="climate").iloc[0]
    for school in found.index[[0, 20]]:
        others = cells_of(rows[rows["school_id"] != school], keys=["school_id", "wave"], columns=["climate", "grade"])
        fit = multiverse(others, records, choices, outcome="climate").iloc[0]
        assert found.loc[school, "estimate"] == pytest.approx(fit["estimate"], rel=1e-7)
        assert found.loc[school, "std_error"] == pytest.approx(fit["std_error"], rel=1e-7)
        assert found.loc[school, "change"] == pytest.approx(fit["estimate"] - whole["estimate"], rel=1e-6)


def test_without_a_district(rows, records):
    cells = cells_of(rows, keys=["district_id", "school_id", "wave"], columns=["climate", "grade"])
    found = leave_one_out(cells, records, Choices({"hours": SAME}), outcome="climate", unit="district_id")
    assert sorted(found["district_id"]) == [f"d{i}" for i in range(1, 7)]
    with pytest.raises(WorkbenchError, match="more than one specification"):
        leave_one_out(cells, records, Choices({"a": SAME, "b": BEFORE}), outcome="climate")


def test_a_planted_effect_is_found_in_every_universe():
    """30 schools, 4 waves, a true effect of 0.1; a choice that changes nothing has no share of the variance."""
    rng, schools, waves = np.random.default_rng(8), 30, 4
    at = pd.MultiIndex.from_product([[f"{i:02d}" for i in range(schools)], list("1234")], names=["school_id", "wave"])
    records = pd.DataFrame({"hours": rng.normal(size=len(at))}, index=at)
    records["minutes"] = 60 * records["hours"]
    level = 0.1 * records["hours"] + np.repeat(rng.normal(0, 0.3, schools), waves)
    rows = level.repeat(60).rename("climate").reset_index()
    rows["climate"] += rng.normal(0, 0.3, len(rows))
    cells = cells_of(rows, keys=["school_id", "wave"], columns=["climate"])
    choices = Choices(
        {"hours": SAME, "minutes": Exposure("minutes", per=60)}, waves={"all": tuple("1234"), "late": tuple("234")}
    )
    curve = multiverse(cells, records, choices, outcome="climate")
    assert ((curve["conf_low"] < 0.1) & (curve["conf_high"] > 0.1)).all()
    assert summarize(curve, smallest_effect=0.05).share_beyond_smallest == 1
    assert by_choice(curve).set_index("choice").loc["exposure", "eta_squared"] == pytest.approx(0, abs=1e-9)
