"""District means with schools as clusters.

People of one school answer alike, so a thousand answers from twelve schools say less than a thousand answers drawn
one by one. Where few schools are of unequal size, the usual variance between clusters is too small and its G-1 degrees
of freedom are too many. Both are corrected (CR2: Bell & McCaffrey 2002, Surv. Methodol. 28, 169-181; Pustejovsky &
Tipton 2018, J. Bus. Econ. Stat. 36, 672-683), which for a mean is a closed form. With n_j answers in school j,
h_j = n_j / n its leverage, and e the residuals:

    variance = sum_j r_j^2                               r_j = sum_i e_ij / (n sqrt(1 - h_j))
    df = 1 / (sum_j h_j^2 + sum_{j != k} q_j^2 q_k^2)    q_j = h_j / sqrt(1 - h_j)

the second by Satterthwaite, as if answers were independent. For schools of one size these are the usual variance and
G-1. It speaks of schools like these, not only of these schools.

References: R `clubSandwich` 0.5.8; limits of shares by formula; tests/reference/district.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import NUMBERS, as_estimates
from sro_research.models.school_means import (
    CONFIDENCE,
    NEW_WORDS,
    NOT_BOTH,
    SHARE,
    STATISTICS,
    Breaks,
    broken,
    wilson,
)

FEW_CLUSTERS = 10
"""Below this many schools intervals are only descriptive (MacKinnon, Nielsen & Webb 2023, J. Econometrics 232), and no
model is fitted: its errors could not be trusted (McNeish & Stapleton 2016, Multivar. Behav. Res. 51, 495-518)."""
FEW, EQUAL = "few schools: the interval is descriptive", "schools do not differ at all: no interval"

SUPPOSED_ICC = 0.1
"""Share of the variance that is taken to lie between schools where all schools have one and the same share, so that the
answers cannot tell. A cautious supposition: our synthetic districts have 0.04-0.10."""
NO_ERROR = 1e-9
"""A standard error below this is rounding."""

TOPIC = ["population", "construct"]


def district_estimates(scores: pd.DataFrame, *, groups: list[str] | None = None) -> pd.DataFrame:
    """Estimate mean scores and shares that agree by wave and construct, and by each background question.

    Every answer weighs the same. `note` says so where there are too few schools to speak beyond them.
    """
    tables = []
    for group_by in ["", *(groups or [])]:
        keys = [*TOPIC, "wave", *([group_by] if group_by else [])]
        for measure, (column, unit) in STATISTICS.items():
            rows = _levels(_clusters(scores, column, keys), keys, unit).reset_index()
            if group_by:
                rows = rows.rename(columns={group_by: "group"}).astype({"group": "string"})
            tables.append(as_estimates(rows, measure=measure, group_by=group_by, unit=unit, method=_method(unit)))
    return pd.concat(tables, ignore_index=True)


def district_changes(scores: pd.DataFrame, waves: list[str], *, breaks: Breaks = frozenset()) -> pd.DataFrame:
    """Estimate the change of each mean and share from the wave before, with schools as clusters of both waves.

    A school that is high in one wave is high in the next; the variance of the difference is therefore taken over the
    schools' own differences, r_j of the later wave minus r_j of the earlier one. This is CR2 of a regression on the
    wave, whose leverage does not reach from one wave to the other. What was asked in one of the two waves only, or in
    other words before (`breaks`), is a row without an estimate.
    """
    tables = [as_estimates(pd.DataFrame({"n": []}))]
    for before, after in pairwise(waves):
        for measure, (column, unit) in STATISTICS.items():
            now, then = (_clusters(scores[scores["wave"] == wave], column, TOPIC) for wave in (after, before))
            rows = _changes(now, then, unit).reset_index().assign(wave=after)
            anew = broken(rows, breaks)
            rows[NUMBERS[1:]] = rows[NUMBERS[1:]].mask(anew)
            rows["note"] = rows["note"].mask(anew, NEW_WORDS)
            about = {"measure": f"{measure}_change", "unit": unit, "method": _method(unit)}
            tables.append(as_estimates(rows, **about))
    return pd.concat(tables, ignore_index=True)


def _method(unit: str) -> str:
    return f"{'Wilson' if unit == SHARE else 't'} between schools as clusters (CR2, Satterthwaite)"


def _clusters(scores: pd.DataFrame, column: str, keys: list[str]) -> pd.DataFrame:
    """Return one row per school within `keys`, with n and mean of all schools and the parts of variance and df.

    `residual` is r_j above; `own` and `cross` make up the matrix of Satterthwaite's df, with own_j on its diagonal and
    -cross_j cross_k off it. A school that is alone has none of the three.
    """
    valid = scores.dropna(subset=[column, *keys])
    clusters = valid.groupby([*keys, "school_id"], observed=True)[column].agg(["sum", "size"]).reset_index()
    of = clusters.groupby(keys, observed=True)
    n, schools = of["size"].transform("sum"), of["size"].transform("size")
    mean = of["sum"].transform("sum") / n
    leverage = (clusters["size"] / n).where(schools > 1)
    lack = np.sqrt(1 - leverage)
    return clusters.assign(
        n=n,
        estimate=mean,
        leverage=leverage,
        residual=(clusters["sum"] - clusters["size"] * mean) / n / lack,
        own=leverage / n,
        cross=leverage / lack / np.sqrt(n),
    )


def _degrees(clusters: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Return Satterthwaite's degrees of freedom, tr(P)^2 / tr(P^2), from the parts of P of one wave or of two."""
    a, b = clusters["cross"], clusters.get("cross_before", 0.0)
    parts = {
        "trace": clusters["own"],
        "diagonal": clusters["own"] ** 2,
        "aa": a**2,
        "bb": b**2,
        "ab": a * b,
        "all": (a**2 + b**2) ** 2,
    }
    sums = clusters[keys].assign(**parts).groupby(keys, observed=True).sum()
    # sum over j and k of (a_j a_k + b_j b_k)^2, less those with j = k
    across = sums["aa"] ** 2 + sums["bb"] ** 2 + 2 * sums["ab"] ** 2 - sums["all"]
    return sums["trace"] ** 2 / (sums["diagonal"] + across)


def _levels(clusters: pd.DataFrame, keys: list[str], unit: str) -> pd.DataFrame:
    of = clusters.assign(
        squared=clusters["residual"] ** 2, leverages=clusters["leverage"] ** 2, schools=clusters["school_id"]
    ).groupby(keys, observed=True)
    cells = of.agg(n=("n", "first"), estimate=("estimate", "first"), schools=("schools", "size"))
    cells["std_error"] = np.sqrt(of["squared"].sum(min_count=1))
    quantile = _quantile(_degrees(clusters, keys))
    if unit == SHARE:
        size = _effective_size(cells, of["leverages"].sum())
        cells["conf_low"], cells["conf_high"] = wilson(cells["estimate"], size, quantile)
        return cells.assign(note=_note(cells))
    return _with_t(cells, quantile)


def _effective_size(cells: pd.DataFrame, leverages: pd.Series) -> pd.Series:
    """Return the size of a simple random sample that says as much about a share, p(1-p) / se^2, but not above n.

    Korn & Graubard 1998 (Surv. Methodol. 24, 193-201). Where no school differs the error is zero and says nothing;
    then it is n over the design effect of `SUPPOSED_ICC`, 1 + (sum n_j^2 / n - 1) ICC (Kish 1965, 5.4).
    """
    n, share = cells["n"], cells["estimate"]
    supposed = n / (1 + (n * leverages - 1) * SUPPOSED_ICC)
    size = np.minimum(share * (1 - share) / (cells["std_error"] ** 2).where(cells["std_error"] > NO_ERROR), n)
    return size.mask(cells["std_error"] <= NO_ERROR, supposed)


def _changes(now: pd.DataFrame, then: pd.DataFrame, unit: str) -> pd.DataFrame:
    after, before = (_levels(clusters, TOPIC, unit) for clusters in (now, then))
    cells = after.merge(before, how="outer", left_index=True, right_index=True, suffixes=("", "_before"))
    numbers = ["residual", "own", "cross"]
    both = now[[*TOPIC, "school_id", *numbers]].merge(
        then[[*TOPIC, "school_id", *numbers]], on=[*TOPIC, "school_id"], how="outer", suffixes=("", "_before")
    )
    # A school that answered in one wave only adds nothing to the other.
    both = both.fillna(dict.fromkeys([*numbers, *(f"{name}_before" for name in numbers)], 0.0))
    both["own"] += both["own_before"]
    of = both.assign(
        squared=(both["residual"] - both["residual_before"]) ** 2, product=both["residual"] * both["residual_before"]
    ).groupby(TOPIC)
    known = (cells["schools"] > 1) & (cells["schools_before"] > 1)
    # The mean of a wave in which no school differs has no error, so the change has none that could be trusted.
    blind = known & (cells["std_error"].isna() | cells["std_error_before"].isna())
    change = pd.DataFrame(
        {
            "n": cells[["n", "n_before"]].min(axis=1),
            "estimate": cells["estimate"] - cells["estimate_before"],
            "std_error": np.sqrt(of["squared"].sum()).where(known).mask(blind, 0.0),
            "schools": of.size(),
        }
    )
    if unit == SHARE:
        change["conf_low"], change["conf_high"] = _change_limits(cells, of["product"].sum())
        change["note"] = _note(change)
    else:
        change = _with_t(change, _quantile(_degrees(both, TOPIC)))
    return change.assign(note=change["note"].where(change["estimate"].notna(), NOT_BOTH))


def _change_limits(cells: pd.DataFrame, covariance: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the limits of a difference of two dependent shares, made of the limits of the shares.

    As in `school_means`, with the correlation c of the two estimates: p - q - sqrt((p-l)^2 - 2c (p-l)(v-q) + (v-q)^2)
    (Newcombe 1998, Stat. Med. 17, 2635-2650; Zou & Donner 2008). Without an error in a wave c is taken as 0.
    """
    errors = cells["std_error"] * cells["std_error_before"]
    correlation = (covariance / errors.where(errors > NO_ERROR**2)).fillna(0.0).clip(-1, 1)
    difference = cells["estimate"] - cells["estimate_before"]

    def distance(a: pd.Series, b: pd.Series) -> pd.Series:
        return np.sqrt((a**2 - 2 * correlation * a * b + b**2).clip(lower=0))

    below, above = cells["estimate"] - cells["conf_low"], cells["conf_high"] - cells["estimate"]
    below_before = cells["estimate_before"] - cells["conf_low_before"]
    above_before = cells["conf_high_before"] - cells["estimate_before"]
    return difference - distance(below, above_before), difference + distance(above, below_before)


def _quantile(degrees: pd.Series) -> pd.Series:
    return pd.Series(stats.t.ppf((1 + CONFIDENCE) / 2, degrees), index=degrees.index)


def _with_t(cells: pd.DataFrame, quantile: pd.Series) -> pd.DataFrame:
    """Add the limits of a mean; an error of zero would claim that nothing is left to guess, and gives none."""
    error = cells["std_error"].where(~(cells["std_error"] <= NO_ERROR))
    note = _note(cells).mask(cells["std_error"] <= NO_ERROR, EQUAL)
    low, high = cells["estimate"] - quantile * error, cells["estimate"] + quantile * error
    return cells.assign(std_error=error, conf_low=low, conf_high=high, note=note)


def _note(cells: pd.DataFrame) -> pd.Series:
    return (cells["schools"] < FEW_CLUSTERS).map({True: FEW, False: ""})
