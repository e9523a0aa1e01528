"""The register of clauses that an agreement between a district and a police agency should have (agreement.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sro_research.errors import nearest
from sro_research.parameters import Identifier, Strict, Text, Words, contradiction


class Publication(Strict):
    """A publication that recommends clauses."""

    title: Words
    publisher: Words
    year: int = Field(ge=1900, le=2100)


class Clause(Strict):
    """What one clause of the agreement asks."""

    title: Text
    asks: Text = Field(description="What the clause asks, in one or two short sentences.")
    scope: Literal["district", "school"] = Field(description="Reviewed once for the district, or at each school.")
    recommended_in: list[Identifier] = Field([], description="Publications that recommend it, or what it asks.")
    records: list[Identifier] = Field([], description="The kinds of records that can show whether it is kept.")


class Agreement(Strict):
    """The clauses that are reviewed, and for how long a review's finding stands (<standards>/agreement.yaml)."""

    schema_file = "params/agreement.schema.json"

    valid_days: int = Field(ge=1, description="An older finding counts as not assessed.")
    publications: dict[Identifier, Publication]
    clauses: dict[Identifier, Clause] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_publications(self) -> Agreement:
        for name, clause in self.clauses.items():
            for source in clause.recommended_in:
                if source not in self.publications:
                    at = ("clauses", name, "recommended_in")
                    fix = nearest(source, self.publications)
                    raise contradiction(at, f"there is no publication '{source}'", fix)
        return self

    @property
    def scopes(self) -> dict[str, str]:
        """`district` or `school` by clause."""
        return {name: clause.scope for name, clause in self.clauses.items()}
