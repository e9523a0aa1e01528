"""The criteria of a program, the evidence for each, and their declared weights (rubric.yaml)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from sro_research.parameters import Identifier, Strict, Text, contradiction

ROUNDING = 1e-9
"""Weights such as 0.1 are not exact in binary; their sum is 1 up to this."""


class Evidence(Strict):
    """The statistic of the whole district that a criterion rests on."""

    measure: Identifier
    population: str = ""
    construct_: str = Field("", alias="construct", description="What it is of, such as the construct of a survey.")
    group_by: str = Field("", description="For one group only: the question, and its code in `group`.")
    group: str = ""


class Criterion(Strict):
    """A criterion: its part of the score runs evenly from 0 at `none` to 1 at `full`."""

    title: Text
    asks: Text = Field(description="The question behind it, as a parent would ask it.")
    evidence: Evidence
    direction: Literal["higher", "lower"] = Field(description="Which values of the evidence are better.")
    none: float = Field(description="The value of the evidence at which the part is 0, and below it.")
    full: float = Field(description="The value of the evidence at which the part is 1, and beyond it.")
    thresholds: list[float] = Field(min_length=1, description="Values at which the next better band begins.")
    weight: float = Field(gt=0, le=1)
    weight_between: list[float] = Field(
        min_length=2, max_length=2, description="Weights that people of good will might give it: least and most."
    )


class Rubric(Strict):
    """Criteria with declared weights that sum to 1 (<standards>/rubric.yaml)."""

    schema_file = "params/rubric.schema.json"

    caution: Text = Field(description="What stands beside every score.")
    least_known_weight: float = Field(gt=0, le=1, description="No score where evidence covers less of the weight.")
    bands: dict[Identifier, Text] = Field(min_length=2, description="Words for the bands, from least to most.")
    criteria: dict[Identifier, Criterion] = Field(min_length=2)

    @model_validator(mode="after")
    def _adds_up(self) -> Rubric:
        total = sum(criterion.weight for criterion in self.criteria.values())
        if abs(total - 1) > ROUNDING:
            raise contradiction(("criteria",), f"the weights sum to {total:g}, not to 1", "Mend a weight.")
        for name, criterion in self.criteria.items():
            _check(criterion, ("criteria", name), len(self.bands))
        return self


def _check(criterion: Criterion, at: tuple[str, str], bands: int) -> None:
    low, high = criterion.weight_between
    if not 0 <= low <= criterion.weight <= high <= 1:
        rule = "`weight_between` must hold the weight, and lie between 0 and 1"
        raise contradiction((*at, "weight_between"), rule, "Write least and most, [0.05, 0.2].")
    sign = 1 if criterion.direction == "higher" else -1
    if sign * (criterion.full - criterion.none) <= 0:
        rule = f"`full` is not better than `none` where {criterion.direction} values are better"
        raise contradiction((*at, "full"), rule, "Exchange the two, or mend `direction`.")
    if len(criterion.thresholds) != bands - 1:
        rule = f"{bands} bands need {bands - 1} thresholds"
        raise contradiction((*at, "thresholds"), rule, "Give one for every band but the first.")
    steps = [criterion.none, *criterion.thresholds, criterion.full]
    inner = list(pairwise(criterion.thresholds))
    if any(sign * (b - a) < 0 for a, b in pairwise(steps)) or any(a == b for a, b in inner):
        rule = "thresholds must run from `none` to `full`"
        raise contradiction((*at, "thresholds"), rule, "Put them in this order, none twice.")
