"""Risks and ratios of groups against R, the rules of what may be reported, shrinkage, and officers as clusters."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.disparity import (
    EVERY_ONE,
    NO_OTHERS,
    NOT_KNOWN,
    SMALL_GROUP,
    SMALL_OTHERS,
    at_step,
    disparity_estimates,
    recent,
    relative_rates,
    reported,
    risk_ratios,
    shrunken_ratios,
)
from sro_research.models.officer_clusters import ALIKE, FEW_OFFICERS, ONE_OFFICER, ONE_SIDED, ratios_by_officer
from sro_research.models.shrinkage import TOO_FEW_SCHOOLS

FOLDER = Path(__file__).parents[1] / "reference" / "contacts"
R = json.loads((FOLDER / "expected.json").read_text())
TEXT = {"school_id": "string", "wave": "string", "group": "string", "officer_key": "string"}
PEOPLE = pd.read_csv(FOLDER / "people.csv", dtype=TEXT).assign(wave="2024", group_by="race")
DISTRICT = PEOPLE.groupby(["wave", "group_by", "group"])[["events", "people"]].sum().reset_index().assign(school_id="")
LOG = pd.read_csv(FOLDER / "log.csv", dtype=TEXT).assign(group_by="race")
TOLERANCE = 1e-9
"""Relative: closed forms, and roots found to 1e-14 of a share."""


def cells(*rows: tuple[str, float | None, float | None], school: str = "1", wave: str = "2024") -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["group", "events", "people"]).astype({"group": "string"})
    table = table.astype({"events": "Int64", "people": "Int64"})
    return table.assign(school_id=school, wave=wave, group_by="race")


def test_ratios_of_the_district_against_r() -> None:
    rows = risk_ratios(DISTRICT, share=False)
    for column, value in R["district"].items():
        # p-values near 1e-14 are one minus a number near one in either program.
        assert rows[column].to_list() == pytest.approx(value, rel=TOLERANCE, abs=1e-15), column
    assert rows["risk"].to_list() == pytest.approx((DISTRICT["events"] / DISTRICT["people"]).to_list())


BIG = ("c", 90, 900)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([("a", 10, 30), BIG], ""),
        ([("a", 9, 30), BIG], SMALL_GROUP),
        ([("a", 10, 29), BIG], SMALL_GROUP),
        ([("a", 20, 100), ("b", 9, 500)], SMALL_OTHERS),
        ([("a", 20, 100), ("b", 0, 500)], SMALL_OTHERS),
        ([("a", 20, 100), ("b", 20, 29)], SMALL_OTHERS),
        ([("a", 20, 100), ("b", 5, 20), ("c", 5, 20)], ""),  # the others are taken together
        ([("a", None, 100), BIG], NOT_KNOWN),
        ([("a", 20, None), BIG], NOT_KNOWN),
        ([("a", 20, 100), ("b", None, 500), BIG], NO_OTHERS),
        ([("a", 20, 100)], NO_OTHERS),
    ],
)
def test_what_may_be_reported(rows: list[tuple[str, float | None, float | None]], note: str) -> None:
    compared = risk_ratios(cells(*rows), share=False)
    assert compared.loc[0, "note"] == note and compared.loc[0, "meets_minimum"] == (note == "")
    estimate = disparity_estimates(compared, step="stop").iloc[0]
    assert estimate["status"] == ("estimated" if note == "" else "not_estimable") and estimate["note"] == note
    assert estimate["measure"] == "risk_ratio_stop"


def test_where_the_others_of_a_school_are_few_those_of_the_district_stand_for_them() -> None:
    school = cells(("a", 20, 100), ("b", 3, 25))
    district = cells(("a", 50, 400), ("b", 60, 900), ("c", 40, 600), school="")
    rows = risk_ratios(school, share=False, wider=district.drop(columns="school_id"))
    assert rows.loc[0, "comparison"] == "alternate_risk_ratio" and rows.loc[0, "meets_minimum"]
    assert rows.loc[0, "estimate"] == pytest.approx((20 / 100) / (100 / 1500))
    # Those who would be compared with a small group are many enough: nothing takes their place.
    assert rows.loc[1, "comparison"] == "risk_ratio" and rows.loc[1, "note"] == SMALL_GROUP
    few = cells(("a", 50, 400), ("b", 4, 90), school="")
    assert risk_ratios(school, share=False, wider=few.drop(columns="school_id")).loc[0, "note"] == SMALL_OTHERS


def test_others_who_are_not_known_are_not_few() -> None:
    district = cells(("a", 50, 400), ("b", 60, 900), school="").drop(columns="school_id")
    not_known = risk_ratios(cells(("a", 20, 100), ("b", None, 25)), share=False, wider=district)
    assert not_known.loc[0, "comparison"] == "risk_ratio" and not_known.loc[0, "note"] == NO_OTHERS
    nobody = risk_ratios(cells(("a", 20, 100)), share=False, wider=district)
    assert nobody.loc[0, "comparison"] == "alternate_risk_ratio" and nobody.loc[0, "meets_minimum"]


def test_where_all_of_both_reached_the_step_limits_lack_for_a_reason() -> None:
    compared = risk_ratios(cells(("a", 40, 40), ("b", 30, 30)), share=True)
    assert compared["estimate"].tolist() == [1, 1] and compared["conf_low"].isna().all()
    assert set(compared["note"]) == {EVERY_ONE} and compared["meets_minimum"].all()


def test_small_groups_are_no_part_of_the_family_of_tests() -> None:
    rows = risk_ratios(cells(("a", 30, 100), ("b", 3, 9), ("c", 90, 900)), share=False)
    alone = risk_ratios(cells(("a", 30, 100), ("c", 93, 909)), share=False)
    assert pd.isna(rows.loc[1, "p_adjusted"]) and rows.loc[1, "p_value"] > 0
    assert rows.loc[0, "p_adjusted"] == pytest.approx(alone.loc[0, "p_adjusted"])


def test_the_last_three_waves_are_added_up_and_a_missing_one_is_not_zero() -> None:
    years = [cells(("a", i, 100), ("b", 10 * i, 200), wave=str(2020 + i)) for i in range(1, 5)]
    rows = pd.concat(years, ignore_index=True)
    rows.loc[(rows["wave"] == "2023") & (rows["group"] == "b"), "events"] = pd.NA
    sums = recent(rows, [str(2020 + i) for i in range(1, 5)]).set_index("group")
    assert sums.loc["a", ["wave", "events", "people"]].tolist() == ["", 2 + 3 + 4, 300]
    assert pd.isna(sums.loc["b", "events"]) and sums.loc["b", "people"] == 600


COUNTS = pd.DataFrame(
    {
        "group": pd.array(["a", "b"], dtype="string"),
        "people": [400, 1000],
        "stop": [80, 100],
        "search": [24, 20],
        "result": [20, 20],
        "found": [5, 10],
        "referral": [20, 30],
        "arrest": [10, 12],
    }
).assign(school_id="", wave="2024", group_by="race")


def test_relative_rates_along_the_chain() -> None:
    rows = relative_rates(COUNTS, reference={"race": "b"}).set_index("step")
    assert set(rows["group"]) == {"a"} and set(rows["comparison"]) == {"relative_rate"}
    assert rows["estimate"].to_dict() == pytest.approx(
        {"stop": 2.0, "search": 1.5, "referral": 0.25 / 0.3, "arrest": 0.5 / 0.4, "hit": 0.5}
    )
    # 20 referrals are too few to say how many of them end in an arrest.
    assert rows["meets_minimum"].to_dict() == {s: s in ("stop", "search", "referral") for s in rows.index}
    assert ((rows["conf_low"] < rows["estimate"]) & (rows["estimate"] < rows["conf_high"])).all()


def test_a_hit_rate_is_of_searches_with_a_known_result() -> None:
    hits = risk_ratios(at_step(COUNTS, "hit"), share=True)
    assert hits["risk"].tolist() == [0.25, 0.5]
    assert (hits["risk_low"] < hits["risk"]).all() and (hits["risk"] < hits["risk_high"]).all()


def test_without_the_reference_group_nothing_is_compared() -> None:
    rows = relative_rates(COUNTS[COUNTS["group"] == "a"], reference={"race": "b"})
    assert rows["estimate"].isna().all() and set(rows["note"]) == {NO_OTHERS}


def test_shrunken_ratios_against_r() -> None:
    rows = shrunken_ratios(risk_ratios(PEOPLE, share=False))
    one = rows[rows["group"] == "1"].sort_values("school_id")
    # metafor's search for tau2 ends within 1e-12 of the likelihood's slope.
    assert one["tau2"].iloc[0] == pytest.approx(R["shrunken"]["tau2"], rel=1e-6)
    assert np.log(one["estimate"]).tolist() == pytest.approx(R["shrunken"]["log_estimate"], rel=1e-6)
    assert ((one["conf_low"] < one["estimate"]) & (one["estimate"] < one["conf_high"])).all()


def test_a_school_without_contacts_is_not_a_ratio_of_zero() -> None:
    schools = [cells(("a", 8 + i, 100), ("b", 30, 500), school=str(i)) for i in range(6)]
    schools += [cells(("a", 0, 15), ("b", 4, 60), school="small"), cells(("a", 0, 15), ("b", 0, 60), school="none")]
    rows = shrunken_ratios(risk_ratios(pd.concat(schools, ignore_index=True), share=False))
    rows = rows[rows["group"] == "a"].set_index("school_id")
    assert rows.loc["small", "own_estimate"] == 0 and 1 < rows.loc["small", "estimate"] < 2.6
    assert pd.isna(rows.loc["none", "estimate"]) and rows.loc["none", "note"] != ""


def test_limits_of_shrunken_ratios_hold_where_schools_differ() -> None:
    rng = np.random.default_rng(11)
    schools = [(f"{d:03d}", s) for d in range(80) for s in range(12)]
    group, others = rng.integers(10, 120, len(schools)), rng.integers(60, 500, len(schools))
    truth = np.exp(rng.normal(0.4, 0.4, len(schools)))
    level = rng.uniform(0.05, 0.15, len(schools))
    counts = {"a": (rng.poisson(group * level * truth), group), "b": (rng.poisson(others * level), others)}
    # Each district is shrunken for itself: its name stands where the wave does.
    place = pd.DataFrame(schools, columns=["wave", "school_id"]).astype("string").assign(group_by="race", truth=truth)
    rows = pd.concat([place.assign(group=g, events=x, people=n) for g, (x, n) in counts.items()], ignore_index=True)
    made = shrunken_ratios(risk_ratios(rows, share=False))
    made = made[(made["group"] == "a") & made["estimate"].notna()]
    holds = (made["conf_low"] <= made["truth"]) & (made["truth"] <= made["conf_high"])
    assert len(made) > 950 and 0.93 <= holds.mean() <= 0.97
    own = np.log(made["own_estimate"].clip(lower=0.2) / made["truth"])
    assert (np.log(made["estimate"] / made["truth"]) ** 2).mean() < 0.6 * (own**2).mean()


def test_no_school_is_no_row_and_no_error() -> None:
    none = shrunken_ratios(risk_ratios(PEOPLE, share=False).head(0))
    assert none.empty and list(none) == list(shrunken_ratios(risk_ratios(PEOPLE, share=False)))


def test_too_few_schools_are_not_shrunken() -> None:
    rows = shrunken_ratios(risk_ratios(PEOPLE[PEOPLE["school_id"] < "0005"], share=False))
    assert rows["estimate"].isna().all() and set(rows["note"]) == {TOO_FEW_SCHOOLS}


@pytest.mark.parametrize("group", ["1", "2", "3"])
def test_officers_as_clusters_against_r(group: str) -> None:
    row = ratios_by_officer(LOG, DISTRICT).set_index("group").loc[group]
    for column, value in R["officers"][group].items():
        # The square root of a matrix stands between the two: a few more roundings.
        assert row[column] == pytest.approx(value, rel=1e-8), column


def test_each_contact_by_another_officer_is_the_usual_error() -> None:
    alone = LOG.assign(officer_key=[f"o{i}" for i in range(len(LOG))])
    row = ratios_by_officer(alone, DISTRICT).set_index("group").loc["1"]
    x = (LOG["group"] == "1").sum()
    assert row["std_error"] == pytest.approx(np.sqrt(1 / x + 1 / (len(LOG) - x)), rel=2e-3)


def test_what_officers_cannot_tell_is_said() -> None:
    one = ratios_by_officer(LOG.assign(officer_key="o"), DISTRICT)
    assert set(one["note"]) == {ONE_OFFICER} and one["estimate"].isna().all()
    nobody = ratios_by_officer(LOG[LOG["group"] != "1"], DISTRICT).set_index("group")
    assert nobody.loc["1", "note"] == ONE_SIDED and nobody.loc["2", "note"] == ""
    few = LOG[LOG["officer_key"].isin(sorted(LOG["officer_key"].unique())[:3])]
    assert set(ratios_by_officer(few, DISTRICT)["note"]) == {FEW_OFFICERS}
    assert ratios_by_officer(LOG, DISTRICT.assign(people=pd.NA)).empty


def test_officers_whose_contacts_are_shared_alike_leave_no_limits() -> None:
    rows = [(f"o{i}", "race", group) for i in range(12) for group in "112"]
    alike = pd.DataFrame(rows, columns=["officer_key", "group_by", "group"])
    people = pd.DataFrame({"group_by": "race", "group": ["1", "2"], "people": [100, 300]})
    row = ratios_by_officer(alike, people).set_index("group").loc["1"]
    assert row["estimate"] == pytest.approx(6) and row["note"] == ALIKE
    assert row[["std_error", "conf_low", "conf_high", "p_value"]].isna().all()


def test_without_any_group_there_are_no_rows_and_no_error() -> None:
    none = ratios_by_officer(LOG.head(0), DISTRICT.head(0))
    assert none.empty and list(none) == list(ratios_by_officer(LOG, DISTRICT))


def test_what_may_not_be_reported_has_its_reason_and_no_number() -> None:
    compared = risk_ratios(cells(("a", 9, 300), ("b", 40, 300), BIG), share=False)
    told = reported(compared).set_index("group")
    numbers = ["risk", "risk_low", "risk_high", "estimate", "conf_low", "conf_high", "p_value", "p_adjusted"]
    assert told.loc["a", numbers].isna().all() and told.loc["a", "note"] == SMALL_GROUP
    assert told.loc["b", numbers].notna().all() and told.loc["b", "note"] == ""
    assert compared.loc[compared["group"] == "a", "estimate"].notna().all()
