"""Harms beside the outcome: do exclusions, referrals and arrests go with engagement, within schools and between them?

A program may be liked and still do harm; evaluations have found more exclusion where officers are (Fisher & Hennessy
2016, Adolesc. Res. Rev. 1, 217-233). So harms are reported with the same prominence as the outcome, and with the same
exposure, split in the same way. Rates by school and wave are regressed on waves and exposure within and between
schools by least squares; every school-wave counts the same. Errors are CR2 with schools as clusters (`few_clusters`),
which need not know how a rate's variance depends on the size of the school. More officer hours also mean more eyes:
recorded events may rise although behavior did not.

References: R `lm`, `clubSandwich`; tests/reference/subgroups.
"""

from __future__ import annotations

import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.exposure_design import BETWEEN_TERM, WITHIN_TERM, engagement_design
from sro_research.models.few_clusters import cr2, least_squares
from sro_research.models.school_means import CONFIDENCE

HARM_WITHIN, HARM_BETWEEN = "harm_within_schools", "harm_between_schools"
TERMS = {HARM_WITHIN: WITHIN_TERM, HARM_BETWEEN: BETWEEN_TERM}
UNIT = "students per 100 students"
NOT_KNOWN = "no school's count is known"


def harm_estimates(
    rates: pd.DataFrame, exposure: pd.Series, *, harms: list[str], per: float, population: str = "student"
) -> pd.DataFrame:
    """Return how each harm's rate goes with the exposure, as estimates: students per 100 students, per `per` units.

    `rates` are indicators (`school_id`, `wave`, `event`, `denominator`, `value`), `exposure` by (school_id, wave).
    `construct` names the harm; `n` counts the students of all school-waves that are compared.
    """
    tables = [_of_harm(rates[rates["event"] == harm], exposure, per).assign(construct=harm) for harm in harms]
    rows = pd.concat([pd.DataFrame({"measure": []}), *tables], ignore_index=True)
    return as_estimates(
        rows, population=population, unit=UNIT, method="least squares of school-waves, CR2, Satterthwaite"
    )


def _of_harm(rates: pd.DataFrame, exposure: pd.Series, per: float) -> pd.DataFrame:
    known = rates.dropna(subset=["value"])
    rows = pd.DataFrame({"measure": list(TERMS), "n": int(known["denominator"].sum())})
    if known.empty:
        return rows.assign(estimate=pd.NA, note=NOT_KNOWN)
    try:
        made = engagement_design(known.rename(columns={"value": "score"})[["school_id", "wave", "score"]], exposure)
        fitted = least_squares(made.table, outcome="score", terms=list(made.terms), cluster="school")
    except ValueError as reason:
        return rows.assign(estimate=pd.NA, note=str(reason))
    numbers = []
    for term in TERMS.values():
        estimate, (error, df) = per * float(fitted.coefficients[fitted.names.index(term)]), cr2(fitted, term)
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * per * error
        numbers.append((estimate, per * error, estimate - reach, estimate + reach))
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    return rows.join(pd.DataFrame(numbers, columns=columns)).assign(note="")
