"""What the contact log says against clauses of the agreement: contacts that do not fit the clause's words.

    discipline_boundary      routine discipline, by the first coder's class
    search_rules             a search without a basis on record
    incident_documentation   a search, citation or arrest without an outcome on record

A blank may be a lapse of writing, and a class a matter of judgment (`models.kappa`): such a contact asks for a look,
and is no finding against anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.measures.contacts import steps
from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave

BREACH = ["clause", "wave", "rows"]


def contact_breaches(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Return how many contacts of each wave do not fit a clause: `clause`, `wave`, `rows`.

    A zero has a row. None has a wave in which the log holds no contact, or tells of none what the clause is held
    against (a class, a basis, an outcome): a column that was not kept is neither a breach nor a zero. Contacts outside
    every wave are left out; the findings of contacts count them.
    """
    are = steps(contacts)
    powers = are["search"] | are["citation"] | are["arrest"]
    against = {
        "discipline_boundary": (are["routine"], are["classed"]),
        "search_rules": (are["search"] & contacts["basis"].isna(), contacts["basis"].notna()),
        "incident_documentation": (powers & contacts["outcome"].isna(), contacts["outcome"].notna()),
    }
    wave = wave_of(contacts["date"], list(waves))
    counts = pd.DataFrame({clause: rows.astype("int64").groupby(wave).sum() for clause, (rows, _) in against.items()})
    told = pd.DataFrame({clause: known.groupby(wave).any() for clause, (_, known) in against.items()})
    rows = counts.where(told).rename_axis("wave").reset_index().melt("wave", var_name="clause", value_name="rows")
    rows = rows.dropna(subset=["rows"]).reset_index(drop=True)
    return rows[BREACH].astype({"clause": "string", "wave": "string", "rows": "int64"})
