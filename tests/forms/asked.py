"""Instruments to make forms of: the project's own, and one that is as awkward as a codebook may be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from conftest import PROJECT

from sro_research.instruments import Instrument, load_instrument

SHIPPED = ("student_climate", "staff_climate")
AWKWARD = {
    "en": """\
instrument: awkward
language: en
version: 3
population: family
respondents: families
title: '=1+1 "A & B" <survey>'
introduction: "First line.\\n\\tSecond line, {braces} and [[Block:x]]."
sources: {made_up: "Made, U. (2020). A <book> & more."}
scales:
  agree2: {0: "No, <b>never</b>", 1: 'So called "yes"'}
  agree3: {1: "=low", 2: Middle, 3: High}
missing_codes:
  -9: {meaning: dont_know, label: "Don't know"}
constructs:
  first: {title: First, agree_phrase: a, definition: d & e, direction: favorable, minimum_items: 1, sources: [made_up]}
  second: {title: Second, agree_phrase: b, definition: f, direction: unfavorable, minimum_items: 2, sources: []}
items:
  - {id: 1st, construct: second, scale: agree3, text: "[[ID:x]] $1 > 2?"}
  - {id: self, construct: first, scale: agree2, text: "Tab\\there"}
  - {id: a_b, construct: second, scale: agree3, reverse: true, text: Third}
  - {id: A.b, construct: first, scale: agree2, text: Fourth}
  - {id: q1, construct: first, scale: agree2, text: Fifth}
  - {id: introduction, construct: first, scale: agree2, text: Sixth}
  - {id: a-very-long-name-of-a-question, construct: first, scale: agree2, text: Seventh}
background:
  years: {title: Years, text: "How many years?", codes: {1: "0\\u20131", 10: "2 or more"}}
""",
    "es": """\
instrument: awkward
language: es
version: 3
respondents: familias
title: 'Encuesta «A y B» ¡ñandú!'
introduction: "Línea uno.\\nLínea dos, {llaves}."
scales:
  agree2: {0: "No, <b>nunca</b>", 1: 'El "sí"'}
  agree3: {1: "=bajo", 2: Medio, 3: Alto}
missing_codes:
  -9: "No sé"
constructs:
  first: {title: Primero, agree_phrase: a, definition: d}
  second: {title: Segundo, agree_phrase: b, definition: f}
items:
  {1st: "¿$1 > 2?", self: Dos, a_b: Tres, A.b: Cuatro, q1: 5.º, introduction: 6.º, a-very-long-name-of-a-question: 7.º}
background:
  years: {title: Años, text: "¿Cuántos años?", codes: {1: "0\\u20131", 10: "2 o más"}}
""",
}
IDS = ["1st", "self", "a_b", "A.b", "q1", "introduction", "a-very-long-name-of-a-question", "years"]
"""The awkward questions as they are asked: the items of two constructs take turns."""


def awkward(folder: Path, old: str = "", new: str = "") -> Instrument:
    """Write and load the awkward instrument, with a text of its files replaced by another."""
    assert old in AWKWARD["en"]
    for language, text in AWKWARD.items():
        text = text.replace(old, new) if old else text
        (folder / f"awkward.{language}.yaml").write_text(text, encoding="utf-8")
    return load_instrument(folder, "awkward", ["en", "es"])


@cache
def shipped(name: str) -> Instrument:
    """Load one of the project's instruments."""
    return load_instrument(PROJECT / "surveys", name, ["en", "es"])
