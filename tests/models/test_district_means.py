"""District means with schools as clusters, against R `survey`, statsmodels and simulation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from sro_research.models.district_means import district_changes, district_estimates


def test_clustered_mean_and_share(district_scores, reference):
    estimates = district_estimates(district_scores)
    last = estimates[estimates["wave"] == reference["last_wave"]].set_index("measure")
    for measure, name in (("mean_score", "mean"), ("share_agree", "share")):
        row, r = last.loc[measure], reference["district_last_wave"][name]
        found = [row["n"], row["estimate"], row["std_error"], row["conf_low"], row["conf_high"]]
        assert found == pytest.approx([r["n"], r["estimate"], r["se"], r["ci_low"], r["ci_high"]], rel=1e-9)


def test_change_agrees_with_a_clustered_regression(district_scores, reference):
    first, last = reference["first_wave"], reference["last_wave"]
    row = district_changes(district_scores, [first, last]).set_index("measure").loc["mean_score_change"]
    data = district_scores[district_scores["wave"].isin([first, last])].dropna(subset=["score"])
    data = data.assign(after=(data["wave"] == last).astype(float), school=data["school_id"].astype(str))
    fit = smf.ols("score ~ after", data).fit(cov_type="cluster", cov_kwds={"groups": data["school"]})
    # statsmodels multiplies by (n-1)/(n-k) besides G/(G-1); the design-based variance does not.
    plain = fit.bse["after"] / np.sqrt((len(data) - 1) / (len(data) - 2))
    assert row["estimate"] == pytest.approx(fit.params["after"], rel=1e-9)
    assert row["std_error"] == pytest.approx(plain, rel=1e-9)


def test_one_school_has_no_error_and_few_schools_say_so(district_scores):
    one = district_scores[district_scores["school_id"] == district_scores["school_id"].iloc[-1]]
    row = district_estimates(one).iloc[0]
    assert pd.isna(row["std_error"]) and pd.isna(row["conf_low"]) and row["note"].startswith("few schools")


def test_groups_are_estimated_apart(district_scores):
    scores = district_scores.assign(half=pd.array(np.arange(len(district_scores)) % 2, dtype="Int16"))
    rows = district_estimates(scores, groups=["half"])
    of = rows[(rows["group_by"] == "half") & (rows["group"] == "1") & (rows["measure"] == "mean_score")]
    alone = district_estimates(scores[scores["half"] == 1])
    alone = alone[alone["measure"] == "mean_score"]
    assert of["estimate"].tolist() == alone["estimate"].tolist()
    assert of["std_error"].tolist() == alone["std_error"].tolist()


@pytest.mark.parametrize("schools", [12, 50])
def test_intervals_cover(schools):
    """95 % intervals hold the true mean of the schools' population in 93-97 % of 2,000 districts of equal schools."""
    rng, districts, people = np.random.default_rng(schools), 2000, 30
    effects = rng.normal(0, 0.2, (districts, schools, 1))
    answers = 2.5 + effects + rng.normal(0, 0.6, (districts, schools, people))
    frame = pd.DataFrame(
        {
            "score": answers.ravel(),
            "wave": np.repeat([f"{d:04d}" for d in range(districts)], schools * people),
            "school_id": np.tile(np.repeat([f"{s:02d}" for s in range(schools)], people), districts),
        }
    ).assign(population="student", construct="c", agrees=0.0)
    rows = district_estimates(frame)
    rows = rows[rows["measure"] == "mean_score"]
    covered = ((rows["conf_low"] <= 2.5) & (rows["conf_high"] >= 2.5)).mean()
    assert 0.93 <= covered <= 0.97
