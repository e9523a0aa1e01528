"""Does climate go with engagement, within a school over time and between schools?

The within-between model (Mundlak 1978, Econometrica 46; Bell, Fairbrother & Jones 2019, Qual. Quant. 53) splits a
school's exposure E into its mean over the waves and the distance from that mean:

    score_ijt = wave_t + b_within (E_jt - E_j) + b_between E_j + u_j + u_jt + e_ijt

with random intercepts of schools (u_j) and of school-waves (u_jt), because exposure varies by school-wave and an
intercept of schools alone would understate its error. Restricted maximum likelihood by `mixedlm`; Satterthwaite's
degrees of freedom, never more than the design has (below). b_within compares a school with itself and is the closer of
the two to a cause; b_between is an association. Neither proves one: exposure is not assigned at random.

References: R `lmerTest` 3.1, tests/reference/district.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from mixedlm import lmer
from scipy import stats

from sro_research.estimates import as_estimates
from sro_research.models.school_means import CONFIDENCE

FEWEST_SCHOOLS = 10
"""With fewer schools the model is not fitted: its errors cannot be trusted (McNeish & Stapleton 2016)."""

WITHIN, BETWEEN = "effect_within_schools", "effect_between_schools"


@dataclass(frozen=True)
class WithinBetween:
    """A fitted model: one row per coefficient, standard deviations by level, and whether a variance was zero.

    `coefficients` has `term`, `estimate`, `std_error`, `df`, in score points per unit of the exposure.
    """

    coefficients: pd.DataFrame
    sd_school: float
    sd_school_wave: float
    sd_residual: float
    n: int
    schools: int
    school_waves: int
    singular: bool


def fit_within_between(scores: pd.DataFrame, exposure: pd.Series) -> WithinBetween:
    """Fit the model to scores (`school_id`, `wave`, `score`) and an exposure by (school_id, wave).

    Rows without a score or an exposure are left out. Raises `ValueError` where fewer than `FEWEST_SCHOOLS` schools
    or fewer than two waves remain, the exposure does not vary within and between schools, or the design leaves no
    degree of freedom for either effect.
    """
    data, waves = _prepare(scores, exposure)
    fixed = [f"wave_{i}" for i in range(1, len(waves))]
    formula = " + ".join([*fixed, "within", "between", "(1 | school)", "(1 | school_wave)"])
    with warnings.catch_warnings():
        # A variance of zero is a finding, carried in `singular`; it must not be printed into a notebook.
        warnings.filterwarnings("ignore", message="Model is singular")
        fit = lmer(f"score ~ {formula}", data)
    table = fit.tidy()
    table = table[table["effect"] == "fixed"]
    spread = fit.VarCorr().groups
    schools, cells = data["school"].nunique(), data["school_wave"].nunique()
    # Satterthwaite's df explode where a variance is estimated as zero; the design itself has no more than these.
    ceiling = _design_df(schools, cells, len(waves))
    df = [min(row.df, ceiling.get(row.term, row.df)) for row in table.itertuples()]
    return WithinBetween(
        coefficients=pd.DataFrame(
            {
                "term": list(table["term"]),
                "estimate": list(table["estimate"]),
                "std_error": list(table["std.error"]),
                "df": df,
            }
        ),
        sd_school=float(spread["school"].stddev["(Intercept)"]),
        sd_school_wave=float(spread["school_wave"].stddev["(Intercept)"]),
        sd_residual=float(fit.sigma),
        n=len(data),
        schools=schools,
        school_waves=cells,
        singular=bool(fit.isSingular()),
    )


def engagement_estimates(
    scores: pd.DataFrame, exposure: pd.Series, *, population: str, construct: str, per: float
) -> pd.DataFrame:
    """Return the within and the between effect as estimates, in scale points per `per` units of the exposure.

    Where the model cannot be fitted, both rows say why.
    """
    about = {
        "population": population,
        "construct": construct,
        "unit": "scale points",
        "method": "within-between REML, Satterthwaite",
    }
    of = scores[scores["construct"] == construct]
    try:
        fit = fit_within_between(of, exposure)
    except ValueError as reason:
        rows = pd.DataFrame({"measure": [WITHIN, BETWEEN], "n": int(of["score"].notna().sum())})
        return as_estimates(rows, note=str(reason), **about)
    effects = fit.coefficients.set_index("term").loc[["within", "between"]]
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, effects["df"]) * effects["std_error"]
    rows = pd.DataFrame(
        {
            "measure": [WITHIN, BETWEEN],
            "n": fit.n,
            "estimate": per * effects["estimate"].to_numpy(),
            "std_error": per * effects["std_error"].to_numpy(),
            "conf_low": per * (effects["estimate"] - reach).to_numpy(),
            "conf_high": per * (effects["estimate"] + reach).to_numpy(),
        }
    )
    note = "a variance between schools was estimated as zero" if fit.singular else ""
    return as_estimates(rows, note=note, **about)


def _design_df(schools: int, school_waves: int, waves: int) -> dict[str, int]:
    """Return the degrees of freedom that the numbers of schools, school-waves and waves leave to each effect."""
    return {"within": school_waves - schools - waves, "between": schools - 2}


def _prepare(scores: pd.DataFrame, exposure: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    known = exposure.dropna().astype(float).rename("exposure").reset_index()
    known["between"] = known.groupby("school_id")["exposure"].transform("mean")
    known["within"] = known["exposure"] - known["between"]
    data = scores.dropna(subset=["score"]).merge(known, on=["school_id", "wave"])
    waves = sorted(data["wave"].unique())
    if data["school_id"].nunique() < FEWEST_SCHOOLS:
        raise ValueError(f"fewer than {FEWEST_SCHOOLS} schools: shown, not modelled")
    if len(waves) < 2:
        raise ValueError("one wave only: nothing changes within schools")
    seen = data.drop_duplicates(["school_id", "wave"])
    if np.isclose(seen["within"].std(), 0) or np.isclose(seen["between"].std(), 0):
        raise ValueError("the exposure does not vary enough within and between schools")
    if min(_design_df(data["school_id"].nunique(), len(seen), len(waves)).values()) < 1:
        raise ValueError("too few schools were seen in more than one wave")
    table = pd.DataFrame(
        {
            "score": data["score"].to_numpy(dtype=float),
            "within": data["within"].to_numpy(dtype=float),
            "between": data["between"].to_numpy(dtype=float),
            "school": data["school_id"].astype(str).to_numpy(),
            "school_wave": (data["school_id"] + "|" + data["wave"]).astype(str).to_numpy(),
        }
    )
    for i, wave in enumerate(waves[1:], 1):
        table[f"wave_{i}"] = (data["wave"] == wave).to_numpy(dtype=float)
    return table, waves
