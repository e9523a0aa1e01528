"""The district's figures side by side, one wave beside the other, as study notebooks show them."""

from __future__ import annotations

import pandas as pd

FIGURES = ["value", "numerator", "denominator"]
DIGITS = 3
KEYS = ["measure", "unit", "group_by", "group"]
TYPES = dict.fromkeys(FIGURES, "Float64") | dict.fromkeys([*KEYS, "school_id", "wave"], "string")


def district_by_wave(*indicators: pd.DataFrame) -> pd.DataFrame:
    """Return the district's rows of tables of indicators: a row per measure, unit and group, blank for all.

    Columns are pairs of a wave and `value` (rounded), `numerator` or `denominator`; what is not known is blank there.
    """
    tables = [table.reindex(columns=[*KEYS, "school_id", "wave", *FIGURES]) for table in indicators]
    rows = pd.concat([table.astype(TYPES) for table in tables], ignore_index=True).fillna({"group_by": "", "group": ""})
    rows = rows[rows["school_id"] == ""]
    order = pd.MultiIndex.from_frame(rows[KEYS].drop_duplicates())
    wide = rows.set_index([*KEYS, "wave"])[FIGURES].unstack("wave").reindex(order).round(DIGITS)
    waves = [(wave, figure) for wave in rows["wave"].unique() for figure in FIGURES]
    return wide.swaplevel(axis="columns").reindex(columns=pd.MultiIndex.from_tuples(waves, names=["wave", None]))
