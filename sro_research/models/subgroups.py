"""Does the effect of engagement hold for every group? The within-between comparison with everything differing by group.

For one group against all others, each term of the declared model (waves, exposure within and between schools,
adjustments) has its own coefficient on either side:

    score = x'a + g x'd + e        g = 1 outside the group

so a is what the group's own answers say, and d_within is how much the others' effect differs. The two sides share
schools, which is why they are one regression: CR2 errors with schools as clusters and Satterthwaite's degrees of
freedom (`few_clusters`) know that. Groups are declared before results are seen; p values of differences are adjusted
over all of them (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57, 289-300). A difference between two groups that is
not shown to be there is not shown to be absent.

References: R `lm` with interactions and `clubSandwich::coef_test` by formula, tests/reference/subgroups.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.declared import Question
from sro_research.models.design import adjusted
from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.exposure_design import WITHIN_TERM, Design
from sro_research.models.few_clusters import Clustered, cr2, least_squares
from sro_research.models.multilevel import WITHIN
from sro_research.models.school_means import CONFIDENCE

DIFFERENCE = "effect_within_difference"
MEASURES = (WITHIN, DIFFERENCE)
METHOD = "least squares by group, CR2, Satterthwaite"
FEW = f"fewer than {FEW_CLUSTERS} schools in which the group, or all others, answered in two waves"
OUTSIDE = "outside"
COLUMNS = ["measure", "group_by", "group", "n", "schools", "estimate", "std_error", "df", "conf_low", "conf_high",
           "p_value", "note"]  # fmt: skip


def subgroup_effects(asked: Question) -> pd.DataFrame:
    """Return the effect within schools in each group of the declared questions, and how it differs from the others'.

    Two rows a group: `WITHIN`, and `DIFFERENCE`, the group's effect less that of all others. In scale points per `per`
    units of exposure. Columns `COLUMNS` and `p_adjusted`, over all differences. Where a group cannot be told apart, or
    the declared model cannot be fitted, `note` says why.
    """
    rows = [row for question in asked.model.subgroups for row in _of_question(asked, question)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return adjusted(table.assign(p_value=table["p_value"].astype(float)), family=["measure"])


def subgroup_estimates(effects: pd.DataFrame, asked: Question) -> pd.DataFrame:
    """Return the effects in each group, and their differences, as estimates."""
    about = {"population": asked.model.population, "construct": asked.model.outcome}
    return as_estimates(effects, unit="scale points", method=METHOD, **about)


def _of_question(asked: Question, question: str) -> list[tuple[object, ...]]:
    groups = sorted(asked.scores[question].dropna().unique(), key=lambda code: (len(code), code))
    counts = asked.scores.dropna(subset=["score"])[question].value_counts()
    try:
        made = asked.design(apart=[question])
    except ValueError as reason:
        about = [(measure, question, group, int(counts.get(group, 0))) for group in groups for measure in MEASURES]
        return [_nothing(*each, str(reason)) for each in about]
    return [row for group in groups for row in _of_group(made, question, group, asked.model.per)]


def _of_group(made: Design, question: str, group: str, per: float) -> list[tuple[object, ...]]:
    inside = made.table[question] == group
    sides = [_schools_twice(made.table[side]) for side in (inside, ~inside)]
    n = int(inside.sum())
    if min(sides) < FEW_CLUSTERS:
        return [_nothing(measure, question, group, n, FEW) for measure in MEASURES]
    try:
        fitted = _interacted(made, inside)
    except ValueError as reason:
        return [_nothing(measure, question, group, n, str(reason)) for measure in MEASURES]
    return [
        (measure, question, group, n, sides[0], *_numbers(fitted, term, sign * per), "")
        for measure, term, sign in ((WITHIN, WITHIN_TERM, 1), (DIFFERENCE, f"{WITHIN_TERM} {OUTSIDE}", -1))
    ]


def _schools_twice(answers: pd.DataFrame) -> int:
    """Count the schools in which people answered in two waves or more."""
    return int((answers.groupby("school")["school_wave"].nunique() > 1).sum())


def _interacted(made: Design, inside: pd.Series) -> Clustered:
    outside = (~inside).astype(float)
    terms = list(made.terms)
    apart = made.table[terms].mul(outside, axis=0).add_suffix(f" {OUTSIDE}")
    data = made.table[["score", "school", *terms]].join(apart).assign(**{OUTSIDE: outside})
    return least_squares(data, outcome="score", terms=[*terms, OUTSIDE, *apart], cluster="school")


def _numbers(fitted: Clustered, term: str, scale: float) -> tuple[float, ...]:
    estimate = scale * float(fitted.coefficients[fitted.names.index(term)])
    error, df = cr2(fitted, term)
    error *= abs(scale)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * error
    return estimate, error, df, estimate - reach, estimate + reach, 2 * float(stats.t.sf(abs(estimate) / error, df))


def _nothing(measure: str, question: str, group: str, n: int, note: str) -> tuple[object, ...]:
    return (measure, question, group, n, 0, *[np.nan] * 6, note)
