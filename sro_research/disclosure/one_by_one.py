"""What to hide for one cell after another: a linear program each (Kelly, Golden & Assad 1992, Networks 22, 397-417).

Hides more than one program for all cells of a block would, and never takes long: it mends what such programs leave.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sro_research.disclosure.least_cost import System
from sro_research.disclosure.solver import LinearProgram
from sro_research.errors import ContradictionError

_REACH = 3
"""No cell moves farther than this many times the width."""
_TOLERANCE = 1e-6


def one_by_one(part: System, narrow: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates to hide so that each of the `narrow` cells can be larger by `width`, and those for which
    nothing does it (positions in `part`)."""
    hidden, hopeless = part.hidden.copy(), []
    movable = np.flatnonzero(part.hidden | part.candidate)
    count = len(movable)
    inner = part.equations[:, movable]
    inner = inner[np.diff(inner.indptr) > 0]
    up = np.full(count, _REACH * width)
    down = np.minimum(part.counts[movable] - part.low[movable], up)
    program = LinearProgram(sp.hstack([inner, -inner]), np.zeros(2 * count), np.concatenate([up, down]))
    place = np.full(len(part.counts), -1)
    place[movable] = np.arange(count)
    queue = list(np.flatnonzero(narrow))
    while queue:
        cell = queue.pop(0)
        at = place[cell]
        low, high = np.zeros(2 * count), np.concatenate([up, down])
        low[at] = high[at] = width
        high[count + at] = 0.0
        program.bound(low, high)
        cost = np.where(hidden[movable], 0.0, part.cost[movable])
        try:
            move = program.maximize(-np.tile(cost, 2))
        except ContradictionError:
            hopeless.append(cell)
            continue
        moved = movable[(move[:count] + move[count:]) > _TOLERANCE]
        more = moved[~hidden[moved]]
        hidden[more] = True
        queue += list(more) if part.all_alike else []
    return np.flatnonzero(hidden & ~part.hidden), np.array(hopeless, int)
