"""Primary suppression: a figure about too few people is hidden, with everything that stands in its row.

This alone does not keep hidden counts from being worked out by subtraction from totals; a release of real data
also needs complementary suppression.
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from sro_research.disclosure.policy import OFFICERS, Policy
from sro_research.estimates import KEYS, NOT_ESTIMABLE, NUMBERS

SHOWN, HIDDEN, NOT_AVAILABLE = "shown", "hidden", "not_available"
COLUMNS = [*KEYS, *NUMBERS, "unit", "status"]

SCHEMA = pa.DataFrameSchema(
    {
        **{key: pa.Column("string") for key in KEYS},
        "n": pa.Column("Int64", nullable=True),
        **{number: pa.Column("Float64", nullable=True) for number in NUMBERS if number != "n"},
        "unit": pa.Column("string"),
        "status": pa.Column("string", pa.Check.isin([SHOWN, HIDDEN, NOT_AVAILABLE])),
    },
    checks=pa.Check(
        lambda t: (t["status"] == SHOWN) | t[NUMBERS].isna().all(axis=1),
        error="a cell that is not shown carries no number",
    ),
    unique=KEYS,
    strict=True,
    ordered=True,
)


def protect(estimates: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Return the safe cells of a study: one for each estimate, hidden where it describes too few people.

    A hidden cell keeps its keys and loses every number, its note and its method. Officers count by their own
    threshold. A figure without a count of people is hidden, because nothing shows that it is safe.
    """
    officers = estimates["population"] == OFFICERS
    needed = officers.map({True: policy.minimum_officers, False: policy.minimum_group_size})
    safe = (estimates["n"] >= needed).fillna(False).astype(bool)
    cells = estimates.assign(status=SHOWN)
    cells["status"] = cells["status"].mask(estimates["status"] == NOT_ESTIMABLE, NOT_AVAILABLE).mask(~safe, HIDDEN)
    cells[NUMBERS] = cells[NUMBERS].mask(cells["status"] != SHOWN)
    return SCHEMA.validate(cells[COLUMNS].sort_values(KEYS, ignore_index=True).astype({"status": "string"}))


def summary(cells: pd.DataFrame) -> dict[str, int]:
    """Count cells by status, all reasons for hiding together."""
    counts = cells["status"].value_counts()
    return {status: int(counts.get(status, 0)) for status in (SHOWN, HIDDEN, NOT_AVAILABLE)}
