"""Information that was shared about students: how often, with whom, of which kind, on which legal basis; no content."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import begun_in, counts, findings, later, outside, shares, without_cases
from sro_research.parameters import Wave

BREAKDOWNS = ("asked_by", "kind", "legal_basis")


def sharing_indicators(sharing: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return `information_shared`, also by who asked, kind and legal basis; and `sharing_with_basis_share`.

    The second is the share of occasions whose legal basis is stated; whether it was the right one is not asked.
    """
    begun = begun_in(sharing, "date", waves)
    stated = begun["legal_basis"].notna().astype("boolean")
    shared = [counts(begun, schools, measure="information_shared", unit="occasions", by=by) for by in ("", *BREAKDOWNS)]
    return pd.concat([*shared, shares(begun, stated, schools, measure="sharing_with_basis_share")], ignore_index=True)


def sharing_findings(sharing: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the log, as `finding`, `rows`, `explanation`."""
    return findings(
        {
            "sharing_outside_waves": (
                outside(sharing, "date", waves),
                "Occasions on a day that belongs to no wave's period; they are not counted.",
            ),
            "sharing_waves_without_any": (
                without_cases(sharing, "date", waves),
                "Waves in which nothing was shared; their counts are taken as not known, not as zero.",
            ),
            "sharing_without_basis": (
                sharing["legal_basis"].isna(),
                "Occasions whose legal basis is not stated; that does not say that there was none.",
            ),
            "sharing_dated_later": (
                later(sharing, ["date"], as_of=as_of),
                "Occasions on a day after the day of export; the day is probably wrong.",
            ),
        }
    )
