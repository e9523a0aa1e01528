"""Rows that are no answers to the survey: trials, people who did not agree, people who were not meant to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sro_research.errors import SourceError
from sro_research.intake.programs import Columns, Program
from sro_research.intake.texts import parts_of_answer, same_text
from sro_research.parameters import SurveySource
from sro_research.schemas import NO_CONSENT, PREVIEW, SCREENED_OUT


def set_aside(columns: Columns, program: Program, source: SurveySource, *, path: Path) -> dict[int, str]:
    """Return the numbers of such rows, each with the first reason that holds.

    Raises `SourceError` when a question that the study file names is not in the export.
    """
    reasons = [(PREVIEW, program.previews(columns))]
    if (consent := source.consent) is not None:
        # Who was not asked, or gave no answer, did not agree.
        reasons.append((NO_CONSENT, ~_gave(columns, consent.column, consent.agreed, "consent", path)))
    reasons.append((SCREENED_OUT, program.screened_out(columns)))
    if (screen := source.screen_out) is not None:
        reasons.append((SCREENED_OUT, _gave(columns, screen.column, screen.answers, "screen_out", path)))
    rows: dict[int, str] = {}
    for reason, holds in reasons:
        if holds is not None:
            rows = {int(row): reason for row in holds.index[holds]} | rows
    return rows


def _gave(columns: Columns, column: str, answers: Sequence[str | int], key: str, path: Path) -> pd.Series:
    """Tell which rows gave one of the answers, which may be codes or labels."""
    place = only_place(columns, column, key, path)
    if place is None:
        raise SourceError(path, f"the column '{column}' of `{key}` is missing", fix="Mend its name in the study file.")
    wanted = {same_text(str(answer)) for answer in answers}
    labels = columns.sheet.labels.get(place, {})
    wanted |= {same_text(code) for code, label in labels.items() if same_text(label) in wanted}

    def gave(text: str) -> bool:
        parts = [same_text(part) for part in parts_of_answer(text)]
        return same_text(text) in wanted or (bool(parts) and any(part in wanted for part in parts))

    return columns.sheet.cells[place].map(gave).astype(bool)


def only_place(columns: Columns, theirs: str, ours: str, path: Path) -> int | None:
    """Return the position of the column that the study file names; None if there is none, an error for two."""
    places = columns.places(theirs)
    if len(places) > 1:
        raise SourceError(
            path,
            f"{len(places)} columns go by the name '{theirs}', which the study file gives for '{ours}'",
            fix="Name it by its whole heading, or rename the others in the export.",
        )
    return places[0] if places else None
