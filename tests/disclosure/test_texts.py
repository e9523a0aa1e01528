"""Texts that are known as a whole: what a text does not hold cannot make it known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sro_research.disclosure.texts import HOLE, KnownTexts

SENTENCES = (
    "{school}: {people} of 100 {respondents}.",
    "In {wave}, {school} had fewer than {minimum} answers. {detail}",
    "Groups with fewer than {minimum} answers are hidden.",
    "None",
)
DECLARED = {
    "school": ["School 12", "School 1", "ÉCOLE 9 (north)", "No. 4+5", "Elm"],
    "wave": ["Spring 2025", "2025"],
    "respondents": ["students of grade 9", "staff"],
    "minimum": ["10"],
    "text": ["Grades 6 to 8"],
}
FILLS = [text for texts in DECLARED.values() for text in texts]
WORDS = st.sampled_from([*FILLS, *map(str.lower, FILLS), "7", HOLE, "some", ""])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Fill the places of a sentence with anything, also with what belongs elsewhere or nowhere."""
    sentence = draw(st.sampled_from([*SENTENCES, "{school} {people}", "{detail}"]))
    filled = {place: draw(st.sampled_from(own) | WORDS) for place, own in DECLARED.items()}
    filled["people"] = draw(st.sampled_from([HOLE, "some", "7"]))
    inner = draw(st.sampled_from([*SENTENCES[2:], "{school}", ""])).format(**filled)
    return sentence.format(**filled, detail=inner)


@given(texts())
def test_what_a_text_does_not_hold_makes_it_neither_known_nor_unknown(text: str) -> None:
    known = KnownTexts(SENTENCES, DECLARED)
    everything = tuple((place, tuple(one for _, one in own)) for place, own in known._fills)
    held = known._in(text)
    assert known._catalogue.says(text, held) == known._catalogue.says(text, everything)
    assert known._catalogue.described(text, held) == known._catalogue.described(text, everything)


def test_pages_do_not_know_the_names_of_other_schools() -> None:
    pages = {number: KnownTexts(SENTENCES, {"school": [f"School {number}"]}) for number in (12, 13)}
    for _ in range(2):  # Also when the patterns are there from the first time.
        for number, page in pages.items():
            of = {said: f"School {said}: some of 100 staff." for said in pages}
            assert {said: page.knows(text) for said, text in of.items()} == {said: said == number for said in pages}
