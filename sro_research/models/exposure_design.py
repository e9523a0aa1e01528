"""The table behind the models of engagement and climate: exposure split into within and between, and adjustments.

The exposure E of a school in a wave becomes its mean over the waves in which the school's answers were seen, and the
distance from that mean (Mundlak 1978, Econometrica 46, 69-85). What people differ in (grade, language) becomes the
distance from the mean of their school and wave, and that mean: who answers may change from wave to wave, and is not
the same as what a person's own grade does (Bell, Fairbrother & Jones 2019, Qual. Quant. 53, 1051-1074).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sro_research.errors import WorkbenchError
from sro_research.models.district_means import FEW_CLUSTERS

CELL = ["school_id", "wave"]
WITHIN_TERM, BETWEEN_TERM = "within", "between"
ONE_SCHOOL = "one school: nothing can be said between schools"
FEW_SCHOOLS = f"fewer than {FEW_CLUSTERS} schools: shown, not modelled"
ONE_WAVE = "one wave only: nothing changes within schools"
NO_SPREAD = "the exposure does not vary enough within and between schools"
TOO_FEW_CELLS = "too few schools were seen in more than one wave"
INDISTINCT = "the exposure and the adjustments cannot be told apart"
SAME = 1e-9
"""Relative size below which a difference or an eigenvalue is rounding."""


@dataclass(frozen=True)
class Design:
    """Answers with the columns of a model.

    `table` has `score`, the columns named in `terms` and, for each of `levels` (largest first), the name of an answer's
    group. `terms` maps a column to what it says; `ceiling` gives the degrees of freedom that the numbers of schools,
    school-waves, waves and adjustments leave to the two effects.
    """

    table: pd.DataFrame
    terms: dict[str, str]
    levels: list[str]
    ceiling: dict[str, int]
    schools: int
    school_waves: int


def lagged(exposure: pd.Series, waves: Sequence[str]) -> pd.Series:
    """Return the exposure of the wave before, by (school_id, wave); missing in the first of `waves`.

    Climate that answers to what came before it cannot have caused it.
    """
    before = dict(zip(waves[1:], waves[:-1], strict=True))
    schools, of_wave = (exposure.index.get_level_values(level) for level in CELL)
    earlier = pd.MultiIndex.from_arrays([schools, of_wave.map(before)], names=CELL)
    return pd.Series(exposure.reindex(earlier).to_numpy(), index=exposure.index, name=exposure.name)


def engagement_design(
    scores: pd.DataFrame,
    exposure: pd.Series,
    *,
    adjust: Sequence[str] = (),
    school_covariates: pd.DataFrame | None = None,
    districts: pd.Series | None = None,
    also: Sequence[str] = (),
) -> Design:
    """Join scores (`school_id`, `wave`, `score`, columns of `adjust`) with an exposure by (school_id, wave).

    `school_covariates` are numbers by (school_id, wave), `districts` names each school_id's district, `also` columns of
    the scores that the table keeps. Rows that lack the score, the exposure or one of these are left out. Raises
    `ValueError`, with a reason for the reader, where the design does not carry the model, and `WorkbenchError` where a
    named column or a school's district does not exist.
    """
    absent = sorted(set(adjust) - set(scores.columns))
    if absent:
        rule = f"the model adjusts for {', '.join(absent)}, of which the scores know nothing"
        raise WorkbenchError("the declared model", rule, fix="Name background questions of the instrument.")
    known = exposure.dropna().astype(float).rename("exposure").reset_index()
    data = scores.dropna(subset=["score", *adjust, *also]).merge(known, on=CELL)
    if school_covariates is not None:
        data = data.merge(school_covariates.dropna().astype(float).add_prefix("school:").reset_index(), on=CELL)
    waves, schools = sorted(data["wave"].unique()), data["school_id"].nunique()
    if schools < FEW_CLUSTERS:
        raise ValueError(ONE_SCHOOL if schools == 1 else FEW_SCHOOLS)
    if len(waves) < 2:
        raise ValueError(ONE_WAVE)
    cells = data.drop_duplicates(CELL)
    mean = cells.groupby("school_id")["exposure"].mean()
    columns: dict[str, pd.Series] = {f"wave_{i}": (data["wave"] == w).astype(float) for i, w in enumerate(waves[1:], 1)}
    terms = {column: f"wave {wave}" for column, wave in zip(columns, waves[1:], strict=True)}
    columns[BETWEEN_TERM] = data["school_id"].map(mean).astype(float)
    columns[WITHIN_TERM] = data["exposure"] - columns[BETWEEN_TERM]
    if any(_constant(columns[c].loc[cells.index]) for c in (WITHIN_TERM, BETWEEN_TERM)):
        raise ValueError(NO_SPREAD)
    adjustments = _adjustments(data, adjust)
    terms |= {WITHIN_TERM: "exposure within schools", BETWEEN_TERM: "exposure between schools"}
    terms |= {f"a_{i}": name for i, name in enumerate(adjustments, 1)}
    columns |= dict(zip((c for c in terms if c.startswith("a_")), adjustments.values(), strict=True))
    table = pd.DataFrame({"score": data["score"].astype(float), **{c: columns[c] for c in terms}})
    table = table.join(data[list(also)])
    table["school"] = data["school_id"].astype(str)
    table["school_wave"] = table["school"] + "|" + data["wave"].astype(str)
    levels = ["school", "school_wave"]
    if districts is not None:
        table["district"] = data["school_id"].map(districts).astype("string")
        if unknown := data.loc[table["district"].isna(), "school_id"].nunique():
            fix = "Give every school its district, or leave districts out."
            raise WorkbenchError("the declared model", "there are schools without a district", fix=fix, rows=unknown)
        table["district"] = table["district"].astype(str)
        # One district has nothing to vary; a district for each school cannot be told from the schools.
        if 1 < table["district"].nunique() < schools:
            levels = ["district", *levels]
    ceiling = _design_df(table, list(columns.keys() - {WITHIN_TERM, BETWEEN_TERM}), len(waves))
    if min(ceiling.values()) < 1:
        raise ValueError(TOO_FEW_CELLS)
    _must_be_distinct(table[list(terms)])
    return Design(table.reset_index(drop=True), terms, levels, ceiling, schools, len(cells))


def _adjustments(data: pd.DataFrame, adjust: Sequence[str]) -> dict[str, pd.Series]:
    """Return persons' traits as distances from the mean of school and wave, those means, and schools' own traits.

    A trait without numbers has one column for each of its values but the first.
    """
    found: dict[str, pd.Series] = {}
    for name in adjust:
        column = data[name]
        if pd.api.types.is_numeric_dtype(column):
            values = {name: column.astype(float)}
        else:
            values = {f"{name} {v}": (column == v).astype(float) for v in sorted(column.astype(str).unique())[1:]}
        for label, value in values.items():
            mean = value.groupby([data[key] for key in CELL]).transform("mean")
            found |= {f"{label}, person": value - mean, f"{label}, school-wave": mean}
    of_school = {c.removeprefix("school:"): data[c] for c in data if str(c).startswith("school:")}
    return {name: column for name, column in (found | of_school).items() if not _constant(column)}


def _constant(column: pd.Series) -> bool:
    return bool(column.max() - column.min() <= SAME * max(1.0, column.abs().max()))


def _design_df(table: pd.DataFrame, others: list[str], waves: int) -> dict[str, int]:
    """Return the degrees of freedom left to each effect; an adjustment takes one where it varies."""
    cells = table.groupby("school_wave").agg({**dict.fromkeys(others, "mean"), "school": "first"})
    adjustments = [c for c in others if not c.startswith("wave_")]
    means = cells.groupby("school")[adjustments].transform("mean")
    within = sum(not _constant(cells[c] - means[c]) for c in adjustments)
    between = sum(not _constant(means[c]) for c in adjustments)
    schools = cells["school"].nunique()
    return {WITHIN_TERM: len(cells) - schools - waves - within, BETWEEN_TERM: schools - 2 - between}


def _must_be_distinct(columns: pd.DataFrame) -> None:
    x = np.column_stack([np.ones(len(columns)), columns - columns.mean()])
    x /= np.linalg.norm(x, axis=0)
    if np.linalg.eigvalsh(x.T @ x)[0] < SAME:
        raise ValueError(INDISTINCT)
