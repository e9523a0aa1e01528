"""How much a rubric's score owes to the weights somebody chose.

No published weighting of such a rubric is validated, so a score is shown with what other weights would make of it:

- over all weights: a weighted mean of parts lies between the least and the greatest part, and reaches both;
- over the weights that people of good will might give, l <= w <= u with sum w = 1: the least and greatest
  sum_known w p / sum_known w. With t = 1 / sum_known w and y = t w that is a linear program: sum_known y p subject to
  sum_known y = 1, sum y = t, t l <= y <= t u (Charnes & Cooper 1962, Nav. Res. Logist. Q. 9, 181-186).

Two waves keep their order whatever the weights if no criterion known in both moves the other way. It says nothing of
how sure the parts are; their intervals do.

References: without missing criteria by filling up weights from the best part down, in R, tests/reference/rubric; with
missing ones by trying corners in exact fractions.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import optimize

from sro_research.errors import WorkbenchError
from sro_research.standards.rubric import Rubric

RISES, FALLS, SAME, DEPENDS = "never lower", "never higher", "the same", "depends on the weights"
NOTHING_IN_COMMON = "no criterion is known in both waves"
_TIE = 1e-12
"""Changes of a part below this are rounding."""


def weight_ranges(parts: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """Return a row per wave: `lowest`, `highest` score over all weights, and `lowest_declared`, `highest_declared` over
    the weights that the rubric declares possible; missing where no criterion is known.

    `parts` has `wave`, `criterion` and `part`.
    """
    rows = []
    for wave, table in parts.groupby("wave", sort=False):
        part = table.set_index("criterion")["part"]
        rows.append((wave, part.min(), part.max(), *declared_range(part, rubric)))
    return pd.DataFrame(rows, columns=["wave", "lowest", "highest", "lowest_declared", "highest_declared"])


def declared_range(part: pd.Series, rubric: Rubric) -> tuple[float, float]:
    """Return the least and greatest weighted mean of parts, by criterion, over the weights declared possible.

    Weights go to all criteria of the rubric; the mean is over those whose part is not missing. Both are missing where
    none is known. Raises `WorkbenchError` where the program has no solution, which declared weights always give.
    """
    part = part.reindex(list(rubric.criteria)).astype("float64")
    known = part.notna().to_numpy()
    if not known.any():
        return np.nan, np.nan
    bounds = np.array([criterion.weight_between for criterion in rubric.criteria.values()])
    size = len(part)
    t = np.eye(size + 1)[-1]
    equal = np.vstack([[*known, 0.0], np.ones(size + 1) - 2 * t])  # sum_known y = 1; sum y - t = 0
    within = np.vstack([np.hstack([np.eye(size), -bounds[:, [1]]]), np.hstack([-np.eye(size), bounds[:, [0]]])])
    aim = np.append(part.fillna(0.0), 0.0)
    return _least(aim, within, equal), -_least(-aim, within, equal)


def _least(aim: np.ndarray, within: np.ndarray, equal: np.ndarray) -> float:
    found = optimize.linprog(aim, A_ub=within, b_ub=np.zeros(len(within)), A_eq=equal, b_eq=[1.0, 0.0])
    if not found.success:
        raise WorkbenchError("the rubric", "no weights keep within `weight_between`", fix="Mend them.")
    return float(found.fun)


def kept_orders(parts: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """Return a row per pair of waves: whether the score moves the same way under all weights.

    `earlier`, `later`, `criteria` (known in both, the only ones compared), `lowest` and `highest` change of the score
    over all weights, the same over the declared ones (`lowest_declared`, `highest_declared`), and in words what that
    means, `order` and `order_declared`. Waves are in the order in which `parts` has them.
    """
    by_wave = parts.pivot(index="criterion", columns="wave", values="part")
    rows = []
    for earlier, later in combinations(parts["wave"].unique(), 2):
        change = (by_wave[later] - by_wave[earlier]).dropna()
        least, most = (change.min(), change.max()) if len(change) else (np.nan, np.nan)
        low, high = declared_range(change, rubric)
        orders = (_order(least, most), _order(low, high))
        rows.append((earlier, later, len(change), least, most, low, high, *orders))
    columns = ["earlier", "later", "criteria", "lowest", "highest", "lowest_declared", "highest_declared"]
    return pd.DataFrame(rows, columns=[*columns, "order", "order_declared"])


def _order(low: float, high: float) -> str:
    if np.isnan(low):
        return NOTHING_IN_COMMON
    rises, falls = low >= -_TIE, high <= _TIE
    return SAME if rises and falls else RISES if rises else FALLS if falls else DEPENDS
