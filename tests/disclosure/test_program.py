"""Figures of the program: of the district only, of cases or officers only, and of nothing that is about people."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from pages import WORDS, Folder

from sro_research.disclosure.audit import audit
from sro_research.disclosure.claims import Claim
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.program import program_rows
from sro_research.disclosure.safe import safe_cells
from sro_research.errors import DisclosureError
from sro_research.estimates import as_estimates, stack

NOTHING = stack([])
NO_ROWS = Pattern(pd.DataFrame(columns=[*ROW, "shown"], dtype="string"))


def rows(*of: dict[str, object]) -> pd.DataFrame:
    plain = {"measure": "drills_done_share", "wave": "2026", "n": 40, "estimate": 0.9, "unit": "share", "method": "x"}
    texts = dict.fromkeys([*ROW, "note"], "")
    return as_estimates(pd.DataFrame([texts | plain | row for row in of]))


def cells(*of: dict[str, object], policy: Policy | None = None) -> pd.DataFrame:
    return safe_cells(program_rows(rows(*of), NOTHING), NO_ROWS, policy or Policy(), waves=["2026"])


@pytest.mark.parametrize(
    ("officers", "status"), [({"2026": 1}, "hidden"), ({"2026": 9}, "hidden"), ({"2026": 10}, "shown")]
)
def test_calls_to_few_officers_are_those_officers_records(officers: dict[str, int], status: str) -> None:
    """A hundred calls, answered by the only officer of the district: their median is that officer's."""
    told = rows(
        {"measure": "response_minutes_median", "unit": "minutes", "estimate": 6.6, "n": 100},
        {"measure": "dispatch_minutes_median", "unit": "minutes", "estimate": 1.5, "n": 100},
        {"measure": "drills_done_share", "n": 100},
    )
    made = safe_cells(program_rows(told, NOTHING, officers=officers), NO_ROWS, Policy(), waves=["2026"])
    by_measure = made.set_index("measure")
    assert by_measure.loc["response_minutes_median", "status"] == status
    assert set(by_measure.loc[["dispatch_minutes_median", "drills_done_share"], "status"]) == {"shown"}


def test_where_nobody_says_how_many_officers_served_calls_count_as_cases() -> None:
    told = rows({"measure": "response_minutes_median", "unit": "minutes", "estimate": 6.6, "n": 100})
    elsewhen = program_rows(told, NOTHING, officers={"2025": 1})
    assert program_rows(told, NOTHING)["n"].tolist() == elsewhen["n"].tolist() == [100]


@pytest.mark.parametrize(
    "row",
    [
        {"measure": "tips_received", "unit": "tips", "estimate": 40.0},
        {"measure": "searches_per_100_students", "population": "student", "estimate": 1.5},
        {"school_id": "0001"},
        {"group_by": "kind", "group": "lockdown"},
        {"measure": "training_completion_rate", "construct": "basic", "population": "officer"},
        {"measure": "training_time_within_180_days", "population": "officer"},
    ],
)
def test_what_is_about_people_a_school_or_a_group_stays_inside(row: dict[str, object]) -> None:
    assert program_rows(rows(row), NOTHING).empty
    kept = program_rows(rows({}, row), NOTHING)
    assert kept["measure"].tolist() == ["drills_done_share"] and kept["school_id"].tolist() == [""]


def test_a_figure_that_counts_other_people_is_refused() -> None:
    with pytest.raises(DisclosureError, match="count people who are no officers"):
        program_rows(rows({"population": "student"}), NOTHING)


def test_a_figure_that_two_notebooks_keep_is_told_once_and_alike() -> None:
    trained = {"measure": "training_completion_rate", "population": "officer", "n": 12}
    new = rows({}, trained)
    assert program_rows(new, rows(trained))["measure"].tolist() == ["drills_done_share"]
    for other in ({"estimate": 0.8}, {"n": 13}, {"estimate": None, "note": "not known"}):
        with pytest.raises(DisclosureError, match="two notebooks keep other numbers"):
            program_rows(new, rows(trained | other))


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"n": 10}, "shown"),
        ({"n": 9}, "hidden"),
        ({"estimate": None, "note": "nothing was due", "n": None}, "not_available"),
        ({"measure": "cost_per_officer", "n": 9, "unit": "dollars", "estimate": 9e4}, "hidden"),
        ({"measure": "training_completion_rate", "population": "officer", "n": 14}, "hidden"),
        ({"measure": "training_completion_rate", "population": "officer", "n": 15}, "shown"),
    ],
)
def test_it_rests_on_enough_cases_or_officers(row: dict[str, object], status: str) -> None:
    assert cells(row, policy=Policy(minimum_officers=15))["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("measure", "estimate", "status", "told"),
    [
        ("reviews_held", 12 / 13, "coded", 0.8),
        ("reviews_held", 0.0, "coded", 0.2),
        ("reviews_held", 9 / 13, "shown", 9 / 13),
        ("training_completion_rate", 0.99, "shown", 0.99),
    ],
)
def test_what_nearly_every_officer_did_is_coded(measure: str, estimate: float, status: str, told: float) -> None:
    made = cells({"measure": measure, "population": "officer", "n": 13, "estimate": estimate})
    assert made["status"].tolist() == [status] and made["estimate"].tolist() == pytest.approx([told])


@pytest.mark.parametrize(
    ("cell", "part", "value", "allowed"),
    [
        ("drills_done_share||||||2026", "share", "90", True),
        ("drills_done_share||||||2026", "n", "40", True),
        ("drills_done_share||||||2026", "estimate", "0.9", False),
        ("drills_done_share|||||0001|2026", "share", "90", False),
        ("drills_done_share|||||0001|2026", "hidden", "", False),
        ("drills_done_share|||kind|lockdown||2026", "share", "90", False),
        ("drills_done_share|student|||||2026", "share", "90", False),
        ("reviews_held|officer|||||2026", "share", ">=80", True),
        ("reviews_held|officer|||||2026", "n", "13", False),
        ("response_minutes_median||||||2026", "estimate", "6.1", True),
        ("response_minutes_median||||||2026", "share", "6", False),
        ("tips_received||||||2026", "estimate", "40", False),
        ("complaints_received||||||2026", "n", "40", False),
    ],
)
def test_what_a_page_may_say(cell: str, part: str, value: str, allowed: bool) -> None:
    assert Claim("board.html", tuple(cell.split("|")), part, value).allowed is allowed


def test_a_page_that_tells_a_figure_about_people_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "release", people={}, hidden=set())
    attack = partial(audit, words=WORDS, cells=cells({}))
    folder.extra = '<p><data value="drills_done_share||||||2026#share=90">90</data></p>'
    assert attack(folder.write()).clean
    for planted in ("tips_received||||||2026#estimate=40", "drills_done_share|||||0001|2026#share=40"):
        folder.extra = f'<p><data value="{planted}">40</data></p>'
        result = attack(folder.write())
        assert len(result.unregistered) == 1 and "names no safe cell" in result.unregistered[0]
    folder.extra = '<p><data value="drills_done_share||||||2026#share=91">91</data></p>'
    assert "its share is not what its safe cell says" in attack(folder.write()).conflicts[0]
