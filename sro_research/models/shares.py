"""Limits for shares of cases: what chance alone would leave open, though every case was counted.

A record counts all its cases, so a share is no sample of them. As a sign of how a program works it is still one draw:
next year other cases would come. Limits are those that n independent cases would leave open, exact ones (Clopper &
Pearson 1934, Biometrika 26, 404-413), which cover 95 % or more. Cases of one person or place are alike. Where n counts
the persons to whom several cases belong, share times n is not a whole number, and the limits are those of Korn and
Graubard for an effective size (`precision.korn_graubard`): as if all cases of a person told the same. Mid-P limits
(`small_counts`) are for whole counts only.

References: R `survey::svyciprop`, method "beta", tests/reference/survey; `binom.test`, tests/models/test_shares.py.
"""

from __future__ import annotations

import pandas as pd

from sro_research.models.precision import korn_graubard
from sro_research.models.sampling import numbers

UNIT = "share"


def with_limits(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return estimates with `conf_low` and `conf_high` for shares of `n` cases that have neither limits nor an error.

    Other rows stay as they are, and so does a share that is not between 0 and 1, or whose cases are not known.
    """
    bare = estimates[["std_error", "conf_low", "conf_high"]].isna().all(axis=1) & (estimates["unit"] == UNIT)
    ours = (bare & estimates["estimate"].between(0, 1) & (estimates["n"] > 0)).fillna(False).astype(bool)
    low, high = korn_graubard(numbers(estimates, "estimate"), numbers(estimates, "n"))
    limits = {"conf_low": low, "conf_high": high}
    return estimates.assign(**{name: estimates[name].mask(ours, limit) for name, limit in limits.items()})
