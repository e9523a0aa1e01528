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

from sro_research.errors import WorkbenchError
from sro_research.models.choices import KEPT, LEFT_OUT, Choices, Exposure
from sro_research.models.declared import Question
from sro_research.models.exposure_design import CELL, WITHIN_TERM, lagged
from sro_research.models.few_clusters import beside_the_model
from sro_research.models.imputation import imputed, pooled
from sro_research.models.multilevel import fit_within_between
from sro_research.models.multiverse import leave_one_out, multiverse
from sro_research.models.sensitivity import e_values, equivalence, nonresponse_bounds, robustness_values
from sro_research.models.sufficient import Cells, cells_of

DECLARED, EARLIER, UNADJUSTED, UNFLAGGED, FILLED = (
    "declared model",
    "exposure of one wave earlier",
    "without adjustment",
    "without answers that look careless",
    "missing answers filled in",
)
NOTHING_MISSING = "no answer is missing"
FEWEST = (1, 10, 30)
"""Answers that a school-wave needs to be in a specification."""
COLUMNS = ["check", "estimate", "conf_low", "conf_high", "schools", "note"]
HOURS, FLAGGED = "hours", "flagged"


def robustness(asked: Question, *, waves: list[str], flagged: pd.Series) -> pd.DataFrame:
    """Return the effect within schools, in scale points per `per` units, under the declared model and under each check.

    `flagged` tells by `respondent_key` whose answers look careless. Columns `COLUMNS`; where a check cannot be made,
    `note` says why. Limits of `without …` one school or district are those of the estimates, not of confidence.
    """
    model = asked.model
    others = [
        (EARLIER, replace(asked, exposure=lagged(asked.exposure, waves))),
        (UNFLAGGED, replace(asked, scores=asked.scores[~_of_respondents(asked, flagged)])),
    ]
    if model.adjust:
        others.append((UNADJUSTED, replace(asked, model=model.model_copy(update={"adjust": []}))))
    rows = [_fitted(DECLARED, asked), *_least_squares(asked), *(_fitted(name, other) for name, other in others)]
    rows.append(_filled_in(asked, waves))
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

    Which of the `background` questions are adjusted for, how many answers a school-wave needs, whether answers that
    look careless are kept. Otherwise all have the same people: those who answered all of these questions.
    """
    cells, columns = _cells(asked, flagged, background)
    adjustment = {"none": (), **columns}
    if len(columns) > 1:
        adjustment["all"] = tuple(name for names in columns.values() for name in names)
    choices = Choices(
        exposure={"declared": Exposure(HOURS, per=asked.model.per)},
        adjustment=adjustment,
        fewest_answers=FEWEST,
        flagged=(KEPT, LEFT_OUT),
    )
    return multiverse(cells, asked.exposure.rename(HOURS).to_frame(), choices, outcome="score")


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


def _fitted(check: str, asked: Question) -> tuple[object, ...]:
    rows = asked.estimates().set_index("measure")
    row = rows.iloc[0]
    schools = asked.scores.dropna(subset=["score"])["school_id"].nunique()
    return check, *(_number(row[name]) for name in ("estimate", "conf_low", "conf_high")), schools, row["note"]


def _filled_in(asked: Question, waves: list[str]) -> tuple[object, ...]:
    """Return the declared effect with blanks in the outcome and the adjustments drawn, and the fits pooled."""
    known = asked.exposure.dropna().rename(HOURS).reset_index()
    table = asked.scores.merge(known, on=CELL)
    columns = ["score", *asked.model.adjust]
    numbers = table.assign(**{name: table[name].astype("Float64") for name in columns})
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
