"""What in the contact log does not fit together, counted and explained. A finding asks for a look, no more."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sro_research.measures.cases import findings
from sro_research.measures.contact_groups import never_recorded
from sro_research.measures.contacts import counted_steps, logged_waves, steps
from sro_research.measures.outreach import wave_of
from sro_research.parameters import Wave
from sro_research.schemas.contacts import NOT_CLASSED

AGREES = {
    "referral": ("referred", "diverted", "cited", "arrested"),
    "citation": ("cited",),
    "arrest": ("arrested",),
    "diversion": ("diverted",),
}
"""Outcomes that fit a kind of contact that is itself one; an open case fits all of them."""
EXPLAINED = {
    "contact_outside_waves": "Contacts on a day that belongs to no wave's period; they are in no count.",
    "wave_without_contacts": "Waves in which the log holds no contact of any school; "
    "their counts are taken as not known, not as zero.",
    "outcome_not_recorded": "Contacts without an outcome: the outcomes add up to all contacts only with these.",
    "outcome_contradicts_kind": "Contacts logged as a referral, citation, arrest or diversion whose outcome is another "
    "one; each is counted at every step that its kind or its outcome names.",
    "search_without_basis": "Searches without a recorded basis; they are counted as searches.",
    "search_without_result": "Searches that do not say whether anything was found; no hit rate counts them.",
    "result_without_search": "Contacts that say whether anything was found although no search is recorded; "
    "they are not counted as searches.",
    "second_class_alone": "Contacts that only the second person classed; kappa does not count them.",
    "officer_not_assigned": "Contacts by an officer who was not assigned to that school on that day, "
    "a substitute perhaps; they count for the school.",
    "officer_not_recorded": "Contacts without an officer; analyses by officer leave them out.",
    "school_not_on_roster": "Contacts at a school that the roster does not have in that wave; "
    "they are in no rate and no share, but in the outcomes, the trend and kappa of the district.",
    "fewer_arrests_than_students_arrested": "School-waves where more students were arrested by the discipline records "
    "than the contact log has arrests: others made them, or one of the two is not complete.",
    "fewer_referrals_than_students_referred": "School-waves where more students were referred to law enforcement by "
    "the discipline records than the contact log has referrals: others made them, or one of the two is not complete.",
    "arrests_without_students_arrested": "School-waves where the contact log has arrests and the discipline records "
    "say that no student was arrested: one of the two is not complete, or they mean different things.",
    "group_not_recorded": "Contacts in which at least one of the student's groups is blank; "
    "comparisons by that question leave them out.",
    "groups_never_recorded": "Schools and waves with contacts that all leave the same group question blank; "
    "their groups have no counts for that question, not zeros.",
    "group_without_students": "Groups of a school and wave that have contacts but no students on record; "
    "they have no rate.",
}
"""Each finding, and the sentence that explains it."""


def contact_findings(
    contacts: pd.DataFrame,
    schools: pd.DataFrame,
    waves: Sequence[Wave],
    *,
    questions: Sequence[str] = (),
    assignments: pd.DataFrame | None = None,
    discipline: pd.DataFrame | None = None,
    groups: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return `finding`, `rows` and `explanation` for all that was looked for, zeros too.

    `groups` are `contact_groups.group_counts`. What is not provided is not looked at.
    """
    counts = _in_the_log(contacts, questions) | _against_time_and_place(contacts, schools, waves)
    if assignments is not None:
        counts["officer_not_assigned"] = _not_assigned(contacts, assignments)
    if discipline is not None:
        step_counts = counted_steps(contacts, schools, waves)
        counts["fewer_arrests_than_students_arrested"] = _fewer(step_counts, discipline, "arrest")
        counts["fewer_referrals_than_students_referred"] = _fewer(step_counts, discipline, "referral")
        counts["arrests_without_students_arrested"] = _without(step_counts, discipline, "arrest")
    if questions:
        counts["groups_never_recorded"] = len(never_recorded(contacts, waves, questions=questions))
    if groups is not None:
        without = groups["people"].isna() | (groups["people"] == 0)
        counts["group_without_students"] = int((without & (groups["contact"] > 0)).sum())
    return findings({name: (counts[name], said) for name, said in EXPLAINED.items() if name in counts})


def _in_the_log(contacts: pd.DataFrame, questions: Sequence[str]) -> dict[str, int]:
    made, outcome = steps(contacts), contacts["outcome"]
    fits = pd.Series(True, index=contacts.index)
    for kind, outcomes in AGREES.items():
        fits &= contacts["kind"].ne(kind) | outcome.isna() | outcome.isin([*outcomes, "open"])
    second = contacts["second_reason"].notna() & contacts["second_reason"].ne(NOT_CLASSED)
    return {
        "outcome_not_recorded": int(outcome.isna().sum()),
        "outcome_contradicts_kind": int((~fits).sum()),
        "search_without_basis": int((made["search"] & contacts["basis"].isna()).sum()),
        "search_without_result": int((made["search"] & ~made["result"]).sum()),
        "result_without_search": int((contacts["found"].notna() & ~made["search"]).sum()),
        "second_class_alone": int((second & ~made["classed"]).sum()),
        "officer_not_recorded": int(contacts["officer_key"].isna().sum()),
    } | ({"group_not_recorded": int(contacts[list(questions)].isna().any(axis=1).sum())} if questions else {})


def _against_time_and_place(contacts: pd.DataFrame, schools: pd.DataFrame, waves: Sequence[Wave]) -> dict[str, int]:
    wave = wave_of(contacts["date"], list(waves))
    roster = set(zip(schools["school_id"], schools["wave"], strict=True))
    places = zip(contacts["school_id"], wave, strict=True)
    return {
        "contact_outside_waves": int(wave.isna().sum()),
        "wave_without_contacts": len(waves) - len(logged_waves(contacts, waves)),
        "school_not_on_roster": sum(pd.notna(w) and (school, w) not in roster for school, w in places),
    }


def _not_assigned(contacts: pd.DataFrame, assignments: pd.DataFrame) -> int:
    known = contacts.loc[contacts["officer_key"].notna(), ["contact_id", "officer_key", "school_id", "date"]]
    posts = known.merge(assignments, on=["officer_key", "school_id"])
    there = (posts["from_date"] <= posts["date"]) & (posts["to_date"].isna() | (posts["to_date"] >= posts["date"]))
    return len(known) - int(posts.loc[there, "contact_id"].nunique())


def _without(counts: pd.DataFrame, discipline: pd.DataFrame, event: str) -> int:
    """Count school-waves with contacts at a step and no student to whom the event happened."""
    none = discipline.loc[(discipline["event"] == event) & (discipline["students"] == 0), ["school_id", "wave"]]
    return int((counts.merge(none, on=["school_id", "wave"])[event] > 0).sum())


def _fewer(counts: pd.DataFrame, discipline: pd.DataFrame, event: str) -> int:
    """Count school-waves with fewer contacts at a step than students to whom the event happened."""
    students = discipline.loc[discipline["event"] == event, ["school_id", "wave", "students"]]
    both = counts[["school_id", "wave", event]].merge(students, on=["school_id", "wave"])
    return int((both[event] < both["students"]).sum())
