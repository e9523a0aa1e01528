"""Definitions of indicators: each says what it is about, and what is about people is never about the program."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT

from sro_research.disclosure.program import AMOUNTS, OF_EACH_OFFICER, PROGRAM_FIGURES, SHARES
from sro_research.errors import StudyFileError
from sro_research.files import read_json
from sro_research.standards.indicators import OF_PEOPLE, Indicators, read_definitions

STANDARDS = PROJECT / "params" / "standards"
ALL = {name: of for subject in read_definitions(STANDARDS).values() for name, of in subject.indicators.items()}
PROGRAM = {name: of for name, of in ALL.items() if of.about == "program"}
DRILLS = """title: {en: Drills, es: Simulacros}
indicators:
  drills_done_share:
    title: {en: Drills}
    definition: {en: Drills held.}
    about: program
    numerator: {en: Held.}
    denominator: {en: Required.}
    unit: share
    records: [drills]
"""


def written(folder: Path, text: str = DRILLS, name: str = "drills") -> Path:
    (folder / "indicators").mkdir(exist_ok=True)
    (folder / "indicators" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_pages_may_tell_what_is_defined_as_the_program_s_and_nothing_else() -> None:
    assert set(PROGRAM) == PROGRAM_FIGURES
    assert {name for name, of in PROGRAM.items() if of.unit == "share"} == SHARES
    assert not SHARES & AMOUNTS and set(OF_EACH_OFFICER) <= SHARES


@pytest.mark.parametrize("kind", OF_PEOPLE)
def test_what_is_made_of_records_of_people_is_about_people(tmp_path: Path, kind: str) -> None:
    assert all(of.about == "people" for of in ALL.values() if kind in of.records)
    folder = written(tmp_path, DRILLS.replace("[drills]", f"[drills, {kind}]"))
    with pytest.raises(StudyFileError, match=f"it is made of '{kind}', which are about people"):
        read_definitions(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("searches_per_100_students", "tips_received", "complaints_received", "threat_assessments_opened"),
        *("restorative_referrals", "information_shared", "coaching_opened", "selection_criteria_met", "emergencies"),
        *("agreement_breaches", "risk_ratio", "rubric_score"),
        *("calls_returned_share", "calls_diverted_share", "calls_charged_share"),
    ],
)
def test_people_stay_inside(name: str) -> None:
    assert ALL[name].about == "people"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    about: program\n", "", "about"),
        ("about: program", "about: officers", "about"),
        ("unit: share", "unit: minutes", "pages need a name for the unit"),
        ("unit: share", "unit: share\n    unit_on_pages: {en: of 100}", "pages need a name for the unit"),
        ("title: {en: Drills, es: Simulacros}\n", "", "title"),
    ],
)
def test_a_definition_says_what_it_is_about_and_how_pages_call_its_unit(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert list(read_definitions(written(tmp_path))) == ["drills"]
    with pytest.raises(StudyFileError, match=message):
        read_definitions(written(tmp_path, DRILLS.replace(old, new)))


def test_a_name_is_defined_once(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(StudyFileError, match=r"'drills_done_share' is defined in drills\.yaml, too"):
        read_definitions(written(tmp_path, name="exercises"))


def test_standards_without_definitions_have_none(tmp_path: Path) -> None:
    assert read_definitions(tmp_path) == {}


def test_the_schema_is_that_of_the_model() -> None:
    assert read_json(PROJECT / Indicators.schema_file) == Indicators.model_json_schema()
    for subject in read_definitions(STANDARDS).values():
        assert set(subject.title) == {"en", "es"}
    units = [of.unit_on_pages for of in PROGRAM.values() if of.unit_on_pages is not None]
    assert len(units) == len(AMOUNTS) and all(set(unit) == {"en", "es"} for unit in units)
