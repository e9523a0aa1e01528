"""The school-level estimator against R `survey` (strata, fpc), and where R has nothing to say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sro_research.models.school_means import (
    answer_shares,
    change_between_waves,
    compared_with_others,
    school_estimates,
    wilson,
)

EXACT = {"rel": 1e-9, "abs": 1e-12}
"""R and we compute the same formulas; what is left is rounding."""


def by_school(estimates: pd.DataFrame, measure: str, wave: str) -> pd.DataFrame:
    chosen = estimates[(estimates["measure"] == measure) & (estimates["wave"] == wave) & (estimates["group_by"] == "")]
    return chosen.set_index("school_id")


def test_means_and_shares_of_each_school(district_scores, district_schools, reference):
    estimates = school_estimates(district_scores, district_schools["enrolment"])
    means = by_school(estimates, "mean_score", reference["last_wave"])
    shares = by_school(estimates, "share_agree", reference["last_wave"])
    assert set(means.index) == set(reference["schools_last_wave"])
    for school, r in reference["schools_last_wave"].items():
        m, s = means.loc[school], shares.loc[school]
        assert m["n"] == r["n"]
        found = [m["estimate"], m["std_error"], m["conf_low"], m["conf_high"]]
        assert found == pytest.approx([r["mean"], r["se"], r["ci_low"], r["ci_high"]], **EXACT), school
        found = [s["estimate"], s["std_error"], s["conf_low"], s["conf_high"]]
        assert found == pytest.approx([r["share"], r["share_se"], r["wilson_low"], r["wilson_high"]], **EXACT), school


def test_difference_from_the_other_schools(district_scores, district_schools, reference):
    estimates = compared_with_others(district_scores, district_schools["enrolment"])
    differences = by_school(estimates, "mean_score_vs_others", reference["last_wave"])
    others = by_school(estimates, "mean_score_others", reference["last_wave"])
    for school, r in reference["school_against_others"].items():
        wanted = [r["n"], r["difference"], r["se"], r["ci_low"], r["ci_high"]]
        assert numbers(differences, school) == pytest.approx(wanted, **EXACT), school
        wanted = [r["n_others"], r["mean_of_others"], r["se_of_others"], r["others_ci_low"], r["others_ci_high"]]
        assert numbers(others, school) == pytest.approx(wanted, **EXACT), school


def test_difference_of_shares_from_the_other_schools(district_scores, district_schools, reference):
    estimates = compared_with_others(district_scores, district_schools["enrolment"])
    differences = by_school(estimates, "share_agree_vs_others", reference["last_wave"])
    others = by_school(estimates, "share_agree_others", reference["last_wave"])
    for school, r in reference["school_against_others"].items():
        wanted = [r["n"], *(r[f"share_difference{part}"] for part in ("", "_se", "_low", "_high"))]
        assert numbers(differences, school) == pytest.approx(wanted, **EXACT), school
        wanted = [r[f] for f in ("n_others", "share_of_others", "share_se_of_others", "share_others_low")]
        assert numbers(others, school) == pytest.approx([*wanted, r["share_others_high"]], **EXACT), school


def test_change_between_two_waves(district_scores, district_schools, reference):
    waves = [reference["first_wave"], reference["last_wave"]]
    estimates = change_between_waves(district_scores, district_schools["enrolment"], waves)
    changes = by_school(estimates, "mean_score_change", waves[1])
    shares = by_school(estimates, "share_agree_change", waves[1])
    for school, r in reference["change_first_to_last"].items():
        n = min(r["first"]["n"], r["last"]["n"])
        wanted = [n, r["change"], r["se"], r["ci_low"], r["ci_high"]]
        assert numbers(changes, school) == pytest.approx(wanted, **EXACT), school
        wanted = [n, *(r[f"share_change{part}"] for part in ("", "_se", "_low", "_high"))]
        assert numbers(shares, school) == pytest.approx(wanted, **EXACT), school


def test_change_is_from_the_wave_before(district_scores, district_schools):
    changes = change_between_waves(district_scores, district_schools["enrolment"], ["2023", "2024", "2025"])
    assert sorted(set(changes["wave"])) == ["2024", "2025"]
    levels = district_scores.dropna(subset=["score"]).groupby(["wave", "school_id"])[["score", "agrees"]].mean()
    for measure, column in (("mean_score_change", "score"), ("share_agree_change", "agrees")):
        for before, after in (("2023", "2024"), ("2024", "2025")):
            found = by_school(changes, measure, after)["estimate"].astype(float)
            wanted = levels.loc[after, column] - levels.loc[before, column]
            assert found.to_dict() == pytest.approx(wanted.to_dict())


def test_other_words_break_the_line(district_scores, district_schools):
    waves, construct = ["2023", "2024", "2025"], district_scores["construct"].iloc[0]
    whole = change_between_waves(district_scores, district_schools["enrolment"], waves)
    breaks = {("student", construct, "2025")}
    rows = change_between_waves(district_scores, district_schools["enrolment"], waves, breaks=breaks)
    before = rows["wave"] == "2024"
    assert rows[before].equals(whole[before]) and (~before).any()
    assert (rows.loc[~before, "note"] == "asked in other words before: not comparable").all()
    assert rows.loc[~before, ["estimate", "std_error", "conf_low", "conf_high"]].isna().all(axis=None)


def numbers(table: pd.DataFrame, school: str) -> list[float]:
    return table.loc[school, ["n", "estimate", "std_error", "conf_low", "conf_high"]].astype(float).tolist()


def scores_of(values: dict[str, list[float]], **columns: list[int]) -> pd.DataFrame:
    rows = [(school, v) for school, answers in values.items() for v in answers]
    table = pd.DataFrame(rows, columns=["school_id", "score"]).assign(wave="1", population="student", construct="c")
    return table.assign(agrees=(table["score"] > 2.5).astype(float), **columns).astype(
        {"school_id": "string", "wave": "string", "population": "string", "construct": "string"}
    )


def rosters(**people: int | None) -> pd.Series:
    index = pd.MultiIndex.from_tuples([(school, "1") for school in people], names=["school_id", "wave"])
    return pd.Series(list(people.values()), index=index, dtype="Float64")


def test_a_full_census_leaves_nothing_to_guess():
    row = school_estimates(scores_of({"a": [1, 2, 3, 4]}), rosters(a=4)).set_index("measure").loc["mean_score"]
    assert (row["estimate"], row["std_error"], row["conf_low"], row["conf_high"]) == (2.5, 0, 2.5, 2.5)


def test_without_a_roster_there_is_no_correction():
    row = school_estimates(scores_of({"a": [1, 2, 3, 4]}), rosters(a=None)).set_index("measure").loc["mean_score"]
    assert row["std_error"] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)


def test_more_answers_than_people_is_a_wrong_roster_and_gives_no_correction():
    wrong = school_estimates(scores_of({"a": [1, 2, 3, 4]}), rosters(a=3)).set_index("measure").loc["mean_score"]
    unknown = school_estimates(scores_of({"a": [1, 2, 3, 4]}), rosters(a=None)).set_index("measure").loc["mean_score"]
    assert wrong["std_error"] == unknown["std_error"]


def test_one_answer_has_no_interval_and_cannot_be_compared():
    scores = scores_of({"a": [3.0], "b": [1, 2, 3]})
    level = school_estimates(scores, rosters(a=9, b=9)).set_index(["measure", "school_id"]).loc[("mean_score", "a")]
    assert level["estimate"] == 3 and pd.isna(level["conf_low"]) and level["note"] == "one answer: no interval"
    compared = compared_with_others(scores, rosters(a=9, b=9)).set_index(["measure", "school_id"])
    assert compared.loc[("mean_score_vs_others", "a"), "status"] == "not_estimable"
    assert compared.loc[("mean_score_others", "b"), "note"] == "there is no other school"


WRONG_OR_UNKNOWN = [{"a": 3, "b": 90, "c": 10}, {"a": None, "b": 90, "c": 10}]


@pytest.mark.parametrize("people", WRONG_OR_UNKNOWN, ids=["wrong", "unknown"])
def test_schools_weigh_by_their_answers_where_a_roster_is_wrong_or_unknown(people):
    scores = scores_of({"a": [4, 4, 3, 1], "b": [3, 1], "c": [1, 1, 1, 1, 4, 3]})
    rows = compared_with_others(scores, rosters(**people)).set_index(["measure", "school_id"])["estimate"]
    # Schools b and c: 2 and 6 answers of which 1 and 2 agree, whatever their rosters say.
    assert rows["share_agree_others", "a"] == pytest.approx((1 + 2) / 8)
    assert rows["share_agree_vs_others", "a"] == pytest.approx(3 / 4 - 3 / 8)
    assert rows["mean_score_others", "b"] == pytest.approx((12 + 11) / 10)


def test_known_rosters_weigh_the_others():
    scores = scores_of({"a": [4, 4, 3, 1], "b": [3, 1], "c": [1, 1, 1, 1, 4, 3]})
    rows = compared_with_others(scores, rosters(a=4, b=90, c=10)).set_index(["measure", "school_id"])["estimate"]
    assert rows["share_agree_others", "a"] == pytest.approx((90 * 1 / 2 + 10 * 2 / 6) / 100)


def test_a_roster_is_wrong_if_fewer_people_than_took_part_also_where_some_gave_no_score():
    scores = scores_of({"a": [1, 2, 3, np.nan]})
    wrong, unknown = (school_estimates(scores, rosters(a=n))["std_error"].tolist() for n in (3, None))
    assert wrong == unknown


def test_a_comparison_counts_the_smaller_side_and_only_those_who_carry_weight():
    scores = scores_of({"a": [1, 2, 3, 4, 4], "b": [1, 3, 4], "c": [4.0]})
    rows = compared_with_others(scores, rosters(a=9, b=9, c=9)).set_index(["measure", "school_id"])
    for measure in ("mean_score", "share_agree"):
        assert rows.loc[(f"{measure}_others", "a"), "n"] == 3  # school c has one answer and no weight
        assert rows.loc[(f"{measure}_vs_others", "a"), "n"] == 3
        assert rows.loc[(f"{measure}_vs_others", "b"), "n"] == 3


def test_all_alike_is_not_certain_unless_it_is_everybody():
    """12 of 40 all agree, the others are mixed: shares keep a range, means have none."""
    mixed = [1, 2, 3, 4] * 5
    few = scores_of({"a": [3.0] * 12, "b": mixed})
    rows = compared_with_others(few, rosters(a=40, b=35)).set_index(["measure", "school_id"])
    share = rows.loc[("share_agree_vs_others", "a")]
    low, high = wilson(pd.Series([1.0, 0.5]), pd.Series([11 / (1 - 12 / 40), 19 / (1 - 20 / 35)]))
    assert share["conf_low"] == pytest.approx(0.5 - np.hypot(1 - low[0], high[1] - 0.5))
    assert share["conf_high"] == pytest.approx(0.5 + (0.5 - low[1]))
    level = school_estimates(few, rosters(a=40, b=35)).set_index(["measure", "school_id"]).loc[("mean_score", "a")]
    everybody = school_estimates(few, rosters(a=12, b=35)).set_index(["measure", "school_id"]).loc[("mean_score", "a")]
    difference = rows.loc[("mean_score_vs_others", "a")]
    for row in (level, rows.loc[("mean_score_others", "b")]):
        assert row["estimate"] == 3 and row["note"] == "all answers alike: no interval"
        assert row[["std_error", "conf_low", "conf_high"]].isna().all()
    assert difference["estimate"] == 0.5 and pd.isna(difference["conf_low"]) and pd.isna(difference["std_error"])
    assert (everybody["std_error"], everybody["conf_low"], everybody["conf_high"]) == (0, 3, 3)


def test_a_change_to_all_alike_has_an_interval_of_shares_only():
    scores = pd.concat([scores_of({"a": [1, 3] * 10}), scores_of({"a": [4.0] * 12}).assign(wave="2")])
    people = pd.concat([rosters(a=40), rosters(a=40).rename(index={"1": "2"}, level="wave")])
    rows = change_between_waves(scores.astype({"wave": "string"}), people, ["1", "2"]).set_index("measure")
    share, mean = rows.loc["share_agree_change"], rows.loc["mean_score_change"]
    assert share["conf_low"] < 0.5 - 0.2 and share["conf_high"] > 0.5 + 0.1 and share["n"] == 12
    assert mean["estimate"] == 2 and pd.isna(mean["conf_low"]) and mean["note"] == "all answers alike: no interval"


def test_what_was_asked_now_only_is_a_row_that_says_so():
    scores = pd.concat([scores_of({"a": [1, 3]}), scores_of({"a": [1, 3], "b": [2, 4]}).assign(wave="2")])
    rows = change_between_waves(scores.astype({"wave": "string"}), rosters(a=40), ["1", "2"])
    new = rows[rows["school_id"] == "b"]
    assert len(new) == 2 and (new["status"] == "not_estimable").all()
    assert (new["note"] == "not asked in both surveys").all() and (new["n"] == 2).all()


def test_groups_use_the_fraction_of_the_whole_school():
    scores = scores_of({"a": [1, 2, 3, 4]}, gender=[1, 1, 2, 2])
    rows = school_estimates(scores, rosters(a=8), groups=["gender"])
    girls = rows[(rows["measure"] == "mean_score") & (rows["group"] == "1")].iloc[0]
    # 4 of 8 answered: the correction is 1/2, whatever the group's own size on the roster (which is not known).
    assert girls["std_error"] == pytest.approx(np.sqrt(0.5 * np.var([1, 2], ddof=1) / 2))


@given(share=st.floats(0, 1), size=st.floats(1, 1e6))
def test_wilson_holds_the_share_and_stays_inside(share, size):
    low, high = wilson(pd.Series([share]), pd.Series([size]))
    assert 0 <= low[0] <= share <= high[0] <= 1


def test_shares_of_answers_add_up_to_one():
    counts = pd.DataFrame(
        {"school_id": "a", "wave": "1", "item": "q", "code": [1, 2, 3], "count": [2, 0, 8], "valid": 10}
    )
    shares = answer_shares(counts, population="student")
    assert shares["estimate"].tolist() == [0.2, 0.0, 0.8]
    assert shares["n"].tolist() == [10, 10, 10]


SPREAD = 3
"""Simulated coverage may miss by this many Monte-Carlo standard errors."""


def missed(rows: pd.DataFrame, truth: float) -> tuple[float, float]:
    """Return coverage, and how far below 95 % it may be found by chance."""
    covered = ((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).astype(float)
    return covered.mean(), 0.95 - SPREAD * np.sqrt(0.95 * 0.05 / len(rows))


def test_intervals_of_school_means_cover():
    """95 % intervals hold the finite population's mean in 93-97 % of 2,000 samples of skewed 1-4 scores."""
    rng = np.random.default_rng(5)
    people = rng.choice([1, 1.25, 1.5, 2, 2.5, 3, 4], 180, p=[0.05, 0.1, 0.1, 0.2, 0.25, 0.2, 0.1])
    samples = {str(i): list(rng.choice(people, 60, replace=False)) for i in range(2000)}
    found = school_estimates(scores_of(samples), rosters(**dict.fromkeys(samples, 180)))
    for measure, truth in (("mean_score", people.mean()), ("share_agree", (people > 2.5).mean())):
        covered, _ = missed(found[found["measure"] == measure], truth)
        assert 0.93 <= covered <= 0.97, measure


def drawn(rng: np.random.Generator, share: float, n: int, of: int, times: int) -> tuple[float, np.ndarray]:
    """Return the share that agree among `of` people, and samples (times x n) of them as scores of 3 or 2."""
    agree = round(share * of)
    hits = rng.hypergeometric(agree, of - agree, n, times)
    return agree / of, np.where(np.arange(n) < hits[:, None], 3.0, 2.0)


@pytest.mark.parametrize("share", [0.9, 0.95])
def test_intervals_of_differences_of_high_shares_cover(share):
    """12 of 40 against 20 of 35 in three schools, and from wave to wave: 95 % or more, where Welch's has 62-92 %."""
    rng, times = np.random.default_rng(int(100 * share)), 2000
    here, ours = drawn(rng, share, 12, 40, times)
    there, theirs = drawn(rng, share, 20, 35, 3 * times)
    about = {"population": "student", "construct": "c"}

    def table(answers: np.ndarray, schools: np.ndarray, waves: np.ndarray) -> pd.DataFrame:
        n = answers.shape[1]
        columns = {"school_id": np.repeat(schools, n), "wave": np.repeat(waves, n), "score": answers.ravel()}
        return pd.DataFrame(columns).assign(agrees=answers.ravel() - 2, **about)

    district = np.array([f"{i:04d}" for i in range(times)])
    one = table(ours, np.full(times, "a"), district)
    rest = table(theirs, np.tile(["b", "c", "d"], times), np.repeat(district, 3))
    index = pd.MultiIndex.from_product([["a", "b", "c", "d"], district], names=["school_id", "wave"])
    people = pd.Series(np.where(index.get_level_values(0) == "a", 40, 35), index=index)
    rows = compared_with_others(pd.concat([one, rest]), people)
    rows = rows[(rows["measure"] == "share_agree_vs_others") & (rows["school_id"] == "a")]
    covered, least = missed(rows, here - there)
    assert len(rows) == times and covered >= least

    first = table(ours, district, np.full(times, "1"))
    second = table(theirs[:times], district, np.full(times, "2"))
    index = pd.MultiIndex.from_product([district, ["1", "2"]], names=["school_id", "wave"])
    people = pd.Series(np.where(index.get_level_values(1) == "1", 40, 35), index=index)
    rows = change_between_waves(pd.concat([first, second]), people, ["1", "2"])
    rows = rows[rows["measure"] == "share_agree_change"]
    covered, least = missed(rows, there - here)
    assert len(rows) == times and covered >= least
