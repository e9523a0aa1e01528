"""What became of calls for an officer, and whether it fits what their contacts came to.

    calls   = returned + handled + open + not_recorded
    handled = resolved + referred + diverted + charged

A returned call is one that the school's staff took back; a charge is a citation or an arrest. Programs publish these
numbers by the month (Davenport, Iowa, in 2021: 147 calls = 97 handled + 50 returned; 97 = 89 resolved + 5 diverted
+ 3 charged). Parts add up to all calls only with what is open and what nobody recorded; these are in no share. Few
charges may mean that little happened, or that little was written down.
"""

from __future__ import annotations

import pandas as pd

from sro_research.measures.cases import KEYS, begun_in, findings, over_schools, shares
from sro_research.measures.contacts import steps
from sro_research.parameters import Wave
from sro_research.schemas.operations import CHARGED, DIVERTED, OPEN, REFERRED, RESOLVED, RETURNED

HANDLED = (RESOLVED, REFERRED, DIVERTED, CHARGED)
NOT_RECORDED = "not_recorded"
FUNNEL = ["calls", "returned", "handled", *HANDLED, OPEN, NOT_RECORDED]
PARTS = [
    ("all calls", "", ""),
    ("", "returned", ""),
    ("", "handled", ""),
    *(("", "", part) for part in HANDLED),
    ("", "open", ""),
    ("", "not recorded", ""),
]
"""`FUNNEL` as rows of a table: parts stand one level below the whole that they add up to."""
CAME_TO = {RETURNED: 0, RESOLVED: 0, REFERRED: 1, DIVERTED: 2, CHARGED: 3}
"""How far a call went by its disposition. One that was referred and then diverted or charged went further."""


def call_funnel(calls: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Count what became of the calls of each school and wave, and of the district (`school_id` blank).

    Returns `school_id`, `wave` and a whole number for each of `FUNNEL`. A school of the roster without a call has
    zeros; in a wave without any call nothing is known.
    """
    begun = begun_in(calls, "received_at", waves)
    said = begun["disposition"].fillna(NOT_RECORDED)
    parts = {"calls": said.notna(), "returned": said == RETURNED, "handled": said.isin(HANDLED)}
    parts |= {name: said == name for name in (*HANDLED, OPEN, NOT_RECORDED)}
    marked = begun[KEYS].assign(**{name: part.astype("Int64") for name, part in parts.items()})
    table = over_schools(marked, schools, lambda rows: rows[FUNNEL].sum())
    table[FUNNEL] = table[FUNNEL].astype("Int64").fillna(0).where(table["wave"].isin(begun["wave"]))
    return table[[*KEYS, *FUNNEL]]


def call_indicators(calls: pd.DataFrame, schools: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Return which share of calls was given back, and which of those handled was diverted or charged, as indicators.

    `calls_returned_share` is of decided calls, returned or handled; `calls_diverted_share` and `calls_charged_share`
    are of those handled. By school, wave and for the district; `cases` counts calls.
    """
    begun = begun_in(calls, "received_at", waves)
    said = begun["disposition"]
    handled = said.isin(HANDLED)
    returned = said.eq(RETURNED).astype("boolean").where(handled | said.eq(RETURNED).fillna(False))
    diverted, charged = (said.eq(name).astype("boolean").where(handled) for name in (DIVERTED, CHARGED))
    tables = [
        shares(begun, returned, schools, measure="calls_returned_share"),
        shares(begun, diverted, schools, measure="calls_diverted_share"),
        shares(begun, charged, schools, measure="calls_charged_share"),
    ]
    return pd.concat(tables, ignore_index=True)


def contacts_of_calls(calls: pd.DataFrame, contacts: pd.DataFrame, waves: list[Wave]) -> pd.DataFrame:
    """Count what the contacts that arose from calls came to, beside what became of their call.

    Returns `wave` (the contact's), `disposition`, `outcome` and `contacts`; what was not recorded is `not_recorded`.
    """
    both = begun_in(contacts[["call_id", "date", "outcome"]], "date", waves)
    both = both.merge(calls[["call_id", "disposition"]], on="call_id")
    recorded = both.fillna({"disposition": NOT_RECORDED, "outcome": NOT_RECORDED})
    return recorded.groupby(["wave", "disposition", "outcome"]).size().rename("contacts").reset_index()


def call_findings(calls: pd.DataFrame, contacts: pd.DataFrame | None) -> pd.DataFrame:
    """Return where calls and contacts do not fit together, as `finding`, `rows`, `explanation`.

    What a log does not record is not looked for: contacts without a call, calls without a disposition.
    """
    if contacts is None or not _records(contacts, "call_id"):
        return findings({})
    own = calls[["call_id", "school_id", "received_at"]].rename(columns={"school_id": "school_of_call"})
    named = contacts[["call_id", "school_id", "date"]].merge(own, on="call_id", how="left")
    known = named["received_at"].notna()
    elsewhere = (named["school_id"] != named["school_of_call"]) | (
        named["date"].dt.normalize() != named["received_at"].dt.normalize()
    )
    found = {
        "contact_of_unknown_call": (
            named["call_id"].notna() & ~known,
            "Contacts that name a call which is not on the list of calls; they count as contacts, and for no call.",
        ),
        "contact_unlike_its_call": (
            known & elsewhere.fillna(False),
            "Contacts at another school or on another day than the call that they name, a later contact perhaps.",
        ),
    }
    return findings(found | (_against_contacts(calls, contacts) if _records(calls, "disposition") else {}))


def _records(table: pd.DataFrame, column: str) -> bool:
    return column in table and bool(table[column].notna().any())


def _against_contacts(calls: pd.DataFrame, contacts: pd.DataFrame) -> dict[str, tuple[pd.Series, str]]:
    """Mark calls whose contacts came to more, or to less, than their disposition says."""
    are = steps(contacts)
    reached = are["referral"].astype("int64").mask(are["diversion"], CAME_TO[DIVERTED])
    reached = reached.mask(are["arrest"] | are["citation"], CAME_TO[CHARGED])
    undecided = contacts["outcome"].isna() | contacts["outcome"].eq(OPEN)
    of_call = pd.DataFrame({"call_id": contacts["call_id"], "most": reached, "undecided": undecided.astype(bool)})
    of_call = of_call.groupby("call_id").max().reset_index()
    both = calls[["call_id", "disposition"]].merge(of_call, on="call_id")
    said = both["disposition"].map(CAME_TO)
    return {
        "contacts_came_to_more": (
            both["most"] > said,
            "Calls of which a contact came to more than the call says, such as an arrest where it says resolved; "
            "perhaps it was decided later.",
        ),
        "contacts_came_to_less": (
            (both["most"] < said) & ~both["undecided"].astype(bool),
            "Calls that say referred, diverted or charged, of which no contact came to that; perhaps it was logged "
            "without naming the call.",
        ),
    }
