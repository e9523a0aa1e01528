"""What goes with officers' roles at the nation's schools: one regression for each outcome, wave and grouping.

The groupings are those of `measures.officer_roles`, each against a reference, with level, size, locale and, where the
file has them, crime where students live and the share of students of a minority in the model. Counts by the log link,
shares by the logit. More contact raises recorded crime: an officer sees and writes down what others would not, and
schools with more trouble ask for officers. So these are differences between schools, and no effects of officers.

References: R `survey::svyglm`, tests/reference/ssocs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sro_research.estimates import SCHOOL, as_estimates
from sro_research.models.design import adjusted, proportions
from sro_research.models.national import jackknife_of
from sro_research.models.sampling import DesignError
from sro_research.models.survey_regression import Link, effects

ROLES = {
    "officer": "no_officer",
    "officer_role": "does_neither",
    "officer_discipline": "not_in_discipline",
    "officer_agreement": "no_agreement",
}
"""Groupings, and the group that the others are compared with; after the first, schools with an officer, too."""
ADJUSTED = {
    "level": "high",
    "size": "from_500_to_999",
    "locale": "suburb",
    "crime": "moderate_crime",
    "minority": "from_20_to_49",
}
"""What is adjusted for where a wave's file has it, and the group of each that the others are compared with."""
DIFFERENCE = "difference_in_"
ABSENT = "not in this wave's file"
COLUMNS = ["wave", "role", "outcome", "group", "against", "n", "difference", "difference_low", "difference_high",
           "difference_error", "ratio", "ratio_low", "ratio_high", "unit", "p_value", "note"]  # fmt: skip


def role_contrasts(
    schools: Mapping[str, pd.DataFrame], *, counts: Sequence[str], shares: Sequence[str]
) -> pd.DataFrame:
    """Return how outcomes differ between schools by the roles of their officers: a row per wave, role, outcome, group.

    `schools` are tables by wave, with the groupings. `difference` is in the outcome's unit (incidents for each school;
    shares 0-1), `ratio` of counts or of odds; `p_adjusted` within each wave and role (Benjamini-Hochberg). Where a
    regression has no solution, `note` says so.
    """
    rows = [
        _contrast(wave, table, role, outcome, "log" if outcome in counts else "logit")
        for wave, table in schools.items()
        for role in ROLES
        for outcome in [*counts, *shares]
    ]
    return adjusted(pd.concat(rows, ignore_index=True), family=["wave", "role"])


def role_shares(schools: pd.DataFrame) -> pd.DataFrame:
    """Return the share of schools in each group: `role`, `group`, `n` schools of the sample, `estimate`, limits."""
    tables = []
    for role in ROLES:
        known = schools.dropna(subset=[role])
        groups = pd.get_dummies(known[role], dtype=float)
        tables += [
            proportions(known.assign(one=groups[group]), jackknife_of(schools), "one").assign(
                role=role, group=group, n=int(groups[group].sum())
            )
            for group in groups
        ]
    return pd.concat(tables, ignore_index=True)[["role", "group", "n", "estimate", "conf_low", "conf_high"]]


def contrast_estimates(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Return the differences as estimates, `difference_in_<outcome>` by role and group."""
    rows = contrasts[contrasts["group"].notna()].rename(
        columns={
            "role": "group_by",
            "difference": "estimate",
            "difference_error": "std_error",
            "difference_low": "conf_low",
            "difference_high": "conf_high",
        }
    )
    measure, method = DIFFERENCE + rows["outcome"], "survey-weighted regression, jackknife; less " + rows["against"]
    return as_estimates(rows, measure=measure, method=method, population=SCHOOL)


def _contrast(wave: str, schools: pd.DataFrame, role: str, outcome: str, link: Link) -> pd.DataFrame:
    about = {"wave": wave, "role": role, "outcome": outcome, "unit": "per school" if link == "log" else "share"}
    if outcome not in schools or schools[outcome].isna().all():
        return pd.DataFrame([{**about, "note": ABSENT}]).reindex(columns=COLUMNS)
    given = {name: group for name, group in ADJUSTED.items() if name in schools and schools[name].notna().any()}
    reference = {role: ROLES[role], **given}
    table = schools.dropna(subset=[outcome])
    try:
        found = effects(
            table.assign(**{outcome: table[outcome].astype(float)}),
            jackknife_of(schools),
            outcome=outcome,
            link=link,
            terms=list(reference),
            reference=reference,
        )
    except DesignError as reason:
        return pd.DataFrame([{**about, "note": reason.rule}]).reindex(columns=COLUMNS)
    rows = found[found["term"] == role].rename(columns={"reference": "against"})
    return rows.assign(**about, note="")[COLUMNS]
