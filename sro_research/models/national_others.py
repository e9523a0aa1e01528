"""How the schools of a page differ from all others of the nation, in the same wave.

A page's schools are those of a level in a locale. Their share less that of all other schools has the jackknife's
variance of the difference itself, which holds what both sides have in common, and the limits of
`design.share_differences`.

References: as `design` and `national`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.estimates import SCHOOL, VS_OTHERS, as_estimates
from sro_research.models import design
from sro_research.models.national import AT_ONCE, UNIT, jackknife_of
from sro_research.models.school_means import SHARE


def compared_with_others(schools: pd.DataFrame, *, shares: Sequence[str]) -> pd.DataFrame:
    """Return, for each page's schools, each share less that of all other schools of the wave, as rows of `estimates`.

    `schools` is of one wave. The measure is `<share>_vs_others`, `school_id` as "high_city", `n` the smaller side's.
    """
    (wave,) = schools["wave"].unique()
    plan = jackknife_of(schools)
    unit = schools[UNIT[0]] + "_" + schools[UNIT[1]]
    weights = schools[[plan.weight, *plan.columns]].astype(float)
    asked = [name for name in shares if schools[name].notna().any()]
    made = []
    for at in range(0, len(asked), AT_ONCE):
        some = asked[at : at + AT_ONCE]
        values = [weights.assign(measure=name, value=schools[name].astype("Float64")) for name in some]
        table = pd.concat(values, ignore_index=True)
        for one in sorted(unit.dropna().unique()):
            table["here"] = pd.concat([unit == one] * len(some), ignore_index=True).astype("boolean")
            made.append(
                design.share_differences(table, plan, "value", between="here", against=False, by=["measure"]).assign(
                    school_id=one
                )
            )
    rows = pd.concat(made, ignore_index=True)
    return as_estimates(rows.assign(measure=rows["measure"] + VS_OTHERS), population=SCHOOL, wave=wave, unit=SHARE)
