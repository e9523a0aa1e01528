"""The rubric: parts, scores, what is missing, and how sure they are."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.estimates import as_estimates
from sro_research.models import rubric as module
from sro_research.models.rubric import (
    NO_ERRORS,
    NO_EVIDENCE,
    TOO_LITTLE,
    band_probabilities,
    cut_off_error,
    declared,
    rubric_estimates,
    rubric_parts,
    rubric_scores,
)
from sro_research.parameters import read_checked
from sro_research.standards.rubric import Rubric

FOLDER = Path(__file__).parents[1] / "reference" / "rubric"
R = json.loads((FOLDER / "expected.json").read_text())
CRITERIA = pd.read_csv(FOLDER / "criteria.csv")
TOLERANCE = 1e-9
"""Relative; R integrates numerically to 1e-13, and a variance is a difference of moments that lie a hundred to one."""
BANDS = ["beginning", "developing", "established"]


def rubric(criteria: pd.DataFrame = CRITERIA, least_known_weight: float = 0.5) -> Rubric:
    def criterion(row) -> dict:
        return {
            "title": {"en": row.criterion},
            "asks": {"en": row.criterion},
            "evidence": {"measure": row.criterion},
            "direction": row.direction,
            "none": float(row.none),
            "full": float(row.full),
            "thresholds": [float(row.first), float(row.second)],
            "weight": float(row.weight),
            "weight_between": [float(row.least), float(row.most)],
        }

    return Rubric.model_validate(
        {
            "caution": {"en": "x"},
            "least_known_weight": least_known_weight,
            "bands": {name: {"en": name} for name in BANDS},
            "criteria": {row.criterion: criterion(row) for row in criteria.itertuples()},
        }
    )


def evidence(criteria: pd.DataFrame = CRITERIA, wave: str = "1", value: str = "value", **more: object) -> pd.DataFrame:
    rows = criteria[["criterion", value, "error"]].set_axis(["measure", "estimate", "std_error"], axis=1)
    note = rows["estimate"].isna().map({True: "not known", False: ""})
    return as_estimates(rows.assign(n=100, note=note), **({"wave": wave, "unit": "x"} | more))


def parts(criteria: pd.DataFrame = CRITERIA, **more: object) -> pd.DataFrame:
    return rubric_parts(evidence(criteria, **more), rubric(criteria), ["1"])


def score(criteria: pd.DataFrame = CRITERIA, **more: object) -> pd.Series:
    return rubric_scores(parts(criteria, **more), rubric(criteria)).squeeze()


# ---- R ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("column", ["part", "std_error"])
def test_parts_against_r(column: str) -> None:
    found = parts().set_index("criterion")[column]
    for name, expected in R[column].items():
        assert found[name] == pytest.approx(expected, rel=TOLERANCE, abs=1e-12), name
    assert pd.isna(found["drills"])


def test_bands_against_r() -> None:
    found = band_probabilities(parts(), rubric()).set_index(["criterion", "band"])["probability"]
    for name, expected in R["bands"].items():
        # Absolute: the probability of a far band is a difference of numbers near one.
        np.testing.assert_allclose([found[name, band] for band in BANDS], expected, atol=1e-14)
    assert "drills" not in found.index.get_level_values("criterion")


def test_the_score_against_r() -> None:
    found = score()
    assert found["score"] == pytest.approx(R["score"], rel=1e-14)
    assert found["std_error"] == pytest.approx(R["score_error"], rel=TOLERANCE)
    assert found["known_weight"] == pytest.approx(R["known_weight"])


def test_where_nothing_is_cut_off_limits_are_those_of_a_normal_variable() -> None:
    inside = CRITERIA[CRITERIA["criterion"].isin(["trust", "boundary"])]
    inside = inside.assign(weight=inside["weight"] / inside["weight"].sum(), least=0.0, most=1.0)
    found = score(inside)
    assert found["score"] == pytest.approx(R["inside"]["score"], rel=1e-12)
    # Cut off more than four errors away, which moves the error by 1e-7 of itself.
    assert found["std_error"] == pytest.approx(R["inside"]["std_error"], rel=1e-5)
    for limit in ("conf_low", "conf_high"):
        # Drawn: a limit varies by a hundredth of an error from seed to seed; three and a half of them.
        assert found[limit] == pytest.approx(R["inside"][limit], abs=0.035 * R["inside"]["std_error"])


# ---- what is missing -------------------------------------------------------------------------
def test_what_is_declared_says_of_whom_a_ratio_is() -> None:
    shipped = read_checked(Path(__file__).parents[2] / "params" / "standards" / "rubric.yaml", Rubric)[0]
    table = declared(shipped).set_index("criterion")
    assert table.index.tolist() == list(shipped.criteria)
    equity = table.loc["equity"]
    assert equity[["group_by", "group", "beside"]].tolist() == ["race_ethnicity", "3", "all others"]
    assert equity[["none", "full", "thresholds", "weight"]].tolist() == [3.0, 1.0, "2, 1.25", 0.1]
    assert table.loc["trust", ["construct", "beside"]].tolist() == ["officer_trust", ""]


def test_a_criterion_without_evidence_is_not_zero() -> None:
    found, table = score(), parts().set_index("criterion")
    assert found["missing"] == ("drills",) and found["criteria"] == 7
    assert (table.loc["drills", "note"], table.loc["drills", "band"]) == ("not known", "")
    assert found["if_none"] == pytest.approx(0.95 * found["score"])
    assert found["if_full"] == pytest.approx(0.95 * found["score"] + 0.05)
    as_zero = CRITERIA.assign(value=CRITERIA["value"].fillna(0.5), error=CRITERIA["error"].fillna(0.01))
    assert score(as_zero)["score"] == pytest.approx(found["if_none"])


def test_the_weight_that_rests_on_full_counts_is_told() -> None:
    assert score()["counted_weight"] == pytest.approx(0.10)  # outreach


def test_too_little_evidence_gives_no_score() -> None:
    # trust 0.22 and fairness 0.18
    few = CRITERIA.assign(value=CRITERIA["value"].where(CRITERIA["criterion"].isin(["trust", "fairness"])))
    found = score(few)
    assert found["note"] == TOO_LITTLE and pd.isna(found["score"]) and pd.isna(found["if_full"])
    assert found["known_weight"] == pytest.approx(0.40)
    assert rubric_scores(parts(few), rubric(few, least_known_weight=0.4)).squeeze()["note"] == ""


def test_full_counts_only_have_no_interval() -> None:
    found = score(CRITERIA.assign(error=np.nan))
    assert found["note"] == NO_ERRORS
    assert found["score"] == pytest.approx(R["score"]) and pd.isna(found["conf_low"]) and pd.isna(found["std_error"])


def test_evidence_is_of_the_district_and_of_everybody() -> None:
    others = [evidence(school_id="0001"), evidence(group_by="gender", group="1"), evidence(population="staff")]
    table = pd.concat([evidence(value="value_later"), *(o.assign(estimate=o["estimate"] + 9) for o in others)])
    found = rubric_parts(table, rubric(), ["1"])
    pd.testing.assert_frame_equal(found, parts(value="value_later"))


def test_a_wave_without_evidence_is_there() -> None:
    table = rubric_parts(evidence(), rubric(), ["1", "2"])
    found = rubric_scores(table, rubric()).set_index("wave")
    assert found.loc["2", "note"] == TOO_LITTLE
    assert len(found.loc["2", "missing"]) == len(CRITERIA)


def test_estimates_say_what_is_missing() -> None:
    table = rubric_parts(evidence(), rubric(), ["1", "2"])
    rows = rubric_estimates(table, rubric_scores(table, rubric())).set_index(["measure", "construct", "wave"])
    assert rows.loc[("rubric_score", "", "1"), "note"] == "no evidence: drills"
    assert rows.loc[("rubric_score", "", "2"), "status"] == "not_estimable"
    assert rows.loc[("rubric_score", "", "2"), "note"].startswith(TOO_LITTLE)
    assert rows.loc[("rubric_part", "trust", "1"), "n"] == 100
    assert rows.loc[("rubric_part", "drills", "1"), "note"] == "not known", "the reason of the evidence itself"
    assert rows.loc[("rubric_part", "drills", "2"), "note"] == NO_EVIDENCE
    assert set(rows["school_id"]) == {""}


def of_a_survey(criteria: pd.DataFrame) -> Rubric:
    """The same rubric, with trust and boundary as constructs of one survey."""
    data = rubric(criteria).model_dump(by_alias=True)
    for name in ("trust", "boundary"):
        data["criteria"][name]["evidence"] = {"measure": "mean_score", "population": "student", "construct": name}
    return Rubric.model_validate(data)


def survey_rows(rows: pd.DataFrame) -> pd.DataFrame:
    asked = rows["measure"].isin(["trust", "boundary"])
    return rows.assign(
        construct=rows["measure"].where(asked, ""),
        population=asked.map({True: "student", False: ""}),
        measure=rows["measure"].mask(asked, "mean_score"),
    )


def test_errors_of_one_sample_go_together() -> None:
    table = rubric_parts(as_estimates(survey_rows(evidence())), of_a_survey(CRITERIA), ["1"])
    together, apart = rubric_scores(table, of_a_survey(CRITERIA)).squeeze(), score()
    assert together["score"] == apart["score"]
    one, other = (0.22 * R["std_error"]["trust"] / 0.95, 0.12 * R["std_error"]["boundary"] / 0.95)
    assert together["std_error"] ** 2 - apart["std_error"] ** 2 == pytest.approx(2 * one * other)
    # A lower share of contacts is better, and goes together with more trust.
    assert together["conf_high"] - together["conf_low"] > apart["conf_high"] - apart["conf_low"]


def test_evidence_far_beyond_an_end_still_has_an_interval() -> None:
    found = score(CRITERIA.assign(value=CRITERIA["full"] + 9 * (CRITERIA["full"] - CRITERIA["none"]), error=0.01))
    assert (found["score"], found["conf_low"], found["conf_high"], found["note"]) == (1, 1, 1, "")


# ---- bands -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("criterion", "value", "band"),
    [
        ("trust", 2.49, "beginning"),
        ("trust", 2.5, "developing"),
        ("trust", 3.0, "established"),
        ("boundary", 0.26, "beginning"),
        ("boundary", 0.25, "developing"),
        ("boundary", 0.1, "established"),
    ],
)
def test_a_band_begins_at_its_threshold(criterion: str, value: float, band: str) -> None:
    criteria = CRITERIA.assign(value=CRITERIA["value"].mask(CRITERIA["criterion"] == criterion, value))
    table = parts(criteria).set_index("criterion")
    assert table.loc[criterion, "band"] == band
    sure = band_probabilities(parts(criteria.assign(error=np.nan)), rubric()).set_index(["criterion", "band"])
    assert sure.loc[(criterion, band), "probability"] == 1


# ---- properties ------------------------------------------------------------------------------
NUMBER = st.floats(-1, 2)


@settings(max_examples=60, deadline=None)
@given(NUMBER, st.floats(1e-3, 2))
def test_the_error_of_a_cut_off_part_is_that_of_drawn_ones(mean: float, error: float) -> None:
    drawn = (mean + error * np.random.default_rng(0).standard_normal(200_000)).clip(0, 1)
    found = cut_off_error(pd.Series([mean]), pd.Series([error])).iloc[0]
    # Five errors of a standard deviation, whose own is below that of a yes-no variable.
    assert found == pytest.approx(drawn.std(), abs=5 * 0.5 / np.sqrt(2 * 200_000) + 1e-6)
    assert 0 <= found <= min(error, 0.5) + 1e-12


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.one_of(st.none(), NUMBER), min_size=8, max_size=8),
    st.lists(st.floats(0.01, 0.5), min_size=8, max_size=8),
)
def test_a_score_lies_between_its_parts_and_in_its_interval(values: list[float | None], errors: list[float]) -> None:
    criteria = CRITERIA.assign(value=pd.array(values, dtype="Float64"), error=errors)
    table, found = parts(criteria), score(criteria)
    if found["note"] == TOO_LITTLE:
        assert found["known_weight"] < 0.5
        return
    assert table["part"].min() - 1e-12 <= found["score"] <= table["part"].max() + 1e-12
    assert 0 <= found["conf_low"] <= found["score"] <= found["conf_high"] <= 1
    assert found["if_none"] <= found["score"] + 1e-12 and found["score"] <= found["if_full"] + 1e-12


def test_better_evidence_never_lowers_the_score() -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        low = CRITERIA.assign(value=rng.uniform(0, 3, len(CRITERIA)))
        step = np.where(CRITERIA["direction"] == "higher", 1, -1) * rng.uniform(0, 0.5, len(CRITERIA))
        assert score(low.assign(value=low["value"] + step))["score"] >= score(low)["score"] - 1e-12


def test_the_same_seed_gives_the_same_limits() -> None:
    pd.testing.assert_series_equal(score(), score())


# ---- coverage --------------------------------------------------------------------------------
@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_limits_cover_where_people_answer_for_several_criteria(
    correlation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 programs whose trust and boundary are measured with errors that go together so far."""
    monkeypatch.setattr(module, "DRAWS", 1_000)
    rng, programs = np.random.default_rng(31), 400
    two = CRITERIA[CRITERIA["criterion"].isin(["trust", "boundary"])].assign(weight=[0.5, 0.5], least=0.0, most=1.0)
    true, error = np.array([2.7, 0.2]), np.array([0.06, 0.015])
    common, own = rng.standard_normal((programs, 1)), rng.standard_normal((programs, 2))
    drawn = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    waves = [str(program) for program in range(programs)]
    measured = pd.DataFrame(true + error * [1, -1] * drawn, index=waves, columns=two["criterion"])
    rows = measured.rename_axis("wave").reset_index().melt("wave", var_name="measure", value_name="estimate")
    rows = rows.assign(std_error=rows["measure"].map(dict(zip(two["criterion"], error, strict=True))))
    found = rubric_scores(rubric_parts(as_estimates(survey_rows(rows)), of_a_survey(two), waves), of_a_survey(two))
    true_score = 0.5 * (2.7 - 1.5) / 2 + 0.5 * (0.2 - 0.5) / -0.5
    held = ((found["conf_low"] <= true_score) & (true_score <= found["conf_high"])).mean()
    slack = 2 * np.sqrt(0.05 * 0.95 / programs)
    assert 0.93 - slack <= held <= (0.97 + slack if correlation == 1 else 1)


TEN = pd.DataFrame(
    {
        "criterion": [f"c{i}" for i in range(10)],
        "direction": "higher",
        "none": 0.0,
        "full": 1.0,
        "first": 0.4,
        "second": 0.7,
        "weight": [0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05],
        "least": 0.0,
        "most": 1.0,
    }
)
BETWEEN = np.linspace(0.25, 0.75, 10)


def at_an_end(count: int) -> np.ndarray:
    """True values between the ends, but for the heaviest `count`, which lie just at full."""
    return np.where(np.arange(10) < count, 1.0, BETWEEN)


@pytest.mark.parametrize(
    ("truth", "at_least", "at_most"),
    [
        (BETWEEN, 0.93, 0.97),
        (np.random.default_rng(8).uniform(-0.1, 1.1, 10), 0.93, 1.0),
        (at_an_end(3), 0.93, 1.0),
        (at_an_end(5), 0.92, 1.0),  # what the module says of these cases
        (at_an_end(10), 0.90, 1.0),
    ],
    ids=["between", "anywhere", "three at full", "five at full", "all at full"],
)
def test_limits_cover(truth: np.ndarray, at_least: float, at_most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 programs whose criteria have a true value each, measured with errors; bounds less two binomial errors."""
    monkeypatch.setattr(module, "DRAWS", 1_000)
    rng, programs = np.random.default_rng(12), 400
    error, waves = rng.uniform(0.03, 0.08, 10), [str(program) for program in range(programs)]
    measured = pd.DataFrame(rng.normal(truth, error, (programs, 10)), index=waves, columns=TEN["criterion"])
    rows = measured.rename_axis("wave").reset_index().melt("wave", var_name="measure", value_name="estimate")
    told = as_estimates(rows.assign(std_error=rows["measure"].map(dict(zip(TEN["criterion"], error, strict=True)))))
    rows = rubric_scores(rubric_parts(told, rubric(TEN), waves), rubric(TEN))
    true_score = TEN["weight"] @ np.clip(truth, 0, 1)
    held = ((rows["conf_low"] <= true_score) & (true_score <= rows["conf_high"])).mean()
    slack = 2 * np.sqrt(0.05 * 0.95 / programs)
    assert at_least - slack <= held <= at_most + slack
