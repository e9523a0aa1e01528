"""What the answers and the roster say of each other."""

from __future__ import annotations

import pandas as pd
import pytest

from sro_research.measures.quality import more_answers_than_people


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
