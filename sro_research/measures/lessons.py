"""The register of lessons: which drills and emergencies taught one, and which lessons are in use."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sro_research.measures.cases import backwards, begun_in, findings, finished, happened, later, outside, shares
from sro_research.parameters import Wave


def events(drills: pd.DataFrame | None, emergencies: pd.DataFrame | None) -> pd.DataFrame:
    """Return drills and emergencies, as far as provided, as one table: `event_id`, `school_id`, `date`, `event`."""
    tables = [
        table.rename(columns={key: "event_id"})[["event_id", "school_id", "date"]].assign(event=event)
        for table, key, event in ((drills, "drill_id", "drill"), (emergencies, "emergency_id", "emergency"))
        if table is not None
    ]
    columns = {"event_id": "string", "school_id": "string", "date": "datetime64[ns]", "event": "string"}
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
    return pd.concat(tables, ignore_index=True).astype({"event": "string"}) if tables else empty


def lesson_indicators(
    lessons: pd.DataFrame, events: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave], *, as_of: dt.date
) -> pd.DataFrame:
    """Return `events_with_lesson_share`, also by event, by school; and `lessons_in_use_share`, for the district only.

    The first: of drills and emergencies of a wave, those from which a lesson is noted by the day of export. The second:
    of lessons noted in a wave, those in use by then.
    """
    begun = begun_in(events, "date", waves)
    by_now = lessons[lessons["noted_on"] <= pd.Timestamp(as_of)]
    taught = begun["event_id"].isin(by_now["learned_from"].dropna()).astype("boolean")
    noted = begun_in(lessons, "noted_on", waves).assign(school_id="")
    table = noted.assign(numerator=happened(noted, "in_use_on", as_of=as_of).astype("Int64"), denominator=1)
    sums = table.groupby("wave")[["numerator", "denominator"]].sum().reindex([wave.id for wave in waves], fill_value=0)
    value = sums["numerator"] / sums["denominator"].where(sums["denominator"] > 0)
    in_use = sums.assign(value=value, cases=sums["denominator"]).rename_axis("wave").reset_index()
    return pd.concat(
        [
            shares(begun, taught, schools, measure="events_with_lesson_share"),
            shares(begun, taught, schools, measure="events_with_lesson_share", by="event"),
            finished(in_use.assign(school_id="", group_by="", group=""), measure="lessons_in_use_share", unit="share"),
        ],
        ignore_index=True,
    )


def lesson_findings(lessons: pd.DataFrame, events: pd.DataFrame, waves: list[Wave], *, as_of: dt.date) -> pd.DataFrame:
    """Return what does not fit in the register, as `finding`, `rows`, `explanation`."""
    linked = lessons["learned_from"]
    known = events.drop_duplicates("event_id").set_index("event_id")["date"]
    day = known.reindex(linked).set_axis(linked.index)
    return findings(
        {
            "lessons_outside_waves": (
                outside(lessons, "noted_on", waves),
                "Lessons noted on a day that belongs to no wave's period; they are not counted by wave.",
            ),
            "lessons_from_elsewhere": (
                linked.isna(),
                "Lessons that are linked to no drill and no emergency.",
            ),
            "lessons_from_unknown_events": (
                linked.notna() & ~linked.isin(events["event_id"]),
                "Lessons that are linked to a drill or an emergency that is in neither list.",
            ),
            "lessons_before_their_event": (
                (lessons["noted_on"] < day).fillna(False),
                "Lessons that were noted before the drill or emergency that taught them.",
            ),
            "lessons_in_use_before_noted": (
                backwards(lessons, "noted_on", "in_use_on"),
                "Lessons that were in use before they were noted; they count as in use.",
            ),
            "lessons_dated_later": (
                later(lessons, ["noted_on", "in_use_on"], as_of=as_of),
                "Lessons with a day after the day of export; what is dated later has not happened yet.",
            ),
        }
    )
