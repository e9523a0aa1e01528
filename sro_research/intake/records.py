"""The kinds of program records, in the order in which they refer to each other, and the rules of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from sro_research import schemas
from sro_research.instruments import Instrument
from sro_research.standards.together import Standards


@dataclass(frozen=True)
class Known:
    """What a record may refer to.

    `tables` are those taken in so far; `groups` has the codes of background questions of the student survey.
    """

    tables: Mapping[str, pd.DataFrame]
    waves: list[str]
    groups: Mapping[str, tuple[int, ...]]
    standards: Standards

    def ids(self, kind: str, column: str) -> set[str] | None:
        """Return the identifiers in a table; None where it was not provided."""
        return set(self.tables[kind][column]) if kind in self.tables else None

    @property
    def schools(self) -> set[str] | None:
        """Return the schools of the study."""
        return self.ids("schools", "school_id")

    @property
    def officers(self) -> set[str] | None:
        """Return the officers of the study; None where there is no list of them."""
        return self.ids("officers", "officer_id")

    @property
    def enrolled(self) -> dict[tuple[str, str], int] | None:
        """Return the students by (school_id, wave)."""
        if "schools" not in self.tables:
            return None
        rows = self.tables["schools"][["school_id", "wave", "students"]].itertuples(index=False)
        return {(school, wave): students for school, wave, students in rows}

    @property
    def events(self) -> set[str] | None:
        """Return the drills and emergencies from which a lesson may come; None where one of the lists is not there."""
        drills, emergencies = self.ids("drills", "drill_id"), self.ids("emergencies", "emergency_id")
        return None if drills is None or emergencies is None else drills | emergencies


def codes_of_groups(instruments: Iterable[Instrument]) -> dict[str, tuple[int, ...]]:
    """Return the codes of each background question that students are asked: what records call groups of students."""
    students = [instrument for instrument in instruments if instrument.population == "student"]
    return {name: tuple(sorted(question.labels)) for asked in students for name, question in asked.background.items()}


def _selection(known: Known) -> pa.DataFrameSchema:
    standard = known.standards.selection
    assert standard is not None  # `read_standards` asks for it.
    return schemas.selection(known.officers, standard.criteria, lowest=standard.lowest, highest=standard.highest)


def _outreach(known: Known) -> pa.DataFrameSchema:
    if (standard := known.standards.outreach) is None:
        return schemas.outreach(known.schools, known.officers)
    return schemas.outreach(known.schools, known.officers, standard.activities, standard.audiences or None)


def _drills(known: Known) -> pa.DataFrameSchema:
    assert known.standards.drills is not None
    return schemas.drills(known.schools, known.standards.drills.drills)


def _agreement_reviews(known: Known) -> pa.DataFrameSchema:
    assert known.standards.agreement is not None
    return schemas.agreement_reviews(known.schools, known.standards.agreement.scopes)


def _budget(known: Known) -> pa.DataFrameSchema:
    assert known.standards.budget is not None
    return schemas.budget(known.standards.budget.items, known.standards.budget.partners)


RECORDS: dict[str, Callable[[Known], pa.DataFrameSchema]] = {
    "officers": lambda _: schemas.officers(),
    "enrollment": lambda k: schemas.enrollment(k.schools, k.waves, k.groups),
    "assignments": lambda k: schemas.assignments(k.schools, k.officers),
    "training": lambda k: schemas.training(k.officers, k.standards.courses),
    "outreach": _outreach,
    "discipline": lambda k: schemas.discipline(k.enrolled, k.waves),
    "leaves": lambda k: schemas.leaves(k.officers),
    "closures": lambda k: schemas.closures(k.schools),
    "selection": _selection,
    "reviews": lambda k: schemas.reviews(k.officers),
    "coaching": lambda k: schemas.coaching(k.officers),
    "contacts": lambda k: schemas.contacts(k.schools, k.officers, k.groups),
    "calls": lambda k: schemas.calls(k.schools),
    "drills": _drills,
    "tips": lambda k: schemas.tips(k.schools),
    "threat_assessments": lambda k: schemas.threat_assessments(k.schools),
    "restorative": lambda k: schemas.restorative(k.schools),
    "log_reviews": lambda k: schemas.log_reviews(k.schools),
    "complaints": lambda k: schemas.complaints(k.schools),
    "emergencies": lambda k: schemas.emergencies(k.schools),
    "after_action_items": lambda k: schemas.after_action_items(k.ids("emergencies", "emergency_id")),
    "lessons": lambda k: schemas.lessons(k.events),
    "information_sharing": lambda k: schemas.information_sharing(k.schools),
    "agreement_reviews": _agreement_reviews,
    "budget": _budget,
    "grants": lambda _: schemas.grants(),
}
