"""What became of the calls of a made-up district, and which contacts arose from them, with what is planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sro_research.parameters import Wave
from sro_research.schemas.operations import CHARGED, DIVERTED, OPEN, REFERRED, RESOLVED, RETURNED

TIMES = ["received_at", "dispatched_at", "arrived_at", "cleared_at"]
MILD = (RETURNED, RESOLVED)
BY_LEVEL = (RESOLVED, REFERRED, DIVERTED, CHARGED)
CAME_TO = {
    "referral": 1,
    "referred": 1,
    "diversion": 2,
    "diverted": 2,
    "citation": 3,
    "cited": 3,
    "arrest": 3,
    "arrested": 3,
}
"""How far a contact went, by its kind or its outcome; not at all, where it is not said here."""
EVENT = ["school_id", "wave", "date"]
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class CallTruth:
    """What is planted."""

    returned: float = 0.35
    """Share of calls without a contact that were given back, of those decided."""
    open_share: float = 0.04
    """Of calls without a contact."""
    blank: float = 0.04
    """Share of dispositions that nobody recorded."""
    flaws: dict[str, int] = field(
        default_factory=lambda: {
            "contact_of_unknown_call": 2,
            "contact_unlike_its_call": 3,
            "contacts_came_to_more": 2,
            "contacts_came_to_less": 2,
        }
    )
    """Findings of `measures/call_outcomes`, and how many of each were planted, as far as the district has so many."""


def make_call_outcomes(
    calls: pd.DataFrame,
    contacts: pd.DataFrame | None,
    waves: Sequence[Wave],
    rng: np.random.Generator,
    truth: CallTruth | None = None,
) -> dict[str, pd.DataFrame]:
    """Return `calls` with dispositions and, if there are any, `contacts` with their calls, by name.

    Contacts that somebody called for, at one school on one day, are an event. Each event gets a call of its school and
    wave, which is moved to its day, times of day and all; where no call is left, none is named.
    """
    truth = truth or CallTruth()
    calls = calls.assign(disposition=_without_contacts(len(calls), truth, rng))
    if contacts is None:
        return {"calls": calls}
    events = _events(contacts, waves)
    events["call_id"] = _own_calls(events, calls, waves, rng)
    linked = events.dropna(subset=["call_id"])
    calls = _moved(calls, linked.set_index("call_id")["date"])
    said = linked.set_index("call_id")["disposition"].mask(rng.random(len(linked)) < truth.blank)
    of_event = calls["call_id"].isin(said.index)
    calls["disposition"] = calls["disposition"].mask(of_event, calls["call_id"].map(said))
    own = contacts[["contact_id", "school_id", "date"]][_called_for(contacts)]
    own = own.merge(linked[["school_id", "date", "call_id"]], on=["school_id", "date"])
    contacts = contacts.assign(call_id=contacts["contact_id"].map(own.set_index("contact_id")["call_id"]))
    calls, contacts = _with_flaws(calls, contacts.astype({"call_id": "string"}), truth)
    return {"calls": calls.astype({"disposition": "string"}), "contacts": contacts}


def _without_contacts(count: int, truth: CallTruth, rng: np.random.Generator) -> pd.Series:
    made = np.where(rng.random(count) < truth.returned, RETURNED, RESOLVED)
    made = np.where(rng.random(count) < truth.open_share, OPEN, made)
    return pd.Series(made, dtype="string").mask(rng.random(count) < truth.blank)


def _called_for(contacts: pd.DataFrame) -> pd.Series:
    return contacts["called_by"].notna() & contacts["called_by"].ne("officer_initiated").fillna(False)


def _level(contacts: pd.DataFrame) -> pd.Series:
    parts = [contacts[column].map(CAME_TO).fillna(0).astype(int) for column in ("kind", "outcome")]
    return pd.concat(parts, axis=1).max(axis=1)


def _wave(days: pd.Series, waves: Sequence[Wave]) -> pd.Series:
    found = pd.Series(pd.NA, index=days.index, dtype="string")
    for wave in waves:
        found = found.mask(days.between(pd.Timestamp(wave.start), pd.Timestamp(wave.end)), wave.id)
    return found


def _events(contacts: pd.DataFrame, waves: Sequence[Wave]) -> pd.DataFrame:
    """Return `EVENT` and the `disposition` that fits its contacts: the most that any of them came to."""
    rows = contacts[_called_for(contacts)]
    rows = rows.assign(
        wave=_wave(rows["date"], waves),
        level=_level(rows),
        open=rows["outcome"].eq("open").fillna(False),
        returned=rows["outcome"].eq("returned_to_school").fillna(False),
    ).dropna(subset=["wave"])
    events = rows.groupby(EVENT).agg(level=("level", "max"), open=("open", "max"), returned=("returned", "min"))
    events = events.reset_index()
    mild = events["level"] == 0
    said = events["level"].map(dict(enumerate(BY_LEVEL))).astype("string")
    said = said.mask(mild & events["returned"].astype(bool), RETURNED).mask(mild & events["open"].astype(bool), OPEN)
    return events.assign(disposition=said)


def _own_calls(events: pd.DataFrame, calls: pd.DataFrame, waves: Sequence[Wave], rng: np.random.Generator) -> pd.Series:
    """Return a call for each event, of its school and wave, at random; missing where none is left.

    What the officer came upon is no call that anybody made.
    """
    received = pd.to_datetime(calls["received_at"], format=_TIME)
    free = calls[["call_id", "school_id"]].assign(wave=_wave(received.dt.normalize(), waves))
    free = free[calls["source"] != "officer"].dropna(subset=["wave"])
    place = ["school_id", "wave"]
    free = free.iloc[rng.permutation(len(free))]
    free = free.assign(turn=free.groupby(place).cumcount())
    turn = events.iloc[rng.permutation(len(events))].groupby(place).cumcount()
    asked = events[place].astype("string").assign(turn=turn)
    return asked.merge(free.astype(dict.fromkeys(place, "string")), on=[*place, "turn"], how="left")["call_id"]


def _moved(calls: pd.DataFrame, day: pd.Series) -> pd.DataFrame:
    """Move calls to the days of their events; all times of a call by the same number of days."""
    times = {name: pd.to_datetime(calls[name], format=_TIME) for name in TIMES}
    own = pd.Series(day.reindex(calls["call_id"]).to_numpy(dtype="datetime64[ns]"), index=calls.index)
    shift = (own - times["received_at"].dt.normalize()).fillna(pd.Timedelta(0))
    return calls.assign(**{name: (time + shift).dt.strftime(_TIME) for name, time in times.items()})


def _with_flaws(calls: pd.DataFrame, contacts: pd.DataFrame, truth: CallTruth) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Plant what the findings are to find, in calls of one contact, so that none makes another."""
    calls, contacts = calls.copy(), contacts.copy()
    said = calls.set_index("call_id")["disposition"]
    alone = contacts[contacts["call_id"].notna() & ~contacts["call_id"].duplicated(keep=False)]
    alone = alone.assign(level=_level(alone), said=alone["call_id"].map(said))
    decided = alone["outcome"].notna() & alone["outcome"].ne("open")
    mild = list(alone.index[(alone["level"] == 0) & decided & alone["said"].isin(MILD)])
    grave = list(alone.index[(alone["level"] > 0) & alone["said"].notna()])
    unknown, elsewhere, less = (
        [mild.pop() for _ in range(min(truth.flaws[name], len(mild)))]
        for name in ("contact_of_unknown_call", "contact_unlike_its_call", "contacts_came_to_less")
    )
    more = grave[: truth.flaws["contacts_came_to_more"]]
    calls.loc[calls["call_id"].isin(contacts.loc[less, "call_id"]), "disposition"] = REFERRED
    calls.loc[calls["call_id"].isin(contacts.loc[more, "call_id"]), "disposition"] = RESOLVED
    contacts.loc[unknown, "call_id"] = [f"K{number:06d}" for number in range(1, len(unknown) + 1)]
    unnamed = calls[calls["disposition"].isin(MILD) & (calls["source"] != "officer")]
    for row in elsewhere:
        others = unnamed.loc[unnamed["school_id"] != contacts.loc[row, "school_id"], "call_id"]
        others = others[~others.isin(contacts["call_id"])]
        contacts.loc[row, "call_id"] = others.iloc[0] if len(others) else pd.NA
    return calls, contacts
