"""Rules of the records of people: which rows are refused, in which words."""

import pandas as pd
import pandera.pandas as pa
import pytest

from sro_research import schemas

LEAVES, CLOSURES = schemas.leaves(["o"]), schemas.closures(["a"])
SELECTION = schemas.selection(["o"], ["patience", "record"], lowest=1, highest=4)
REVIEWS, COACHING = schemas.reviews(["o"]), schemas.coaching(["o"])


def broken(schema: pa.DataFrameSchema, *rows: tuple[str, ...]) -> list[tuple[int, str, str]]:
    typed, unread = schemas.convert(pd.DataFrame(list(rows), columns=list(schema.columns), dtype="str"), schema)
    assert unread.empty
    found = schemas.broken_rules(typed, schema)
    return sorted(found[["index", "column", "rule"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("schema", "row", "rules"),
    [
        (LEAVES, ("o", "2024-01-01", ""), []),
        (LEAVES, ("o", "2024-01-02", "2024-01-01"), [("", "to_date is before from_date")]),
        (LEAVES, ("p", "", ""), [("from_date", "must not be blank"), ("officer_id", "not an officer of this study")]),
        (CLOSURES, ("", "2024-01-01", "2024-01-05"), []),
        (CLOSURES, ("a", "2024-01-01", ""), [("to_date", "must not be blank")]),
        (CLOSURES, ("b", "2024-01-02", "2024-01-01"),
         [("", "to_date is before from_date"), ("school_id", "not a school of this study")]),
        (SELECTION, ("o", "patience", "4", "2024-01-01"), []),
        (SELECTION, ("o", "record", "", "2024-01-01"), []),
        (SELECTION, ("o", "height", "5", "2024-01-01"),
         [("criterion", "not one of patience, record"), ("rating", "not a rating from 1 to 4")]),
        (REVIEWS, ("o", "2024-05-01", "no"), []),
        (REVIEWS, ("o", "2024-05-01", "Yes"), [("done", "not yes or no")]),
        (COACHING, ("o", "talk", "role", "2024-05-01", "", ""), []),
        (COACHING, ("o", "shouting", "gossip", "2024-05-01", "2024-04-01", "2024-04-30"),
         [("", "closed_on is before opened_on"), ("", "recheck_due is before opened_on"),
          ("reason", "not one of role, communication, documentation, training, attendance, other"),
          ("stage", "not one of talk, plan, reassignment")]),
    ],
)  # fmt: skip
def test_rules_of_records_of_people(
    schema: pa.DataFrameSchema, row: tuple[str, ...], rules: list[tuple[str, str]]
) -> None:
    assert broken(schema, row) == [(0, *rule) for rule in rules]


@pytest.mark.parametrize(
    ("schema", "row", "rule"),
    [
        (LEAVES, ("o", "2024-01-01", ""), schemas.TWICE),
        (CLOSURES, ("", "2024-01-01", "2024-01-05"), schemas.REPEATED),
        (SELECTION, ("o", "record", "2", "2024-01-01"), schemas.TWICE),
        (REVIEWS, ("o", "2024-05-01", "no"), schemas.TWICE),
        (COACHING, ("o", "talk", "role", "2024-05-01", "", ""), schemas.TWICE),
    ],
)
def test_of_two_equal_records_the_first_is_kept(schema: pa.DataFrameSchema, row: tuple[str, ...], rule: str) -> None:
    assert broken(schema, row, row) == [(1, "", rule)]
