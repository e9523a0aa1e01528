"""The trend of routine discipline against R, and when there is none."""

import json
from pathlib import Path

import pandas as pd
import pytest

from sro_research.models.boundary import FEW_SCHOOLS, NO_DEPARTURE, ONE_SCHOOL, ONE_WAVE, routine_trend

FOLDER = Path(__file__).parents[1] / "reference" / "contacts"
R = json.loads((FOLDER / "expected.json").read_text())["trend"]
TEXT = {"school_id": "string", "wave": "string"}
LOG = pd.read_csv(FOLDER / "log.csv", dtype=TEXT)
WAVES = ["2024", "2025", "2026"]
TOLERANCE = 1e-8
"""Relative: both solve the same normal equations."""


def test_agrees_with_r() -> None:
    row = routine_trend(LOG, WAVES).squeeze()
    assert row["n"] == R["n"] and row["note"] == ""
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert row[column] == pytest.approx(100 * R[column], rel=TOLERANCE), column
    assert row["estimate"] == pytest.approx(100 * R["with_school_effects"], rel=TOLERANCE)


def test_schools_that_log_more_are_no_trend() -> None:
    """Schools with much and with little routine discipline, neither of which changes; the first log more later."""
    counts = {("a", "2024"): (9, 1), ("a", "2025"): (90, 10), ("b", "2024"): (20, 80), ("b", "2025"): (2, 8)}
    rows = [(s, w, r) for (s, w), (yes, no) in counts.items() for r in [1.0] * yes + [0.0] * no]
    more = [(f"{s}2", w, r) for s, w, r in rows]
    found = routine_trend(pd.DataFrame([*rows, *more], columns=["school_id", "wave", "routine"]), WAVES[:2])
    assert found["estimate"].item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (LOG[LOG["wave"] == "2024"], ONE_WAVE),
        (LOG[LOG["school_id"] == "0003"], ONE_SCHOOL),
        (LOG.assign(routine=float("nan")), ONE_WAVE),
    ],
)
def test_where_there_is_no_trend_the_row_says_why(rows: pd.DataFrame, note: str) -> None:
    row = routine_trend(rows, WAVES).squeeze()
    assert (row["status"], row["note"]) == ("not_estimable", note)


def test_few_schools_are_said() -> None:
    row = routine_trend(LOG[LOG["school_id"].isin(["0003", "0004", "0005"])], WAVES).squeeze()
    assert (row["status"], row["note"]) == ("estimated", FEW_SCHOOLS)


@pytest.mark.parametrize("classes", [[1.0, 1.0], [0.0, 1.0]])
def test_an_error_of_zero_is_no_limit(classes: list[float]) -> None:
    """All routine, or half of the contacts of every school and wave: no limits, which would leave nothing open."""
    rows = [(school, wave, one) for school in "abcdefgh" for wave in WAVES for one in classes]
    row = routine_trend(pd.DataFrame(rows, columns=["school_id", "wave", "routine"]), WAVES).squeeze()
    assert row["estimate"] == pytest.approx(0, abs=1e-9) and row["note"] == NO_DEPARTURE
    assert row[["std_error", "conf_low", "conf_high"]].isna().all()
