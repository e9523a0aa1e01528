"""What a column of an export is, and what an answer in it is, by the ids, texts and labels of the codebook."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sro_research.instruments import Instrument
from sro_research.intake.texts import parts_of_answer, parts_of_heading, same_text

BY_ID = "id"
"""How a question was known that was not known by its text in a language."""
CODE = re.compile(r"[-+]?[0-9]+(\.0*)?")


@dataclass(frozen=True)
class Codebook:
    """The questions and answers of an instrument, by texts in the form of `same_text`.

    `questions` maps a text to (column, how), where how is `BY_ID` or a language. `answers` maps each answer column to
    its labels and their codes. What could mean two things is in neither.
    """

    questions: Mapping[str, tuple[str, str]]
    answers: Mapping[str, Mapping[str, int]]

    def known(self, heading: Iterable[str]) -> tuple[str, str, int] | None:
        """Return (column, how, rank) of what a heading names; a whole cell of it (0) goes before a part (1)."""
        cells = list(heading)
        for rank, texts in enumerate((cells, [part for cell in cells for part in parts_of_heading(cell)])):
            for text in texts:
                if (found := self.questions.get(same_text(text))) is not None:
                    return (*found, rank)
        return None


def codebook(instrument: Instrument, more: Mapping[str, int]) -> Codebook:
    """Return the codebook of an instrument; `more` are answers that mean a code of every question."""
    texts = {item.id: (item.text, item.labels) for item in instrument.items}
    texts |= {b.id: (b.text, b.labels) for b in instrument.background.values()}
    questions: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for column in ("school_id", "respondent_id", *texts):
        # Some programs allow no `_` in the name of a question.
        for name in {same_text(column), same_text(re.sub(r"[\W_]", "", column))}:
            questions[name].add((column, BY_ID))
    for column, (text, _) in texts.items():
        for language, words in text.items():
            questions[same_text(words)].add((column, language))
    answers = {}
    for column, (_, labels) in texts.items():
        codes: dict[str, set[int]] = defaultdict(set)
        for code, label in (labels | instrument.missing_labels).items():
            for words in label.values():
                codes[same_text(words)].add(code)
        for words, code in more.items():
            codes[same_text(words)] = {code}
        answers[column] = {words: next(iter(found)) for words, found in codes.items() if len(found) == 1}
    clear = {text: min(found) for text, found in questions.items() if len({column for column, _ in found}) == 1}
    return Codebook(clear, answers)


def code_of(answer: str, labels: Mapping[str, int], *, labels_first: bool) -> str | None:
    """Return the code of an answer as text, or None if it is neither a code nor a label.

    Digits are a code, unless the file writes labels (`labels_first`) and the digits are one.
    """
    whole = same_text(answer)
    if CODE.fullmatch(whole) and not (labels_first and whole in labels):
        return whole
    if whole in labels:
        return str(labels[whole])
    found = [labels.get(same_text(part)) for part in parts_of_answer(answer)]
    return str(found[0]) if found and found[0] is not None and len(set(found)) == 1 else None


def recoded(labels: Mapping[str, str], known: Mapping[str, int]) -> dict[str, str | None]:
    """Return our code for each code to which a file gives a label, by the label; None where the label is not ours.

    Empty if no label is ours. Where those that are ours stand at our codes, the others are taken to do so too.
    """
    ours = {code: code_of(label, known, labels_first=True) for code, label in labels.items()}
    # Digits as a label ("1" for 1) say nothing.
    ours = {code: None if CODE.fullmatch(labels[code].strip()) else own for code, own in ours.items()}
    found = {code: own for code, own in ours.items() if own is not None}
    if all(CODE.fullmatch(code) and float(code) == float(own) for code, own in found.items()):
        return {code: code for code in labels} if found else {}
    return ours
