"""A synthetic district as the files a real one would hand over, with the flaws real files have."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyreadstat

from sro_research.files import write_bytes, write_text
from sro_research.synthetic.district import District

COMMENT = "Synthetic comment: free text like this is dropped at the door."
FLAWS = {
    "not a code of this question": 3,
    "not a school of this study": 2,
    "stands twice; the first one is kept": 2,
}
"""Rows with a broken rule that are added to the first student export, by rule."""


def write_exports(district: District, folder: Path, files: dict[tuple[str, str], str], records: dict[str, str]) -> None:
    """Write the answers and records of a district below `folder`.

    `files` gives the file of each (instrument, wave) and `records` of each record table; the ending says the format.
    The first student file also holds a comment column and the rows counted in `FLAWS`.
    """
    for number, (key, name) in enumerate(files.items()):
        table = district.responses[key]
        _write(folder / name, _flawed(table) if number == 0 else table)
    for kind, name in records.items():
        _write(folder / name, district.tables[kind])


def _flawed(answers: pd.DataFrame) -> pd.DataFrame:
    first_item = answers.columns[-1]
    wrong_code = answers.head(3).assign(**{first_item: 7, "respondent_id": ["X000001", "X000002", "X000003"]})
    unknown = answers.head(2).assign(school_id="9999", respondent_id=["X000004", "X000005"])
    twice = answers.head(2)
    return pd.concat([answers, wrong_code, unknown, twice], ignore_index=True).assign(comment=COMMENT)


def _write(path: Path, table: pd.DataFrame) -> None:
    if path.suffix == ".csv":
        write_text(path, table.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n"))
    elif path.suffix == ".xlsx":
        buffer = io.BytesIO()
        table.to_excel(buffer, index=False)
        write_bytes(path, buffer.getvalue())
    elif path.suffix == ".sav":
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        numbers = table.select_dtypes("number").columns
        pyreadstat.write_sav(table.astype(dict.fromkeys(numbers, "float64")), str(temporary))
        temporary.replace(path)
    else:
        raise ValueError(f"no writer for '{path.suffix}'")
