"""Emergencies, items after them, and lessons."""

import datetime as dt

import pandas as pd

from sro_research.measures.cases import waits
from sro_research.measures.emergencies import WAITS, emergency_findings, emergency_indicators, items_of_schools
from sro_research.measures.lessons import events, lesson_findings, lesson_indicators
from sro_research.parameters import Wave

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "a", "b", "b"], "wave": ["1", "2"] * 2}, dtype="string")
AS_OF = dt.date(2024, 12, 31)


def table(columns: list[str], *rows: tuple[str | None, ...]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=columns)
    is_day = {name: name == "date" or name.endswith("_on") for name in made}
    return made.astype({name: "datetime64[ns]" if day else "string" for name, day in is_day.items()})


EMERGENCIES = table(
    ["emergency_id", "school_id", "date", "kind"],
    ("e1", "a", "2023-09-01", "medical"),
    ("e2", "a", "2023-10-01", "reunification"),
    ("e3", "b", "2024-09-01", "medical"),
    ("e4", "b", "2022-09-01", "medical"),  # in no wave
)
ITEMS = table(
    ["item_id", "emergency_id", "due_on", "closed_on"],
    ("i1", "e1", "2023-10-01", "2023-09-20"),
    ("i2", "e1", "2023-10-01", "2023-10-20"),  # late
    ("i3", "e1", "2023-10-01", None),  # overdue
    ("i4", "e1", "2025-10-01", None),  # not due yet
    ("i5", "e1", "2023-10-01", "2023-08-01"),  # closed before its emergency
    ("i6", "e3", "2024-10-01", "2025-02-01"),  # after the day of export: open, overdue
    ("i7", "e4", "2022-10-01", "2022-10-01"),  # of no wave
    ("i8", "e9", "2022-10-01", "2022-10-01"),  # of no emergency
)


def test_items_are_closed_of_those_due() -> None:
    made = emergency_indicators(EMERGENCIES, ITEMS, SCHOOLS, WAVES, as_of=AS_OF)
    rows = made[made["group_by"] == ""].set_index(["measure", "school_id", "wave"])
    assert rows["value"]["emergencies"].to_dict() == {
        ("a", "1"): 2, ("a", "2"): 0, ("b", "1"): 0, ("b", "2"): 1, ("", "1"): 2, ("", "2"): 1,
    }  # fmt: skip
    closed, on_time = (rows.loc[(f"after_action_{m}_share", "a", "1")] for m in ("closed", "on_time"))
    assert closed[["numerator", "denominator"]].tolist() == [2, 3]
    assert on_time[["numerator", "denominator"]].tolist() == [1, 3]
    assert rows.loc[("after_action_closed_share", "b", "2"), "value"] == 0
    assert pd.isna(rows.loc[("after_action_closed_share", "b", "1"), "value"])  # nothing was due
    by_kind = made.query("group_by == 'kind' and wave == '1' and school_id == ''").set_index("group")["value"]
    assert by_kind.to_dict() == {"medical": 1, "reunification": 1}


def test_without_a_file_of_items_there_are_no_shares() -> None:
    made = emergency_indicators(EMERGENCIES, None, SCHOOLS, WAVES, as_of=AS_OF)
    assert set(made["measure"]) == {"emergencies"}
    found = emergency_findings(EMERGENCIES, None, WAVES, as_of=AS_OF)["finding"].tolist()
    assert found == ["emergencies_outside_waves", "emergencies_waves_without_any"]


def test_what_does_not_fit_is_counted() -> None:
    found = emergency_findings(EMERGENCIES, ITEMS, WAVES, as_of=AS_OF).set_index("finding")["rows"]
    assert found.to_dict() == {
        "emergencies_outside_waves": 1,
        "emergencies_waves_without_any": 0,
        "emergencies_without_items": 1,
        "items_without_emergency": 1,
        "items_overdue": 2,
        "items_negative_time": 1,
    }


def test_items_wait_from_the_day_of_their_emergency() -> None:
    own = items_of_schools(ITEMS, EMERGENCIES)
    found = waits(own, *WAITS["after_action_closing"], WAVES, as_of=AS_OF).set_index("item_id")
    assert found.loc["i1", ["duration", "observed"]].tolist() == [19, True]
    assert found.loc["i6", ["duration", "observed"]].tolist() == [121, False]
    assert "i5" not in found.index and "i8" not in found.index


DRILLS = table(
    ["drill_id", "school_id", "date", "kind"],
    ("d1", "a", "2023-09-15", "lockdown"),
    ("d2", "b", "2023-09-15", "lockdown"),
)
LESSONS = table(
    ["lesson_id", "noted_on", "learned_from", "in_use_on"],
    ("l1", "2023-09-20", "d1", "2023-11-01"),
    ("l2", "2023-09-21", "d1", None),
    ("l3", "2023-09-21", "e1", "2025-02-01"),  # not in use on the day of export
    ("l4", "2023-09-21", None, "2023-09-01"),  # from elsewhere; in use before it was noted
    ("l5", "2023-09-01", "e2", None),  # noted before its emergency
    ("l6", "2022-09-01", "x9", None),  # in no wave; from what is not in the lists
)


def test_lessons() -> None:
    of = events(DRILLS, EMERGENCIES)
    made = lesson_indicators(LESSONS, of, SCHOOLS, WAVES, as_of=AS_OF)
    rows = made.set_index(["measure", "school_id", "wave", "group"])
    pairs = rows[["numerator", "denominator"]].apply(tuple, axis=1)
    assert pairs["events_with_lesson_share", "a", "1", ""] == (3, 3)
    assert pairs["events_with_lesson_share", "b", "1", ""] == (0, 1)
    assert pairs["events_with_lesson_share", "", "1", "drill"] == (1, 2)
    assert pairs["lessons_in_use_share", "", "1", ""] == (2, 5)
    assert pd.isna(rows.loc[("lessons_in_use_share", "", "2", ""), "value"])  # no lesson is not a share of zero
    found = lesson_findings(LESSONS, of, WAVES, as_of=AS_OF).set_index("finding")["rows"]
    assert found.to_dict() == {
        "lessons_outside_waves": 1,
        "lessons_from_elsewhere": 1,
        "lessons_from_unknown_events": 1,
        "lessons_before_their_event": 1,
        "lessons_in_use_before_noted": 1,
        "lessons_dated_later": 1,
    }


def test_lessons_go_with_drills_or_emergencies_alone() -> None:
    for of in (events(DRILLS, None), events(None, EMERGENCIES), events(None, None)):
        made = lesson_indicators(LESSONS, of, SCHOOLS, WAVES, as_of=AS_OF)
        assert made.query("measure == 'lessons_in_use_share'")["denominator"].tolist() == [5, 0]
        assert len(lesson_findings(LESSONS, of, WAVES, as_of=AS_OF)) == 6


def test_a_lesson_that_is_dated_later_has_taught_nothing_yet() -> None:
    later = LESSONS[:1].assign(noted_on=pd.Timestamp(AS_OF) + pd.Timedelta(days=1))
    made = lesson_indicators(later, events(DRILLS, None), SCHOOLS, WAVES, as_of=AS_OF)
    taught = made[(made["measure"] == "events_with_lesson_share") & (made["school_id"] == "") & (made["group"] == "")]
    assert taught.set_index("wave").loc["1", "numerator"] == 0
