"""One row per statistic: the spine of the house.

Everything a page, a table or a chart shows is a row of this table. What could not be estimated is a row too, with
the reason; a gap would be read as "nothing there".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
import pandera.pandas as pa

ESTIMATED, NOT_ESTIMABLE = "estimated", "not_estimable"
SCHOOL: Final = "school"
"""The population that counts schools, not people: estimates of a national survey of schools."""
CAUTION_CV, NOT_MET_CV = 0.30, 0.50
"""Coefficients of variation from which an estimate has "!" and "‡": the notes below NCES tables."""
FEWEST_CASES = 30
"""Cases below which an estimate has "‡". NCES leaves the number to each survey; its sister agency NCHS does not report
estimates of its National Home and Hospice Care Survey from fewer than 30."""
UNITS = ("share", "per school", "per 1,000 students")
"""Units of estimates about schools."""
COUNT_BASE = 5
"""Counts of cases about people are told as multiples of it."""
FEW: Final = f"<{COUNT_BASE}"
"""How such a count of zero is said."""
CHANGE_IN: Final = "change_in_"
"""Begins a measure about schools of the nation that is the change of another from the wave before."""
VS_OTHERS: Final = "_vs_others"
"""Ends a measure that is the difference of another from that of all other schools."""
CHECK: Final = "check"
"""In `group_by`: not a group of people, but another way to reckon the same statistic, which `group` names."""
CHECKS = ("cr2", "cv3", "wild")
ALL: Final = ""
"""In `construct`, `group_by`, `group`, `school_id` or `wave`: not broken down by this."""

KEYS = ["measure", "population", "construct", "group_by", "group", "school_id", "wave"]
NUMBERS = ["n", "estimate", "std_error", "conf_low", "conf_high"]
COLUMNS = [*KEYS, *NUMBERS, "unit", "method", "status", "note"]

SCHEMA = pa.DataFrameSchema(
    {
        **{key: pa.Column("string", nullable=False) for key in KEYS},
        "n": pa.Column("Int64", pa.Check.ge(0), nullable=True),
        **{number: pa.Column("Float64", nullable=True) for number in NUMBERS if number != "n"},
        **{text: pa.Column("string", nullable=False) for text in ("unit", "method")},
        "status": pa.Column("string", pa.Check.isin([ESTIMATED, NOT_ESTIMABLE])),
        "note": pa.Column("string", nullable=False),
    },
    checks=[
        pa.Check(
            lambda t: (t["status"] == ESTIMATED) == t["estimate"].notna(),
            error="an estimate exactly where one was made",
        ),
        pa.Check(lambda t: (t["status"] == ESTIMATED) | (t["note"] != ""), error="a reason where none was made"),
        pa.Check(
            lambda t: t["conf_low"].isna() | ((t["conf_low"] <= t["estimate"]) & (t["estimate"] <= t["conf_high"])),
            error="an interval around the estimate",
        ),
    ],
    unique=KEYS,
    strict=True,
    ordered=True,
)
"""n counts people (or the unit's own count); `unit` is the unit of estimate, standard error and interval."""


def as_estimates(rows: pd.DataFrame, **constants: object) -> pd.DataFrame:
    """Complete rows to the columns of the spine and check them.

    Columns that are absent and not given in `constants` are blank. A missing estimate becomes `not_estimable`;
    its `note` must say why.
    """
    table = rows.assign(**constants)
    for column in COLUMNS:
        if column not in table:
            table[column] = pd.NA if column in NUMBERS else ""
    dtypes = {c: "Int64" if c == "n" else "Float64" if c in NUMBERS else "string" for c in COLUMNS}
    table = table[COLUMNS].astype(dtypes)
    table[NUMBERS[1:]] = table[NUMBERS[1:]].replace([float("inf"), float("-inf")], pd.NA)
    table["status"] = table["estimate"].notna().map({True: ESTIMATED, False: NOT_ESTIMABLE}).astype("string")
    return SCHEMA.validate(table.reset_index(drop=True))


def stack(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of estimates under each other; the same statistic twice is an error."""
    return SCHEMA.validate(pd.concat([as_estimates(pd.DataFrame({"n": []})), *tables], ignore_index=True))


def coefficient_of_variation(rows: pd.DataFrame) -> pd.Series:
    """Return the standard error as a part of the estimate's size; infinite where the estimate is zero and its error
    is not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return rows["std_error"] / rows["estimate"].abs()


def from_indicators(indicators: pd.DataFrame, *, people: str, method: str) -> pd.DataFrame:
    """Turn indicators into estimates.

    Indicators have `school_id`, `wave`, `measure`, `population`, `numerator`, `denominator`, `value` and `unit`, and
    those that are broken down `group_by` and `group`; `people` names the column that counts the persons, or the cases,
    an indicator describes.
    """
    rows = indicators.rename(columns={"value": "estimate"}).assign(n=indicators[people])
    note = rows["estimate"].isna().map({True: "the denominator is not known or too small", False: ""})
    keep = ["school_id", "wave", "measure", "population", "group_by", "group", "estimate", "unit", "n"]
    return as_estimates(rows[rows.columns.intersection(keep)], note=note, method=method)
