"""The catalogues say the same in every language."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from sro_research.disclosure.counts import COUNTED
from sro_research.errors import ReportError
from sro_research.report import words
from sro_research.report.verdicts import SYMBOLS
from sro_research.report.words import LOCALES, check_catalogue, load_words

HERE = Path("words.es.yaml")
ENGLISH: dict[str, str | list[str]] = {"of": "{people} of {total}", "limits": ["One.", "Two {n}."]}


def test_a_faithful_translation_passes() -> None:
    check_catalogue(ENGLISH, {"of": "de {total}, {people}", "limits": ["Uno.", "Dos {n}."]}, HERE)


@pytest.mark.parametrize(
    ("translation", "rule"),
    [
        ({"limits": ["Uno.", "Dos {n}."]}, "'of' is not translated"),
        ({"of": "{people} de {total}", "limits": ["Uno.", "Dos {n}."], "more": "Más"}, "'more' is not in the English"),
        ({"of": "{gente} de {total}", "limits": ["Uno.", "Dos {n}."]}, "'of' has other placeholders"),
        ({"of": "{people}", "limits": ["Uno.", "Dos {n}."]}, "'of' has other placeholders"),
        ({"of": "{people} de {total}", "limits": ["Uno y dos {n}."]}, "'limits' has other placeholders or sentences"),
        ({"of": "{people} de {total}", "limits": "Uno. Dos {n}."}, "'limits' has other placeholders or sentences"),
    ],
)
def test_a_gap_in_a_translation_is_refused(translation: dict[str, str | list[str]], rule: str) -> None:
    with pytest.raises(ReportError, match=rule):
        check_catalogue(ENGLISH, translation, HERE)


@pytest.mark.parametrize("language", LOCALES)
def test_catalogues_are_complete_and_have_a_word_for_every_verdict(language: str) -> None:
    catalogue = load_words(language)
    assert all(catalogue(f"verdict_{verdict}") for verdict in SYMBOLS)
    empty = [
        key for key, entry in catalogue.entries.items() if not entry or (isinstance(entry, list) and not all(entry))
    ]
    assert empty == []


def test_only_names_and_places_of_numbers_are_the_same_in_both_languages() -> None:
    english, spanish = (load_words(language).entries for language in ("en", "es"))
    same = {key for key in english if english[key] == spanish[key]}
    assert same == {
        "ask_text",
        "count_found_no",
        "counts_all",
        "counts_caption",
        "head_subtitle",
        "numbers_row",
        "with_range",
    }


def test_every_text_is_used() -> None:
    package = Path(words.__file__).parents[1]
    code = "".join(path.read_text(encoding="utf-8") for end in ("py", "j2") for path in package.rglob(f"*.{end}"))
    unused = [key for key in load_words("en").entries if not re.search(rf"""["']{key}["']""", code)]
    put_together = {f"verdict_{verdict}" for verdict in SYMBOLS}
    for measure, breakdowns in COUNTED.items():
        put_together |= {f"count_{measure}", *(f"count_by_{by}" for by in breakdowns)}
        put_together |= {f"count_{by}_{part}" for by, parts in breakdowns.items() for part in parts}
    assert set(unused) == put_together  # In wording.py, and in sections/counts.py.


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        load_words("en")("no_such_text")


@pytest.mark.parametrize("language", LOCALES)
def test_numbers_are_written_as_in_the_united_states(language: str) -> None:
    catalogue = load_words(language)
    assert catalogue.number(1234.56, 1) == "1,234.6"
    assert catalogue.number(-0.04, 2) == "−0.04"
    assert catalogue.number(-0.004, 2) == "0.00"
    assert catalogue.of_hundred(0.625) == "62"


@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_a_number_is_rounded_as_its_source_says(decimals: int) -> None:
    """A median of 4.35 minutes was printed 4.4 beside a source that said 4.3; the audit then published nothing."""
    values = [np.float64(k) / 2 / 10**decimals for k in range(2001)]
    written = [load_words("en").number(value, decimals).replace(",", "") for value in values]
    assert written == [f"{value:.{decimals}f}" for value in values]
