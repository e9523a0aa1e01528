"""Risk ratios when the contacts of one officer are alike: a check of `disparity`, which takes them as independent.

Given all contacts of a question, a share q of them is with the group, and its risk ratio against all others is
q / (1 - q) * (students of the others / students of the group). q is a mean of zeros and ones over contacts; its error
is CR2 with officers as clusters, with Satterthwaite's degrees of freedom (`few_clusters`), and limits are made on the
scale of log odds. Officers serve at schools whose students differ, so that limits are rather too wide than too narrow.
No officer is shown: a row says how many there were.

References: R `lm`, `clubSandwich`; tests/reference/contacts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.models.few_clusters import INTERCEPT, cr2, least_squares
from sro_research.models.precision import TAIL

FEWEST_DF = 4
"""Degrees of freedom below which Satterthwaite's limits are not to be relied on (Tipton 2015, Psychol. Methods 20,
375-393)."""
ROUNDING = 1e-9
"""Errors of shares below this are zero, but for rounding."""
NUMBERS = ["estimate", "std_error", "df", "conf_low", "conf_high", "p_value"]
ONE_SIDED = "all contacts are with this group, or none is"
FEW_OFFICERS = "too few officers: limits by officer are not to be relied on"
ONE_OFFICER = "fewer than two officers"
ALIKE = "every officer's contacts are shared in the same way: no limits can be computed"


def ratios_by_officer(contacts: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Compare each group with all others, with officers as clusters.

    `contacts` has a row per contact: `officer_key`, `group_by`, `group`; `people` the students in the same schools and
    waves: `group_by`, `group`, `people`. Returns `group_by`, `group`, `events` (contacts of all groups), `officers`,
    `estimate` (risk ratio), `std_error` (of its logarithm), `df`, `conf_low`, `conf_high`, `p_value`, `note`.
    """
    rows = []
    for question, table in people.dropna(subset=["people"]).groupby("group_by"):
        logged = contacts[(contacts["group_by"] == question) & contacts["group"].isin(table["group"])]
        for group, own in zip(table["group"], table["people"], strict=True):
            odds = float(table["people"].sum() - own) / float(own) if own > 0 else np.nan
            rows.append({"group_by": question, "group": group} | _of_group(logged, group, odds))
    return pd.DataFrame(rows, columns=["group_by", "group", "events", "officers", *NUMBERS, "note"])


def _of_group(logged: pd.DataFrame, group: str, others_per_own: float) -> dict[str, object]:
    officers = logged["officer_key"].nunique()
    blank = dict.fromkeys(NUMBERS, np.nan)
    made = {"events": len(logged), "officers": officers} | blank
    inside = (logged["group"] == group).astype(float)
    q = float(inside.mean()) if len(logged) else np.nan
    if officers < 2:
        return made | {"note": ONE_OFFICER}
    if not 0 < q < 1:
        return made | {"note": ONE_SIDED}
    fitted = least_squares(logged.assign(inside=inside), outcome="inside", terms=[], cluster="officer_key")
    spread, df = cr2(fitted, INTERCEPT)
    error, ratio = spread / (q * (1 - q)), q / (1 - q) * others_per_own
    if spread < ROUNDING:
        # An error of zero would say that chance leaves nothing open.
        return made | {"estimate": ratio, "note": ALIKE}
    reach = stats.t.isf(TAIL, df) * error
    limits = {"conf_low": ratio * np.exp(-reach), "conf_high": ratio * np.exp(reach)}
    p = 2 * stats.t.sf(abs(np.log(ratio)) / error, df)
    note = FEW_OFFICERS if df < FEWEST_DF else ""
    return made | {"estimate": ratio, "std_error": error, "df": df, "p_value": p, "note": note} | limits
