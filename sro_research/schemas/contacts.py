"""Contacts of officers with students, as a program logs them: no names, no text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandera.pandas as pa

from sro_research.schemas.columns import date, of_study, text

KINDS = ("stop", "search", "interview", "referral", "citation", "arrest", "diversion", "other")
"""What a contact came to, on the officer's side."""
ROUTINE, SAFETY, NOT_CLASSED = "routine_discipline", "safety_or_criminal", "not_classed"
CALLED_BY = ("administrator", "teacher", "officer_initiated", "student", "parent", "other")
BASES = ("consent", "reasonable_suspicion", "probable_cause", "warrant", "school_request", "other")
"""On which ground a student was searched."""
OUTCOMES = ("returned_to_school", "warned", "referred", "diverted", "cited", "arrested", "open")
NOT_ANSWERED = "not a code of this question of the student survey"


def contacts(
    schools: Iterable[str] | None, officers: Iterable[str] | None, groups: Mapping[str, Iterable[int]]
) -> pa.DataFrameSchema:
    """One row is one contact of an officer with one student; several students of one event have several rows.

    `reason` is the first coder's class, `second_reason` that of another person who did not see the first, given for a
    sample. `basis` is given where the student was searched, whatever the contact came to; `found` tells whether
    anything was. A blank `outcome` is not known, `open` is not decided yet. `call_id` is the call that it arose from,
    blank where there was none or it was not recorded; that it is on the list of calls is no rule here, findings count
    it. `groups` has the codes of each background question of the student survey that the log records: one column each,
    blank where it was not recorded.
    """

    def one_of(values: Iterable[str], *, nullable: bool = True) -> pa.Column:
        known = list(values)
        return text(pa.Check.isin(known, error=f"not one of {', '.join(known)}"), nullable=nullable)

    return pa.DataFrameSchema(
        {
            "contact_id": text(unique=True),
            "school_id": text(*of_study(schools, "a school")),
            "officer_id": text(*of_study(officers, "an officer"), nullable=True),
            "date": date(),
            "kind": one_of(KINDS, nullable=False),
            "reason": one_of((ROUTINE, SAFETY, NOT_CLASSED)),
            "second_reason": one_of((ROUTINE, SAFETY, NOT_CLASSED)),
            "called_by": one_of(CALLED_BY),
            "basis": one_of(BASES),
            "found": one_of(("yes", "no")),
            "outcome": one_of(OUTCOMES),
            "call_id": text(nullable=True),
            **{
                question: pa.Column("Int64", pa.Check.isin(list(codes), error=NOT_ANSWERED), nullable=True)
                for question, codes in groups.items()
            },
        },
        strict=True,
    )
