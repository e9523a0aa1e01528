"""Drills that every school holds (<standards>/drills.yaml)."""

from __future__ import annotations

from pydantic import Field

from sro_research.parameters import Identifier, Strict, Text


class Drill(Strict):
    """A kind of drill."""

    title: Text
    per_wave: int = Field(ge=0, description="How many each school holds in a wave's period; 0: counted, not required.")


class DrillStandard(Strict):
    """Drills that every school holds; law and policy differ by state, so the numbers are the program's own."""

    schema_file = "params/drills.schema.json"

    drills: dict[Identifier, Drill] = Field(min_length=1)

    @property
    def required(self) -> dict[str, int]:
        """How many of each kind a school holds in a wave."""
        return {kind: drill.per_wave for kind, drill in self.drills.items()}
