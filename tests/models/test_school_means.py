"""The school-level estimator against R `survey` (strata, fpc), and where R has nothing to say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

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
        d, o = differences.loc[school], others.loc[school]
        found = [d["estimate"], d["std_error"], d["conf_low"], d["conf_high"], o["estimate"], o["std_error"]]
        wanted = [r["difference"], r["se"], r["ci_low"], r["ci_high"], r["mean_of_others"], r["se_of_others"]]
        assert found == pytest.approx(wanted, **EXACT), school


def test_change_between_two_waves(district_scores, district_schools, reference):
    waves = [reference["first_wave"], reference["last_wave"]]
    estimates = change_between_waves(district_scores, district_schools["enrolment"], waves)
    changes = by_school(estimates, "mean_score_change", waves[1])
    for school, r in reference["change_first_to_last"].items():
        c = changes.loc[school]
        found = [c["estimate"], c["std_error"], c["conf_low"], c["conf_high"]]
        assert found == pytest.approx([r["change"], r["se"], r["ci_low"], r["ci_high"]], **EXACT), school


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


def test_intervals_of_school_means_cover():
    """95 % intervals hold the finite population's mean in 93-97 % of 4,000 samples of skewed 1-4 scores."""
    rng = np.random.default_rng(5)
    people = rng.choice([1, 1.25, 1.5, 2, 2.5, 3, 4], 180, p=[0.05, 0.1, 0.1, 0.2, 0.25, 0.2, 0.1])
    truth_mean, truth_share, hits_mean, hits_share = people.mean(), (people > 2.5).mean(), 0, 0
    samples = np.array([rng.choice(people, 60, replace=False) for _ in range(4000)])
    error = np.sqrt((1 - 60 / 180) / 60) * samples.std(axis=1, ddof=1)
    reach = stats.t.ppf(0.975, 59) * error
    hits_mean = np.mean(np.abs(samples.mean(axis=1) - truth_mean) <= reach)
    # The estimator itself on a part of the samples, so that the formula above is the one in use.
    frame = scores_of({str(i): list(s) for i, s in enumerate(samples[:400])})
    found = school_estimates(frame, rosters(**{str(i): 180 for i in range(400)}))
    means = found[found["measure"] == "mean_score"].assign(i=lambda t: t["school_id"].astype(int)).sort_values("i")
    assert means["std_error"].to_numpy(float) == pytest.approx(error[:400])
    low, high = wilson(pd.Series((samples > 2.5).mean(axis=1)), pd.Series(np.full(4000, 59 / (1 - 60 / 180))))
    hits_share = np.mean((low <= truth_share) & (truth_share <= high))
    assert 0.93 <= hits_mean <= 0.97
    assert 0.93 <= hits_share <= 0.97
