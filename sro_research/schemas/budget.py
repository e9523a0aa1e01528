"""What a program costs and who pays for it."""

from __future__ import annotations

from collections.abc import Iterable

import pandera.pandas as pa

from sro_research.schemas.columns import IDENTIFIER, date, of_study, text

GRANT = "grant:"
"""Before the identifier of a grant, in `paid_by`."""


def budget(items: Iterable[str], partners: Iterable[str]) -> pa.DataFrameSchema:
    """One row is what one partner or grant pays for one kind of cost in one fiscal year, all its bills together.

    `fiscal_year` is the year in which it ends. A zero has a row; what has none is not known.
    """
    known = list(partners)
    payer = pa.Check(
        lambda column: column.isin(known) | column.str.fullmatch(rf"{GRANT}[A-Za-z0-9][A-Za-z0-9_.-]{{0,63}}"),
        error=f"not one of {', '.join(known)}, or {GRANT} and the grant's identifier",
    )
    return pa.DataFrameSchema(
        {
            "fiscal_year": pa.Column("Int64", pa.Check.in_range(1900, 2100, error="not a year between 1900 and 2100")),
            "item": text(*of_study(items, "a kind of cost")),
            "amount": pa.Column("Float64", pa.Check.ge(0, error="must not be negative")),
            "paid_by": text(payer),
        },
        unique=["fiscal_year", "item", "paid_by"],
        report_duplicates="exclude_first",
        strict=True,
    )


def grants() -> pa.DataFrameSchema:
    """One row is a grant: the last day on which it pays, and the whole award."""
    return pa.DataFrameSchema(
        {
            "grant_id": text(IDENTIFIER, unique=True),
            "end_date": date(),
            "amount": pa.Column("Float64", pa.Check.gt(0, error="must be above zero")),
        },
        strict=True,
    )
