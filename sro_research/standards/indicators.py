"""Plain-language definitions of indicators (<standards>/indicators/<subject>.yaml).

What an indicator is about decides whether a page may tell it. `program`: what the program does as an organization, such
as drills held or reviews done; the board's page tells it for the whole district. `people`: students, complainants or
single persons; it stays inside, whatever its size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sro_research.errors import StudyFileError
from sro_research.parameters import Identifier, Strict, Text, Words, contradiction, read_checked

About = Literal["program", "people"]
PROGRAM: About = "program"
OF_PEOPLE = (
    *("surveys", "enrollment", "discipline", "contacts", "complaints", "tips", "threat_assessments", "restorative"),
    *("information_sharing", "coaching"),
)
"""Kinds of records of which each row is about a student, a complainant or a single person's steps. An indicator that is
made of one is about people. Calls are not among them: how long they took is the program's. What became of them is about
people, says so in its definition, and is in no list of the program's figures."""
SHARE = "share"


class Definition(Strict):
    """An indicator as a parent or a board member may read of it."""

    title: Text
    definition: Text = Field(description="One or two short sentences.")
    about: About = Field(description="program: what the program does. people: it stays inside.")
    numerator: Text = Field(description="What is counted or added up.")
    denominator: Text = Field(description="Of what; for a median or an amount, over which cases.")
    unit: Words = Field(description="The unit of the indicator's value: share, hours per 100 students, minutes, …")
    unit_on_pages: Text | None = Field(None, description="How pages call the unit of a figure that is no share.")
    period: Literal["wave", "day"] = Field("wave", description="Counted over a wave's period, or as of its last day.")
    records: list[Identifier] = Field(min_length=1, description="The kinds of records it is made of.")
    caution: Text | None = Field(None, description="What it does not say.")

    @model_validator(mode="after")
    def _people_stay_inside(self) -> Definition:
        if self.about == PROGRAM and (of := [kind for kind in self.records if kind in OF_PEOPLE]):
            raise contradiction(("about",), f"it is made of '{of[0]}', which are about people", "Write `people`.")
        return self

    @model_validator(mode="after")
    def _pages_can_name_its_unit(self) -> Definition:
        if self.about == PROGRAM and (self.unit == SHARE) != (self.unit_on_pages is None):
            raise contradiction(("unit",), "pages need a name for the unit, but of a share", "Mend `unit_on_pages`.")
        return self


class Indicators(Strict):
    """The indicators of one subject."""

    schema_file = "params/indicators.schema.json"

    title: Text = Field(description="What the subject is called.")
    indicators: dict[Identifier, Definition] = Field(min_length=1)


def read_definitions(folder: Path) -> dict[str, Indicators]:
    """Read all definitions of a folder of standards, by subject; none where it has no folder `indicators`.

    Raises `StudyFileError` where one is wrong, or two have one name.
    """
    found: dict[str, Indicators] = {}
    first: dict[str, str] = {}
    for path in sorted((folder / "indicators").glob("*.yaml")):
        found[path.stem] = read_checked(path, Indicators)[0]
        for name in found[path.stem].indicators:
            if (other := first.setdefault(name, path.name)) != path.name:
                raise StudyFileError(path, f"'{name}' is defined in {other}, too", fix="Keep one of the two.")
    return found
