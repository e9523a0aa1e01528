"""What the students or staff of one school say, and how it compares: the school-level estimator.

A school's answers are treated as a simple random sample, without replacement, of the people on its roster. When
nearly everyone answered, little is left to guess, and the finite population correction 1 - n/N makes the interval
as short as it should be (Cochran 1977, Sampling Techniques, ch. 2). Who answers is not random; that is outside what an
interval can say. Schools are fixed here: no statement is made about schools that were not asked.

References: R `survey` 4.1 with schools as strata and `fpc`, tests/reference/district.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates

CONFIDENCE = 0.95
SHARE, SCORE = "share", "scale points"
STATISTICS = {"mean_score": ("score", SCORE), "share_agree": ("agrees", SHARE)}
"""Measure: the column of scores it averages, and its unit."""

CELL = ["population", "construct", "school_id", "wave"]


def school_estimates(scores: pd.DataFrame, roster: pd.Series, *, groups: list[str] | None = None) -> pd.DataFrame:
    """Estimate mean scores and shares that agree, by school, wave and construct, and by each background question.

    `scores` comes from `measures.scales.score`; `roster` gives the number of people by (school_id, wave), missing
    where unknown, in which case there is no finite population correction.
    """
    tables = []
    for group_by in ["", *(groups or [])]:
        cells = _cells(scores, roster, group_by)
        tables += [_levels(cells, measure, group_by) for measure in STATISTICS]
    return pd.concat(tables, ignore_index=True)


def compared_with_others(scores: pd.DataFrame, roster: pd.Series) -> pd.DataFrame:
    """Estimate how much each school differs from all the other schools of the same wave taken together.

    The others are weighted by their rosters (by their answers where a roster is unknown). The interval uses Welch and
    Satterthwaite's degrees of freedom over the schools. `note` carries the others' own estimate.
    """
    cells = _cells(scores, roster, "")
    cells["size"] = cells["roster"].where(
        cells["roster"].notna().groupby([cells[k] for k in ("population", "construct", "wave")]).transform("all"),
        cells["n"],
    )
    wave = [cells[k] for k in ("population", "construct", "wave")]
    size = cells["size"].where(cells["n"] > 1, 0.0)
    rest = size.groupby(wave).transform("sum") - size
    tables = []
    for measure in STATISTICS:
        mean, error = cells[f"{measure}"], cells[f"{measure}_se"].fillna(0.0)
        others = ((size * mean.fillna(0.0)).groupby(wave).transform("sum") - size * mean.fillna(0.0)) / rest
        variance = (size * error) ** 2
        others_variance = (variance.groupby(wave).transform("sum") - variance) / rest**2
        quartic = (size * error) ** 4 / (cells["n"] - 1).clip(lower=1)
        others_quartic = (quartic.groupby(wave).transform("sum") - quartic) / rest**4
        own = cells[f"{measure}_se"] ** 2
        degrees = (own + others_variance) ** 2 / (own**2 / (cells["n"] - 1) + others_quartic)
        tables += [
            _difference(cells, f"{measure}_vs_others", mean - others, np.sqrt(own + others_variance), degrees, measure),
            _others(cells, measure, others, np.sqrt(others_variance), rest),
        ]
    return pd.concat(tables, ignore_index=True)


def change_between_waves(scores: pd.DataFrame, roster: pd.Series, waves: list[str]) -> pd.DataFrame:
    """Estimate each school's change from the wave before, as the difference of two independent samples.

    The survey is anonymous, so the same person cannot be followed; waves are repeated cross-sections.
    """
    cells = _cells(scores, roster, "")
    tables = []
    for before, after in pairwise(waves):
        key = ["population", "construct", "school_id"]
        pair = cells[cells["wave"] == after].merge(cells[cells["wave"] == before], on=key, suffixes=("", "_before"))
        for measure in STATISTICS:
            now, then = pair[f"{measure}_se"] ** 2, pair[f"{measure}_se_before"] ** 2
            degrees = (now + then) ** 2 / (now**2 / (pair["n"] - 1) + then**2 / (pair["n_before"] - 1))
            smaller = pair.assign(n=pair[["n", "n_before"]].min(axis=1))
            difference = pair[measure] - pair[f"{measure}_before"]
            tables.append(_difference(smaller, f"{measure}_change", difference, np.sqrt(now + then), degrees, measure))
    return pd.concat(tables, ignore_index=True) if tables else as_estimates(pd.DataFrame({"n": []}))


def answer_shares(counts: pd.DataFrame, *, population: str) -> pd.DataFrame:
    """Give the share of each answer among the valid answers to each item, by school and wave.

    `counts` comes from `measures.scales.answer_counts`. `construct` holds the item, `group` the code.
    """
    rows = counts.rename(columns={"item": "construct", "code": "group", "valid": "n"})
    rows = rows.assign(estimate=rows["count"] / rows["n"], group=rows["group"].astype(str))
    return as_estimates(
        rows[["construct", "group", "school_id", "wave", "n", "estimate"]],
        measure="answer_share",
        population=population,
        group_by="answer",
        unit=SHARE,
        method="share of valid answers",
    )


def _cells(scores: pd.DataFrame, roster: pd.Series, group_by: str) -> pd.DataFrame:
    """Return one row per school, wave, construct and group: n, roster, means and standard errors."""
    valid = scores.dropna(subset=["score"])
    keys = [*CELL, group_by] if group_by else CELL
    cells = valid.groupby(keys, observed=True).agg(
        n=("score", "size"),
        mean_score=("score", "mean"),
        mean_score_se=("score", "std"),
        share_agree=("agrees", "mean"),
        share_agree_se=("agrees", "std"),
    )
    cells = cells.reset_index()
    sampled = valid.groupby(CELL, observed=True).size().rename("sampled").reset_index()
    cells = cells.merge(sampled, on=CELL).merge(
        roster.rename("roster").reset_index(), on=["school_id", "wave"], how="left"
    )
    cells["roster"] = cells["roster"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    fraction = cells["sampled"] / cells["roster"]
    # More answers than people means the roster is wrong; then nothing is known about the fraction.
    cells["unseen"] = (1 - fraction).where(fraction <= 1, 1.0)
    for measure in STATISTICS:
        cells[f"{measure}_se"] = np.sqrt(cells["unseen"] / cells["n"]) * cells[f"{measure}_se"]
    return cells


def _levels(cells: pd.DataFrame, measure: str, group_by: str) -> pd.DataFrame:
    estimate, error, unit = cells[measure], cells[f"{measure}_se"], STATISTICS[measure][1]
    if unit == SHARE:
        low, high, method = (
            *wilson(estimate, (cells["n"] - 1) / cells["unseen"]),
            "Wilson with finite population correction",
        )
    else:
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, (cells["n"] - 1).clip(lower=1)) * error
        low, high, method = estimate - reach, estimate + reach, "t with finite population correction"
    group = cells[group_by].astype("string").fillna("") if group_by else ""
    rows = cells[CELL].assign(
        n=cells["n"],
        estimate=estimate,
        std_error=error,
        conf_low=low.where(cells["n"] > 1),
        conf_high=high.where(cells["n"] > 1),
        group=group,
        note=(cells["n"] > 1).map({True: "", False: "one answer: no interval"}),
    )
    return as_estimates(rows, measure=measure, group_by=group_by, unit=unit, method=method)


def _difference(
    cells: pd.DataFrame, measure: str, difference: pd.Series, error: pd.Series, degrees: pd.Series, of: str
) -> pd.DataFrame:
    usable = (cells["n"] > 1) & difference.notna() & error.notna()
    reach = pd.Series(stats.t.ppf((1 + CONFIDENCE) / 2, degrees.fillna(1).clip(lower=1)), index=cells.index) * error
    reach = reach.where(error > 0, 0.0)
    rows = cells[CELL].assign(
        n=cells["n"],
        estimate=difference.where(usable),
        std_error=error.where(usable),
        conf_low=(difference - reach).where(usable),
        conf_high=(difference + reach).where(usable),
        note=usable.map({True: "", False: "too few answers to compare"}),
    )
    return as_estimates(
        rows, measure=measure, unit=STATISTICS[of][1], method="Welch t with finite population correction"
    )


def _others(cells: pd.DataFrame, measure: str, others: pd.Series, error: pd.Series, rest: pd.Series) -> pd.DataFrame:
    """Give the other schools' own level, so that a page can print what a school is compared with."""
    people = cells.groupby(["population", "construct", "wave"])["n"].transform("sum") - cells["n"]
    usable = rest > 0
    rows = cells[CELL].assign(
        n=people,
        estimate=others.where(usable),
        std_error=error.where(usable),
        note=usable.map({True: "", False: "there is no other school"}),
    )
    return as_estimates(
        rows,
        measure=f"{measure}_others",
        unit=STATISTICS[measure][1],
        method="mean of the other schools, weighted by roster",
    )


def wilson(share: pd.Series, size: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the interval of a share after Wilson (1927), for an effective sample size.

    Unlike the plain interval it stays inside 0 and 1 and does not shrink to nothing when everyone answers alike. The
    effective size carries the finite population correction (Korn & Graubard 1999, Analysis of Health Surveys, 5.2);
    where the whole roster answered it is infinite and the interval is the share itself.
    """
    z2 = stats.norm.ppf((1 + CONFIDENCE) / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = np.where(np.isinf(size), 0.0, z2 / size)
        centre = (share + shrink / 2) / (1 + shrink)
        reach = np.sqrt(shrink * share * (1 - share) + shrink**2 / 4) / (1 + shrink)
    # Rounding may put a bound a hair on the wrong side of a share of exactly 0 or 1.
    return np.minimum(centre - reach, share).clip(lower=0), np.maximum(centre + reach, share).clip(upper=1)
