"""The training and selection standards, and the definitions of what is made of them."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT

from sro_research.errors import StudyFileError
from sro_research.files import read_json
from sro_research.measures.coverage import backup_indicators, coverage_calendar, coverage_indicators, school_days
from sro_research.measures.people import (
    coaching_indicators,
    retention,
    review_indicators,
    selection_indicators,
    selection_ratings,
)
from sro_research.measures.training import training_hours, training_rates
from sro_research.measures.training_requirements import trained_periods, training_requirements
from sro_research.parameters import Wave, read_checked
from sro_research.standards.indicators import Indicators
from sro_research.standards.selection import Criterion, SelectionStandard
from sro_research.standards.training import Course, TrainingStandard

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


@pytest.mark.parametrize("subject", ["training", "people"])
def test_each_definition_is_written_in_both_languages(subject: str) -> None:
    for name, of in read_checked(STANDARDS / "indicators" / f"{subject}.yaml", Indicators)[0].indicators.items():
        for part in (of.title, of.definition, of.numerator, of.denominator, of.caution):
            assert part is not None and {"en", "es"} == set(part) and part["en"] != part["es"], name
        assert of.definition["en"].count(".") <= 2 and of.title["en"][-1] != ".", name


def test_every_measure_has_a_definition_of_its_unit() -> None:
    defined = {
        name: of.unit
        for subject in ("training", "people")
        for name, of in read_checked(STANDARDS / "indicators" / f"{subject}.yaml", Indicators)[0].indicators.items()
    }
    made = {row["measure"]: row["unit"] for rows in every_indicator() for row in rows.to_dict("records")}
    assert made == {name: defined.get(name) for name in made}
    # And nothing is defined that is not made, but the times, which a model makes.
    assert {name for name in defined if "_time_" not in name} == set(made)


def test_coaching_is_told_with_regression_to_the_mean() -> None:
    coaching = read_checked(STANDARDS / "indicators" / "people.yaml", Indicators)[0].indicators["coaching_opened"]
    assert coaching.caution is not None and "whatever is done" in coaching.caution["en"]


def every_indicator() -> list[pd.DataFrame]:
    """Make each indicator of training and people from one officer's records."""
    wave = Wave(id="1", label={"en": "One"}, start=dt.date(2024, 1, 1), end=dt.date(2024, 12, 31))
    day = pd.Timestamp("2023-01-02")
    officers = pd.DataFrame({"officer_key": ["o"], "start_date": [day], "end_date": [pd.NaT]})
    posts = pd.DataFrame(
        {"officer_key": ["o"], "school_id": "a", "from_date": day, "to_date": pd.NaT, "role": "secondary"}
    )
    training = pd.DataFrame({"officer_key": ["o"], "course": "c", "completed_on": day, "hours": 4.0})
    courses = {"c": Course(hours=4, title={"en": "C"}, due_days=30)}
    schools = pd.DataFrame({"school_id": ["a"], "wave": "1"})
    rated = pd.DataFrame(
        {"officer_key": ["o"], "criterion": "x", "rating": pd.array([3], dtype="Int64"), "rated_on": day}
    )
    standard = SelectionStandard(lowest=1, highest=4, criteria={"x": Criterion(title={"en": "X"}, meets=3)})
    reviews = pd.DataFrame({"officer_key": ["o"], "date": [pd.Timestamp("2024-05-01")], "done": "yes"})
    coaching = pd.DataFrame(
        {"officer_key": ["o"], "stage": "talk", "opened_on": day, "recheck_due": day, "closed_on": day}
    )  # fmt: skip
    trained = trained_periods(training, officers, None, courses)
    calendar = coverage_calendar(school_days(schools, None, [wave]), posts, officers, None, trained)
    return [
        training_rates(training_requirements(training, officers, None, courses, [wave])),
        training_hours(training, officers, None, [wave]),
        coverage_indicators(calendar, posts),
        backup_indicators(schools, posts, officers, trained, [wave]),
        selection_indicators(selection_ratings(rated, officers, standard, [wave])),
        review_indicators(reviews, officers, None, [wave]),
        coaching_indicators(coaching, officers, [wave]),
        retention(officers, [wave]),
    ]
