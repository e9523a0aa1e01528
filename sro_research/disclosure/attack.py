"""What a reader who solves all equations at once can say about each hidden count.

The reader knows every published count, that hidden ones are whole and not negative, and how the tables add up. The
interval of a hidden count is the smallest and the largest value it can take (Fischetti & Salazar 2001, Management
Science 47, 1008-1027). Most of it needs no linear program: bounds passed along equations find what is fixed, a
move of many cells at once certifies all of them, and only what is left is solved for, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from sro_research.disclosure.solver import INFINITY, LinearProgram

FARTHEST = 1e5
"""Counts are not looked for farther than this from a feasible one."""
SLACK = 1e-6
_SWEEPS, _MOVES, _STALLED = 50, 60, 4
_LARGE = 4000
"""Moves of more cells than this are solved for from nothing: a presolve is faster there than a warm basis."""


@dataclass(frozen=True)
class Intervals:
    """What an attacker knows of `cells`: whole numbers from `low` to `high`.

    Cells as wide as was asked for may be wider still; narrower ones are exact.
    """

    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """How many whole numbers beside the true one are possible."""
        return self.high - self.low


def attack(
    equations: sp.csr_matrix,
    feasible: np.ndarray,
    hidden: np.ndarray,
    *,
    enough: np.ndarray | float,
    targets: np.ndarray | None = None,
    low: np.ndarray | float = 0.0,
    high: np.ndarray | float = INFINITY,
    certify_only: bool = False,
) -> Intervals:
    """Return the attacker's interval of each target, exact wherever it is narrower than `enough`.

    `equations` (m, n) times the counts is zero; `feasible` (n,) is any solution, the true counts or another; `hidden`
    (n,) tells what may move, between `low` and `high`; `targets` (n,) what is asked for (default: all that is hidden).
    With `certify_only`, large systems are attacked by moves of many cells at once and no further, and what these leave
    narrower than `enough` may be wider. Raises `DisclosureError` where the solver does not prove its optimum.
    """
    if targets is not None and not (targets & hidden).any():
        return Intervals(np.array([], dtype=int), np.array([]), np.array([]))
    moving = np.flatnonzero(hidden)
    system = sp.csr_matrix(equations[:, moving])
    system = system[np.diff(system.indptr) > 0]
    value = feasible[moving]
    least = np.maximum(np.broadcast_to(low, hidden.shape)[moving] - value, -FARTHEST)
    most = np.minimum(np.broadcast_to(high, hidden.shape)[moving] - value, FARTHEST)
    least, most = np.minimum(least, 0.0), np.maximum(most, 0.0)
    wanted = np.ones(len(moving), bool) if targets is None else targets[moving].copy()
    needed = np.broadcast_to(enough, hidden.shape)[moving].astype(float)
    least, most = _propagate(system, least, most)
    down, up = np.zeros(len(moving)), np.zeros(len(moving))
    state = _State(value, needed, wanted & ~(most - least < SLACK), down, up)
    free = np.flatnonzero(most - least >= SLACK)
    if len(free):
        inner = system[:, free]
        inner = inner[np.diff(inner.indptr) > 0]
        alone = np.ones(len(free), bool)
        if inner.shape[0]:
            alone[inner.indices] = False
        down[free[alone]], up[free[alone]] = least[free[alone]], most[free[alone]]
        state.settle(free[alone])
        count, label = connected_components(sp.csr_matrix(abs(inner).T @ abs(inner)), directed=False)
        order = np.argsort(label, kind="stable")
        for part in np.split(order, np.searchsorted(label[order], np.arange(1, count))):
            cells = free[part]
            if not state.open[cells].any():
                continue
            block = inner[:, part]
            block = block[np.diff(block.indptr) > 0]
            _solve(LinearProgram(block, least[cells], most[cells]), cells, state, certify_only=certify_only)
    keep = np.flatnonzero(wanted)
    lowest = np.ceil(value[keep] + down[keep] - SLACK)
    highest = np.floor(value[keep] + up[keep] + SLACK)
    return Intervals(moving[keep], lowest, highest)


def feasible_counts(equations: sp.csr_matrix, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return any counts between `low` and `high` that satisfy the equations.

    Raises `DisclosureError` where there are none: then the published numbers contradict each other.
    """
    # Beyond all that is known: a large district has more people than `FARTHEST`.
    beyond = FARTHEST + np.concatenate([low, high[np.isfinite(high)]]).max(initial=0.0)
    return LinearProgram(equations, low, np.minimum(high, beyond)).maximize_from_nothing(np.zeros(len(low)))


class _State:
    """The widest moves found so far, and which targets are still too narrow to be left alone."""

    def __init__(self, value: np.ndarray, needed: np.ndarray, open_: np.ndarray, down: np.ndarray, up: np.ndarray):
        self.value, self.needed, self.open, self.down, self.up = value, needed, open_, down, up

    def moved(self, cells: np.ndarray, move: np.ndarray) -> None:
        self.down[cells] = np.minimum(self.down[cells], move)
        self.up[cells] = np.maximum(self.up[cells], move)
        low = np.ceil(self.value[cells] + self.down[cells] - SLACK)
        high = np.floor(self.value[cells] + self.up[cells] + SLACK)
        self.open[cells] &= high - low < self.needed[cells]

    def settle(self, cells: np.ndarray) -> None:
        self.open[cells] = False


def _propagate(system: sp.csr_matrix, least: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tighten moves by each equation in turn until nothing changes."""
    rows = np.repeat(np.arange(system.shape[0]), np.diff(system.indptr))
    columns, sign = system.indices, system.data
    for _ in range(_SWEEPS):
        smallest = np.where(sign > 0, sign * least[columns], sign * most[columns])
        largest = np.where(sign > 0, sign * most[columns], sign * least[columns])
        rest_small = np.bincount(rows, smallest, system.shape[0])[rows] - smallest
        rest_large = np.bincount(rows, largest, system.shape[0])[rows] - largest
        up, down = -rest_small / sign, -rest_large / sign
        up, down = np.maximum(up, down), np.minimum(up, down)
        tighter_most, tighter_least = most.copy(), least.copy()
        np.minimum.at(tighter_most, columns, up)
        np.maximum.at(tighter_least, columns, down)
        tighter_most, tighter_least = np.maximum(tighter_most, 0.0), np.minimum(tighter_least, 0.0)
        if np.abs(tighter_most - most).max(initial=0) < SLACK and np.abs(tighter_least - least).max(initial=0) < SLACK:
            break
        least, most = tighter_least, tighter_most
    return least, most


def _solve(program: LinearProgram, cells: np.ndarray, state: _State, *, certify_only: bool) -> None:
    """Move cells as far as they go: many at once while that certifies some, then one by one."""
    large = len(cells) > _LARGE
    maximize = program.maximize_from_nothing if large else program.maximize
    random = np.random.default_rng(len(cells))
    last, stalled = int(state.open[cells].sum()), 0
    for turn in range(_MOVES if len(cells) > _STALLED else 0):
        weights = random.choice([-1.0, 1.0], len(cells)) * state.open[cells]
        state.moved(cells, maximize(weights * random.random(len(cells)) if turn % 2 else weights))
        left = int(state.open[cells].sum())
        stalled = 0 if left < last else stalled + 1
        last = left
        if not left or stalled >= _STALLED:
            break
    if large and certify_only:
        return
    for at in np.flatnonzero(state.open[cells]):
        for sign in (1.0, -1.0):
            if state.open[cells[at]]:
                objective = np.zeros(len(cells))
                objective[at] = sign
                state.moved(cells, program.maximize(objective))
        state.settle(cells[at : at + 1])
