"""Does the answer depend on how it was got? The declared effect beside what other defensible ways give.

Each check changes one thing about the declared model; `specification_curve` combines the changes that ask the same
question of the same people (Simonsohn, Simmons & Nelson 2020, Nat. Hum. Behav. 4, 1208-1214; only such specifications
belong on one curve: Del Giudice & Gangestad 2021, Adv. Methods Pract. Psychol. Sci. 4). `strength` says how strong what
was not measured would have to be. None of this turns an association into a cause.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from sro_research.errors import WorkbenchError
from sro_research.models.choices import KEPT, LEFT_OUT, Choices, Exposure
from sro_research.models.declared import Question
from sro_research.models.exposure_design import BETWEEN_TERM, CELL, NOT_KNOWN, WITHIN_TERM, lagged
from sro_research.models.few_clusters import beside_the_model
from sro_research.models.imputation import imputed, pooled
from sro_research.models.multilevel import fit_within_between
from sro_research.models.multiverse import leave_one_out, multiverse
from sro_research.models.school_means import CONFIDENCE
from sro_research.models.sensitivity import benchmarked, e_values, equivalence, nonresponse_bounds, robustness_values
from sro_research.models.sufficient import Cells, cells_of

DECLARED, EARLIER, UNADJUSTED, UNFLAGGED, FILLED = (
    "declared model",
    "with the exposure of the wave before beside it",
    "without adjustment",
    "without answers that look careless",
    "missing answers filled in",
)
NOTHING_MISSING = "no answer is missing"
FEWEST = (1, 10, 30)
"""Answers that a school-wave needs to be in a specification."""
LEAST_STATED = 0.5
COLUMNS = ["check", "estimate", "conf_low", "conf_high", "schools", "note"]
BENCHMARKS = ["benchmark", "times", "estimate", "conf_low", "conf_high"]
_TIE = 1e-9
"""A mean of distances from the mean of school and wave is zero, but for rounding."""
HOURS, FLAGGED = "hours", "flagged"


def robustness(asked: Question, *, waves: list[str], flagged: pd.Series) -> pd.DataFrame:
    """Return the effect within schools, in scale points per `per` units, under the declared model and under each check.

    `flagged` tells by `respondent_key` whose answers look careless. Columns `COLUMNS`; where a check cannot be made,
    `note` says why. Limits of `without …` one school or district are those of the estimates, not of confidence.
    """
    model = asked.model
    others = [
        (UNFLAGGED, replace(asked, scores=asked.scores[~_of_respondents(asked, flagged)])),
    ]
    if model.adjust:
        others.append((UNADJUSTED, replace(asked, model=model.model_copy(update={"adjust": []}))))
    rows = [_fitted(DECLARED, asked), *_least_squares(asked), *(_fitted(name, other) for name, other in others)]
    rows += [_beside_earlier(asked, waves), _filled_in(asked, waves)]
    rows += [_without_one(asked, unit) for unit in ("school_id", "district") if unit == "school_id" or _many(asked)]
    return pd.DataFrame(rows, columns=COLUMNS)


def nonresponse(estimates: pd.DataFrame, asked: Question) -> pd.DataFrame:
    """Return what the district's share that agrees could be, whatever those who did not answer think, by wave.

    `estimates` are those of the study. Columns of `sensitivity.nonresponse_bounds`; waves without a known response rate
    are left out.
    """
    of = estimates[(estimates["population"] == asked.model.population) & (estimates["school_id"] == "")]
    of = of[(of["group_by"] == "")].set_index("wave")
    rate = of.loc[of["measure"] == "response_rate", "estimate"].rename("response_rate")
    share = of[(of["measure"] == "share_agree") & (of["construct"] == asked.model.outcome)]
    rows = share[["n", "estimate", "conf_low", "conf_high"]].join(rate, how="inner").dropna().astype(float)
    return nonresponse_bounds(rows, threshold=0.5).reset_index()


def specification_curve(asked: Question, *, flagged: pd.Series, background: list[str]) -> pd.DataFrame:
    """Return the effect within schools under every combination of equivalent choices; `multiverse.multiverse`.

    What is adjusted for: nothing, each question of the `background` that is `usable`, all of them, or what is declared;
    how many answers a school-wave needs; whether answers that look careless are kept. Otherwise all specifications have
    the same people: those who answered all of these questions. `declared` says which one is the declared model's.
    """
    questions = usable(asked, [*background, *asked.model.adjust])
    cells, columns = _cells(asked, flagged, questions)
    everything = tuple(name for names in columns.values() for name in names)
    adjustment = {"none": (), **columns, "all": everything}
    declared = tuple(name for question in asked.model.adjust for name in columns.get(question, ()))
    same = [name for name, names in adjustment.items() if set(names) == set(declared)]
    if not same:
        adjustment["declared"] = declared
    if len(columns) < 2:
        del adjustment["all"]
    choices = Choices(
        exposure={"declared": Exposure(HOURS, per=asked.model.per)},
        adjustment=adjustment,
        fewest_answers=FEWEST,
        flagged=(KEPT, LEFT_OUT),
    )
    curve = multiverse(cells, asked.exposure.rename(HOURS).to_frame(), choices, outcome="score")
    ours = (curve["adjustment"] == (same or ["declared"])[0]) & (curve["fewest_answers"] == FEWEST[0])
    return curve.assign(declared=ours & (curve["flagged"] == KEPT))


def usable(asked: Question, questions: list[str]) -> list[str]:
    """Return the background questions that at least half of those who have a score answered, in every wave.

    A question that was not asked in a wave, or of which most are silent, would take nearly everybody away.
    """
    known = asked.scores.dropna(subset=["score"])
    stated = known[list(dict.fromkeys(questions))].notna().groupby(known["wave"]).mean()
    return [question for question in stated if len(stated) and stated[question].min() >= LEAST_STATED]


def strength(asked: Question) -> pd.DataFrame:
    """Return one row that says how sure the declared effect is against what could not be seen.

    `estimate`, `std_error`, `degrees_of_freedom` per `per` units; `conclusion` of the equivalence test against the
    smallest effect of interest; `robustness_value` and `robustness_value_limit`; `e_value` and `e_value_limit`, in
    standard deviations of the outcome. Empty where the model cannot be fitted.
    """
    try:
        fit = fit_within_between(asked.scores, asked.exposure, adjust=asked.model.adjust, districts=asked.districts)
    except ValueError:
        return pd.DataFrame()
    effect = fit.effects.loc[[WITHIN_TERM]].rename(columns={"df": "degrees_of_freedom"})
    effect = effect.assign(**{name: asked.model.per * effect[name] for name in ("estimate", "std_error")})
    row = robustness_values(equivalence(effect, smallest=asked.model.smallest_effect))
    spread = float(asked.scores["score"].std())
    per_deviation = row[["estimate", "std_error"]] / spread
    return row.join(e_values(per_deviation, scale="standardized")[["e_value", "e_value_limit"]]).reset_index(drop=True)


def benchmarks(asked: Question) -> pd.DataFrame:
    """Return the effect as it would be beside a hidden confounder as strong as what was measured, or some times so.

    Of school-waves that all weigh the same: waves, and the school-wave's share of each answer that is adjusted for.
    `benchmark`, `times`, `estimate`, `conf_low`, `conf_high` per `per` units; `sensitivity.benchmarked`. Empty where
    the model cannot be fitted.
    """
    try:
        made = asked.design()
    except ValueError:
        return pd.DataFrame(columns=BENCHMARKS)
    means = made.table.groupby("school_wave")[["score", *made.terms]].mean()
    covariates = [term for term in made.terms if term != WITHIN_TERM and means[term].abs().max() > _TIE]
    observed = [term for term in covariates if term != BETWEEN_TERM]
    found = benchmarked(means, outcome="score", exposure=WITHIN_TERM, covariates=covariates, benchmarks=observed)
    numbers = {name: asked.model.per * found[name] for name in ("estimate", "conf_low", "conf_high")}
    return found.assign(benchmark=found["benchmark"].map(made.terms), **numbers)[BENCHMARKS]


def _fitted(check: str, asked: Question) -> tuple[object, ...]:
    row = asked.estimates().iloc[0]
    return check, *(_number(row[name]) for name in ("estimate", "conf_low", "conf_high")), _schools(asked), row["note"]


def _schools(asked: Question) -> int:
    """Count the schools that a model is fitted to, none where it cannot be."""
    try:
        return asked.design().schools
    except ValueError:
        return 0


def _beside_earlier(asked: Question, waves: list[str]) -> tuple[object, ...]:
    """Return the effect with the exposure of the wave before in the model too, which needs waves that have one before.

    In place of the exposure it would not do: hours that are low beside a school's mean in one wave are high in the
    others, so that a true effect of the present hours turns its sign.
    """
    before = lagged(asked.exposure, waves).rename("before").to_frame()
    try:
        fit = fit_within_between(
            asked.scores, asked.exposure, adjust=asked.model.adjust, school_covariates=before, districts=asked.districts
        )
    except ValueError as reason:
        return EARLIER, np.nan, np.nan, np.nan, 0, str(reason)
    row = asked.model.per * fit.effects.loc[WITHIN_TERM, ["estimate", "std_error"]]
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, fit.effects.loc[WITHIN_TERM, "df"])) * row["std_error"]
    return EARLIER, row["estimate"], row["estimate"] - reach, row["estimate"] + reach, fit.schools, ""


def _filled_in(asked: Question, waves: list[str]) -> tuple[object, ...]:
    """Return the declared effect with blanks in the outcome and the adjustments drawn, and the fits pooled."""
    known = asked.exposure.dropna().rename(HOURS).reset_index()
    table = asked.scores.merge(known, on=CELL)
    columns = ["score", *asked.model.adjust]
    numbers = table.assign(**{name: table[name].astype("Float64") for name in columns})
    if table.empty:
        return FILLED, np.nan, np.nan, np.nan, 0, NOT_KNOWN
    numbers = numbers.assign(**{wave: (table["wave"] == wave).astype(float) for wave in waves[1:]})
    if not numbers[columns].isna().any(axis=None):
        return FILLED, np.nan, np.nan, np.nan, 0, NOTHING_MISSING
    try:
        fits = [
            fit_within_between(
                one.assign(**{name: one[name].astype(int).astype(str) for name in asked.model.adjust}),
                asked.exposure,
                adjust=asked.model.adjust,
                districts=asked.districts,
            )
            for one in imputed(numbers, columns=columns, predictors=[HOURS, *waves[1:]], seed=0)
        ]
    except (ValueError, WorkbenchError) as reason:
        return FILLED, np.nan, np.nan, np.nan, 0, getattr(reason, "rule", str(reason))
    effects = pd.concat([fit.effects.loc[[WITHIN_TERM]] for fit in fits]) * [asked.model.per, asked.model.per, 1]
    variances = effects["std_error"].to_numpy()[:, None, None] ** 2
    row = pooled(effects[["estimate"]], covariances=variances, complete_df=float(effects["df"].mean())).rows.iloc[0]
    return FILLED, row["estimate"], row["conf_low"], row["conf_high"], fits[0].schools, ""


def _number(value: object) -> float:
    return float("nan") if pd.isna(value) else float(value)  # type: ignore[arg-type]


def _least_squares(asked: Question) -> list[tuple[object, ...]]:
    try:
        table = beside_the_model(asked.design())
    except ValueError as reason:
        return [("least squares", np.nan, np.nan, np.nan, 0, str(reason))]
    within, per = table[table["term"] == WITHIN_TERM], asked.model.per
    return [
        (f"least squares, {r.method}", per * r.estimate, per * r.conf_low, per * r.conf_high, r.clusters, r.note)
        for r in within.itertuples()
    ]


def _many(asked: Question) -> bool:
    return asked.districts is not None and asked.districts.nunique() > 1


def _without_one(asked: Question, unit: str) -> tuple[object, ...]:
    """Return the estimate nearest to the middle and the range of estimates, each without one school or district."""
    check = f"without one {'school' if unit == 'school_id' else unit}, whichever"
    cells, columns = _cells(asked, None, asked.model.adjust)
    adjustment = tuple(name for names in columns.values() for name in names)
    choices = Choices(exposure={"declared": Exposure(HOURS, per=asked.model.per)}, adjustment={"declared": adjustment})
    try:
        found = leave_one_out(cells, asked.exposure.rename(HOURS).to_frame(), choices, outcome="score", unit=unit)
    except WorkbenchError as reason:
        return check, np.nan, np.nan, np.nan, 0, reason.rule
    estimates = found["estimate"]
    note = "the range of the estimates"
    return check, estimates.median(), estimates.min(), estimates.max(), cells.keys["school_id"].nunique(), note


def _of_respondents(asked: Question, flagged: pd.Series) -> np.ndarray:
    return asked.scores["respondent_key"].map(flagged).fillna(False).to_numpy(dtype=bool)


def _cells(
    asked: Question, flagged: pd.Series | None, questions: list[str]
) -> tuple[Cells, dict[str, tuple[str, ...]]]:
    """Return statistics of the outcome and of each answer but the first to the questions, and the answers' columns."""
    table = asked.scores.dropna(subset=["score", *questions])
    keys = ["school_id", "wave"]
    if _many(asked) and asked.districts is not None:
        table = table.assign(district=table["school_id"].map(asked.districts))
        keys = ["district", *keys]
    if flagged is not None:
        table = table.assign(**{FLAGGED: table["respondent_key"].map(flagged).fillna(False).astype(int)})
        keys = [*keys, FLAGGED]
    columns: dict[str, tuple[str, ...]] = {}
    for question in questions:
        answers = sorted(table[question].astype(str).unique())[1:]
        made = {f"{question} {a}": (table[question].astype(str) == a).astype(float) for a in answers}
        columns[question] = tuple(made)
        table = table.assign(**made)
    names = [name for made in columns.values() for name in made]
    return cells_of(table, keys=keys, columns=["score", *names]), {q: names for q, names in columns.items() if names}
