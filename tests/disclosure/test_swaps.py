"""Moves of people by which counts are seen to be safe: never more than an attack on all equations finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.disclosure.attack import attack
from sro_research.disclosure.linked import link
from sro_research.disclosure.swaps import Part, sure_widths


def linked(tables: list[np.ndarray]) -> tuple[object, list[np.ndarray], np.ndarray]:
    """Link tables (schools, groups) of the same people; return where the cells of each, and of the schools, are."""
    frames = []
    for number, counts in enumerate(tables):
        places = np.indices(counts.shape).reshape(2, -1)
        frame = pd.DataFrame({"school": places[0].astype(str), f"by{number}": places[1].astype(str)})
        frames.append((frame.assign(count=counts.ravel()), ["school", f"by{number}"]))
    made = link(frames)
    cells = [
        np.array(
            [
                [made.index[tuple(sorted({"school": str(s), f"by{number}": str(g)}.items()))] for g in range(n)]
                for s in range(len(counts))
            ]
        )
        for number, (counts, n) in enumerate((counts, counts.shape[1]) for counts in tables)
    ]
    return made, cells, np.array([made.index[(("school", str(s)),)] for s in range(len(tables[0]))])


@st.composite
def districts(draw: st.DrawFn) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Draw two tables of the same people, what is hidden of each, which schools are, and what readers know at least."""
    schools = draw(st.integers(2, 6))
    counts = st.integers(0, 6)
    first = np.array(draw(st.lists(st.lists(counts, min_size=3, max_size=3), min_size=schools, max_size=schools)))
    # The second table splits the same people otherwise.
    shares = np.array(draw(st.lists(st.floats(0, 1), min_size=schools, max_size=schools)))
    some = np.floor(first.sum(axis=1) * shares).astype(int)
    second = np.stack([some, first.sum(axis=1) - some], axis=1)
    mask = st.lists(st.booleans(), min_size=schools, max_size=schools)
    gone = np.array(draw(mask))
    hidden = [np.stack([np.array(draw(mask)) | gone for _ in range(t.shape[1])], axis=1) for t in (first, second)]
    least = [np.minimum(t, draw(st.integers(0, 1))) for t in (first, second)]
    return [first, second], hidden, gone, least


@settings(max_examples=150, deadline=None)
@given(districts())
def test_no_width_is_more_than_what_all_equations_allow(made: tuple) -> None:
    tables, hidden, gone, least = made
    system, cells, schools = linked(tables)
    is_hidden, low = np.zeros(len(system.counts), bool), np.zeros(len(system.counts))
    for at, mask, known in zip(cells, hidden, least, strict=True):
        is_hidden[at], low[at] = mask, known
    is_hidden[schools] = gone
    found = attack(system.equations, system.counts, is_hidden, enough=np.inf, low=low)
    exact = np.zeros(len(system.counts))
    exact[found.cells] = found.width
    parts = [Part(t - known, mask) for t, known, mask in zip(tables, least, hidden, strict=True)]
    widths, whole = sure_widths(parts, Part(tables[0].sum(axis=1), gone))
    for at, width in [*zip(cells, widths, strict=True), (schools, whole)]:
        assert (width <= exact[at] + 1e-6).all()


def test_a_swap_between_two_schools_is_seen() -> None:
    spare, hidden = np.array([[3.0, 20.0, 9.0], [30.0, 4.0, 9.0]]), np.array([[1, 1, 0], [1, 1, 0]], bool)
    (width,), whole = sure_widths([Part(spare, hidden)], Part(spare.sum(axis=1), np.zeros(2, bool)))
    # The first school's first group: up by what its second can give (20), down by 3, which the other's second has.
    assert width.tolist() == [[23, 23, 0], [23, 23, 0]]
    assert whole.tolist() == [0, 0]


def test_what_only_one_school_hides_is_not_seen_to_be_safe() -> None:
    spare, hidden = np.full((3, 3), 9.0), np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    (width,), _ = sure_widths([Part(spare, hidden)], Part(spare.sum(axis=1), np.zeros(3, bool)))
    assert not width.any()


def test_people_may_belong_to_either_of_two_hidden_schools() -> None:
    gender, race = np.array([[2.0, 3.0], [4.0, 5.0]]), np.array([[5.0, 0.0], [1.0, 8.0]])
    gone = np.ones(2, bool)
    everything = [Part(gender, np.ones((2, 2), bool)), Part(race, np.ones((2, 2), bool))]
    (by_gender, _), whole = sure_widths(everything, Part(gender.sum(axis=1), gone))
    assert whole.tolist() == [14, 14]
    assert by_gender[0, 0] == pytest.approx(2 + 4)
    apart = [Part(gender, np.ones((2, 2), bool)), Part(race, np.array([[1, 0], [0, 1]], bool))]
    _, whole = sure_widths(apart, Part(gender.sum(axis=1), gone))
    assert whole.tolist() == [0, 0], "nobody of the one's race is hidden in the other"
