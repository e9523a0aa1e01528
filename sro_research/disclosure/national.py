"""What may be shown of a national survey of schools: what is sure enough, not the rule that protects people.

Each record of a public-use file is a school, and its publisher has protected it already: anyone may download the file
and count again. What is left to decide is whether an estimate says enough. NCES does not report one with a standard
error of half its size or more, and marks one with a standard error of 30 % or more. How many schools are too few NCES
leaves to each survey; we take fewer than 30 as too few (constants and their sources in `estimates`). The rule is
applied here anew, whatever the estimates say of themselves.

It holds for the population `SCHOOL` alone. A study of people has no such rows: `safe.safe_cells` refuses them, and a
study file may not ask for both. A page may tell a number of that population only where it stands in a public table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from sro_research.disclosure.claims import Claim, against_cells
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.safe import (
    CAUTION,
    CODED,
    COLUMNS,
    NOT_AVAILABLE,
    NOT_MET,
    SCHEMA,
    SHOWN,
    WITH_NUMBERS,
)
from sro_research.errors import DisclosureError
from sro_research.estimates import (
    CAUTION_CV,
    CHANGE_IN,
    ESTIMATED,
    FEWEST_CASES,
    KEYS,
    NOT_ESTIMABLE,
    NOT_MET_CV,
    NUMBERS,
    SCHOOL,
    VS_OTHERS,
    coefficient_of_variation,
)

_WRITTEN_TO = 0.5e-6
"""How far a number of a public table may be from the one it was written of."""
_DIFFERENCE = rf"^{CHANGE_IN}|{VS_OTHERS}$"
"""What tells measures that are differences: near zero their own coefficient of variation means nothing."""


def national_cells(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the safe cells of estimates about schools: shown, shown with caution, or below the reporting standards.

    A difference is shown where both of its sides have enough schools and the level beside it is shown. Raises
    `DisclosureError` where a row is about anyone but schools.
    """
    if people := int((estimates["population"] != SCHOOL).sum()):
        raise DisclosureError(
            "safe cells",
            "the rule of a national survey of schools was asked for figures that are not about schools",
            rows=people,
            fix="Decide these by `decide_rows` and `safe_cells`, which protect people.",
        )
    estimates = estimates.reset_index(drop=True)
    cells = estimates.assign(status=_decided(estimates).astype("string"))
    cells[NUMBERS] = cells[NUMBERS].mask(~cells["status"].isin([SHOWN, CAUTION]))
    return SCHEMA.validate(cells[COLUMNS].sort_values(KEYS, ignore_index=True))


def no_people() -> Pattern:
    """Return the pattern of a study without people: there is no row to show or hide, and none for the ledger."""
    return Pattern(pd.DataFrame(columns=[*ROW, "shown"]).astype({**dict.fromkeys(ROW, "string"), "shown": "bool"}))


def public_table(cells: pd.DataFrame, *, nation: bool = False) -> str:
    """Return cells as the text of a CSV file that anyone may read: keys, numbers, unit and status.

    With `nation` only the levels of all schools together: what a district can be held against.
    """
    if nation:
        levels = ~cells["measure"].str.contains(_DIFFERENCE)
        cells = cells[levels & (cells[["group_by", "school_id"]] == "").all(axis=1)]
    written = cells.astype("string").assign(
        **{number: cells[number].map(lambda value: f"{value:.6f}", na_action="ignore") for number in NUMBERS[1:]}
    )
    return str(written[COLUMNS].to_csv(index=False))


def read_public_table(path: Path) -> pd.DataFrame:
    """Read what `public_table` wrote, as safe cells.

    The rule is applied again: a table that anyone may have written vouches for nothing. Raises `DisclosureError` where
    the file is missing, is no such table, or shows numbers that the rule does not.
    """
    texts = {**dict.fromkeys(KEYS, "string"), "unit": "string", "status": "string"}
    numbers = {number: "Int64" if number == "n" else "Float64" for number in NUMBERS}
    try:
        table = pd.read_csv(
            path, dtype={**texts, **numbers}, keep_default_na=False, na_values={n: [""] for n in numbers}
        )
        cells = SCHEMA.validate(table)
    except (OSError, ValueError, pa.errors.SchemaError, pa.errors.SchemaErrors) as error:
        reason = type(error).__name__
        raise DisclosureError(
            path, f"this is no table of national estimates: {reason}", fix="Take the yardstick.csv of a release."
        ) from None
    if others := int((cells["population"] != SCHOOL).sum()):
        raise DisclosureError(path, "it has rows that are not about schools", rows=others, fix="Take them out.")
    if unfit := int(_shown_against_the_rule(cells).sum()):
        rule = "it shows numbers that do not meet the reporting standards, or without their mark"
        raise DisclosureError(path, rule, rows=unfit, fix="Take the yardstick.csv of a release.")
    return cells


def read_yardstick_table(path: Path, measures: Collection[str]) -> pd.DataFrame:
    """Read a public table of all schools together, of `measures` alone: what a district can be held against.

    Raises `DisclosureError` as `read_public_table`, and where there are rows of anything else.
    """
    cells = read_public_table(path)
    parts = int((cells[["construct", "group_by", "group", "school_id"]] != "").any(axis=1).sum())
    unknown = int((~cells["measure"].isin(list(measures))).sum())
    for rows, rule in (
        (parts, "it has rows that are not about all schools together"),
        (unknown, "it has measures that the survey does not have"),
    ):
        if rows:
            raise DisclosureError(path, rule, rows=rows, fix="Take the yardstick.csv of a release.")
    return cells


def not_public(claims: Iterable[Claim], public: pd.DataFrame | None) -> list[str]:
    """Return where published files tell of schools of the nation what no public table says.

    `public` has the columns of safe cells; without it nothing may be told of them.
    """
    told = [made for made in claims if made.cell[1] == SCHOOL]
    if public is not None:
        return against_cells(told, public[public["population"] == SCHOOL])
    pages = sorted({made.page for made in told})
    return [f"{page}: it tells of schools of the nation, and no public table is given. Give one" for page in pages]


def _decided(estimates: pd.DataFrame) -> pd.Series:
    """Return the status of each row, levels and differences."""
    status, differs = _levels(estimates), estimates["measure"].str.contains(_DIFFERENCE)
    shown = set(_keys(estimates[status.isin([SHOWN, CAUTION])], estimates["measure"]))
    beside = np.array([key in shown for key in _keys(estimates, _level_of(estimates["measure"]))], dtype=bool)
    enough = (estimates["n"] >= FEWEST_CASES).fillna(False) & beside
    of_difference = np.select([estimates["status"] != ESTIMATED, enough], [NOT_AVAILABLE, SHOWN], NOT_MET)
    return status.mask(differs, pd.Series(of_difference, index=status.index))


def _shown_against_the_rule(cells: pd.DataFrame) -> pd.Series:
    """Tell which written rows have numbers that the rule does not show, or shows with a mark that they lack."""
    # Half of the last written digit may stand between a number and what it was decided by.
    as_estimated = cells.assign(
        status=cells["estimate"].notna().map({True: ESTIMATED, False: NOT_ESTIMABLE}),
        std_error=(cells["std_error"] - _WRITTEN_TO).clip(lower=0),
        estimate=cells["estimate"].abs() + _WRITTEN_TO,
    )
    decided, says = _decided(as_estimated), cells["status"]
    unmarked = (says == SHOWN) & (decided == CAUTION)
    some = (cells["unit"] == "share") & ~cells["estimate"].isin([0, 1]) & ~cells["measure"].str.contains(_DIFFERENCE)
    unsure = some & cells["std_error"].isna()  # Only where all schools or none say so is there no error.
    return says.isin(WITH_NUMBERS) & (~decided.isin([SHOWN, CAUTION]) | unmarked | unsure | (says == CODED))


def _levels(estimates: pd.DataFrame) -> pd.Series:
    """Return the status of each row by NCES's marks and our fewest schools; what nobody was asked is not available."""
    cv, few = coefficient_of_variation(estimates), (estimates["n"] < FEWEST_CASES).fillna(True)
    status = pd.Series(SHOWN, index=estimates.index).mask((cv >= CAUTION_CV).fillna(False), CAUTION)
    status = status.mask((cv >= NOT_MET_CV).fillna(False) | few | (estimates["status"] != ESTIMATED), NOT_MET)
    return status.mask((estimates["status"] != ESTIMATED) & (estimates["n"].fillna(0) == 0), NOT_AVAILABLE)


def _level_of(measures: pd.Series) -> pd.Series:
    """Return of which measure a difference is one."""
    return measures.str.replace(_DIFFERENCE, "", regex=True)


def _keys(rows: pd.DataFrame, measures: pd.Series) -> list[tuple[str, ...]]:
    others = [rows[key] for key in KEYS[1:]]
    return list(zip(measures[rows.index], *others, strict=True))
