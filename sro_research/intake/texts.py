"""When two texts are the same although two programs wrote them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

_TAG = re.compile(r"<(/?[a-zA-Z][^<>]*|!--.*?--)>", re.DOTALL)
_ALIKE = str.maketrans("‘’‚‛′`´“”„‟″«»‐‑‒–—−", "'" * 7 + '"' * 7 + "-" * 6)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_JOINT = re.compile(r"[/|\[\n]|\. |: |-")
"""What stands between a group, a grid or a code and the question it leads to, or a text and its translation."""
_FIRST = re.compile(r"\s*(\S+)\. ")
_INNER = re.compile(r"\[([^\[\]]+)\]")
_TRANSLATED = re.compile(r"[/|\n]")


def same_text(text: str) -> str:
    """Return a text in the one form in which texts are compared.

    Tags and entities of HTML, capitals, kinds of quotes, dashes and spaces, line breaks and a mark at the end make no
    difference.
    """
    plain = html.unescape(_TAG.sub(" ", text)).translate(_ALIKE)
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", plain)).translate(_ALIKE).casefold()
    return " ".join(plain.split()).rstrip(" .,:;*")


def parts_of_heading(text: str) -> Iterator[str]:
    """Give the parts of a heading that may name a question by themselves: what comes last, and a code that comes first.

    Such are `about/grade_band`, `Stem - Statement`, `Stem [Statement]`, `Q1[code]. Text` and `Text / Texto`. What comes
    first is no more than a code, because a question leads to others: `Text - please say more` is not the question.
    """
    plain = html.unescape(_TAG.sub("\n", text))
    for joint in _JOINT.finditer(plain):
        yield plain[joint.end() :].strip().removesuffix("]")
    if code := _FIRST.match(plain):
        yield code[1]
        yield from _INNER.findall(code[1])


def parts_of_answer(text: str) -> list[str]:
    """Return a label and its translation where they stand together, as in `Agree / De acuerdo`."""
    return [part for part in _TRANSLATED.split(_TAG.sub("\n", text)) if part.strip()]
