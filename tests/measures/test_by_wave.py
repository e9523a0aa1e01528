"""Indicators in, one row per measure out."""

import pandas as pd

from sro_research.measures.by_wave import district_by_wave

ROWS = pd.DataFrame(
    [
        ("", "2", "m", 0.25, 1, 4),
        ("", "1", "m", pd.NA, pd.NA, 0),
        ("a", "1", "m", 1.0, 1, 1),
    ],
    columns=["school_id", "wave", "measure", "value", "numerator", "denominator"],
).assign(unit="share")


def test_the_district_stands_alone_and_groups_follow() -> None:
    parts = ROWS.assign(measure="k", group_by="by", group="g", value=1.23456)
    table = district_by_wave(ROWS, parts)
    assert table.index.tolist() == [("m", "share", "", ""), ("k", "share", "by", "g")]
    assert (
        table.loc[("m", "share", "", ""), ("2", "value")] == 0.25
        and table.loc[("m", "share", "", ""), ("2", "denominator")] == 4
    )
    assert pd.isna(table.loc[("m", "share", "", ""), ("1", "value")])
    assert table.loc[("k", "share", "by", "g"), ("1", "value")] == 1.235


def test_nothing_is_a_table_without_rows() -> None:
    assert district_by_wave(ROWS[:0]).empty
