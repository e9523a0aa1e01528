"""Which files the forms of an instrument are, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sro_research.files import write_bytes
from sro_research.forms import limesurvey, pages, qualtrics, xlsform
from sro_research.instruments import Instrument
from sro_research.parameters import Language

Files = Iterator[tuple[str, bytes]]


def _xlsform(instrument: Instrument, languages: Sequence[Language]) -> Files:
    yield f"{instrument.id}.xlsform.xlsx", xlsform.workbook(instrument, languages)


def _limesurvey(instrument: Instrument, languages: Sequence[Language]) -> Files:
    yield f"{instrument.id}.limesurvey.txt", limesurvey.structure(instrument, languages).encode()


def _qualtrics(instrument: Instrument, languages: Sequence[Language]) -> Files:
    for language in languages:
        yield f"{instrument.id}.qualtrics.{language}.txt", qualtrics.advanced_format(instrument, language).encode()


def _codebook(instrument: Instrument, languages: Sequence[Language]) -> Files:
    names = {language: f"{instrument.id}.codebook.{language}.html" for language in languages}
    for language, name in names.items():
        others = {other: names[other] for other in languages if other != language}
        yield name, pages.codebook(instrument, language, others).encode()


def _paper(instrument: Instrument, languages: Sequence[Language]) -> Files:
    for language in languages:
        yield f"{instrument.id}.paper.{language}.html", pages.paper(instrument, language).encode()


FORMS: dict[str, Callable[[Instrument, Sequence[Language]], Files]] = {
    "xlsform": _xlsform,
    "limesurvey": _limesurvey,
    "qualtrics": _qualtrics,
    "codebook": _codebook,
    "paper": _paper,
}


def export(
    instrument: Instrument, folder: Path, *, languages: Sequence[Language], forms: Iterable[str] = tuple(FORMS)
) -> list[Path]:
    """Write forms of an instrument into a folder and return their paths.

    The instrument must have been loaded in `languages`; the first is the one a form opens in. All forms are made before
    the first is written, so that a refused one leaves nothing behind. A form of an earlier export is replaced; its file
    has a name that no export of answers has. Raises `InstrumentError` where a program cannot take the instrument, and
    `DiskError`.
    """
    made = [file for form in forms for file in FORMS[form](instrument, languages)]
    for name, data in made:
        write_bytes(folder / name, data)
    return [folder / name for name, _ in made]
