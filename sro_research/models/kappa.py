"""Agreement of two people who class the same cases, beyond what chance would give: Cohen's kappa.

With p_ij the share of cases that the first person classes i and the second j, po = sum p_ii, pe = sum p_i. p_.i,

    kappa = (po - pe) / (1 - pe)
    n (1 - pe)^4 var = sum_i p_ii ((1 - pe) - (p_.i + p_i.)(1 - po))^2
                       + (1 - po)^2 sum_{i != j} p_ij (p_.i + p_j.)^2 - (po pe - 2 pe + po)^2

(Cohen 1960, Educ. Psychol. Meas. 20, 37-46; Fleiss, Cohen & Everitt 1969, Psychol. Bull. 72, 323-327). Where nearly all
cases are of one class kappa can be low although the two seldom differ (Feinstein & Cicchetti 1990, J. Clin. Epidemiol.
43, 543-549): the share of agreement stands beside it. Limits are made on Fisher's scale, artanh(kappa), where the
standard error is se / (1 - kappa^2): kappa -+ 1.96 se covers 89 to 94 % where 50 to 150 cases are classed and kappa is
0.6 to 0.9, these cover 95 to 97 %. No words such as "substantial" are given to a value. Where one person put all cases
into one class, kappa is 0 and the formula's error too, whatever the other did: there are no limits then.

References: R `psych::cohen.kappa` 2.2.9, formula; tests/reference/contacts. Coverage by simulation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.precision import TAIL

KAPPA, AGREEMENT = "coding_kappa", "coding_agreement"
FEWEST_CASES = 30
"""Cases below which the normal limits are not to be relied on."""
NO_CASES = "no case was classed by two people"
ONE_CLASS = "both people put all cases into one class: chance alone would agree"
NO_DIFFERENCE = "the two never differ: kappa is 1, and no limits can be computed"
NEVER_ALIKE = "the two never agree, and no limits can be computed"
ONE_CODER = "one of the two put all cases into one class: kappa is 0 then, and no limits can be computed"
FEW = f"fewer than {FEWEST_CASES} cases were classed by two people: limits are rough"
METHOD = "Cohen's kappa; standard error of Fleiss, Cohen & Everitt"


def cohen_kappa(first: pd.Series, second: pd.Series) -> dict[str, object]:
    """Return `n`, `agreement` (share of cases), `estimate` (kappa), `std_error`, `conf_low`, `conf_high`, `note`.

    `first` and `second` are two people's classes of the same cases, without missing ones.
    """
    n = len(first)
    blank = {"n": n, "agreement": np.nan, "estimate": np.nan, "std_error": np.nan, "conf_low": np.nan}
    if n == 0:
        return blank | {"conf_high": np.nan, "note": NO_CASES}
    classes, code = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
    # Whole numbers up to here: a sum of shares may miss a kappa of 0 or -1 by a rounding.
    table = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(table, (code[:n], code[n:]), 1)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    agreed, chance = int(np.trace(table)) / n, int(rows @ columns) / n**2
    if len(classes) == 1:
        return blank | {"agreement": agreed, "conf_high": np.nan, "note": ONE_CLASS}
    kappa = (agreed - chance) / (1 - chance)
    error = _error(table / n, agreed, chance, n)
    made = blank | {"agreement": agreed, "estimate": kappa, "note": FEW if n < FEWEST_CASES else ""}
    if abs(kappa) == 1:
        return made | {"conf_high": np.nan, "note": NO_DIFFERENCE if kappa > 0 else NEVER_ALIKE}
    if rows.max() == n or columns.max() == n:
        return made | {"conf_high": np.nan, "note": ONE_CODER}
    reach = float(stats.norm.isf(TAIL)) * error / (1 - kappa**2)
    low, high = np.tanh(np.arctanh(kappa) + reach * np.array([-1, 1]))
    return made | {"std_error": error, "conf_low": float(low), "conf_high": float(high)}


def _error(table: np.ndarray, agreed: float, chance: float, n: int) -> float:
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    same = np.diag(table) @ ((1 - chance) - (columns + rows) * (1 - agreed)) ** 2
    off = table * (columns[:, None] + rows[None, :]) ** 2
    other = (1 - agreed) ** 2 * (off.sum() - np.trace(off))
    squares = same + other - (agreed * chance - 2 * chance + agreed) ** 2
    return float(np.sqrt(max(squares, 0) / n) / (1 - chance) ** 2)


def agreement_estimates(coded: pd.DataFrame) -> pd.DataFrame:
    """Return kappa and the share of agreement of each wave and of all (`wave` blank), as estimates.

    `coded` has `wave`, `first`, `second`. The share of agreement has no interval of its own; n counts cases.
    """
    parts = [("", coded), *((str(wave), part) for wave, part in coded.groupby("wave"))]
    rows: list[dict[str, object]] = []
    for wave, part in parts:
        made = cohen_kappa(part["first"], part["second"])
        agreement = made.pop("agreement")
        note = NO_CASES if made["n"] == 0 else ""
        rows.append({"measure": KAPPA, "wave": wave, "unit": "kappa", "method": METHOD} | made)
        share = {"n": made["n"], "estimate": agreement, "note": note, "unit": "share", "method": "share of cases"}
        rows.append({"measure": AGREEMENT, "wave": wave} | share)
    return as_estimates(pd.DataFrame(rows), population="student")
