"""Weights against R `survey`, and by hand where schools are small."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sro_research.models.sampling import DesignError
from sro_research.models.weights import effect_of_weights, kish, post_stratify, rake, trim

SURVEY = Path(__file__).parents[1] / "reference" / "survey"
R = json.loads((SURVEY / "expected.json").read_text())["weights"]
CLUS = pd.read_csv(SURVEY / "apiclus1.csv", dtype={"cds": "str"})
MARGINS = {
    "stype": pd.Series({"E": 4421, "H": 755, "M": 1018}),
    "sch.wide": pd.Series({"No": 1072, "Yes": 5122}),
    "awards": pd.Series({"No": 2106, "Yes": 4088}),
}


def test_raking_agrees_with_r() -> None:
    raked = rake(CLUS, MARGINS, weight="pw")
    assert raked.converged and 0 < raked.rounds < 100
    # R stops at a change of 1e-11 of its margins, ours at a distance of 1e-9 of each.
    assert raked.weights.tolist() == pytest.approx(R["raked"], rel=1e-7)
    for column, target in MARGINS.items():
        assert raked.weights.groupby(CLUS[column]).sum().to_dict() == pytest.approx(target.to_dict(), rel=1e-8)


def test_bounded_raking_agrees_with_r() -> None:
    bounded = rake(CLUS, MARGINS, weight="pw", bounds=(0.6, 2.0))
    assert bounded.converged
    assert bounded.weights.tolist() == pytest.approx(R["bounded"], rel=1e-7)
    factors = bounded.weights / CLUS["pw"]
    assert 0.6 < factors.min() < factors.max() < 2.0


def test_margins_that_bounds_do_not_allow_are_not_met() -> None:
    bounded = rake(CLUS, MARGINS, weight="pw", bounds=(0.95, 1.05))
    assert not bounded.converged and bounded.gap > 0.01
    # All weights are first brought to the population's size: pw, of six decimals, adds up to it within 1e-7.
    assert (bounded.weights / CLUS["pw"]).between(0.95 - 1e-7, 1.05 + 1e-7).all()


def test_margins_that_contradict_the_answers_are_not_met() -> None:
    """Everybody in grade 6 is in school a, but more people are in grade 6 than in school a."""
    table = pd.DataFrame({"school": ["a", "a", "b"], "grade": [6, 7, 7]})
    margins = {"school": pd.Series({"a": 10, "b": 20}), "grade": pd.Series({6: 15, 7: 15})}
    raked = rake(table, margins)
    assert not raked.converged


def test_raking_does_not_depend_on_the_number_of_rows() -> None:
    twice = rake(pd.concat([CLUS, CLUS], ignore_index=True), MARGINS, weight="pw")
    assert (2 * twice.weights[: len(CLUS)]).tolist() == pytest.approx(rake(CLUS, MARGINS, weight="pw").weights.tolist())


@pytest.mark.parametrize(
    ("margins", "told"),
    [
        (
            {**MARGINS, "awards": pd.Series({"No": 2106, "Yes": 4000, "Maybe": 88})},
            "margin awards: nobody answered under code 'Maybe'",
        ),
        (
            {"awards": pd.Series({"Yes": 100})},
            "margin awards: has rows without a code or with one that has no target (53 ",
        ),
        ({**MARGINS, "awards": pd.Series({"No": 1, "Yes": 2})}, "margins (stype 6194, sch.wide 6194, awards 3): count"),
        ({"awards": pd.Series({"No": -1, "Yes": 2})}, "margin awards: a target is missing, negative or stands twice"),
        ({"prize": pd.Series({"No": 1})}, "margin prize: the table has no such column"),
    ],
)
def test_margins_that_cannot_be_meant_are_told(margins: dict, told: str) -> None:
    with pytest.raises(DesignError) as error:
        rake(CLUS, margins, weight="pw")
    assert str(error.value).startswith(told)


def test_bounds_lie_on_both_sides_of_one() -> None:
    with pytest.raises(DesignError, match="both sides of 1"):
        rake(CLUS, MARGINS, weight="pw", bounds=(1.1, 2.0))


def enrolled(*people: tuple[str, str, int]) -> pd.DataFrame:
    table = pd.DataFrame(people, columns=["school_id", "group", "people"]).astype({"people": "Int64"})
    return table.assign(wave="1", group_by="grade")


def answers(*people: tuple[str, object, int]) -> pd.DataFrame:
    rows = [(school, grade) for school, grade, n in people for _ in range(n)]
    table = pd.DataFrame(rows, columns=["school_id", "grade"]).astype({"grade": "Int16"})
    return table.assign(wave="1")


def sums(table: pd.DataFrame, weights: pd.Series) -> dict:
    return weights.groupby([table["school_id"], table["grade"].fillna(-1)]).sum().to_dict()


def test_post_stratification_agrees_with_r() -> None:
    table = CLUS.assign(school_id="all", wave="1", grade=CLUS["stype"])
    made = post_stratify(
        table, enrolled(("all", "E", 4421), ("all", "H", 755), ("all", "M", 1018)), group_by="grade", weight="pw"
    )
    assert made.weights.tolist() == pytest.approx(R["post_stratified"], rel=1e-12)
    assert made.pooled.empty and made.unheard.empty


def test_a_group_nobody_answered_in_joins_the_next_smallest() -> None:
    table = answers(("a", 6, 2), ("a", 7, 4), ("a", 8, 5))
    made = post_stratify(
        table, enrolled(("a", "6", 10), ("a", "7", 20), ("a", "8", 25), ("a", "9", 6)), group_by="grade"
    )
    assert sums(table, made.weights) == pytest.approx({("a", 6): 16, ("a", 7): 20, ("a", 8): 25})
    assert made.pooled["group"].tolist() == ["9", "6"]


def test_small_groups_share_a_factor() -> None:
    table = answers(("a", 6, 1), ("a", 7, 3), ("a", 8, 8), ("b", 6, 1))
    people = enrolled(("a", "6", 10), ("a", "7", 10), ("a", "8", 40), ("b", "6", 30), ("b", "7", 30))
    made = post_stratify(table, people, group_by="grade", fewest=4)
    assert sums(table, made.weights) == pytest.approx({("a", 6): 5, ("a", 7): 15, ("a", 8): 40, ("b", 6): 60})


def test_those_who_state_no_group_stand_for_any() -> None:
    """Of 10 answers of a school of 100, 2 state no grade and one a grade nobody is in: they weigh 10 each."""
    table = answers(("a", 6, 3), ("a", 7, 4), ("a", None, 2), ("a", 99, 1))
    made = post_stratify(table, enrolled(("a", "6", 50), ("a", "7", 50), ("a", "99", 0)), group_by="grade")
    wanted = {("a", 6): 35, ("a", 7): 35, ("a", -1): 20, ("a", 99): 10}
    assert sums(table, made.weights) == pytest.approx(wanted)


def test_schools_without_answers_or_without_enrolment() -> None:
    table = answers(("a", 6, 3), ("c", 6, 3))
    made = post_stratify(table, enrolled(("a", "6", 30), ("b", "6", 40)), group_by="grade")
    assert made.weights.tolist() == pytest.approx([10] * 3 + [np.nan] * 3, nan_ok=True)
    assert made.unheard.to_dict("records") == [{"school_id": "b", "wave": "1", "people": 40}]


def test_codes_that_became_broken_numbers_are_the_same_groups() -> None:
    table = answers(("a", 6, 3), ("a", 7, 4), ("a", None, 1))
    known = enrolled(("a", "6", 50), ("a", "7", 50))
    made = post_stratify(table.astype({"grade": "float64"}), known, group_by="grade")
    assert made.weights.tolist() == post_stratify(table, known, group_by="grade").weights.tolist()
    assert len(set(made.weights.round(6))) == 3


def test_weighting_compares_the_same_people() -> None:
    # School c has no enrolment: its people stand in neither share, however they answered.
    table = answers(("a", 6, 4), ("a", 7, 4), ("c", 6, 8)).assign(respondent_key=[f"r{i}" for i in range(16)])
    scores = table[["respondent_key"]].assign(construct="trust", agrees=[1.0] * 4 + [0.0] * 4 + [1.0] * 8)
    row = effect_of_weights(scores, table, enrolled(("a", "6", 20), ("a", "7", 60)), group_by="grade", fewest=1).iloc[0]
    assert (row["n"], row["plain"], row["weighted"]) == (8, 0.5, pytest.approx(0.25))
    assert row["difference"] == pytest.approx(-0.25) and row["effective_n"] == pytest.approx(8 / 1.25)


def test_weights_that_no_cap_can_hold_are_left_and_told() -> None:
    table = answers(("a", 6, 60), ("b", 6, 40)).assign(respondent_key=[f"r{i}" for i in range(100)])
    scores = table[["respondent_key"]].assign(construct="trust", agrees=1.0)
    row = effect_of_weights(scores, table, enrolled(("a", "6", 60), ("b", "6", 5000)), group_by="grade").iloc[0]
    assert row["note"] == "weights differ too much between schools to be trimmed" and row["weighted"] == 1


def test_enrolment_that_cannot_be_meant_is_told() -> None:
    table = answers(("a", 6, 3))
    with pytest.raises(DesignError, match="has no groups of 'sex'"):
        post_stratify(table, enrolled(("a", "6", 30)), group_by="sex")
    with pytest.raises(DesignError, match=r"stands twice \(1 row\)"):
        post_stratify(table, enrolled(("a", "6", 30), ("a", "6", 30)), group_by="grade")
    with pytest.raises(DesignError, match="at least one answer"):
        post_stratify(table, enrolled(("a", "6", 30)), group_by="grade", fewest=0)


def test_trimming_agrees_with_r() -> None:
    weights = CLUS["enroll"].astype(float)
    trimmed = trim(weights, times_median=2.0)
    assert trimmed.max() == pytest.approx(R["cap"])
    assert trimmed.sum() == pytest.approx(weights.sum())
    assert trimmed.tolist() == pytest.approx(R["trimmed"], rel=1e-9)


def test_weights_below_the_cap_stay() -> None:
    weights = pd.Series([1.0, 1.0, 3.9])
    assert trim(weights).tolist() == weights.tolist()
    with pytest.raises(DesignError, match="below the mean weight"):
        trim(pd.Series([1.0, 1.0, 100.0]), times_median=2.0)


def test_kish() -> None:
    found = kish(CLUS["enroll"])
    assert found.design_effect == pytest.approx(R["kish_design_effect"], rel=1e-12)
    assert found.effective_n == pytest.approx(R["kish_effective_n"], rel=1e-12)
    assert kish(pd.Series([2.0] * 7)).effective_n == pytest.approx(7)
    assert kish(pd.Series([1.0, 1.0, np.nan])).design_effect == pytest.approx(1)
