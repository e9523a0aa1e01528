"""Complaints in a made-up district."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas import COMPLAINT_CHANNELS
from sro_research.synthetic.cases import after, begin, numbered

OTHER_FINDINGS = ("not_sustained", "unfounded", "exonerated")
GROUPS = ("student", "family", "staff")


@dataclass(frozen=True)
class ComplaintsTruth:
    """What is planted: complaints per 100 students in a wave, mean wait for disposition, shares."""

    per_100: float = 1.2
    disposition_days: float = 40.0
    withdrawn: float = 0.1
    sustained: float = 0.2
    """Of those that were decided."""
    group_not_stated: float = 0.25
    disposed_without_finding: int = 2
    """So many, whatever the district's size (as far as it has so many)."""


def make_complaints(
    schools: pd.DataFrame,
    waves: list[Wave],
    rng: np.random.Generator,
    *,
    as_of: dt.date,
    truth: ComplaintsTruth | None = None,
) -> pd.DataFrame:
    """Return the table `complaints` as a district would export it on the day `as_of`."""
    truth = truth or ComplaintsTruth()
    begun = begin(schools, waves, truth.per_100, rng, as_of=as_of)
    n = len(begun)
    disposed = after(begun["day"], truth.disposition_days, rng, as_of=as_of)
    found = np.where(rng.random(n) < truth.sustained, "sustained", rng.choice(OTHER_FINDINGS, n))
    found = np.where(rng.random(n) < truth.withdrawn, "withdrawn", found)
    lacking = disposed.notna() & disposed.notna().cumsum().le(truth.disposed_without_finding)
    group = pd.Series(rng.choice(GROUPS, n), dtype="string").mask(rng.random(n) < truth.group_not_stated)
    table = pd.DataFrame(
        {
            "school_id": begun["school_id"],
            "channel": pd.Series(rng.choice(COMPLAINT_CHANNELS, n), dtype="string"),
            "received_on": begun["day"],
            "disposed_on": disposed,
            "finding": pd.Series(found, dtype="string").where(disposed.notna() & ~lacking),
            "complainant_group": group,
        }
    )
    return numbered(table, "complaint_id", "K")
