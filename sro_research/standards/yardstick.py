"""Which figures of a district can be held against the nation (<standards>/yardstick.yaml)."""

from __future__ import annotations

from pydantic import Field, model_validator

from sro_research.parameters import Identifier, Strict, Text, Words, contradiction


class Counterpart(Strict):
    """Whether a figure of a district is defined as one of a national survey; if not, the reason, for readers."""

    measure: Identifier = Field(description="The district's figure.")
    population: str = Field("", description="Whom it is about, as in its safe cell.")
    title: Text
    national: Identifier | None = Field(None, description="The figure of the same definition in the national table.")
    reason: Text | None = Field(None, description="Why there is none.")

    @model_validator(mode="after")
    def _matches_or_says_why(self) -> Counterpart:
        if (self.national is None) == (self.reason is None):
            rule = f"'{self.measure}' has both `national` and `reason`, or neither"
            raise contradiction((), rule, "Name the national figure, or say why there is none.")
        return self


class Yardstick(Strict):
    """Which figures of a district can be held against the nation (<standards>/yardstick.yaml)."""

    schema_file = "params/yardstick.schema.json"

    table: Words = Field(
        description="National estimates beside this file; `sro-research run params/ssocs.yaml` makes it."
    )
    survey: Identifier = Field(description="The folder beside this file that says what the survey asks.")
    wave: Identifier = Field(description="The wave of the table that is used.")
    label: Text = Field(description="How pages call this wave.")
    source: Text
    figures: list[Counterpart] = Field(min_length=1)
