"""Qualtrics' Advanced Format: each tag at its place, and every question and choice with its column and code.

There is no importer here; `read` takes a file apart by the grammar of Qualtrics' support page.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from asked import IDS, SHIPPED, awkward, shipped

from sro_research.forms import qualtrics
from sro_research.forms.questions import QUESTIONS_PER_PAGE, questions
from sro_research.instruments import Instrument

TAG = re.compile(r"\[\[([A-Za-z]+)(?::([^\[\]]*))?\]\]")
MULTIPLE_CHOICE = "MC:SingleAnswer:Vertical"


def read(text: str) -> list[dict]:
    """Return the questions of a file in order: kind, id, page, text and choices by code."""
    first, *lines = [line for line in text.splitlines() if line]
    assert first == "[[AdvancedFormat]]"
    found: list[dict] = []
    page, blocks, code = 1, 0, None
    for line in lines:
        tag = TAG.fullmatch(line)
        if tag is None:
            assert "[[" not in line
            assert "]]" not in line
            question = found[-1]
            if code is not None:
                assert code not in question["choices"]
                question["choices"][code], code = line, None
            else:
                assert question["text"] == "", "a text is one line"
                question["text"] = line
            continue
        name, value = tag.groups()
        assert code is None, "a choice has a text"
        if name == "Block":
            blocks += 1
            assert not found
        elif name == "PageBreak":
            page += 1
        elif name == "Question":
            found.append({"kind": value, "id": None, "page": page, "text": "", "choices": {}, "opened": False})
        elif name == "ID":
            assert found[-1]["id"] is None
            assert found[-1]["text"] == "", "the id stands before the text"
            found[-1]["id"] = value
        elif name == "AdvancedChoices":
            assert found[-1]["kind"] == MULTIPLE_CHOICE
            assert found[-1]["text"]
            found[-1]["opened"] = True
        elif name == "Choice":
            assert found[-1]["opened"]
            code = int(value)
        else:
            raise AssertionError(f"no tag '{name}'")
    assert blocks == 1
    return found


@pytest.fixture(params=[*SHIPPED, "awkward"])
def instrument(request: pytest.FixtureRequest, tmp_path: Path) -> Instrument:
    return awkward(tmp_path) if request.param == "awkward" else shipped(request.param)


def seen(text: str) -> str:
    """What a browser shows of the HTML of a text."""
    return " ".join(html.unescape(text.replace("<br />", " ")).split())


def same(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_question_and_choice_is_there_with_its_column_and_code(instrument: Instrument, language: str) -> None:
    introduction, school, *found = read(qualtrics.advanced_format(instrument, language))
    assert (introduction["kind"], seen(introduction["text"])) == ("Text", same(instrument.introduction[language]))
    assert (school["kind"], school["id"]) == ("TE:SingleLine", "school_id")
    assert [(q["kind"], q["id"], seen(q["text"])) for q in found] == [
        (MULTIPLE_CHOICE, question.id, same(question.text[language])) for question in questions(instrument)
    ]
    for read_back, question in zip(found, questions(instrument), strict=True):
        choices = {code: seen(label) for code, label in read_back["choices"].items()}
        assert choices == {code: same(label[language]) for code, label in question.choices.items()}
        assert list(choices) == list(question.choices)


def test_a_page_has_no_more_questions_than_a_screen_takes(instrument: Instrument) -> None:
    pages = [question["page"] for question in read(qualtrics.advanced_format(instrument, "en"))[2:]]
    assert pages == sorted(pages)
    assert max(map(pages.count, pages)) <= QUESTIONS_PER_PAGE
    assert min(pages) == 2, "the introduction stands alone"


def test_the_questions_stand_in_the_order_of_the_codebook_and_no_topic_is_told(tmp_path: Path) -> None:
    instrument = awkward(tmp_path)
    assert [question["id"] for question in read(qualtrics.advanced_format(instrument, "en"))[2:]] == IDS
    for name in SHIPPED:
        text = qualtrics.advanced_format(shipped(name), "en")
        assert not [c.title["en"] for c in shipped(name).constructs.values() if c.title["en"] in text]


def test_no_text_is_taken_for_a_tag_a_field_or_html(tmp_path: Path) -> None:
    text = qualtrics.advanced_format(awkward(tmp_path), "en")
    assert "$" not in text
    assert set(re.findall(r"<[^>]*>", text)) == {"<br />"}
    assert "Block:x" not in "".join(line for line in text.splitlines() if TAG.fullmatch(line))
