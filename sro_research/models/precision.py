"""How precise an estimate is: intervals of shares, and the marks of the National Center for Education Statistics.

Marks as in NCES tables, after its Statistical Standards (2012, NCES 2014-097): "!" where the standard error is 30 % of
the estimate or more, "‡" where it is 50 % or more or where there are too few cases. For a share it is the share's own
coefficient of variation, not that of its complement: a share near none is marked, one near all is not.

References: R `survey::svyciprop`, methods "beta" and "xlogit"; tests/reference/survey.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import CAUTION_CV, FEWEST_CASES, NOT_MET_CV, coefficient_of_variation
from sro_research.models.school_means import CONFIDENCE

CAUTION, NOT_MET = "!", "‡"
REASONS = {CAUTION: "interpret with caution", NOT_MET: "reporting standards not met"}

TAIL = (1 - CONFIDENCE) / 2


def reliability(rows: pd.DataFrame, *, fewest: int = FEWEST_CASES) -> pd.Series:
    """Return "", "!" or "‡" for each row with `n`, `estimate` and `std_error`.

    What could not be estimated has "‡". What has no standard error is marked by its cases only.
    """
    cv = coefficient_of_variation(rows)
    marks = pd.Series("", index=rows.index, dtype="string").mask(cv >= CAUTION_CV, CAUTION)
    return marks.mask((cv >= NOT_MET_CV) | (rows["n"] < fewest) | rows["estimate"].isna(), NOT_MET)


def withheld(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without the numbers of those that have "‡", and with the reason in `note`."""
    hidden = rows["reliability"] == NOT_MET
    numbers = [c for c in rows if c not in ("n", "note") and pd.api.types.is_float_dtype(rows[c])]
    note = rows["note"].mask(hidden & rows["estimate"].notna(), REASONS[NOT_MET])
    return rows.assign(**{c: rows[c].mask(hidden) for c in numbers}, note=note)


def korn_graubard(share: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact limits of a share for an effective sample size, which may be broken.

    Clopper & Pearson's with the size of a simple random sample of the same error (Korn & Graubard 1998, Surv. Methodol.
    24, 193-201). Where the size is infinite they are the share itself.
    """
    with np.errstate(invalid="ignore"):
        yes, no = size * share, size * (1 - share)
    low, high = stats.beta.ppf(TAIL, yes, no + 1), stats.beta.ppf(1 - TAIL, yes + 1, no)
    low, high = np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)
    sure = np.isinf(size)
    return np.where(sure, share, low), np.where(sure, share, high)


def logit(share: np.ndarray, std_error: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return t limits made on the scale of log odds: a check of the others; none where the share is 0 or 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (share > 0) & (share < 1)
        centre = np.log(np.where(inside, share / (1 - share), np.nan))
        reach = stats.t.ppf(1 - TAIL, degrees) * std_error / (share * (1 - share))
    return 1 / (1 + np.exp(reach - centre)), 1 / (1 + np.exp(-reach - centre))
