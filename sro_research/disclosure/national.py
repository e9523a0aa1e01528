"""What may be shown of a national survey of schools: the publisher's rule, not the one that protects people.

Each record of a public-use file is a school, and its publisher has protected it already: anyone may download the file
and count again. What is left to decide is whether an estimate says enough. NCES does not report one from too few
schools or with a standard error of half its size, and marks one with a standard error of 30 % or more (constants and
their sources in `estimates`). The rule is applied here anew, whatever the estimates say of themselves.

It holds for the population `SCHOOL` alone. A study of people has no such rows: `safe.safe_cells` refuses them, and a
study file may not ask for both. A page may tell a number of that population only where it stands in a public table.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from sro_research.disclosure.claims import Claim, against_cells
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.safe import (
    CAUTION,
    COLUMNS,
    NOT_AVAILABLE,
    NOT_MET,
    SCHEMA,
    SHOWN,
)
from sro_research.errors import DisclosureError
from sro_research.estimates import (
    CAUTION_CV,
    CHANGE_IN,
    ESTIMATED,
    FEWEST_CASES,
    KEYS,
    NOT_MET_CV,
    NUMBERS,
    SCHOOL,
    VS_OTHERS,
    coefficient_of_variation,
)

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
    status = _levels(estimates)
    differs = estimates["measure"].str.contains(_DIFFERENCE)
    shown = set(_keys(estimates[status.isin([SHOWN, CAUTION])], estimates["measure"]))
    beside = np.array([key in shown for key in _keys(estimates, _level_of(estimates["measure"]))], dtype=bool)
    estimated = estimates["status"] == ESTIMATED
    enough = (estimates["n"] >= FEWEST_CASES).fillna(False) & beside
    of_difference = np.select([~estimated, enough], [NOT_AVAILABLE, SHOWN], NOT_MET)
    status = status.mask(differs, pd.Series(of_difference, index=status.index))
    cells = estimates.assign(status=status.astype("string"))
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

    Raises `DisclosureError` where the file is missing or is no such table.
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


def _levels(estimates: pd.DataFrame) -> pd.Series:
    """Return the status of each row by NCES's rule; what nobody was asked is not available."""
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
