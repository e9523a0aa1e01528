"""What to hide among a block of schools, at the least cost: an integer program with one cut for every way in which a
hidden cell could still be pinned down (Fischetti & Salazar 2001, Management Science 47, 1008-1027).

Work is limited by rounds and nodes, never by a clock, so that every machine decides the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from sro_research.disclosure.solver import INFINITY, LinearProgram, quiet_highs

GAP, ABSOLUTE_GAP = 0.005, 0.25
"""How far from the least cost a block may end: a fraction, or a quarter of a cell."""
_LP_ROUNDS, _MIP_ROUNDS, _WITNESSES = 50, 60, 10
_NODES, _PIVOTS, _PROGRAMS = 200, 8_000, 2_000
"""After so much work the choice is kept, and what is narrow still is worked on by itself."""
_REACH = 3
"""Moves are looked for up to this many times the width; a cell need not move farther to protect another."""
_TOLERANCE = 1e-4


@dataclass
class System:
    """Linked cells, or those of some schools: equations, counts, and for each cell whether it is hidden, may be hidden,
    at what cost, and whether it needs protection; `inside` maps to the cells of the whole."""

    equations: sp.csr_matrix
    counts: np.ndarray
    hidden: np.ndarray
    candidate: np.ndarray
    cost: np.ndarray
    needy: np.ndarray
    low: np.ndarray
    all_alike: bool = False

    def of(self, cells: np.ndarray) -> System:
        """Return the part of the system that these cells are."""
        part = self.equations.tocsc()[:, cells].tocsr()
        part = part[np.diff(part.indptr) > 0]
        hidden, candidate, needy = self.hidden[cells], self.candidate[cells], self.needy[cells]
        return System(
            part, self.counts[cells], hidden, candidate, self.cost[cells], needy, self.low[cells], self.all_alike
        )


def least_cost(
    part: System, sums: list[tuple[np.ndarray, np.ndarray, float]], width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates to hide and the needy cells that no choice of them protects (positions in `part`)."""
    fixed = np.flatnonzero(part.hidden)
    free = np.flatnonzero(part.candidate & ~part.hidden)
    columns = np.concatenate([fixed, free])
    place = np.full(len(part.counts), -1)
    place[columns] = np.arange(len(columns))
    master = quiet_highs()
    for cost in part.cost[free]:
        master.addVar(0.0, 1.0)
        master.changeColCost(master.getNumCol() - 1, float(cost))
    start = len(fixed)
    for helpers, people, missing in sums:
        _cut(master, place[helpers] - start, np.asarray(people) / missing)
    separation = _Separation(part, columns, start, place, width)
    needy = np.flatnonzero(part.needy)
    hopeless: set[int] = set()
    master.run()
    for _ in range(_LP_ROUNDS):
        cuts = separation.cut(master, _values(master, len(free)), needy, hopeless)
        if not cuts or separation.programs > _PROGRAMS:
            break
        master.run()
    for column in range(len(free)):
        master.changeColIntegrality(column, highspy.HighsVarType.kInteger)
    master.setOptionValue("mip_rel_gap", GAP)
    master.setOptionValue("mip_abs_gap", ABSOLUTE_GAP)
    master.setOptionValue("mip_max_nodes", _NODES)
    master.setOptionValue("mip_allow_restart", False)
    chosen, pivots = np.zeros(len(free), bool), 0
    for _ in range(_MIP_ROUNDS):
        master.run()
        pivots += max(0, master.getInfo().simplex_iteration_count)
        values = np.round(_values(master, len(free)))
        chosen = values > 0.5
        if (
            not separation.cut(master, values, needy, hopeless)
            or pivots > _PIVOTS
            or separation.programs > 2 * _PROGRAMS
        ):
            break
    return free[chosen], np.array(sorted(hopeless), int)


class _Separation:
    """Looks for needy cells that a choice of candidates leaves too narrow, and says by cuts what would widen them."""

    def __init__(self, part: System, columns: np.ndarray, start: int, place: np.ndarray, width: float) -> None:
        inner = part.equations[:, columns]
        inner = inner[np.diff(inner.indptr) > 0]
        reach = _REACH * width
        self.place, self.start, self.width, self.all_alike = place, start, width, part.all_alike
        self.down = np.minimum(part.counts[columns] - part.low[columns], reach)
        self.up = np.full(len(columns), reach)
        self.program = LinearProgram(inner, np.zeros(len(columns)), np.zeros(len(columns)))
        self.random = np.random.default_rng(0)
        self.seen: set[bytes] = set()
        self.programs = 0
        """How many linear programs were solved."""

    def cut(self, master: highspy.Highs, values: np.ndarray, needy: np.ndarray, hopeless: set[int]) -> int:
        """Add a cut for each needy cell that `values` leave too narrow; return how many were added."""
        share = np.concatenate([np.ones(self.start), np.clip(values, 0.0, 1.0)])
        self.program.bound(-self.down * share, self.up * share)
        needy = np.array([cell for cell in needy if cell not in hopeless], int)
        at, added = self.place[needy], 0
        for cell, column in zip(needy[(open_ := self._open(at, self.width))], at[open_], strict=True):
            reached, coefficients = self._reach(column)
            if reached >= self.width - _TOLERANCE:
                continue
            missing = self.width - coefficients[: self.start].sum()
            helpers = np.flatnonzero(coefficients[self.start :] > 1e-7)
            if not len(helpers) or missing <= 1e-6:
                hopeless.add(int(cell))
                continue
            weights = np.minimum(coefficients[self.start :][helpers] / missing, 1.0)
            if weights.sum() < 1.0 - _TOLERANCE:  # Not even all together: the program would have no solution.
                hopeless.add(int(cell))
                continue
            added += self._add(master, helpers, weights, 1.0)
        return added + (self._cut_chosen(master, values) if self.all_alike else 0)

    def _cut_chosen(self, master: highspy.Highs, values: np.ndarray) -> int:
        """Add a cut for each candidate that is hidden for others and stays too narrow itself."""
        chosen, added = np.flatnonzero(values > _TOLERANCE), 0
        needed = self.width * values[chosen]
        for own, need in zip(chosen[(open_ := self._open(self.start + chosen, needed))], needed[open_], strict=True):
            reached, coefficients = self._reach(self.start + own)
            missing = self.width - coefficients[: self.start].sum() - coefficients[self.start + own]
            if reached >= need - _TOLERANCE or missing <= 1e-6:
                continue
            coefficients[self.start + own] = 0.0
            helpers = np.flatnonzero(coefficients[self.start :] > 1e-7)
            weights = np.minimum(coefficients[self.start :][helpers] / missing, 1.0)
            added += self._add(master, np.append(helpers, own), np.append(weights, -1.0), 0.0)
        return added

    def _maximize(self, objective: np.ndarray) -> np.ndarray:
        self.programs += 1
        return self.program.maximize(objective)

    def _add(self, master: highspy.Highs, helpers: np.ndarray, weights: np.ndarray, least: float) -> bool:
        """Add a cut, unless it is there."""
        name = helpers.tobytes() + np.round(weights, 4).tobytes()
        if name in self.seen:
            return False
        self.seen.add(name)
        _cut(master, helpers, weights, least)
        return True

    def _open(self, at: np.ndarray, width: np.ndarray | float) -> np.ndarray:
        """Return which columns no joint move has shown to be wide enough."""
        low, high = np.zeros(len(at)), np.zeros(len(at))
        open_, last = np.ones(len(at), bool), len(at) + 1
        for turn in range(_WITNESSES if len(at) > 1 else 0):
            objective = np.zeros(len(self.up))
            weights = self.random.choice([-1.0, 1.0], len(at)) * open_
            objective[at] = weights * self.random.random(len(at)) if turn % 2 else weights
            move = self._maximize(objective)[at]
            low, high = np.minimum(low, move), np.maximum(high, move)
            open_ &= high - low < width - _TOLERANCE
            if not open_.any() or open_.sum() >= last:
                break
            last = int(open_.sum())
        return open_

    def _reach(self, column: int) -> tuple[float, np.ndarray]:
        """Return how far a cell moves up and down together, and what each column adds to that when it is hidden."""
        total, coefficients = 0.0, np.zeros(len(self.up))
        for sign in (1.0, -1.0):
            objective = np.zeros(len(self.up))
            objective[column] = sign
            total += sign * self._maximize(objective)[column]
            gain = self.program.reduced_costs()
            coefficients += np.maximum(gain, 0.0) * self.up + np.maximum(-gain, 0.0) * self.down
        return total, coefficients


def _cut(master: highspy.Highs, helpers: np.ndarray, weights: np.ndarray, least: float = 1.0) -> None:
    """Demand that the weights of the hidden helpers add up to `least` or more."""
    master.addRow(least, INFINITY, len(helpers), helpers.astype(np.int32), np.asarray(weights, dtype=float))


def _values(master: highspy.Highs, count: int) -> np.ndarray:
    """Return the master's solution; with no candidates or no solution yet, nothing is chosen."""
    values = np.array(master.getSolution().col_value)
    return values if len(values) == count else np.zeros(count)
