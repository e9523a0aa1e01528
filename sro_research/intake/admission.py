"""The door: text rows that keep every rule get in; the others are set aside and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from sro_research.errors import SourceError, nearest
from sro_research.intake.exports import Export
from sro_research.intake.wordings import Titles, as_ids
from sro_research.schemas import FOR_ALL_SCHOOLS, TWICE, broken_rules, convert

NAMES_SHOWN = 12
"""Columns without a rule that a message names."""
QUARANTINE_COLUMNS = ["source", "row", "column", "rule"]


@dataclass(frozen=True)
class Admission:
    """What came of one source.

    `table` holds the admitted rows, typed. `quarantine` has a row for each broken rule (`source`, `row`, `column`,
    `rule`), never a value. `rows_set_aside` counts rows, each once; `rows_repeated` those of them that say under one id
    what an earlier row says, so that nothing is lost with them. `columns_dropped` counts columns of the export
    that no codebook or schema names; they go no further than this door. `notes` says what a person should know although
    nothing is broken.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    rows_read: int
    rows_set_aside: int
    rows_repeated: int
    columns_dropped: int
    notes: tuple[str, ...] = ()


def admit(
    export: Export,
    schema: pa.DataFrameSchema,
    *,
    source: Path,
    rename: Mapping[str, str] | None = None,
    renamed_at: str = "",
    titles: Mapping[str, Titles] | None = None,
) -> Admission:
    """Take in the rows of an export that keep the rules of a schema.

    `rename` maps our column names to those of the export; `renamed_at` is where the study says so.
    `titles` are what ids of a standard are called, by column. Raises `SourceError` when a needed column is missing.
    """
    text, columns_read, notes = _select(export, schema, source, rename or {}, renamed_at)
    typed, unread = convert(as_ids(text, schema, titles or {}), schema)
    unread = pd.concat([export.unread, unread], ignore_index=True) if len(export.unread) else unread
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
        rows_repeated=_repeated(typed, broken),
        columns_dropped=export.dropped + export.cells.shape[1] - columns_read,
        notes=notes,
    )


def _repeated(typed: pd.DataFrame, broken: pd.DataFrame) -> int:
    """Count the rows that have the id of an earlier one and are equal to one; without an id they may be two."""
    twice = broken.loc[(broken["rule"] == TWICE) & (broken["column"] != ""), "index"].unique()
    return int(typed.duplicated().loc[twice].sum())


def near_name(name: str, columns: Iterable[str]) -> str:
    """Return the way to map a column that differs from `name` only by spaces, signs and capitals; blank if none does.

    It is not read unasked: `Staff` and `staff_` may be two things. Such a name may be repeated, being ours.
    """
    plain = _plain(name)
    theirs = next((c for c in map(str, columns) if _plain(c) == plain), None)
    return "" if theirs is None else f"If its column '{theirs}' is meant, write `columns: {{{name}: \"{theirs}\"}}`."


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _select(
    export: Export, schema: pa.DataFrameSchema, source: Path, rename: Mapping[str, str], renamed_at: str
) -> tuple[pd.DataFrame, int, tuple[str, ...]]:
    """Return the columns the schema names, under our names, how many of them the export has, and notes.

    An optional column that is absent is blank.
    """
    cells = export.cells
    at = f" The mapping stands at {renamed_at}." if renamed_at else ""
    for name in rename.keys() - schema.columns.keys():
        raise SourceError(
            source,
            f"`columns` maps '{name}', which is no column of this table",
            fix=nearest(name, map(str, schema.columns)) + at,
        )
    by_lower = {str(name).lower(): name for name in cells.columns}
    picked: dict[str, pd.Series] = {}
    taken: dict[str, str] = {}
    missing: dict[str, str] = {}
    notes: list[str] = []
    for name, column in schema.columns.items():
        theirs = rename.get(name, name).strip()
        if theirs.lower() in by_lower:
            if theirs.lower() in taken:
                raise SourceError(
                    source,
                    f"'{taken[theirs.lower()]}' and '{name}' are both read from the column '{theirs}'",
                    fix="Give each its own column in `columns`." + at,
                )
            taken[theirs.lower()] = name
            picked[name] = cells[by_lower[theirs.lower()]]
        elif column.nullable and name not in rename and not _is_answer(column):
            picked[name] = pd.Series("", index=cells.index, dtype="str")
            if hint := near_name(name, cells.columns):
                notes.append(f"no column '{name}'. {hint}")
            elif column.metadata == FOR_ALL_SCHOOLS:
                notes.append(f"no column '{name}': each row counts for all schools. If it has another name, map it.")
        else:
            missing[name] = theirs
    if missing:
        # Where no column is known the file has no header, and its "names" are what somebody answered.
        near = {_plain(theirs) for theirs in missing.values()}
        headed = taken or near & {_plain(lower) for lower in by_lower}
        strange = [str(c) for lower, c in by_lower.items() if lower.strip() not in taken and _plain(lower) not in near]
        raise _lacking(export, source, missing, rename, strange if headed else [], at)
    return pd.DataFrame(picked, index=cells.index), len(taken), tuple(notes)


def _lacking(
    export: Export, source: Path, missing: Mapping[str, str], rename: Mapping[str, str], strange: list[str], at: str
) -> SourceError:
    """Return the error of a file that lacks columns (theirs by ours); `strange` are those of it that no rule knows."""
    hints = {name: hint for name, theirs in missing.items() if (hint := near_name(theirs, export.cells.columns))}
    misnamed = [name for name in missing if name in rename]
    to_map = [name for name in missing if name not in rename and name not in hints]
    fix = [f"The export has {export.width} columns."]
    if misnamed:
        fix.append(f"Mend the {'name' if len(misnamed) == 1 else 'names'} in `columns`.")
    fix += [hint for name, hint in hints.items() if name not in rename]
    if to_map:
        them = "it" if len(missing) == 1 else "the others" if len(to_map) < len(missing) else "them"
        mapped = ", ".join(f"{name}: …" for name in to_map)
        fix.append(f"Add {them}, or map {'it' if len(missing) == 1 else 'them'} with `columns: {{{mapped}}}`.")
    if strange:
        more = ", …" if len(strange) > NAMES_SHOWN else ""
        fix.append(f"Columns without a rule: {', '.join(strange[:NAMES_SHOWN])}{more}.")
    names = ", ".join(f"'{theirs}'" for theirs in missing.values())
    rule = f"the column {names} is missing" if len(missing) == 1 else f"the columns {names} are missing"
    return SourceError(source, rule, fix=" ".join(fix) + (at if misnamed else ""))


def _is_answer(column: pa.Column) -> bool:
    # A question nobody answered still has its column; a column that is not there is another questionnaire.
    return str(column.dtype) == "Int16"
