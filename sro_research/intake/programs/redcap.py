"""REDCap (Data Exports, CSV, raw or labels), with the data dictionary that says what the raw codes mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sro_research.errors import SourceError
from sro_research.intake.codebook import CODE
from sro_research.intake.exports import Sheet, read_export
from sro_research.intake.programs.program import Program
from sro_research.intake.texts import same_text

NAME, LABEL = "Variable / Field Name", "Field Label"
CHOICES = "Choices, Calculations, OR Slider Labels"


def _looks(names: list[str]) -> bool:
    of_forms = any(name.endswith("_complete") for name in names) or {"complete?", "survey timestamp"} & set(names)
    return bool(of_forms) and bool({"record_id", "record id"} & set(names))


def with_dictionary(sheet: Sheet, dictionary: Path, encoding: str) -> Sheet:
    """Put the label of each field above its column, and its choices beside it.

    Raises `SourceError` when the dictionary cannot be read or is none.
    """
    cells = read_export(dictionary, encoding).cells
    for wanted in (NAME, LABEL, CHOICES):
        if wanted not in cells:
            raise SourceError(
                dictionary,
                f"this data dictionary has no column '{wanted}'",
                fix="Download it again in REDCap (Project Setup, Data Dictionary).",
            )
    names = [same_text(name) for name in cells[NAME]]
    labels, choices = dict(zip(names, cells[LABEL], strict=True)), dict(zip(names, cells[CHOICES], strict=True))
    of_column = [same_text(heading[0]) for heading in sheet.headings]
    return replace(
        sheet,
        headings=tuple((h[0], labels.get(name, "")) for h, name in zip(sheet.headings, of_column, strict=True)),
        labels={i: found for i, name in enumerate(of_column) if (found := _choices(choices.get(name, "")))},
    )


def _choices(text: str) -> dict[str, str]:
    """Read `1, Strongly disagree | 2, Disagree`; a calculation or the ends of a slider are no choices."""
    pairs = [choice.partition(",") for choice in text.split("|")]
    return {
        code.strip(): label.strip()
        for code, comma, label in pairs
        if comma and (code.strip().isalnum() or CODE.fullmatch(code.strip()))
    }


REDCAP = Program(title="REDCap", looks=_looks, respondent=("record_id", "Record ID"))
