"""Complaints about the program."""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import date, of_study, one_of, text

COMPLAINT_CHANNELS = ("online", "in_person", "phone", "letter", "other")
COMPLAINT_FINDINGS = ("sustained", "not_sustained", "unfounded", "exonerated", "resolved_informally", "withdrawn")
"""`not_sustained`: it could not be decided; `unfounded`: it did not happen; `exonerated`: it did, and was proper."""


def complaints(schools: Iterable[str] | None) -> pa.DataFrameSchema:
    """One row is a complaint: how and when it came, when it was disposed of and with which finding.

    `complainant_group` is what the person said of himself or herself, blank where nothing was said or asked. Who
    complained, and about whom, is not recorded here.
    """
    return pa.DataFrameSchema(
        {
            "complaint_id": text(unique=True),
            "school_id": text(*of_study(schools, "a school")),
            "channel": text(one_of(COMPLAINT_CHANNELS)),
            "received_on": date(),
            "disposed_on": date(nullable=True),
            "finding": text(one_of(COMPLAINT_FINDINGS), nullable=True),
            "complainant_group": text(nullable=True),
        },
        strict=True,
    )
