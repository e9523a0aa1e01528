"""Drills that were held, against those that the standard asks of each school in each wave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from sro_research.measures.cases import KEYS, begun_in, findings, finished, outside, over_schools
from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave


def drill_counts(
    drills: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, required: Mapping[str, int], as_of: dt.date
) -> pd.DataFrame:
    """Return one row per school, wave and kind: `required`, `done` and `counted`, of what is required.

    A kind that was held more often than required does not make up for another. In a wave that is not over, nothing is
    overdue: `required` and `counted` are missing. A school without a record has held none: the file was provided.
    """
    kinds = pd.DataFrame({"kind": pd.array(list(required), dtype="string"), "required": list(required.values())})
    table = schools[KEYS].merge(kinds, how="cross").astype({"required": "Int64"})
    done = begun_in(drills, "date", waves).groupby([*KEYS, "kind"]).size().rename("done").reset_index()
    table = table.merge(done, on=[*KEYS, "kind"], how="left")
    table["done"] = table["done"].fillna(0).astype("Int64")
    over = table["wave"].isin([wave.id for wave in waves if wave.end <= as_of])
    counted = table[["done", "required"]].min(axis=1).where(over)
    return table.assign(required=table["required"].where(over), counted=counted)


def drill_indicators(drill_counts: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Return `drills_done_share` by school, wave and for the district, also by kind: drills done of those required."""
    rows = drill_counts[drill_counts["required"] > 0]
    tables = []
    for by in ("", "kind"):
        table = over_schools(rows, schools, lambda grouped: grouped[["counted", "required"]].sum(), by=by).rename(
            columns={"counted": "numerator", "required": "denominator"}
        )
        share = table["numerator"] / table["denominator"]
        table = table.assign(value=share, cases=table["denominator"].fillna(0))
        tables.append(finished(table, measure="drills_done_share", unit="share"))
    return pd.concat(tables, ignore_index=True)


def drill_findings(drills: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return what does not fit in the drills, as `finding`, `rows`, `explanation`."""
    held = pd.MultiIndex.from_frame(drills.assign(wave=wave_of(drills["date"], waves))[KEYS])
    silent = pd.Series(~pd.MultiIndex.from_frame(schools[KEYS]).isin(held))
    return findings(
        {
            "drills_outside_waves": (
                outside(drills, "date", waves),
                "Drills on a day that belongs to no wave's period; they are not counted.",
            ),
            "drills_on_one_day": (
                drills.duplicated(["school_id", "date", "kind"]),
                "Drills of a kind that the same school had recorded for the same day already; each is counted.",
            ),
            "schools_without_drills": (
                silent,
                "Schools and waves without any recorded drill: none was held, or none was reported; they count as none "
                "held.",
            ),
        }
    )
