"""Cells that say an id in other words: `Resolved informally`, or the title of what the id stands for.

Only ids of fixed lists and of standards are read so. Those of schools, officers and records stand as they are: two of
them may differ by no more than a capital.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import pandas as pd
import pandera.pandas as pa

from sro_research.intake.texts import same_text
from sro_research.standards.together import Standards

Titles = dict[str, tuple[str, ...]]
"""By id: what it is called, in each language."""
DECLARED = {
    ("training", "course"): ("training", "courses"),
    ("selection", "criterion"): ("selection", "criteria"),
    ("drills", "kind"): ("drills", "drills"),
    ("outreach", "activity"): ("outreach", "activities"),
    ("outreach", "audience"): ("outreach", "audiences"),
    ("agreement_reviews", "clause"): ("agreement", "clauses"),
    ("budget", "item"): ("budget", "items"),
    ("budget", "paid_by"): ("budget", "partners"),
}
"""By kind and column of records: the standard, and the part of it, that says what may stand there."""
_JOINT = re.compile(r"[\s_-]+")


def titles_of(kind: str, standards: Standards) -> dict[str, Titles]:
    """Return ids and titles by column of a kind of records, of the columns that hold ids of a standard."""
    return {
        column: {key: tuple(title.values()) for key, title in standards.listed(*part).items()}
        for (of, column), part in DECLARED.items()
        if of == kind
    }


def as_ids(cells: pd.DataFrame, schema: pa.DataFrameSchema, titles: Mapping[str, Titles]) -> pd.DataFrame:
    """Return text cells in which other words for an id are the id.

    Capitals, spaces and hyphens make no difference to an id of a fixed list of the schema or to one of `titles`, by
    column, nor to a title. What may be two ids, or none, stays as it is.
    """
    read = cells.copy()
    for name, column in schema.columns.items():
        known = dict.fromkeys(_listed(column), ()) | titles.get(name, {})
        if known:
            meant = _by_form(known)
            read[name] = cells[name].map({text: _id(text, known, meant) for text in cells[name].unique()})
    return read


def _listed(column: pa.Column) -> list[str]:
    """Return the values of a text column that may only hold one of a list."""
    if not str(column.dtype).startswith("string"):
        return []
    return [value for check in column.checks for value in check.statistics.get("allowed_values", ())]


def _by_form(known: Titles) -> dict[str, set[str]]:
    """Return the ids that are meant by each form of an id or a title."""
    meant: dict[str, set[str]] = defaultdict(set)
    for key, titles in known.items():
        for text in (key, *titles):
            meant[_form(text)].add(key)
    meant.pop("", None)  # A title of signs alone, `-` for one that is still to be written, is none.
    return meant


def _id(text: str, known: Titles, meant: Mapping[str, set[str]]) -> str:
    ids = {text.strip()} if text.strip() in known else meant.get(_form(text), set())
    return next(iter(ids)) if len(ids) == 1 else text


def _form(text: str) -> str:
    return _JOINT.sub("_", same_text(text)).strip("_")
