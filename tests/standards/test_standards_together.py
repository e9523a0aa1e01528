"""The standards of a study are read together: all that are there, and none is missing that its records need."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import PROJECT, demo_study

from sro_research.errors import StudyFileError
from sro_research.parameters import Records, Source
from sro_research.standards.together import MODELS, NEEDED, Standards, read_standards
from sro_research.study import open_study

FOLDER = PROJECT / "params" / "standards"
ALL = Records(**{kind: Source(file=f"{kind}.csv") for kind in Records.model_fields})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's standards that a test may spoil."""
    return shutil.copytree(FOLDER, tmp_path / "standards")


def test_the_project_has_every_standard_that_records_may_need() -> None:
    standards = read_standards(FOLDER, ALL)
    assert all(isinstance(getattr(standards, name), model) for name, model in MODELS.items())
    assert standards.training is not None and standards.courses == standards.training.courses


def test_a_study_without_records_needs_no_standard(tmp_path: Path) -> None:
    assert read_standards(tmp_path, Records()) == Standards()
    assert read_standards(tmp_path / "nowhere", Records()) == Standards()
    assert Standards().courses == {}


def test_records_that_stand_alone_need_no_standard(tmp_path: Path) -> None:
    alone = dict.fromkeys(NEEDED)
    assert read_standards(tmp_path, ALL.model_copy(update=alone)) == Standards()


@pytest.mark.parametrize(("kind", "name"), NEEDED.items())
def test_a_standard_that_records_need_and_that_is_not_there_is_named(folder: Path, kind: str, name: str) -> None:
    (folder / f"{name}.yaml").unlink()
    with pytest.raises(StudyFileError) as caught:
        read_standards(folder, Records(**{kind: Source(file="x.csv")}))
    assert str(caught.value) == (
        f"{folder}/{name}.yaml: `records.{kind}` needs it. Copy it from params/standards, and edit it."
    )
    others = {other: None for other, needed in NEEDED.items() if needed == name}
    assert getattr(read_standards(folder, ALL.model_copy(update=others)), name) is None


@pytest.mark.parametrize(
    ("name", "text", "line", "rule"),
    [
        ("training", "courses:\n  basic: {hours: 0, title: {en: B}, due_days: 1}\n", 2, "'courses.basic.hours' is not"),
        ("drills", "drills:\n  fire:\n    title: {en: Fire}\n    per_year: 1\n", 4, "unknown key"),
        ("selection", "lowest: 1\nhighest: 4\ncriteria:\n  a: {meets: 1, title: {en: A}}\n", 4, "'a' is met by every"),
        ("deadlines", "tip_first_action_days: two\n", 1, "'tip_first_action_days' must be a whole number"),
    ],
)
def test_a_wrong_standard_names_its_file_and_line(folder: Path, name: str, text: str, line: int, rule: str) -> None:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    for records in (ALL, Records()):  # also where nothing needs it
        with pytest.raises(StudyFileError) as caught:
            read_standards(folder, records)
        assert str(caught.value).startswith(f"{folder}/{name}.yaml:{line}: {rule}")


def test_a_study_does_not_open_without_a_standard_that_it_needs(tmp_path: Path, folder: Path) -> None:
    (folder / "training.yaml").unlink()
    study = demo_study(tmp_path, f"  standards: {folder}\n")
    with pytest.raises(StudyFileError, match=r"training\.yaml: `records\.training` needs it\. Copy it"):
        open_study(str(study), run_dir=str(tmp_path / "run"))
