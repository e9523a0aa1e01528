"""How often the engagement model errs where the truth is known: `python tests/benchmarks/coverage.py --studies 1000`.

Studies are drawn from the declared model itself: 8, 15 or 40 schools, three waves, 20 to 200 students in each, a true
effect of 0 or 0.2 score points per unit of exposure (within and between schools alike), residual sd 0.6, schools' sd
0.2, and school-waves' sd 0 or 0.1. Exposure differs between schools with sd 1 and, within them from wave to wave, as
an autoregression of 0.5 with sd 1. Each study is analysed as the workbench does: `engagement_estimates`, and beside it
the three ways of `few_clusters`. Of a wild bootstrap only what its interval is made of is asked: whether it rejects
zero and the truth at 5 %.

One row for each setting, effect and method. "rejected" at 5 %: the type I error where the true effect is 0, else power.
"covered": share of 95 % intervals that hold the truth. "se/sd": median standard error over the standard deviation of
the estimates. "zero note": share of studies whose note says that a variance was estimated as zero. "wrong, unsaid":
share of standard errors below half of the one that the true variances give, in studies without such a note. With fewer
than ten schools there is no model; "refused" is the share of studies that say so.

Where school-waves do not differ at all, the model is cautious within schools: half of the studies estimate their
variance as zero, the others above it, so a standard error is right or too large but hardly ever too small, and the
degrees of freedom are those of a variance that had to be estimated. A variance cannot be below zero.
An estimate with 13 degrees of freedom, as between 15 schools, has by chance 0.3 % of standard errors below half.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.models.exposure_design import BETWEEN_TERM, FEW_SCHOOLS, WITHIN_TERM, Design, engagement_design
from sro_research.models.few_clusters import CR2, CV3, WILD, cr2, cv3, least_squares, wild_bootstrap
from sro_research.models.multilevel import BETWEEN, WITHIN, engagement_estimates
from sro_research.models.profile_reml import one_thread

SCHOOLS, EFFECTS, SPREADS = (8, 15, 40), (0.0, 0.2), (0.0, 0.1)
SD_SCHOOL, SD_PERSON = 0.2, 0.6
WAVES = ("2023", "2024", "2025")
AUTOREGRESSION = 0.5
ALPHA = 0.05
TERMS = {WITHIN: WITHIN_TERM, BETWEEN: BETWEEN_TERM}
MODEL = "declared model"
KEYS = ["schools", "true effect", "school-wave sd", "effect", "method"]
SHARES = ["rejected", "covered", "zero note", "wrong, unsaid"]


@dataclass(frozen=True)
class Setting:
    """What is true of a study: how many schools, the effect, and how much school-waves differ."""

    schools: int
    effect: float
    spread: float


def study(setting: Setting, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw a study's scores and its exposure by (school_id, wave)."""
    tenths = round(10 * setting.effect), round(10 * setting.spread)
    rng, schools, waves = np.random.default_rng([seed, setting.schools, *tenths]), setting.schools, len(WAVES)
    at = pd.MultiIndex.from_product([[f"{i:02d}" for i in range(schools)], WAVES], names=["school_id", "wave"])
    exposure = (rng.normal(size=(schools, 1)) + _autoregressive(rng, schools, waves)).ravel()
    level = 2.5 + setting.effect * exposure + np.tile(0.05 * np.arange(waves), schools)
    level += np.repeat(rng.normal(0, SD_SCHOOL, schools), waves) + rng.normal(0, 1, len(at)) * setting.spread
    sizes = np.exp(rng.uniform(np.log(20), np.log(200), len(at))).round().astype(int)
    scores = at.repeat(sizes).to_frame(index=False)
    scores["score"] = np.repeat(level, sizes) + rng.normal(0, SD_PERSON, sizes.sum())
    return scores.assign(construct="climate"), pd.Series(exposure, at, name="exposure")


def _autoregressive(rng: np.random.Generator, schools: int, waves: int) -> np.ndarray:
    """Draw numbers of sd 1 (schools x waves), each leaning on the one of the wave before."""
    drawn = rng.normal(size=(schools, waves))
    for wave in range(1, waves):
        drawn[:, wave] = AUTOREGRESSION * drawn[:, wave - 1] + (1 - AUTOREGRESSION**2) ** 0.5 * drawn[:, wave]
    return drawn


def analysed(setting: Setting, seed: int) -> list[dict[str, object]]:
    """Return what each method says of a study: a row for each effect and method."""
    scores, exposure = study(setting, seed)
    with one_thread():
        found = engagement_estimates(scores, exposure, population="student", construct="climate", per=1.0)
        if found["estimate"].isna().all():
            return [{"effect": "all", "method": MODEL, "refused": bool((found["note"] == FEW_SCHOOLS).all())}]
        made = engagement_design(scores, exposure)
        rows = [*_by_model(found, made, setting), *_by_others(made, setting)]
    return [{"refused": False, **row} for row in rows]


def _by_model(found: pd.DataFrame, made: Design, setting: Setting) -> Iterator[dict[str, object]]:
    true_errors = _true_errors(made, setting)
    for row in found[found["measure"].isin(TERMS)].itertuples():
        noted = "zero" in row.note
        yield {
            "effect": TERMS[row.measure],
            "method": MODEL,
            **_judged(setting, row.estimate, row.std_error, row.conf_low, row.conf_high),
            "zero note": noted,
            "wrong, unsaid": row.std_error < true_errors[TERMS[row.measure]] / 2 and not noted,
        }


def _by_others(made: Design, setting: Setting) -> Iterator[dict[str, object]]:
    of = least_squares(made.table, outcome="score", terms=list(made.terms), cluster="school")
    for term in TERMS.values():
        estimate = float(of.coefficients[of.names.index(term)])
        for method, (error, df) in {CR2: cr2(of, term), CV3: (cv3(of, term), of.clusters - 1)}.items():
            reach = float(stats.t.ppf(1 - ALPHA / 2, df)) * error
            judged = _judged(setting, estimate, error, estimate - reach, estimate + reach)
            yield {"effect": term, "method": method, **judged}
        p = wild_bootstrap(of, term).p
        yield {
            "effect": term,
            "method": WILD,
            "estimate": estimate,
            "rejected": p(0.0) < ALPHA,
            "covered": p(setting.effect) >= ALPHA,
        }


def _judged(setting: Setting, estimate: float, error: float, low: float, high: float) -> dict[str, object]:
    return {
        "estimate": estimate,
        "std_error": error,
        "rejected": not low <= 0 <= high,
        "covered": low <= setting.effect <= high,
    }


def _true_errors(made: Design, setting: Setting) -> dict[str, float]:
    """Return the standard errors of generalised least squares with the true variances, from school-waves' means."""
    cells = made.table.groupby("school_wave").agg({**dict.fromkeys(made.terms, "first"), "school": "first"})
    x = np.column_stack([np.ones(len(cells)), cells[list(made.terms)]])
    same = np.equal.outer(cells["school"].to_numpy(), cells["school"].to_numpy())
    sizes = made.table.groupby("school_wave").size().to_numpy()
    v = SD_SCHOOL**2 * same + np.diag(setting.spread**2 + SD_PERSON**2 / sizes)
    errors = np.sqrt(np.diag(np.linalg.inv(x.T @ np.linalg.solve(v, x))))
    return {term: float(errors[1 + list(made.terms).index(term)]) for term in TERMS.values()}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each setting, effect and method."""
    by = rows.groupby(KEYS, sort=False)
    table = by.agg(studies=("refused", "size"), refused=("refused", "mean"))
    for name in SHARES:
        table[name] = by[name].apply(lambda of: of.astype(float).mean())
    table.insert(4, "se/sd", by["std_error"].median() / by["estimate"].std())
    return table


def simulated(setting: Setting, studies: int, pool: Executor) -> pd.DataFrame:
    """Return the rows of so many studies of a setting."""
    made = pool.map(partial(analysed, setting), range(studies), chunksize=10)
    rows = pd.DataFrame([row for of in made for row in of])
    rows = rows.reindex(columns=list(dict.fromkeys([*rows, "estimate", "std_error", *SHARES])))
    return rows.assign(**{"schools": setting.schools, "true effect": setting.effect, "school-wave sd": setting.spread})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    settings = [Setting(*of) for of in product(SCHOOLS, EFFECTS, SPREADS)]
    with ProcessPoolExecutor(chosen.workers) as pool:
        rows = pd.concat([simulated(setting, chosen.studies, pool) for setting in settings])
    with pd.option_context("display.width", 200, "display.max_rows", None, "display.max_columns", None):
        print(summary(rows).to_string(float_format="{:.3f}".format, na_rep="", sparsify=False))


if __name__ == "__main__":
    main()
