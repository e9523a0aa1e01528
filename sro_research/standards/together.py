"""All standards of a study: the files below `<standards>/` that are there."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

from sro_research.errors import StudyFileError
from sro_research.files import is_file
from sro_research.parameters import Records, Strict, Text, read_checked
from sro_research.standards.agreement import Agreement
from sro_research.standards.budget import BudgetStandard
from sro_research.standards.deadlines import Deadlines
from sro_research.standards.drills import DrillStandard
from sro_research.standards.outreach import OutreachStandard
from sro_research.standards.rubric import Rubric
from sro_research.standards.selection import SelectionStandard
from sro_research.standards.training import Course, TrainingStandard

MODELS: dict[str, type[Strict]] = {
    "training": TrainingStandard,
    "selection": SelectionStandard,
    "drills": DrillStandard,
    "outreach": OutreachStandard,
    "deadlines": Deadlines,
    "agreement": Agreement,
    "budget": BudgetStandard,
    "rubric": Rubric,
}
"""By the name of the file."""
NEEDED = {
    "training": "training",
    "selection": "selection",
    "drills": "drills",
    "tips": "deadlines",
    "threat_assessments": "deadlines",
    "restorative": "deadlines",
    "complaints": "deadlines",
    "agreement_reviews": "agreement",
    "budget": "budget",
}
"""Kinds of records that cannot be read or counted without a standard, and which one. Hours of outreach can:
where there is no standard, the log names its activities as it likes."""


@dataclass(frozen=True)
class Standards:
    """The standards of a study; None where there is no such file."""

    training: TrainingStandard | None = None
    selection: SelectionStandard | None = None
    drills: DrillStandard | None = None
    outreach: OutreachStandard | None = None
    deadlines: Deadlines | None = None
    agreement: Agreement | None = None
    budget: BudgetStandard | None = None
    rubric: Rubric | None = None
    folder: Path = field(default=Path("standards"), compare=False)
    """Where they were read from."""

    @property
    def courses(self) -> dict[str, Course]:
        """The courses of the training standard; none where there is no such standard."""
        return {} if self.training is None else self.training.courses

    def listed(self, name: str, part: str) -> dict[str, Text]:
        """Return the titles of what a part of a standard lists, by id; none where there is no such standard."""
        standard = getattr(self, name)
        return {} if standard is None else {key: one.title for key, one in getattr(standard, part).items()}

    @property
    def titles(self) -> dict[str, dict[str, Text]]:
        """What the standards call what they list, by the column that names it in tables, and by its name."""
        return {
            "course": self.listed("training", "courses"),
            "kind": self.listed("drills", "drills"),
            "activity": self.listed("outreach", "activities"),
            "audience": self.listed("outreach", "audiences"),
            "clause": self.listed("agreement", "clauses"),
            "item": self.listed("budget", "items"),
            "paid_by": self.listed("budget", "partners"),
            "criterion": self.listed("rubric", "criteria"),
            "band": {} if self.rubric is None else self.rubric.bands,
        }


def read_standards(folder: Path, records: Records) -> Standards:
    """Read the standards of a folder.

    Raises `StudyFileError` where one is wrong, or one that the study's records need is not there.
    """
    found = {name: read_checked(folder / f"{name}.yaml", model)[0] for name, model in MODELS.items()
             if is_file(folder / f"{name}.yaml")}  # fmt: skip
    for kind, name in NEEDED.items():
        if getattr(records, kind) is not None and name not in found:
            path = folder / f"{name}.yaml"
            raise StudyFileError(path, f"`records.{kind}` needs it", fix="Copy it from params/standards, and edit it.")
    assert set(found) <= {of.name for of in fields(Standards)}
    return Standards(**found, folder=folder)  # type: ignore[arg-type]
