"""Controlled rounding: every count becomes a multiple of 5, and the rounded tables still add up.

Most counts of events (stops, searches, referrals) are small: suppression would leave blanks, and counts rounded each
on its own would not add up. Which counts go up and which go down is one integer program over
all linked tables (Cox & Ernst 1982, INFOR 20, 423-432). A single table of rows and columns always has a solution that
moves no count to other than an adjacent multiple and no multiple at all (Bacharach 1966, Management Science 12,
732-742), since its equations are those of a network; tables of three dimensions, and linked ones, need not have one
(Causey, Cox & Ernst 1985, JASA 80, 903-909). For these, as few counts as possible go one step farther.

Work is limited by nodes and a gap, never by a clock, so that every machine rounds alike.
"""

from __future__ import annotations

import highspy
import numpy as np
import scipy.sparse as sp

from sro_research.disclosure.linked import LinkedTables
from sro_research.disclosure.solver import quiet_highs
from sro_research.errors import DisclosureError

BASES = (3, 5)
"""5 is the default of ACRO and OpenSAFELY; 3 is closer to the truth and tells more."""
GAP = 0.005
"""The total distance may be this share above the least possible: below 200 in all, it is the least."""
STEP_COST = 10.0
"""What a step beyond the adjacent multiples costs, in bases: many counts rounded the far way round are better."""
_NODES = 500
_STATUS = highspy.HighsModelStatus


def round_tables(tables: LinkedTables, *, base: int = 5) -> np.ndarray:
    """Return all counts (n,) as multiples of `base` that add up as the counts do, as close to them as can be.

    Minimizes the sum of |rounded - count|. Each count goes to the multiple below or above it and a multiple stays, so
    that a reader knows of it only that it is less than `base` away; where the tables have no such rounding, as few as
    possible go one step farther, less than 2 `base` away or exactly `base` for a multiple. The largest gap,
    `abs(rounded - tables.counts).max()`, is what a page should promise.
    Raises `DisclosureError` where even that does not add up, or the solver found nothing within its limits.
    """
    if base not in BASES:
        raise DisclosureError("disclosure", f"counts cannot be rounded to base {base}", fix="Use base 5, or 3.")
    counts = np.rint(tables.counts).astype(np.int64)
    if (counts != tables.counts).any() or (counts < 0).any() or (tables.equations @ counts).any():
        raise DisclosureError(
            "disclosure", "only whole counts that add up can be rounded", fix="Round counts, not rates or estimates."
        )
    for farther in (0, 1):
        rounded = _round(tables.equations, counts, base, farther)
        if rounded is not None:
            return rounded
    raise DisclosureError(
        "disclosure",
        f"no multiples of {base} less than {2 * base} away add up in all {len(counts)} cells, or none were found",
        fix="Publish coarser groups or fewer totals.",
    )


def _round(equations: sp.csr_matrix, counts: np.ndarray, base: int, farther: int) -> np.ndarray | None:
    """Return the closest rounding that goes at most `farther` steps beyond the adjacent multiples, None without one.

    In steps of the base a count is its floor + x, x in {0, 1}, + up - down; `up` and `down` are left out when 0.
    """
    below, rest = np.divmod(counts, base)
    every, between = np.arange(len(counts)), np.flatnonzero(rest)
    beyond = every if farther else every[:0]
    column = np.concatenate([between, beyond, beyond])
    step = np.concatenate([np.ones(len(between) + len(beyond)), -np.ones(len(beyond))])
    most = np.concatenate([np.ones(len(between) + len(beyond)), np.minimum(below[beyond], farther)])
    extra = np.full(2 * len(beyond), STEP_COST * base)
    solved = _solve(
        equations[:, column] @ sp.diags_array(step),
        right=-(equations @ below),
        most=most,
        cost=np.concatenate([base - 2.0 * rest[between], extra]),
        offset=float(rest.sum()),
    )
    if solved is None:
        return None
    rounded = base * (below + np.bincount(column, step * solved, len(counts)).astype(np.int64))
    if (equations @ rounded).any() or (np.abs(rounded - counts) >= base * (1 + farther)).any() or (rounded < 0).any():
        raise DisclosureError("disclosure", "rounded counts do not add up", fix="Report this; nothing was published.")
    return rounded


def _solve(
    equations: sp.sparray, *, right: np.ndarray, most: np.ndarray, cost: np.ndarray, offset: float
) -> np.ndarray | None:
    """Return the whole 0 <= x <= most of least cost with equations times x equal right, None where there is none."""
    columns = sp.csc_matrix(equations)
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = columns.shape
    program.col_cost_, program.offset_ = cost, offset
    program.col_lower_, program.col_upper_ = np.zeros(len(most)), most.astype(float)
    program.row_lower_ = program.row_upper_ = right.astype(float)
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = columns.indptr.astype(np.int32)
    program.a_matrix_.index_ = columns.indices.astype(np.int32)
    program.a_matrix_.value_ = columns.data.astype(float)
    program.integrality_ = [highspy.HighsVarType.kInteger] * len(most)
    highs = quiet_highs()
    highs.setOptionValue("mip_rel_gap", GAP)
    highs.setOptionValue("mip_max_nodes", _NODES)
    highs.passModel(program)
    highs.run()
    status = highs.getModelStatus()
    if status == _STATUS.kInfeasible:
        return None
    if status not in (_STATUS.kOptimal, _STATUS.kSolutionLimit, _STATUS.kModelEmpty):
        raise DisclosureError(
            "disclosure",
            f"the solver ended with '{highs.modelStatusToString(status)}', so nothing was rounded",
            fix="Publish coarser groups or fewer totals.",
        )
    solution = highs.getSolution()
    return np.rint(solution.col_value) if solution.value_valid or not len(most) else None
