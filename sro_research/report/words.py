"""The words of the pages, by language, and numbers as that language writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter

from babel.numbers import format_decimal

from sro_research.errors import ReportError
from sro_research.files import read_yaml
from sro_research.parameters import Language

LOCALES: dict[Language, str] = {"en": "en_US", "es": "es_US"}
"""Spanish in the United States writes the decimal point, as English does."""
SOURCE: Language = "en"


@dataclass(frozen=True)
class Words:
    """The catalogue of one language."""

    language: Language
    entries: dict[str, str | list[str]]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled; an unknown key is an error, not an empty place on a page."""
        text = self.entries[key]
        assert isinstance(text, str), f"'{key}' is a list of sentences"
        return text.format(**values)

    def sentences(self, key: str) -> list[str]:
        """Return a list of sentences."""
        return list(self.entries[key])

    @property
    def texts(self) -> list[str]:
        """Every text of the catalogue, with its placeholders."""
        return [text for entry in self.entries.values() for text in ([entry] if isinstance(entry, str) else entry)]

    def number(self, value: float, decimals: int = 0) -> str:
        """Write a number with a fixed count of decimals, rounded as Python rounds it, which is what sources say."""
        form = f"#,##0.{'0' * decimals}" if decimals else "#,##0"
        # Babel would round 4.35 by its digits, to 4.4; the number that is stored lies below. NumPy differs, too.
        shown = round(float(value), decimals) or 0.0  # No minus sign before what is printed as zero.
        # A true minus sign: screen readers pass over a hyphen.
        return format_decimal(shown, format=form, locale=LOCALES[self.language]).replace("-", "−")

    def of_hundred(self, share: float) -> str:
        """Write a share (0-1) as people of 100."""
        return self.number(100 * share)


@cache
def load_words(language: Language) -> Words:
    """Load a catalogue and check that it says everything the English one says, with the same placeholders.

    Raises `ReportError` naming the file and the entry.
    """
    folder = Path(str(files("sro_research.report") / "assets"))
    path = folder / f"words.{language}.yaml"
    entries = read_yaml(path)
    if language != SOURCE:
        check_catalogue(read_yaml(folder / f"words.{SOURCE}.yaml").data, entries.data, path)
    return Words(language, entries.data)


def check_catalogue(source: dict[str, str | list[str]], translation: dict[str, str | list[str]], path: Path) -> None:
    """Refuse a translation that lacks an entry, has one too many, or changes a placeholder."""
    for key in source.keys() | translation.keys():
        if key not in translation:
            raise ReportError(path, f"the text '{key}' is not translated", fix="Translate and add it.")
        if key not in source:
            raise ReportError(path, f"the text '{key}' is not in the English catalogue", fix="Remove it.")
        if _shape(source[key]) != _shape(translation[key]):
            raise ReportError(
                path,
                f"the text '{key}' has other placeholders or sentences than the English one",
                fix="Match it.",
            )


def _shape(entry: str | list[str]) -> list[set[str]]:
    """Return the placeholders of each sentence of an entry."""
    texts = [entry] if isinstance(entry, str) else entry
    return [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts]
