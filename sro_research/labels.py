"""Tables as people read them: titles in place of names and codes, and one way of writing numbers.

For display only. What is shown so is text and cannot be reckoned with; estimates are never made of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sro_research.instruments import Background, Instrument
from sro_research.parameters import Language, Text
from sro_research.standards.indicators import Definition
from sro_research.standards.together import Standards

MISSING = "–"
"""Stands where nothing is known."""
LARGE = 1000
"""Numbers from which decimals say nothing."""
SMALLEST = 0.0005
"""Numbers below which three decimals would say zero."""
Registers = Mapping[str, Mapping[str, str]]
"""Titles by the column that names are in, or by the question whose codes they are, and by name or code.

A question may have a register for each population that is asked, `<population>/<question>`.
"""
STUDENT = "student"
"""The population whose codes of groups the records of a district use."""
DISTRICT, TOGETHER = "district", "together"
"""How a row of all schools is called, and one of several waves."""
SPACED = ("group", "construct", "finding", "reason", "called_by", "disposition", "outcome")
"""Columns whose names read as words where no register has a title for them."""


def registers_of(
    instruments: list[Instrument],
    standards: Standards,
    definitions: Mapping[str, Definition],
    *,
    schools: Mapping[str, Text],
    language: Language,
) -> Registers:
    """Return what a study calls its names and codes in a language; a name without a title there is its own.

    `definitions` are those of indicators by measure, `schools` names by id. Where two populations are asked a question
    of one name, its own register has what students are asked.
    """
    asked = sorted(instruments, key=lambda one: one.population == STUDENT)
    questions = {name: question for one in asked for name, question in one.background.items()}
    constructs = {name: construct.title for one in asked for name, construct in one.constructs.items()}
    measures = {name: definition.title for name, definition in definitions.items()}
    found: dict[str, dict[str, Text]] = {
        **{name: _labels(question) for name, question in questions.items()},
        **{f"{one.population}/{name}": _labels(q) for one in asked for name, q in one.background.items()},
        **standards.titles,
        "group_by": {name: question.title for name, question in questions.items()},
        "construct": {**standards.titles["course"], **constructs},
        "school_id": {"": {language: DISTRICT}, **schools},
        "wave": {"": {language: TOGETHER}},
        "measure": measures,
        "comparison": measures,
    }
    return {
        register: {name: title.get(language, name) for name, title in titles.items()}
        for register, titles in found.items()
    }


def _labels(question: Background) -> dict[str, Text]:
    return {str(code): label for code, label in question.labels.items()}


def said(table: pd.DataFrame, registers: Registers) -> pd.DataFrame:
    """Return a table as text: titles in its columns, in the levels of its index, and in those that head its columns.

    A `group` is looked up in the register that its row's `group_by` names, that of its `population` first, all else in
    that of its own column. A measure of a step, `<measure>_<step>`, has the title of the measure with the step. Numbers
    have three decimals, and none where they are whole or `LARGE`; what is missing is `MISSING`; row numbers are blank.
    Unknown names stay.
    """
    rows, named = table.reset_index(drop=True), [name for name in table.index.names if name is not None]
    by = _asked(table.index.to_frame(index=False)[named], rows, registers)
    made = rows.apply(lambda column: _titled(column, registers, by).map(_text))
    made.columns = _axis(table.columns, registers, None)
    numbered = not named and pd.api.types.is_integer_dtype(table.index)
    made.index = pd.Index([""] * len(table)) if numbered else _axis(table.index, registers, by)
    return made


def _asked(levels: pd.DataFrame, rows: pd.DataFrame, registers: Registers) -> pd.Series | None:
    """Return by row the register of its group; None where no row has one."""
    by, of = (levels[name] if name in levels else rows.get(name) for name in ("group_by", "population"))
    if by is None or of is None:
        return by
    own = pd.Series([f"{population}/{question}" for population, question in zip(of, by, strict=True)], index=by.index)
    return by.where(~own.isin(list(registers)), own)


def _axis(axis: pd.Index, registers: Registers, by: pd.Series | None) -> pd.Index:
    levels = [pd.Series(axis.get_level_values(i), name=name) for i, name in enumerate(axis.names)]
    titled = [_titled(level, registers, by) for level in levels]
    return (
        pd.MultiIndex.from_arrays(titled, names=axis.names) if axis.nlevels > 1 else pd.Index(titled[0], name=axis.name)
    )


def _titled(column: pd.Series, registers: Registers, by: pd.Series | None) -> pd.Series:
    of = by if column.name == "group" and by is not None else [column.name] * len(column)
    titles = [
        _title(value, column.name, registers.get(register, {})) if isinstance(value, str) else value
        for value, register in zip(column, of, strict=True)
    ]
    return pd.Series(titles, index=column.index, name=column.name, dtype=object)


def _title(name: str, column: object, register: Mapping[str, str]) -> str:
    if name in register:
        return register[name]
    measure, _, step = name.rpartition("_")
    if column in ("measure", "comparison") and measure in register:
        return f"{register[measure]}: {step}"
    return name.replace("_", " ") if column in SPACED else name


def _text(value: object) -> object:
    if isinstance(value, bool | str) or not pd.api.types.is_scalar(value):
        return value
    if pd.isna(value):
        return MISSING
    if not isinstance(value, float):  # numpy's own is one, too.
        return value
    if 0 < abs(value) < SMALLEST:
        return "<0.001" if value > 0 else ">-0.001"
    whole = value.is_integer() or abs(value) >= LARGE
    # A zero may have a minus, which adding zero takes away.
    return f"{value + 0.0:,.0f}" if whole else f"{value:,.3f}"
