"""The simulated district whose reference values R computed (tests/reference/district)."""

import json
from pathlib import Path

import pandas as pd
import pytest

DISTRICT = Path(__file__).parents[1] / "reference" / "district"


@pytest.fixture(scope="session")
def reference() -> dict:
    values = json.loads((DISTRICT / "expected.json").read_text())
    return values | {wave: str(values[wave]) for wave in ("first_wave", "last_wave")}


@pytest.fixture(scope="session")
def district_scores() -> pd.DataFrame:
    scores = pd.read_csv(DISTRICT / "responses.csv", dtype={"school_id": "string", "wave": "string"})
    scores["agrees"] = (scores["score"] > 2.5).astype(float).where(scores["score"].notna())
    return scores.assign(population="student", construct="trust")


@pytest.fixture(scope="session")
def district_schools() -> pd.DataFrame:
    schools = pd.read_csv(DISTRICT / "schools.csv", dtype={"school_id": "string", "wave": "string"})
    return schools.set_index(["school_id", "wave"])
