"""The training and selection standards, and the definitions of what is made of them."""

from pathlib import Path

import pytest
from conftest import PROJECT

from sro_research.errors import StudyFileError
from sro_research.files import read_json
from sro_research.parameters import read_checked
from sro_research.standards.selection import SelectionStandard
from sro_research.standards.training import TrainingStandard

STANDARDS = PROJECT / "params" / "standards"


def test_the_training_standard_has_a_due_day_for_each_course() -> None:
    courses = read_checked(STANDARDS / "training.yaml", TrainingStandard)[0].courses
    asked = "trauma_informed adolescent_brain restorative bias_awareness cultural_competency consent_rules deescalation"
    assert {*asked.split(), "interview_protocols", "search_limits", "basic_sro", "yearly_refresher"} == set(courses)
    assert courses["basic_sro"].valid_days is None
    assert courses["yearly_refresher"].refresher and courses["yearly_refresher"].valid_days == 365
    assert all({"en", "es"} <= set(course.title) for course in courses.values())


def test_the_selection_standard_fits_its_schema() -> None:
    standard = read_checked(STANDARDS / "selection.yaml", SelectionStandard)[0]
    assert {"patience", "communication", "cultural_awareness", "record"} == set(standard.criteria)
    assert read_json(PROJECT / SelectionStandard.schema_file) == SelectionStandard.model_json_schema()


@pytest.mark.parametrize("meets", [1, 5])
def test_a_criterion_that_everybody_meets_or_nobody_is_refused(tmp_path: Path, meets: int) -> None:
    path = tmp_path / "selection.yaml"
    path.write_text(f"lowest: 1\nhighest: 4\ncriteria:\n  patience: {{meets: {meets}, title: {{en: P}}}}\n")
    with pytest.raises(StudyFileError, match="'patience' is met by every rating or by none"):
        read_checked(path, SelectionStandard)
