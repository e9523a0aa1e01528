"""Kinds of activities that officers log, and whom they are for (<standards>/outreach.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sro_research.parameters import Identifier, Strict, Text

Category = Literal["outreach", "presence", "neither"]
"""Set up to meet people; being there in the course of a day; neither."""


class Activity(Strict):
    """A kind of activity."""

    title: Text
    category: Category = Field(
        description="outreach: set up to meet people. presence: being there in the day. neither: else."
    )


class Audience(Strict):
    """Whom an activity is for."""

    title: Text


class OutreachStandard(Strict):
    """The kinds of activities that a log of outreach tells apart, and whom they are for."""

    schema_file = "params/outreach.schema.json"

    activities: dict[Identifier, Activity] = Field(min_length=1)
    audiences: dict[Identifier, Audience] = Field({}, description="None: the log says for whom as it likes.")

    @property
    def categories(self) -> dict[str, Category]:
        """The category of each kind of activity."""
        return {name: activity.category for name, activity in self.activities.items()}
