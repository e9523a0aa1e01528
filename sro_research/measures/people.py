"""How officers are chosen, reviewed and coached, and how many stay.

All of it is about single officers. What was said in a review or a talk is in no table here; what leaves this room is
the district's counts. Not assessed is not a low rating, and a review of which there is no record is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sro_research.measures.outreach import wave_of
from sro_research.measures.periods import duty_days
from sro_research.parameters import Wave
from sro_research.standards.selection import SelectionStandard

DAYS_FOR_A_REVIEW = 180
"""Days of duty in a wave from which a review is to be held in it: half a year of work can be looked at."""
COUNTED = {
    "coaching_opened": "coaching records",
    "coaching_still_open": "coaching records",
    "coaching_reassignments": "coaching records",
}
"""Measures that are numbers of records, with their unit; all others are shares."""
REASSIGNMENT = "reassignment"


def selection_ratings(
    selection: pd.DataFrame, officers: pd.DataFrame, standard: SelectionStandard, waves: list[Wave]
) -> pd.DataFrame:
    """Return how each officer in service at the end of a wave was rated: `officer_key`, `wave`, `criterion`, `rating`.

    The last rating before that day counts. `rating` is missing where a criterion was not assessed; `meets` is missing
    with it, else true where the rating meets the criterion.
    """
    criteria = pd.DataFrame({"criterion": list(standard.criteria)})
    needed = criteria["criterion"].map({name: c.meets for name, c in standard.criteria.items()})
    tables = []
    for wave in waves:
        rated = selection[(selection["rated_on"] <= pd.Timestamp(wave.end)) & selection["rating"].notna()]
        last = rated.sort_values("rated_on").groupby(["officer_key", "criterion"])["rating"].last().reset_index()
        asked = in_service(officers, wave)[["officer_key"]].merge(criteria.assign(needed=needed), how="cross")
        tables.append(asked.merge(last, on=["officer_key", "criterion"], how="left").assign(wave=wave.id))
    table = pd.concat(tables, ignore_index=True).astype({"rating": "Int64", "needed": "Int64"})
    meets = (table["rating"] >= table["needed"]).astype("boolean")
    return table.assign(meets=meets)[["officer_key", "wave", "criterion", "rating", "meets"]]


def selection_indicators(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return `selection_documented`, the share of officers rated on every criterion, and `selection_criteria_met`.

    The second is of ratings that were made; a criterion that was not assessed is in neither of its counts.
    """
    rows = []
    for wave, table in ratings.groupby("wave"):
        rated = table.groupby("officer_key")["rating"].agg(lambda r: r.notna().all())
        rows.append((wave, "selection_documented", rated.sum(), len(rated), len(rated)))
        made = table[table["rating"].notna()]
        people = made["officer_key"].nunique()
        rows.append((wave, "selection_criteria_met", made["meets"].sum(), len(made), people))
    return _indicators(rows)


def review_indicators(
    reviews: pd.DataFrame, officers: pd.DataFrame, leaves: pd.DataFrame | None, waves: list[Wave]
) -> pd.DataFrame:
    """Return `reviews_recorded`, of officers due for one, and `reviews_held`, of those of whom there is a record.

    Due is who had `DAYS_FOR_A_REVIEW` days of duty in the wave: not new hires, nor who was long on leave.
    """
    by_wave = reviews.assign(wave=wave_of(reviews["date"], waves))
    held = by_wave.assign(held=by_wave["done"] == "yes").groupby(["wave", "officer_key"])["held"].any()
    rows = []
    for wave in waves:
        days = duty_days(officers, leaves, wave.start, wave.end)
        due = days.index[days >= DAYS_FOR_A_REVIEW]
        known = held.loc[wave.id] if wave.id in held.index.get_level_values("wave") else pd.Series(dtype=bool)
        known = known[known.index.isin(due)]
        rows.append((wave.id, "reviews_recorded", len(known), len(due), len(due)))
        rows.append((wave.id, "reviews_held", int(known.sum()), len(known), len(known)))
    return _indicators(rows)


def coaching_indicators(coaching: pd.DataFrame, officers: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return the coaching of each wave: opened, of it to another post, still open, and looked at again in time.

    `coaching_rechecked_in_time` is of the records that were to be looked at again by a day of the wave: closed by that
    day. Open ones count, as not in time. `people` counts the officers in service in the wave for numbers of records,
    and the officers concerned for the share.
    """
    opened = wave_of(coaching["opened_on"], waves)
    due = wave_of(coaching["recheck_due"], waves)
    in_time = coaching["closed_on"].notna() & (coaching["closed_on"] <= coaching["recheck_due"])
    rows = []
    for wave in waves:
        end = pd.Timestamp(wave.end)
        still = (coaching["opened_on"] <= end) & (coaching["closed_on"].isna() | (coaching["closed_on"] > end))
        served = int((duty_days(officers, None, wave.start, wave.end) > 0).sum())
        begun = opened == wave.id
        moved = begun & (coaching["stage"] == REASSIGNMENT)
        for measure, which in zip(COUNTED, (begun, still, moved), strict=True):
            rows.append((wave.id, measure, int(which.fillna(False).sum()), served, served))
        again = (due == wave.id).fillna(False).astype(bool)
        people = coaching.loc[again, "officer_key"].nunique()
        rows.append((wave.id, "coaching_rechecked_in_time", int((again & in_time).sum()), int(again.sum()), people))
    return _indicators(rows)


def coaching_times(coaching: pd.DataFrame, until: Wave) -> pd.DataFrame:
    """Return how long coaching goes on: `stage`, `duration` in days, `observed` where it was closed.

    Open records last to the last day of `until`; records that begin later are left out.
    """
    end = pd.Timestamp(until.end)
    begun = coaching[coaching["opened_on"] <= end]
    observed = begun["closed_on"].notna() & (begun["closed_on"] <= end)
    duration = (begun["closed_on"].where(observed, end) - begun["opened_on"]).dt.days
    return begun[["stage"]].assign(duration=duration, observed=observed.astype(bool)).reset_index(drop=True)


def retention(officers: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return `officers_retained`: of the officers in service on a wave's first day, the share who are on its last."""
    rows = []
    for wave in waves:
        start, end = pd.Timestamp(wave.start), pd.Timestamp(wave.end)
        first = officers[(officers["start_date"] <= start) & ~(officers["end_date"] < start)]
        stayed = ~(first["end_date"] < end)
        rows.append((wave.id, "officers_retained", int(stayed.sum()), len(first), len(first)))
    return _indicators(rows)


def officers_serving(officers: pd.DataFrame, waves: list[Wave]) -> dict[str, int]:
    """Return how many officers were in service on any day of each wave."""
    return {wave.id: int((duty_days(officers, None, wave.start, wave.end) > 0).sum()) for wave in waves}


def in_service(officers: pd.DataFrame, wave: Wave) -> pd.DataFrame:
    """Return the officers in service on a wave's last day."""
    end = pd.Timestamp(wave.end)
    return officers[(officers["start_date"] <= end) & ~(officers["end_date"] < end)]


def _indicators(rows: Sequence[tuple[object, ...]], units: Mapping[str, str] = COUNTED) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["wave", "measure", "numerator", "denominator", "people"])
    share = table["numerator"] / table["denominator"].where(table["denominator"] > 0)
    value = share.mask(table["measure"].isin(list(units)), table["numerator"])
    unit = table["measure"].map(units).fillna("share")
    return table.assign(school_id="", population="officer", value=value.astype("Float64"), unit=unit)
