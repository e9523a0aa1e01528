"""The question of engagement and climate as a study file declares it, ready for every model that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sro_research.errors import WorkbenchError
from sro_research.models.exposure_design import CELL, Design, engagement_design, lagged
from sro_research.models.multilevel import WITHIN, engagement_estimates
from sro_research.parameters import Model

POINTS_PER_HUNDRED = 100
"""A mean that is 0.01 points higher is one of 100 people who answers each question one step higher."""


@dataclass(frozen=True)
class Question:
    """What is asked, of whom.

    `scores` are the outcome's, one row per respondent: `respondent_key`, `school_id`, `wave`, `score` and background
    questions, as text; `exposure` by (school_id, wave), already `lag` waves later; `districts` by school_id where
    there are several.
    """

    scores: pd.DataFrame
    exposure: pd.Series
    districts: pd.Series | None
    model: Model

    def estimates(self) -> pd.DataFrame:
        """Return the effects of the declared model; `multilevel.engagement_estimates`."""
        return engagement_estimates(
            self.scores,
            self.exposure,
            population=self.model.population,
            construct=self.model.outcome,
            per=self.model.per,
            adjust=self.model.adjust,
            districts=self.districts,
        )

    def design(self, *, apart: Sequence[str] = ()) -> Design:
        """Return the table behind the declared model, with the columns `apart`, for which it does not adjust then."""
        adjust = [name for name in self.model.adjust if name not in apart]
        return engagement_design(self.scores, self.exposure, adjust=adjust, districts=self.districts, also=apart)


def ask(
    model: Model, scores: pd.DataFrame, hours: pd.DataFrame, schools: pd.DataFrame, *, waves: list[str]
) -> Question:
    """Put together what the declared model is fitted to.

    `scores` comes from `measures.scales.score`, `hours` are indicators (`school_id`, `wave`, `value`), `schools` the
    roster, `waves` the ids in the order of time.
    """
    outcome = scores[scores["construct"] == model.outcome].reset_index(drop=True)
    named = {name: outcome[name].astype("Int64").astype("string") for name in {*model.adjust, *model.subgroups}}
    exposure = hours.set_index(CELL)["value"].astype(float)
    for _ in range(model.lag):
        exposure = lagged(exposure, waves)
    return Question(outcome.assign(**named), exposure, districts_of(schools), model)


def districts_of(schools: pd.DataFrame) -> pd.Series | None:
    """Return the district of each school; None where the roster tells of none.

    Raises `WorkbenchError` where only some schools have one, or a school has two.
    """
    told = schools[["school_id", "district"]].drop_duplicates()
    if told["district"].isna().all():
        return None
    wrong = told["district"].isna() | told["school_id"].duplicated(keep=False)
    if wrong.any():
        count = told.loc[wrong, "school_id"].nunique()
        fix = "Give every school one district in all waves, or none."
        raise WorkbenchError("the roster of schools", "there are schools without one district", fix=fix, rows=count)
    return told.set_index("school_id")["district"]


def in_words(estimates: pd.DataFrame, model: Model, *, low: int, high: int) -> str:
    """Say the effect within schools in plain units; `low` and `high` are the ends of the scale."""
    row = estimates.set_index("measure").loc[WITHIN]
    if pd.isna(row["estimate"]):
        return f"No answer: {row['note']}."
    people = abs(row["estimate"]) * POINTS_PER_HUNDRED
    way = "higher" if row["estimate"] >= 0 else "lower"
    return (
        f"A school with {model.per:g} hours more per 100 students than it usually has scored {row['estimate']:+.3f} "
        f"points on the {low}-{high} scale (95 % interval {row['conf_low']:+.3f} to {row['conf_high']:+.3f}): as if "
        f"about {people:.0f} of 100 people answered each question one step {way}. The smallest effect of interest is "
        f"{model.smallest_effect:g} points. An association, not a proof of a cause."
    )
