"""What a standard of the agreement, the budget or the rubric may not say; those of the project hold."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sro_research.errors import StudyFileError
from sro_research.files import read_yaml
from sro_research.parameters import read_checked
from sro_research.standards.agreement import Agreement
from sro_research.standards.budget import BudgetStandard
from sro_research.standards.indicators import Indicators
from sro_research.standards.rubric import Rubric

STANDARDS = Path(__file__).parents[2] / "params" / "standards"
MODELS = {"agreement": Agreement, "budget": BudgetStandard, "rubric": Rubric}


@pytest.mark.parametrize("name", MODELS)
def test_standards_of_the_project_speak_both_languages(name: str) -> None:
    standard, _ = read_checked(STANDARDS / f"{name}.yaml", MODELS[name])
    assert standard.model_dump()
    one_language: list[tuple[str, ...]] = []

    def look(value: object, at: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            if "en" in value and set(value) != {"en", "es"}:
                one_language.append(at)
            for key, inner in value.items():
                look(inner, (*at, key))

    look(standard.model_dump(), ())
    assert one_language == []


@pytest.mark.parametrize("name", MODELS)
def test_every_indicator_is_defined_in_both_languages(name: str) -> None:
    defined, _ = read_checked(STANDARDS / "indicators" / f"{name}.yaml", Indicators)
    for one in defined.indicators.values():
        for text in (one.title, one.definition, one.numerator, one.denominator, one.caution or one.title):
            assert set(text) == {"en", "es"}


def test_the_register_knows_its_clauses_and_its_sources() -> None:
    agreement, _ = read_checked(STANDARDS / "agreement.yaml", Agreement)
    assert {"authority", "reporting_lines", "complaint_procedure", "discipline_boundary", "incident_documentation"} | {
        "information_sharing", "privacy", "interview_rules", "search_rules", "data_collection", "review_date"
    } <= set(agreement.clauses)  # fmt: skip
    assert set(agreement.scopes.values()) == {"district", "school"}


def changed(name: str, keys: tuple[str, ...], value: object) -> dict:
    data = read_yaml(STANDARDS / f"{name}.yaml").data
    inner = data
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return data


TRUST = ("criteria", "trust")


@pytest.mark.parametrize(
    ("name", "keys", "value", "rule"),
    [
        ("agreement", ("clauses", "privacy", "recommended_in"), ["nobody"], "there is no publication 'nobody'"),
        ("agreement", ("clauses", "privacy", "scope"), "state", "district"),
        ("budget", ("first_month",), 13, "less than or equal to 12"),
        ("budget", ("items", "salaries", "growth"), 3.0, "less than 1"),
        ("rubric", (*TRUST, "weight"), 0.15, "the weights sum to 1.01, not to 1"),
        ("rubric", (*TRUST, "weight_between"), [0.2, 0.3], "must hold the weight"),
        ("rubric", (*TRUST, "weight_between"), [-0.1, 0.3], "between 0 and 1"),
        ("rubric", (*TRUST, "direction"), "lower", "`full` is not better than `none`"),
        ("rubric", (*TRUST, "thresholds"), [2.5], "3 bands need 2 thresholds"),
        ("rubric", (*TRUST, "thresholds"), [3.0, 2.5], "thresholds must run from `none` to `full`"),
        ("rubric", (*TRUST, "thresholds"), [2.5, 2.5], "none twice|must run"),
        ("rubric", (*TRUST, "thresholds"), [1.0, 2.5], "thresholds must run from `none` to `full`"),
        ("rubric", (*TRUST, "full"), 1.5, "`full` is not better than `none`"),
        ("rubric", (*TRUST, "evidence", "construkt"), "x", "Extra inputs"),
    ],
)
def test_a_contradiction_is_refused(name: str, keys: tuple[str, ...], value: object, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        MODELS[name].model_validate(changed(name, keys, value))


def test_a_budget_requires_something() -> None:
    data = read_yaml(STANDARDS / "budget.yaml").data
    for item in data["items"].values():
        item["required"] = False
    with pytest.raises(ValidationError, match="no item is required"):
        BudgetStandard.model_validate(data)


def test_a_refusal_names_the_line(tmp_path: Path) -> None:
    text = (STANDARDS / "rubric.yaml").read_text(encoding="utf-8").replace("weight: 0.14", "weight: 0.13")
    (tmp_path / "rubric.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyFileError, match=r"rubric.yaml:\d+: the weights sum to 0.99, not to 1"):
        read_checked(tmp_path / "rubric.yaml", Rubric)
