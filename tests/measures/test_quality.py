"""What the answers and the roster say of each other."""

from __future__ import annotations

import pandas as pd
import pytest

from sro_research.measures.quality import losses, losses_in_words, more_answers_than_people


@pytest.mark.parametrize(
    ("answers", "people", "said"),
    [
        (12, 12, []),
        (12, 11, ["school 0001, wave 24: more student answers than students on the roster (12 and 11)"]),
        (12, 9, ["school 0001, wave 24: more student answers than students on the roster"]),
        (9, 8, ["school 0001, wave 24: more student answers than students on the roster"]),
        (12, None, []),
    ],
)
def test_more_answers_than_people(answers: int, people: int | None, said: list[str]) -> None:
    responses = pd.DataFrame({"school_id": ["0001"] * answers, "wave": "24"})
    schools = pd.DataFrame({"school_id": ["0001", "0002"], "wave": "24", "students": pd.array([people, 1], "Int64")})
    assert more_answers_than_people(responses, schools, "student") == said
    assert more_answers_than_people(responses, schools, "family") == []


def sources(*files: tuple[str, str, int | None, int | None]) -> pd.DataFrame:
    """A file each: its name, its status, rows that were admitted and rows that broke a rule."""
    table = pd.DataFrame(files, columns=["source", "status", "rows_admitted", "rows_lost"])
    table = table.astype({"rows_admitted": "Int64", "rows_lost": "Int64"})
    return table.assign(kind=table["source"].str.removesuffix(".csv"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("outreach.csv", "read", 95, 5)], ""),
        ([("outreach.csv", "set aside", 0, 9), ("training.csv", "set aside", None, None)], ""),
        ([("outreach.csv", "not provided", None, None)], ""),
        (
            [("outreach.csv", "read", 478, 745), ("training.csv", "read", 100, 0)],
            "outreach.csv lost 745 of 1,223 rows (61 %); numbers from it may be too low or too high.",
        ),
        (
            [("outreach.csv", "read", 94, 6), ("drills.csv", "read", 1, 1)],
            "outreach.csv lost 6 of 100 rows (6 %), drills.csv lost 1 of 2 rows (50 %); "
            "numbers from them may be too low or too high.",
        ),
    ],
)
def test_files_that_lost_more_than_a_twentieth_of_their_rows_are_named(
    files: list[tuple[str, str, int | None, int | None]], said: str
) -> None:
    assert losses_in_words(sources(*files)) == said
    assert [f"{kind}.csv" for kind in losses(sources(*files))["kind"]] == [name for name, *_ in files if name in said]
