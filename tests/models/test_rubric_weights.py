"""What other weights would make of a rubric's score, and which orders of waves no weights can turn."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_rubric import CRITERIA, R, evidence, rubric

from sro_research.models.rubric import rubric_parts
from sro_research.models.rubric_weights import (
    DEPENDS,
    FALLS,
    NOTHING_IN_COMMON,
    RISES,
    SAME,
    declared_range,
    kept_orders,
    weight_ranges,
)
from sro_research.parameters import read_checked
from sro_research.standards.rubric import Rubric

TOLERANCE = 1e-9
"""Absolute; HiGHS keeps constraints to 1e-7 of numbers whose sum is one, and here ends on exact corners."""
STANDARD = Path(__file__).parents[2] / "params" / "standards" / "rubric.yaml"
TWO_WAVES = pd.concat([evidence(), evidence(value="value_later", wave="2")])
PARTS = rubric_parts(TWO_WAVES, rubric(), ["1", "2"])


def test_ranges_against_r() -> None:
    found = weight_ranges(PARTS, rubric()).set_index("wave")
    np.testing.assert_allclose(found.loc["1", ["lowest", "highest"]].tolist(), R["all_weights"], atol=1e-14)
    declared = ["lowest_declared", "highest_declared"]
    np.testing.assert_allclose(found.loc["1", declared].tolist(), R["declared_weights"], atol=TOLERANCE)
    np.testing.assert_allclose(found.loc["2", declared].tolist(), R["later_declared_weights"], atol=TOLERANCE)


def test_orders_against_r() -> None:
    row = kept_orders(PARTS, rubric()).squeeze()
    assert (row["earlier"], row["later"], row["criteria"]) == ("1", "2", 7)
    np.testing.assert_allclose([row["lowest"], row["highest"]], R["change_all_weights"], atol=1e-14)
    declared = [row["lowest_declared"], row["highest_declared"]]
    np.testing.assert_allclose(declared, R["change_declared_weights"], atol=TOLERANCE)
    assert (row["order"], row["order_declared"]) == (RISES, RISES)


def test_nothing_known_has_no_range() -> None:
    empty = PARTS.assign(part=np.nan)
    assert weight_ranges(empty, rubric()).drop(columns="wave").isna().all(axis=None)
    assert set(kept_orders(empty, rubric())["order"]) == {NOTHING_IN_COMMON}


@pytest.mark.parametrize(
    ("changes", "order", "declared"),
    [
        ([0.1] * 8, RISES, RISES),
        ([-0.1] * 8, FALLS, FALLS),
        ([0.0] * 8, SAME, SAME),
        ([0.0] * 7 + [0.1], RISES, RISES),
        # A criterion of little weight falls: some weights turn the order, none that are declared do.
        ([0.1] * 7 + [-0.1], DEPENDS, RISES),
        ([0.1, -0.1] * 4, DEPENDS, DEPENDS),
    ],
)
def test_orders_in_words(changes: list[float], order: str, declared: str) -> None:
    first = pd.DataFrame({"wave": "1", "criterion": CRITERIA["criterion"], "part": 0.5})
    both = pd.concat([first, first.assign(wave="2", part=0.5 + np.array(changes))])
    row = kept_orders(both, rubric()).squeeze()
    assert (row["order"], row["order_declared"]) == (order, declared)


def test_declared_weights_of_the_project_leave_room_for_others() -> None:
    own, _ = read_checked(STANDARD, Rubric)
    part = pd.Series(np.linspace(0, 1, len(own.criteria)), index=list(own.criteria))
    low, high = declared_range(part, own)
    declared = sum(criterion.weight * part[name] for name, criterion in own.criteria.items())
    assert 0 < low < declared < high < 1


def test_every_pair_of_waves_is_there_once() -> None:
    three = pd.concat([PARTS, PARTS[PARTS["wave"] == "1"].assign(wave="3")])
    pairs = kept_orders(three, rubric())[["earlier", "later"]].to_numpy().tolist()
    assert pairs == [["1", "2"], ["1", "3"], ["2", "3"]]


TENTHS = st.integers(0, 10)


def exact_range(part: list[int | None], low: list[int], high: list[int]) -> tuple[Fraction, Fraction]:
    """Try all corners, in hundredths of the weight: all weights but one at a bound, and that one what is left."""
    found = []
    for free in range(len(part)):
        bounds = [(0,) if i == free else (low[i], high[i]) for i in range(len(part))]
        for corner in product(*bounds):
            rest = 100 - sum(corner)
            weights = [rest if i == free else w for i, w in enumerate(corner)]
            known = sum(w for w, p in zip(weights, part, strict=True) if p is not None)
            if low[free] <= rest <= high[free] and known:
                top = sum(w * p for w, p in zip(weights, part, strict=True) if p is not None)
                found.append(Fraction(top, 10 * known))
    return min(found), max(found)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), TENTHS), min_size=4, max_size=4),
    st.lists(st.integers(5, 25), min_size=4, max_size=4),
    st.lists(st.integers(25, 60), min_size=4, max_size=4),
)
def test_declared_ranges_against_exact_corners(part: list[int | None], low: list[int], high: list[int]) -> None:
    assume(any(p is not None for p in part))
    criteria = CRITERIA.head(4).assign(weight=0.25, least=np.array(low) / 100, most=np.array(high) / 100)
    of = pd.Series([np.nan if p is None else p / 10 for p in part], index=criteria["criterion"])
    expected = [float(x) for x in exact_range(part, low, high)]
    np.testing.assert_allclose(declared_range(of, rubric(criteria)), expected, atol=TOLERANCE)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.lists(st.floats(0.01, 1), min_size=8, max_size=8))
def test_no_weights_leave_the_range_over_all_weights(part: list[float], raw: list[float]) -> None:
    table = pd.DataFrame({"wave": "1", "criterion": CRITERIA["criterion"], "part": part})
    row = weight_ranges(table, rubric()).squeeze()
    score = np.array(raw) / sum(raw) @ np.array(part)
    assert row["lowest"] - 1e-12 <= score <= row["highest"] + 1e-12
    assert row["lowest"] - TOLERANCE <= row["lowest_declared"] <= CRITERIA["weight"] @ np.array(part) + TOLERANCE
    assert CRITERIA["weight"] @ np.array(part) - TOLERANCE <= row["highest_declared"] <= row["highest"] + TOLERANCE
