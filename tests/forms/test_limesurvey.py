"""LimeSurvey's structure file, read by the rules of LimeSurvey's importer: what comes out is what the codebook says.

There is no importer here. `read` does with the text what `TSVImportSurvey` does: tabs, quotes doubled, a question
belongs to the group before it, an answer to the question before it, and other languages are known by number and code.
"""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from asked import IDS, SHIPPED, awkward, shipped

from sro_research.errors import InstrumentError
from sro_research.forms import limesurvey
from sro_research.forms.questions import QUESTIONS_PER_PAGE, questions
from sro_research.instruments import Instrument

HEADER = [
    "class", "type/scale", "name", "relevance", "text", "help", "language", "validation", "mandatory", "other",
    "default", "same_default",
]  # fmt: skip


@dataclass
class Survey:
    """What an importer keeps of a file."""

    settings: dict[str, str] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    groups: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    questions: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)


def read(text: str) -> Survey:
    assert text.startswith("\ufeff")
    head, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter="\t", strict=True)
    assert head == HEADER
    survey, group, question = Survey(), "", ""
    for cells in lines:
        row = dict(zip(head, cells, strict=True))
        language = row["language"]
        match row["class"]:
            case "S":
                assert not survey.texts
                survey.settings[row["name"]] = row["text"]
            case "SL":
                assert not survey.groups
                survey.texts.setdefault(language, {})[row["name"]] = row["text"]
            case "G":
                group = row["type/scale"]
                survey.groups.setdefault(language, []).append(row)
            case "Q":
                assert survey.groups[language][-1]["type/scale"] == group
                question = row["name"]
                survey.questions.setdefault(language, []).append(row | {"group": group})
            case "A":
                assert survey.questions[language][-1]["name"] == question
                survey.answers.setdefault((language, question), []).append(row)
            case other:
                raise AssertionError(f"no class '{other}'")
    return survey


@pytest.fixture(params=[*SHIPPED, "awkward"])
def instrument(request: pytest.FixtureRequest, tmp_path: Path) -> Instrument:
    return awkward(tmp_path) if request.param == "awkward" else shipped(request.param)


def seen(text: str) -> str:
    """What a browser shows of the HTML of a text."""
    return " ".join(html.unescape(re.sub(r"<br />", " ", text)).split())


def same(text: str) -> str:
    return " ".join(text.split())


def test_every_question_and_answer_is_there_in_both_languages(instrument: Instrument) -> None:
    survey = read(limesurvey.structure(instrument, ["en", "es"]))
    asked, names = questions(instrument), limesurvey.names(instrument)
    assert (survey.settings["language"], survey.settings["additional_languages"]) == ("en", "es")
    assert list(survey.texts) == list(survey.groups) == list(survey.questions) == ["en", "es"]
    for language in ("en", "es"):
        assert seen(survey.texts[language]["surveyls_title"]) == same(instrument.title[language])
        assert seen(survey.texts[language]["surveyls_welcometext"]) == same(instrument.introduction[language])
        school, *found = survey.questions[language]
        assert (school["name"], school["type/scale"], school["mandatory"]) == (names["school_id"], "S", "Y")
        assert [(q["name"], seen(q["text"])) for q in found] == [
            (names[question.id], same(question.text[language])) for question in asked
        ]
        assert {(q["type/scale"], q["mandatory"], q["other"], q["relevance"]) for q in found} == {("L", "N", "N", "1")}
        for question in asked:
            answers = survey.answers[language, names[question.id]]
            assert [(int(a["name"]), seen(a["text"])) for a in answers] == [
                (code, same(label[language])) for code, label in question.choices.items()
            ]
            assert {a["type/scale"] for a in answers} == {"0"}
    assert len(survey.answers) == 2 * len(asked)


def test_the_languages_have_the_same_groups_and_questions_by_which_they_are_joined(instrument: Instrument) -> None:
    survey = read(limesurvey.structure(instrument, ["en", "es"]))
    shape = {
        language: (
            [row["type/scale"] for row in survey.groups[language]],
            [(row["group"], row["name"]) for row in survey.questions[language]],
        )
        for language in ("en", "es")
    }
    assert shape["en"] == shape["es"]
    groups = [group for group, _ in shape["en"][1]]
    assert len(set(shape["en"][0])) == len(shape["en"][0])
    assert set(groups) == set(shape["en"][0])
    assert max(map(groups.count, groups)) <= QUESTIONS_PER_PAGE


def test_no_code_is_one_that_limesurvey_would_change(instrument: Instrument) -> None:
    names = list(limesurvey.names(instrument).values())
    # The rules of LimeSurvey's models Question (title) and of its table of answers.
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,19}", name) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    assert not {"LANG", "SID", "SAVEDID", "TOKEN", "QID", "GID", "SGQ", "self", "that", "this"} & set(names)


def test_an_id_is_kept_without_its_signs_where_that_is_a_code(tmp_path: Path) -> None:
    assert limesurvey.names(shipped("student_climate"))["safe_1"] == "safe1"
    names = limesurvey.names(awkward(tmp_path))
    assert list(names) == ["school_id", *IDS]
    assert list(names.values()) == ["schoolid", "q2", "q3", "ab", "q4", "q1", "introduction", "q5", "years"]


def test_no_text_is_taken_for_html_or_an_expression(tmp_path: Path) -> None:
    text = limesurvey.structure(awkward(tmp_path), ["en", "es"])
    assert not re.search(r"[{}]", text)
    assert set(re.findall(r"<[^>]*>", text)) == {"<br />"}


def test_nothing_that_leads_to_a_person_is_kept() -> None:
    settings = read(limesurvey.structure(shipped("student_climate"), ["en"])).settings
    assert {settings[key] for key in ("datestamp", "ipaddr", "refurl", "savetimings")} == {"N"}
    assert settings["anonymized"] == "Y"
    assert settings["showgroupinfo"] == "X", "respondents do not see the names of groups"
    assert "additional_languages" not in settings


def test_the_wanted_number_of_a_survey_is_its_own_and_stays(tmp_path: Path) -> None:
    def number(instrument: Instrument) -> int:
        return int(read(limesurvey.structure(instrument, ["en"])).settings["sid"])

    numbers = [number(shipped(name)) for name in SHIPPED] + [number(awkward(tmp_path))]
    assert numbers == [number(shipped(name)) for name in SHIPPED] + [number(awkward(tmp_path))]
    assert len(set(numbers)) == 3
    assert all(100_000 <= n <= 999_999 for n in numbers)


def test_a_code_that_limesurvey_would_cut_is_refused(tmp_path: Path) -> None:
    instrument = awkward(tmp_path, '10: "2 o', '-32000: "2 o')
    with pytest.raises(InstrumentError, match=r"^awkward: years: the code -32000 has more than 5 characters, which "):
        limesurvey.structure(instrument, ["en"])
