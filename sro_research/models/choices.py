"""Choices that a multiverse combines, and the school-waves of each combination.

What the records say is joined to the school-waves once for all combinations; each of these then picks school-waves and
splits its exposure into the school's mean over the waves that are left and the distance from it (`exposure_design`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sro_research.errors import WorkbenchError, nearest
from sro_research.models.sufficient import Cells

FLAGGED = "flagged"
"""The key of cells that divides respondents whose answers were flagged (1) from the others (0)."""
KEPT, LEFT_OUT = "kept", "left out"
WITHIN, BETWEEN = "exposure within schools", "exposure between schools"
WAVE, MEAN = "in wave ", "mean by school-wave of "
"""Columns that are made begin so."""


@dataclass(frozen=True)
class Exposure:
    """A column of the school-waves' records, `lag` waves before the answers; the effect is said for `per` units."""

    column: str
    lag: int = 0
    per: float = 1.0


@dataclass(frozen=True)
class Choices:
    """Equivalent choices, each by the name under which it is reported; every combination is one specification.

    `adjustment` names columns of the answers (taken with their means by school-wave, so that they adjust within and
    between) or of the records. `fewest_answers` is how many answers a school-wave needs. With `flagged` respondents
    `kept` or `left out` the cells need the key `flagged`.
    """

    exposure: Mapping[str, Exposure]
    adjustment: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"none": ()})
    fewest_answers: tuple[int, ...] = (1,)
    flagged: tuple[str, ...] = (KEPT,)
    waves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def must_be_known(cells: Cells, records: pd.DataFrame, choices: Choices) -> None:
    """Raise `WorkbenchError` where a choice names a column, a wave or a key that there is not."""
    if list(records.index.names) != ["school_id", "wave"] or not records.index.is_unique:
        rule = "they have not one row by school_id and wave"
        raise WorkbenchError("the records", rule, fix="Add up records of one school and wave.")
    known = {*cells.columns, *map(str, records)}
    for exposure in choices.exposure.values():
        if exposure.column not in records:
            raise WorkbenchError(
                f"exposure {exposure.column}", "no record has it", fix=nearest(exposure.column, records)
            )
    for name in sorted(set(_adjusted(choices)) - known):
        raise WorkbenchError(f"adjustment {name}", "neither answers nor records have it", fix=nearest(name, known))
    for name in sorted({w for waves in choices.waves.values() for w in waves} - set(cells.keys["wave"])):
        raise WorkbenchError(f"wave {name}", "nobody answered in it", fix=nearest(name, cells.keys["wave"].unique()))
    for kind in choices.flagged:
        if kind not in (KEPT, LEFT_OUT):
            raise WorkbenchError(f"flagged {kind}", "they are kept or left out", fix=nearest(kind, [KEPT, LEFT_OUT]))
    if LEFT_OUT in choices.flagged:
        cells.down_to(FLAGGED)


@dataclass(frozen=True)
class Pool:
    """School-waves, with flagged respondents or without, and of each what the records say (c rows, in their order).

    `exposures` has one (c) per choice of exposure, `recorded` a column per adjustment that no respondent was asked for.
    """

    cells: Cells
    exposures: dict[str, np.ndarray]
    recorded: pd.DataFrame


def pool(cells: Cells, records: pd.DataFrame, choices: Choices, flagged: str) -> Pool:
    """Return the school-waves of all respondents or of those who were not flagged, with their records."""
    if FLAGGED in cells.keys:
        some = cells if flagged == KEPT else cells.where(~cells.keys[FLAGGED].astype(bool).to_numpy())
        cells = some.pooled([key for key in cells.keys if key != FLAGGED])
    at = pd.MultiIndex.from_frame(cells.keys[["school_id", "wave"]])
    exposures = {
        name: _lagged(records, exposure).reindex(at).to_numpy(dtype=float, na_value=np.nan)
        for name, exposure in choices.exposure.items()
    }
    recorded = [name for name in _adjusted(choices) if name not in cells.columns]
    return Pool(cells, exposures, records[recorded].reindex(at).reset_index(drop=True))


def _adjusted(choices: Choices) -> list[str]:
    """Return all columns that an adjustment names."""
    return sorted({name for columns in choices.adjustment.values() for name in columns})


def prepared(of: Pool, choices: Choices, exposure: str, fewest: int, waves: str) -> Cells:
    """Return the school-waves of a specification, with exposure and all columns that an adjustment may name."""
    cells, exposed = of.cells, of.exposures[exposure]
    chosen = (cells.sizes >= fewest) & ~np.isnan(exposed) & of.recorded.notna().all(axis=1).to_numpy()
    if waves in choices.waves:
        chosen &= cells.keys["wave"].isin(choices.waves[waves]).to_numpy()
    kept, exposed, values = cells.where(chosen), exposed[chosen], of.recorded[chosen].reset_index(drop=True)
    if kept.keys.empty:
        return kept
    school, _ = pd.factorize(kept.keys["school_id"])
    values[BETWEEN] = (np.bincount(school, exposed) / np.bincount(school))[school]
    values[WITHIN] = exposed - values[BETWEEN]
    for name in (name for name in _adjusted(choices) if name in cells.columns):
        values[f"{MEAN}{name}"] = kept.means(name)
    for wave in sorted(kept.keys["wave"].unique())[1:]:
        values[f"{WAVE}{wave}"] = (kept.keys["wave"] == wave).to_numpy(dtype=float)
    return kept.joined(values)


def _lagged(records: pd.DataFrame, exposure: Exposure) -> pd.Series:
    """Return an exposure by school and wave, moved to the wave `lag` waves later; there is none before the first."""
    known = records[exposure.column]
    waves = sorted(known.index.unique("wave"))
    if not exposure.lag:
        return known
    later = dict(zip(waves, waves[exposure.lag :], strict=False))
    moved = known[known.index.get_level_values("wave").isin(list(later))]
    schools, wave = (moved.index.get_level_values(key) for key in ("school_id", "wave"))
    return moved.set_axis(pd.MultiIndex.from_arrays([schools, wave.map(later)], names=["school_id", "wave"]))
