"""XLSForm: the workbook that ODK, KoboToolbox, SurveyCTO, Ona and ArcGIS Survey123 make a form from (xlsform.org).

Questions stand in no group, because exports put the name of a group before the name of a column.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sro_research.errors import InstrumentError
from sro_research.forms.questions import SCHOOL, Question, fitting_names, questions
from sro_research.forms.words import LANGUAGE_NAMES, load_words
from sro_research.instruments import Instrument
from sro_research.parameters import Language, Text

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""What a school's id looks like (`schemas.IDENTIFIER`); refused on the phone, it is not set aside at our door."""
NOTE = "_introduction"
"""No id of a question begins with _."""
_FITS, _DROP = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*"), re.compile(r"[^A-Za-z0-9_.-]")
_REFERENCE = "${"


def names(instrument: Instrument) -> dict[str, str]:
    """Return by column of ours the name of its question: the same, but no name begins with a digit."""
    return fitting_names([SCHOOL, *(q.id for q in questions(instrument))], fits=_FITS, drop=_DROP)


def workbook(instrument: Instrument, languages: Sequence[Language]) -> bytes:
    """Return the form as .xlsx: sheets `survey`, `choices` and `settings`, the first language being the default.

    Raises `InstrumentError` where a text holds what an XLSForm reads as the name of a question.
    """
    asked = questions(instrument)
    _refuse_references(instrument, asked)
    lists: dict[str, dict[int, Text]] = {}
    list_of: dict[str, str] = {}
    for question in asked:
        known = (name for name, choices in lists.items() if choices == question.choices)
        list_of[question.id] = next(known, f"choices_{len(lists) + 1}")
        lists[list_of[question.id]] = question.choices
    import openpyxl  # Takes half a second, which only this form is worth.

    book = openpyxl.Workbook()
    survey = book.active
    survey.title = "survey"
    _fill(survey, _survey(instrument, asked, list_of, languages))
    _fill(book.create_sheet("choices"), _choices(lists, languages))
    settings = {
        "form_title": instrument.title[languages[0]],
        "form_id": instrument.id,
        "version": str(instrument.version),
        "default_language": _named(languages[0]),
    }
    _fill(book.create_sheet("settings"), [list(settings), list(settings.values())])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _survey(
    instrument: Instrument, asked: list[Question], list_of: dict[str, str], languages: Sequence[Language]
) -> list[list[str]]:
    name = names(instrument)
    blank = [""] * len(languages)
    hints, faults = ([load_words(lang)[key] for lang in languages] for key in ("school_help", "school_fault"))
    titles = [load_words(lang)["school_code"] for lang in languages]
    head = ["type", "name", *_columns("label", languages), *_columns("hint", languages), "required", "constraint"]
    rows = [
        head + _columns("constraint_message", languages),
        ["note", NOTE, *_texts(instrument.introduction, languages), *blank, "", "", *blank],
        ["text", name[SCHOOL], *titles, *hints, "yes", f"regex(., '{IDENTIFIER}')", *faults],
    ]
    for question in asked:
        kind = f"select_one {list_of[question.id]}"
        rows.append([kind, name[question.id], *_texts(question.text, languages), *blank, "", "", *blank])
    return rows


def _choices(lists: dict[str, dict[int, Text]], languages: Sequence[Language]) -> list[list[str]]:
    rows = [["list_name", "name", *_columns("label", languages)]]
    for name, choices in lists.items():
        rows += [[name, str(code), *_texts(label, languages)] for code, label in choices.items()]
    return rows


def _columns(what: str, languages: Iterable[Language]) -> list[str]:
    return [f"{what}::{_named(language)}" for language in languages]


def _named(language: Language) -> str:
    return f"{LANGUAGE_NAMES[language]} ({language})"


def _texts(text: Text, languages: Iterable[Language]) -> list[str]:
    return [text[language] for language in languages]


def _fill(sheet: Worksheet, rows: list[list[str]]) -> None:
    for row, cells in enumerate(rows, 1):
        for column, text in enumerate(cells, 1):
            if text:
                cell = sheet.cell(row, column, text)
                cell.data_type = "s"  # Text that begins with = is no formula.


def _refuse_references(instrument: Instrument, asked: list[Question]) -> None:
    texts = {"introduction": [instrument.introduction]} | {q.id: [q.text, *q.choices.values()] for q in asked}
    for at, found in texts.items():
        if any(_REFERENCE in words for text in found for words in text.values()):
            raise InstrumentError(
                f"{instrument.id}: {at}",
                f"the text holds '{_REFERENCE}', which an XLSForm reads as the name of a question",
                fix="Write it otherwise, or make other forms with --form.",
            )
