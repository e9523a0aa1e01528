"""Does climate go with engagement, within a school over time and between schools?

The within-between model (Mundlak 1978, Econometrica 46; Bell, Fairbrother & Jones 2019, Qual. Quant. 53) splits a
school's exposure E into its mean over the waves and the distance from that mean:

    score_ijt = wave_t + b_within (E_jt - E_j) + b_between E_j + adjustments + u_d + u_j + u_jt + e_ijt

with random intercepts of districts (u_d, where there is more than one), of schools (u_j) and of school-waves (u_jt),
because exposure varies by school-wave and an intercept of schools alone would understate its error. Restricted maximum
likelihood from statistics of school-waves (`profile_reml`), so a million answers take a second. b_within compares a
school with itself and is the closer of the two to a cause; b_between, and the contextual effect b_between - b_within,
are associations. None proves a cause: exposure is not assigned at random.

With fewer than `MANY_SCHOOLS` schools standard errors and degrees of freedom are Kenward & Roger's, with more
Satterthwaite's; neither may have more degrees of freedom than the design (`Design.ceiling`).

References: R `lmerTest` 3.1 and `pbkrtest` 0.5, tests/reference/district and tests/reference/multilevel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.estimates import as_estimates
from sro_research.models.exposure_design import BETWEEN_TERM, WITHIN_TERM, Design, engagement_design
from sro_research.models.kenward_roger import kenward_roger
from sro_research.models.profile_reml import RESIDUAL, Fit, fit_reml
from sro_research.models.random_effects import INTERCEPT, intercepts
from sro_research.models.school_means import CONFIDENCE
from sro_research.models.sufficient import cells_of

MANY_SCHOOLS = 50
"""From here on Satterthwaite's degrees of freedom do (McNeish 2017, Multivar. Behav. Res. 52, 661-670)."""

WITHIN, BETWEEN, CONTEXTUAL = "effect_within_schools", "effect_between_schools", "effect_contextual"
CONTEXTUAL_TERM = "contextual"
MEASURES = {WITHIN_TERM: WITHIN, BETWEEN_TERM: BETWEEN, CONTEXTUAL_TERM: CONTEXTUAL}
KENWARD_ROGER, SATTERTHWAITE = "Kenward-Roger", "Satterthwaite"
LEVEL_NAMES = {"district": "districts", "school": "schools", "school_wave": "waves of a school"}
ZERO = 1e-4
"""A standard deviation below this part of the residual one is a zero that was come near to (`lme4::isSingular`)."""


@dataclass(frozen=True)
class WithinBetween:
    """A fitted model, in score points per unit of the exposure.

    `coefficients`: one row per coefficient (`term`, `estimate`, `std_error`, `df`), model-based errors, Satterthwaite.
    `effects`: rows `within`, `between`, `contextual`, with the errors and degrees of freedom of `method`.
    `zero_levels`: levels whose variance was estimated as zero. `sd_district` is missing without districts.
    """

    coefficients: pd.DataFrame
    effects: pd.DataFrame
    method: str
    sd_district: float
    sd_school: float
    sd_school_wave: float
    sd_residual: float
    zero_levels: list[str]
    n: int
    schools: int
    school_waves: int

    @property
    def singular(self) -> bool:
        """Whether a variance was estimated as zero."""
        return bool(self.zero_levels)


def fit_within_between(
    scores: pd.DataFrame,
    exposure: pd.Series,
    *,
    adjust: Sequence[str] = (),
    school_covariates: pd.DataFrame | None = None,
    districts: pd.Series | None = None,
) -> WithinBetween:
    """Fit the model to scores (`school_id`, `wave`, `score`) and an exposure by (school_id, wave).

    The arguments, what is left out and what raises `ValueError`: see `engagement_design`. For an exposure of the wave
    before, give `exposure_design.lagged(exposure, waves)`.
    """
    made = engagement_design(scores, exposure, adjust=adjust, school_covariates=school_covariates, districts=districts)
    return fit(made)


def fit(made: Design) -> WithinBetween:
    """Fit the model to a design; raises `ValueError`, with a reason for the reader, where it has no fit."""
    cells = cells_of(made.table, keys=made.levels, columns=["score", *made.terms])
    try:
        found = fit_reml(intercepts(cells, levels=made.levels), outcome="score", covariates=list(made.terms))
    except WorkbenchError as reason:
        raise ValueError(reason.rule) from None
    spread = {level: found.variances[level] ** 0.5 for level in made.levels}
    sigma = found.variances[RESIDUAL] ** 0.5
    columns = [INTERCEPT, *made.terms]
    few = made.schools < MANY_SCHOOLS
    errors = _by_kenward_roger(made, columns, found) if few else _by_satterthwaite(made, columns, found)
    effects = pd.DataFrame.from_dict(errors, orient="index", columns=["std_error", "df"]).rename_axis("term")
    effects.insert(0, "estimate", [float(c @ found.coefficients) for c in _contrasts(columns).values()])
    return WithinBetween(
        coefficients=_coefficients(made, columns, found),
        effects=effects,
        method=KENWARD_ROGER if few else SATTERTHWAITE,
        sd_district=spread.get("district", np.nan),
        sd_school=spread["school"],
        sd_school_wave=spread["school_wave"],
        sd_residual=sigma,
        zero_levels=[level for level, sd in spread.items() if sd < ZERO * sigma],
        n=found.n,
        schools=made.schools,
        school_waves=made.school_waves,
    )


def _coefficients(made: Design, columns: list[str], found: Fit) -> pd.DataFrame:
    df = [found.degrees(contrast) for contrast in np.eye(len(columns))]
    return pd.DataFrame(
        {
            "term": [made.terms.get(name, name) for name in columns],
            "estimate": found.coefficients,
            "std_error": found.std_errors,
            # Satterthwaite's df explode where a variance is estimated as zero; the design has no more than these.
            "df": [min(each, made.ceiling.get(name, each)) for name, each in zip(columns, df, strict=True)],
        },
        index=pd.Index(columns, name="column"),
    )


def engagement_estimates(
    scores: pd.DataFrame,
    exposure: pd.Series,
    *,
    population: str,
    construct: str,
    per: float,
    adjust: Sequence[str] = (),
    school_covariates: pd.DataFrame | None = None,
    districts: pd.Series | None = None,
) -> pd.DataFrame:
    """Return the within, between and contextual effects as estimates, in scale points per `per` units of the exposure.

    Where the model cannot be fitted, each row says why.
    """
    about = {"population": population, "construct": construct, "unit": "scale points"}
    of = scores[scores["construct"] == construct]
    try:
        model = fit_within_between(
            of, exposure, adjust=adjust, school_covariates=school_covariates, districts=districts
        )
    except ValueError as reason:
        rows = pd.DataFrame({"measure": list(MEASURES.values()), "n": int(of["score"].notna().sum())})
        return as_estimates(rows, note=str(reason), method="within-between REML", **about)
    effects = model.effects
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, effects["df"]) * effects["std_error"]
    rows = pd.DataFrame(
        {
            "measure": effects.index.map(MEASURES),
            "n": model.n,
            "estimate": per * effects["estimate"].to_numpy(),
            "std_error": per * effects["std_error"].to_numpy(),
            "conf_low": per * (effects["estimate"] - reach).to_numpy(),
            "conf_high": per * (effects["estimate"] + reach).to_numpy(),
        }
    )
    return as_estimates(rows, note=_note(model), method=f"within-between REML, {model.method}", **about)


def _note(model: WithinBetween) -> str:
    """Say which variances were estimated as zero."""
    between = [LEVEL_NAMES[level] for level in model.zero_levels]
    return f"a variance was estimated as zero: between {', between '.join(between)}" if between else ""


def _contrasts(columns: list[str]) -> dict[str, np.ndarray]:
    """Return the effects as weights of the coefficients."""
    within, between = (np.array([float(c == term) for c in columns]) for term in (WITHIN_TERM, BETWEEN_TERM))
    return {WITHIN_TERM: within, BETWEEN_TERM: between, CONTEXTUAL_TERM: between - within}


def _by_kenward_roger(made: Design, columns: list[str], found: Fit) -> dict[str, tuple[float, float]]:
    """Return the standard error and the degrees of freedom of each effect."""
    x = made.table[list(made.terms)].assign(**{INTERCEPT: 1.0})[columns]
    variances = [found.variances[level] for level in made.levels]
    adjusted = kenward_roger(x, made.table[made.levels], variances, found.variances[RESIDUAL])
    # A difference has at most the degrees of freedom of both its sides.
    most = {CONTEXTUAL_TERM: sum(made.ceiling.values()), **made.ceiling}
    return {
        name: (adjusted.std_error(contrast), min(adjusted.df(contrast), most[name]))
        for name, contrast in _contrasts(columns).items()
    }


def _by_satterthwaite(made: Design, columns: list[str], found: Fit) -> dict[str, tuple[float, float]]:
    """Return the standard error and the degrees of freedom of each effect."""
    contrasts = _contrasts(columns)
    df = {term: min(found.degrees(contrasts[term]), most) for term, most in made.ceiling.items()}
    # A difference of two independent sides has no fewer degrees of freedom than the poorer of them.
    df[CONTEXTUAL_TERM] = min(df.values())
    return {name: (float(np.sqrt(c @ found.covariance @ c)), df[name]) for name, c in contrasts.items()}
