"""What a study is: the strict model of a study file, and the reader that resolves `extends`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sro_research.errors import StudyFileError, WorkbenchError, nearest
from sro_research.files import Document, fingerprint, read_yaml

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
Language = Literal["en", "es"]
Text = dict[Language, str]
M = TypeVar("M", bound="Strict")


class Strict(BaseModel):
    """A part of a study file: no unknown keys, no silent conversion, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Folders(Strict):
    """Where things lie; relative paths start at the study file that states them."""

    data: str = Field(description="Raw exports. Real data must lie outside the repository.")
    surveys: str = Field(description="Instruments: <instrument>.<language>.yaml.")
    notebooks: str = Field(description="The notebooks to run.")
    standards: str = Field(description="Standards: training.yaml, …")
    reports: str = Field(description="Results go to <reports>/<study>.")


class Wave(Strict):
    """One round of the survey and the period whose records belong to it."""

    id: Identifier
    label: Text
    start: dt.date = Field(description="First day of the period of records.")
    end: dt.date = Field(description="Last day of the period of records.")

    @model_validator(mode="after")
    def _in_order(self) -> Wave:
        if self.end < self.start:
            raise ValueError(f"wave '{self.id}' ends before it starts")
        return self


class Source(Strict):
    """One raw export: a CSV, XLSX or SPSS file below `folders.data`."""

    file: str
    encoding: str = Field("utf-8", description="For CSV; exports from older Windows programs are cp1252.")
    columns: dict[str, str] = Field({}, description="Our column name: the name in the export, where they differ.")


class SurveySource(Source):
    """The answers to one instrument in one wave."""

    instrument: Identifier
    wave: Identifier


class Records(Strict):
    """Program records. What is not provided is said so in the reports; it never counts as zero."""

    schools: Source | None = None
    officers: Source | None = None
    assignments: Source | None = None
    training: Source | None = None
    outreach: Source | None = None


class Disclosure(Strict):
    """Thresholds of the disclosure policy; see sro_research/disclosure/policy.py for their sources."""

    minimum_group_size: int = Field(10, ge=5, le=30, description="Groups with fewer people are hidden.")
    minimum_officers: int = Field(10, ge=5, le=50, description="Officer figures need at least this many officers.")


class Margins(Strict):
    """The smallest differences that matter, declared before looking at results."""

    share: float = Field(gt=0, lt=1, description="Difference of two shares, 0.05 = 5 percentage points.")
    score: float = Field(gt=0, description="Difference of two mean scores, in scale points.")


class Model(Strict):
    """The declared engagement and climate model."""

    population: Identifier
    outcome: Identifier = Field(description="A construct of that population's instrument.")
    exposure: Literal["outreach_hours_per_100_students"]
    per: float = Field(gt=0, description="Effects are given per this many units of the exposure.")
    smallest_effect: float = Field(gt=0, description="Smallest effect of interest, in scale points, for `per` units.")


class Notebooks(Strict):
    """Notebooks in the order in which they run."""

    study: list[str]
    school: str
    board: str


class Pages(Strict):
    """What the published pages show."""

    languages: list[Language] = Field(min_length=1)
    groups: list[Identifier] = Field(description="Background questions by which results are shown.")


class Course(Strict):
    """A course of the training standard."""

    hours: float = Field(gt=0)
    title: Text


class TrainingStandard(Strict):
    """Courses that every officer of the program completes (<standards>/training.yaml)."""

    courses: dict[Identifier, Course] = Field(min_length=1)


class Parameters(Strict):
    """A whole study file after `extends` is resolved."""

    study: Identifier
    title: Text
    organization: str
    contact: Text = Field(description="Whom a reader may ask, and how.")
    notice: Text | None = Field(None, description="A sentence shown at the top of every page.")
    synthetic: bool = Field(False, description="The data are made up; every page says so.")
    public_use_source: str | None = Field(None, description="Publisher of public-use data, if that is what this is.")
    folders: Folders
    waves: list[Wave] = Field(min_length=1, description="In the order of time.")
    surveys: list[SurveySource] = Field(min_length=1)
    records: Records = Records()
    reported_schools: list[str] | None = Field(None, description="Schools that get a page; all, if not given.")
    disclosure: Disclosure
    margins: Margins
    model: Model | None = None
    notebooks: Notebooks
    pages: Pages

    @model_validator(mode="after")
    def _consistent(self) -> Parameters:
        waves = [w.id for w in self.waves]
        if len(set(waves)) < len(waves):
            raise ValueError("two waves have the same id")
        for source in self.surveys:
            if source.wave not in waves:
                raise ValueError(
                    f"survey file '{source.file}' names the wave '{source.wave}'. {nearest(source.wave, waves)}"
                )
        return self

    @property
    def fingerprint(self) -> str:
        """A hash of everything that was asked for, except where the folders lie on this machine."""
        return fingerprint(self.model_dump(mode="json", exclude={"folders"}))


def read_parameters(path: Path) -> Parameters:
    """Read a study file and the files it extends.

    Raises `StudyFileError` naming file, line and fix for the first thing that is wrong.
    """
    data, where = _resolved(path.resolve(), ())
    try:
        return Parameters.model_validate(data)
    except ValidationError as error:
        raise _explain(error, Parameters, data, where, path) from None


def read_checked(path: Path, model: type[M]) -> tuple[M, Document]:
    """Read one strict YAML file (an instrument, a standard) into its model."""
    document = read_yaml(path)
    where = {keys: f"{path}:{line}" for keys, line in document.lines.items()}
    try:
        return model.model_validate(document.data), document
    except ValidationError as error:
        raise _explain(error, model, document.data, where, path) from None


def _resolved(path: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], dict[tuple[str | int, ...], str]]:
    if path in above:
        raise StudyFileError(path, "the study extends itself", fix="Break the circle of `extends`.")
    document = read_yaml(path)
    data = dict(document.data)
    base, where = {}, {}
    if (parent := data.pop("extends", None)) is not None:
        if not isinstance(parent, str):
            raise StudyFileError(document.where(["extends"]), "`extends` names one file", fix="Write its path.")
        if not (path.parent / parent).is_file():
            raise StudyFileError(
                document.where(["extends"]), f"there is no file '{parent}' to extend", fix="Check the path."
            )
        base, where = _resolved((path.parent / parent).resolve(), (*above, path))
    if isinstance(folders := data.get("folders"), dict):
        data["folders"] = {k: str((path.parent / v).resolve()) if isinstance(v, str) else v for k, v in folders.items()}
    where |= {keys: f"{path}:{line}" for keys, line in document.lines.items()}
    return _merged(base, data), where


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: _merged(base[k], over[k])
        for k in base.keys() & over.keys()
        if isinstance(base[k], Mapping) and isinstance(over[k], Mapping)
    }
    return {**base, **over, **both}


def _explain(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    where: Mapping[tuple[str | int, ...], str],
    path: Path,
) -> WorkbenchError:
    """Turn pydantic's first finding into one sentence with file, line and fix."""
    findings = error.errors(include_url=False)
    first = next((f for f in findings if f["type"] == "extra_forbidden"), findings[0])
    keys = tuple(k for k in first["loc"] if isinstance(k, str | int))
    at = keys
    while at and at not in where:
        at = at[:-1]
    place = where.get(at, str(path))
    name = ".".join(str(k) for k in keys)
    more = f" ({len(findings) - 1} more after this one.)" if len(findings) > 1 else ""
    kind = first["type"]
    if kind == "extra_forbidden":
        rule, fix = f"unknown key '{name}'", nearest(str(keys[-1]), _fields(model, keys[:-1]))
    elif kind == "missing":
        rule, fix = f"the key '{name}' is missing", "Add it; params/study.schema.json describes each key."
    elif kind == "string_type" and isinstance(first["input"], int | float | dt.date):
        rule, fix = f"'{name}' must be text", f'Write it in quotes: "{first["input"]}".'
    elif kind == "value_error":
        rule, fix = first["msg"].removeprefix("Value error, "), "Mend this entry."
    else:
        rule, fix = f"'{name}' is not allowed here: {_lower(first['msg'])}", "See params/study.schema.json."
    return StudyFileError(place, rule, fix=fix + more)


def _fields(model: type[BaseModel], keys: tuple[str | int, ...]) -> list[str]:
    for key in keys:
        if isinstance(key, str) and key in model.model_fields:
            inner = _models(model.model_fields[key].annotation)
            if not inner:
                return []
            model = inner[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models(part)]


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
