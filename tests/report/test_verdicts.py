"""A verdict says what an interval shows, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sro_research.report.verdicts import SYMBOLS, verdict

MIRROR = {"higher": "lower", "lower": "higher", "same": "same", "unclear": "unclear"}
bounds = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted)
margins = st.floats(0.001, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.06, 0.15, "higher"),
        (0.01, 0.15, "higher"),
        (-0.15, -0.06, "lower"),
        (-0.04, 0.04, "same"),
        (0.01, 0.04, "same"),  # beyond zero, but too small to matter
        (-0.04, 0.06, "unclear"),  # across zero and wide: little is known, which is not "the same"
        (-0.30, 0.30, "unclear"),
        (-0.05, 0.05, "unclear"),  # the margin itself already matters
    ],
)
def test_the_four_verdicts(low: float, high: float, found: str) -> None:
    assert verdict(low, high, 0.05) == found


@given(bounds, margins)
def test_turning_the_comparison_round_turns_the_verdict_round(interval: list[float], margin: float) -> None:
    low, high = interval
    assert verdict(-high, -low, margin) == MIRROR[verdict(low, high, margin)]


@given(bounds, margins)
def test_a_verdict_claims_no_more_than_the_interval(interval: list[float], margin: float) -> None:
    low, high = interval
    found = verdict(low, high, margin)
    assert (found == "same") == (max(abs(low), abs(high)) < margin)
    assert found != "higher" or (low > 0 and high >= margin)
    assert found != "unclear" or low <= 0 <= high


@given(bounds, margins, margins)
def test_a_wider_margin_never_finds_a_difference_where_a_narrow_one_finds_none(
    interval: list[float], one: float, other: float
) -> None:
    narrow, wide = sorted((one, other))
    if verdict(*interval, narrow) == "same":
        assert verdict(*interval, wide) == "same"


def test_every_verdict_has_a_symbol_of_its_own() -> None:
    assert SYMBOLS.keys() == MIRROR.keys()
    assert len(set(SYMBOLS.values())) == 4
