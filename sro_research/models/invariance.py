"""May groups be compared on a scale? Measurement invariance of ordinal items, step by step.

Two groups may answer a question differently at the same level of what it asks for; then a difference of their means
says nothing. Each step holds more of the measurement equal over the groups and asks whether the fit gets worse
(the order of Wu & Estabrook 2016, Psychometrika 81, 1014-1045, as in R `semTools::measEq.syntax`):

    configural   the same items belong together
    thresholds   answers are cut at the same places
    loadings     items show the construct equally well ("metric")
    intercepts   at one level of the construct, one level behind the item ("scalar"): means may be compared

Thresholds alone can be held equal only where items have three categories or more, and are a restriction only with four
or more; a scale with a yes-no item goes from the first step to the last at once. Means of the answers as they are need,
strictly, also equal own variances of the items; that step is not here.

Estimates as in `dwls`; the difference of fit is that of R `lavaan::lavTestLRT`; tests/reference/lavaan. Large samples
make any difference significant, so the verdict follows the change of the scaled indices, for which the criteria were
found with continuous answers: with ordinal ones they are a rule of thumb (Sass, Schmitt & Marsh 2014, Struct. Equ.
Modeling 21, 167-180).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.errors import WorkbenchError, nearest
from sro_research.models.dwls import Block, Fit, Model, difference, fit_model
from sro_research.models.factor import single_group, starting_values, unfit
from sro_research.models.polychoric import OrdinalMoments, ordinal_moments

CFI_DROP, RMSEA_RISE = 0.010, 0.015
"""Changes beyond which a step is worse (Cheung & Rensvold 2002, Struct. Equ. Modeling 9, 233-255; Chen 2007, ibid. 14,
464-504)."""
SIGNIFICANT = 0.05
"""A difference of fit that chance makes more often than this does not count against a step."""
SMALL_SAMPLE, CFI_DROP_SMALL, RMSEA_RISE_SMALL = 300, 0.005, 0.010
"""With no more respondents than this in all, smaller changes count (Chen 2007)."""
LOWEST_CFI, HIGHEST_RMSEA = 0.90, 0.10
"""Beyond these the items do not belong together in the first place (Bentler & Bonett 1980, Psychol. Bull. 88, 588-606;
Browne & Cudeck 1993, in Testing Structural Equation Models, 136-162)."""

CONFIGURAL, THRESHOLDS, LOADINGS, INTERCEPTS = "configural", "thresholds", "loadings", "intercepts"
COMPARABLE, NOT_COMPARABLE, CANNOT_TELL = "comparable", "not comparable", "can't tell"
ONE_GROUP = "there is only one group"
EMPTY = "an item has an answer that nobody in one of the groups chose"
MISFIT = "the items do not belong together well enough in all groups"
WORSE = "the fit gets worse when {} are held equal"
MIXED = "the measures of fit disagree when {} are held equal"
COLUMNS = ["step", "chi2", "df", "p", "cfi", "rmsea", "srmr", "cfi_change", "rmsea_change",
           "difference", "difference_df", "difference_p", "note"]  # fmt: skip


@dataclass(frozen=True)
class Invariance:
    """The `verdict` on a scale over groups and its `reason`; `steps` has a row per step, indices and tests scaled.

    `groups` counts complete respondents. A step that could not be fitted has a `note` and no numbers.
    """

    verdict: str
    reason: str
    steps: pd.DataFrame
    groups: pd.Series


def measurement_invariance(answers: pd.DataFrame, groups: pd.Series, *, items: list[str]) -> Invariance:
    """Test one construct (keyed answers, respondents by items) over groups, complete respondents only.

    `groups` is a label per respondent, in the order of `answers`. Raises `WorkbenchError` where an item is no column.
    """
    unknown = [item for item in items if item not in answers]
    if unknown:
        fix = nearest(unknown[0], answers)
        raise WorkbenchError(f"item {unknown[0]}", "there is no such column of answers", fix=fix)
    table = answers[items].assign(_group=groups.to_numpy()).dropna()
    by_group = {label: of[items] for label, of in table.groupby("_group", observed=True)}
    sizes = pd.Series({label: len(of) for label, of in by_group.items()}, dtype="int64")
    reason = _unfit(list(by_group.values()), table[items])
    if reason:
        return Invariance(CANNOT_TELL, reason, pd.DataFrame(columns=COLUMNS), sizes)
    moments = [ordinal_moments(of.to_numpy()) for of in by_group.values()]
    steps = steps_for(moments)
    fits = {step: fit_step(moments, step) for step in steps}
    return Invariance(*_verdict(fits, len(table)), _table(fits), sizes)


def _unfit(groups: list[pd.DataFrame], together: pd.DataFrame) -> str:
    if len(groups) < 2:
        return ONE_GROUP
    for of in groups:
        reason = unfit(of)
        if reason:
            return reason
    return EMPTY if any((of.nunique() < together.nunique()).any() for of in groups) else ""


def steps_for(moments: list[OrdinalMoments]) -> list[str]:
    """Return the steps that items of so many categories allow."""
    yes_no = any(len(cuts) < 2 for cuts in moments[0].thresholds)
    return [CONFIGURAL, INTERCEPTS] if yes_no else [CONFIGURAL, THRESHOLDS, LOADINGS, INTERCEPTS]


def fit_step(moments: list[OrdinalMoments], step: str) -> Fit:
    """Fit the one-factor model of a step to the moments of all groups."""
    model = step_model(moments, step)
    return fit_model(model, moments, starting_values(model, moments))


def step_model(moments: list[OrdinalMoments], step: str) -> Model:
    """Return the one-factor model of a step.

    The first group has scales 1, intercepts 0, factor mean 0 and variance 1. Equal thresholds free the scales and
    intercepts of the other groups, equal loadings their factor variance; equal intercepts are 0 and free the factor
    mean.
    """
    one = single_group(moments[0], np.zeros(len(moments[0].thresholds), int))
    equal = [THRESHOLDS, LOADINGS, INTERCEPTS][: [CONFIGURAL, THRESHOLDS, LOADINGS, INTERCEPTS].index(step)]
    shared = {"cuts": THRESHOLDS in equal, "loadings": LOADINGS in equal}
    freed = {
        "scales": THRESHOLDS in equal,
        "intercepts": THRESHOLDS in equal and INTERCEPTS not in equal,
        "factors": LOADINGS in equal,
        "means": INTERCEPTS in equal,
    }
    blocks: dict[str, Block] = {}
    size = 0
    for name in ("cuts", "loadings", "intercepts", "scales", "means", "factors"):
        block: Block = getattr(one, name)
        free_first = block.place[0] >= 0
        free_later = free_first | freed.get(name, False)
        rows: list[np.ndarray] = []
        for g in range(len(moments)):
            if g and shared.get(name, False):
                rows.append(rows[0])
                continue
            free = free_later if g else free_first
            row = np.full(len(free), -1)
            row[free] = size + np.arange(free.sum())
            size += int(free.sum())
            rows.append(row)
        blocks[name] = Block(np.array(rows), np.repeat(block.fixed, len(moments), axis=0))
    return Model(one.factor_of, one.item_of_cut, **blocks, size=size)


def _verdict(fits: dict[str, Fit], n: int) -> tuple[str, str]:
    first, *later = fits
    fit = fits[first]
    if fit.reason:
        return CANNOT_TELL, fit.reason
    if fit.scaled.cfi < LOWEST_CFI or fit.scaled.rmsea > HIGHEST_RMSEA:
        return CANNOT_TELL, MISFIT
    drop, rise = (CFI_DROP_SMALL, RMSEA_RISE_SMALL) if n <= SMALL_SAMPLE else (CFI_DROP, RMSEA_RISE)
    for step in later:
        before, fit = fit, fits[step]
        if fit.reason:
            return CANNOT_TELL, fit.reason
        dropped = before.scaled.cfi - fit.scaled.cfi > drop
        risen = fit.scaled.rmsea - before.scaled.rmsea > rise
        by_chance = not difference(before, fit)[2] < SIGNIFICANT
        if dropped and risen and not by_chance:
            return NOT_COMPARABLE, WORSE.format(step)
        if dropped or (risen and not by_chance):
            return CANNOT_TELL, MIXED.format(step)
    return COMPARABLE, ""


def _table(fits: dict[str, Fit]) -> pd.DataFrame:
    rows, before = [], None
    for step, fit in fits.items():
        s = fit.scaled
        row: dict[str, object] = {"step": step, "note": fit.reason}
        if np.isfinite(s.cfi):
            row |= {"chi2": s.chi2, "df": s.df, "p": s.p, "cfi": s.cfi, "rmsea": s.rmsea, "srmr": fit.srmr}
        if before is not None and np.isfinite(s.cfi) and np.isfinite(before.scaled.cfi):
            row |= {"cfi_change": s.cfi - before.scaled.cfi, "rmsea_change": s.rmsea - before.scaled.rmsea}
            row |= dict(zip(COLUMNS[9:12], difference(before, fit), strict=True))
        rows.append(row)
        before = fit
    return pd.DataFrame(rows, columns=COLUMNS)
