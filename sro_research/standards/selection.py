"""What officers are chosen by (<standards>/selection.yaml): declared criteria, rated on one scale."""

from __future__ import annotations

from pydantic import Field, model_validator

from sro_research.parameters import Identifier, Strict, Text, contradiction


class Criterion(Strict):
    """A criterion of selection."""

    title: Text
    meets: int = Field(description="The lowest rating that meets it.")


class SelectionStandard(Strict):
    """The criteria by which officers are chosen, declared before anybody is rated."""

    schema_file = "params/selection.schema.json"

    lowest: int = Field(description="The lowest rating of the scale.")
    highest: int = Field(description="The highest rating of the scale.")
    criteria: dict[Identifier, Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _on_the_scale(self) -> SelectionStandard:
        for name, criterion in self.criteria.items():
            if not self.lowest < criterion.meets <= self.highest:
                raise contradiction(
                    ("criteria", name, "meets"),
                    f"'{name}' is met by every rating or by none",
                    f"Write a rating above {self.lowest}, up to {self.highest}.",
                )
        return self
