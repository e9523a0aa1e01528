"""The answers of a column as codes, whether an export writes codes, labels or codes of its own with labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from sro_research.intake.codebook import CODE, code_of, recoded
from sro_research.intake.exports import Sheet
from sro_research.intake.texts import same_text
from sro_research.schemas import NOT_A_LABEL, TWO_ANSWERS


@dataclass(frozen=True)
class Answers:
    """The codes of a question as text, blank where there is none, and the rule each row breaks that has no code.

    `strange` tells that the file labels a code with words that are not ours, and that it was read as it stands.
    """

    codes: pd.Series
    broken: dict[int, str]
    strange: bool


def answers(sheet: Sheet, places: Iterable[int], known: Mapping[str, int], *, labels_first: bool) -> Answers:
    """Return the answers to a question that stand in one column, or in one for each language.

    `known` are the codes of its labels. `labels_first` says that the file writes labels, so that digits may be one.
    """
    all_codes = pd.Series("", index=sheet.cells.index, dtype="str")
    broken: dict[int, str] = {}
    strange = False
    for place in places:
        cells, labels = sheet.cells[place], sheet.labels.get(place, {})
        own = recoded(labels, known)
        used = {text.strip() for text in cells.unique()} & labels.keys()
        strange |= any(own.get(t, t) == t and code_of(labels[t], known, labels_first=True) is None for t in used)
        meant = {text: _code(text, own, known, labels_first) for text in cells.unique()}
        codes = cells.map(meant)
        broken |= dict.fromkeys(codes.index[codes.isna()], NOT_A_LABEL)
        codes = codes.fillna("").astype("str")
        both = (all_codes != "") & (codes != "")
        broken |= dict.fromkeys(codes.index[both & (codes != all_codes)], TWO_ANSWERS)
        all_codes = all_codes.where(all_codes != "", codes)
    return Answers(all_codes, broken, strange)


def _code(text: str, own: Mapping[str, str | None], known: Mapping[str, int], labels_first: bool) -> str | None:
    text = text.strip()
    if not text:
        return ""
    if text in own:
        return own[text]
    if CODE.fullmatch(text) and any(code != ours for code, ours in own.items()):
        # The codes of this file are not ours, and it does not say what this one is.
        return None
    return code_of(text, known, labels_first=labels_first)


def in_words(cells: pd.Series, known: Mapping[str, int]) -> bool:
    """Tell whether a column holds labels that are no digits."""
    return any(same_text(text) in known and not CODE.fullmatch(text.strip()) for text in cells.unique())


def schools_of(cells: pd.Series, labels: Mapping[str, str], schools: Mapping[str, str]) -> pd.Series:
    """Return the ids of schools that were answered as an id, as a name, or as a code with one of these for a label.

    `schools` maps ids, and names in the form of `same_text`, to ids. What is none of them stays as it is.
    """

    def school(text: str) -> str:
        for said in (text.strip(), labels.get(text.strip(), "").strip()):
            for form in (said, same_text(said)):
                if form in schools:
                    return schools[form]
        return text

    return cells.map({text: school(text) for text in cells.unique()})
