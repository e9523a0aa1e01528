"""What the students or staff of one school say, and how it compares: the school-level estimator.

A school's answers are treated as a simple random sample, without replacement, of the people on its roster. When
nearly everyone answered, little is left to guess, and the finite population correction 1 - n/N makes the interval
as short as it should be (Cochran 1977, Sampling Techniques, ch. 2). Who answers is not random; that is outside what an
interval can say. Schools are fixed here: no statement is made about schools that were not asked.

Where people who did not answer are left and everyone who did answered alike, the standard error is zero though much is
left to guess. Shares then keep Wilson's interval, and their differences the one made of Wilson's limits; means have
no interval.

References: R `survey` 4.1 with schools as strata and `fpc`; limits of differences of shares by formula;
tests/reference/district.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
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
WAVE = ["population", "construct", "wave"]
"""Keys of a school's cell, and of the cells of all schools that it is compared with."""

ONE_ANSWER, TOO_FEW = "one answer: no interval", "too few answers to compare"
ALIKE = "all answers alike: no interval"
ALONE = "there is no other school"
NOT_BOTH = "not asked in both surveys"
NEW_WORDS = "asked in other words before: not comparable"

Breaks = Set[tuple[str, str, str]]
"""(population, construct, wave) whose questions got other words since the wave before."""

QUANTILE = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
SAME_SCORE = 1e-9
"""Scores that differ by less than this differ by rounding only."""


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

    The others are weighted by their rosters; by their answers where the roster of a school is unknown or counts fewer
    people than answered. A school with one answer has no weight. Means: Welch's t with Satterthwaite's degrees of
    freedom over the schools. Shares: Wilson limits of every school, combined (see `_share_limits`). The others'
    own level stands in rows of its own, `<measure>_others`; `n` of a difference is the smaller of the two sides.
    """
    cells = _cells(scores, roster, "")
    wave = cells.groupby(WAVE).ngroup()
    known = cells["roster"].notna().groupby(wave).transform("all")
    size = cells["roster"].where(known, cells["n"]).where(cells["n"] > 1, 0.0)
    people = _of_others(cells["n"].where(size > 0, 0), wave)
    tables = []
    for measure, (_, unit) in STATISTICS.items():
        own = _side(cells, measure)
        others = _combined(own, size, wave)
        # A comparison with nobody carries no number; its n stays the school's, or it would count as hidden.
        smaller = cells.assign(n=np.minimum(cells["n"], people).where(people > 0, cells["n"]))
        about = {
            "measure": f"{measure}_others",
            "unit": unit,
            "method": "mean of the other schools, weighted by roster",
        }
        enough = cells["n"] > 1
        note = pd.Series("", index=cells.index).mask(people == 0, ALONE).mask(~enough, TOO_FEW)
        tables += [
            _difference(smaller, f"{measure}_vs_others", own, others, measure, note),
            _rows(cells.assign(n=people), others, people.eq(0).map({True: ALONE, False: ""}), **about),
        ]
    return pd.concat(tables, ignore_index=True)


def change_between_waves(
    scores: pd.DataFrame, roster: pd.Series, waves: list[str], *, breaks: Breaks = frozenset()
) -> pd.DataFrame:
    """Estimate each school's change from the wave before, as the difference of two independent samples.

    The survey is anonymous, so the same person cannot be followed; waves are repeated cross-sections. What a school
    answered in the later wave only, and what was asked in other words before (`breaks`), is a row without an estimate.
    `n` is the smaller of the two waves.
    """
    cells = _cells(scores, roster, "")
    tables = [as_estimates(pd.DataFrame({"n": []}))]
    for before, after in pairwise(waves):
        now = cells[cells["wave"] == after].reset_index(drop=True)
        keys = [key for key in CELL if key != "wave"]
        then = now[keys].merge(cells[cells["wave"] == before], on=keys, how="left")
        smaller = now.assign(n=np.fmin(now["n"], then["n"]))
        enough = smaller["n"] > 1
        note = pd.Series("", index=now.index).mask(~enough, TOO_FEW).mask(then["n"].isna(), NOT_BOTH)
        note = note.mask(broken(now, breaks), NEW_WORDS)
        tables += [
            _difference(smaller, f"{measure}_change", _side(now, measure), _side(then, measure), measure, note)
            for measure in STATISTICS
        ]
    return pd.concat(tables, ignore_index=True)


def broken(cells: pd.DataFrame, breaks: Breaks) -> pd.Series:
    """Tell for each row (population, construct, wave) whether its line breaks there."""
    return pd.Series([key in breaks for key in cells[WAVE].itertuples(index=False, name=None)], index=cells.index)


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
    """Return one row per school, wave, construct and group: n, roster, means and standard errors.

    `unseen` is the share of the school's people who gave no score, 1 where the roster is unknown; `alike` says that all
    scores are the same although somebody is unseen.
    """
    by_school = scores.groupby(CELL, observed=True)
    by_cell = scores.groupby([*CELL, group_by], observed=True) if group_by else by_school
    cells = by_cell.agg(
        n=("score", "count"),
        lowest=("score", "min"),
        highest=("score", "max"),
        mean_score=("score", "mean"),
        mean_score_se=("score", "std"),
        share_agree=("agrees", "mean"),
        share_agree_se=("agrees", "std"),
    )
    cells = cells[cells["n"] > 0].reset_index()
    people = by_school["score"].agg(sampled="count", answered="size").reset_index()
    cells = cells.merge(people, on=CELL)
    cells = cells.merge(roster.rename("roster").reset_index(), on=["school_id", "wave"], how="left")
    known = cells["roster"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    # More answers than people means the roster is wrong; then it is as good as unknown.
    cells["roster"] = np.where(cells["answered"] <= known, known, np.nan)
    cells["unseen"] = (1 - cells["sampled"] / cells["roster"]).fillna(1.0)
    same = cells["highest"] - cells["lowest"] < SAME_SCORE
    cells["mean_score_se"] = cells["mean_score_se"].mask(same & (cells["n"] > 1), 0.0)
    cells["alike"] = same & (cells["unseen"] > 0)
    for measure in STATISTICS:
        cells[f"{measure}_se"] = np.sqrt(cells["unseen"] / cells["n"]) * cells[f"{measure}_se"]
    return cells


@dataclass(frozen=True)
class _Side:
    """One side of a comparison, a number per cell.

    `part` is the sum of variance^2 / degrees of freedom, of which Satterthwaite's are made; `below` and `above` are the
    distances from a share to its limits; `blind` says that a mean has an error of zero for want of different answers.
    """

    estimate: pd.Series
    variance: pd.Series
    part: pd.Series
    below: pd.Series
    above: pd.Series
    blind: pd.Series


def _side(cells: pd.DataFrame, measure: str) -> _Side:
    """Return cells as they are as one side of a comparison."""
    estimate, variance = cells[measure], cells[f"{measure}_se"] ** 2
    low, high = wilson(estimate, _effective_size(cells))
    part = variance**2 / (cells["n"] - 1).where(cells["n"] > 1)
    return _Side(estimate, variance, part, estimate - low, high - estimate, cells["alike"].eq(True))


def _combined(own: _Side, size: pd.Series, wave: pd.Series) -> _Side:
    """Return for each cell all the other cells of its wave as one, weighted by `size`.

    With weights w that add up to 1: mean sum(w y), variance sum(w^2 v), and for shares the limits sum(w p) -+
    sqrt(sum(w^2 d^2)), d the distances of the single shares to their limits (Zou, Huang & Zhang 2009, Comput. Stat.
    Data Anal. 53, 1080-1085).
    """
    rest = _of_others(size, wave)
    rest = rest.where(rest > 0)

    def total(values: pd.Series, power: int) -> pd.Series:
        return _of_others((size**power * values).where(size > 0, 0.0), wave) / rest**power

    variance = total(own.variance, 2)
    alike = _of_others((own.blind & (size > 0)).astype(float), wave) > 0
    return _Side(
        estimate=total(own.estimate, 1),
        variance=variance,
        part=total(own.part, 4),
        below=np.sqrt(total(own.below**2, 2)),
        above=np.sqrt(total(own.above**2, 2)),
        blind=alike & (variance == 0),
    )


def _of_others(values: pd.Series, wave: pd.Series) -> pd.Series:
    """Return for each cell the sum over the other cells of its wave.

    Those before and those after are added up: the total less the cell itself would leave rounding where zero is meant.
    """

    def before(of: pd.Series) -> pd.Series:
        return of.groupby(wave).cumsum().groupby(wave).shift(fill_value=0)

    return before(values) + before(values[::-1])


def _effective_size(cells: pd.DataFrame) -> pd.Series:
    """Return the size of the simple random sample, drawn with replacement, that says as much about a share."""
    return (cells["n"] - 1) / cells["unseen"]


def _levels(cells: pd.DataFrame, measure: str, group_by: str) -> pd.DataFrame:
    unit = STATISTICS[measure][1]
    group = cells[group_by].astype("string").fillna("") if group_by else ""
    method = "Wilson" if unit == SHARE else "t"
    return _rows(
        cells.assign(group=group),
        _side(cells, measure),
        pd.Series("", index=cells.index),
        measure=measure,
        group_by=group_by,
        unit=unit,
        method=f"{method} with finite population correction",
    )


def _difference(cells: pd.DataFrame, measure: str, one: _Side, other: _Side, of: str, note: pd.Series) -> pd.DataFrame:
    """Return rows of one side minus the other; `note` says where that cannot be estimated."""
    difference = _Side(
        estimate=(one.estimate - other.estimate).where(note == ""),
        variance=one.variance + other.variance,
        part=one.part + other.part,
        below=np.hypot(one.below, other.above),
        above=np.hypot(one.above, other.below),
        blind=one.blind | other.blind,
    )
    unit = STATISTICS[of][1]
    method = "Wilson limits combined" if unit == SHARE else "Welch t"
    return _rows(
        cells, difference, note, measure=measure, unit=unit, method=f"{method} with finite population correction"
    )


def _rows(cells: pd.DataFrame, side: _Side, note: pd.Series, **about: str) -> pd.DataFrame:
    """Return estimates with their intervals; `note` says where there is none to be made."""
    low, high = _share_limits(side) if about["unit"] == SHARE else _mean_limits(side)
    no_interval = side.variance.isna()
    if about["unit"] == SCORE:
        no_interval |= side.blind
        note = note.mask((note == "") & side.blind & side.variance.notna(), ALIKE)
    made = side.estimate.notna()
    rows = cells[[*CELL, *(["group"] if "group" in cells else [])]].assign(
        n=cells["n"],
        estimate=side.estimate,
        # An error of zero would claim that nothing is left to guess.
        std_error=np.sqrt(side.variance).where(made & (~no_interval)),
        conf_low=low.where(made & ~no_interval),
        conf_high=high.where(made & ~no_interval),
        note=note.mask((note == "") & no_interval, ONE_ANSWER),
    )
    return as_estimates(rows, **about)


def _mean_limits(side: _Side) -> tuple[pd.Series, pd.Series]:
    """Return the limits of a mean or of a difference of means: t with Satterthwaite's degrees of freedom."""
    degrees = (side.variance**2 / side.part).where(side.part > 0, 1.0).clip(lower=1)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(side.variance)
    return side.estimate - reach, side.estimate + reach


def _share_limits(side: _Side) -> tuple[pd.Series, pd.Series]:
    """Return the limits of a share or of a difference of shares, made of Wilson's limits of the single shares.

    For a difference p - q with limits (l, u) of p and (m, v) of q they are p - q - sqrt((p-l)^2 + (v-q)^2) and
    p - q + sqrt((u-p)^2 + (q-m)^2): Newcombe 1998 (Stat. Med. 17, 873-890, method 10); for any estimates, Zou &
    Donner 2008 (Stat. Med. 27, 1693-1702), "method of variance estimates recovery". The variance is recovered at the
    limits, where it is not zero; Wald's interval has no width where everyone agrees.
    """
    return side.estimate - side.below, side.estimate + side.above


def wilson(share: pd.Series, size: pd.Series, quantile: pd.Series | float = QUANTILE) -> tuple[pd.Series, pd.Series]:
    """Return the interval of a share after Wilson (1927), for an effective sample size.

    Unlike the plain interval it stays inside 0 and 1 and does not shrink to nothing when everyone answers alike. The
    effective size carries the finite population correction (Korn & Graubard 1999, Analysis of Health Surveys, 5.2);
    where the whole roster answered it is infinite and the interval is the share itself. `quantile` is the normal one,
    or t's where the size itself was estimated.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = np.where(np.isinf(size), 0.0, quantile**2 / size)
        centre = (share + shrink / 2) / (1 + shrink)
        reach = np.sqrt(shrink * share * (1 - share) + shrink**2 / 4) / (1 + shrink)
    # Rounding may put a bound a hair on the wrong side of a share of exactly 0 or 1.
    return np.minimum(centre - reach, share).clip(lower=0), np.maximum(centre + reach, share).clip(upper=1)
