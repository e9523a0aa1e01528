"""Plain-language definitions of indicators (<standards>/indicators/<subject>.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sro_research.parameters import Identifier, Strict, Text, Words


class Definition(Strict):
    """An indicator as a parent or a board member may read of it."""

    title: Text
    definition: Text = Field(description="One or two short sentences.")
    numerator: Text = Field(description="What is counted or added up.")
    denominator: Text = Field(description="Of what; for a median or an amount, over which cases.")
    unit: Words = Field(description="The unit of the indicator's value: share, hours per 100 students, minutes, …")
    period: Literal["wave", "day"] = Field("wave", description="Counted over a wave's period, or as of its last day.")
    records: list[Identifier] = Field(min_length=1, description="The kinds of records it is made of.")
    caution: Text | None = Field(None, description="What it does not say.")


class Indicators(Strict):
    """The indicators of one subject."""

    schema_file = "params/indicators.schema.json"

    indicators: dict[Identifier, Definition] = Field(min_length=1)
