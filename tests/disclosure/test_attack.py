"""What a reader can work out: by hand, by trying every table, and as tau-ARGUS's own audit finds it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from districts import district
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.disclosure import attack as attack_module
from sro_research.disclosure.attack import Intervals, attack, feasible_counts
from sro_research.disclosure.linked import LinkedTables, link
from sro_research.disclosure.solver import LinearProgram
from sro_research.errors import DisclosureError

REFERENCE = Path(__file__).parents[1] / "reference" / "disclosure"
FIXTURES = json.loads((REFERENCE / "fixtures.json").read_text())
TAU_ARGUS = json.loads((REFERENCE / "expected.json").read_text())["intervals"]
PATTERNS = [(name, pattern) for name, of in TAU_ARGUS.items() for pattern in of]


def square(*counts: list[int]) -> LinkedTables:
    """Return a table of schools (lines) by groups (columns)."""
    rows = [(f"s{i}", f"g{j}", n) for i, line in enumerate(counts) for j, n in enumerate(line)]
    return link([(pd.DataFrame(rows, columns=["school", "group", "count"]), ["school", "group"])])


def cube(counts: np.ndarray) -> LinkedTables:
    rows = [(f"s{i}", f"g{j}", f"a{k}", n) for (i, j, k), n in np.ndenumerate(counts)]
    return link([(pd.DataFrame(rows, columns=["school", "group", "answer", "count"]), ["school", "group", "answer"])])


def hide(tables: LinkedTables, *cells: str) -> np.ndarray:
    """Mark cells named like 's0 g1' (one cell), 's0' (a school's total), '' (the total of everything)."""
    names = [" ".join(level for _, level in sorted(key, reverse=True)) for key in tables.keys]
    return np.isin(names, cells)


def everything(tables: LinkedTables, hidden: np.ndarray, **options: object) -> Intervals:
    return attack(tables.equations, tables.counts, hidden, enough=np.inf, **options)


def spans(found: Intervals) -> list[tuple[int, int]]:
    return [(int(low), int(high)) for low, high in zip(found.low, found.high, strict=True)]


@pytest.mark.parametrize(
    ("hidden", "low", "expected"),
    [
        (["s0 g0"], 0, [(3, 3)]),  # its row has a total
        (["s0 g0", "s0 g1"], 0, [(3, 3), (4, 4)]),  # each column has one
        (["s0 g0", "s0"], 0, [(3, 3), (15, 15)]),
        # 3 4   can be 0 7  to  7 0: the corner moves by -3 to 4
        # 5 6          8 3      1 10
        (["s0 g0", "s0 g1", "s1 g0", "s1 g1"], 0, [(0, 7), (0, 7), (1, 8), (3, 10)]),
        # Who knows that nobody's group is empty knows more: the corner moves by -2 to 3.
        (["s0 g0", "s0 g1", "s1 g0", "s1 g1"], 1, [(1, 6), (1, 6), (2, 7), (4, 9)]),
        # A triangle of hidden cells, not a loop, has no freedom.
        (["s0 g0", "s0 g1", "s1 g1"], 0, [(3, 3), (4, 4), (6, 6)]),
    ],
)
def test_tables_worked_by_hand(hidden, low, expected):
    tables = square([3, 4, 8], [5, 6, 20])
    found = everything(tables, hide(tables, *hidden), low=low)
    assert sorted(spans(found)) == sorted(expected)
    assert [tables.counts[c] for c in found.cells if found.width.max() == 0] in ([], list(found.low))


def test_what_is_known_from_elsewhere_narrows():
    tables = square([3, 4, 8], [5, 6, 20])
    hidden = hide(tables, "s0 g0", "s0 g1", "s1 g0", "s1 g1")
    enrolled = np.where(hide(tables, "s1 g1"), 7.0, np.inf)
    assert dict(zip(tables.counts[hidden], spans(everything(tables, hidden, high=enrolled)), strict=True)) == {
        3: (0, 4), 4: (3, 7), 5: (4, 8), 6: (3, 7),
    }  # fmt: skip


def test_only_targets_are_answered_and_any_solution_gives_the_same():
    tables = square([3, 4, 8], [5, 6, 20])
    hidden, target = hide(tables, "s0 g0", "s0 g1", "s1 g0", "s1 g1"), hide(tables, "s1 g1")
    shown_low, shown_high = np.where(hidden, 0, tables.counts), np.where(hidden, 1e3, tables.counts)
    other = feasible_counts(tables.equations, shown_low, shown_high)
    assert not np.array_equal(other, tables.counts)
    found = attack(tables.equations, other, hidden, enough=np.inf, targets=target)
    assert spans(found) == [(3, 10)]
    assert list(found.cells) == list(np.flatnonzero(target))


def test_two_tables_that_share_totals_are_attacked_together():
    """Each table alone leaves its two hidden answers open; that they have the same totals gives both away."""
    by_group = pd.DataFrame({"group": ["g0", "g0", "g1", "g1"], "answer": ["a0", "a1"] * 2, "count": [2, 7, 20, 30]})
    by_grade = pd.DataFrame({"grade": ["k0", "k0", "k1", "k1"], "answer": ["a0", "a1"] * 2, "count": [12, 17, 10, 20]})
    one = link([(by_group, ["group", "answer"])])
    both = link([(by_group, ["group", "answer"]), (by_grade, ["grade", "answer"])])
    for tables, expected in ((one, [(0, 9)] * 2), (both, [(2, 2), (7, 7)])):
        keys = [(("answer", a), ("group", "g0")) for a in ("a0", "a1")] + [(("answer", a),) for a in ("a0", "a1")]
        hidden = np.array([key in keys for key in tables.keys])
        found = everything(tables, hidden)
        by_key = {tables.keys[c]: span for c, span in zip(found.cells, spans(found), strict=True)}
        assert [by_key[key] for key in keys[:2]] == expected


def test_different_counts_for_one_cell_are_refused():
    table = pd.DataFrame({"school": ["s0", "s1"], "group": ["g0", "g0"], "count": [3, 4]})
    other = pd.DataFrame({"school": ["s0", "s1"], "grade": ["k0", "k0"], "count": [3, 5]})
    with pytest.raises(DisclosureError, match="two tables give different counts"):
        link([(table, ["school", "group"]), (other, ["school", "grade"])])


def test_published_numbers_that_contradict_each_other_are_an_error():
    tables = square([3, 4, 8], [5, 6, 20])
    wrong = tables.counts + hide(tables, "s0")
    with pytest.raises(DisclosureError, match="contradict"):
        feasible_counts(tables.equations, wrong, wrong)
    low, high = np.zeros(len(wrong)), np.full(len(wrong), 9.0)
    with pytest.raises(DisclosureError, match="contradict"):
        feasible_counts(tables.equations, np.where(hide(tables, ""), 99, low), np.where(hide(tables, ""), 99, high))


def possible(tables: LinkedTables, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest count of every cell over all whole tables with the same published cells.

    The total of everything is published, so that what is left for the hidden cells is shared out in every way.
    """
    inner = inner_cells(tables)
    open_ = [cell for cell in inner if hidden[cell]]
    left = int(tables.counts[open_].sum())
    bars = np.array([*itertools.combinations(range(left + len(open_) - 1), len(open_) - 1)]).reshape(-1, len(open_) - 1)
    edges = np.hstack([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), left + len(open_) - 1)])
    tried = np.tile(tables.counts, (len(bars), 1))
    tried[:, open_] = np.diff(edges, axis=1) - 1
    parts = np.array([[set(key) <= set(tables.keys[cell]) for cell in inner] for key in tables.keys], dtype=float)
    whole = tried[:, inner] @ parts.T
    same = whole[(whole[:, ~hidden] == tables.counts[~hidden]).all(axis=1)]
    return same.min(axis=0), same.max(axis=0)


def inner_cells(tables: LinkedTables) -> list[int]:
    depth = max(map(len, tables.keys))
    return [i for i, key in enumerate(tables.keys) if len(key) == depth]


@st.composite
def a_table(draw: st.DrawFn, shapes: list[tuple[int, ...]], most_people: int) -> tuple[LinkedTables, np.ndarray]:
    """Draw a small table, some of its cells to hide, and some of its totals; the total of everything is shown."""
    shape = draw(st.sampled_from(shapes))
    counts = np.zeros(shape)
    for at in draw(st.lists(st.integers(0, counts.size - 1), max_size=most_people)):
        counts.flat[at] += 1
    tables = square(*counts.tolist()) if len(shape) == 2 else cube(counts)
    hidden = np.zeros(len(tables.keys), bool)
    inner = inner_cells(tables)
    hidden[list(draw(st.sets(st.sampled_from(inner), min_size=2)))] = True
    outer = [i for i, key in enumerate(tables.keys) if 0 < len(key) < len(shape)]
    hidden[list(draw(st.sets(st.sampled_from(outer), max_size=3)))] = True
    return tables, hidden


@settings(max_examples=150, deadline=None)
@given(a_table([(2, 2), (2, 3), (3, 3)], 7))
def test_two_way_intervals_are_those_of_all_whole_tables(drawn):
    """In two dimensions the corners of what is possible are whole (a transportation problem), so both are equal."""
    tables, hidden = drawn
    least, most = possible(tables, hidden)
    found = everything(tables, hidden)
    assert spans(found) == [(int(least[c]), int(most[c])) for c in found.cells]


@settings(max_examples=60, deadline=None)
@given(a_table([(2, 2, 2), (2, 3, 2)], 5))
def test_three_way_intervals_contain_those_of_all_whole_tables(drawn):
    tables, hidden = drawn
    least, most = possible(tables, hidden)
    found = everything(tables, hidden)
    assert all(found.low <= least[found.cells]) and all(found.high >= most[found.cells])


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_intervals_are_those_of_tau_argus(name, pattern):
    """No tolerance beyond README.md's rule: the whole numbers inside tau-ARGUS's bounds are those inside ours."""
    tables = published(name)
    theirs = {cell(of): bounds for of, bounds in TAU_ARGUS[name][pattern].items()}
    hidden = np.array([key in theirs for key in tables.keys])
    assert hidden.sum() == len(theirs) == len(FIXTURES[name]["hidden"][pattern])
    found = everything(tables, hidden)
    expected = np.array([theirs[tables.keys[c]] for c in found.cells])
    assert list(found.low) == list(np.ceil(expected[:, 0] - 1e-6))
    assert list(found.high) == list(np.floor(expected[:, 1] + 1e-6))
    if pattern == "suppressed":
        small = (tables.counts[found.cells] > 0) & (tables.counts[found.cells] < 10)
        assert (found.width[small] >= 5).all()


def cell(name: str) -> tuple[tuple[str, str], ...]:
    return tuple(tuple(part.split("=")) for part in name.split(",")) if name else ()


def published(name: str) -> LinkedTables:
    tables = []
    for dimensions in FIXTURES[name]["tables"]:
        rows = [dict(cell(of)) | {"count": n} for of, n in FIXTURES[name]["counts"].items()]
        tables.append((pd.DataFrame([row for row in rows if set(row) == {*dimensions, "count"}]), dimensions))
    return link(tables)


@pytest.mark.parametrize(("kind", "linked"), [("survey", True), ("events", True), ("survey", False)])
def test_large_systems_have_the_same_narrow_cells(monkeypatch, kind, linked):
    made = district(10, seed=3, kind=kind, linked=linked)
    tables = made.tables

    def narrow() -> dict[int, tuple[int, int]]:
        found = attack(tables.equations, tables.counts, made.hidden, enough=5)
        return {c: s for c, s, w in zip(found.cells, spans(found), found.width, strict=True) if w < 5}

    whole, called = narrow(), []
    from_nothing = LinearProgram.maximize_from_nothing
    monkeypatch.setattr(attack_module, "_LARGE", 10)
    monkeypatch.setattr(LinearProgram, "maximize_from_nothing", lambda *of: called.append(1) or from_nothing(*of))
    assert narrow() == whole
    assert called and whole


def test_hiding_only_small_counts_gives_many_away():
    """The notes' district of ten schools: a quarter of what is hidden can be worked out exactly."""
    made = district(10, seed=3)
    found = attack(made.tables.equations, made.tables.counts, made.hidden, enough=5)
    assert 0.1 < (found.width == 0).mean() < 0.4 < (found.width < 5).mean() + 0.1
    exact = found.cells[found.width == 0]
    assert list(found.low[found.width == 0]) == list(made.tables.counts[exact])


def test_a_solver_that_ends_without_an_optimum_proves_nothing() -> None:
    program = LinearProgram(sp.csr_matrix([[1.0, 1.0, -1.0]]), np.zeros(3), np.full(3, np.inf))
    with pytest.raises(DisclosureError, match="proves nothing"):
        program.maximize(np.array([1.0, 2.0, 0.0]))


def test_an_attack_that_only_certifies_never_calls_a_narrow_cell_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack_module, "_LARGE", 10)
    made = district(8, seed=3)
    system = (made.tables.equations, made.tables.counts, made.hidden)
    exact, quick = (
        attack(*system, enough=5, targets=made.needy),
        attack(*system, enough=5, certify_only=True, targets=made.needy),
    )
    assert (exact.width < 5).any()
    assert (quick.width < 5)[exact.width < 5].all()
    assert ((quick.width >= 5) & (exact.width >= 5)).any()
