"""National estimates of a sample of schools with jackknife weights, and how they changed between two waves.

Shares, and mean counts per school, of all schools, by level, by size, by locale and by level and locale together. The
estimators are those of `design`, the variance that of the jackknife that the survey's weights are made for (JK1):

    variance = (R - 1) / R sum_r (estimate_r - estimate)^2

with R = 50 weights for the School Survey on Crime and Safety: factor 49/50, 49 degrees of freedom. Limits are 95 %, of
shares after Wilson with the effective sample size, of counts t's; both with the t of 49 degrees. Shares of the schools
that were asked leave the others out of the estimate and not out of the design.

Numbers are marked as in NCES tables (see `precision`): from 30 % of the estimate on, a standard error makes the number
one to be read with caution, which its note says; from 50 % on there is no number. Nor is there with fewer than 30
schools: NCES leaves that number to each survey, and we take that as too few.

Waves are samples of their own: a change has the variance of both, and 49 degrees of freedom, which is cautious.

References: the tables of NCES in tests/reference/ssocs, to the printed digit; R `survey::svrepdesign(type = "JK1",
scale = 49/50, mse = TRUE)`, `svyby`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import ALL, CHANGE_IN, SCHOOL, as_estimates, stack
from sro_research.models import design, precision
from sro_research.models.replicates import Replicates, jk1
from sro_research.models.school_means import SHARE

PER_SCHOOL, PER_1000_STUDENTS = "per school", "per 1,000 students"
UNIT = ("level", "locale")
"""Schools of a level in a locale get a page of their own: `school_id` is then "high_city"."""
BREAKDOWNS: tuple[tuple[str, ...], ...] = ((), ("level",), ("size",), ("locale",), UNIT)
AT_ONCE = 20
"""Measures that are estimated together; so many copies of 2,500 schools with 51 weights take 20 MB."""

Estimator = Callable[..., pd.DataFrame]
ByPair = Mapping[tuple[str, str], Mapping[str, str]]
"""Reasons by the earlier and the later wave, and then by measure or grouping."""


def jackknife_of(schools: pd.DataFrame) -> Replicates:
    """Return the plan of a table of schools with `weight` and `replicate_1` onward."""
    return jk1([name for name in schools if str(name).startswith("replicate_")], weight="weight")


def national_estimates(
    schools: pd.DataFrame,
    *,
    shares: Sequence[str],
    counts: Sequence[str],
    absent: Mapping[str, str],
    rates: Sequence[str] = (),
) -> pd.DataFrame:
    """Estimate measures of the schools of one wave; returns rows of `estimates`.

    `shares` and `counts` are columns, or are among `absent`, which gives the reason for each measure that the wave does
    not have; it has rows too, in its unit, which say so. `rates` all are: no public file has the number of students.
    A page's unit, level and locale together, stands in `school_id`, as "high_city".
    """
    (wave,) = schools["wave"].unique()
    plan = jackknife_of(schools)
    made = [
        _rows(estimator, schools, plan, names[at : at + AT_ONCE]).assign(unit=unit)
        for estimator, names, unit in (
            (design.proportions, list(shares), SHARE),
            (design.means, list(counts), PER_SCHOOL),
            (design.means, list(rates), PER_1000_STUDENTS),
        )
        for at in range(0, len(names), AT_ONCE)
    ]
    rows = pd.concat(made, ignore_index=True)
    note = _first(_reasons(rows["measure"], absent), rows["note"])
    return as_estimates(rows, population=SCHOOL, wave=wave, method=_method(plan), note=note)


def changes(estimates: pd.DataFrame, *, broken: ByPair, broken_groups: ByPair) -> pd.DataFrame:
    """Return each measure's change from a wave to the next, as rows `change_in_<measure>` of the later one.

    `broken` gives, by the two waves and by measure, why they cannot be compared, `broken_groups` by grouping; these
    rows have no number. Both have every two waves that follow each other: `KeyError` otherwise, since what nobody
    looked at is not known to be alike. `n` is the smaller wave's.
    """
    keys = ["measure", "population", "group_by", "group", "school_id", "unit"]
    tables = []
    for earlier, later in pairwise(sorted(estimates["wave"].unique())):
        both = estimates[estimates["wave"] == later].merge(
            estimates[estimates["wave"] == earlier], on=keys, suffixes=("", "_before"), validate="1:1"
        )
        # A page's unit is of a level and of a locale; the groups of either may be others now.
        of_measure, of_group = broken[earlier, later], broken_groups[earlier, later]
        of_unit = next((of_group[key] for key in UNIT if key in of_group), "")
        reason = _first(_reasons(both["measure"], of_measure), _reasons(both["group_by"], of_group))
        tables.append(_changed(both, reason.mask((reason == "") & (both["school_id"] != ""), of_unit), earlier))
    return stack(tables)


def _changed(both: pd.DataFrame, reason: pd.Series, earlier: str) -> pd.DataFrame:
    error = np.sqrt(both["std_error"] ** 2 + both["std_error_before"] ** 2)
    difference = (both["estimate"] - both["estimate_before"]).mask(reason != "")
    unknown = both["note"].where(both["estimate"].isna(), both["note_before"])
    note = reason.mask((reason == "") & difference.isna(), unknown)
    cautious = (both["note"] == _CAUTION) | (both["note_before"] == _CAUTION)
    reach = stats.t.ppf(1 - precision.TAIL, _degrees(both)) * error
    rows = both.assign(
        measure=CHANGE_IN + both["measure"],
        n=both[["n", "n_before"]].min(axis=1),
        estimate=difference,
        std_error=error.where(difference.notna()),
        conf_low=difference - reach,
        conf_high=difference + reach,
        note=note.mask(difference.notna() & cautious, _CAUTION),
        method=both["method"].str.partition(";")[0] + f", less that of {earlier}",
    )
    return as_estimates(rows)


_CAUTION = precision.REASONS[precision.CAUTION]


def _reasons(keys: pd.Series, reasons: Mapping[str, str]) -> pd.Series:
    return pd.Series([reasons.get(key, "") for key in keys], index=keys.index, dtype="str")


def _first(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.mask(one == "", other)


def _degrees(rows: pd.DataFrame) -> int:
    return int(rows["method"].str.extract(r"(\d+) replicates", expand=False).astype(int).min()) - 1


def _rows(estimator: Estimator, schools: pd.DataFrame, plan: Replicates, names: list[str]) -> pd.DataFrame:
    """Estimate columns in all breakdowns.

    The measure is one more grouping of a table that holds the schools once for each: the estimators then read the
    weights once, and 20 measures take the time of two.
    """
    keys = schools[list(dict.fromkeys(key for by in BREAKDOWNS for key in by))]
    weights = schools[[plan.weight, *plan.columns]].astype(float)
    base = pd.concat([keys, weights], axis=1)
    nothing = pd.Series(pd.NA, index=schools.index, dtype="boolean")
    values = {name: schools.get(name, nothing).astype("Float64") for name in names}
    table = pd.concat([base.assign(measure=name, value=value) for name, value in values.items()], ignore_index=True)
    made = [_keyed(_marked(estimator(table, plan, "value", by=["measure", *by])), by) for by in BREAKDOWNS]
    return pd.concat(made, ignore_index=True)


def _marked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without the numbers that do not meet the standard, and with a note where caution is called for."""
    rows = precision.withheld(rows)
    return rows.assign(note=rows["note"].mask(rows["reliability"] == precision.CAUTION, _CAUTION))


def _keyed(rows: pd.DataFrame, by: tuple[str, ...]) -> pd.DataFrame:
    if by == UNIT:
        return rows.assign(group_by=ALL, group=ALL, school_id=rows[by[0]] + "_" + rows[by[1]])
    return rows.assign(group_by=by[0] if by else ALL, group=rows[by[0]] if by else ALL, school_id=ALL)


def _method(plan: Replicates) -> str:
    replicates = len(plan.columns)
    return f"JK1 jackknife, {replicates} replicates; 95 % limits, t with {replicates - 1} degrees of freedom"
