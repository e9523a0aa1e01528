"""Records of operations, complaints, emergencies and shared information: which rows are taken in, and what they say."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest

from sro_research import schemas

AT = ["a"]
CALLS = schemas.calls(AT)
DRILLS = schemas.drills(AT, ["lockdown"])
TIPS = schemas.tips(AT)
ASSESSMENTS = schemas.threat_assessments(AT)
RESTORATIVE = schemas.restorative(AT)
REVIEWS = schemas.log_reviews(AT)
COMPLAINTS = schemas.complaints(AT)
EMERGENCIES = schemas.emergencies(AT)
ITEMS = schemas.after_action_items(["e1"])
LESSONS = schemas.lessons(["e1", "d1"])
SHARING = schemas.information_sharing(AT)
CALL = ("c1", "a", "2024-01-05 09:00", "2024-01-05 09:01", "2024-01-05 09:06", "2024-01-05 09:30", "2", "school", "")
UNKNOWN = "not a school of this study"


def read(schema: pa.DataFrameSchema, *rows: tuple[str, ...]) -> tuple[pd.DataFrame, list[str], list[tuple[str, str]]]:
    """Return the typed table, the rules of cells that could not be read, and (column, rule) of broken rules."""
    typed, unread = schemas.convert(pd.DataFrame(list(rows), columns=list(schema.columns), dtype="str"), schema)
    found = schemas.broken_rules(typed, schema)
    return typed, unread["rule"].tolist(), sorted(found[["column", "rule"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-05 09:00", "2024-01-05 09:00:00"),
        ("2024-01-05 09:00:30", "2024-01-05 09:00:30"),
        ("2024-01-05T23:59", "2024-01-05 23:59:00"),
        (" 2024-01-05 00:00 ", "2024-01-05 00:00:00"),
        ("2024-01-05", None),  # a day has no time, and midnight would be a guess
        ("01/05/2024 09:00", None),
        ("2024-01-05 24:00", None),
        ("2024-01-05 09:00 PM", None),
        ("2024-01-05 09:00+02:00", None),
        ("9999-12-31 00:00", None),
    ],
)
def test_times_are_written_in_one_way(text: str, time: str | None) -> None:
    typed, unread, _ = read(CALLS, (*CALL[:4], text, *CALL[5:]))
    assert unread == ([] if time else [schemas.NOT_A_TIME])
    value = typed.loc[0, "arrived_at"]
    assert pd.isna(value) if time is None else value == pd.Timestamp(time)
    assert typed["arrived_at"].dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (CALLS, CALL),
        (CALLS, (*CALL[:8], "diverted")),
        (CALLS, ("c1", "a", "2024-01-05 09:00", "", "", "", "", "officer", "")),
        # Times in the wrong order are taken in, and counted.
        (CALLS, ("c1", "a", "2024-01-05 09:00", "2024-01-05 08:00", "2024-01-04 09:00", "", "", "other", "open")),
        (DRILLS, ("d1", "a", "2024-01-05", "lockdown")),
        (TIPS, ("t1", "a", "2024-01-05", "", "", "")),
        (TIPS, ("t1", "a", "2024-01-05", "2024-01-01", "2024-01-02", "yes")),
        (ASSESSMENTS, ("x1", "a", "2024-01-05", "", "", "")),
        (ASSESSMENTS, ("x1", "a", "2024-01-05", "2024-01-06", "no", "2024-01-07")),
        (RESTORATIVE, ("r1", "a", "2024-01-05", "", "", "")),
        (RESTORATIVE, ("r1", "a", "2024-01-05", "2024-01-06", "yes", "2024-03-01")),
        (REVIEWS, ("v1", "a", "body_camera", "2024-01-05", "", "")),
        (COMPLAINTS, ("k1", "a", "online", "2024-01-05", "", "", "")),
        (COMPLAINTS, ("k1", "a", "phone", "2024-01-05", "2024-02-01", "unfounded", "family")),
        (EMERGENCIES, ("e1", "a", "2024-01-05", "reunification")),
        (ITEMS, ("i1", "e1", "2024-02-05", "")),
        (LESSONS, ("l1", "2024-01-05", "", "")),
        (LESSONS, ("l1", "2024-01-05", "d1", "2024-03-01")),
        (SHARING, ("s1", "a", "2024-01-05", "officer", "video", "")),
    ],
)
def test_what_is_not_known_or_not_over_is_taken_in(schema: pa.DataFrameSchema, row: tuple[str, ...]) -> None:
    assert read(schema, row)[1:] == ([], [])


@pytest.mark.parametrize(
    ("schema", "row", "rules"),
    [
        (
            CALLS,
            ("c1", "b", "", *CALL[3:7], "nobody", "closed"),
            [
                ("disposition", "not one of returned_to_school, resolved, referred, diverted, charged, open"),
                ("received_at", "must not be blank"),
                ("school_id", UNKNOWN),
                ("source", "not one of school, emergency_line, officer, other"),
            ],
        ),
        (DRILLS, ("d1", "a", "2024-01-05", "dance"), [("kind", "not a kind of drill of this study")]),
        (TIPS, ("t1", "a", "2024-01-05", "", "", "maybe"), [("reopened", "not one of yes, no")]),
        (TIPS, ("", "b", "2024-01-05", "", "", ""), [("school_id", UNKNOWN), ("tip_id", "must not be blank")]),
        (ASSESSMENTS, ("x1", "a", "", "", "Yes", ""), [
            ("officer_present", "not one of yes, no"), ("opened_on", "must not be blank"),
        ]),
        (RESTORATIVE, ("r1", "a", "2024-01-05", "", "y", ""), [("agreement_completed", "not one of yes, no")]),
        (REVIEWS, ("v1", "a", "diary", "2024-01-05", "no", ""), [
            ("kind", "not one of body_camera, activity_log, contact_log"),
        ]),
        (COMPLAINTS, ("k1", "a", "fax", "2024-01-05", "", "guilty", ""), [
            ("channel", "not one of online, in_person, phone, letter, other"),
            ("finding", "not one of sustained, not_sustained, unfounded, exonerated, resolved_informally, withdrawn"),
        ]),
        (EMERGENCIES, ("e1", "a", "2024-01-05", "flood"), [
            ("kind", "not one of reunification, severe_weather, medical, lockdown, evacuation, other"),
        ]),
        (ITEMS, ("i1", "e9", "", ""), [
            ("due_on", "must not be blank"), ("emergency_id", "not an emergency of this study"),
        ]),
        (LESSONS, ("l1", "2024-01-05", "x9", ""), [
            ("learned_from", "not a drill or an emergency of this study"),
        ]),
        (SHARING, ("s1", "a", "2024-01-05", "press", "gossip", "none"), [
            ("asked_by", f"not one of {', '.join(schemas.ASKED_BY)}"),
            ("kind", f"not one of {', '.join(schemas.SHARED_KINDS)}"),
            ("legal_basis", f"not one of {', '.join(schemas.LEGAL_BASES)}"),
        ]),
    ],
)  # fmt: skip
def test_rules_of_the_records(schema: pa.DataFrameSchema, row: tuple[str, ...], rules: list[tuple[str, str]]) -> None:
    assert read(schema, row)[1:] == ([], rules)


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (CALLS, CALL),
        (DRILLS, ("d1", "a", "2024-01-05", "lockdown")),
        (COMPLAINTS, ("k1", "a", "online", "2024-01-05", "", "", "")),
        (ITEMS, ("i1", "e1", "2024-02-05", "")),
        (LESSONS, ("l1", "2024-01-05", "", "")),
        (SHARING, ("s1", "a", "2024-01-05", "officer", "video", "consent")),
    ],
)
def test_a_record_stands_once(schema: pa.DataFrameSchema, row: tuple[str, ...]) -> None:
    typed, _, broken = read(schema, row, row)
    assert broken == [(str(typed.columns[0]), schemas.TWICE)]
    assert schemas.broken_rules(typed, schema)["index"].tolist() == [1]


def test_no_record_of_operations_names_a_person() -> None:
    all_columns = {
        str(c) for s in (CALLS, TIPS, ASSESSMENTS, RESTORATIVE, REVIEWS, COMPLAINTS, SHARING) for c in s.columns
    }
    assert not {c for c in all_columns if "officer_id" in c or "student" in c or "name" in c or "text" in c}
