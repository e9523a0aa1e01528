"""The export of a survey program to our columns and codes.

Nothing passes by default: of the columns of an export only those are kept that the codebook knows, the school, the
id of the response (which finds answers given twice, and is replaced later) and how long it took.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sro_research.errors import SourceError, counted
from sro_research.instruments import Instrument
from sro_research.intake.answers import Answers, answers, in_words, schools_of
from sro_research.intake.codebook import BY_ID, Codebook, codebook
from sro_research.intake.exports import Export, named, read_sheet
from sro_research.intake.programs import PROGRAMS, Columns, Program, refuse_other_program, with_dictionary
from sro_research.intake.set_aside import only_place, set_aside
from sro_research.intake.texts import same_text
from sro_research.parameters import SurveySource
from sro_research.schemas import DURATION


@dataclass(frozen=True)
class Survey:
    """An export under our names, the mappings of columns that are still to be looked up or refused, and notes."""

    export: Export
    unfound: dict[str, str]
    notes: tuple[str, ...] = ()


def read_survey(source: SurveySource, *, folder: Path, instrument: Instrument, schools: Mapping[str, str]) -> Survey:
    """Read the export of a survey program below `folder`.

    `schools` maps the ids of schools, and their names in the form of `same_text`, to their ids. Raises `SourceError`
    when the file cannot be read, or does not come from the program that the study file names.
    """
    path, program = folder / source.file, PROGRAMS[source.program]
    sheet = read_sheet(path, source.encoding, header_rows=program.header_rows)
    needed = {same_text(source.columns.get(name, name)) for name in ("school_id", *instrument.codes)}
    refuse_other_program(sheet, path, source.program, needed)
    if source.dictionary is not None:
        sheet = with_dictionary(sheet, folder / source.dictionary, source.encoding)
    out = set_aside(program.columns(sheet), program, source, path=path)
    sheet = replace(sheet, cells=sheet.cells.drop(index=list(out)), unreadable=sheet.unreadable | out)
    columns, book = program.columns(sheet), codebook(instrument, source.answers)
    if source.program == "plain":
        return _plain(columns, source, book, path)
    return _matched(columns, program, source, book, schools, path)


def _plain(columns: Columns, source: SurveySource, book: Codebook, path: Path) -> Survey:
    """Take a table as it stands, but for codes of SPSS whose labels say that they are others than ours."""
    export = named(columns.sheet, path)
    cells = export.cells.copy()
    by_lower = {str(name).lower(): i for i, name in enumerate(cells.columns)}
    found: dict[str, Answers] = {}
    for column, known in book.answers.items():
        place = by_lower.get(source.columns.get(column, column).strip().lower())
        if place is not None and columns.sheet.labels.get(place):
            found[column] = answers(columns.sheet, [place], known, labels_first=False)
            cells.isetitem(place, found[column].codes)
    return Survey(replace(export, cells=cells, unread=_unread(found)), dict(source.columns), _strange(found))


def _matched(
    columns: Columns,
    program: Program,
    source: SurveySource,
    book: Codebook,
    schools: Mapping[str, str],
    path: Path,
) -> Survey:
    sheet, places = columns.sheet, _places(columns, program, source, book, path)
    asked = {column: known for column, known in book.answers.items() if column in places}
    labels_first = any(in_words(sheet.cells[i], known) for column, known in asked.items() for i in places[column])
    found = {
        column: answers(sheet, places[column], known, labels_first=labels_first) for column, known in asked.items()
    }
    cells = {column: sheet.cells[at[0]] for column, at in places.items()} | {c: a.codes for c, a in found.items()}
    if "school_id" in cells:
        cells["school_id"] = schools_of(cells["school_id"], sheet.labels.get(places["school_id"][0], {}), schools)
    seconds = program.seconds(columns)
    if seconds is not None and DURATION not in cells:
        cells[DURATION] = seconds.astype("string").fillna("").astype("str")
    export = Export(
        pd.DataFrame(cells, index=sheet.cells.index, dtype="str"),
        sheet.unreadable,
        len(sheet.headings),
        _unread(found),
        dropped=len(sheet.headings) - len({i for at in places.values() for i in at}),
    )
    return Survey(export, {o: t for o, t in source.columns.items() if o not in places}, _strange(found))


def _places(
    columns: Columns, program: Program, source: SurveySource, book: Codebook, path: Path
) -> dict[str, list[int]]:
    """Return where our columns stand: as the study file says, or else by the id or the text of a question."""
    places: dict[str, list[int]] = {}
    for ours, theirs in source.columns.items():
        place = only_place(columns, theirs, ours, path)
        if place is None:
            continue
        if (other := next((name for name, at in places.items() if at == [place]), None)) is not None:
            at = f" The mapping stands at {source.columns_at}." if source.columns_at else ""
            raise SourceError(
                path,
                f"'{other}' and '{ours}' are both read from the column '{theirs}'",
                fix=f"Give each its own column in `columns`.{at}",
            )
        places[ours] = [place]
    places |= _known(columns, book, places, source, path)
    respondent = columns.place(*program.respondent)
    if respondent is not None and "respondent_id" not in source.columns:
        places.setdefault("respondent_id", [respondent])
    return places


def _known(
    columns: Columns, book: Codebook, mapped: Mapping[str, list[int]], source: SurveySource, path: Path
) -> dict[str, list[int]]:
    """Return where the questions stand that the codebook knows, each once in a language."""
    taken = {place for at in mapped.values() for place in at}
    found: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for place, heading in enumerate(columns.names):
        known = book.known(heading)
        if known is not None and known[0] not in source.columns and place not in taken:
            column, how, rank = known
            found[column].append((rank, how, place))
    places = {}
    for column, ways in found.items():
        best = [(how, place) for rank, how, place in ways if rank == min(ways)[0]]
        hows = [how for how, _ in best]
        # Columns in two languages are one question; a column under its id is all of it.
        if len(set(hows)) < len(best) or (BY_ID in hows and len(best) > 1):
            raise SourceError(
                path,
                f"{len(best)} columns are the question '{column}'",
                fix=f"Say which one is meant with `columns: {{{column}: …}}`.",
            )
        places[column] = [place for _, place in best]
    return places


def _unread(found: Mapping[str, Answers]) -> pd.DataFrame:
    rows = [(row, column, rule) for column, a in found.items() for row, rule in a.broken.items()]
    return pd.DataFrame(rows, columns=["index", "column", "rule"])


def _strange(found: Mapping[str, Answers]) -> tuple[str, ...]:
    """Say that labels were of no use: a person has to see to it that the codes are ours."""
    number = sum(a.strange for a in found.values())
    if not number:
        return ()
    return (
        f"{counted(number, 'question')}: the file labels codes with other words than the questionnaire; "
        "they are read as they stand.",
    )
