"""The School Survey on Crime and Safety: what is asked of it, and where each year's file has it (<standards>/ssocs)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sro_research.errors import StudyFileError, nearest
from sro_research.files import Document
from sro_research.parameters import Identifier, Strict, Text, Words, contradiction, read_checked


class SsocsMeasure(Strict):
    """A figure of the School Survey on Crime and Safety, whatever the year."""

    title: Text
    kind: Literal["share", "count", "rate"] = Field("share", description="Share of schools, mean count, or rate.")
    among: Identifier | None = Field(None, description="The share whose schools were asked; all, if not given.")


class SsocsGrouping(Strict):
    """A way to group schools, and the words of its groups."""

    title: Text
    values: dict[Identifier, Text] = Field(min_length=2)


class SsocsTopic(Strict):
    """Measures that stand together on a page; all are shares of the same schools, or all are counts."""

    title: Text
    measures: list[Identifier] = Field(min_length=1)


class SsocsMeasures(Strict):
    """What is asked of the School Survey on Crime and Safety (<standards>/ssocs/measures.yaml)."""

    schema_file = "params/ssocs_measures.schema.json"

    source: Text = Field(description="Whom tables and pages name as their source.")
    groupings: dict[Identifier, SsocsGrouping] = Field(min_length=1)
    headlines: list[Identifier] = Field([], description="The shares with which a page begins.")
    topics: list[SsocsTopic] = Field([], description="What pages show, in this order.")
    measures: dict[Identifier, SsocsMeasure] = Field(min_length=1)

    @model_validator(mode="after")
    def _shown_are_known(self) -> SsocsMeasures:
        places: list[tuple[tuple[str | int, ...], list[str]]] = [(("headlines",), self.headlines)]
        places += [(("topics", i, "measures"), topic.measures) for i, topic in enumerate(self.topics)]
        for at, names in places:
            if unknown := [name for name in names if name not in self.measures]:
                raise contradiction(at, f"there is no measure '{unknown[0]}'", nearest(unknown[0], self.measures))
            kinds = {(self.measures[name].kind, self.measures[name].among) for name in names}
            if len(kinds) > 1:
                raise contradiction(at, "the measures are not of the same schools", "Take out those of others.")
            if at == ("headlines",) and kinds - {("share", None)}:
                raise contradiction(at, "the measures are not shares of all schools", "Begin with such shares.")
        return self

    @model_validator(mode="after")
    def _asked_of_known_schools(self) -> SsocsMeasures:
        shares = [name for name, measure in self.measures.items() if measure.kind == "share"]
        for name, measure in self.measures.items():
            if measure.among is not None and measure.among not in shares:
                at = ("measures", name, "among")
                raise contradiction(at, f"there is no share '{measure.among}'", nearest(measure.among, shares))
        return self


class SsocsColumn(Strict):
    """Where a year's file has a measure."""

    variables: list[Words] = Field(min_length=1, description="A share is yes if any of them is; counts are added.")
    yes_if: list[int] = Field([1], min_length=1, description="Codes that mean yes.")
    no_if: list[int] = Field([2], min_length=1, description="Codes that mean no.")
    at_least: int | None = Field(None, ge=1, description="For a share from counts: yes from this sum on.")
    skip: Literal["not_asked", "is_no"] = Field("not_asked", description="What a legitimate skip (-1) means.")
    changed: Text | None = Field(None, description="How the question differs from earlier years': no trend over it.")


class SsocsCodes(Strict):
    """Where a year's file has a grouping, and the group that each code means."""

    variable: Words
    codes: dict[int, Identifier] = Field(min_length=2)
    changed: Text | None = Field(None, description="How the groups differ from earlier years': no trend over it.")


class SsocsReplicates(Strict):
    """Jackknife replicate weights: `prefix` followed by 1 to `number`."""

    prefix: Words
    number: int = Field(ge=2)


class SsocsLayout(Strict):
    """A year's public-use file of the School Survey on Crime and Safety (<standards>/ssocs/<year>.yaml)."""

    schema_file = "params/ssocs.schema.json"

    wave: Identifier
    label: Text
    file: Words = Field(description="The name under which the file is published, without .sav or .csv.")
    caution: Text | None = Field(None, description="What a reader must know who compares this year with others.")
    schools: int = Field(ge=1, description="How many schools the published file has: one with fewer is cut off.")
    school: Words = Field(description="The variable that numbers schools.")
    weight: Words = Field(description="The full-sample weight.")
    replicates: SsocsReplicates
    groupings: dict[Identifier, SsocsCodes] = Field(min_length=1)
    measures: dict[Identifier, SsocsColumn] = Field(min_length=1)
    absent: dict[Identifier, Text] = Field({}, description="Measures that the file does not have, and why.")

    @model_validator(mode="after")
    def _present_or_absent(self) -> SsocsLayout:
        for name in self.measures.keys() & self.absent.keys():
            rule = f"'{name}' stands under `measures` and under `absent`"
            raise contradiction(("absent", name), rule, "Keep one of the two.")
        return self


def read_ssocs(folder: Path) -> tuple[SsocsMeasures, dict[str, SsocsLayout]]:
    """Read what is asked of the School Survey on Crime and Safety, and where each year's file has it, earliest first.

    `folder` has measures.yaml and a file per year. Raises `StudyFileError` where a year's file names what is not asked
    for, or is silent on a measure.
    """
    asked, _ = read_checked(folder / "measures.yaml", SsocsMeasures)
    layouts = {}
    for path in sorted(p for p in folder.glob("*.yaml") if p.name != "measures.yaml"):
        layout, document = read_checked(path, SsocsLayout)
        _fits(layout, asked, document)
        layouts[layout.wave] = layout
    return asked, layouts


def _fits(layout: SsocsLayout, asked: SsocsMeasures, document: Document) -> None:
    for part, known in (("groupings", asked.groupings), ("measures", asked.measures), ("absent", asked.measures)):
        for name in getattr(layout, part).keys() - known.keys():
            rule = f"measures.yaml does not know '{name}'"
            raise StudyFileError(document.where([part, name]), rule, fix=nearest(name, known))
    if silent := sorted(asked.measures.keys() - layout.measures.keys() - layout.absent.keys()):
        rule = f"'{silent[0]}' is neither under `measures` nor under `absent`"
        raise StudyFileError(document.path, rule, fix="Say where it is, or why it is not there.")
    for name, group in layout.groupings.items():
        for value in set(group.codes.values()) - asked.groupings[name].values.keys():
            place, fix = document.where(["groupings", name, "codes"]), nearest(value, asked.groupings[name].values)
            raise StudyFileError(place, f"measures.yaml has no group '{value}' of '{name}'", fix=fix)
