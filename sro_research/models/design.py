"""Means, shares, totals and ratios of a sample and its groups, and differences between groups.

Each takes a table of people (or schools), a plan of how they were sampled - a `sampling.Design` or columns of
`replicates.Replicates` - and the columns to break down by. It returns one row per group with

    n                   rows with an answer
    estimate, std_error, conf_low, conf_high (95 %)
    degrees_of_freedom  of the design, within the group; the intervals are t's with it
    coefficient_of_variation, reliability   see `precision`
    method, note        note says why a number is missing, or that an interval is only descriptive

which `estimates.as_estimates` takes. A missing answer leaves a person out of the estimate, not out of the design.

A group in which everybody answered alike has a variance of zero, which would claim that nothing is left to guess. Means
and totals then have no interval; shares have that of a sample with a supposed correlation within clusters.

References: R `survey` 4.1 `svymean`, `svyby`, `svytotal`, `svyratio`, `svyciprop`, `svycontrast`;
tests/reference/survey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse, stats
from statsmodels.stats.multitest import multipletests

from sro_research.errors import nearest
from sro_research.estimates import coefficient_of_variation
from sro_research.models import precision
from sro_research.models.district_means import FEW, FEW_CLUSTERS, NO_ERROR
from sro_research.models.replicates import ReplicateErrors, Replicates, ReplicateSample
from sro_research.models.sampling import Design, DesignError, LinearErrors, LinearSample, numbers
from sro_research.models.school_means import ALIKE, wilson

NOBODY, ZERO_DENOMINATOR = "nobody answered", "the denominator is zero"
ONE_UNIT = "too few sampled units: no interval"
NO_REPLICATE = "a replicate has nobody of this group: no interval"
NO_OTHER = "nobody to compare with"

Plan = Design | Replicates
ShareInterval = Literal["wilson", "korn_graubard", "logit"]
METHODS = {"wilson": "Wilson", "korn_graubard": "Korn-Graubard", "logit": "logit"}


def means(table: pd.DataFrame, plan: Plan, column: str, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Estimate the mean of a column in each group.

    Adds `design_effect`, the variance over that of as many people drawn one by one with replacement (R
    `svymean(deff = "replace")`), and `effective_n`, n over it.
    """
    part = _measured(table, plan, by, numbers(table, column))
    return _finished(part, _with_t(part), "t", spread=True)


def proportions(
    table: pd.DataFrame, plan: Plan, column: str, *, by: Sequence[str] = (), interval: ShareInterval = "wilson"
) -> pd.DataFrame:
    """Estimate the share of ones in a column of 0 and 1 in each group.

    Limits after Wilson or Korn & Graubard with p (1-p) / variance as effective size, which is cut to n where the plan
    knows no population; "logit" is there to check them. Adds `design_effect` and `effective_n` as `means` does.
    """
    part = _measured(table, plan, by, _zeros_and_ones(table, column))
    return _finished(part, _share_rows(part, interval), METHODS[interval], spread=True)


def totals(table: pd.DataFrame, plan: Plan, column: str, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Estimate the population's total of a column in each group; weights must add up to the population."""
    part = _measured(table, plan, by, numbers(table, column), total=True)
    return _finished(part, _with_t(part), "t")


def ratios(
    table: pd.DataFrame, plan: Plan, *, numerator: str, denominator: str, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Estimate the total of one column over the total of another in each group, from rows that have both."""
    part = _measured(table, plan, by, numbers(table, numerator), numbers(table, denominator))
    return _finished(part, _with_t(part), "t")


def mean_differences(
    table: pd.DataFrame, plan: Plan, column: str, *, between: str, against: object, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Estimate each group's mean less that of the group `against`, such as students' less staff's.

    `between` is the column of groups. Both may come from the same clusters, so the variance is taken over the clusters'
    own differences. `n` is the smaller side's. Adds `p_value` (t), to be adjusted with `adjusted`.
    """
    part = _measured(table, plan, [*by, between], numbers(table, column))
    pairs = _pairs(part, between, against)
    return _compared(pairs, _with_t(pairs), "t")


def share_differences(
    table: pd.DataFrame, plan: Plan, column: str, *, between: str, against: object, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Estimate each group's share less that of the group `against`, as `mean_differences` does for means.

    Limits are made of Wilson's limits of the two shares with their correlation (Newcombe 1998; Zou & Donner 2008, Stat.
    Med. 27, 1693-1702), so that they stay within -1 and 1 and have a width where everybody agrees.
    """
    part = _measured(table, plan, [*by, between], _zeros_and_ones(table, column))
    pairs = _pairs(part, between, against)
    rows = _with_t(pairs)
    low, high = _newcombe(part, pairs)
    shown = rows["conf_low"].notna() | (rows["note"] == ALIKE)
    note = rows["note"].mask(rows["note"] == ALIKE, pd.Series(_few(pairs), index=rows.index))
    rows = rows.assign(conf_low=low.where(shown), conf_high=high.where(shown), note=note)
    return _compared(pairs, rows, "Wilson limits combined")


def adjusted(rows: pd.DataFrame, *, family: Sequence[str] = ()) -> pd.DataFrame:
    """Add `p_adjusted`: false discovery rate within a declared family of comparisons.

    Benjamini & Hochberg 1995 (J. R. Stat. Soc. B 57, 289-300), R `p.adjust(method = "BH")`. `family` names the columns
    that tell families apart; blank, all rows are one. What has no p-value is not counted.
    """
    made = np.full(len(rows), np.nan)
    tested = rows.reset_index(drop=True)
    tested = tested[tested["p_value"].notna()]
    for _, one in tested.groupby(list(family), dropna=False) if family else [((), tested)]:
        if len(one):
            made[one.index] = multipletests(one["p_value"], method="fdr_bh")[1]
    return rows.assign(p_adjusted=made)


@dataclass(frozen=True)
class _Part:
    """Groups (`keys`, one row each) with n, estimate and errors; `cell` has each row's group, -1 where no answer.

    `lone` says that there is one unit only, `blind` that an error is zero for want of different answers, `supposed` is
    the effective size then; `missing` says why there is no estimate.
    """

    keys: pd.DataFrame
    cell: np.ndarray
    values: np.ndarray
    sample: LinearSample | ReplicateSample
    n: np.ndarray
    estimate: np.ndarray
    errors: LinearErrors | ReplicateErrors
    lone: np.ndarray
    blind: np.ndarray
    supposed: np.ndarray
    missing: str


def _measured(
    table: pd.DataFrame,
    plan: Plan,
    by: Sequence[str],
    y: np.ndarray,
    x: np.ndarray | None = None,
    *,
    total: bool = False,
) -> _Part:
    sample = plan.sample(table)
    cell, keys = _cells(table, by)
    answered = ~np.isnan(y) if x is None else ~np.isnan(y) & ~np.isnan(x)
    cell = np.where(answered & (sample.weight > 0), cell, -1)
    cells = len(keys)
    of = np.ones(len(y)) if x is None and not total else x
    estimate, errors = sample.estimate(cell, cells, y, of)
    n = np.bincount(cell[cell >= 0], minlength=cells)
    estimate = np.where(n > 0, estimate, np.nan)
    certain = errors.certain()
    lone = (errors.degrees() < 1) & ~certain
    blind = (np.sqrt(errors.variance()) <= NO_ERROR * np.maximum(np.abs(estimate), NO_ERROR)) & ~certain
    missing = NOBODY if x is None else ZERO_DENOMINATOR
    supposed = sample.supposed_size(cell, cells)
    return _Part(keys, cell, y, sample, n, estimate, errors, lone, blind, supposed, missing)


def _zeros_and_ones(table: pd.DataFrame, column: str) -> np.ndarray:
    values = numbers(table, column)
    if other := int((~np.isnan(values) & (values != 0) & (values != 1)).sum()):
        raise DesignError(f"column {column}", "has values other than 0 and 1", fix="Use `means`.", rows=other)
    return values


def _cells(table: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the number of each row's group, -1 where it states none, and the groups."""
    for column in by:
        if column not in table:
            raise DesignError(f"column {column}", "the table has no such column", fix=nearest(column, table.columns))
    if not by:
        return np.zeros(len(table), dtype=int), pd.DataFrame(index=range(1))
    groups = table.groupby(list(by), observed=True, sort=True)
    keys = groups.size().reset_index()[list(by)]
    return groups.ngroup().to_numpy(dtype=float, na_value=-1).astype(int), keys


def _with_t(part: _Part) -> pd.DataFrame:
    """Return n, estimate, error and t limits; no error where there is one unit or none of the answers differ."""
    degrees, certain = part.errors.degrees().astype(float), part.errors.certain()
    error = np.sqrt(part.errors.variance())
    reasons = [
        (NOBODY, part.n == 0),
        (part.missing, np.isnan(part.estimate)),
        (NO_REPLICATE, np.isnan(error)),
        (ONE_UNIT, part.lone),
        (ALIKE, part.blind),
    ]
    note = np.select([where for _, where in reasons], [reason for reason, _ in reasons], "")
    error = np.where(note == "", np.where(certain, 0.0, error), np.nan)
    reach = np.where(certain, 0.0, stats.t.ppf(1 - precision.TAIL, np.maximum(degrees, 1)) * error)
    return part.keys.assign(
        n=part.n,
        estimate=part.estimate,
        std_error=error,
        conf_low=part.estimate - reach,
        conf_high=part.estimate + reach,
        degrees_of_freedom=degrees,
        note=pd.array(np.where((note == "") & ~certain, _few(part), note), dtype="str"),
    )


def _few(part: _Part) -> np.ndarray:
    """Return the note of cells that lie in few clusters."""
    return np.where((part.errors.clusters() < FEW_CLUSTERS) & part.sample.clustered, FEW, "")


def _share_rows(part: _Part, interval: ShareInterval) -> pd.DataFrame:
    rows = _with_t(part)
    alike = (rows["note"] == ALIKE).to_numpy()
    size = _size(part, rows, alike)
    share, degrees = part.estimate, rows["degrees_of_freedom"].to_numpy()
    quantile = stats.t.ppf(1 - precision.TAIL, np.maximum(degrees, 1))
    if interval == "wilson":
        low, high = (limit.to_numpy() for limit in wilson(pd.Series(share), pd.Series(size), pd.Series(quantile)))
    elif interval == "korn_graubard":
        # As if the size were that of a sample whose error is known as badly as the design's (Korn & Graubard 1998).
        one_by_one = stats.t.ppf(1 - precision.TAIL, np.maximum(part.n - 1, 1))
        size = np.where(alike, size, size * (one_by_one / quantile) ** 2)
        low, high = precision.korn_graubard(share, np.minimum(size, part.n) if part.sample.capped else size)
    else:
        low, high = precision.logit(share, rows["std_error"].to_numpy(), degrees)
    shown = rows["std_error"].notna() | alike
    note = rows["note"].mask(alike & (interval != "logit"), pd.Series(_few(part), index=rows.index))
    return rows.assign(conf_low=pd.Series(low).where(shown), conf_high=pd.Series(high).where(shown), note=note)


def _size(part: _Part, rows: pd.DataFrame, alike: np.ndarray) -> np.ndarray:
    """Return the size of a simple random sample that says as much about a share."""
    variance = rows["std_error"].to_numpy() ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(variance == 0, np.inf, part.estimate * (1 - part.estimate) / variance)
    size = np.where(alike, part.supposed, size)
    return np.minimum(size, part.n) if part.sample.capped else size


def _pairs(part: _Part, between: str, against: object) -> _Part:
    """Return each group less the group `against` of the same other keys."""
    keys = part.keys.reset_index(names="own")
    if against not in set(keys[between]):
        raise DesignError(f"column {between}", f"has no group '{against}'", fix="Compare with a group that it has.")
    others = [c for c in part.keys if c != between]
    reference = keys[keys[between] == against].rename(columns={"own": "other"}).drop(columns=between)
    pairs = keys[keys[between] != against].merge(reference, how="left" if others else "cross", on=others or None)
    own, other = pairs["own"].to_numpy(), pairs["other"].fillna(-1).to_numpy(dtype=int)
    found = other >= 0
    row = np.arange(len(pairs))
    data = np.concatenate([np.ones(len(pairs)), -np.ones(found.sum())])
    at = (np.concatenate([row, row[found]]), np.concatenate([own, other[found]]))
    contrasts = sparse.coo_array((data, at), shape=(len(pairs), len(part.keys))).tocsr()
    errors = part.errors.contrast(contrasts)
    n = np.where(found, np.minimum(part.n[own], part.n[other]), part.n[own])
    estimate = np.where(found, part.estimate[own] - part.estimate[other], np.nan)
    return replace(
        part,
        keys=pairs[[*others, between, "own", "other"]],
        n=n,
        estimate=estimate,
        errors=errors,
        lone=part.lone[own] | part.lone[other] & found,
        blind=part.blind[own] | part.blind[other] & found,
        missing=NO_OTHER,
    )


def _newcombe(part: _Part, pairs: _Part) -> tuple[pd.Series, pd.Series]:
    """Return the limits of differences p - q: p - q - sqrt((p-l)^2 - 2c (p-l)(v-q) + (v-q)^2), and the other."""
    single = _share_rows(part, "wilson")
    own, other = (pairs.keys[side].fillna(-1).to_numpy(dtype=int) for side in ("own", "other"))
    estimate, low, high, variance = (
        np.append(v, np.nan) for v in (part.estimate, single["conf_low"], single["conf_high"], part.errors.variance())
    )
    both = np.sqrt(variance[own] * variance[other])
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (variance[own] + variance[other] - pairs.errors.variance()) / 2
        c = np.where(both > NO_ERROR**2, covariance / both, 0.0).clip(-1, 1)
    difference = estimate[own] - estimate[other]

    def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(a**2 - 2 * c * a * b + b**2, 0))

    below = distance(estimate[own] - low[own], high[other] - estimate[other])
    above = distance(high[own] - estimate[own], estimate[other] - low[other])
    return pd.Series(difference - below), pd.Series(difference + above)


def _compared(pairs: _Part, rows: pd.DataFrame, method: str) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = rows["estimate"].abs() / rows["std_error"].where(rows["std_error"] > 0)
    rows = rows.assign(
        p_value=2 * stats.t.sf(t, rows["degrees_of_freedom"].clip(lower=1)),
        method=f"{method}, {pairs.sample.method}",
    )
    return rows.drop(columns=["own", "other"])


def _finished(part: _Part, rows: pd.DataFrame, method: str, *, spread: bool = False) -> pd.DataFrame:
    if spread:
        single = _variance_one_by_one(part)
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = np.where(single > 0, rows["std_error"] ** 2 / single, np.nan)
            rows = rows.assign(design_effect=effect, effective_n=part.n / np.where(effect > 0, effect, np.nan))
    return rows.assign(
        coefficient_of_variation=coefficient_of_variation(rows),
        reliability=precision.reliability(rows),
        method=f"{method}, {part.sample.method}",
    )


def _variance_one_by_one(part: _Part) -> np.ndarray:
    """Return the variance that each mean would have in a simple random sample with replacement."""
    rows, cells = part.cell >= 0, len(part.keys)
    at, w, y = part.cell[rows], part.sample.weight[rows], part.values[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.bincount(at, w * (y - part.estimate[at]) ** 2, cells) / np.bincount(at, w, cells)
        return squares / (part.n - 1)
