"""Cases counted for the district: each once in every breakdown, open ones too, and what is not known is missing."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from conftest import Run

from sro_research.measures.case_counts import CASES, counted_cases
from sro_research.parameters import Wave
from sro_research.study import open_study

LABEL = {"en": "x", "es": "x"}
WAVES = [
    Wave(id="2025", label=LABEL, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
    Wave(id="2026", label=LABEL, start=dt.date(2025, 8, 1), end=dt.date(2026, 6, 30)),
]
AS_OF = dt.date(2026, 6, 30)
SCHOOLS = pd.DataFrame(
    [(s, w, 400) for s in ("0001", "0002") for w in ("2025", "2026")], columns=["school_id", "wave", "students"]
).astype({"school_id": "string", "wave": "string"})


def day(text: str | None) -> pd.Timestamp:
    return pd.NaT if text is None else pd.Timestamp(text)


def counted(
    tables: dict[str, pd.DataFrame], questions: tuple[str, ...] = ()
) -> dict[tuple[str, str, str, str], int | None]:
    rows = counted_cases({"schools": SCHOOLS, **tables}, WAVES, as_of=AS_OF, questions=questions)
    assert not rows.duplicated(["measure", "group_by", "group", "wave"]).any()
    *keys, counts = (rows[column] for column in ("measure", "group_by", "group", "wave", "count"))
    return {key: None if pd.isna(n) else int(n) for key, n in zip(zip(*keys, strict=True), counts, strict=True)}


def contacts(*rows: dict[str, object]) -> pd.DataFrame:
    usual = {
        "school_id": "0001",
        "officer_key": "a",
        "date": "2026-01-15",
        "kind": "stop",
        "reason": "safety_or_criminal",
    }
    blank = dict.fromkeys(("second_reason", "called_by", "basis", "found", "outcome", "gender"))
    table = pd.DataFrame([usual | blank | row for row in rows])
    codes = table["gender"].astype("Int64")
    return table.astype("string").assign(date=pd.to_datetime(table["date"]), gender=codes)


def test_contacts_by_what_is_recorded_and_what_is_not() -> None:
    log = contacts(
        {"outcome": "warned", "called_by": "teacher", "gender": 1},
        {"outcome": "arrested", "kind": "search", "found": "yes", "reason": None},
        {"basis": "consent", "gender": 2},
        {"date": "2025-07-15"},  # In no wave.
    )
    enrolled = pd.DataFrame(
        [(s, "2026", "gender", g, 100) for s in ("0001", "0002") for g in ("1", "2")],
        columns=["school_id", "wave", "group_by", "group", "people"],
    )
    found = counted({"contacts": log, "enrollment": enrolled}, ("gender", "grade_band"))
    assert {key[1:3]: n for key, n in found.items() if key[0] == "contacts_counted" and key[3] == "2026"} == {
        ("", ""): 3,
        ("outcome", "warned"): 1,
        ("outcome", "arrested"): 1,
        ("outcome", "not_recorded"): 1,
        ("reason", "safety_or_criminal"): 2,
        ("reason", "not_classed"): 1,
        ("called_by", "teacher"): 1,
        ("called_by", "not_recorded"): 2,
        ("gender", "1"): 1,
        ("gender", "2"): 1,
        ("gender", "not_recorded"): 1,
    }
    assert found["searches_counted", "", "", "2026"] == 2
    assert found["searches_counted", "found", "not_recorded", "2026"] == 1
    assert found["contacts_counted", "", "", "2025"] is None and found["searches_counted", "", "", "2025"] is None
    assert found["students_counted", "gender", "1", "2026"] == 200


def test_a_question_that_no_contact_of_a_wave_answers_was_not_asked_then() -> None:
    log = contacts({"gender": 1}, {"gender": None}, {"date": "2025-01-15", "gender": None})
    enrolled = pd.DataFrame(
        [("0001", w, "gender", "1", 100) for w in ("2025", "2026")],
        columns=["school_id", "wave", "group_by", "group", "people"],
    )
    found = counted({"contacts": log, "enrollment": enrolled}, ("gender",))
    by_gender = {key[2:]: n for key, n in found.items() if key[:2] == ("contacts_counted", "gender")}
    assert by_gender == {("1", "2026"): 1, ("not_recorded", "2026"): 1}
    assert found["contacts_counted", "", "", "2025"] == 1


def test_students_of_a_group_are_not_known_where_a_school_did_not_tell() -> None:
    enrolled = pd.DataFrame(
        [("0001", "2026", "gender", "1", 100)], columns=["school_id", "wave", "group_by", "group", "people"]
    )
    found = counted({"contacts": contacts({"gender": 1}), "enrollment": enrolled}, ("gender",))
    assert found["students_counted", "gender", "1", "2026"] is None
    assert ("contacts_counted", "gender", "1", "2026") in found
    alone = counted({"contacts": contacts({"gender": 1})}, ("gender",))
    assert not any(key[1] == "gender" for key in alone), "without enrollment there is nothing to hold groups against"


@pytest.mark.parametrize(
    ("kind", "rows", "breakdown", "parts"),
    [
        (
            "complaints",
            [
                {"received_on": "2026-01-05", "disposed_on": "2026-02-01", "finding": "sustained"},
                {"received_on": "2026-01-05", "disposed_on": "2026-02-01", "finding": None},
                {"received_on": "2026-01-05", "disposed_on": None, "finding": "unfounded"},
                {"received_on": "2026-06-05", "disposed_on": "2026-07-01", "finding": "sustained"},
            ],
            "finding",
            {"sustained": 1, "not_recorded": 1, "open": 2},
        ),
        (
            "tips",
            [
                {"received_on": "2026-01-05", "first_action_on": "2026-01-06", "closed_on": "2026-01-09"},
                {"received_on": "2026-01-05", "first_action_on": None, "closed_on": "2026-01-09"},
                {"received_on": "2026-01-05", "first_action_on": "2026-01-06", "closed_on": None},
                {"received_on": "2026-06-30", "first_action_on": "2026-07-01", "closed_on": None},
            ],
            "state",
            {"closed": 2, "acted_on": 1, "waiting": 1},
        ),
        (
            "threat_assessments",
            [
                {"opened_on": "2026-01-05", "met_on": "2026-01-06", "officer_present": "yes"},
                {"opened_on": "2026-01-05", "met_on": "2026-01-06", "officer_present": "no"},
                {"opened_on": "2026-01-05", "met_on": "2026-01-06", "officer_present": None},
                {"opened_on": "2026-01-05", "met_on": None, "officer_present": "yes"},
            ],
            "officer",
            {"present": 1, "not_present": 1, "not_recorded": 1, "not_met": 1},
        ),
        (
            "restorative",
            [
                {"referred_on": "2026-01-05", "held_on": "2026-01-09", "agreement_completed": "yes"},
                {"referred_on": "2026-01-05", "held_on": "2026-01-09", "agreement_completed": "no"},
                {"referred_on": "2026-01-05", "held_on": "2026-01-09", "agreement_completed": None},
                {"referred_on": "2026-01-05", "held_on": None, "agreement_completed": None},
            ],
            "session",
            {"completed": 1, "not_completed": 1, "not_recorded": 1, "not_held": 1},
        ),
        (
            "information_sharing",
            [{"date": "2026-01-05", "legal_basis": "consent"}, {"date": "2026-01-05", "legal_basis": None}],
            "legal_basis",
            {"consent": 1, "not_recorded": 1},
        ),
    ],
)
def test_each_case_is_counted_once_as_it_was_on_the_day_of_export(
    kind: str, rows: list[dict[str, str | None]], breakdown: str, parts: dict[str, int]
) -> None:
    table = pd.DataFrame([{"school_id": "0001", "channel": "online"} | row for row in rows]).astype("string")
    for column in table:
        if column.endswith("_on") or column == "date":
            table[column] = pd.to_datetime(table[column])
    found = counted({kind: table})
    assert {key[2]: n for key, n in found.items() if key[1] == breakdown} == parts
    assert found[f"{kind}_counted", "", "", "2026"] == len(rows) and found[f"{kind}_counted", "", "", "2025"] is None


def test_calls_are_counted_where_their_log_says_what_became_of_them() -> None:
    calls = pd.DataFrame({"call_id": ["1", "2"], "received_at": pd.to_datetime(["2026-01-05 09:00"] * 2)})
    said = calls.assign(school_id="0001", disposition=pd.array(["resolved", None], dtype="string"))
    found = counted({"calls": said})
    assert found["calls_counted", "", "", "2026"] == 2
    assert found["calls_counted", "disposition", "not_recorded", "2026"] == 1
    assert counted({"calls": said.assign(disposition=pd.array([None, None], dtype="string"))}) == {}


def test_students_disciplined_are_not_known_where_a_school_did_not_tell() -> None:
    rows = [("0001", "2026", "arrest", 2), ("0002", "2026", "arrest", 3), ("0001", "2025", "arrest", 2)]
    table = pd.DataFrame(rows, columns=["school_id", "wave", "event", "students"]).astype({"students": "Int64"})
    found = counted({"discipline": table})
    assert found["students_arrested_counted", "", "", "2026"] == 5
    assert found["students_arrested_counted", "", "", "2025"] is None
    assert found["students_referred_counted", "", "", "2026"] is None


def test_parts_add_up_in_a_whole_district(demo: Run) -> None:
    study = open_study(str(demo.params_file))
    kinds = ("schools", "enrollment", "discipline", "contacts", *CASES)
    tables = {kind: study.protected(kind) for kind in kinds}
    waves, questions = study.parameters.waves, study.parameters.pages.groups
    found = counted_cases(tables, waves, as_of=waves[-1].end, questions=questions)
    cases = found[found["measure"] != "students_counted"]
    totals = cases[cases["group_by"] == ""].set_index(["measure", "wave"])["count"]
    parts = cases[cases["group_by"] != ""].groupby(["measure", "wave", "group_by"])["count"].sum()
    assert len(parts) > 30
    assert (parts == totals.reindex(parts.index.droplevel("group_by")).to_numpy()).all()
    log = tables["contacts"]
    inside = sum(log["date"].between(pd.Timestamp(w.start), pd.Timestamp(w.end)).sum() for w in waves)
    assert totals["contacts_counted"].sum() == inside < len(log)
