"""The question of engagement and climate as a study file declares it, ready for every model that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sro_research.estimates import as_estimates
from sro_research.models.exposure_design import CELL, Design, engagement_design, lagged
from sro_research.models.few_clusters import check_estimates
from sro_research.models.multilevel import WITHIN, engagement_estimates
from sro_research.parameters import Model

POINTS_PER_HUNDRED = 100
"""A mean that is 0.01 points higher is one of 100 people who answers each question one step higher."""
MOST_IN_A_HUNDRED = 50
"""Said of more people, one step of the scale is no picture any more."""


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

    def checks(self) -> pd.DataFrame:
        """Return the effect within schools by least squares in three ways; `few_clusters.check_estimates`.

        None where the declared model cannot be fitted: its own rows say why.
        """
        try:
            made = self.design()
        except ValueError:
            return as_estimates(pd.DataFrame({"n": []}))
        return check_estimates(made, population=self.model.population, construct=self.model.outcome, per=self.model.per)

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

    Intake refuses a roster that tells the district of some schools only.
    """
    return None if schools["district"].isna().all() else schools.groupby("school_id")["district"].first()


def in_words(estimates: pd.DataFrame, model: Model, *, low: int, high: int) -> str:
    """Say the effect within schools in plain units; `low` and `high` are the ends of the scale."""
    row = estimates.set_index("measure").loc[WITHIN]
    if row[["estimate", "conf_low", "conf_high"]].isna().any():
        return f"No answer: {row['note'] or 'no interval can be given'}."
    people = abs(row["estimate"]) * POINTS_PER_HUNDRED
    way = "higher" if row["estimate"] >= 0 else "lower"
    said = (
        f"{exposure_in_words(model)} than a school usually has go with a score that is "
        f"{abs(row['estimate']):.3f} points {way} on the {low}-{high} scale (95 % interval {row['conf_low']:+.3f} to "
        f"{row['conf_high']:+.3f})"
    )
    if people <= MOST_IN_A_HUNDRED:
        said += f": as if about {people:.0f} of 100 people answered each question one step {way}"
    return (
        f"{said}. The smallest effect of interest is {model.smallest_effect:g} points: "
        f"{_against_smallest(row['conf_low'], row['conf_high'], model.smallest_effect)}. An association, not a proof "
        "of a cause."
    )


def exposure_in_words(model: Model) -> str:
    """Return the declared difference in exposure in words, with the wave it is of."""
    before = {0: "", 1: ", one wave before,"}.get(model.lag, f", {model.lag} waves before,")
    return f"{model.per:g} hours more per 100 students{before}"


def _against_smallest(low: float, high: float, smallest: float) -> str:
    if low > smallest or high < -smallest:
        return "the whole interval lies beyond it"
    if -smallest < low and high < smallest:
        return "the whole interval is smaller"
    return "the interval leaves open whether it is reached"
