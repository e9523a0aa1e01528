"""The data and R's answers for the within-between model and for few clusters."""

import json
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[1] / "reference" / "multilevel"
TEXT = {"school_id": "string", "wave": "string", "chick": "string"}
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
PEOPLE = pd.read_csv(FOLDER / "people.csv", dtype=TEXT).assign(construct="trust", population="student")
SCHOOLS = pd.read_csv(FOLDER / "schools.csv", dtype=TEXT).set_index(["school_id", "wave"])
CHICKS = pd.read_csv(FOLDER / "chicks.csv", dtype=TEXT)
HOURS = SCHOOLS["hours"]
DISTRICTS = SCHOOLS["district"].groupby("school_id").first()
WAVES = ["2023", "2024", "2025"]
