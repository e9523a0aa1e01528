"""Two studies that differ only in what is hidden give the same release to the byte: `python …/non_interference.py`.

In two schools, two students of groups that are hidden at both change places: who is in which group is told the other
way round, and in the second school the other way back, with the same answers. So every number that is shown stays, and
hidden ones do not. Runs the demo study twice from its raw files, which takes some minutes, in a temporary folder.
"""

from __future__ import annotations

import filecmp
import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

PROJECT = Path(__file__).parents[2]
SURVEY, WAVE, TRAIT = "students_2025.csv", "2025", "gender"
NOT_ANSWERS = {"respondent_id", "school_id", "grade_band", "gender", "race_ethnicity", "language"}


def sro_research(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "sro_research", *map(str, arguments)], check=True)


def hidden_groups(rows: pd.DataFrame) -> dict[str, set[str]]:
    """Return by school the groups that are hidden on every topic."""
    of = rows[(rows["population"] == "student") & (rows["group_by"] == TRAIT) & (rows["wave"] == WAVE)]
    shown = of[of["school_id"] != ""].groupby(["school_id", "group"])["shown"].any()
    return shown[~shown].reset_index().groupby("school_id")["group"].apply(set).to_dict()


def four_students(answers: pd.DataFrame, hidden: dict[str, set[str]]) -> list[int]:
    """Return the lines of students of two groups in two schools: (one, a), (one, b), (two, b), (two, a)."""
    for one, two in itertools.combinations(hidden, 2):
        for a, b in itertools.combinations(sorted(hidden[one] & hidden[two]), 2):
            places = [(one, a), (one, b), (two, b), (two, a)]
            found = [answers.index[(answers["school_id"] == s) & (answers[TRAIT] == g)] for s, g in places]
            if all(len(lines) > 1 for lines in found):
                return [lines[0] for lines in found]
    raise SystemExit("no two schools hide the same two groups; nothing was shown")


def main() -> None:
    """Run both studies and say whether their releases are equal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study, data, reports = folder / "demo.yaml", folder / "data", folder / "reports"
        study.write_text(f"extends: {PROJECT}/params/demo.yaml\nfolders: {{data: {data}, reports: {reports}}}\n")
        sro_research("synthesize", study)
        sro_research("run", study, "--limit", 1)
        hidden = hidden_groups(pd.read_parquet(reports / "demo" / "internal" / "safe" / "rows.parquet"))
        answers = pd.read_csv(data / SURVEY, dtype=str, keep_default_na=False)
        one_a, one_b, two_b, two_a = four_students(answers, hidden)
        items = [column for column in answers.columns if column not in NOT_ANSWERS]
        answers.loc[[one_a, two_b], items], answers.loc[[one_b, two_a], items] = "1", "4"
        estimates = []
        for turn in ("first", "second"):
            answers.to_csv(data / SURVEY, index=False)
            shutil.rmtree(reports)
            sro_research("run", study, "--limit", 3)
            shutil.copytree(reports / "demo" / "release", folder / turn)
            estimates.append((reports / "demo" / "internal" / "estimates" / "climate_perceptions.parquet").read_bytes())
            for one, two in ((one_a, one_b), (two_a, two_b)):
                answers.loc[[one, two], TRAIT] = answers.loc[[two, one], TRAIT].to_numpy()
        if estimates[0] == estimates[1]:
            raise SystemExit("nothing that is hidden has changed; nothing was shown")
        pages = sorted(path.name for path in (folder / "first").iterdir())
        assert pages == sorted(path.name for path in (folder / "second").iterdir())
        _, different, unread = filecmp.cmpfiles(folder / "first", folder / "second", pages, shallow=False)
        print(f"{len(pages)} pages, {len(different) + len(unread)} differ {' '.join(different + unread)}")
        sys.exit(bool(different or unread))


if __name__ == "__main__":
    main()
