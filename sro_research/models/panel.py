"""Did the answers change once a school's officer had finished the training? An event study on training dates.

The panel is school x wave: anonymous answers cannot be linked from wave to wave, school means can. Schools finish at
different times and the effect may grow with time, so a regression on school, wave and "trained" would compare schools
with others that were trained before them and can even turn the sign (Goodman-Bacon 2021, J. Econom. 225, 254-277).
Two estimators that do not, both with school and wave effects and weights:

    imputation   school and wave effects are estimated from untreated school-waves only; the effect of a treated one is
                 its distance from them (Borusyak, Jaravel & Spiess 2024, Rev. Econ. Stud. 91, 3253-3285; Gardner 2022,
                 arXiv:2207.05943). Comparisons are schools that are never or not yet treated.
    saturated    an effect of its own for each cohort and wave, the last wave before being the zero, averaged over
                 cohorts by their weights (Sun & Abraham 2021, J. Econom. 225, 175-199). Comparisons are schools that
                 are never treated, or the last cohort before its turn. Its leads are the test of the trends before.

Standard errors leave one school out at a time, CV3 (MacKinnon, Nielsen & Webb 2023, J. Econom. 232, 272-299). Their
degrees of freedom are Welch's (1947, Biometrika 34, 28-35), from what the treated schools and all others each add to
the variance; where few schools are treated they are few. Nobody drew lots for who is trained when: trends that would
have gone apart anyway look like effects, and a test of few schools that finds no such trend proves little (Roth 2022,
Am. Econ. Rev. Insights 4, 305-322).

References: `lm` with dummies and refits without each school in R, tests/reference/panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.district_means import FEW_CLUSTERS
from sro_research.models.school_means import CONFIDENCE

FEWEST_ON_A_SIDE = 4
"""Nothing is estimated with fewer schools that become treated, or that are there to compare with."""
NOT_YET, NEVER = "not_yet_treated", "never_treated"
IMPUTATION, SATURATED = "imputation", "saturated"
ONE_SCHOOL = "rests on a single school"
TWO_WAY_WARNING = (
    "two-way fixed effects: right only because all schools were treated in the same wave and if the effect is constant"
)
EFFECT, PRE_TREND = "training_effect", "training_pre_trend"
SINCE: Final = "waves_since_training"
COLUMNS = ["estimator", "since", "estimate", "std_error", "df", "conf_low", "conf_high", "schools", "comparisons"]


@dataclass(frozen=True)
class EventStudy:
    """Effects by waves since treatment.

    `effects` has a row per estimator and `since` (waves since the first treated one, which is 0; negative before;
    missing in the average over all treated school-waves): `estimate`, `std_error`, `df`, `conf_low`, `conf_high` in
    points of the mean, `schools` treated, `comparisons` (schools to compare with). `pre_trend_p` is the p value of the
    joint test that all effects two waves and more before are zero, missing where there are too few schools or waves.
    `left_out` counts schools of no use: treated from the first wave, or seen only before or only after.
    """

    effects: pd.DataFrame
    pre_trend_p: float
    pre_trend_waves: int
    treated: int
    comparisons: int
    left_out: int
    staggered: bool


@dataclass(frozen=True)
class _Grid:
    """Schools x waves: means, weights (0 where not seen), and each school's first treated wave (inf: never)."""

    y: np.ndarray
    w: np.ndarray
    onset: np.ndarray

    @property
    def since(self) -> np.ndarray:
        """Waves since the first treated one."""
        return np.arange(self.y.shape[1])[None, :] - self.onset[:, None]

    @property
    def treated(self) -> np.ndarray:
        """School-waves seen and treated."""
        return (self.since >= 0) & (self.w > 0)

    @property
    def cohorts(self) -> np.ndarray:
        """The waves in which schools were first treated."""
        return np.unique(self.onset[np.isfinite(self.onset)])

    def only(self, keep: np.ndarray) -> _Grid:
        """Keep some schools."""
        return _Grid(self.y[keep], self.w[keep], self.onset[keep])


def panel_of_means(scores: pd.DataFrame, adoption: pd.DataFrame, *, school_wave_variance: float = 0.0) -> pd.DataFrame:
    """Return the mean score of each school-wave with its weight and the school's `first_treated_wave`.

    `scores` has `school_id`, `wave`, `score`; rows without a score are left out, as are schools without an adoption
    row. The weight is one over the variance of the mean, `school_wave_variance` + s^2 / n with s^2 pooled within
    school-waves. With a `school_wave_variance` of 0 weights go with n, and large schools decide; the larger it is (the
    within-between model estimates it), the more alike they are.
    """
    cells = scores.dropna(subset=["score"]).groupby(["school_id", "wave"])["score"].agg(["mean", "size", "var"])
    free = (cells["size"] - 1).clip(lower=0)
    pooled = float((cells["var"].fillna(0) * free).sum() / free.sum()) if free.sum() else 0.0
    weight = 1 / (school_wave_variance + (pooled or 1.0) / cells["size"])
    table = cells.assign(weight=weight).rename(columns={"size": "n"})[["mean", "n", "weight"]].reset_index()
    return table.merge(adoption[["school_id", "wave", "first_treated_wave"]], on=["school_id", "wave"])


def event_study(
    panel: pd.DataFrame,
    *,
    waves: Sequence[str],
    controls: Literal["not_yet_treated", "never_treated"] = "not_yet_treated",
) -> EventStudy:
    """Estimate the effect of treatment by waves since it began; `waves` are the ids in the order of time.

    `panel` is what `panel_of_means` returns. Raises `ValueError` where the schools are too few, none became treated,
    none is left to compare with, or the waves cannot be compared.
    """
    grid, left_out = _usable(panel, waves, controls)
    use = np.ones(len(grid.y), dtype=bool) if controls == NOT_YET else np.isinf(grid.onset)
    imputed = _imputation(grid, use)
    saturated, deviations = _saturated(grid)
    q, p = _pre_trend(saturated, deviations)
    treated = np.isfinite(grid.onset)
    return EventStudy(
        effects=pd.concat([imputed, saturated], ignore_index=True)[COLUMNS],
        pre_trend_p=p,
        pre_trend_waves=q,
        treated=int(treated.sum()),
        comparisons=int((~treated).sum()),
        left_out=left_out,
        staggered=len(grid.cohorts) > 1,
    )


def two_way(panel: pd.DataFrame, *, waves: Sequence[str]) -> pd.DataFrame:
    """Return plain two-way fixed effects as one row with a warning in `note`, for comparison only.

    Raises `ValueError` where adoption is staggered: the number would be no average of effects.
    """
    grid, _ = _usable(panel, waves, NEVER)
    if len(grid.cohorts) > 1:
        raise ValueError("schools were treated in different waves: two-way fixed effects are not shown")
    t = grid.y.shape[1]
    design = np.concatenate(
        [np.broadcast_to(np.eye(t)[:, 1:], (*grid.y.shape, t - 1)), grid.treated[:, :, None]], axis=2
    )
    fitted = _Absorbed(grid, design)
    effects = np.array([fitted.without(None)[-1]])
    jack = np.array([[fitted.without(i)[-1]] for i in range(len(grid.y))])
    side = _Side(np.isfinite(grid.onset), int(np.isinf(grid.onset).sum()))
    rows = _rows("two_way", [pd.NA], effects, jack - effects, [side])
    return rows.assign(note=TWO_WAY_WARNING)


def training_effect_estimates(
    panel: pd.DataFrame, *, waves: Sequence[str], population: str, construct: str
) -> pd.DataFrame:
    """Return the event study as estimates: the average, by waves since training, and the test of the trends before.

    `n` counts treated schools. Where it cannot be made, the average says why.
    """
    about = {"population": population, "construct": construct}
    try:
        study = event_study(panel, waves=waves)
    except ValueError as reason:
        return as_estimates(pd.DataFrame({"measure": [EFFECT]}), unit="scale points", note=str(reason), **about)
    rows = study.effects[(study.effects["estimator"] == IMPUTATION) | (study.effects["since"] < 0).fillna(False)]
    since = rows["since"]
    note = np.where(rows["std_error"].isna(), ONE_SCHOOL, "")
    effects = as_estimates(
        rows.drop(columns="schools").assign(
            n=rows["schools"],
            group_by=since.isna().map({True: "", False: SINCE}),
            group=since.astype("string").fillna(""),
        ),
        measure=EFFECT,
        unit="scale points",
        method="school-wave event study, " + rows["estimator"] + ", CV3",
        note=note,
        **about,
    )
    why = "" if study.pre_trend_waves else "too few schools or waves before training"
    test = as_estimates(
        pd.DataFrame({"measure": [PRE_TREND], "estimate": [study.pre_trend_p], "n": [study.treated]}),
        unit="p value",
        method=f"joint test of {study.pre_trend_waves} leads, saturated, CV3",
        note=why,
        **about,
    )
    return pd.concat([effects, test], ignore_index=True)


def _usable(panel: pd.DataFrame, waves: Sequence[str], controls: str) -> tuple[_Grid, int]:
    unknown = (set(panel["wave"]) | set(panel["first_treated_wave"].dropna())) - set(waves)
    if unknown:
        # Left out, a wave in which schools were treated would make them schools that never were.
        raise ValueError(f"the panel has {len(unknown)} waves that are not among those of the study")
    place = {wave: i for i, wave in enumerate(waves)}
    code, schools = pd.factorize(panel["school_id"])
    at = code, panel["wave"].map(place).to_numpy(dtype=int)
    y, w = np.zeros((2, len(schools), len(waves)))
    y[at], w[at] = panel["mean"].to_numpy(dtype=float), panel["weight"].to_numpy(dtype=float)
    onset = np.full(len(schools), np.inf)
    onset[code] = panel["first_treated_wave"].map(place).fillna(np.inf).to_numpy(dtype=float)
    # Before anybody was asked there is no level to compare with; who was treated by then was treated from the start.
    first = int(np.argmax(w.sum(axis=0) > 0))
    grid = _Grid(y[:, first:], w[:, first:], np.maximum(onset - first, 0.0))
    if len(y) and np.isfinite(onset).all():
        if controls == NEVER:
            raise ValueError("every school was treated in the end: none is left to compare with")
        # The last cohort stands for the untreated until its own turn; from then on there is nobody to compare with.
        last = int(onset.max())
        grid = _Grid(y[:, :last], w[:, :last], np.where(onset == last, np.inf, onset))
    before = ((grid.since < 0) & (grid.w > 0)).sum(axis=1)
    after = grid.treated.sum(axis=1)
    keep = np.where(np.isinf(grid.onset), before > 1, (before > 0) & (after > 0))
    grid = grid.only(keep)
    if len(grid.y) < FEW_CLUSTERS:
        raise ValueError(f"fewer than {FEW_CLUSTERS} schools seen before and after: shown, not modelled")
    treated = int(np.isfinite(grid.onset).sum())
    if min(treated, len(grid.y) - treated) < FEWEST_ON_A_SIDE:
        raise ValueError(f"fewer than {FEWEST_ON_A_SIDE} schools became treated, or as few are left to compare with")
    return grid, int((~keep).sum())


def _centred(w: np.ndarray) -> np.ndarray:
    """Return, for each school, the waves x waves matrix diag(w) - ww' / sum w, which takes out the school's mean."""
    total = w.sum(axis=1)
    inner = w[:, :, None] * np.eye(w.shape[1])
    return np.asarray(inner - w[:, :, None] * w[:, None, :] / np.where(total > 0, total, 1)[:, None, None])


def _imputation(grid: _Grid, use: np.ndarray) -> pd.DataFrame:
    """Estimate by imputation; `use` (schools) tells from which ones wave effects are learnt."""
    treated, since = grid.treated, grid.since
    untreated = np.where(treated, 0.0, grid.w)
    m = _centred(np.where(use[:, None], untreated, 0.0))
    r = np.einsum("gst,gt->gs", m, grid.y)
    seen = np.diagonal(m.sum(axis=0)) > 0
    own = untreated / np.maximum(untreated.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    distance = grid.y - (own * grid.y).sum(axis=1, keepdims=True)
    spans = [since == h for h in range(int(since[treated].max()) + 1)]
    labels = [pd.NA, *range(len(spans))]
    s, c, n, sides = [], [], [], []
    for span in [np.ones_like(treated), *spans]:
        # A wave in which nobody is untreated has no comparison.
        w = np.where(treated & span & seen[None, :], grid.w, 0.0)
        s.append((w * distance).sum(axis=1))
        c.append(w - w.sum(axis=1, keepdims=True) * own)
        n.append(w.sum(axis=1))
        compared = (untreated[:, (w > 0).any(axis=0)] > 0).any(axis=1) & use
        sides.append(_Side(w.sum(axis=1) > 0, int(compared.sum())))
    sums = np.array(s).T, np.array(c).transpose(1, 0, 2), np.array(n).T

    def effects(without: np.ndarray | None) -> np.ndarray:
        # All schools, or all but each in turn.
        total = [x.sum(axis=0)[None] - (0 if without is None else x) for x in (m, r, *sums)]
        left_m, left_r, left_s, left_c, left_n = total
        rank = np.linalg.matrix_rank(left_m, hermitian=True)
        waves = np.linalg.pinv(left_m, hermitian=True) @ left_r[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (left_s - (left_c @ waves)[:, :, 0]) / np.where(np.abs(left_n) > 1e-9 * n_all, left_n, np.nan)
        return np.where((rank == seen.sum() - 1)[:, None], found, np.nan)

    n_all = sums[2].sum(axis=0)[None] + np.finfo(float).tiny
    full = effects(None)[0]
    if np.isnan(full).any():
        raise ValueError("no school is untreated in two waves that must be compared")
    return _rows(IMPUTATION, labels, full, effects(np.arange(len(grid.y))) - full, sides)


class _Absorbed:
    """Weighted least squares of `design` (schools x waves x k) with school effects taken out."""

    def __init__(self, grid: _Grid, design: np.ndarray) -> None:
        m = _centred(grid.w)
        half = np.einsum("gst,gtk->gsk", m, design)
        self.a = np.einsum("gtj,gtk->gjk", design, half)
        self.r = np.einsum("gtk,gt->gk", half, grid.y)
        self.total, self.sum = self.a.sum(axis=0), self.r.sum(axis=0)

    def without(self, school: int | None) -> np.ndarray:
        """Return the coefficients (k) without one school; missing where the rest does not tell them."""
        a, r = (self.total, self.sum) if school is None else (self.total - self.a[school], self.sum - self.r[school])
        present = np.diagonal(a) > 1e-9 * np.diagonal(self.total)
        found = np.full(len(r), np.nan)
        kept = a[np.ix_(present, present)]
        scale = 1 / np.sqrt(np.diagonal(kept))
        scaled = kept * scale[:, None] * scale[None, :]
        if np.linalg.matrix_rank(scaled, hermitian=True) == len(scaled):
            found[present] = scale * np.linalg.solve(scaled, scale * r[present])
        return found


def _saturated(grid: _Grid) -> tuple[pd.DataFrame, np.ndarray]:
    """Estimate with an effect for each cohort and wave; also return the leave-one-out deviations."""
    anchored = [g for g in grid.cohorts if (grid.w[grid.onset == g][:, int(g) - 1] > 0).any()]
    # A cohort that nobody saw in the wave before has no zero to count from.
    grid = replace(grid, w=np.where((np.isinf(grid.onset) | np.isin(grid.onset, anchored))[:, None], grid.w, 0.0))
    waves = grid.y.shape[1]
    keys = [(g, t) for g in anchored for t in range(waves) if t != g - 1 and (grid.w[grid.onset == g][:, t] > 0).any()]
    design = np.zeros((*grid.y.shape, waves - 1 + len(keys)))
    design[:, :, : waves - 1] = np.eye(waves)[:, 1:]
    for k, (g, t) in enumerate(keys, waves - 1):
        design[grid.onset == g, t, k] = 1
    fitted = _Absorbed(grid, design)
    since = np.array([int(t - g) for g, t in keys])
    labels = sorted(set(since))
    weight = np.einsum("gt,gtk->gk", grid.w, design[:, :, waves - 1 :])
    groups = [since >= 0, *(since == h for h in labels)]
    all_schools = weight.sum(axis=0)

    def effects(school: int | None) -> np.ndarray:
        delta = fitted.without(school)[waves - 1 :]
        share = all_schools - (0 if school is None else weight[school])
        share = np.where(share > 1e-9 * all_schools, share, 0.0)
        if np.isnan(delta[share > 0]).any():
            return np.full(len(groups), np.nan)
        return np.array([(share * np.nan_to_num(delta))[g].sum() / (share[g].sum() or np.nan) for g in groups])

    full = effects(None)
    if np.isnan(full).all():
        raise ValueError("no school is untreated in two waves that must be compared")
    deviations = np.array([effects(i) for i in range(len(grid.y))]) - full
    never = int(np.isinf(grid.onset).sum())
    cohort = np.array([g for g, _ in keys])
    sides = [_Side((weight[:, g] > 0).any(axis=1), never, len(set(cohort[g]))) for g in groups]
    return _rows(SATURATED, [pd.NA, *labels], full, deviations, sides), deviations


@dataclass(frozen=True)
class _Side:
    """The treated schools of an effect (of all, true or false), how many to compare with, and means taken from it."""

    treated: np.ndarray
    comparisons: int
    means: int = 1


def _rows(
    estimator: str, since: Sequence[object], effects: np.ndarray, deviations: np.ndarray, sides: Sequence[_Side]
) -> pd.DataFrame:
    """Put effects, and how each changes without each school (schools x effects), in rows."""
    schools = len(deviations)
    treated = np.array([side.treated.sum() for side in sides])
    comparisons = np.array([side.comparisons for side in sides])
    error = np.sqrt((schools - 1) / schools * (deviations**2).sum(axis=0))
    df = np.array([_welch(d, side) for d, side in zip(deviations.T, sides, strict=True)])
    error = np.where(np.isnan(df), np.nan, error)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df) * error
    return pd.DataFrame(
        {
            "estimator": estimator,
            "since": pd.array(list(since), dtype="Int64"),
            "estimate": effects,
            "std_error": error,
            "df": df,
            "conf_low": effects - reach,
            "conf_high": effects + reach,
            "schools": treated,
            "comparisons": comparisons,
        }
    )


def _welch(deviations: np.ndarray, side: _Side) -> float:
    """Return Welch's degrees of freedom; missing where a side has a single school, or each of its means has."""
    free = np.array([side.treated.sum() - side.means, side.comparisons - 1])
    if (free < 1).any() or not np.isfinite(deviations).all():
        return np.nan
    parts = np.array([(deviations[side.treated] ** 2).sum(), (deviations[~side.treated] ** 2).sum()])
    return float(parts.sum() ** 2 / (parts**2 / free).sum())


def _pre_trend(rows: pd.DataFrame, deviations: np.ndarray) -> tuple[int, float]:
    """Return the number of leads tested and the p value of Hotelling's T^2; none where the df are too few.

    With the mean of the leads' df, T^2 (df - q + 1) / (q df) has about F(q, df - q + 1) (Hotelling 1931, Ann. Math.
    Stat. 2, 360-378); a Wald test, which takes the covariances of few schools for known, would reject too often.
    """
    leads = np.flatnonzero((rows["since"] < -1).fillna(False).to_numpy(dtype=bool) & rows["std_error"].notna())
    q = len(leads)
    if q == 0:
        return 0, np.nan
    df = float(rows["df"].iloc[leads].mean())
    d, schools = deviations[:, leads], len(deviations)
    v = (schools - 1) / schools * d.T @ d
    if df < q or np.linalg.matrix_rank(v, hermitian=True) < q:
        return 0, np.nan
    theta = rows["estimate"].to_numpy()[leads]
    t2 = float(theta @ np.linalg.solve(v, theta))
    return q, float(stats.f.sf(t2 * (df - q + 1) / (q * df), q, df - q + 1))
