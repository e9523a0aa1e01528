"""District means with schools as clusters, against R `clubSandwich` and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sro_research.models.district_means import district_changes, district_estimates

NUMBERS = ["n", "estimate", "std_error", "conf_low", "conf_high"]


def test_clustered_mean_and_share(district_scores, reference):
    estimates = district_estimates(district_scores)
    last = estimates[estimates["wave"] == reference["last_wave"]].set_index("measure")
    for measure, name, low in (("mean_score", "mean", "cr2_ci_low"), ("share_agree", "share", "wilson_low")):
        r = reference["district_last_wave"][name]
        wanted = [r[field] for field in ("n", "estimate", "cr2_se", low, low.replace("low", "high"))]
        assert last.loc[measure, NUMBERS].astype(float).tolist() == pytest.approx(wanted, rel=1e-8)


def test_change_with_schools_as_clusters_of_both_waves(district_scores, reference):
    waves = [reference["first_wave"], reference["last_wave"]]
    found = district_changes(district_scores, waves).set_index("measure")
    for measure, name, low in (("mean_score", "mean", "cr2_ci_low"), ("share_agree", "share", "mover_low")):
        r = reference["district_change_first_to_last"][name]
        wanted = [r[field] for field in ("n", "estimate", "cr2_se", low, low.replace("low", "high"))]
        assert found.loc[f"{measure}_change", NUMBERS].astype(float).tolist() == pytest.approx(wanted, rel=1e-8)


def test_change_is_from_the_wave_before(district_scores):
    changes = district_changes(district_scores, ["2023", "2024", "2025"])
    levels = district_scores.groupby("wave")[["score", "agrees"]].mean()
    for measure, column in (("mean_score_change", "score"), ("share_agree_change", "agrees")):
        found = changes[changes["measure"] == measure].set_index("wave")["estimate"]
        assert found["2024"] == pytest.approx(levels.loc["2024", column] - levels.loc["2023", column])
        assert found["2025"] == pytest.approx(levels.loc["2025", column] - levels.loc["2024", column])


def test_other_words_break_the_line(district_scores):
    waves, construct = ["2023", "2024", "2025"], district_scores["construct"].iloc[0]
    whole = district_changes(district_scores, waves).set_index(["measure", "wave"])
    rows = district_changes(district_scores, waves, breaks={("student", construct, "2024")})
    rows = rows.set_index(["measure", "wave"])
    assert set(district_scores["population"]) == {"student"}
    assert rows.xs("2025", level="wave").equals(whole.xs("2025", level="wave"))
    anew = rows.xs("2024", level="wave")
    assert (anew["note"] == "asked in other words before: not comparable").all() and len(anew) == 2
    assert anew[NUMBERS[1:]].isna().all(axis=None) and (anew["status"] == "not_estimable").all()


def test_what_was_asked_in_one_wave_only_is_a_row_that_says_so(district_scores):
    """A construct blank in 2023, and a construct that is new in 2025: rows with a reason, the rest as ever."""
    blank = district_scores.assign(construct="blank")
    blank.loc[blank["wave"] == "2023", ["score", "agrees"]] = np.nan
    new = district_scores[district_scores["wave"] == "2025"].assign(construct="new")
    rows = district_changes(pd.concat([district_scores, blank, new]), ["2023", "2024", "2025"])
    missing = rows[rows["status"] == "not_estimable"]
    assert set(zip(missing["construct"], missing["wave"], strict=True)) == {("blank", "2024"), ("new", "2025")}
    assert len(missing) == 4 and (missing["note"] == "not asked in both surveys").all()
    assert missing.set_index("construct").loc["new", "n"].tolist() == [new["score"].notna().sum()] * 2
    assert len(rows) == 2 * (2 + 2 + 1)
    alone = district_changes(new, ["2023", "2025"])
    assert (alone["note"] == "not asked in both surveys").all() and len(alone) == 2


def test_all_agree_is_not_certain(district_scores):
    same = district_scores.assign(score=district_scores["score"].where(district_scores["score"].isna(), 3.0))
    same["agrees"] = same["score"] - 2
    level = district_estimates(same).query("wave == '2025'").set_index("measure")
    change = district_changes(same, ["2024", "2025"]).set_index("measure")
    sizes = same[same["wave"] == "2025"].dropna(subset=["score"]).groupby("school_id").size()
    n, h = sizes.sum(), sizes / sizes.sum()
    across = (h**2 / (1 - h)).sum() ** 2 - (h**4 / (1 - h) ** 2).sum()
    quantile = stats.t.ppf(0.975, 1 / ((h**2).sum() + across))
    size = n / (1 + ((sizes**2).sum() / n - 1) * 0.1)
    assert level.loc["share_agree", "conf_low"] == pytest.approx(1 / (1 + quantile**2 / size))
    assert level.loc["share_agree", "conf_high"] == 1
    assert change.loc["share_agree_change", "conf_low"] < -0.02 < 0.02 < change.loc["share_agree_change", "conf_high"]
    # Also where the answers differ in the earlier wave.
    half = pd.concat([district_scores[district_scores["wave"] == "2024"], same[same["wave"] == "2025"]])
    since = district_changes(half, ["2024", "2025"]).set_index("measure").loc["mean_score_change"]
    for row in (level.loc["mean_score"], change.loc["mean_score_change"], since):
        assert row[["std_error", "conf_low", "conf_high"]].isna().all()
        assert row["note"] == "schools do not differ at all: no interval"


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


def simulated(effects: np.ndarray, sizes: np.ndarray, rng: np.random.Generator, *, wave: str = "") -> pd.DataFrame:
    """Return districts (rows of `effects`) as constructs, with `sizes` answers, mean 2.5 and SD 0.42 in schools."""
    districts, schools = np.indices(effects.shape)
    people = sizes.ravel()
    frame = pd.DataFrame(
        {
            "construct": np.repeat(np.char.mod("%04d", districts.ravel()), people),
            "school_id": np.repeat(np.char.mod("%02d", schools.ravel()), people),
            "score": np.repeat(2.5 + effects.ravel(), people) + rng.normal(0, 0.42, people.sum()),
        }
    )
    return frame.assign(population="student", wave=wave, agrees=(frame["score"] > 2.2).astype(float))


def coverage(rows: pd.DataFrame, measure: str, truth: float) -> float:
    of = rows[rows["measure"] == measure]
    return ((of["conf_low"] <= truth) & (truth <= of["conf_high"])).mean()


DISTRICTS = 1500
LEAST = 0.93 - 2 * np.sqrt(0.93 * 0.07 / DISTRICTS)
"""93 %, less two Monte-Carlo standard errors."""


@pytest.mark.parametrize("spread", [0.0, 0.95], ids=["equal", "unequal"])
def test_intervals_cover(spread):
    """95 % intervals of means, shares and changes hold the truth in 93 % or more of districts of 12 schools.

    Sizes are lognormal and of median 40; schools differ with an SD of 0.12, which they keep, and of 0.05 a wave. Under
    the usual variance with G-1 degrees of freedom 90 % of the intervals of the mean held it where sizes were unequal.
    """
    rng = np.random.default_rng(7)
    sizes = np.rint(40 * np.exp(rng.normal(0, spread, (DISTRICTS, 12)))).clip(5, 400).astype(int)
    school = rng.normal(0, 0.12, sizes.shape)
    waves = [simulated(school + rng.normal(0, 0.05, sizes.shape), sizes, rng, wave=w) for w in ("1", "2")]
    spread_of_all = np.sqrt(0.12**2 + 0.05**2 + 0.42**2)
    levels, changes = district_estimates(waves[0]), district_changes(pd.concat(waves), ["1", "2"])
    assert LEAST <= coverage(levels, "mean_score", 2.5) <= 0.97
    assert LEAST <= coverage(levels, "share_agree", stats.norm.cdf(0.3 / spread_of_all)) <= 0.98
    assert LEAST <= coverage(changes, "mean_score_change", 0) <= 0.98
    assert LEAST <= coverage(changes, "share_agree_change", 0) <= 0.98
