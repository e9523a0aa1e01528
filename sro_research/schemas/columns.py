"""Columns and rules that tables of the house share."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pandera.pandas as pa

IDENTIFIER = pa.Check.str_matches(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", error="not an identifier of up to 64 letters, digits, - _ ."
)
"""Identifiers of schools become file names."""
TWICE = "stands twice; the first one is kept"
REPEATED = "the same record twice; the first one is kept"
YES, NO = YES_OR_NO = ("yes", "no")
WITH_TIME = {"time_of_day": True}
"""Mark of a column of days with their time: days alone have the same type."""
FOR_ALL_SCHOOLS = {"blank": "all schools"}
"""Mark of a column of schools in which a blank stands for all of them: that it is not there changes what rows say."""


def text(
    *rules: pa.Check, nullable: bool = False, unique: bool = False, metadata: dict[str, str] | None = None
) -> pa.Column:
    """Return a column of text."""
    return pa.Column(
        "string", list(rules), nullable=nullable, unique=unique, report_duplicates="exclude_first", metadata=metadata
    )


def date(*, nullable: bool = False) -> pa.Column:
    """Return a column of days."""
    return pa.Column("datetime64[ns]", nullable=nullable)


def moment(*, nullable: bool = False) -> pa.Column:
    """Return a column of days with the time of day, as clocks at the school showed it; to the second."""
    return pa.Column("datetime64[ns]", nullable=nullable, metadata=WITH_TIME)


def yes_or_no(*, nullable: bool = False) -> pa.Column:
    """Return a column of `yes` and `no`; what is blank is not known, which is not `no`."""
    return text(one_of(YES_OR_NO), nullable=nullable)


def one_of(values: Iterable[str]) -> pa.Check:
    """Check that a text is one of a few."""
    allowed = tuple(values)
    return pa.Check.isin(allowed, error=f"not one of {', '.join(allowed)}")


def of_study(values: Iterable[str] | None, what: str) -> list[pa.Check]:
    """Check that identifiers are known; where the list of them was not provided, there is nothing to check."""
    if values is None:
        return []
    allowed = set(values)
    bare = {value.lstrip("0") for value in allowed if value.startswith("0")}

    def lost_zeros(column: pd.Series) -> pd.Series:
        # What a spreadsheet makes of 0012.
        return ~column.isin(allowed) & column.isin(bare)

    return [
        pa.Check(lambda column: column.isin(allowed) | lost_zeros(column), error=f"not {what} of this study"),
        pa.Check(lambda column: ~lost_zeros(column), error=f"lost the leading zeros of {what} of this study"),
    ]


def in_order(first: str, last: str) -> pa.Check:
    """Check that the first day of a row is not after the last, where both are known."""
    return pa.Check(lambda table: table[last].isna() | (table[first] <= table[last]), error=f"{last} is before {first}")
