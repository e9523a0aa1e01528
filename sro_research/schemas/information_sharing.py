"""The log of what schools and officers told each other and others about students: that it was told, not what.

34 CFR 99.32 asks a school for a record of who asked for personally identifiable information from education records,
and of their interest in it. The legal bases are those of 34 CFR 99.30, 99.31 and 99.8, in plain words.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import date, of_study, one_of, text

ASKED_BY = ("school", "officer", "police_agency", "court", "child_services", "other")
SHARED_KINDS = ("education_record", "directory_information", "video", "incident_report", "police_record", "other")
LEGAL_BASES = (
    "consent",
    "school_official",
    "court_order_or_subpoena",
    "health_or_safety_emergency",
    "directory_information",
    "law_enforcement_unit_record",
    "other_law",
)


def information_sharing(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is an occasion on which information was shared: day, who asked, kind, legal basis; no content.

    A blank basis was not stated, which is not "none".
    """
    return pa.DataFrameSchema(
        {
            "sharing_id": text(unique=True),
            "school_id": text(*of_study(schools, "a school")),
            "date": date(),
            "asked_by": text(one_of(ASKED_BY)),
            "kind": text(one_of(SHARED_KINDS)),
            "legal_basis": text(one_of(LEGAL_BASES), nullable=True),
        },
        strict=True,
    )
