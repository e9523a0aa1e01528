"""Pages can be read by a sixth grader and opened over a slow line."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest
from lxml import html

if TYPE_CHECKING:
    from conftest import Run

HIGHEST_GRADE = 6
"""Flesch-Kincaid grade of all headings, sentences, captions and descriptions of an English page."""
LARGEST_PAGE = 250_000
"""Bytes of a page in one language."""


def syllables(word: str) -> int:
    """Count groups of vowels; a last e is silent, unless it follows an l (people, able)."""
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    silent = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$", word.lower()) is not None
    return max(1, groups - silent)


def grade(texts: list[str]) -> float:
    """Return the Flesch-Kincaid grade: 0.39 words per sentence + 11.8 syllables per word - 15.59."""
    sentences = [s for text in texts for s in re.split(r"(?<=[.?!])\s", text) if re.search("[a-z]", s)]
    words = [word for sentence in sentences for word in re.findall(r"[A-Za-z']+|\d[\d,.]*", sentence)]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def test_the_measure_tells_plain_from_hard() -> None:
    assert [syllables(word) for word in ("school", "people", "officer", "made", "trusted")] == [1, 2, 3, 1, 2]
    assert grade(["The cat sat on the mat."]) < 0
    assert grade(["Procedural justice perceptions demonstrated statistically significant heterogeneity."]) > 20


@pytest.mark.parametrize(
    ("study", "name"),
    [
        *product(["demo"], ["index.html", "board.html", "school_0001.html"]),
        *product(["national"], ["index.html", "board.html", "school_high_city.html", "school_combined_city.html"]),
    ],
)
def test_english_pages_are_plain(request: pytest.FixtureRequest, study: str, name: str) -> None:
    run: Run = request.getfixturevalue(study)
    root = html.parse(str(run.release / name), html.HTMLParser(encoding="utf-8"))
    texts = [e.text_content() for e in root.iter("h1", "h2", "p", "li", "figcaption", "caption", "desc", "dt", "dd")]
    assert grade(texts) <= HIGHEST_GRADE


@pytest.mark.parametrize("study", ["demo", "national"])
def test_pages_are_light(request: pytest.FixtureRequest, study: str) -> None:
    run: Run = request.getfixturevalue(study)
    sizes = {path.name: path.stat().st_size for path in run.release.glob("*.html")}
    assert len(sizes) == 8
    assert {name: size for name, size in sizes.items() if size > LARGEST_PAGE} == {}
