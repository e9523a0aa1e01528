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

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.models.choices import BETWEEN, FLAGGED, MEAN, WAVE, WITHIN, Choices, must_be_known, pool, prepared
from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.profile_reml import Fit, fit_reml
from sro_research.models.random_effects import Intercepts, intercepts
from sro_research.models.school_means import CONFIDENCE
from sro_research.models.sufficient import Cells

MOST_UNITS = 1000
"""Above this many, one school among them cannot matter; districts are left out instead."""
TOGETHER = "choices together"


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
    must_be_known(cells, records, choices)
    pools = {kind: pool(cells, records, choices, kind) for kind in choices.flagged}
    table, rows = specifications(choices), []
    for (exposure, fewest, flagged, waves), group in table.groupby(list(table)[:-1], sort=False):
        found: Fit | None = None
        effects = _effects(prepared(pools[flagged], choices, exposure, fewest, waves))
        for adjustment in group["adjustment"]:
            columns = choices.adjustment[adjustment]
            try:
                found = _fitted(effects, columns, outcome, found)
                rows.append(_row(found, columns, choices.exposure[exposure].per))
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
    must_be_known(cells, records, choices)
    table = specifications(choices)
    if len(table) > 1:
        raise WorkbenchError("the choices", "they are more than one specification", fix="Keep the declared one.")
    exposure, fewest, flagged, waves, adjustment = table.iloc[0]
    columns, per = choices.adjustment[adjustment], choices.exposure[exposure].per
    kept = prepared(pool(cells, records, choices, flagged), choices, exposure, fewest, waves)
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
