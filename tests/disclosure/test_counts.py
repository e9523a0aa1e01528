"""Counts of cases: rounded so that they add up, near the truth, and wide enough whatever stands beside them."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import WORDS, Folder

from sro_research.disclosure.audit import audit
from sro_research.disclosure.claims import Claim
from sro_research.disclosure.counts import (
    CELL,
    COUNTED,
    FEWEST_OF_GROUP,
    FEWEST_OFFICERS,
    FEWEST_STUDENTS,
    OTHER,
    RATE,
    rounded_counts,
    with_counts,
)
from sro_research.errors import DisclosureError

NOTHING = pd.DataFrame(columns=[*CELL, "estimate"])


def enrolled(schools: int = 2, **students: int) -> pd.Series:
    """So many students of each wave, all but one of them at the first of the schools."""
    of = {
        (f"{i}", wave[1:]): 1 if i else all_of - schools + 1
        for wave, all_of in students.items()
        for i in range(schools)
    }
    return pd.Series(of, dtype=float).rename_axis(["school_id", "wave"])


STUDENTS = enrolled(w2025=900, w2026=900)
SEARCHES = COUNTED["searches_counted"]["found"]


def rows(*of: tuple[str, str, str, str, int | None]) -> pd.DataFrame:
    table = pd.DataFrame(of, columns=[*CELL, "count"]).astype({"count": "Int64"})
    return table.assign(schools=pd.array([3] * len(of), dtype="Int64"))


def searches(*parts: int, wave: str = "2026") -> pd.DataFrame:
    of = zip(SEARCHES, parts, strict=True)
    return rows(
        ("searches_counted", "", "", wave, sum(parts)),
        *(("searches_counted", "found", part, wave, count) for part, count in of if count),
    )


def told(cells: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """What is told by measure, breakdown and part."""
    keys = cells[["measure", "group_by", "group"]].itertuples(index=False, name=None)
    return {key: int(count) for key, count in zip(keys, cells["estimate"], strict=True)}


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 3))
def test_counts_are_near_multiples_that_add_up(parts: tuple[int, ...]) -> None:
    found = told(rounded_counts(searches(*parts), STUDENTS, NOTHING))
    total = found.pop(("searches_counted", "", ""))
    assert list(found) == [("searches_counted", "found", part) for part in sorted(SEARCHES)]
    assert sum(found.values()) == total and abs(total - sum(parts)) < 5
    for part, count in zip(SEARCHES, parts, strict=True):
        assert found["searches_counted", "found", part] % 5 == 0
        assert abs(found["searches_counted", "found", part] - count) < 5


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(0, 12)] * 3))
def test_a_reader_who_adds_up_cannot_tell_a_count_more_closely(parts: tuple[int, ...]) -> None:
    found = told(rounded_counts(searches(*parts), STUDENTS, NOTHING))
    total = found.pop(("searches_counted", "", ""))
    near = [range(max(0, count - 4), count + 5) for count in found.values()]
    possible = [guess for guess in product(*near) if abs(sum(guess) - total) < 5]
    for of in (*zip(*possible, strict=True), [sum(guess) for guess in possible]):
        assert max(of) - min(of) >= 4


def test_every_part_is_told_though_there_is_no_such_case() -> None:
    found = told(rounded_counts(rows(("tips_counted", "", "", "2026", 0)), STUDENTS, NOTHING))
    assert found == {
        ("tips_counted", *key): 0 for key in [("", ""), *(("state", s) for s in COUNTED["tips_counted"]["state"])]
    }


def test_what_is_not_known_is_not_zero() -> None:
    cells = rounded_counts(rows(("contacts_counted", "", "", "2026", None)), STUDENTS, NOTHING)
    assert set(cells["status"]) == {"not_available"} and cells["estimate"].isna().all()


def test_a_small_district_counts_nothing_for_readers() -> None:
    few = enrolled(w2025=FEWEST_STUDENTS, w2026=FEWEST_STUDENTS - 1)
    both = pd.concat([searches(3, 4, 0), searches(3, 4, 0, wave="2025")])
    status = rounded_counts(both, few, NOTHING).groupby("wave")["status"].unique()
    assert status["2025"].tolist() == ["rounded"] and status["2026"].tolist() == ["hidden"]
    assert set(rounded_counts(searches(3, 4, 0), STUDENTS * pd.NA, NOTHING)["status"]) == {"hidden"}


def test_a_district_of_one_school_counts_nothing_for_readers() -> None:
    assert set(rounded_counts(searches(30, 4, 0), enrolled(1, w2026=900), NOTHING)["status"]) == {"hidden"}


@pytest.mark.parametrize(("officers", "status"), [(FEWEST_OFFICERS - 1, "hidden"), (FEWEST_OFFICERS, "rounded")])
def test_what_one_or_two_officers_did_is_not_told(officers: int, status: str) -> None:
    table = pd.concat([by_group({"1": 400}, {"1": 40}), searches(30, 4, 0), rows(("tips_counted", "", "", "2026", 0))])
    cells = rounded_counts(table, STUDENTS, NOTHING, officers={"2026": officers})
    told_of = cells.groupby("measure")["status"].first()
    assert told_of[["contacts_counted", "searches_counted", "students_counted"]].unique().tolist() == [status]
    assert told_of["tips_counted"] == "rounded"


def test_a_published_count_stays_while_it_is_near_enough() -> None:
    first = rounded_counts(searches(7, 0, 0), STUDENTS, NOTHING)
    ledger = with_counts(NOTHING, first)
    assert told(first)["searches_counted", "found", "yes"] == 5
    for late in (8, 9):
        again = rounded_counts(searches(late, 0, 0), STUDENTS, ledger)
        assert told(again) == told(first) != told(rounded_counts(searches(late, 0, 0), STUDENTS, NOTHING))
    moved = rounded_counts(searches(10, 0, 0), STUDENTS, ledger)
    assert told(moved)["searches_counted", "found", "yes"] == 10
    assert told(with_counts(ledger, moved)) == told(moved)
    next_wave = rounded_counts(searches(2, 0, 0, wave="2027"), enrolled(w2027=900), ledger)
    kept = with_counts(ledger, next_wave)
    assert len(kept) == len(ledger) + len(next_wave) and set(kept["wave"]) == {"2026", "2027"}


def by_group(students: dict[str, int | None], contacts: dict[str, int]) -> pd.DataFrame:
    total = sum(contacts.values())
    parts = [("outcome", "warned"), ("reason", "not_classed"), ("called_by", "not_recorded")]
    return rows(
        ("contacts_counted", "", "", "2026", total),
        *(("contacts_counted", by, part, "2026", total) for by, part in parts),
        *(("contacts_counted", "gender", group, "2026", count) for group, count in contacts.items()),
        *(("students_counted", "gender", group, "2026", count) for group, count in students.items()),
    )


def of_gender(cells: pd.DataFrame, measure: str) -> dict[str, float | None]:
    found = cells[(cells["measure"] == measure) & (cells["group_by"] == "gender")]
    return {g: None if pd.isna(e) else float(e) for g, e in zip(found["group"], found["estimate"], strict=True)}


def test_small_groups_stand_with_those_of_no_group() -> None:
    table = by_group(
        {"1": 400, "2": FEWEST_OF_GROUP, "3": FEWEST_OF_GROUP - 1}, {"1": 40, "3": 5, "9": 5, "not_recorded": 5}
    )
    cells = rounded_counts(table, STUDENTS, NOTHING)
    assert of_gender(cells, "contacts_counted") == {"1": 40, "2": 0, OTHER: 15}
    assert of_gender(cells, "students_counted") == {"1": 400, "2": 30}


def test_a_group_that_was_published_of_a_wave_stays_though_it_is_smaller_in_the_next() -> None:
    first = by_group({"1": 800, "3": FEWEST_OF_GROUP + 1}, {"1": 20, "3": 2, "not_recorded": 1})
    released = rounded_counts(first, STUDENTS, NOTHING)
    groups = of_gender(released, "contacts_counted")
    assert set(groups) == {"1", "3", OTHER}
    fewer = rows(*(("students_counted", "gender", group, "2027", people) for group, people in (("1", 800), ("3", 29))))
    both = rounded_counts(pd.concat([first, fewer]), STUDENTS, with_counts(NOTHING, released))
    again = both[both["wave"] == "2026"]
    assert of_gender(again, "contacts_counted") == groups
    counts = told(again[again["measure"] == "contacts_counted"])
    assert sum(of_gender(again, "contacts_counted").values()) == counts["contacts_counted", "", ""]


def test_groups_of_which_one_is_one_school_are_not_told() -> None:
    table = by_group({"1": 400, "2": 300, "3": 20}, {"1": 41, "2": 9, "3": 2})
    assert of_gender(rounded_counts(table, STUDENTS, NOTHING), "contacts_counted")
    students = table["measure"] == "students_counted"
    for group, told in (("2", False), ("3", True)):
        alone = table.assign(schools=table["schools"].mask(students & (table["group"] == group), 1))
        cells = rounded_counts(alone, STUDENTS, NOTHING)
        assert bool(of_gender(cells, "contacts_counted")) == told, "a small group stands with others anyway"


def test_contacts_per_100_students_are_made_of_what_is_told() -> None:
    cells = rounded_counts(by_group({"1": 402, "2": 97}, {"1": 41, "2": 9}), STUDENTS, NOTHING)
    contacts, students = of_gender(cells, "contacts_counted"), of_gender(cells, "students_counted")
    assert contacts["1"] == 40 and students == {"1": 400, "2": 95}
    assert of_gender(cells, RATE) == {"1": 10.0, "2": None}, "of fewer than 100 students a count is too rough"


def test_no_rate_where_it_is_not_known_whose_contacts_they_are() -> None:
    half = rounded_counts(by_group({"1": 400}, {"1": 40, "not_recorded": 40}), STUDENTS, NOTHING)
    assert of_gender(half, RATE) == {"1": None}
    none = rounded_counts(by_group({"1": 400, "2": 400}, {"1": 40, "2": 2}), STUDENTS, NOTHING)
    assert of_gender(none, RATE) == {"1": 10.0, "2": None}, "fewer than five is not zero"
    few = rounded_counts(by_group({"1": 400}, {"1": 40, "not_recorded": 10}), STUDENTS, NOTHING)
    assert of_gender(few, RATE) == {"1": 10.0}


def test_enrollment_that_is_not_known_makes_no_groups() -> None:
    cells = rounded_counts(by_group({"1": None}, {"1": 40}), STUDENTS, NOTHING)
    assert of_gender(cells, "contacts_counted") == of_gender(cells, RATE) == {}
    counts = cells[cells["measure"] == "contacts_counted"]
    assert told(counts)["contacts_counted", "", ""] == 40


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (rows(("coaching_counted", "", "", "2026", 4)), "no count that may leave the building"),
        (rows(("tips_counted", "", "", "2026", 4), ("tips_counted", "state", "closed", "2026", 3)), "do not add up"),
        (rows(("tips_counted", "", "", "2026", 4), ("tips_counted", "state", "lost", "2026", 4)), "nobody knows"),
    ],
)
def test_other_counts_are_refused(table: pd.DataFrame, match: str) -> None:
    with pytest.raises(DisclosureError, match=match):
        rounded_counts(table, STUDENTS, NOTHING)


@pytest.mark.parametrize(
    ("cell", "part", "value", "allowed"),
    [
        ("searches_counted||||||2026", "count", "40", True),
        ("searches_counted||||||2026", "count", "<5", True),
        ("searches_counted||||||2026", "count", "0", False),
        ("searches_counted||||||2026", "hidden", "", True),
        ("searches_counted||||||2026", "n", "40", False),
        ("searches_counted||||||2026", "estimate", "40", False),
        ("searches_counted|||||0001|2026", "count", "40", False),
        ("searches_counted|student|||||2026", "count", "40", False),
        ("contacts_counted|||gender|1||2026", "count", "40", True),
        (f"{RATE}|||gender|1||2026", "rate", "12", True),
        (f"{RATE}|||gender|1||2026", "count", "10", False),
        ("drills_done_share||||||2026", "count", "40", False),
        ("drills_done_share||||||2026", "n", "40", True),
        ("response_missing_share||||||2026", "share", "40", True),
        ("response_missing_share||||||2026", "n", "40", False),
    ],
)
def test_what_a_page_may_say(cell: str, part: str, value: str, allowed: bool) -> None:
    assert Claim("board.html", tuple(cell.split("|")), part, value).allowed is allowed


def page_of(cells: pd.DataFrame, **instead: str) -> str:
    """Write all counts as a page does; `instead` has another number for a part."""
    texts = []
    for row in cells.itertuples():
        value = instead.get(str(row.group), "<5" if row.estimate == 0 else f"{row.estimate:.0f}")
        name = "|".join([row.measure, "", "", row.group_by, row.group, "", row.wave])
        texts.append(f'<p><data value="{name}#count={value.replace("<", "&lt;")}">{value.replace("<", "")}</data></p>')
    return "".join(texts)


def test_an_audit_finds_counts_that_tell_too_much(tmp_path: Path) -> None:
    cells = rounded_counts(searches(12, 31, 2), STUDENTS, NOTHING)
    folder = Folder(tmp_path / "release", people={}, hidden=set())
    attack = partial(audit, words=WORDS)
    folder.extra = page_of(cells)
    assert attack(folder.write(), cells=cells).clean and attack(folder.root).clean
    folder.extra = page_of(cells, yes="15" if told(cells)["searches_counted", "found", "yes"] == 10 else "10")
    assert "parts by found do not add up to their total" in attack(folder.write()).conflicts[0]
    folder.extra = page_of(cells, yes="12")
    assert any("a count that is not rounded" in found for found in attack(folder.write()).conflicts)
    folder.extra = page_of(cells) + page_of(rounded_counts(searches(52, 31, 2), STUDENTS, NOTHING))
    assert any("another count than on school.html" in found for found in attack(folder.write()).conflicts)
    folder.extra = page_of(cells[cells["group"] != "no"])
    assert "do not add up" in attack(folder.write()).conflicts[0]
    later = rounded_counts(searches(52, 31, 2), STUDENTS, NOTHING)
    folder.extra = page_of(later)
    found = attack(folder.write(), cells=cells).conflicts
    assert any("its count is not what its safe cell says" in conflict for conflict in found)
