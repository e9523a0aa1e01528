"""HiGHS, as this room uses it: one thread, work limits instead of clocks, and no answer that is not proven optimal."""

from __future__ import annotations

import highspy
import numpy as np
import scipy.sparse as sp

from sro_research.errors import ContradictionError, DisclosureError

INFINITY: float = highspy.kHighsInf
_OPTIMAL = highspy.HighsModelStatus.kOptimal


class _Quiet(highspy.Highs):
    """HiGHS prints its banner when it is made, before it can be told not to print."""

    def enableCallbacks(self) -> highspy.HighsStatus:  # noqa: N802
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()


def quiet_highs() -> highspy.Highs:
    """Return a solver that prints nothing and gives the same answer on every machine: one thread, a fixed seed."""
    highs = _Quiet()
    for option, value in {"threads": 1, "random_seed": 0}.items():
        highs.setOptionValue(option, value)
    return highs


class LinearProgram:
    """Maximize different objectives over one polyhedron: rows of `equations` times x equal `right`, low <= x <= high.

    Keeps its basis between calls, so that the next objective costs a few pivots.
    """

    def __init__(self, equations: sp.spmatrix, low: np.ndarray, high: np.ndarray, right: np.ndarray | None = None):
        columns = sp.csc_matrix(equations)
        rows, count = columns.shape
        right = np.zeros(rows) if right is None else np.asarray(right, dtype=float)
        program = highspy.HighsLp()
        program.num_row_, program.num_col_ = rows, count
        program.col_cost_ = np.zeros(count)
        program.col_lower_, program.col_upper_ = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        program.row_lower_ = program.row_upper_ = right
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_ = columns.indptr.astype(np.int32)
        program.a_matrix_.index_ = columns.indices.astype(np.int32)
        program.a_matrix_.value_ = columns.data.astype(float)
        self._highs, self._every = quiet_highs(), np.arange(count, dtype=np.int32)
        self._highs.passModel(program)
        self._highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self._warm()

    def bound(self, low: np.ndarray, high: np.ndarray) -> None:
        """Replace the bounds of all columns."""
        self._highs.changeColsBounds(len(self._every), self._every, low, high)

    def maximize(self, objective: np.ndarray) -> np.ndarray:
        """Return the x that maximizes `objective`.

        Raises `DisclosureError` for every end but a proven optimum: an attack that failed proves nothing.
        """
        self._want(objective)
        self._highs.run()
        return self._solution() if self._highs.getModelStatus() == _OPTIMAL else self.maximize_from_nothing(objective)

    def maximize_from_nothing(self, objective: np.ndarray) -> np.ndarray:
        """Return and raise as `maximize` does, without the last basis: faster for thousands of unlike columns."""
        self._want(objective)
        self._highs.clearSolver()
        self._highs.setOptionValue("presolve", "choose")
        self._highs.setOptionValue("simplex_strategy", 1)
        self._highs.run()
        self._warm()
        return self._solution()

    def _want(self, objective: np.ndarray) -> None:
        self._highs.changeColsCost(len(self._every), self._every, np.asarray(objective, dtype=float))

    def _solution(self) -> np.ndarray:
        if (status := self._highs.getModelStatus()) == highspy.HighsModelStatus.kInfeasible:
            raise ContradictionError(
                "disclosure",
                "the numbers contradict each other",
                fix="Make all pages from one run; nothing was published.",
            )
        if status != _OPTIMAL:
            raise DisclosureError(
                "disclosure",
                f"the solver ended with '{self._highs.modelStatusToString(status)}', which proves nothing",
                fix="The tables may be too large to attack at once; nothing was published.",
            )
        return np.array(self._highs.getSolution().col_value)

    def reduced_costs(self) -> np.ndarray:
        """Return what the last optimum would gain per unit by which a column's binding bound is moved."""
        return np.array(self._highs.getSolution().col_dual)

    def _warm(self) -> None:
        self._highs.setOptionValue("presolve", "off")
        self._highs.setOptionValue("simplex_strategy", 4)  # Primal: the last optimum stays feasible.
