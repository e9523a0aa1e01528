"""Controlled rounding: multiples that add up, near the truth, and from which the truth cannot be worked out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.disclosure import rounding
from sro_research.disclosure.attack import attack
from sro_research.disclosure.linked import LinkedTables, link
from sro_research.disclosure.rounding import round_tables
from sro_research.errors import DisclosureError


def table(counts: np.ndarray | list, *dimensions: str) -> tuple[pd.DataFrame, list[str]]:
    """Return an array of counts as one row per cell, its levels numbered in each dimension."""
    array = np.asarray(counts)
    rows = [(*(f"{level:04d}" for level in at), array[at]) for at in np.ndindex(array.shape)]
    return pd.DataFrame(rows, columns=[*dimensions, "count"]), list(dimensions)


def events(schools: int, seed: int) -> LinkedTables:
    """Return made-up stops of a district: school by group by type and school by grade by type, which share cells.

    School sizes are lognormal, and most counts of a group in a school are below 10, as they are in districts.
    """
    random = np.random.default_rng(seed)
    groups, types, grades = 7, 5, 3
    size = np.clip(random.lognormal(np.log(380), 0.6, schools), 15, 2200)
    share = np.array([0.42, 0.27, 0.14, 0.06, 0.06, 0.03, 0.02])
    rate = random.gamma(2, 0.03, (schools, 1)) * np.linspace(0.7, 1.8, groups)
    stops = random.poisson(size[:, None] * random.dirichlet(6 * share / share.sum(), schools) * rate)
    kinds = random.dirichlet(2 * np.array([8, 4, 2, 1, 1]), (schools, groups))
    by_group = random.multinomial(stops, kinds)
    by_grade = random.multinomial(by_group.sum(axis=1), random.dirichlet(6 * np.ones(grades), schools)[:, None])
    assert by_grade.shape == (schools, types, grades)
    return link([table(by_group, "school", "group", "type"), table(by_grade, "school", "type", "grade")])


def faults(tables: LinkedTables, rounded: np.ndarray, base: int, reach: int = 1) -> list[str]:
    """Return what is wrong with a rounding, whoever made it."""
    gap = np.abs(rounded - tables.counts)
    wrong = {
        "not whole multiples": (rounded % base).any(),
        "negative": (rounded < 0).any(),
        "does not add up": (tables.equations @ rounded).any(),
        "too far": (gap >= base * reach).any(),
        "a multiple moved": reach == 1 and gap[tables.counts % base == 0].any(),
    }
    return [name for name, found in wrong.items() if found]


def least_distance(tables: LinkedTables, base: int) -> float:
    """Return the least total distance of all adjacent roundings, by trying each one."""
    below = tables.counts // base * base
    choices = [(b,) if b == c else (b, b + base) for b, c in zip(below, tables.counts, strict=True)]
    tried = (np.array(choice) for choice in product(*choices))
    return min(np.abs(r - tables.counts).sum() for r in tried if not (tables.equations @ r).any())


def test_a_small_table_worked_by_hand():
    # 1 4 | 5   The total of 10 and the margins of 5 stay. The first row is 0 5 or 5 0: with 0 5 the second has to be
    # 4 1 | 5   5 0, and every cell is 1 from the truth; with 5 0 every cell is 4 away.
    tables = link([table([[1, 4], [4, 1]], "school", "type")])
    rounded = round_tables(tables)
    shown = {tuple(level for _, level in key): int(n) for key, n in zip(tables.keys, rounded, strict=True)}
    a, b = "0000", "0001"
    assert [shown[a, a], shown[a, b], shown[b, a], shown[b, b]] == [0, 5, 5, 0]
    assert [shown[key] for key in [(), (a,)]] == [10, 5]


TWO_BY_TWO_TO_FOUR_BY_FIVE = st.tuples(st.integers(2, 4), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 30), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@settings(deadline=None)
@given(TWO_BY_TWO_TO_FOUR_BY_FIVE, st.sampled_from([3, 5]))
def test_a_table_of_two_dimensions_goes_to_adjacent_multiples_that_add_up(counts, base):
    # Such a rounding always exists: Bacharach 1966, Cox & Ernst 1982.
    tables = link([table(counts, "school", "type")])
    assert faults(tables, round_tables(tables, base=base), base) == []


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 12), min_size=4, max_size=4), st.sampled_from([3, 5]))
def test_no_other_adjacent_rounding_is_closer(counts, base):
    tables = link([table(np.reshape(counts, (2, 2)), "school", "type")])
    assert np.abs(round_tables(tables, base=base) - tables.counts).sum() == least_distance(tables, base)


# Found by trying: no rounding to base 3 goes only to adjacent multiples.
WITHOUT_ADJACENT_ROUNDING = [
    [[0, 2, 0, 1], [0, 2, 1, 0], [0, 0, 0, 2], [0, 2, 0, 0]],
    [[1, 0, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 2]],
    [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 1], [0, 0, 1, 0]],
]


def test_where_adjacent_multiples_cannot_add_up_one_count_goes_one_step_farther():
    tables = link([table(WITHOUT_ADJACENT_ROUNDING, "school", "group", "type")])
    rounded = round_tables(tables, base=3)
    assert "a multiple moved" in faults(tables, rounded, 3)
    assert faults(tables, rounded, 3, reach=2) == []
    moved = np.abs(rounded - tables.counts)
    assert ((moved >= 3) | ((tables.counts % 3 == 0) & (moved > 0))).sum() == 1


def test_where_nothing_adds_up_nothing_is_rounded(monkeypatch):
    monkeypatch.setattr(rounding, "_round", lambda *_: None)
    with pytest.raises(DisclosureError, match="coarser groups"):
        round_tables(link([table([[1, 2]], "school", "type")]))


def test_a_solver_that_does_not_end_well_is_not_believed(monkeypatch):
    stopped = rounding.quiet_highs()
    stopped.setOptionValue("time_limit", 0.0)
    monkeypatch.setattr(rounding, "quiet_highs", lambda: stopped)
    with pytest.raises(DisclosureError, match="nothing was rounded"):
        round_tables(events(10, seed=1))


def narrowest(tables: LinkedTables, rounded: np.ndarray, base: int, cells: int = 1000) -> float:
    """Return the width of the narrowest interval that a reader of the rounded counts can give for a true one.

    Of more cells than `cells`, so many are drawn: all cells of 100 schools take a minute, and were attacked once.
    """
    everything = np.ones(len(rounded), bool)
    targets = np.zeros(len(rounded), bool)
    targets[np.random.default_rng(0).permutation(len(rounded))[:cells]] = True
    low, high = np.maximum(rounded - (base - 1), 0), rounded + (base - 1)
    found = attack(tables.equations, tables.counts, everything, enough=3, targets=targets, low=low, high=high)
    assert len(found.cells) == min(cells, len(rounded))
    return found.width.min()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("schools", [10, 100])
def test_a_district_adds_up_and_no_true_count_can_be_narrowed_to_fewer_than_four_values(schools, seed):
    tables = events(schools, seed)
    rounded = round_tables(tables)
    assert faults(tables, rounded, 5) == []
    assert narrowest(tables, rounded, 5, cells=726 if schools == 10 else 300) >= 3


def test_the_attack_finds_what_rounding_lets_out():
    # Two parts shown as 5 are at most 9 each, and a total shown as 22 is at least 18: both are 9.
    tables = link([table([9, 9], "type")])
    assert narrowest(tables, np.array([5, 5, 22]), 5) == 0


def test_the_same_counts_are_rounded_alike():
    tables = events(10, seed=4)
    assert (round_tables(tables) == round_tables(tables)).all()


def cell_by_cell(tables: LinkedTables, base: int) -> np.ndarray:
    return base * np.rint(tables.counts / base)


def test_the_checks_catch_rounding_that_does_not_add_up_or_moves_too_far():
    tables = link([table([[1, 2], [2, 2]], "school", "type")])
    assert "does not add up" in faults(tables, cell_by_cell(tables, 5), 5)
    assert "too far" in faults(tables, round_tables(tables) + 5, 5)
    assert "not whole multiples" in faults(tables, tables.counts, 5)


@pytest.mark.parametrize("base", [0, 1, 4, 10])
def test_another_base_is_refused_and_told_which_ones_there_are(base):
    with pytest.raises(DisclosureError, match=r"base 5, or 3"):
        round_tables(link([table([[1, 2]], "school", "type")]), base=base)


@pytest.mark.parametrize("counts", [[0.5, 2.0], [-1.0, 2.0]])
def test_what_is_not_a_count_is_refused(counts):
    with pytest.raises(DisclosureError, match="whole counts"):
        round_tables(link([table([counts], "school", "type")]))


def test_multiples_stay_and_nothing_is_left_to_decide():
    tables = link([table([[0, 5], [10, 0]], "school", "type")])
    assert round_tables(tables).tolist() == tables.counts.tolist()
