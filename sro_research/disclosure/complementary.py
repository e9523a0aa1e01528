"""Complementary suppression: hide a little more, so that what must be hidden cannot be worked out from the rest.

Which cells to hide is an integer program with one cut for every way in which a hidden cell could still be pinned down
(Fischetti & Salazar 2001, Management Science 47, 1008-1027). Schools are taken in blocks: a move inside a block, with
everything else held still, is a move of the whole system, so what a block protects stays protected, and hiding more
later never narrows an interval. An attack on the whole then looks for what the blocks could not see, and the schools
around it are solved again together.

Work is limited by rounds and nodes, never by a clock, so that every machine decides the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from sro_research.disclosure.attack import attack
from sro_research.disclosure.linked import LinkedTables
from sro_research.disclosure.solver import INFINITY, LinearProgram, quiet_highs
from sro_research.errors import DisclosureError

BLOCK = 16
"""Schools that are decided together."""
GAP, ABSOLUTE_GAP = 0.005, 0.25
"""How far from the least cost a block may end: a fraction, or a quarter of a cell."""
_NODES, _LP_ROUNDS, _MIP_ROUNDS, _REPAIRS, _WITNESSES = 4000, 25, 60, 12, 10
_REACH = 3
"""Moves are looked for up to this many times the width; a cell need not move farther to protect another."""
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Demand:
    """What protection has to reach: `width` of each needy cell's interval, and people behind every hidden sum."""

    width: float
    smallest_sum: float


@dataclass
class _System:
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

    def of(self, cells: np.ndarray) -> _System:
        part = self.equations.tocsc()[:, cells].tocsr()
        part = part[np.diff(part.indptr) > 0]
        rest = (self.counts, self.hidden, self.candidate, self.cost, self.needy, self.low)
        return _System(part, *(values[cells] for values in rest), self.all_alike)


def suppress(
    tables: LinkedTables,
    *,
    needy: np.ndarray,
    hidden: np.ndarray,
    candidate: np.ndarray,
    cost: np.ndarray,
    demand: Demand,
    low: np.ndarray | float = 0.0,
    all_alike: bool = False,
    block: int = BLOCK,
) -> np.ndarray:
    """Return the cells to hide (n,): those in `hidden` and, at the least cost, what protects the `needy` among them.

    `candidate` (n,) tells which others may be hidden, `cost` (n,) what that costs. `low` is what a reader knows every
    hidden count to be at least. With `all_alike`, what is hidden for others gets the width of the needy as well.
    Schools are the levels of the dimension `school`.
    Raises `DisclosureError` where hiding every candidate would not be enough.
    """
    count = len(tables.counts)
    low = np.broadcast_to(np.asarray(low, dtype=float), (count,))
    whole = (tables.equations, tables.counts, hidden.copy(), candidate & ~hidden, cost, needy & hidden, low)
    system = _System(*whole, all_alike=all_alike)
    school = school_numbers(tables)
    members = [np.flatnonzero(school == i) for i in range(school.max(initial=-1) + 1)]
    shared = np.flatnonzero(school < 0)
    # What is safe already stays so, however much more is hidden: only the others are worked on.
    narrow, small = _unprotected(tables, system, demand, school)
    blocks = _blocks(members, system, block) if members else [np.array([], int)]
    for schools in blocks if (narrow | small).any() else []:
        _decide(system, np.concatenate([shared, *(members[i] for i in schools)]), narrow, demand)
    for repair in range(_REPAIRS):
        narrow, small = _unprotected(tables, system, demand, school)
        if not (narrow | small).any():
            return system.hidden
        touched = np.unique(school[(narrow | small) & (school >= 0)])
        for group in np.array_split(touched, max(1, -(-len(touched) // block))):
            near = _nearest(group, members, system, block * (1 + repair))
            cells = np.concatenate([shared, *(members[i] for i in near)])
            hopeless = _decide(system, cells, narrow, demand)
            if len(hopeless) and (repair >= _REPAIRS // 2 or len(near) == len(members)):
                raise _impossible(tables.describe(hopeless[0]))
    raise _impossible(tables.describe(int(np.flatnonzero(narrow | small)[0])))


def default_costs(tables: LinkedTables) -> np.ndarray:
    """Return what hiding each cell costs a reader: 1 for the finest, more for totals, most for the whole district."""
    depth = np.array([len(key) for key in tables.keys])
    school = school_numbers(tables)
    per_level = np.where(depth == depth.max(), 1.0, np.where(depth == depth.max() - 1, 1.6, 4.0))
    return np.where(school < 0, 6.0, per_level) + 0.02 * np.log1p(tables.counts)


def school_numbers(tables: LinkedTables) -> np.ndarray:
    """Return the number of each cell's school, in the order of their names; -1 for cells of no single school."""
    levels = tables.levels("school")
    number = {name: i for i, name in enumerate(sorted({level for level in levels if level is not None}))}
    return np.array([-1 if level is None else number[level] for level in levels])


def small_sums(tables: LinkedTables, hidden: np.ndarray, needy: np.ndarray, smallest: float) -> list[int]:
    """Return the equations that tell of a small group: a shown total over hidden parts, needy ones among them."""
    parts, total = _parts_and_total(tables.equations)
    shown, exposed = ~hidden[total], parts @ (needy & hidden).astype(float) > 0
    sums = parts @ (tables.counts * hidden)
    return list(np.flatnonzero(shown & exposed & (sums < smallest)))


def _unprotected(
    tables: LinkedTables, system: _System, demand: Demand, school: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells that an attack on the whole still pins down, and the hidden ones of small sums."""
    found = attack(
        tables.equations,
        tables.counts,
        system.hidden,
        enough=demand.width,
        targets=system.needy,
        low=system.low,
        neighbourhood=school,
    )
    narrow, small = np.zeros(len(tables.counts), bool), np.zeros(len(tables.counts), bool)
    narrow[found.cells[found.width < demand.width]] = True
    if demand.smallest_sum:
        parts, _ = _parts_and_total(tables.equations)
        for equation in small_sums(tables, system.hidden, system.needy, demand.smallest_sum):
            cells = parts.indices[parts.indptr[equation] : parts.indptr[equation + 1]]
            small[cells[system.hidden[cells]]] = True
    return narrow, small


def _impossible(cell: str) -> DisclosureError:
    return DisclosureError(
        "disclosure", f"nothing protects '{cell}' while the totals stay", fix="Publish coarser groups or fewer totals."
    )


def _blocks(members: list[np.ndarray], system: _System, size: int) -> list[np.ndarray]:
    """Cut the schools into blocks of similar ones: what is hidden in one should be hidden in its neighbours too."""
    hidden_of = np.array([system.hidden[cells].sum() for cells in members])
    order = np.lexsort((np.arange(len(members)), hidden_of))
    return list(np.array_split(order, max(1, -(-len(members) // size))))


def _nearest(group: np.ndarray, members: list[np.ndarray], system: _System, size: int) -> np.ndarray:
    """Return a group of schools with as many others as make `size`: those that hide most come first."""
    others = np.setdiff1d(np.arange(len(members)), group)
    weight = np.array([system.hidden[members[i]].sum() for i in others])
    order = np.lexsort((others, -weight))
    return np.concatenate([group, others[order][: max(0, size - len(group))]]).astype(int)


def _parts_and_total(equations: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray]:
    """Split equations into their parts (m, n) and the column of their total (m,)."""
    parts = equations.copy()
    parts.data = np.maximum(parts.data, 0.0)
    total = np.asarray(equations.argmin(axis=1)).ravel()
    return parts, total


def _decide(system: _System, cells: np.ndarray, narrow: np.ndarray, demand: Demand) -> np.ndarray:
    """Protect the `narrow` among `cells` by hiding candidates among them; sets `system.hidden`.

    Returns the cells that nothing inside protects; a later, larger try may.
    """
    part = system.of(cells)
    part.needy = narrow[cells]
    sums = _sum_rules(system, cells, demand.smallest_sum) if demand.smallest_sum else []
    if not part.needy.any() and not sums:
        return cells[:0]
    chosen, hopeless = _least_cost(part, sums, demand.width)
    system.hidden[cells[chosen]] = True
    system.needy[cells[chosen]] |= system.all_alike
    return cells[hopeless]


def _sum_rules(system: _System, cells: np.ndarray, smallest: float) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Return the sums that must grow: (columns inside, their people, people still missing) of each equation.

    What is hidden outside the block counts; a total that may be hidden settles its own sum.
    """
    place = np.full(len(system.counts), -1)
    place[cells] = np.arange(len(cells))
    equations = system.equations
    rules = []
    touching = np.unique(equations.tocsc()[:, cells[system.needy[cells]]].indices)
    for row in touching:
        at = slice(equations.indptr[row], equations.indptr[row + 1])
        columns, sign = equations.indices[at], equations.data[at]
        total, parts = columns[sign < 0][0], columns[sign > 0]
        if system.hidden[total]:
            continue
        missing = smallest - system.counts[parts[system.hidden[parts]]].sum()
        if missing <= 0:
            continue
        helpers = [c for c in parts if system.candidate[c] and not system.hidden[c] and place[c] >= 0]
        people = [min(system.counts[c], missing) for c in helpers]
        if system.candidate[total] and place[total] >= 0:
            helpers, people = [*helpers, total], [*people, missing]
        if helpers and sum(people) >= missing:
            rules.append((place[np.array(helpers)], np.array(people), missing))
    return rules


def _least_cost(
    part: _System, sums: list[tuple[np.ndarray, np.ndarray, float]], width: float
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
        if not separation.cut(master, _values(master, len(free)), needy, hopeless):
            break
        master.run()
    for column in range(len(free)):
        master.changeColIntegrality(column, highspy.HighsVarType.kInteger)
    master.setOptionValue("mip_rel_gap", GAP)
    master.setOptionValue("mip_abs_gap", ABSOLUTE_GAP)
    master.setOptionValue("mip_max_nodes", _NODES)
    chosen = np.zeros(len(free), bool)
    for _ in range(_MIP_ROUNDS):
        master.run()
        values = np.round(_values(master, len(free)))
        chosen = values > 0.5
        if not separation.cut(master, values, needy, hopeless):
            break
    return free[chosen], np.array(sorted(hopeless), int)


class _Separation:
    """Looks for needy cells that a choice of candidates leaves too narrow, and says by cuts what would widen them."""

    def __init__(self, part: _System, columns: np.ndarray, start: int, place: np.ndarray, width: float) -> None:
        inner = part.equations[:, columns]
        inner = inner[np.diff(inner.indptr) > 0]
        reach = _REACH * width
        self.place, self.start, self.width, self.all_alike = place, start, width, part.all_alike
        self.down = np.minimum(part.counts[columns] - part.low[columns], reach)
        self.up = np.full(len(columns), reach)
        self.program = LinearProgram(inner, np.zeros(len(columns)), np.zeros(len(columns)))
        self.random = np.random.default_rng(0)
        self.seen: set[bytes] = set()

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
            move = self.program.maximize(objective)[at]
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
            total += sign * self.program.maximize(objective)[column]
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
