"""Complementary suppression: hide a little more, so that what must be hidden cannot be worked out from the rest.

An attack on the whole finds what is not safe. Schools are then decided in blocks: a move inside a block, with
everything else held still, is a move of the whole system, so what a block protects stays protected, and hiding more
later never narrows an interval. Another attack looks for what the blocks could not see, and the schools around it are
decided again together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sro_research.disclosure.attack import attack
from sro_research.disclosure.least_cost import System, least_cost
from sro_research.disclosure.linked import LinkedTables
from sro_research.disclosure.one_by_one import one_by_one
from sro_research.errors import DisclosureError

LARGEST_BLOCK, BLOCK_CELLS = 16, 1000
"""So many schools are decided together, and about so many of their cells at most."""
_REPAIRS = 12


@dataclass(frozen=True)
class Demand:
    """What protection has to reach: `width` of each needy cell's interval, and people behind every hidden sum."""

    width: float
    smallest_sum: float


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
    safe: np.ndarray | None = None,
    seen: Callable[[np.ndarray], np.ndarray] | None = None,
    block: int = LARGEST_BLOCK,
) -> np.ndarray:
    """Return the cells to hide (n,): those in `hidden` and, at the least cost, what protects the `needy` among them.

    `candidate` (n,) tells which others may be hidden, `cost` (n,) what that costs. `low` is what a reader knows every
    hidden count to be at least. With `all_alike`, what is hidden for others gets the width of the needy as well. `safe`
    (n,) tells which are known to be wide enough: it is added to, for calls to come that hide no less; `seen` tells of
    what is hidden (n,) which are quickly seen to be so (n,).
    Schools are the levels of the dimension `school`.
    Raises `DisclosureError` where hiding every candidate would not be enough.
    """
    count = len(tables.counts)
    low = np.broadcast_to(np.asarray(low, dtype=float), (count,))
    whole = (tables.equations, tables.counts, hidden.copy(), candidate & ~hidden, cost, needy & hidden, low)
    system = System(*whole, all_alike=all_alike)
    school = school_numbers(tables)
    members = [np.flatnonzero(school == i) for i in range(school.max(initial=-1) + 1)]
    block = min(block, max(2, BLOCK_CELLS * len(members) // max(1, int((school >= 0).sum()))))
    shared = np.flatnonzero(school < 0)
    # What is safe already stays so, however much more is hidden: only the others are worked on.
    safe = np.zeros(count, bool) if safe is None else safe
    if seen is not None:
        safe |= seen(system.hidden)
    narrow, small = _unprotected(tables, system, demand, safe, certify_only=True)
    blocks = _blocks(members, system, block) if members else [np.array([], int)]
    for schools in blocks if (narrow | small).any() else []:
        _decide(system, np.concatenate([shared, *(members[i] for i in schools)]), narrow, demand)
    for repair in range(_REPAIRS):
        if seen is not None:
            safe |= seen(system.hidden)
        narrow, small = _unprotected(tables, system, demand, safe)
        if not (narrow | small).any():
            return system.hidden
        touched = np.unique(school[(narrow | small) & (school >= 0)])
        for group in np.array_split(touched, max(1, -(-len(touched) // block))):
            near = _nearest(group, members, system, block * (1 + repair))
            cells = np.concatenate([shared, *(members[i] for i in near)])
            hopeless = _mend(system, cells, narrow, demand)
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
    tables: LinkedTables,
    system: System,
    demand: Demand,
    safe: np.ndarray,
    *,
    certify_only: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells that an attack on the whole still pins down, and the hidden ones of small sums.

    What is found to be wide enough is entered into `safe` and not attacked again: hiding more leaves a reader no fewer
    solutions.
    """
    found = attack(
        tables.equations,
        tables.counts,
        system.hidden,
        enough=demand.width,
        targets=system.needy & ~safe,
        low=system.low,
        certify_only=certify_only,
    )
    safe[found.cells[found.width >= demand.width]] = True
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


def _blocks(members: list[np.ndarray], system: System, size: int) -> list[np.ndarray]:
    """Cut the schools into blocks of similar ones: what is hidden in one should be hidden in its neighbours too."""
    hidden_of = np.array([system.hidden[cells].sum() for cells in members])
    order = np.lexsort((np.arange(len(members)), hidden_of))
    return list(np.array_split(order, max(1, -(-len(members) // size))))


def _nearest(group: np.ndarray, members: list[np.ndarray], system: System, size: int) -> np.ndarray:
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


def _decide(system: System, cells: np.ndarray, narrow: np.ndarray, demand: Demand) -> np.ndarray:
    """Protect the `narrow` among `cells` by hiding candidates among them; sets `system.hidden`.

    Returns the cells that nothing inside protects; a later, larger try may.
    """
    part = system.of(cells)
    part.needy = narrow[cells]
    sums = _sum_rules(system, cells, demand.smallest_sum) if demand.smallest_sum else []
    if not part.needy.any() and not sums:
        return cells[:0]
    chosen, hopeless = least_cost(part, sums, demand.width)
    _hide(system, cells[chosen])
    return cells[hopeless]


def _mend(system: System, cells: np.ndarray, narrow: np.ndarray, demand: Demand) -> np.ndarray:
    """Protect one by one what the blocks left `narrow`; returns the cells that nothing among `cells` protects."""
    for helpers, people, missing in _sum_rules(system, cells, demand.smallest_sum) if demand.smallest_sum else []:
        cheapest = np.argsort(system.cost[cells[helpers]], kind="stable")
        enough = int(np.searchsorted(np.cumsum(people[cheapest]), missing)) + 1
        _hide(system, cells[helpers[cheapest[:enough]]])
    chosen, hopeless = one_by_one(system.of(cells), narrow[cells], demand.width)
    _hide(system, cells[chosen])
    return cells[hopeless]


def _hide(system: System, cells: np.ndarray) -> None:
    system.hidden[cells] = True
    system.needy[cells] |= system.all_alike


def _sum_rules(system: System, cells: np.ndarray, smallest: float) -> list[tuple[np.ndarray, np.ndarray, float]]:
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
