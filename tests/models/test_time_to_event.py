"""Times with open cases: against R, in cases done by hand, and how often intervals hold the truth."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sro_research.errors import WorkbenchError
from sro_research.estimates import stack
from sro_research.models.time_to_event import (
    AT_ONE_TIME,
    NO_CASES,
    NO_LIMITS,
    NO_UPPER_LIMIT,
    NOT_FOLLOWED,
    NOT_REACHED,
    kaplan_meier,
    survival_at,
    time_by_which,
    time_estimates,
)

FOLDER = Path(__file__).parents[1] / "reference" / "time_to_event"
R = json.loads((FOLDER / "expected.json").read_text())
CASES = pd.read_csv(FOLDER / "cases.csv").assign(observed=lambda t: t["observed"] == 1)
EXACT = 1e-12
"""Relative: products and sums of at most 300 shares, in both programs in double precision."""
COLUMNS = ["time", "at_risk", "closed", "open", "survival", "std_error", "conf_low", "conf_high"]


def numbers(values: object) -> np.ndarray:
    return np.array(np.atleast_1d(np.array(values, dtype=object)), dtype=float)


def curve_of(name: str) -> pd.DataFrame:
    cases = CASES[CASES["set"] == name]
    return kaplan_meier(cases["duration"], cases["observed"])


@pytest.mark.parametrize("name", list(R))
def test_curves_against_r(name: str) -> None:
    curve = curve_of(name)
    assert list(curve) == COLUMNS
    for column in COLUMNS:
        np.testing.assert_allclose(curve[column], numbers(R[name][column]), rtol=EXACT, atol=1e-15, err_msg=column)


@pytest.mark.parametrize("name", list(R))
def test_medians_against_r(name: str) -> None:
    wanted = numbers([R[name][key] for key in ("median", "median_low", "median_high")])
    np.testing.assert_array_equal(time_by_which(curve_of(name)), wanted)


@pytest.mark.parametrize("name", list(R))
def test_days_against_r(name: str) -> None:
    curve, days = curve_of(name), numbers(R[name]["days"])
    at = survival_at(curve, days)
    # Before the first case R calls 1 its own limits; we say that there are none.
    later = days >= curve["time"].iloc[0]
    for column, theirs in {"survival": "at_survival", "std_error": "at_std_error"}.items():
        np.testing.assert_allclose(at[column], numbers(R[name][theirs]), rtol=EXACT)
    for column, theirs in {"conf_low": "at_low", "conf_high": "at_high"}.items():
        np.testing.assert_allclose(at[column][later], numbers(R[name][theirs])[later], rtol=EXACT)
        assert at[column][~later].isna().all()


def test_open_cases_make_times_longer_not_shorter() -> None:
    """Three closed on days 1, 2, 3, three still open on day 3: half have closed by day 3, not by day 2."""
    durations, observed = pd.Series([1, 2, 3, 3, 3, 3]), pd.Series([True] * 3 + [False] * 3)
    assert time_by_which(kaplan_meier(durations, observed))[0] == 3
    closed_only = kaplan_meier(durations[observed], observed[observed])
    assert time_by_which(closed_only)[0] == 2


@pytest.mark.parametrize("durations", [[1.0, -1.0], [1.0, None]])
def test_a_case_without_a_duration_is_not_guessed(durations: list[float | None]) -> None:
    with pytest.raises(WorkbenchError, match=r"a duration is missing or negative \(1 row\)"):
        kaplan_meier(pd.Series(durations, dtype="Float64"), pd.Series([True, True]))


def test_a_case_of_which_nobody_knows_whether_it_closed_is_not_guessed() -> None:
    with pytest.raises(WorkbenchError, match="not known whether a case closed"):
        kaplan_meier(pd.Series([1, 2]), pd.Series([True, None], dtype="boolean"))


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=40))
def test_a_curve_falls_and_lies_within_its_limits(cases: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier(pd.Series([t for t, _ in cases]), pd.Series([o for _, o in cases]))
    assert curve["survival"].is_monotonic_decreasing and curve["survival"].between(0, 1).all()
    inside = curve["conf_low"].notna()
    assert (curve["conf_low"] <= curve["survival"])[inside].all() and (curve["survival"] <= curve["conf_high"])[
        inside
    ].all()
    assert curve[["closed", "open"]].sum().sum() == len(cases) == curve["at_risk"].iloc[0]
    middle, low, high = time_by_which(curve)
    assert np.isnan(middle) or np.isnan(low) or low <= middle
    assert np.isnan(high) or middle <= high


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_without_open_cases_it_is_the_plain_share(durations: list[int]) -> None:
    curve = kaplan_meier(pd.Series(durations), pd.Series([True] * len(durations)))
    for day in (0, 7, 40):
        plain = np.mean(np.array(durations) > day)
        assert survival_at(curve, [day])["survival"].item() == pytest.approx(plain, abs=1e-12)


def test_estimates_say_what_cannot_be_told() -> None:
    cases = pd.DataFrame(
        {
            "wave": ["1"] * 4 + ["2"] * 3,
            "duration": [2, 4, 6, 8, 5, 6, 7],
            "observed": [True, True, True, False, False, False, False],
        }
    )
    rows = stack([time_estimates(cases, measure="closing", by=["wave"], within=[1, 4, 30], population="case")])
    rows = rows.set_index(["measure", "wave"])
    assert rows.loc[("closing_median_days", "1"), ["estimate", "n", "note"]].tolist() == [5, 4, NO_UPPER_LIMIT]
    assert rows.loc[("closing_within_4_days", "1"), "estimate"] == 0.5
    assert rows.loc[("closing_within_1_days", "1"), ["estimate", "note"]].tolist() == [0, NO_LIMITS]
    assert rows.loc[("closing_within_30_days", "1"), ["status", "note"]].tolist() == ["not_estimable", NOT_FOLLOWED]
    assert rows.loc[("closing_median_days", "2"), ["status", "note"]].tolist() == ["not_estimable", NOT_REACHED]


@pytest.mark.parametrize(
    ("durations", "note"), [([3] * 50, AT_ONE_TIME), ([1, 2, 3, 4, 5], NO_UPPER_LIMIT), (list(range(1, 9)), "")]
)
def test_where_all_cases_have_closed_no_limit_is_said_to_lack_for_open_ones(durations: list[int], note: str) -> None:
    row = time_estimates(pd.DataFrame({"duration": durations, "observed": True}), measure="closing").squeeze()
    assert row["note"] == note and "open" not in note
    assert pd.isna(row["conf_high"]) == bool(note)


def test_no_case_is_a_row_that_says_so() -> None:
    none = pd.DataFrame({"duration": pd.Series(dtype=float), "observed": pd.Series(dtype=bool)})
    rows = time_estimates(none, measure="closing", within=[30])
    assert rows["note"].tolist() == [NO_CASES, NO_CASES] and rows["n"].tolist() == [0, 0]


@pytest.mark.parametrize("size", [25, 100])
def test_intervals_hold_the_truth_as_often_as_they_say(size: int) -> None:
    """Weibull times, a quarter of them open: 93 to 97 of 100."""
    rng, draws, scale, shape = np.random.default_rng(7), 500, 150.0, 1.3
    truth, median = float(np.exp(-((90 / scale) ** shape))), scale * np.log(2) ** (1 / shape)
    held = np.zeros(2)
    for _ in range(draws):
        ends, seen = scale * rng.weibull(shape, size), rng.uniform(0, 600, size)
        curve = kaplan_meier(pd.Series(np.minimum(ends, seen)), pd.Series(ends <= seen))
        at = survival_at(curve, [90]).iloc[0]
        _, low, high = time_by_which(curve)
        held += [at["conf_low"] <= truth <= at["conf_high"], low <= median and not median > high]
    assert ((held >= 0.93 * draws) & (held <= 0.97 * draws)).all(), held / draws
