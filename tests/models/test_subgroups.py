"""The effect of engagement in each group, and harms beside it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.measures.discipline import discipline_rates
from sro_research.models.declared import Question
from sro_research.models.harms import HARM_BETWEEN, HARM_WITHIN, NOT_KNOWN, harm_estimates
from sro_research.models.multilevel import WITHIN
from sro_research.models.subgroups import DIFFERENCE, FEW, subgroup_effects, subgroup_estimates
from sro_research.parameters import Model
from tests.models.multilevel_reference import HOURS, PEOPLE, TEXT

FOLDER = Path(__file__).parents[1] / "reference" / "subgroups"
R = json.loads((FOLDER / "expected.json").read_text())
TOLERANCE = 1e-8
"""Relative: both solve the same normal equations, whose condition number is about 1e4."""
GROUPS = ["g09", "g10", "g11"]


def declared(*, per: float = 1.0, **more: object) -> Model:
    basic = {"population": "student", "outcome": "trust", "exposure": "outreach_hours_per_100_students"}
    return Model(**basic, per=per, smallest_effect=0.05, **({"subgroups": ["grade"]} | more))


def question(scores: pd.DataFrame = PEOPLE, **more: object) -> Question:
    return Question(scores.assign(grade=scores["grade"].astype("string")), HOURS, None, declared(**more))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("measure", "name"), [(WITHIN, "effect"), (DIFFERENCE, "difference")])
def test_effects_in_groups_against_r(group: str, measure: str, name: str) -> None:
    rows = subgroup_effects(question())
    row = rows[(rows["measure"] == measure) & (rows["group"] == group)].squeeze()
    assert row["n"] == R[group]["n"]
    for column, value in R[group][name].items():
        assert row[column] == pytest.approx(value, rel=TOLERANCE), column


def test_differences_are_adjusted_over_all_groups() -> None:
    rows = subgroup_effects(question())
    differences = rows[rows["measure"] == DIFFERENCE]
    assert differences["p_adjusted"].to_list() == pytest.approx(R["differences_adjusted"], rel=TOLERANCE)


def test_effects_are_given_for_the_declared_number_of_hours() -> None:
    one, ten = (subgroup_effects(question(per=per)).set_index(["measure", "group"]) for per in (1, 10))
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        np.testing.assert_allclose(ten[column], 10 * one[column], rtol=1e-12)
    np.testing.assert_allclose(ten["p_value"], one["p_value"], rtol=1e-12)


def test_a_group_in_few_schools_is_a_row_that_says_so() -> None:
    ids = sorted(PEOPLE["school_id"].unique())[:9]
    rare = PEOPLE["grade"].where(PEOPLE["school_id"].isin(ids) | (PEOPLE["grade"] != "g10"), "g09")
    rows = subgroup_estimates(subgroup_effects(question(PEOPLE.assign(grade=rare))), question())
    said = rows.set_index(["measure", "group"])["note"]
    assert said[WITHIN, "g10"] == said[DIFFERENCE, "g10"] == FEW
    assert said[WITHIN, "g09"] == said[WITHIN, "g11"] == ""


def test_a_group_of_everybody_has_no_others() -> None:
    rows = subgroup_effects(question(PEOPLE.assign(grade="g09")))
    assert list(rows["note"]) == [FEW, FEW]


def test_where_the_declared_model_cannot_be_fitted_each_group_says_why() -> None:
    one_wave = PEOPLE[PEOPLE["wave"] == "2023"]
    rows = subgroup_estimates(subgroup_effects(question(one_wave)), question())
    assert set(rows["note"]) == {"one wave only: nothing changes within schools"}
    assert len(rows) == 2 * len(GROUPS)


def test_the_model_does_not_adjust_for_the_question_it_is_split_by() -> None:
    with_own = subgroup_effects(question(adjust=["grade"]))
    pd.testing.assert_frame_equal(with_own, subgroup_effects(question()))


def test_a_planted_difference_between_groups_is_found() -> None:
    within = PEOPLE.merge(HOURS.rename("hours").reset_index(), on=["school_id", "wave"])
    seen = within.drop_duplicates(["school_id", "wave"]).groupby("school_id")["hours"].mean()
    apart = within["hours"].to_numpy() - seen.loc[within["school_id"]].to_numpy()
    planted = within.assign(score=within["score"] + 0.5 * apart * (within["grade"] == "g10"))
    rows = subgroup_effects(question(planted)).set_index(["measure", "group"])
    before = subgroup_effects(question(within)).set_index(["measure", "group"])
    moved = rows["estimate"] - before["estimate"]
    assert moved[WITHIN, "g10"] == pytest.approx(0.5)
    assert moved[DIFFERENCE, "g10"] == pytest.approx(0.5)
    assert moved[WITHIN, "g09"] == pytest.approx(0, abs=1e-12)
    assert rows["p_adjusted"][DIFFERENCE, "g10"] < 0.05


def rates() -> pd.DataFrame:
    wide = pd.read_csv(FOLDER / "discipline.csv", dtype=TEXT)
    counts = wide.drop(columns="students").melt(["school_id", "wave"], var_name="event", value_name="students").dropna()
    return discipline_rates(counts.astype({"event": "string", "students": "Int64"}), wide)


@pytest.mark.parametrize("harm", ["exclusion", "referral"])
@pytest.mark.parametrize(("measure", "name"), [(HARM_WITHIN, "within"), (HARM_BETWEEN, "between")])
def test_harms_against_r(harm: str, measure: str, name: str) -> None:
    rows = harm_estimates(rates(), HOURS, harms=["exclusion", "referral"], per=10)
    row = rows[(rows["measure"] == measure) & (rows["construct"] == harm)].squeeze()
    assert row["n"] == R[harm]["n"]
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert row[column] == pytest.approx(10 * R[harm][name][column], rel=TOLERANCE), column


def test_a_harm_of_which_nothing_is_known_says_so() -> None:
    row = harm_estimates(rates(), HOURS, harms=["arrest"], per=10).iloc[0]
    assert (row["n"], row["status"], row["note"]) == (0, "not_estimable", NOT_KNOWN)
