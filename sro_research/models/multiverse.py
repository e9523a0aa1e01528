"""Would another choice, as good as the declared one, have said something else?

All combinations of choices that were declared to be equivalent (which background is adjusted for, how exposure is
defined and how long before, how many answers a school-wave needs, flagged respondents, waves) are fitted: the
within-school effect of the within-between model with random intercepts of schools and school-waves, by REML from
statistics that were kept of the respondents once (`sufficient`, `profile_reml`). Steegen, Tuerlinckx, Gelman &
Vanpaemel 2016 (Perspect. Psychol. Sci. 11, 702-712); Simonsohn, Simmons & Nelson 2020 (Nat. Hum. Behav. 4, 1208-1214).
Only equivalent choices belong together: what would answer another question, or is known to be worse, makes the curve
look uncertain or sure without reason (Del Giudice & Gangestad 2021, Adv. Methods Pract. Psychol. Sci. 4). The median
of a curve is no better estimate than the declared one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError, nearest
from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.profile_reml import Fit, fit_reml
from sro_research.models.random_effects import Intercepts, intercepts
from sro_research.models.school_means import CONFIDENCE
from sro_research.models.sufficient import Cells

FLAGGED = "flagged"
"""The key of cells that divides respondents whose answers were flagged (1) from the others (0)."""
KEPT, LEFT_OUT = "kept", "left out"
WITHIN, BETWEEN = "exposure within schools", "exposure between schools"
WAVE, MEAN = "in wave ", "mean by school-wave of "
"""Columns that are made begin so."""
MOST_UNITS = 1000
"""Above this many, one school among them cannot matter; districts are left out instead."""
TOGETHER = "choices together"


@dataclass(frozen=True)
class Exposure:
    """A column of the school-waves' records, `lag` waves before the answers; the effect is said for `per` units."""

    column: str
    lag: int = 0
    per: float = 1.0


@dataclass(frozen=True)
class Choices:
    """Equivalent choices, each by the name under which it is reported; every combination is one specification.

    `adjustment` names columns of the answers (taken with their means by school-wave, so that they adjust within and
    between) or of the records. `fewest_answers` is how many answers a school-wave needs. With `flagged` respondents
    `kept` or `left out` the cells need the key `flagged`.
    """

    exposure: Mapping[str, Exposure]
    adjustment: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"none": ()})
    fewest_answers: tuple[int, ...] = (1,)
    flagged: tuple[str, ...] = (KEPT,)
    waves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What a curve of estimates says: shares are of the specifications that could be estimated."""

    specifications: int
    not_estimable: int
    median: float
    lowest: float
    highest: float
    share_same_sign: float
    share_excluding_zero: float
    share_beyond_smallest: float


def specifications(choices: Choices) -> pd.DataFrame:
    """Return one row per combination of choices, one column per choice; adjustments vary fastest."""
    order = ["exposure", "fewest_answers", FLAGGED, "waves", "adjustment"]
    options = [list(getattr(choices, name)) or ["all"] for name in order]
    return pd.DataFrame(list(product(*options)), columns=order)


def multiverse(cells: Cells, records: pd.DataFrame, choices: Choices, *, outcome: str) -> pd.DataFrame:
    """Return the within-school effect under each specification, with its 95 % interval.

    `cells` by `school_id`, `wave` and, if asked for, `flagged`, coarser levels before them; `records` by
    (`school_id`, `wave`). Which respondents are in does not depend on the adjustment. Columns: the choices, `estimate`,
    `std_error`, `df` (Satterthwaite, not more than the design has), `conf_low`, `conf_high`, `n`, `schools`,
    `school_waves`, `zero_variance`, and `note` where there is no estimate. Raises `WorkbenchError` where a choice
    names what there is not.
    """
    _declared(cells, records, choices)
    pools = {kind: _pool(cells, records, choices, kind) for kind in choices.flagged}
    table, rows = specifications(choices), []
    for chosen, group in table.groupby(list(table)[:-1], sort=False):
        found: Fit | None = None
        effects = _effects(_prepared(pools, choices, *chosen))
        for adjustment in group["adjustment"]:
            columns = choices.adjustment[adjustment]
            try:
                found = _fitted(effects, columns, outcome, found)
                rows.append(_row(found, columns, choices.exposure[chosen[0]].per))
            except WorkbenchError as reason:
                rows.append({"note": reason.rule})
    return pd.concat([table, pd.DataFrame(rows, columns=_COLUMNS)], axis=1).fillna({"note": ""})


def summarize(curve: pd.DataFrame, *, smallest_effect: float) -> Summary:
    """Return what a multiverse says, against the smallest effect of interest (its sign does not matter).

    `share_same_sign` have the sign of the median; `share_excluding_zero` intervals without zero on that side;
    `share_beyond_smallest` estimates on that side at least as large as the smallest effect.
    """
    known = curve.dropna(subset=["estimate"])
    if known.empty:
        nothing = float("nan")
        return Summary(len(curve), len(curve), *[nothing] * 6)
    median = float(known["estimate"].median())
    side = np.sign(median)
    ahead = known["estimate"] * side
    nearer = np.minimum(known["conf_low"] * side, known["conf_high"] * side)
    return Summary(
        specifications=len(curve),
        not_estimable=len(curve) - len(known),
        median=median,
        lowest=float(known["estimate"].min()),
        highest=float(known["estimate"].max()),
        share_same_sign=float((ahead > 0).mean()),
        share_excluding_zero=float((nearer > 0).mean()),
        share_beyond_smallest=float((ahead >= abs(smallest_effect)).mean()),
    )


def by_choice(curve: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the variance of estimates goes with each choice (`choice`, `options`, `eta_squared`).

    Eta squared of main effects: sum of squares that a choice adds to the others, over the total; for a full set of
    combinations that of an analysis of variance (R: `anova(lm(estimate ~ ., curve))`). The rest, `choices together`, is
    what choices do only in combination. Missing where all estimates are equal.
    """
    names = [f.name for f in fields(Choices)]
    known = curve.dropna(subset=["estimate"])
    deviation = (known["estimate"] - known["estimate"].mean()).to_numpy()
    total = float(deviation @ deviation)
    total = total if total > 0 else float("nan")
    made = {name: pd.get_dummies(known[name], drop_first=True, dtype=float).to_numpy() for name in names}
    left = _left(deviation, list(made.values()))
    rows = [
        (name, known[name].nunique(), (_left(deviation, [d for n, d in made.items() if n != name]) - left) / total)
        for name in names
    ]
    return pd.DataFrame([*rows, (TOGETHER, len(known), left / total)], columns=["choice", "options", "eta_squared"])


def leave_one_out(
    cells: Cells, records: pd.DataFrame, choices: Choices, *, outcome: str, unit: str = "school_id"
) -> pd.DataFrame:
    """Return the effect without each school, or each group of another key, of choices that are one specification.

    Columns: the unit, `estimate`, `std_error`, `change` (from the estimate with all), most influential first. Every one
    is fitted anew. Raises `WorkbenchError` where there are several specifications, more than `MOST_UNITS` units, or
    too few are left.
    """
    _declared(cells, records, choices)
    table = specifications(choices)
    if len(table) > 1:
        raise WorkbenchError("the choices", "they are more than one specification", fix="Keep the declared one.")
    *chosen, adjustment = table.iloc[0]
    columns, per = choices.adjustment[adjustment], choices.exposure[chosen[0]].per
    kept = _prepared({chosen[2]: _pool(cells, records, choices, chosen[2])}, choices, *chosen)
    kept.down_to(unit)
    units = kept.keys[unit].unique()
    if len(units) > MOST_UNITS:
        raise WorkbenchError(f"level {unit}", f"there are more than {MOST_UNITS}", fix="Leave out districts instead.")
    whole = _fitted(_effects(kept), columns, outcome, None)
    rows = []
    for one in units:
        others = kept.where((kept.keys[unit] != one).to_numpy())
        fit = _fitted(_effects(others), columns, outcome, whole)
        rows.append((one, per * fit.coefficients[1], per * fit.std_errors[1]))
    result = pd.DataFrame(rows, columns=[unit, "estimate", "std_error"])
    result["change"] = result["estimate"] - per * whole.coefficients[1]
    return result.sort_values("change", key=np.abs, ascending=False, ignore_index=True)


_COLUMNS = ["estimate", "std_error", "df", "conf_low", "conf_high", "n", "schools", "school_waves", "zero_variance",
            "note"]  # fmt: skip


def _declared(cells: Cells, records: pd.DataFrame, choices: Choices) -> None:
    """Raise `WorkbenchError` where a choice names a column, a wave or a key that there is not."""
    if list(records.index.names) != ["school_id", "wave"] or not records.index.is_unique:
        rule = "they have not one row by school_id and wave"
        raise WorkbenchError("the records", rule, fix="Add up records of one school and wave.")
    known = {*cells.columns, *map(str, records)}
    for exposure in choices.exposure.values():
        if exposure.column not in records:
            raise WorkbenchError(
                f"exposure {exposure.column}", "no record has it", fix=nearest(exposure.column, records)
            )
    for name in sorted(set(_adjusted(choices)) - known):
        raise WorkbenchError(f"adjustment {name}", "neither answers nor records have it", fix=nearest(name, known))
    for name in sorted({w for waves in choices.waves.values() for w in waves} - set(cells.keys["wave"])):
        raise WorkbenchError(f"wave {name}", "nobody answered in it", fix=nearest(name, cells.keys["wave"].unique()))
    for kind in choices.flagged:
        if kind not in (KEPT, LEFT_OUT):
            raise WorkbenchError(f"flagged {kind}", "they are kept or left out", fix=nearest(kind, [KEPT, LEFT_OUT]))
    if LEFT_OUT in choices.flagged:
        cells.down_to(FLAGGED)


@dataclass(frozen=True)
class _Pool:
    """School-waves, with flagged respondents or without, and of each what the records say (c rows, in their order).

    `exposures` has a column per choice of exposure, `recorded` one per adjustment that respondents were not asked for.
    """

    cells: Cells
    exposures: dict[str, np.ndarray]
    recorded: pd.DataFrame


def _pool(cells: Cells, records: pd.DataFrame, choices: Choices, flagged: str) -> _Pool:
    """Return the school-waves of all respondents or of those who were not flagged, with their records."""
    if FLAGGED in cells.keys:
        some = cells if flagged == KEPT else cells.where(~cells.keys[FLAGGED].astype(bool).to_numpy())
        cells = some.pooled([key for key in cells.keys if key != FLAGGED])
    at = pd.MultiIndex.from_frame(cells.keys[["school_id", "wave"]])
    exposures = {
        name: _lagged(records, exposure).reindex(at).to_numpy(dtype=float, na_value=np.nan)
        for name, exposure in choices.exposure.items()
    }
    recorded = [name for name in _adjusted(choices) if name not in cells.columns]
    return _Pool(cells, exposures, records[recorded].reindex(at).reset_index(drop=True))


def _adjusted(choices: Choices) -> list[str]:
    """Return all columns that an adjustment names."""
    return sorted({name for columns in choices.adjustment.values() for name in columns})


def _prepared(
    pools: Mapping[str, _Pool], choices: Choices, exposure: str, fewest: int, flagged: str, waves: str
) -> Cells:
    """Return the school-waves of a specification, with exposure and all columns that an adjustment may name."""
    pool = pools[flagged]
    cells, exposed = pool.cells, pool.exposures[exposure]
    chosen = (cells.sizes >= fewest) & ~np.isnan(exposed) & pool.recorded.notna().all(axis=1).to_numpy()
    if waves in choices.waves:
        chosen &= cells.keys["wave"].isin(choices.waves[waves]).to_numpy()
    kept, exposed, values = cells.where(chosen), exposed[chosen], pool.recorded[chosen].reset_index(drop=True)
    if kept.keys.empty:
        return kept
    school, _ = pd.factorize(kept.keys["school_id"])
    values[BETWEEN] = (np.bincount(school, exposed) / np.bincount(school))[school]
    values[WITHIN] = exposed - values[BETWEEN]
    for name in (name for name in _adjusted(choices) if name in cells.columns):
        values[f"{MEAN}{name}"] = kept.means(name)
    for wave in sorted(kept.keys["wave"].unique())[1:]:
        values[f"{WAVE}{wave}"] = (kept.keys["wave"] == wave).to_numpy(dtype=float)
    return kept.joined(values)


def _lagged(records: pd.DataFrame, exposure: Exposure) -> pd.Series:
    """Return an exposure by school and wave, moved to the wave `lag` waves later; there is none before the first."""
    known = records[exposure.column]
    waves = sorted(known.index.unique("wave"))
    if not exposure.lag:
        return known
    later = dict(zip(waves, waves[exposure.lag :], strict=False))
    moved = known[known.index.get_level_values("wave").isin(list(later))]
    schools, wave = (moved.index.get_level_values(key) for key in ("school_id", "wave"))
    return moved.set_axis(pd.MultiIndex.from_arrays([schools, wave.map(later)], names=["school_id", "wave"]))


def _effects(cells: Cells) -> Intercepts | WorkbenchError:
    """Return the school-waves arranged for random intercepts, or why no model of them can be fitted."""
    where = "the specification"
    if cells.keys["school_id"].nunique() < FEW_CLUSTERS:
        return WorkbenchError(where, f"fewer than {FEW_CLUSTERS} schools", fix="Describe them.")
    if cells.keys["wave"].nunique() < 2:
        return WorkbenchError(where, "one wave only: nothing changes within schools", fix="Add waves.")
    try:
        levels = [*cells.down_to("school_id"), "wave"]
        return intercepts(cells, levels=[level for level in levels if cells.keys[level].nunique() > 1])
    except WorkbenchError as reason:
        return reason


def _fitted(effects: Intercepts | WorkbenchError, adjustment: Sequence[str], outcome: str, near: Fit | None) -> Fit:
    """Return the fit of a specification, beginning near another one."""
    if isinstance(effects, WorkbenchError):
        raise effects
    means = [f"{MEAN}{name}" for name in adjustment if f"{MEAN}{name}" in effects.columns]
    waves = [name for name in effects.columns if name.startswith(WAVE)]
    start = None if near is None or len(near.theta) != len(effects.levels) else near.theta
    fit = fit_reml(effects, outcome=outcome, covariates=[WITHIN, BETWEEN, *waves, *adjustment, *means], start=start)
    if _design_df(fit, len(adjustment)) < 1:
        raise WorkbenchError("the specification", "too few schools were seen in more than one wave", fix="Add waves.")
    return fit


def _design_df(fit: Fit, adjusted: int) -> int:
    """Return the degrees of freedom that school-waves leave to what changes within schools.

    Satterthwaite's explode where a variance is zero; a covariate may use up one.
    """
    waves = sum(name.startswith(WAVE) for name in fit.columns)
    return fit.groups["wave"] - fit.groups["school_id"] - waves - 1 - adjusted


def _row(fit: Fit, adjustment: Sequence[str], per: float) -> dict[str, object]:
    contrast = np.eye(len(fit.coefficients))[1]
    df = min(fit.degrees(contrast), _design_df(fit, len(adjustment)))
    estimate, error = per * float(fit.coefficients[1]), abs(per) * float(fit.std_errors[1])
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * error
    return {
        "estimate": estimate,
        "std_error": error,
        "df": df,
        "conf_low": estimate - reach,
        "conf_high": estimate + reach,
        "n": fit.n,
        "schools": fit.groups["school_id"],
        "school_waves": fit.groups["wave"],
        "zero_variance": fit.zero,
        "note": "",
    }


def _left(deviation: np.ndarray, dummies: list[np.ndarray]) -> float:
    """Return the sum of squares that main effects leave."""
    design = np.column_stack([np.ones(len(deviation)), *dummies])
    rest = deviation - design @ np.linalg.lstsq(design, deviation, rcond=None)[0]
    return float(rest @ rest)
