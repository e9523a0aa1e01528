"""The door: text rows that keep every rule get in; the others are set aside and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from sro_research.errors import SourceError, nearest
from sro_research.intake.exports import Export
from sro_research.schemas import TWICE, broken_rules, convert

QUARANTINE_COLUMNS = ["source", "row", "column", "rule"]


@dataclass(frozen=True)
class Admission:
    """What came of one source.

    `table` holds the admitted rows, typed. `quarantine` has a row for each broken rule (`source`, `row`, `column`,
    `rule`), never a value. `rows_set_aside` counts rows, each once. `columns_dropped` counts columns of the export
    that no codebook or schema names; they go no further than this door.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    rows_read: int
    rows_set_aside: int
    columns_dropped: int


def admit(
    export: Export, schema: pa.DataFrameSchema, *, source: Path, rename: Mapping[str, str] | None = None
) -> Admission:
    """Take in the rows of an export that keep the rules of a schema.

    `rename` maps our column names to those of the export. Raises `SourceError` when a needed column is missing.
    """
    text, columns_read = _select(export.cells, schema, source, rename or {})
    typed, unread = convert(text, schema)
    typed = typed.drop(index=unread["index"].unique())
    broken = broken_rules(typed, schema)
    alone = broken[broken["rule"] != TWICE]
    if 0 < len(alone) < len(broken):
        # A row that is set aside for another reason is not the first of two.
        broken = pd.concat([alone, broken_rules(typed.drop(index=alone["index"].unique()), schema)])
    lines = pd.DataFrame({"index": list(export.unreadable), "column": "", "rule": list(export.unreadable.values())})
    found = pd.concat([f for f in (lines, unread, broken) if len(f)] or [lines], ignore_index=True)
    found = found.rename(columns={"index": "row"}).sort_values(["row", "column"], ignore_index=True)
    quarantine = found.assign(source=source.name)[QUARANTINE_COLUMNS].astype(
        {"source": "str", "row": "int64", "column": "str", "rule": "str"}
    )
    table = typed.drop(index=broken["index"].unique()).reset_index(drop=True)
    return Admission(
        table=table,
        quarantine=quarantine,
        rows_read=export.rows,
        rows_set_aside=quarantine["row"].nunique(),
        columns_dropped=len(export.cells.columns) - columns_read,
    )


def _select(
    cells: pd.DataFrame, schema: pa.DataFrameSchema, source: Path, rename: Mapping[str, str]
) -> tuple[pd.DataFrame, int]:
    """Return the columns the schema names, under our names, and how many of them the export has.

    An optional column that is absent is blank.
    """
    for name in rename.keys() - schema.columns.keys():
        raise SourceError(
            source,
            f"`columns` maps '{name}', which is no column of this table",
            fix=nearest(name, map(str, schema.columns)),
        )
    by_lower = {str(name).lower(): name for name in cells.columns}
    picked: dict[str, pd.Series] = {}
    taken: dict[str, str] = {}
    for name, column in schema.columns.items():
        theirs = rename.get(name, name).strip()
        if theirs.lower() in by_lower:
            if theirs.lower() in taken:
                raise SourceError(
                    source,
                    f"'{taken[theirs.lower()]}' and '{name}' are both read from the column '{theirs}'",
                    fix="Give each its own column in `columns`.",
                )
            taken[theirs.lower()] = name
            picked[name] = cells[by_lower[theirs.lower()]]
        elif column.nullable and name not in rename and not _is_answer(column):
            picked[name] = pd.Series("", index=cells.index, dtype="str")
        else:
            raise SourceError(
                source,
                f"the column '{theirs}' is missing",
                fix=f"The export has {cells.shape[1]} columns. Add it, or map it with `columns: {{{name}: …}}`.",
            )
    return pd.DataFrame(picked, index=cells.index), len(taken)


def _is_answer(column: pa.Column) -> bool:
    # A question nobody answered still has its column; a column that is not there is another questionnaire.
    return str(column.dtype) == "Int16"
