"""The event study against R, on planted effects, and where it must not be shown."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from sro_research.measures.training import training_adoption
from sro_research.measures.training_requirements import trained_periods
from sro_research.models.panel import (
    EFFECT,
    ONE_SCHOOL,
    PRE_TREND,
    event_study,
    panel_of_means,
    training_effect_estimates,
    two_way,
)
from sro_research.parameters import Wave
from sro_research.standards.training import Course

FOLDER = Path(__file__).parent.parent / "reference" / "panel"
WAVES = [str(2020 + t) for t in range(6)]
TEXT = dict.fromkeys(["school_id", "wave", "first_treated_wave"], "string")


@pytest.fixture(scope="module")
def r() -> dict:
    return json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture(scope="module")
def staggered() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "panel.csv", dtype=TEXT)


@pytest.fixture(scope="module")
def one_wave() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "one_wave.csv", dtype=TEXT)


def by_since(study, estimator: str) -> pd.DataFrame:
    rows = study.effects[study.effects["estimator"] == estimator]
    return rows.set_index(rows["since"].astype("string").fillna("average"))


@pytest.mark.parametrize(
    ("field", "estimator", "controls"),
    [
        ("imputation", "imputation", "not_yet_treated"),
        ("imputation_never", "imputation", "never_treated"),
        ("saturated", "saturated", "not_yet_treated"),
    ],
)
def test_effects_and_errors(r, staggered, field, estimator, controls):
    found = by_since(event_study(staggered, waves=WAVES, controls=controls), estimator)
    assert set(found.index) == set(r[field]["estimate"])
    for column, wanted in r[field].items():
        for since, value in wanted.items():
            assert found.loc[since, column] == pytest.approx(value, rel=1e-9), (column, since)


def test_the_test_of_trends_before_and_what_is_left_out(r, staggered):
    study = event_study(staggered, waves=WAVES)
    assert (study.pre_trend_waves, study.left_out, study.staggered) == (3, 2, True)
    assert study.pre_trend_p == pytest.approx(r["pre_trend"]["p"], rel=1e-9)


def test_complete_and_unweighted_it_is_a_difference_of_group_means(r, staggered):
    """Callaway & Sant'Anna's group-time effects, averaged by schools."""
    complete = staggered[staggered.groupby("school_id")["wave"].transform("size") == 6].assign(weight=1.0)
    found = by_since(event_study(complete, waves=WAVES), "saturated")
    for since, value in r["group_time"].items():
        assert found.loc[since, "estimate"] == pytest.approx(value, rel=1e-9)


def test_two_way_is_shown_with_a_warning_and_not_where_adoption_is_staggered(r, staggered, one_wave):
    row = two_way(one_wave, waves=WAVES).iloc[0]
    assert row["estimate"] == pytest.approx(r["two_way"]["estimate"]["effect"], rel=1e-9)
    assert row["std_error"] == pytest.approx(r["two_way"]["std_error"]["effect"], rel=1e-9)
    assert "right only" in row["note"]
    with pytest.raises(ValueError, match="not shown"):
        two_way(staggered, waves=WAVES)


def planted(onset: list[int | None], rng: np.random.Generator, *, drift: float = 0.0, waves: int = 5) -> pd.DataFrame:
    """Schools with an effect of 0.1, growing by 0.1 with each wave, and a `drift` of those that will be treated."""
    rows = []
    for j, g in enumerate(onset):
        level = rng.normal(0, 0.15)
        for t in range(waves):
            effect = 0.1 + 0.1 * (t - g) if g is not None and t >= g else 0
            mean = 2.5 + 0.05 * t + level + effect + drift * t * (g is not None) + rng.normal(0, 0.06)
            rows.append((f"{j:03d}", str(t), mean, 50, 1.0, None if g is None else str(g)))
    columns = ["school_id", "wave", "mean", "n", "weight", "first_treated_wave"]
    return pd.DataFrame(rows, columns=columns).astype(TEXT)


PLANTED = [1] * 8 + [2] * 8 + [3] * 8 + [None] * 6


def test_a_planted_effect_is_found_and_two_way_fixed_effects_miss_it():
    """Over 60 districts: no bias, intervals that cover, and a two-way estimate well below the true average."""
    rng, found, plain = np.random.default_rng(5), [], []
    for _ in range(60):
        panel = planted(PLANTED, rng)
        found.append(event_study(panel, waves=list("01234")).effects)
        data = panel.assign(treated=(panel["wave"] >= panel["first_treated_wave"].fillna("9")).astype(int))
        plain.append(
            smf.ols("mean ~ C(school_id) + C(wave) + treated", data.astype({"treated": float})).fit().params["treated"]
        )
    effects = pd.concat(found)
    after = effects[effects["since"].notna()].assign(since=lambda t: t["since"].astype(int))
    after["truth"] = np.where(after["since"] < 0, 0, 0.1 + 0.1 * after["since"])
    bias = (after["estimate"] - after["truth"]).groupby([after["estimator"], after["since"]]).mean()
    spread = after.groupby(["estimator", "since"])["estimate"].std() / np.sqrt(60)
    assert (bias.abs() < 3.5 * spread).all()
    assert after["truth"].between(after["conf_low"], after["conf_high"]).mean() >= 0.93
    true_average = np.average([0.1, 0.2, 0.3, 0.4], weights=[24, 24, 16, 8])
    averages = effects.loc[effects["since"].isna() & (effects["estimator"] == "imputation"), "estimate"]
    assert averages.mean() == pytest.approx(true_average, abs=0.01)
    assert np.mean(plain) < 0.8 * true_average


def test_trends_that_went_apart_before_are_found():
    rng = np.random.default_rng(6)
    p = [event_study(planted(PLANTED, rng, drift=d), waves=list("01234")).pre_trend_p for d in [0.0] * 40 + [0.1] * 40]
    assert np.mean(np.array(p[:40]) < 0.05) <= 0.125
    assert np.mean(np.array(p[40:]) < 0.05) >= 0.8


def test_where_all_are_treated_the_last_cohort_is_compared_with_until_its_turn():
    study = event_study(planted([2] * 6 + [4] * 6, np.random.default_rng(7)), waves=list("01234"))
    assert (study.treated, study.comparisons, study.staggered) == (6, 6, False)
    assert by_since(study, "imputation").index.tolist() == ["average", "0", "1"]
    assert by_since(study, "imputation").loc["1", "estimate"] == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize(
    ("onset", "controls", "reason"),
    [
        ([1] * 4 + [None] * 4, "not_yet_treated", "fewer than 10 schools"),
        ([2] * 3 + [None] * 20, "not_yet_treated", "fewer than 4 schools became treated"),
        ([None] * 20, "not_yet_treated", "fewer than 4 schools became treated"),
        ([1] * 8 + [3] * 8, "never_treated", "none is left to compare with"),
        ([0] * 20, "not_yet_treated", "fewer than 10 schools"),
    ],
)
def test_what_cannot_be_estimated_says_why(onset, controls, reason):
    panel = planted(onset, np.random.default_rng(8))
    with pytest.raises(ValueError, match=reason):
        event_study(panel, waves=list("01234"), controls=controls)
    if controls == "not_yet_treated":
        rows = training_effect_estimates(panel, waves=list("01234"), population="student", construct="trust")
        assert rows["status"].tolist() == ["not_estimable"] and reason in rows["note"].iloc[0]


def test_estimates_say_where_an_effect_rests_on_one_school(staggered):
    alone = staggered[~((staggered["first_treated_wave"].fillna("") == "2022") & (staggered["school_id"] > "0001"))]
    rows = training_effect_estimates(alone, waves=WAVES, population="student", construct="trust")
    three = rows[(rows["measure"] == EFFECT) & (rows["group"] == "3")].iloc[0]
    assert three["n"] == 1 and three["note"] == ONE_SCHOOL and pd.isna(three["std_error"])
    assert (rows["measure"] == PRE_TREND).sum() == 1
    whole = rows[(rows["measure"] == EFFECT) & (rows["group"] == "")].iloc[0]
    assert whole["conf_low"] < whole["estimate"] < whole["conf_high"]


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def test_a_school_is_treated_when_an_officer_there_has_completed_every_course():
    waves = [
        Wave(id=y, label={"en": y}, start=dt.date(int(y) - 1, 8, 1), end=dt.date(int(y), 6, 30))
        for y in ("2024", "2025")
    ]
    assignments = pd.DataFrame(
        [
            ("o1", "A", day("2023-08-01"), pd.NaT),  # completes both in time
            ("o2", "B", day("2023-08-01"), pd.NaT),  # completes the second after the first wave
            ("o1", "C", day("2023-08-01"), day("2024-06-29")),  # leaves a day before the wave ends
            ("o3", "D", day("2023-08-01"), pd.NaT),  # the same course twice is not two courses
        ],
        columns=["officer_key", "school_id", "from_date", "to_date"],
    ).assign(role="primary")
    training = pd.DataFrame(
        [
            ("o1", "x", day("2024-01-01")),
            ("o1", "y", day("2024-06-30")),
            ("o2", "x", day("2024-01-01")),
            ("o2", "y", day("2024-07-01")),
            ("o3", "x", day("2024-01-01")),
            ("o3", "x", day("2024-02-01")),
            ("o3", "z", day("2024-02-01")),
        ],
        columns=["officer_key", "course", "completed_on"],
    )
    officers = pd.DataFrame({"officer_key": ["o1", "o2", "o3"], "start_date": day("2020-01-01"), "end_date": pd.NaT})
    courses = {name: Course(hours=8, title={"en": name}, due_days=90) for name in ("x", "y")}
    trained = trained_periods(training, officers, None, courses)
    table = training_adoption(assignments, trained, schools=["A", "B", "C", "D", "E"], waves=waves)
    table = table.set_index(["school_id", "wave"])
    assert table["treated"].groupby("school_id").agg(list).to_dict() == {
        "A": [True, True],
        "B": [False, True],
        "C": [False, False],
        "D": [False, False],
        "E": [False, False],
    }
    assert table["first_treated_wave"].xs("2024", level="wave").fillna("").to_dict() == {
        "A": "2024", "B": "2025", "C": "", "D": "", "E": "",
    }  # fmt: skip
    assert table["staffed"].xs("2024", level="wave").tolist() == [True, True, False, True, False]


def test_a_trained_stand_in_trains_no_school_that_has_an_officer_of_its_own():
    wave = Wave(id="2024", label={"en": "2024"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30))
    rows = [
        ("own", "A", "2023-08-01", None, "primary"),
        ("ready", "A", "2023-08-01", None, "secondary"),
        ("own", "B", "2023-08-01", "2024-05-31", None),  # has left: the stand-in is who is there
        ("ready", "B", "2023-08-01", None, "secondary"),
    ]
    posts = pd.DataFrame(rows, columns=["officer_key", "school_id", "from_date", "to_date", "role"])
    posts = posts.astype({"from_date": "datetime64[ns]", "to_date": "datetime64[ns]", "role": "string"})
    table = training_adoption(posts, {"own": [], "ready": [(0, 10**6)]}, schools=["A", "B"], waves=[wave])
    assert table["treated"].tolist() == [False, True] and table["staffed"].tolist() == [True, True]


def test_weights_go_with_answers_or_become_alike(district_scores):
    adoption = district_scores[["school_id", "wave"]].drop_duplicates().assign(first_treated_wave=pd.NA)
    by_n = panel_of_means(district_scores, adoption)
    alike = panel_of_means(district_scores, adoption, school_wave_variance=100.0)
    assert (by_n["weight"] / by_n["n"]).to_numpy() == pytest.approx(by_n["weight"].iloc[0] / by_n["n"].iloc[0])
    assert alike["weight"].max() / alike["weight"].min() < 1.01
    cell = district_scores.dropna(subset=["score"]).groupby(["school_id", "wave"])["score"].mean()
    assert by_n.set_index(["school_id", "wave"])["mean"].to_dict() == pytest.approx(cell.to_dict())


def test_a_wave_that_the_panel_has_and_the_study_has_not_is_refused(staggered):
    """Left out, it would turn schools that were treated in it into schools that never were."""
    with pytest.raises(ValueError, match="1 waves that are not among those of the study"):
        event_study(staggered[staggered["wave"] != WAVES[0]], waves=[w for w in WAVES if w != WAVES[1]])


def test_waves_before_anybody_was_asked_change_nothing(staggered):
    later, whole = event_study(staggered, waves=["2018", "2019", *WAVES]), event_study(staggered, waves=WAVES)
    pd.testing.assert_frame_equal(later.effects, whole.effects)
    assert later.pre_trend_p == whole.pre_trend_p
