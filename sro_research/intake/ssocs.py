"""The public-use files of the School Survey on Crime and Safety to a table of schools.

The files are codes under numbered variables. A map for each year (<standards>/ssocs/<year>.yaml) says which variable
holds what, and what its codes mean; nothing is read that it does not name. Codes come as 1, "1", " 1" or "01".

    -1   a legitimate skip: the question does not apply. Missing, or no, as the map says
    -9   not ascertained: missing

Any other code that the map does not know stops the reading: it would be another question than the map describes. So
does another number of schools than the published file has: a part of the file is not the nation.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from sro_research import schemas
from sro_research.errors import SourceError, nearest
from sro_research.intake.exports import Export, read_export
from sro_research.standards.ssocs import SsocsCodes, SsocsColumn, SsocsLayout, SsocsMeasures

SKIP, NOT_ASCERTAINED = -1, -9
ENDINGS = (".sav", ".csv")
PUBLISHED = (
    "Download it from nces.ed.gov/surveys/ssocs (data products) and put it there."
    " Or let `folders.data` name the folder that has it."
)
KEEP_ONE = "Keep one of these files there."


def find_ssocs(folder: Path, layout: SsocsLayout) -> Path:
    """Return the path of a year's file below a folder.

    Raises `SourceError` where it is not there, which says where it is published, and where it is there twice: nothing
    tells which of the two is right.
    """
    found = [
        path
        for path in sorted(folder.glob("*"))
        if path.stem.lower() == layout.file.lower() and path.suffix.lower() in ENDINGS
    ]
    year = layout.label["en"]
    if not found:
        names = " or ".join(layout.file + ending for ending in ENDINGS)
        raise SourceError(folder, f"the survey of {year} ({names}) is not there", fix=PUBLISHED)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise SourceError(folder, f"the survey of {year} is there more than once ({names})", fix=KEEP_ONE)
    return found[0]


def read_ssocs(path: Path, *, layout: SsocsLayout, asked: SsocsMeasures) -> pd.DataFrame:
    """Read a year's file, .sav or .csv, into one row per school.

    Columns: `school_id`, `wave`, the groupings in words, the measures (shares as booleans, counts as numbers), `weight`
    and `replicate_1` onward. Measures and groupings that the year does not have are missing throughout. Raises
    `SourceError` naming the variable and the year where one is missing or has a code that the map does not know, and
    where the file has not as many schools as were published.
    """
    file = _File(path, read_export(path), layout)
    columns: dict[str, pd.Series] = {
        "school_id": file.text(layout.school),
        "wave": pd.Series(layout.wave, index=file.index),
    }
    for name in asked.groupings:
        columns[name] = file.group(name, layout.groupings.get(name))
    for kind, read in (("share", file.share), ("count", file.count)):
        for name, measure in asked.measures.items():
            if measure.kind == kind:
                columns[name] = read(name, layout.measures.get(name))
    columns["weight"] = file.number(layout.weight)
    for i in range(1, layout.replicates.number + 1):
        columns[f"replicate_{i}"] = file.number(f"{layout.replicates.prefix}{i}")
    file.refuse_another_number(layout.schools)
    table = pd.DataFrame(columns).astype({"school_id": "string", "wave": "string"})
    return _checked(table.reset_index(drop=True), schema_of(layout, asked), path)


def schema_of(layout: SsocsLayout, asked: SsocsMeasures) -> pa.DataFrameSchema:
    """Return the rules that the table of a year's schools keeps."""
    return schemas.national_schools(
        {name: list(grouping.values) for name, grouping in asked.groupings.items()},
        {name: measure.among for name, measure in asked.measures.items() if measure.kind == "share"},
        [name for name, measure in asked.measures.items() if measure.kind == "count"],
        layout.replicates.number,
    )


class _File:
    """A year's file, read one variable at a time."""

    def __init__(self, path: Path, export: Export, layout: SsocsLayout) -> None:
        if export.unreadable:
            rows = len(export.unreadable)
            raise SourceError(path, "some lines cannot be read", fix="Download the file again.", rows=rows)
        self.path, self.cells, self.year = path, export.cells, layout.label["en"]
        self.index = export.cells.index
        self.names = {str(name).lower(): name for name in export.cells.columns}

    def text(self, variable: str) -> pd.Series:
        name = self.names.get(variable.lower())
        if name is None:
            rule = f"the variable {variable} of {self.year} is missing"
            raise SourceError(
                self.path, rule, fix=f"Is it the file of that year? {nearest(variable, self.names.values())}"
            )
        return self.cells[name].str.strip().astype("string")

    def number(self, variable: str) -> pd.Series:
        text = self.text(variable)
        schema = pa.DataFrameSchema({variable: pa.Column("Float64", nullable=True)})
        typed, unread = schemas.convert(text.to_frame(variable), schema)
        if len(unread):
            rule = f"the variable {variable} of {self.year} is not a number"
            raise SourceError(self.path, rule, fix="Export the file with codes, not with labels.", rows=len(unread))
        return typed[variable].mask((typed[variable] == NOT_ASCERTAINED).fillna(False))

    def group(self, name: str, codes: SsocsCodes | None) -> pd.Series:
        if codes is None:
            return pd.Series(pd.NA, index=self.index, dtype="string")
        found = self.number(codes.variable)
        self._refuse_others(codes.variable, found, set(codes.codes), name)
        return found.map(codes.codes).astype("string")

    def share(self, name: str, column: SsocsColumn | None) -> pd.Series:
        """Return yes where any variable says so, no where none does and one says no, missing elsewhere."""
        if column is None:
            return pd.Series(pd.NA, index=self.index, dtype="boolean")
        if column.at_least is not None:
            return (self.count(name, column) >= column.at_least).astype("boolean")
        answers = pd.Series(pd.NA, index=self.index, dtype="boolean")
        no = {*column.no_if, *({SKIP} if column.skip == "is_no" else ())}
        for variable in column.variables:
            code = self.number(variable)
            self._refuse_others(variable, code, {*column.yes_if, *column.no_if, SKIP}, name)
            answers = answers.mask(code.isin(no) & answers.isna(), False).mask(code.isin(column.yes_if), True)
        return answers

    def count(self, name: str, column: SsocsColumn | None) -> pd.Series:
        """Return the sum of the variables, missing where one is."""
        total = pd.Series(0.0 if column else pd.NA, index=self.index, dtype="Float64")
        for variable in column.variables if column else ():
            number = self.number(variable)
            if below := int((number < SKIP).fillna(False).sum()):
                self._refuse(variable, name, below)
            skipped = (number == SKIP).fillna(False)  # what was not ascertained is not skipped
            total = total + number.mask(skipped, 0 if column and column.skip == "is_no" else pd.NA)
        return total

    def refuse_another_number(self, published: int) -> None:
        if len(self.index) != published:
            rule = f"the file of {self.year} has {len(self.index)} schools, and {published} were published"
            raise SourceError(self.path, rule, fix="Download the file again.")

    def _refuse_others(self, variable: str, found: pd.Series, known: set[int], name: str) -> None:
        if others := int((found.notna() & ~found.isin(known)).sum()):
            self._refuse(variable, name, others)

    def _refuse(self, variable: str, name: str, rows: int) -> None:
        rule = f"the variable {variable} of {self.year} has codes that the map of '{name}' does not know"
        raise SourceError(self.path, rule, fix="Is it the file of that year? Mend the map by its codebook.", rows=rows)


def _checked(table: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    broken = schemas.broken_rules(table, schema)
    if len(broken):
        first = broken.iloc[0]
        rows = int(broken.loc[broken["rule"] == first["rule"], "index"].nunique())
        where = f"{first['column']} " if first["column"] else ""
        fix = "Is it the file of that year? Download it again."
        raise SourceError(path, f"{where}{first['rule']}", fix=fix, rows=rows)
    return table
