"""Reviews of an agreement in a synthetic district, and contacts against its clauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sro_research.parameters import Wave

EVIDENCE = ("document", "records", "interview", "observation")
COLUMNS = ["clause", "school_id", "date", "finding", "evidence"]


@dataclass(frozen=True)
class AgreementTruth:
    """What is planted. A review finds each clause anew, by these chances, at each of its places in each wave."""

    findings: Mapping[str, float] = field(
        default_factory=lambda: {"met": 0.62, "partly": 0.20, "not_met": 0.08, "not_assessed": 0.10}
    )
    never_reviewed: int = 2
    """Clauses, each place by itself, that no review looks at."""
    without_evidence: int = 3
    """Reviews that find something and name no evidence."""
    after_last_wave: int = 2
    """Reviews that are dated a month after the last wave ends."""
    breaches: Mapping[str, float] = field(
        default_factory=lambda: {"discipline_boundary": 4.0, "interview_rules": 1.0, "search_rules": 0.5}
    )
    """Contacts per wave, on average, that do not fit a clause."""


def make_agreement_reviews(
    schools: pd.DataFrame,
    waves: list[Wave],
    scopes: Mapping[str, str],
    *,
    rng: np.random.Generator,
    truth: AgreementTruth | None = None,
) -> pd.DataFrame:
    """Make the table `agreement_reviews`: every place of every clause is reviewed once in each wave.

    `scopes` says `district` or `school` for each clause.
    """
    truth = truth or AgreementTruth()
    ids = sorted(schools["school_id"].unique())
    places = [(clause, s) for clause, scope in scopes.items() for s in ([None] if scope == "district" else ids)]
    reviewed = [places[i] for i in sorted(rng.permutation(len(places))[truth.never_reviewed :])]
    table = pd.concat([_in_wave(reviewed, wave, truth, rng) for wave in waves], ignore_index=True)
    assessed = table.index[table["finding"] != "not_assessed"]
    table.loc[rng.choice(assessed, truth.without_evidence, replace=False), "evidence"] = None
    late = (
        table[table["finding"] != "not_assessed"].dropna(subset=["evidence"]).drop_duplicates(["clause", "school_id"])
    )
    end = pd.Timestamp(max(wave.end for wave in waves))
    late = late.head(truth.after_last_wave).assign(date=end + pd.Timedelta(days=30))
    return pd.concat([table, late], ignore_index=True)


def _in_wave(
    places: list[tuple[str, str | None]], wave: Wave, truth: AgreementTruth, rng: np.random.Generator
) -> pd.DataFrame:
    size = len(places)
    table = pd.DataFrame(places, columns=["clause", "school_id"])
    days = rng.integers(0, (wave.end - wave.start).days + 1, size)
    table["date"] = pd.Timestamp(wave.start) + pd.to_timedelta(days, unit="D")
    table["finding"] = rng.choice(list(truth.findings), size, p=list(truth.findings.values()))
    evidence = pd.Series(rng.choice(EVIDENCE, size), dtype="object")
    table["evidence"] = evidence.where(table["finding"] != "not_assessed", None)
    return table[COLUMNS]


def make_breaches(waves: list[Wave], *, rng: np.random.Generator, truth: AgreementTruth | None = None) -> pd.DataFrame:
    """Make counts of contacts against clauses: `clause`, `wave`, `rows`; a zero has a row."""
    rates = (truth or AgreementTruth()).breaches
    rows = [(clause, wave.id, int(rng.poisson(rate))) for clause, rate in rates.items() for wave in waves]
    return pd.DataFrame(rows, columns=["clause", "wave", "rows"])
