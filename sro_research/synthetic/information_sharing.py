"""The log of shared information of a made-up district."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas import ASKED_BY, LEGAL_BASES, SHARED_KINDS
from sro_research.synthetic.cases import begin, numbered


@dataclass(frozen=True)
class SharingTruth:
    """What is planted: occasions per 100 students in a wave, and the share whose legal basis is stated."""

    per_100: float = 2.0
    basis_stated: float = 0.9


def make_information_sharing(
    schools: pd.DataFrame,
    waves: list[Wave],
    rng: np.random.Generator,
    *,
    as_of: dt.date,
    truth: SharingTruth | None = None,
) -> pd.DataFrame:
    """Return the table `information_sharing` as a district would export it on the day `as_of`."""
    truth = truth or SharingTruth()
    begun = begin(schools, waves, truth.per_100, rng, as_of=as_of)
    n = len(begun)
    basis = pd.Series(rng.choice(LEGAL_BASES, n), dtype="string").where(rng.random(n) < truth.basis_stated)
    asked, kind = (pd.Series(rng.choice(of, n), dtype="string") for of in (ASKED_BY, SHARED_KINDS))
    table = begun.rename(columns={"day": "date"}).assign(asked_by=asked, kind=kind, legal_basis=basis)
    return numbered(table, "sharing_id", "S")
