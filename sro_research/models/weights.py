"""Weights that make the people who answered add up to the people there are.

Weights mend what is known to be uneven, such as grades that answered less. They cannot mend that within a grade those
who trust officers answer more.

References: R `survey` 4.1 `rake`, `calibrate(calfun = "logit")`, `postStratify`, `trimWeights`; tests/reference/survey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from sro_research.models.sampling import DesignError, weights_of

TOLERANCE = 1e-9
"""Largest distance of a margin from its target, as a part of it, at which raking has ended."""
MOST_ROUNDS = 1000
"""Rounds after which raking gives up; where margins can be met a few dozen are enough."""
SAME_TOTAL = 1e-6
"""Targets of two margins that differ by more than this part do not count the same people."""
CAP_TIMES_MEDIAN = 4.0
"""Weights above this many medians are trimmed, as students' in PISA by explicit stratum (OECD, PISA 2018 Technical
Report, ch. 8)."""

NOT_TRIMMED = "weights differ too much between schools to be trimmed"

CELL = ["school_id", "wave"]


@dataclass(frozen=True)
class Raked:
    """Weights (one per row), the rounds they took, and `gap`, the largest distance of a margin from its target.

    The gap is a part of the target.
    """

    weights: pd.Series
    rounds: int
    gap: float

    @property
    def converged(self) -> bool:
        """Whether every margin is met."""
        return self.gap <= TOLERANCE


@dataclass(frozen=True)
class PostStratified:
    """Weights (one per row, missing where the school has no enrolment), and for whom they could not speak.

    `pooled` are groups (`school_id`, `wave`, `group`) without a factor of their own; `unheard` are schools
    in a wave from which nobody answered, with the `people` for whom no weight can speak.
    """

    weights: pd.Series
    pooled: pd.DataFrame
    unheard: pd.DataFrame


@dataclass(frozen=True)
class Kish:
    """How much unequal weights cost: n respondents say as much about a mean as `effective_n` of equal weight."""

    n: int
    design_effect: float
    effective_n: float


def rake(
    table: pd.DataFrame,
    margins: Mapping[str, pd.Series],
    *,
    weight: str = "",
    bounds: tuple[float, float] | None = None,
) -> Raked:
    """Adjust weights until each margin has its target, changing them as little as that needs.

    `margins` maps columns to the number of people by code; each counts the same people. Without `bounds`, iterative
    proportional fitting (Deming & Stephan 1940, Ann. Math. Stat. 11, 427-444; R `rake`) of cells of equal codes, so
    that time hardly depends on the number of rows. With bounds, such as (0.3, 3), no weight is multiplied by less or
    more, after all were brought to the population's size by one factor (Deville & Särndal 1992, J. Am. Stat. Assoc. 87,
    376-382, case 6; R `calibrate(calfun = "logit")`). Whether the margins could be met is in the result.

    Raises `DesignError` naming the margin: where nobody answered under a code that has people, where rows have no code
    or one that is not among the targets, or where margins count different numbers of people.
    """
    base = weights_of(table, weight) if weight else np.ones(len(table))
    codes = {column: _margin_codes(table, column, target, base) for column, target in margins.items()}
    targets = [target.to_numpy(dtype=float) for target in margins.values()]
    if max(t.sum() for t in targets) > (1 + SAME_TOTAL) * min(t.sum() for t in targets):
        totals = ", ".join(f"{column} {target.sum():g}" for column, target in margins.items())
        raise DesignError(f"margins ({totals})", "count different numbers of people", fix="Bring them to one total.")
    sizes = [len(target) for target in targets]
    found, at = np.unique(np.ravel_multi_index(tuple(codes.values()), sizes), return_inverse=True)
    cells = np.column_stack(np.unravel_index(found, sizes))
    start = np.bincount(at, base)
    scale = targets[0].sum() / start.sum()
    fit = _fitted if bounds is None else _bounded
    factors, rounds, gap = fit(start * scale, cells, targets, bounds or (0.0, np.inf))
    return Raked(pd.Series(base * scale * factors[at], index=table.index, name="weight"), rounds, gap)


def _margin_codes(table: pd.DataFrame, column: str, target: pd.Series, base: np.ndarray) -> np.ndarray:
    where = f"margin {column}"
    if column not in table:
        raise DesignError(where, "the table has no such column", fix="Name a column of the table.")
    if (target < 0).any() or target.isna().any() or not target.index.is_unique:
        raise DesignError(where, "a target is missing, negative or stands twice", fix="Give one number per code.")
    codes = pd.Index(target.index).get_indexer(table[column])
    if unknown := int((codes < 0).sum()):
        fix = "Leave these rows out, or give their code a target."
        raise DesignError(where, "has rows without a code or with one that has no target", fix=fix, rows=unknown)
    answered = np.bincount(codes, base, len(target)) > 0
    empty = target.index[(target.to_numpy() > 0) & ~answered]
    if len(empty):
        fix = "Join it with another code, in the targets and in the answers."
        raise DesignError(where, f"nobody answered under code '{empty[0]}'", fix=fix)
    return codes


def _gap(weights: np.ndarray, cells: np.ndarray, targets: list[np.ndarray]) -> float:
    gaps = [
        np.abs(np.bincount(cells[:, i], weights, len(t)) - t) / np.where(t > 0, t, 1.0) for i, t in enumerate(targets)
    ]
    return float(max(g.max() for g in gaps))


def _fitted(
    start: np.ndarray, cells: np.ndarray, targets: list[np.ndarray], _: tuple[float, float]
) -> tuple[np.ndarray, int, float]:
    weights, rounds, gap = start.copy(), 0, _gap(start, cells, targets)
    while gap > TOLERANCE and rounds < MOST_ROUNDS:
        for i, target in enumerate(targets):
            now = np.bincount(cells[:, i], weights, len(target))
            weights *= np.divide(target, now, out=np.ones_like(target), where=now > 0)[cells[:, i]]
        rounds, gap = rounds + 1, _gap(weights, cells, targets)
    return np.divide(weights, start, out=np.ones_like(start), where=start > 0), rounds, gap


def _bounded(
    start: np.ndarray, cells: np.ndarray, targets: list[np.ndarray], bounds: tuple[float, float]
) -> tuple[np.ndarray, int, float]:
    """Solve sum(start F(x'b) x) = targets by Newton's steps, halved where they lead away."""
    low, high = bounds
    if not 0 <= low < 1 < high:
        raise DesignError("bounds of weights", "do not lie on both sides of 1", fix="Write such as (0.3, 3).")
    x = np.column_stack([np.eye(len(t))[cells[:, i]] for i, t in enumerate(targets)])
    target = np.concatenate(targets)
    slope = (high - low) / ((1 - low) * (high - 1))

    def factors(b: np.ndarray) -> np.ndarray:
        e = np.exp(np.clip(slope * (x @ b), -500, 500))
        return (low * (high - 1) + high * (1 - low) * e) / (high - 1 + (1 - low) * e)

    b, rounds = np.zeros(x.shape[1]), 0
    g = factors(b)
    gap = _gap(start * g, cells, targets)
    while gap > TOLERANCE and rounds < MOST_ROUNDS:
        # The derivative of F is (F - low) (high - F) / ((1 - low) (high - 1)).
        change = start * (g - low) * (high - g) / ((1 - low) * (high - 1))
        away = target - x.T @ (start * g)
        step = np.linalg.lstsq((x * change[:, None]).T @ x, away, rcond=None)[0]
        for _ in range(30):
            nearer = factors(b + step)
            if np.abs(target - x.T @ (start * nearer)).sum() < np.abs(away).sum():
                break
            step /= 2
        else:
            break  # No step leads nearer: the bounds are too narrow for the targets.
        b, g, rounds = b + step, nearer, rounds + 1
        gap = _gap(start * g, cells, targets)
    return g, rounds, gap


def post_stratify(
    table: pd.DataFrame, enrolment: pd.DataFrame, *, group_by: str, weight: str = "", fewest: int = 1
) -> PostStratified:
    """Weight answers to the enrolment of each school, wave and group: people / sum of weights (R `postStratify`).

    `table` has `school_id`, `wave` and the background question `group_by`; `enrolment` one row per `school_id`, `wave`,
    `group_by` and `group` (the code as text) with `people`. Groups of a school with fewer than `fewest` answers share
    one factor, if need be with the school's next smallest. Those who state no group, or one that nobody is enrolled in,
    are taken as any of their school: they get its people over its answers, and the groups stand for the others.

    Raises `DesignError` where the enrolment has nothing on `group_by` or a group of a school twice.
    """
    if fewest < 1:
        raise DesignError(
            "post-stratification", "needs at least one answer per group", fix="Set `fewest` to 1 or more."
        )
    known = _enrolled(enrolment, group_by)
    base = pd.Series(weights_of(table, weight) if weight else 1.0, index=table.index)
    # Codes are compared as text, as the enrolment holds them.
    codes = table[group_by].astype("Int64") if is_float_dtype(table[group_by]) else table[group_by]
    rows = table[CELL].astype("str").assign(group=codes.astype("string"), base=base.to_numpy())
    rows = rows.merge(known, how="left", on=[*CELL, "group"]).assign(row=range(len(rows)))
    stated = rows["people"].notna() & (rows["base"] > 0)
    cells = known.merge(
        rows[stated].groupby([*CELL, "group"])["base"].agg(["size", "sum"]), how="left", on=[*CELL, "group"]
    )
    cells = cells.fillna({"size": 0, "sum": 0.0}).sort_values([*CELL, "size", "group"], ignore_index=True)
    cells["pooled"] = _pooled(cells, fewest)
    cells["pool"] = cells["group"].mask(cells["pooled"], "")
    schools = known.groupby(CELL)["people"].sum().to_frame("all_people")
    schools["all_base"] = rows.groupby(CELL)["base"].sum()
    schools["stated"] = rows[stated].groupby(CELL)["base"].sum()
    cells = cells.join(schools, on=CELL)
    pools = cells.groupby([*CELL, "pool"])[["people", "sum"]].transform("sum")
    cells["factor"] = pools["people"] / pools["sum"] * cells["stated"] / cells["all_base"]
    rows = rows.merge(cells[[*CELL, "group", "factor"]], how="left", on=[*CELL, "group"]).join(schools, on=CELL)
    factor = rows["factor"].where(stated, rows["all_people"] / rows["all_base"])
    weights = pd.Series((rows["base"] * factor).to_numpy(dtype=float), index=table.index, name="weight")
    heard = cells["all_base"] > 0
    unheard = schools[~(schools["all_base"] > 0)]["all_people"].rename("people").reset_index()
    return PostStratified(weights, cells[heard & cells["pooled"]][[*CELL, "group"]].reset_index(drop=True), unheard)


def _enrolled(enrolment: pd.DataFrame, group_by: str) -> pd.DataFrame:
    people = enrolment[enrolment["group_by"] == group_by]
    if people.empty:
        fix = "Enter them, or weight by another question."
        raise DesignError("enrolment", f"has no groups of '{group_by}'", fix=fix)
    if twice := int(people.duplicated([*CELL, "group"]).sum()):
        raise DesignError("enrolment", "a group of a school stands twice", fix="Keep one number per group.", rows=twice)
    people = people[people["people"].fillna(0) > 0]
    keys = people[CELL].astype("str").assign(group=people["group"].astype("string"))
    return keys.assign(people=people["people"].astype(float))


def _pooled(cells: pd.DataFrame, fewest: int) -> pd.Series:
    """Tell which cells, sorted by answers in a school, share a factor: the small ones, and more until it is enough."""
    small = cells["size"] < fewest
    schools = [cells[key] for key in CELL]
    before = cells.groupby(CELL)["size"].cumsum() - cells["size"]
    return small | small.groupby(schools).transform("any") & (before < fewest)


def effect_of_weights(
    scores: pd.DataFrame, responses: pd.DataFrame, enrolment: pd.DataFrame, *, group_by: str, fewest: int = 5
) -> pd.DataFrame:
    """Compare shares that agree with those of people weighted to enrolment by school, wave and one question.

    `scores` comes from `measures.scales.score` for these `responses`. Weights are trimmed where a cap can hold; `note`
    says where none can. Returns one row per construct: `n` people with a weight, what they count for (`effective_n`),
    the share that agree `plain` and `weighted`, and their `difference`.
    """
    weights, note = post_stratify(responses, enrolment, group_by=group_by, fewest=fewest).weights.dropna(), ""
    try:
        weights = trim(weights)
    except DesignError:
        note = NOT_TRIMMED
    keyed = weights.set_axis(responses.loc[weights.index, "respondent_key"])
    of = scores.assign(weight=scores["respondent_key"].map(keyed)).dropna(subset=["agrees", "weight"])
    rows = []
    for construct, answers in of.groupby("construct", observed=True):
        plain, cost = answers["agrees"].mean(), kish(answers["weight"])
        weighted = (answers["agrees"] * answers["weight"]).sum() / answers["weight"].sum()
        rows.append((construct, group_by, cost.n, cost.effective_n, plain, weighted, weighted - plain, note))
    columns = ["construct", "group_by", "n", "effective_n", "plain", "weighted", "difference", "note"]
    return pd.DataFrame(rows, columns=columns)


def trim(weights: pd.Series, *, times_median: float = CAP_TIMES_MEDIAN) -> pd.Series:
    """Cut weights to a number of medians and share out what was cut equally among the others, so that the sum stays.

    Repeated where that lifts another above the cap: R `trimWeights(upper = cap, strict = TRUE)`. It buys less
    variance with some bias (Potter 1990, Proc. Surv. Res. Methods Sect. Am. Stat. Assoc., 225-230). Raises
    `DesignError` where not even equal weights would stay below the cap.
    """
    cap = times_median * weights.median()
    if weights.mean() > cap:
        raise DesignError("cap of weights", "lies below the mean weight", fix="Choose a higher cap.")
    trimmed = weights.astype(float)
    while (over := trimmed > cap).any():
        cut = (trimmed[over] - cap).sum()
        trimmed = trimmed.mask(over, cap)
        below = trimmed < cap
        trimmed = trimmed.mask(below, trimmed + cut / below.sum())
    return trimmed


def kish(weights: pd.Series) -> Kish:
    """Return n sum(w^2) / sum(w)^2, the design effect of unequal weights, and the effective n (Kish 1965, 11.7)."""
    weights = weights.dropna()  # Where nothing is known of a school, its people have no weight.
    squares, total, n = (weights**2).sum(), weights.sum(), len(weights)
    effective = total**2 / squares if squares > 0 else np.nan
    return Kish(n, n / effective, float(effective))
