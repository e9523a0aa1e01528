"""Training completed against the standard, by officer and wave.

These figures describe single persons. They leave this room for the district as a whole, never for a school, where
often one officer serves.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.parameters import Wave


def training_status(
    training: pd.DataFrame, officers: pd.DataFrame, courses: list[str], waves: list[Wave]
) -> pd.DataFrame:
    """Tell for each officer in service at the end of a wave which required courses were completed by then.

    Returns `officer_key`, `wave`, `required`, `completed` (both counts of courses), `completion_rate` (0-1)
    and `training_hours` (in the wave's period). An officer without any record has completed none: the training
    file was provided, and it lists what was completed.
    """
    rows = []
    for wave in waves:
        end = pd.Timestamp(wave.end)
        serving = officers[
            (officers["start_date"] <= end) & (officers["end_date"].isna() | (officers["end_date"] >= end))
        ]
        done = training[training["completed_on"] <= end]
        completed = done[done["course"].isin(courses)].groupby("officer_key")["course"].nunique()
        recent = done[done["completed_on"] >= pd.Timestamp(wave.start)]
        hours = recent.groupby("officer_key")["hours"].sum()
        table = serving[["officer_key"]].assign(wave=wave.id, required=len(courses))
        table["completed"] = table["officer_key"].map(completed).fillna(0).astype(int)
        table["training_hours"] = table["officer_key"].map(hours).astype("Float64").fillna(0.0)
        rows.append(table)
    table = pd.concat(rows, ignore_index=True)
    return table.assign(completion_rate=table["completed"] / table["required"])


def training_completion(status: pd.DataFrame) -> pd.DataFrame:
    """Return the district's completion rate by wave, as indicators: courses completed of courses required.

    `people` counts the officers, because that is how many persons the figure describes.
    """
    table = status.groupby("wave").agg(
        numerator=("completed", "sum"), denominator=("required", "sum"), people=("officer_key", "nunique")
    )
    table["value"] = table["numerator"] / table["denominator"]
    return table.reset_index().assign(
        school_id="", measure="training_completion_rate", population="officer", unit="share"
    )


def training_adoption(
    assignments: pd.DataFrame,
    training: pd.DataFrame,
    *,
    schools: Sequence[str],
    courses: Sequence[str],
    waves: Sequence[Wave],
) -> pd.DataFrame:
    """Tell which schools had a fully trained officer on the last day of each wave.

    Returns a row per school and wave: `school_id`, `wave`, `staffed` (an officer was assigned), `treated` (at least one
    of them had completed every course by then) and `first_treated_wave`, missing if there was none. `treated` may end
    when a trained officer leaves; the event study asks what follows the first treated wave, whatever comes after it.
    """
    done = training[training["course"].isin(list(courses))].groupby(["officer_key", "course"])["completed_on"].min()
    by_officer = done.groupby("officer_key").agg(["size", "max"])
    finished = by_officer.loc[by_officer["size"] == len(set(courses)), "max"]
    posts = assignments.assign(finished=assignments["officer_key"].map(finished))
    rows = []
    for wave in waves:
        end = pd.Timestamp(wave.end)
        there = posts[(posts["from_date"] <= end) & (posts["to_date"].isna() | (posts["to_date"] >= end))]
        trained = there.loc[there["finished"] <= end, "school_id"]
        at = pd.DataFrame({"school_id": pd.array(list(schools), dtype="string")}).assign(wave=wave.id)
        rows.append(
            at.assign(
                staffed=at["school_id"].isin(there["school_id"]).astype(bool),
                treated=at["school_id"].isin(trained).astype(bool),
            )
        )
    table = pd.concat(rows, ignore_index=True)
    first = table[table["treated"]].groupby("school_id")["wave"].first()
    return table.assign(first_treated_wave=table["school_id"].map(first).astype("string"))
