"""Drills, deadlines and definitions as a district would read them."""

import re
from pathlib import Path

import pytest
from conftest import PROJECT
from pydantic import ValidationError

from sro_research.measures import complaints, emergencies, restorative, threat_assessments, tips
from sro_research.parameters import read_checked
from sro_research.standards.deadlines import Deadlines
from sro_research.standards.drills import DrillStandard
from sro_research.standards.indicators import Indicators

STANDARDS = PROJECT / "params" / "standards"
SUBJECTS = {
    "operations": (
        *("response_times", "call_outcomes", "drills", "tips", "threat_assessments"),
        *("restorative", "log_reviews"),
    ),
    "complaints": ("complaints",),
    "emergencies": ("emergencies", "lessons"),
    "information_sharing": ("information_sharing",),
}
MADE = re.compile(r'measure="([a-z0-9_]+)"')
OF_RESPONSE = {f"{part}_minutes_{q}" for part in ("dispatch", "travel", "response", "scene") for q in ("median", "p90")}
OF_RESPONSE |= {"response_missing_share", "response_negative_share"}
WAITS = [module.WAITS for module in (tips, threat_assessments, restorative)]


def made(modules: tuple[str, ...]) -> set[str]:
    """Return the measures whose names stand in the modules."""
    folder = PROJECT / "sro_research" / "measures"
    return {name for module in modules for name in MADE.findall((folder / f"{module}.py").read_text("utf-8"))}


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_every_measure_is_defined_and_nothing_else(subject: str) -> None:
    defined = read_checked(STANDARDS / "indicators" / f"{subject}.yaml", Indicators)[0].indicators
    waits = {"operations": WAITS, "complaints": [complaints.WAITS], "emergencies": [emergencies.WAITS]}
    waited = {f"{name}_median_days" for found in waits.get(subject, []) for name in found}
    own = OF_RESPONSE if subject == "operations" else set()
    assert set(defined) == made(SUBJECTS[subject]) | waited | own


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_every_definition_says_what_it_does_not_say_in_both_languages(subject: str) -> None:
    for name, definition in read_checked(STANDARDS / "indicators" / f"{subject}.yaml", Indicators)[
        0
    ].indicators.items():
        texts = [definition.title, definition.definition, definition.numerator, definition.denominator]
        assert definition.caution is not None, name
        for text in (*texts, definition.caution):
            assert set(text) == {"en", "es"} and text["en"] != text["es"], name
            assert all(len(words.split()) <= 40 for words in text.values()), name


def test_required_drills() -> None:
    standard = read_checked(STANDARDS / "drills.yaml", DrillStandard)[0]
    assert standard.required["lockdown"] == 2 and standard.required["medical"] == 0
    with pytest.raises(ValidationError):
        DrillStandard(drills={"lockdown": {"title": {"en": "Lockdown"}, "per_wave": -1}})


def test_deadlines_are_days() -> None:
    deadlines = read_checked(STANDARDS / "deadlines.yaml", Deadlines)[0]
    assert deadlines.complaint_disposition_days == 60
    with pytest.raises(ValidationError):
        Deadlines(**deadlines.model_dump() | {"restorative_watch_days": 0})


@pytest.mark.parametrize("model", [DrillStandard, Deadlines])
def test_editors_have_a_schema(model: type[DrillStandard] | type[Deadlines]) -> None:
    assert (PROJECT / Path(model.schema_file)).is_file()
