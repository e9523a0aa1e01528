"""Texts that are known as a whole, and the numbers in any other.

A number that is not made of a safe cell may stand in a text that is known from its first to its last letter: a sentence
of the catalogue, or a text of the study, such as a title or the label of a group. The same number in any other text
is one that nobody registered. So "Grades 9 to 12" is known, and neither a 9 nor "Grades 9 to 12: 4" is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from string import Formatter

HOLE = "\ufffc"
"""Stands in a text where a number is that was made of a safe cell."""
WHOLE = "text"
"""Under this name a page declares texts that stand alone; under any other, what fills the place of that name."""
_WORDS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
)
_LETTER = r"[^\W\d_]"
_FIGURES = r"\d+(?:[.,]\d+)*"
_SPELLED = rf"(?<!{_LETTER})(?:{'|'.join(_WORDS)})(?!{_LETTER})"
_NUMBER = re.compile(rf"{_FIGURES}|{_SPELLED}", re.I)
_PLAIN = rf"(?:(?!\d|{_SPELLED}).)*?"
"""Anything in which there is no number."""
_PLACES_OF_SENTENCES = ("detail",)
"""Places of the catalogue that hold another of its sentences."""
Parts = list[tuple[str, str | None]]
"""What a sentence says, each with the place behind it."""
Fills = tuple[tuple[str, tuple[str, ...]], ...]
"""By place, the texts with numbers that a study puts there."""


def canonical(text: str) -> str:
    """Return a text with each digit of any script, and each sign that stands for a number, as a plain digit."""
    return _folded(text).strip()


@lru_cache(maxsize=100_000)
def numbers_in(text: str) -> tuple[str, ...]:
    """Return the numbers of a text: in digits of any script, as signs, and from one to nine as words."""
    return tuple(_NUMBER.findall(canonical(text)))


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", "".join(_as_digit(c) for c in text))
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn"))  # Nobody sees it split a word.
    return re.sub(r"\s+", " ", text)


def _as_digit(sign: str) -> str:
    return f"{unicodedata.numeric(sign):g}" if sign.isnumeric() else sign


class _Sentence:
    """A sentence of the catalogue: what must be in a text (`said`), and, compiled when asked for, what it must be."""

    def __init__(self, parts: Parts, inner: list[Parts]) -> None:
        self.said = tuple(text for text, _ in parts if text.strip())
        self._parts, self._inner = parts, inner
        holds_others = any(place in _PLACES_OF_SENTENCES for _, place in parts)
        self._places = {place for of in ([parts, *inner] if holds_others else [parts]) for _, place in of}
        self._compiled: dict[tuple[bool, Fills], re.Pattern[str]] = {}

    def pattern(self, fills: Fills, *, described: bool = False) -> re.Pattern[str]:
        """Return what the whole text must be where `fills` may stand in its places.

        `described`: where the numbers of a chart stand in its places, and something without numbers may follow.
        """
        key = described, tuple(fill for fill in fills if fill[0] in self._places)
        if key not in self._compiled:
            place = rf"{_PLAIN}(?:({_FIGURES}){_PLAIN})?" if described else _PLAIN
            whole = self._pattern(self._parts, dict(key[1]), place) + (_PLAIN if described else "")
            self._compiled[key] = re.compile(whole, re.I)
        return self._compiled[key]

    def _pattern(self, parts: Parts, fills: dict[str, tuple[str, ...]], open_place: str) -> str:
        return "".join(
            re.escape(said) + ("" if place is None else self._place(place, fills, open_place)) for said, place in parts
        )

    def _place(self, place: str, fills: dict[str, tuple[str, ...]], open_place: str) -> str:
        found = [*map(re.escape, fills.get(place, ())), open_place]
        if place in _PLACES_OF_SENTENCES:
            found = [self._pattern(parts, fills, open_place) for parts in self._inner] + found
        return f"(?:{'|'.join(found)})"


class _Catalogue:
    """The sentences of a catalogue, which pages share."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        parsed = [_parts(text) for text in sentences]
        inner = [parts for parts in parsed if not any(place in _PLACES_OF_SENTENCES for _, place in parts)]
        self._sentences = [_Sentence(parts, inner) for parts in parsed]
        whole = (parts for parts in parsed if not any(place for _, place in parts))
        self.fixed = {"".join(said for said, _ in parts) for parts in whole}
        self.says = lru_cache(maxsize=100_000)(self._says)

    def _says(self, text: str, fills: Fills) -> bool:
        """Tell whether a text is one of the sentences."""
        return any(s.pattern(fills).fullmatch(text) for s in self._sentences if _holds(text, s))

    def described(self, text: str, fills: Fills) -> list[set[str]]:
        """Return the numbers in the places of each sentence that a description of a chart can be."""
        found = [s.pattern(fills, described=True).fullmatch(text) for s in self._sentences if _holds(text, s)]
        return [{number for number in match.groups() if number} for match in found if match]


_catalogue = lru_cache(maxsize=64)(_Catalogue)


class KnownTexts:
    """The sentences of a catalogue, with the texts that a page declares as its study's own."""

    def __init__(self, sentences: Iterable[str], declared: Mapping[str, Iterable[str]]) -> None:
        told = {place: {canonical(text) for text in texts} for place, texts in declared.items()}
        self._headings = told.get(WHOLE, set())
        self._whole = {text for texts in told.values() for text in texts if re.search(_LETTER, text)}
        fills = {place: tuple(sorted(filter(_NUMBER.search, texts))) for place, texts in told.items() if place != WHOLE}
        self._fills = [(place, [(text.lower(), text) for text in texts]) for place, texts in sorted(fills.items())]
        self._catalogue = _catalogue(tuple(sentences))
        self._labels = {"".join(text.split()) for text in self._whole | self._headings | self._catalogue.fixed}

    def knows(self, text: str, *, heading: bool = False) -> bool:
        """Tell whether a text has no numbers, or is known as a whole.

        A text of the study without a letter, such as a grade that is called 9, is known as a heading only.
        """
        text = canonical(text)
        known = not _NUMBER.search(text) or text in self._whole or self._catalogue.says(text, self._in(text))
        return known or (heading and text in self._headings)

    def is_fixed(self, text: str) -> bool:
        """Tell whether a text stands in the catalogue as it is: programs and styles can tell a number without one."""
        return canonical(text) in self._catalogue.fixed

    def labels(self, text: str) -> bool:
        """Tell whether a text on a chart has no numbers, or is known as a whole, wherever its lines are broken."""
        text = canonical(text)
        return not _NUMBER.search(text) or "".join(text.split()) in self._labels

    def described(self, text: str) -> list[set[str]]:
        """Return the numbers in the places of each sentence that a description of a chart can be."""
        text = canonical(text)
        return self._catalogue.described(text, self._in(text))

    def _in(self, text: str) -> Fills:
        """Return what of the study's own a text holds: a pattern with the names of a thousand schools takes minutes."""
        low = text.lower()
        held = ((place, tuple(text for known, text in texts if known in low)) for place, texts in self._fills)
        return tuple(fill for fill in held if fill[1])


def _parts(sentence: str) -> Parts:
    """Take a sentence apart."""
    return [(_folded(said), place) for said, place, _, _ in Formatter().parse(sentence.strip())]


def _holds(text: str, sentence: _Sentence) -> bool:
    return all(said in text for said in sentence.said)
