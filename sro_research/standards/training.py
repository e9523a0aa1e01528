"""The training standard (<standards>/training.yaml): which courses, by when, and for how long they count."""

from __future__ import annotations

from pydantic import Field

from sro_research.parameters import Identifier, Strict, Text


class Course(Strict):
    """A course of the training standard. Days are days in the program; days of leave do not count."""

    hours: float = Field(gt=0)
    title: Text
    due_days: int = Field(ge=0, description="Due so many days after an officer's first day.")
    valid_days: int | None = Field(None, gt=0, description="Must be taken again after so many days; never, if blank.")
    grace_days: int = Field(0, ge=0, description="Days after that on which it still counts.")
    refresher: bool = Field(False, description="Nothing is missing before it is due for the first time.")


class TrainingStandard(Strict):
    """Courses that every officer of the program completes (<standards>/training.yaml)."""

    schema_file = "params/training.schema.json"

    courses: dict[Identifier, Course] = Field(min_length=1)
