"""District means with schools as clusters.

People of one school answer alike, so a thousand answers from twelve schools say less than a thousand answers drawn
one by one. The variance is the usual linearized one between clusters, G/(G-1) * sum of squared cluster totals of the
residuals over n squared, with G-1 degrees of freedom (Särndal, Swensson & Wretman 1992, 4.2; R `survey`
`svydesign(ids = ~school)`). It speaks of schools like these, not only of these schools.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.school_means import CONFIDENCE, SHARE, STATISTICS

FEW_CLUSTERS = 10
"""Below this many schools the interval is only descriptive (MacKinnon, Nielsen & Webb 2023, J. Econometrics 232)."""


def district_estimates(scores: pd.DataFrame, *, groups: list[str] | None = None) -> pd.DataFrame:
    """Estimate mean scores and shares that agree by wave and construct, and by each background question.

    Every answer weighs the same. `note` says so where there are too few schools to speak beyond them.
    """
    tables = []
    for group_by in ["", *(groups or [])]:
        for measure, (column, unit) in STATISTICS.items():
            tables.append(_clustered(scores, column, measure, unit, group_by))
    return pd.concat(tables, ignore_index=True)


def district_changes(scores: pd.DataFrame, waves: list[str]) -> pd.DataFrame:
    """Estimate the change of each mean and share from the wave before, with schools as clusters of both waves.

    A school that is high in one wave is high in the next; the variance of the difference is therefore taken over the
    schools' own differences, not added up from the two waves.
    """
    tables = [as_estimates(pd.DataFrame({"n": []}))]
    for before, after in pairwise(waves):
        for measure, (column, unit) in STATISTICS.items():
            pair = scores[scores["wave"].isin([before, after])].dropna(subset=[column])
            keys = ["population", "construct"]
            cells = pair.groupby([*keys, "wave"])[column].agg(["mean", "size"]).unstack("wave")
            if cells.shape[1] < 4:
                continue
            level, count = cells["mean"], cells["size"]
            influence = pair[column] - pair.groupby([*keys, "wave"])[column].transform("mean")
            influence /= pair.groupby([*keys, "wave"])[column].transform("size")
            signed = influence * pair["wave"].map({before: -1.0, after: 1.0}).astype(float)
            clusters = signed.groupby([pair[k] for k in (*keys, "school_id")]).sum()
            squared, schools = (clusters**2).groupby(keys).sum(), clusters.groupby(keys).size()
            cells = pd.DataFrame({"estimate": level[after] - level[before], "n": count.min(axis=1)})
            cells["std_error"] = np.sqrt(schools / (schools - 1).where(schools > 1) * squared)
            reach = cells["std_error"] * stats.t.ppf((1 + CONFIDENCE) / 2, (schools - 1).clip(lower=1))
            cells["conf_low"], cells["conf_high"] = cells["estimate"] - reach, cells["estimate"] + reach
            cells["note"] = np.where(schools < FEW_CLUSTERS, "few schools: the interval is descriptive", "")
            tables.append(
                as_estimates(
                    cells.reset_index(),
                    measure=f"{measure}_change",
                    wave=after,
                    unit=unit,
                    method="t between schools as clusters",
                )
            )
    return pd.concat(tables, ignore_index=True)


def _clustered(scores: pd.DataFrame, column: str, measure: str, unit: str, group_by: str) -> pd.DataFrame:
    keys = ["population", "construct", "wave", *([group_by] if group_by else [])]
    valid = scores.dropna(subset=[column, *([group_by] if group_by else [])])
    clusters = valid.groupby([*keys, "school_id"], observed=True)[column].agg(["sum", "size"]).reset_index()
    total = clusters.groupby(keys, observed=True)[["sum", "size"]].sum()
    joined = clusters.join((total["sum"] / total["size"]).rename("mean"), on=keys)
    joined["squared"] = (joined["sum"] - joined["size"] * joined["mean"]) ** 2
    cells = joined.groupby(keys, observed=True).agg(
        n=("size", "sum"),
        estimate=("mean", "first"),
        squared=("squared", "sum"),
        schools=("school_id", "size"),
    )
    schools, n = cells["schools"], cells["n"]
    cells["std_error"] = np.sqrt(schools / (schools - 1).where(schools > 1) * cells["squared"]) / n
    reach = cells["std_error"] * stats.t.ppf((1 + CONFIDENCE) / 2, (schools - 1).clip(lower=1))
    cells["conf_low"], cells["conf_high"] = cells["estimate"] - reach, cells["estimate"] + reach
    if unit == SHARE:
        cells["conf_low"], cells["conf_high"] = (
            cells["conf_low"].clip(lower=0),
            cells["conf_high"].clip(upper=1),
        )
    cells["note"] = np.where(schools < FEW_CLUSTERS, "few schools: the interval is descriptive", "")
    rows = cells.drop(columns=["squared", "schools"]).reset_index()
    if group_by:
        rows = rows.rename(columns={group_by: "group"}).astype({"group": "string"})
    return as_estimates(rows, measure=measure, group_by=group_by, unit=unit, method="t between schools as clusters")
