"""What every form asks, in one order: the school, the items, the background questions."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sro_research.instruments import Instrument
from sro_research.parameters import Text

SCHOOL = "school_id"
"""The column that says which school an answer is from; a text that every form asks for."""
QUESTIONS_PER_PAGE = 8
"""So many fit on the screen of a laptop; on a phone, a page of them is sent before a connection breaks."""


@dataclass(frozen=True)
class Question:
    """A question as a respondent sees it: its number, its text, and its choices by code, missing codes last."""

    number: int
    id: str
    text: Text
    choices: dict[int, Text]


def questions(instrument: Instrument) -> list[Question]:
    """Return the items in the order in which they are asked, then the background questions, numbered from 1."""
    items = {item.id: item for item in instrument.items}
    asked = [(id_, items[id_].text, items[id_].labels) for id_ in instrument.order]
    asked += [(question.id, question.text, question.labels) for question in instrument.background.values()]
    return [
        Question(number, id_, text, labels | instrument.missing_labels)
        for number, (id_, text, labels) in enumerate(asked, 1)
    ]


def pages(asked: list[Question]) -> Iterator[list[Question]]:
    """Part questions into pages of a screen each."""
    for start in range(0, len(asked), QUESTIONS_PER_PAGE):
        yield asked[start : start + QUESTIONS_PER_PAGE]


def as_html(text: str, *, marks: str) -> str:
    """Write a text on one line as HTML; `marks` are signs that mean something else to the program that shows it."""
    escaped = html.escape(text.strip(), quote=False).translate({ord(mark): f"&#{ord(mark)};" for mark in marks})
    return "<br />".join(" ".join(line.split()) for line in escaped.splitlines())


def fitting_names(ids: Iterable[str], *, fits: re.Pattern[str], drop: re.Pattern[str]) -> dict[str, str]:
    """Return by id the name of each question in a program that does not take every id.

    It is the id without the characters that `drop` finds; where that does not match `fits` or, but for capitals, is
    another's, it is q1, q2, ….
    """
    ids = list(ids)
    plain = {id_: drop.sub("", id_) for id_ in ids}
    names: dict[str, str] = {}
    for id_, name in plain.items():
        if fits.fullmatch(name) and name.lower() not in map(str.lower, names.values()):
            names[id_] = name
    taken = {name.lower() for name in names.values()}
    free = (f"q{n}" for n in range(1, 2 * len(ids) + 1) if f"q{n}" not in taken)
    return {id_: names.get(id_) or next(free) for id_ in ids}
