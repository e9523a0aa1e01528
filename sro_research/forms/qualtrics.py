"""Qualtrics: a survey in its Advanced Format TXT, one file per language.

The tags are those of Qualtrics' support page "Import and Export Surveys". `[[ID:…]]` names the column of the export and
`[[Choice:…]]` its code ("recode value").
"""

from __future__ import annotations

from collections.abc import Iterator

from sro_research.forms.questions import SCHOOL, Question, as_html, pages, questions
from sro_research.forms.words import load_words
from sro_research.instruments import Instrument
from sro_research.parameters import Language


def advanced_format(instrument: Instrument, language: Language) -> str:
    """Return the survey in one language, as the text of a file to import."""
    return "\n".join(_lines(instrument, language)) + "\n"


def _lines(instrument: Instrument, language: Language) -> Iterator[str]:
    words = load_words(language)
    yield from ("[[AdvancedFormat]]", "")
    # Respondents do not see the name of a block; the topics of the questions stand nowhere, they would lead an answer.
    yield from (f"[[Block:{instrument.id} {instrument.version} {language}]]", "")
    yield from ("[[Question:Text]]", _html(instrument.introduction[language]), "")
    school = f"{_html(words['school_code'])}<br />{_html(words['school_help'])}"
    yield from ("[[Question:TE:SingleLine]]", f"[[ID:{SCHOOL}]]", school, "")
    for page in pages(questions(instrument)):
        yield from ("[[PageBreak]]", "")
        for question in page:
            yield from _question(question, language)


def _question(question: Question, language: Language) -> Iterator[str]:
    yield from ("[[Question:MC:SingleAnswer:Vertical]]", f"[[ID:{question.id}]]", _html(question.text[language]))
    yield "[[AdvancedChoices]]"
    for code, label in question.choices.items():
        yield from (f"[[Choice:{code}]]", _html(label[language]))
    yield ""


def _html(text: str) -> str:
    # Brackets are tags to Qualtrics, and a dollar begins a field.
    return as_html(text, marks="[]$")
