"""The rules of the contact log: which rows are refused, with which words, and what may be blank."""

from __future__ import annotations

import pandas as pd
import pytest

from sro_research import schemas

SCHEMA = schemas.contacts(["0001"], ["SRO-1"], {"gender": (1, 2, 3)})
ROW = {
    "contact_id": "C-1",
    "school_id": "0001",
    "officer_id": "SRO-1",
    "date": "2024-02-29",
    "kind": "stop",
    "reason": "routine_discipline",
    "second_reason": "",
    "called_by": "teacher",
    "basis": "",
    "found": "",
    "outcome": "warned",
    "call_id": "K-1",
    "gender": "2",
}


def broken(*rows: dict[str, str]) -> list[str]:
    typed, unread = schemas.convert(pd.DataFrame(list(rows), dtype="str"), SCHEMA)
    return unread["rule"].tolist() + schemas.broken_rules(typed, SCHEMA)["rule"].tolist()


def test_a_contact_may_leave_blank_what_is_not_known() -> None:
    unknown = ["officer_id", "reason", "second_reason", "called_by", "basis", "found", "outcome", "call_id", "gender"]
    assert broken(ROW, ROW | {"contact_id": "C-2"} | dict.fromkeys(unknown, "")) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("kind", "", "must not be blank"),
        ("kind", "chat", "not one of stop, search, interview, referral, citation, arrest, diversion, other"),
        ("reason", "fight", "not one of routine_discipline, safety_or_criminal, not_classed"),
        ("second_reason", "yes", "not one of routine_discipline, safety_or_criminal, not_classed"),
        ("called_by", "nurse", "not one of administrator, teacher, officer_initiated, student, parent, other"),
        ("found", "maybe", "not one of yes, no"),
        ("outcome", "closed", "not one of returned_to_school, warned, referred, diverted, cited, arrested, open"),
        ("gender", "9", "not a code of this question of the student survey"),
        ("school_id", "0002", "not a school of this study"),
        ("officer_id", "SRO-9", "not an officer of this study"),
        ("date", "yesterday", "not a day as YYYY-MM-DD"),
    ],
)
def test_what_a_contact_may_not_say(column: str, value: str, rule: str) -> None:
    assert broken(ROW | {column: value})[0] == rule


def test_a_contact_stands_once() -> None:
    typed, _ = schemas.convert(pd.DataFrame([ROW, ROW], dtype="str"), SCHEMA)
    found = schemas.broken_rules(typed, SCHEMA)
    assert found[["index", "rule"]].to_numpy().tolist() == [[1, schemas.TWICE]]
