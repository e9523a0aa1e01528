"""A rubric's score with its parts, its uncertainty, and what is missing.

The value x of each criterion's evidence becomes a part between 0 and 1, even between the two values that the rubric
declares,

    p = (x - none) / (full - none), not below 0 and not above 1,

and the score is the mean of the parts that are known by their declared weights w, sum w p / sum w. A criterion without
evidence is not zero: the score stands beside the weight that is known, and beside the two scores that would result if
everything missing were none or full.

Uncertainty: evidence is taken as normal around its estimate with its standard error, and independent from one sample
of people to another. Of one sample that answers for several criteria the errors are taken to go fully together: how
far they do is not in the evidence, and this is the widest (limits then cover 95 % of simulated scores where errors do
go together, 97 % where they correlate by 0.6). The standard error of a part is that of a normal variable cut off at 0
and 1, in closed form; of the score, the root of the sum over samples of (sum w se(p))^2 / (sum w)^2. Limits are
quantiles of the score over `DRAWS` drawn sets of evidence (Monte Carlo propagation of distributions, JCGM 101:2008),
seeded. Where no part is cut off that is the normal interval. Cutting off at an end pulls a part inwards on average, by
at most t g(d), g(d) = f(d) - d F(-d), with t the error of p before and d the distance of its true value from the end
in errors; limits are widened by the most that this may be for any true value within 1.96 errors of the estimate.
Without that they covered the true score in 63 % of simulated rubrics in which five of ten true values lay just at an
end. With it they cover 95 to 97 % in most simulations, 93 % or more in that case, and 91 % or more where all ten lay
at the same end.

Evidence that has limits and no standard error, as shares of cases and ratios have, is given the error at which the
normal interval reaches the limit farther away: (farther limit - estimate) / 1.96. For shares with exact limits normal
intervals with that error cover 95 % or more (cases from 10 to 200, shares from 0.02 to 0.98), where those with the root
of p (1 - p) / n cover as few as 18 %. Evidence without either is taken as a full count; the weight that rests on such
evidence is told.

Scores are of the whole district. Schools are not scored: a rank of schools would be largely noise.

References: parts, errors and bands by formula and numerical integration in R, tests/reference/rubric; limits by
simulation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.estimates import ALL, as_estimates
from sro_research.models.disparity import LOCAL, RELATIVE, WIDER
from sro_research.models.precision import TAIL
from sro_research.standards.rubric import Criterion, Rubric

DRAWS = 40_000
"""Sets of evidence; the limits then move by about a hundredth of the score's standard error from seed to seed."""
SEED = 20_261
NO_EVIDENCE, TOO_LITTLE = "no evidence: not provided, or not asked", "evidence covers too little of the declared weight"
NO_ERRORS = "all evidence is counted in full: no interval"
UNIT, METHOD = "share", "mean of parts by declared weights"
NUMBERS = ["score", "std_error", "conf_low", "conf_high", "if_none", "if_full"]
EVIDENCE = ["measure", "population", "construct", "group_by", "group"]
BESIDE = {LOCAL: "all others", WIDER: "all others of a wider area", RELATIVE: "the largest group"}
"""What the group of a ratio is held beside, by how the measure begins."""


def declared(rubric: Rubric) -> pd.DataFrame:
    """Return a row per criterion as the rubric declares it.

    `criterion`, the names of its evidence, `beside` (what the group of a ratio is held beside; blank otherwise),
    `direction`, `none`, `full`, `thresholds` (one text) and `weight`.
    """
    rows = [
        one.model_dump(include={"direction", "none", "full", "weight"})
        | one.evidence.model_dump(by_alias=True)
        | {
            "criterion": name,
            "beside": next((b for ratio, b in BESIDE.items() if one.evidence.measure.startswith(ratio)), ""),
            "thresholds": ", ".join(f"{value:g}" for value in one.thresholds),
        }
        for name, one in rubric.criteria.items()
    ]
    return pd.DataFrame(rows)[["criterion", *EVIDENCE, "beside", "direction", "none", "full", "thresholds", "weight"]]


def rubric_parts(estimates: pd.DataFrame, rubric: Rubric, waves: list[str]) -> pd.DataFrame:
    """Return a row per wave and criterion from estimates of the district, the columns of the spine.

    `wave`, `criterion`, `weight`, the evidence's `value`, `value_error`, `n` and `unit`, the `part` (0-1) with
    `std_error`, its `band`, `sample` (criteria answered by the same people share it), and `note`, which says why there
    is no part. Rows of schools are not looked at.
    """
    district = estimates[estimates["school_id"] == ALL]
    rows = pd.DataFrame(
        [
            {"wave": wave, "criterion": name, "weight": criterion.weight} | criterion.evidence.model_dump(by_alias=True)
            for wave in waves
            for name, criterion in rubric.criteria.items()
        ]
    )
    told = district[[*EVIDENCE, "wave", "estimate", "n", "unit", "note"]].assign(std_error=evidence_error(district))
    table = rows.merge(told, on=[*EVIDENCE, "wave"], how="left", validate="many_to_one")
    table = table.rename(columns={"estimate": "value", "std_error": "value_error"})
    table[["value", "value_error"]] = table[["value", "value_error"]].astype("float64")
    criteria = [rubric.criteria[name] for name in table["criterion"]]
    start, width = _ends(criteria)
    table["part"] = ((table["value"] - start) / width).clip(0, 1)
    table["std_error"] = cut_off_error((table["value"] - start) / width, (table["value_error"] / width).abs())
    table["band"] = [_band(value, one, rubric) for value, one in zip(table["value"], criteria, strict=True)]
    # A construct is of a survey; records of one population are records of different things.
    table["sample"] = table["population"].where(table["construct"] != "", table["criterion"])
    table["note"] = table["note"].fillna(NO_EVIDENCE).where(table["part"].isna(), "")
    return table.drop(columns=EVIDENCE)


def evidence_error(estimates: pd.DataFrame) -> pd.Series:
    """Return standard errors; where there is none, how far the farther limit lies off, by what an interval needs."""
    rows = estimates[["estimate", "std_error", "conf_low", "conf_high"]].astype("float64")
    away = rows[["conf_low", "conf_high"]].sub(rows["estimate"], axis=0).abs().max(axis=1, skipna=False)
    return rows["std_error"].fillna(away / stats.norm.isf(TAIL))


def cut_off_error(mean: pd.Series, error: pd.Series) -> pd.Series:
    """Return the standard deviation of a normal variable that is cut off at 0 and 1; zero where the error is missing.

    With u, t its mean and deviation before, a = -u / t and b = (1 - u) / t: E = u (F(b) - F(a)) - t (f(b) - f(a)) + 1 -
    F(b), E2 = (u^2 + t^2) (F(b) - F(a)) - 2 u t (f(b) - f(a)) + t^2 (a f(a) - b f(b)) + 1 - F(b).
    """
    u, t = mean.to_numpy(float), np.where(error > 0, error, np.nan)
    a, b = -u / t, (1 - u) / t
    inside, slope = stats.norm.cdf(b) - stats.norm.cdf(a), stats.norm.pdf(b) - stats.norm.pdf(a)
    above = stats.norm.sf(b)
    first = u * inside - t * slope + above
    curve = a * stats.norm.pdf(a) - b * stats.norm.pdf(b)
    second = (u**2 + t**2) * inside - 2 * u * t * slope + t**2 * curve + above
    spread = np.sqrt(np.maximum(second - first**2, 0))
    return pd.Series(np.where(np.isnan(u), np.nan, np.where(np.isnan(t), 0.0, spread)), index=mean.index)


def band_probabilities(parts: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """Return `wave`, `criterion`, `band`, `probability`: how well the evidence tells the bands apart.

    The share of a normal distribution around the value, with its standard error, that lies in the band; 1 or 0 where
    there is no error. Criteria without evidence have no rows.
    """
    rows = []
    for part in parts.dropna(subset=["value"]).itertuples():
        criterion = rubric.criteria[part.criterion]
        sign = 1 if criterion.direction == "higher" else -1
        away = sign * (part.value - np.array(criterion.thresholds))
        has_error = part.value_error > 0
        reached = stats.norm.cdf(away / part.value_error) if has_error else (away >= 0).astype(float)
        edges = np.concatenate([[1.0], reached, [0.0]])
        chances = edges[:-1] - edges[1:]
        rows += [(part.wave, part.criterion, band, p) for band, p in zip(rubric.bands, chances, strict=True)]
    return pd.DataFrame(rows, columns=["wave", "criterion", "band", "probability"])


def rubric_scores(parts: pd.DataFrame, rubric: Rubric, *, seed: int = SEED) -> pd.DataFrame:
    """Return a row per wave: the score over what is known, and how much that is.

    `score` (0-1) with `std_error`, `conf_low`, `conf_high`; `known_weight`; `counted_weight`, the part of the declared
    weight whose evidence has no standard error; `criteria`, the number known; `missing`, names of the others; `if_none`
    and `if_full`, the scores if everything missing were none or full; `note`. No score below the least known weight.
    """
    return pd.DataFrame([_score(wave, table, rubric, seed) for wave, table in parts.groupby("wave", sort=False)])


def _score(wave: str, table: pd.DataFrame, rubric: Rubric, seed: int) -> dict[str, object]:
    known = table.dropna(subset=["part"])
    weight = known["weight"].sum()
    told = {
        "wave": wave,
        "known_weight": weight,
        "counted_weight": known.loc[~(known["value_error"] > 0), "weight"].sum(),
        "criteria": len(known),
        "missing": tuple(table.loc[table["part"].isna(), "criterion"]),
    }
    if weight < rubric.least_known_weight:
        return told | dict.fromkeys(NUMBERS, np.nan) | {"note": TOO_LITTLE}
    share = known["weight"] / weight
    score = float(share @ known["part"])
    measured = bool((known["value_error"] > 0).any())
    error = float(np.sqrt(((share * known["std_error"]).groupby(known["sample"]).sum() ** 2).sum()))
    low, high = _limits(known, share, rubric, seed)
    # Drawn parts lie on one side of an end; an interval holds the score it belongs to.
    sure = (error, min(low, score), max(high, score)) if measured else (np.nan,) * 3
    numbers = (score, *sure, weight * score, weight * score + 1 - weight)
    return told | dict(zip(NUMBERS, numbers, strict=True)) | {"note": "" if measured else NO_ERRORS}


def _limits(known: pd.DataFrame, share: pd.Series, rubric: Rubric, seed: int) -> tuple[float, float]:
    start, width = _ends([rubric.criteria[name] for name in known["criterion"]])
    u, t = (known["value"].to_numpy() - start) / width, (known["value_error"].fillna(0) / np.abs(width)).to_numpy()
    sample, names = pd.factorize(known["sample"])
    drawn = np.random.default_rng(seed).standard_normal((DRAWS, len(names)))[:, sample]
    scores = (u + t * drawn).clip(0, 1) @ share.to_numpy()
    low, high = np.quantile(scores, [TAIL, 1 - TAIL])
    return max(float(low - _pull(u, t) @ share), 0.0), min(float(high + _pull(1 - u, t) @ share), 1.0)


def _pull(away: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the most by which cutting off may pull parts inwards, from how far estimates are away from an end."""
    # Where there is no error there is no pull; one of 1 stands in for the division.
    d = np.maximum(np.abs(away) / np.where(error > 0, error, 1.0) - stats.norm.isf(TAIL), 0)
    return error * (stats.norm.pdf(d) - d * stats.norm.sf(d))


def _ends(criteria: list[Criterion]) -> tuple[np.ndarray, np.ndarray]:
    """Return where parts start, and how far it is from none to full; below zero where lower values are better."""
    start = np.array([criterion.none for criterion in criteria])
    return start, np.array([criterion.full for criterion in criteria]) - start


def _band(value: float, criterion: Criterion, rubric: Rubric) -> str:
    if np.isnan(value):
        return ""
    sign = 1 if criterion.direction == "higher" else -1
    return list(rubric.bands)[sum(sign * value >= sign * threshold for threshold in criterion.thresholds)]


def rubric_estimates(parts: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores and parts as estimates of the district: `rubric_score`, and `rubric_part` with the criterion in
    `construct`. `n` counts the criteria behind a score, and whatever the evidence counts behind a part."""
    score = scores.rename(columns={"score": "estimate"}).assign(measure="rubric_score", n=scores["criteria"])
    said = [[one] if one else [] for one in scores["note"]]
    lacking = [[f"no evidence: {', '.join(names)}"] if names else [] for names in scores["missing"]]
    note = ["; ".join(one + other) for one, other in zip(said, lacking, strict=True)]
    part = parts.rename(columns={"part": "estimate", "criterion": "construct"}).drop(columns="unit")
    part = part.assign(measure="rubric_part", std_error=part["std_error"].where(part["std_error"] > 0))
    both = pd.concat([score.assign(note=note, construct=ALL), part], ignore_index=True)
    return as_estimates(both, unit=UNIT, method=METHOD)
