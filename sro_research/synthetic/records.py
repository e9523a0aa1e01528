"""All records of a synthetic program beside its surveys, each subject from a stream of its own."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.standards.together import Standards
from sro_research.synthetic.agreement import make_agreement_reviews
from sro_research.synthetic.budget import make_budget
from sro_research.synthetic.call_outcomes import make_call_outcomes
from sro_research.synthetic.complaints import make_complaints
from sro_research.synthetic.contacts import ContactTruth, make_contacts
from sro_research.synthetic.emergencies import make_emergencies
from sro_research.synthetic.information_sharing import make_information_sharing
from sro_research.synthetic.operations import make_operations
from sro_research.synthetic.people import PeopleTruth, make_people

GROUPS = ("race_ethnicity", "gender", "grade_band")
"""Background questions by which the log of contacts tells groups."""
PEOPLE = PeopleTruth(
    course_scale=300.0,
    flaws={"course_before_hire": 2, "assignment_overlap": 1, "leave_overlap": 1, "review_outside_waves": 1},
)
"""Courses take long enough that schools come to be fully trained in different waves; and records have their flaws."""


def make_records(
    tables: Mapping[str, pd.DataFrame], waves: list[Wave], standards: Standards, *, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the records that the standards allow, from `schools`, `officers`, `assignments` and `enrollment`.

    Everything is as exported on the last day of the last wave; `assignments` come back with secondary officers.
    """
    schools, officers, assignments = (tables[name] for name in ("schools", "officers", "assignments"))
    as_of = waves[-1].end

    def stream(subject: str) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(subject.encode())])

    made = {
        "complaints": make_complaints(schools, waves, stream("complaints"), as_of=as_of),
        "information_sharing": make_information_sharing(schools, waves, stream("sharing"), as_of=as_of),
    }
    if standards.selection is not None:
        people = stream("people")
        made |= make_people(officers, assignments, standards.courses, standards.selection, waves, people, PEOPLE)
    if "enrollment" in tables:
        posts = made.get("assignments", assignments)
        log = make_contacts(
            tables["enrollment"], posts, waves, stream("contacts"), questions=GROUPS, truth=ContactTruth()
        )
        made["contacts"] = log.table
    if standards.drills is not None:
        required = standards.drills.required
        made |= make_operations(schools, waves, stream("operations"), required=required, as_of=as_of)
        made |= make_call_outcomes(made["calls"], made.get("contacts"), waves, stream("call outcomes"))
        made |= make_emergencies(schools, waves, made["drills"], stream("emergencies"), as_of=as_of)
    if standards.agreement is not None:
        reviews = make_agreement_reviews(schools, waves, standards.agreement.scopes, rng=stream("agreement"))
        made["agreement_reviews"] = reviews
    if standards.budget is not None:
        made["budget"], made["grants"] = make_budget(officers, waves, first_month=standards.budget.first_month)
    return made
