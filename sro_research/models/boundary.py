"""Does the share of routine discipline among an officer's contacts grow: "discipline creep"?

A contact is 1 where it was classed routine discipline, 0 where safety or criminal; those not classed are left out.
It is regressed by least squares on the number of its wave, less the mean of that number in the contacts of its school:
so a district where schools with much routine discipline log more from year to year does not look like one where it
grows in schools. The slope is that with an effect of each school; its error is CR2 with schools as clusters. It
assumes that changes add up evenly from wave to wave. A change of how contacts are classed, or logged, looks the same
as a change of what officers do.

References: R `lm`, `clubSandwich`; tests/reference/contacts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.few_clusters import cr2, least_squares
from sro_research.models.officer_clusters import FEWEST_DF, ROUNDING
from sro_research.models.precision import TAIL

TREND = "routine_discipline_trend"
PERCENT = 100
ONE_WAVE = "classed contacts in one wave only: no trend"
FEW_SCHOOLS = "too few schools: limits are not to be relied on"
NO_DEPARTURE = "no school departs from the trend: no limits can be computed"
"""As where all contacts are of one class: an error of zero would say that nothing is left open."""
ONE_SCHOOL = "no two schools have classed contacts in more than one wave"


def routine_trend(contacts: pd.DataFrame, waves: Sequence[str]) -> pd.DataFrame:
    """Return the change of the share per wave, as an estimate in percentage points; `n` counts classed contacts.

    `contacts` has `school_id`, `wave` and `routine` (1 or 0, missing where not classed); `waves` are in order.
    """
    number = {wave: i for i, wave in enumerate(waves)}
    known = contacts.dropna(subset=["routine", "wave"])
    at = known["wave"].map(number).astype(float)
    table = pd.DataFrame({"routine": known["routine"].astype(float), "school_id": known["school_id"], "at": at})
    table["within"] = at - at.groupby(known["school_id"]).transform("mean")
    row: dict[str, object] = {"measure": TREND, "n": len(table), "note": ""}
    moving = table[table["within"].abs() > 1e-9]
    if at.nunique() < 2:
        row["note"] = ONE_WAVE
    elif moving["school_id"].nunique() < 2:
        row["note"] = ONE_SCHOOL
    else:
        row |= _slope(table)
    unit, method = "percentage points per wave", "least squares within schools, CR2, Satterthwaite"
    return as_estimates(pd.DataFrame([row]), population="student", unit=unit, method=method)


def _slope(table: pd.DataFrame) -> dict[str, object]:
    fitted = least_squares(table, outcome="routine", terms=["within"], cluster="school_id")
    slope = float(fitted.coefficients[fitted.names.index("within")])
    error, df = cr2(fitted, "within")
    if error < ROUNDING:
        return {"estimate": PERCENT * slope, "note": NO_DEPARTURE}
    reach = float(stats.t.isf(TAIL, df)) * error if df > 0 else np.nan
    made = {"estimate": slope, "std_error": error, "conf_low": slope - reach, "conf_high": slope + reach}
    points: dict[str, object] = {name: PERCENT * value for name, value in made.items()}
    return points | ({"note": FEW_SCHOOLS} if df < FEWEST_DF else {})
