"""Cases about people, counted for the whole district: each total by wave, and parts that add up to it.

Every case of a wave is in each breakdown once, also where something was not recorded. A case belongs to the wave in
whose period it began, and stands as it was on the day of export.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from sro_research.measures.cases import begun_in, happened
from sro_research.measures.contact_groups import recorded_questions
from sro_research.measures.contacts import logged_waves, steps
from sro_research.parameters import Wave
from sro_research.schemas import NO, YES
from sro_research.schemas.contacts import NOT_CLASSED

COLUMNS = ["measure", "group_by", "group", "wave", "count", "schools"]
GROUP = ["wave", "group_by", "group"]
NOT_RECORDED = "not_recorded"
EVENTS = {"exclusion": "students_excluded", "referral": "students_referred", "arrest": "students_arrested"}
"""Events of the discipline records, and what their students are counted as."""


def counted_cases(
    tables: Mapping[str, pd.DataFrame], waves: list[Wave], *, as_of: dt.date, questions: Sequence[str]
) -> pd.DataFrame:
    """Count the cases of the records that are in `tables`, by their kind; return the columns of `COLUMNS`.

    `group_by` and `group` are blank in a total. Contacts are also counted by those background `questions` of students
    that their log answers, if it is known who is enrolled: `students_counted`, and at how many `schools` each group is.
    A count is missing where it is not known: of cases in a wave without any of their kind, whose list was perhaps not
    kept then, and of students disciplined where one school did not tell. Calls whose log never says what became of them
    are not counted here.
    """
    made = []
    if "contacts" in tables:
        asked = recorded_questions(tables["contacts"], questions) if "enrollment" in tables else []
        made += _contacts(tables["contacts"], waves, asked)
        made += [_enrolled(tables["enrollment"], tables["schools"], asked)] if asked else []
    for kind, (day, parts) in CASES.items():
        if kind not in tables or not (broken_down := parts(begun := begun_in(tables[kind], day, waves), as_of)):
            continue
        logged = [wave.id for wave in waves if (begun["wave"] == wave.id).any()]
        made += [
            _counts(begun, broken_down, f"{kind}_counted", logged),
            _not_logged(f"{kind}_counted", waves, logged),
        ]
    if "discipline" in tables:
        made.append(_discipline(tables["discipline"], tables["schools"]))
    return pd.concat([pd.DataFrame(columns=COLUMNS), *made], ignore_index=True).astype(
        {"count": "Int64", "schools": "Int64"}
    )


def _contacts(contacts: pd.DataFrame, waves: list[Wave], questions: Sequence[str]) -> list[pd.DataFrame]:
    begun, logged = begun_in(contacts, "date", waves), logged_waves(contacts, waves)
    parts = {
        "outcome": begun["outcome"],
        "reason": begun["reason"].fillna(NOT_CLASSED),
        "called_by": begun["called_by"],
        **{question: begun[question] for question in questions},
    }
    searches = begun[steps(begun)["search"]].reset_index(drop=True)
    known = _counts(begun, parts, "contacts_counted", logged)
    # A question that no contact of a wave answers was not asked then.
    by_question = known["group_by"].isin(list(questions))
    told = (by_question & (known["group"] != NOT_RECORDED)).groupby([known["wave"], known["group_by"]]).transform("any")
    known = known[~by_question | told]
    searched = _counts(searches, {"found": searches["found"]}, "searches_counted", logged)
    not_logged = [_not_logged(measure, waves, logged) for measure in ("contacts_counted", "searches_counted")]
    return [known, searched, *not_logged]


def _enrolled(enrollment: pd.DataFrame, schools: pd.DataFrame, questions: Sequence[str]) -> pd.DataFrame:
    """Add up the students of each group; missing in a wave in which a school did not tell them."""
    asked = enrollment[enrollment["group_by"].isin(list(questions))]
    sums = asked.groupby(GROUP)["people"].sum().rename("count").reset_index()
    told = asked.drop_duplicates(["wave", "group_by", "school_id"]).groupby(["wave", "group_by"]).size()
    places = pd.MultiIndex.from_frame(sums[["wave", "group_by"]])
    whole = told.reindex(places).to_numpy() >= sums["wave"].map(schools.groupby("wave").size()).to_numpy()
    at = asked[asked["people"] > 0].groupby(GROUP).size().reindex(pd.MultiIndex.from_frame(sums[GROUP]))
    count = sums["count"].astype("Int64").where(whole)
    return sums.assign(measure="students_counted", count=count, schools=at.fillna(0).to_numpy())[COLUMNS]


def _calls(begun: pd.DataFrame, _: dt.date) -> dict[str, pd.Series]:
    return {"disposition": begun["disposition"]} if begun["disposition"].notna().any() else {}


def _complaints(begun: pd.DataFrame, as_of: dt.date) -> dict[str, pd.Series]:
    disposed = happened(begun, "disposed_on", as_of=as_of).fillna(False)
    return {"finding": begun["finding"].where(disposed, "open"), "channel": begun["channel"]}


def _tips(begun: pd.DataFrame, as_of: dt.date) -> dict[str, pd.Series]:
    acted, closed = (happened(begun, day, as_of=as_of).fillna(False) for day in ("first_action_on", "closed_on"))
    state = pd.Series("waiting", index=begun.index, dtype="string")
    return {"state": state.mask(acted, "acted_on").mask(closed, "closed")}


def _assessments(begun: pd.DataFrame, as_of: dt.date) -> dict[str, pd.Series]:
    met = happened(begun, "met_on", as_of=as_of).fillna(False)
    present = begun["officer_present"].map({YES: "present", NO: "not_present"}).astype("string")
    return {"officer": present.where(met, "not_met")}


def _restorative(begun: pd.DataFrame, as_of: dt.date) -> dict[str, pd.Series]:
    held = happened(begun, "held_on", as_of=as_of).fillna(False)
    completed = begun["agreement_completed"].map({YES: "completed", NO: "not_completed"}).astype("string")
    return {"session": completed.where(held, "not_held")}


def _sharing(begun: pd.DataFrame, _: dt.date) -> dict[str, pd.Series]:
    return {"legal_basis": begun["legal_basis"]}


CASES: dict[str, tuple[str, Callable[[pd.DataFrame, dt.date], dict[str, pd.Series]]]] = {
    "calls": ("received_at", _calls),
    "complaints": ("received_on", _complaints),
    "tips": ("received_on", _tips),
    "threat_assessments": ("opened_on", _assessments),
    "restorative": ("referred_on", _restorative),
    "information_sharing": ("date", _sharing),
}
"""By kind of record: the day on which a case begins, and what each case is in each breakdown; nothing where the log
says it of no case."""


def _discipline(discipline: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Add up students over schools; missing where one that is on the roster did not tell."""
    roster = schools[["school_id", "wave"]].merge(pd.DataFrame({"event": list(EVENTS)}), how="cross")
    told = roster.merge(discipline, on=["school_id", "wave", "event"], how="left")
    sums = told.groupby(["wave", "event"])["students"].agg(lambda students: students.sum(skipna=False)).reset_index()
    measure = sums["event"].map(EVENTS) + "_counted"
    return sums.assign(measure=measure, group_by="", group="", count=sums["students"], schools=pd.NA)[COLUMNS]


def _counts(cases: pd.DataFrame, parts: Mapping[str, pd.Series], measure: str, waves: Sequence[str]) -> pd.DataFrame:
    """Count cases of `waves` in all and by each of `parts`, which has a value or nothing for every case."""
    total = cases["wave"].value_counts().reindex(list(waves), fill_value=0)
    rows = [(measure, "", "", wave, count) for wave, count in total.items()]
    for by, values in parts.items():
        groups = values.astype("string").fillna(NOT_RECORDED)
        counts = pd.DataFrame({"wave": cases["wave"], "group": groups}).value_counts()
        rows += [(measure, by, group, wave, count) for (wave, group), count in counts.items()]
    return _rows(rows)


def _not_logged(measure: str, waves: list[Wave], logged: Sequence[str]) -> pd.DataFrame:
    return _rows([(measure, "", "", wave.id, pd.NA) for wave in waves if wave.id not in logged])


def _rows(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS[:-1])
