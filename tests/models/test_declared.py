"""The declared question, what it depends on, and how it looks in single answers."""

import numpy as np
import pandas as pd
import pytest

from sro_research.estimates import as_estimates
from sro_research.models.declared import Question, ask, districts_of, in_words
from sro_research.models.exposure_design import NOT_KNOWN, lagged
from sro_research.models.multilevel import WITHIN, fit_within_between
from sro_research.models.robustness import (
    DECLARED,
    EARLIER,
    FILLED,
    NOTHING_MISSING,
    UNADJUSTED,
    UNFLAGGED,
    benchmarks,
    nonresponse,
    robustness,
    specification_curve,
    strength,
    usable,
)
from sro_research.models.single_items import item_changes
from tests.models.multilevel_reference import DISTRICTS, HOURS, PEOPLE, WAVES
from tests.models.test_subgroups import declared

SCORES = PEOPLE.assign(
    respondent_key=[f"k{i}" for i in range(len(PEOPLE))],
    grade=PEOPLE["grade"].map({"g09": 1, "g10": 2, "g11": 3}).astype("Int16"),
)
ROSTER = pd.DataFrame({"school_id": DISTRICTS.index, "district": pd.array(DISTRICTS, dtype="string")})
HOURS_TABLE = HOURS.rename("value").reset_index()
NOBODY = pd.Series(False, index=SCORES["respondent_key"])


def asked(*, scores: pd.DataFrame = SCORES, roster: pd.DataFrame = ROSTER, **more: object) -> Question:
    return ask(declared(**({"subgroups": []} | more)), scores, HOURS_TABLE, roster, waves=WAVES)


def test_the_question_is_the_declared_outcome_and_codes_are_groups_not_numbers() -> None:
    both = pd.concat([SCORES, SCORES.assign(construct="safety", score=0.0)])
    question = asked(scores=both, adjust=["grade"])
    assert set(question.scores["construct"]) == {"trust"}
    design = question.design()
    assert sum("grade" in said for said in design.terms.values()) == 4  # two grades but the first, person and mean
    assert design.levels == ["district", "school", "school_wave"]


def test_a_lag_takes_the_exposure_of_waves_before() -> None:
    question = asked(lag=1)
    for school in ("01", "07"):
        assert question.exposure[school, "2025"] == HOURS[school, "2024"]
        assert pd.isna(question.exposure[school, "2023"])


def test_districts_are_those_of_the_roster() -> None:
    assert districts_of(ROSTER.assign(district=pd.NA)) is None
    assert districts_of(ROSTER)["07"] == DISTRICTS["07"]


def test_words_carry_the_estimates_numbers() -> None:
    question = asked(per=10)
    row = question.estimates().set_index("measure").loc[WITHIN]
    said = in_words(question.estimates(), question.model, low=1, high=4)
    assert f"{row['conf_low']:+.3f} to {row['conf_high']:+.3f}" in said
    assert f"{abs(row['estimate']):.3f} points higher" in said
    assert ", one wave before," in in_words(question.estimates(), declared(lag=1, per=10), low=1, high=4)
    one_wave = asked(scores=SCORES[SCORES["wave"] == "2023"])
    small = in_words(asked(per=1).estimates(), declared(per=1), low=1, high=4)
    people = abs(asked(per=1).estimates()["estimate"].iloc[0]) * 100
    assert f"about {people:.0f} of 100 people" in small
    assert in_words(one_wave.estimates(), one_wave.model, low=1, high=4) == (
        "No answer: one wave only: nothing changes within schools."
    )


def test_each_check_changes_one_thing() -> None:
    flagged = pd.Series(np.arange(len(SCORES)) % 10 == 0, index=SCORES["respondent_key"])
    question = asked(adjust=["grade"], per=2)
    table = robustness(question, waves=WAVES, flagged=flagged).set_index("check")
    same = question.estimates().iloc[0]
    assert table.loc[DECLARED, "estimate"] == pytest.approx(same["estimate"])
    assert table.loc[UNADJUSTED, "estimate"] == pytest.approx(asked(per=2).estimates()["estimate"].iloc[0])
    kept = SCORES[~flagged.to_numpy()]
    assert table.loc[UNFLAGGED, "conf_high"] == pytest.approx(
        asked(scores=kept, adjust=["grade"], per=2).estimates()["conf_high"].iloc[0]
    )
    before = lagged(question.exposure, WAVES).rename("before").to_frame()
    both = fit_within_between(
        question.scores, HOURS, adjust=["grade"], school_covariates=before, districts=question.districts
    )
    assert table.loc[EARLIER, "estimate"] == pytest.approx(2 * both.effects.loc["within", "estimate"])
    assert table.loc[DECLARED, "schools"] == 20
    assert (table["note"] == "")[[DECLARED, UNFLAGGED, UNADJUSTED]].all()


@pytest.mark.parametrize("unit", ["school", "district"])
def test_without_one_school_or_district_is_the_range_of_fits_without_each(unit: str) -> None:
    table = robustness(asked(), waves=WAVES, flagged=NOBODY).set_index("check")
    of = SCORES["school_id"] if unit == "school" else SCORES["school_id"].map(DISTRICTS)
    each = [asked(scores=SCORES[of != one]).estimates()["estimate"].iloc[0] for one in of.unique()]
    row = table.loc[f"without one {unit}, whichever"]
    # A search for variances that ends within 1e-6 of theta moves an estimate by less than 1e-5.
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((min(each), max(each)), abs=1e-5)


def test_where_nothing_can_be_fitted_every_check_says_why() -> None:
    few = SCORES[SCORES["school_id"] <= "09"]
    table = robustness(asked(scores=few), waves=WAVES, flagged=NOBODY)
    assert table["estimate"].isna().all()
    assert (table["note"] != "").all()
    assert strength(asked(scores=few)).empty


def test_one_of_the_specifications_is_the_declared_model() -> None:
    question = asked(adjust=["grade"], per=3)
    flagged = pd.Series(np.arange(len(SCORES)) % 7 == 0, index=SCORES["respondent_key"])
    scores = SCORES.dropna(subset=["grade"])
    curve = specification_curve(question, flagged=flagged, background=["grade"])
    assert len(curve) == 2 * 3 * 2
    assert curve["declared"].sum() == 1
    one = curve[(curve["adjustment"] == "grade") & (curve["fewest_answers"] == 1) & (curve["flagged"] == "kept")]
    fit = asked(scores=scores, adjust=["grade"], per=3).estimates().iloc[0]
    assert one["declared"].item()
    assert one["estimate"].item() == pytest.approx(fit["estimate"], abs=1e-5)
    assert curve.loc[curve["fewest_answers"] == 30, "note"].ne("").all()  # no school-wave has 30 answers here


def test_strength_is_of_the_declared_effect() -> None:
    question = asked(per=4)
    row, fit = strength(question).squeeze(), question.estimates().iloc[0]
    assert (row["estimate"], row["std_error"]) == pytest.approx((fit["estimate"], fit["std_error"]))
    d = abs(fit["estimate"]) / SCORES["score"].std()
    ratio = np.exp(0.91 * d)
    assert row["e_value"] == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))


def test_changes_of_single_answers_add_up_and_follow_the_planted_effect() -> None:
    question = asked(per=1)
    at = SCORES.merge(HOURS.rename("hours").reset_index(), on=["school_id", "wave"])
    lean = 0.8 * (at["hours"] - at.groupby("school_id")["hours"].transform("mean"))
    noise = np.random.default_rng(8).logistic(size=len(at))
    answers = pd.DataFrame(
        {
            "respondent_key": at["respondent_key"],
            "up": np.digitize(lean + noise, [-1, 0.5, 2]) + 1,
            "down": 4 - np.digitize(lean + noise, [-1, 0.5, 2]),
            "same": 98,
        }
    )
    codes = (1, 2, 3, 4)
    table = item_changes(question, answers, {"up": codes, "down": codes, "same": codes})
    for item in ("up", "down"):
        assert table.loc[table["item"] == item, "change"].sum() == pytest.approx(0, abs=1e-12)
    change = table.set_index(["item", "answer"])["change"]
    assert change["up", 4] > 0 > change["up", 1]
    assert change["up", 4] == pytest.approx(change["down", 1], abs=1e-6)
    assert table.loc[table["item"] == "same", "note"].item() != ""


def test_blanks_are_filled_in_and_the_effect_stays_near_what_complete_answers_give() -> None:
    whole = robustness(asked(adjust=["grade"]), waves=WAVES, flagged=NOBODY).set_index("check")
    assert whole.loc[FILLED, "note"] == NOTHING_MISSING
    gone = np.random.default_rng(5).random((2, len(SCORES))) < 0.15
    scores = SCORES.assign(grade=SCORES["grade"].mask(gone[0]), score=SCORES["score"].mask(gone[1]))
    table = robustness(asked(scores=scores, adjust=["grade"]), waves=WAVES, flagged=NOBODY).set_index("check")
    row, complete = table.loc[FILLED], whole.loc[DECLARED]
    assert row["note"] == ""
    # Losing three answers in ten moves an estimate by less than half of its interval.
    assert abs(row["estimate"] - complete["estimate"]) < (complete["conf_high"] - complete["estimate"])
    assert row["conf_high"] - row["conf_low"] > 0.8 * (complete["conf_high"] - complete["conf_low"])
    assert row["estimate"] != table.loc[DECLARED, "estimate"]


def test_bounds_of_those_who_did_not_answer() -> None:
    rows = pd.DataFrame(
        [
            ("share_agree", "trust", "2023", 0.6, 0.5, 0.7),
            ("response_rate", "", "2023", 0.8, None, None),
            ("share_agree", "trust", "2024", 0.6, 0.5, 0.7),
            ("share_agree", "safety", "2023", 0.1, 0.0, 0.2),
        ],
        columns=["measure", "construct", "wave", "estimate", "conf_low", "conf_high"],
    )
    bounds = nonresponse(as_estimates(rows, population="student", n=100), asked())
    row = bounds.squeeze()
    assert row["wave"] == "2023"  # of 2024 nobody knows how many were asked
    assert (row["lowest"], row["highest"]) == pytest.approx((0.48, 0.68))
    assert (row["lowest_limit"], row["highest_limit"]) == pytest.approx((0.4, 0.76))
    assert row["tipping_point"] == pytest.approx((0.5 - 0.48) / 0.2)


def test_the_declared_adjustments_are_on_the_curve_also_where_no_page_shows_them() -> None:
    scores = SCORES.assign(level=(np.arange(len(SCORES)) % 2 + 1), unasked=pd.NA)
    question = ask(declared(subgroups=[], adjust=["grade"]), scores, HOURS_TABLE, ROSTER, waves=WAVES)
    curve = specification_curve(question, flagged=NOBODY, background=["level", "unasked"])
    assert set(curve["adjustment"]) == {"none", "level", "grade", "all"}
    assert set(curve.loc[curve["declared"], "adjustment"]) == {"grade"}
    both = ask(declared(subgroups=[], adjust=["grade", "level"]), scores, HOURS_TABLE, ROSTER, waves=WAVES)
    curve = specification_curve(both, flagged=NOBODY, background=[])
    assert set(curve.loc[curve["declared"], "adjustment"]) == {"all"}


def test_a_question_that_was_not_asked_in_a_wave_is_not_adjusted_for() -> None:
    some = SCORES["wave"].eq("2023")
    scores = SCORES.assign(late=pd.Series(1, index=SCORES.index).mask(some), few=pd.Series(1).reindex(SCORES.index))
    assert usable(asked(scores=scores), ["grade", "late", "few"]) == ["grade"]


def test_an_exposure_that_nobody_knows_is_said_and_not_called_few_schools() -> None:
    unknown = ask(declared(subgroups=[]), SCORES, HOURS_TABLE.assign(value=np.nan), ROSTER, waves=WAVES)
    assert set(unknown.estimates()["note"]) == {NOT_KNOWN}
    table = robustness(unknown, waves=WAVES, flagged=NOBODY)
    assert (table["schools"] == 0).all()
    assert set(table.loc[table["check"].isin([DECLARED, FILLED]), "note"]) == {NOT_KNOWN}


def test_benchmarks_are_those_of_the_school_waves_and_pull_the_effect_to_zero() -> None:
    question = asked(adjust=["grade"], per=2)
    made = question.design()
    means = made.table.groupby("school_wave")[["score", *made.terms]].mean()
    covariates = [name for name in made.terms if name != "within" and means[name].abs().max() > 1e-9]
    x = np.column_stack([np.ones(len(means)), means[["within", *covariates]]])
    plain = 2 * np.linalg.lstsq(x, means["score"], rcond=None)[0][1]
    found = benchmarks(question)
    assert {"wave 2024", "wave 2025"} < set(found["benchmark"])
    assert len(found) == 3 * (len(covariates) - 1)  # all but the exposure between schools
    for _, rows in found.dropna(subset=["estimate"]).groupby("benchmark"):
        sizes = [abs(plain), *(np.sign(plain) * rows.sort_values("times")["estimate"])]
        assert sizes == sorted(sizes, reverse=True)
    assert benchmarks(asked(scores=SCORES[SCORES["wave"] == "2023"])).empty
