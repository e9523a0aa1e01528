"""After suppression nothing hidden can be worked out, at a price near the least, the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from districts import DEMAND, THRESHOLD, District, district, ruled

from sro_research.disclosure import complementary
from sro_research.disclosure.attack import attack
from sro_research.disclosure.complementary import default_costs, small_sums
from sro_research.disclosure.linked import link
from sro_research.errors import DisclosureError

OPTIMA = json.loads((Path(__file__).parents[1] / "reference" / "disclosure" / "optimum.json").read_text())["districts"]
SEEDS, TOLERANCE = range(5), 0.006
"""`suppress` stops when half a percent of the cost is not proven; the rest is for rounding."""


@cache
def protected(*options: tuple[str, object]) -> tuple[District, np.ndarray]:
    made = district(**dict(options))
    return made, made.suppressed()


def narrow(made: District, hidden: np.ndarray, low: float | None = None) -> int:
    """Count the needy cells that a reader can pin down to fewer than six whole numbers."""
    tables = made.tables
    low = made.low if low is None else low
    found = attack(tables.equations, tables.counts, hidden, enough=DEMAND.width, targets=made.needy, low=low)
    return int((found.width < DEMAND.width).sum())


def is_safe(made: District, hidden: np.ndarray) -> bool:
    return not narrow(made, hidden) and not small_sums(made.tables, hidden, made.needy, DEMAND.smallest_sum)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["survey", "events"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_needy_is_left_narrow(seed, kind, linked):
    made, hidden = protected(("schools", 10), ("seed", seed), ("kind", kind), ("linked", linked))
    assert narrow(made, made.hidden) > 0
    assert is_safe(made, hidden)
    assert hidden[made.hidden].all()
    assert (hidden <= made.hidden | made.candidate).all()


@pytest.mark.parametrize("zeros", ["hidden", "shown"])
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_nothing_is_left_narrow_whatever_becomes_of_zeros(seed, zeros):
    made, hidden = protected(
        ("schools", 4), ("seed", seed), ("zeros", zeros), ("groups", 4), ("answers", 3), ("grades", 2)
    )
    assert made.low == (zeros == "shown")
    assert is_safe(made, hidden)
    # Not needed, but hidden from the start: it stays hidden.
    assert hidden[made.hidden & ~made.needy].all()
    assert (made.hidden & ~made.needy).any() == (zeros == "hidden")


def test_zeros_that_are_shown_must_be_told_to_the_engine():
    """A pattern made for readers who know nothing of zeros does not hold against those who do."""
    made = district(10, seed=3)
    _, hidden = protected(("schools", 10), ("seed", 3), ("kind", "survey"), ("linked", True))
    assert narrow(made, hidden, low=0) == 0 < narrow(made, hidden, low=1)


def test_waves_and_the_pooled_table_are_protected_together():
    made, hidden = protected(("schools", 3), ("seed", 2), ("groups", 3), ("answers", 2), ("grades", 2), ("waves", 2))
    pooled = np.array(["wave" not in dict(key) for key in made.tables.keys])
    assert made.needy[~pooled].any()
    assert is_safe(made, hidden)


def test_the_same_pattern_every_time():
    for kind in ("survey", "events"):
        made, hidden = protected(("schools", 10), ("seed", 2), ("kind", kind), ("linked", True))
        np.testing.assert_array_equal(made.suppressed(), hidden)


def test_the_same_protection_from_small_blocks():
    """Four blocks of three schools see less than one of ten; what they miss is repaired."""
    made = district(10, seed=3, linked=False)
    assert is_safe(made, made.suppressed(block=3))


def test_what_blocks_leave_is_mended_one_by_one(monkeypatch):
    """Blocks that decide nothing: everything is left to the programs for single cells."""
    made = district(6, seed=2)
    monkeypatch.setattr(complementary, "_decide", lambda *_: np.array([], int))
    hidden = made.suppressed()
    assert is_safe(made, hidden)
    assert not (hidden & ~made.hidden & ~made.candidate).any()


def test_what_is_hidden_for_others_is_as_safe_where_all_are_alike():
    made = district(8, seed=5, linked=False)
    plain, alike = made.suppressed(), made.suppressed(all_alike=True)
    assert is_safe(replace(made, needy=alike), alike)
    assert not is_safe(replace(made, needy=plain), plain), "the difference would not be seen here"


def test_a_table_of_three_waves_and_all_together_is_protected():
    made = district(4, seed=1, kind="events", waves=3, linked=False, groups=2, answers=2)
    hidden = made.suppressed()
    assert made.needy.sum() > 30
    assert is_safe(made, hidden)
    assert np.array_equal(hidden, made.suppressed()), "a second run decides the same"


def test_what_was_hidden_before_stays_hidden():
    made = district(4, seed=1, groups=4, answers=3, grades=2)
    frozen = np.flatnonzero(made.candidate)[::7]
    before = made.hidden.copy()
    before[frozen] = True
    hidden = replace(made, hidden=before).suppressed()
    assert hidden[before].all()
    assert is_safe(made, hidden)


@pytest.mark.parametrize("kind", ["survey", "events"])
def test_a_complement_that_is_missing_is_noticed(kind):
    """Planted fault: show one complement again. Where the pattern is near the least, most of them are needed."""
    random, noticed, tried = np.random.default_rng(1), 0, 0
    for seed in SEEDS:
        made, hidden = protected(("schools", 10), ("seed", seed), ("kind", kind), ("linked", True))
        for cell in random.permutation(np.flatnonzero(hidden & ~made.hidden))[:4]:
            fault = hidden.copy()
            fault[cell] = False
            tried += 1
            noticed += not is_safe(made, fault)
    assert noticed >= 0.8 * tried


@pytest.mark.parametrize("optimum", OPTIMA, ids=lambda o: "-".join(map(str, [o["method"], *o["options"].values()])))
def test_little_more_is_hidden_than_must_be(optimum):
    made, hidden = protected(*optimum["options"].items())
    assert made.hidden.sum() == optimum["small"], "optimum.json is of another district"
    more = hidden & ~made.hidden
    if optimum["cost"]["proven"]:
        assert default_costs(made.tables)[more].sum() <= (1 + TOLERANCE) * optimum["cost"]["least"]
    # The engine counts a total dearer than a cell, so that it may hide more cells than the fewest.
    if optimum["complements"]["proven"]:
        fewest = optimum["complements"]["least"]
        assert more.sum() <= 1.25 * fewest
        assert hidden.sum() <= 1.05 * (made.hidden.sum() + fewest)


def test_both_ways_to_the_least_agree():
    found: dict[str, dict[str, dict]] = {}
    for optimum in OPTIMA:
        found.setdefault(json.dumps(optimum["options"]), {})[optimum["method"]] = optimum
    pairs = [
        (of["extensive"][goal], of["by_cuts"][goal])
        for of in found.values()
        for goal in ("cost", "complements")
        if len(of) == 2
    ]
    proven = [(one["least"], other["least"]) for one, other in pairs if one["proven"] and other["proven"]]
    assert len(proven) >= 20
    np.testing.assert_allclose(*zip(*proven, strict=True), atol=1e-4)


def test_what_cannot_be_protected_is_refused():
    """Two schools, all totals stay: one hidden group is its total minus the others."""
    rows = [("s0", "g0", 4), ("s0", "g1", 0), ("s1", "g0", 0), ("s1", "g1", 40)]
    tables = link([(pd.DataFrame(rows, columns=["school", "group", "count"]), ["school", "group"])])
    with pytest.raises(DisclosureError, match="nothing protects"):
        ruled(tables, firm=True).suppressed()


def test_a_small_total_beside_totals_that_stay_is_refused():
    made = district(10, seed=1, firm=True)
    small = [i for i, key in enumerate(made.tables.keys) if key == (("group", "gr06"),)]
    assert 0 < made.tables.counts[small[0]] < THRESHOLD
    assert narrow(made, made.hidden | made.candidate) > 0
    with pytest.raises(DisclosureError, match="nothing protects"):
        made.suppressed()
