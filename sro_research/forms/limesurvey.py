"""LimeSurvey: a survey structure as tab-separated values, all languages in one file.

The format is that of the LimeSurvey manual ("Tab Separated Value survey structure") and of LimeSurvey's importer
(`TSVImportSurvey`). Questions are lists of radio buttons (type L), not rows of an array, because the answers of an
array are exported as `array[row]`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from sro_research.errors import InstrumentError
from sro_research.files import fingerprint
from sro_research.forms.questions import SCHOOL, Question, as_html, fitting_names, pages, questions
from sro_research.forms.words import load_words
from sro_research.instruments import Instrument
from sro_research.parameters import Language

HEADER = [
    "class", "type/scale", "name", "relevance", "text", "help", "language", "validation", "mandatory", "other",
    "default", "same_default",
]  # fmt: skip
LONGEST_CODE, LONGEST_NAME = 5, 20
"""Characters of an answer's and a question's code that LimeSurvey's tables have room for."""
SETTINGS = {
    "anonymized": "Y", "datestamp": "N", "ipaddr": "N", "refurl": "N", "savetimings": "N", "allowsave": "N",
    "format": "G", "showwelcome": "Y", "shownoanswer": "N", "showgroupinfo": "X",
}  # fmt: skip
"""Nothing that leads to a person is kept; pages are groups, whose names no respondent sees; the choices are ours."""
SCHOOL_PATTERN = "/^[A-Za-z0-9][A-Za-z0-9_.-]*$/"
BYTE_ORDER_MARK = "\ufeff"
# LimeSurvey's own words may not be the code of a question.
_FITS = re.compile(
    rf"(?!(?:lang|sid|savedid|token|qid|gid|sgq|self|that|this|time|other)$)[a-z][a-z0-9]{{0,{LONGEST_NAME - 1}}}",
    re.IGNORECASE,
)
_DROP = re.compile(r"[^A-Za-z0-9]")


def names(instrument: Instrument) -> dict[str, str]:
    """Return by column of ours the code of its question, which has letters and digits only: safe1 for safe_1."""
    return fitting_names([SCHOOL, *(q.id for q in questions(instrument))], fits=_FITS, drop=_DROP)


def structure(instrument: Instrument, languages: Sequence[Language]) -> str:
    """Return the survey as tab-separated text with the mark by which LimeSurvey and Excel know UTF-8.

    The first language is the survey's own, the others are its translations. Raises `InstrumentError` where a code has
    more characters than LimeSurvey keeps.
    """
    for question in questions(instrument):
        for code in question.choices:
            if len(str(code)) > LONGEST_CODE:
                raise InstrumentError(
                    f"{instrument.id}: {question.id}",
                    f"the code {code} has more than {LONGEST_CODE} characters, which LimeSurvey cuts",
                    fix="Renumber it, or make other forms with --form.",
                )
    stream = io.StringIO()
    writer = csv.DictWriter(stream, HEADER, restval="", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(instrument, languages))
    return BYTE_ORDER_MARK + stream.getvalue()


def _rows(instrument: Instrument, languages: Sequence[Language]) -> Iterator[dict[str, str]]:
    wanted = int(fingerprint(instrument.id, instrument.version), 16) % 900_000 + 100_000
    settings = {
        "sid": str(wanted),
        "language": languages[0],
        "additional_languages": " ".join(languages[1:]),
    } | SETTINGS
    yield from ({"class": "S", "name": name, "text": value} for name, value in settings.items() if value)
    for language in languages:
        texts = {"surveyls_title": instrument.title, "surveyls_welcometext": instrument.introduction}
        for name, text in texts.items():
            yield {"class": "SL", "name": name, "text": _html(text[language]), "language": language}
    for language in languages:
        yield from _groups(instrument, language)


def _groups(instrument: Instrument, language: Language) -> Iterator[dict[str, str]]:
    words, name = load_words(language), names(instrument)
    group = {"class": "G", "relevance": "1", "language": language}
    yield group | {"type/scale": "1", "name": words["school"]}
    yield _question("S", name[SCHOOL], words["school_code"], language) | {
        "help": _html(words["school_help"]), "validation": SCHOOL_PATTERN, "mandatory": "Y",
    }  # fmt: skip
    for number, page in enumerate(pages(questions(instrument)), 2):
        # The importer knows a group in another language by this number.
        yield group | {"type/scale": str(number), "name": _title(page, words["questions"])}
        for question in page:
            yield _question("L", name[question.id], question.text[language], language)
            for code, label in question.choices.items():
                yield {
                    "class": "A", "type/scale": "0", "name": str(code), "relevance": "0",
                    "text": _html(label[language]), "language": language,
                }  # fmt: skip


def _question(kind: str, name: str, text: str, language: Language) -> dict[str, str]:
    return {
        "class": "Q", "type/scale": kind, "name": name, "relevance": "1", "text": _html(text), "language": language,
        "mandatory": "N", "other": "N", "same_default": "0",
    }  # fmt: skip


def _title(page: list[Question], questions_word: str) -> str:
    return f"{questions_word} {page[0].number}–{page[-1].number}"


def _html(text: str) -> str:
    # Braces are expressions to LimeSurvey.
    return as_html(text, marks="{}")
