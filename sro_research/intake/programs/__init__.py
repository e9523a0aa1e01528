"""The survey programs whose exports are read, one file each, and how a file that comes from one is known."""

from __future__ import annotations

from pathlib import Path

from sro_research.errors import SourceError
from sro_research.intake.exports import Sheet
from sro_research.intake.programs.google_forms import GOOGLE_FORMS
from sro_research.intake.programs.kobotoolbox import KOBOTOOLBOX
from sro_research.intake.programs.limesurvey import LIMESURVEY
from sro_research.intake.programs.microsoft_forms import MICROSOFT_FORMS
from sro_research.intake.programs.program import Columns, Program
from sro_research.intake.programs.qualtrics import IMPORT_ID, QUALTRICS
from sro_research.intake.programs.redcap import REDCAP, with_dictionary
from sro_research.intake.programs.surveymonkey import SURVEYMONKEY
from sro_research.intake.texts import same_text

__all__ = ["PROGRAMS", "Columns", "Program", "refuse_other_program", "with_dictionary"]

PLAIN = Program(title="a plain table", looks=lambda _names: False, names=lambda heading: heading[:1])
PROGRAMS = {
    "plain": PLAIN,
    "qualtrics": QUALTRICS,
    "redcap": REDCAP,
    "microsoft_forms": MICROSOFT_FORMS,
    "limesurvey": LIMESURVEY,
    "kobotoolbox": KOBOTOOLBOX,
    "surveymonkey": SURVEYMONKEY,
    # Last, because a column for the time is all there is to know it by.
    "google_forms": GOOGLE_FORMS,
}


def refuse_other_program(sheet: Sheet, path: Path, program: str, needed: set[str]) -> None:
    """Raise `SourceError` for a file that comes from another program than the study says.

    `needed` are the names of the columns that a plain table has to have. One that has them was made so on purpose, also
    where a program's own columns stand beside them; but nobody keeps the two more header rows of Qualtrics on purpose.
    """
    names = [same_text(heading[0]) for heading in sheet.headings]
    import_ids = _has_import_ids(sheet)
    other = next((key for key, p in PROGRAMS.items() if p.looks(names)), None)
    if program == "qualtrics" and not import_ids and path.suffix.lower() != ".sav":
        raise SourceError(
            path,
            "this is no Qualtrics export: its third row does not hold the ImportIds",
            fix="Export it as CSV or TSV from Data & Analysis, or mend `program`.",
        )
    if import_ids:
        other = "qualtrics"
    elif PROGRAMS[program].looks(names) or (program == "plain" and needed <= set(names)):
        return
    if other is not None and other != program:
        raise SourceError(
            path,
            f"this looks like an export of {PROGRAMS[other].title}",
            fix=f"Write `program: {other}` beside the file in the study file.",
        )


def _has_import_ids(sheet: Sheet) -> bool:
    above = [cell for heading in sheet.headings for cell in heading]
    first_rows = sheet.cells.head(2).to_numpy().ravel().tolist()
    return any(str(cell).replace(" ", "").startswith(IMPORT_ID) for cell in (*above, *first_rows))
