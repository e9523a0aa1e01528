"""The ledger: two releases never undo each other, and it holds nothing of what is hidden."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sro_research import estimates
from sro_research.disclosure.ledger import COLUMNS, Ledger, read_ledger, rows_to_keep, write_ledger
from sro_research.disclosure.pattern import Pattern
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.rows import decide_rows
from sro_research.errors import DisclosureError
from surveys import Counts, random_counts, survey

COUNTS: Counts = {("0001", "g"): (40, 20), ("0001", "b"): (35, 20), ("0001", "x"): (4, 2), ("0002", "g"): (30, 10)}
COUNTS |= {("0002", "b"): (31, 20), ("0002", "x"): (12, 6), ("0005", "g"): (50, 20), ("0005", "b"): (55, 30)}
COUNTS |= {("0006", "g"): (50, 20), ("0006", "b"): (55, 30)}


def release(table: pd.DataFrame, ledger: Ledger) -> tuple[Pattern, Ledger]:
    pattern = decide_rows(table, Policy(), construct_of={}, frozen=ledger.unchanged(table))
    return pattern, ledger.with_rows(rows_to_keep(pattern, table))


@pytest.fixture
def empty(tmp_path: Path) -> Ledger:
    return read_ledger(tmp_path / "rows.parquet")


def test_before_the_first_release_nothing_is_decided(empty: Ledger) -> None:
    assert empty.rows.empty and list(empty.rows.columns) == COLUMNS
    assert empty.unchanged(survey(COUNTS)) == {}


def test_no_number_of_a_hidden_row_is_kept(empty: Ledger, tmp_path: Path) -> None:
    _, ledger = release(survey(COUNTS), empty)
    write_ledger(tmp_path / "rows.parquet", ledger)
    kept = read_ledger(tmp_path / "rows.parquet").rows
    assert list(kept.columns) == COLUMNS, "no reason either: which rows were hidden for others is a secret too"
    assert kept.loc[~kept["shown"], ["n", "agree"]].isna().all(axis=None)
    people = kept[kept["shown"]]
    assert people["n"].notna().all() and (~kept["shown"]).sum() >= 3


def test_the_same_answers_are_decided_as_before(empty: Ledger) -> None:
    table = survey(random_counts(5, schools=8))
    first, ledger = release(table, empty)
    second, again = release(table, ledger)
    pd.testing.assert_frame_equal(first.rows, second.rows)
    pd.testing.assert_frame_equal(ledger.rows, again.rows)


def test_a_later_wave_leaves_the_earlier_as_it_was(empty: Ledger) -> None:
    before = survey(random_counts(5, schools=8), wave="2025")
    first, ledger = release(before, empty)
    both = estimates.stack([before, survey(random_counts(6, schools=8), wave="2026")])
    second, _ = release(both, ledger)
    earlier = second.rows[second.rows["wave"] == "2025"].reset_index(drop=True)
    # A group that appears only now was not there before: it is decided now, and nothing else is.
    common = earlier.merge(first.rows, on=list(first.rows.columns[:-1]), suffixes=("", "_first"))
    assert len(common) == len(first.rows)
    assert (common["shown"] == common["shown_first"]).all()


@pytest.mark.parametrize("late", [{("0001", "g"): (41, 21)}, {("0001", "g"): (40, 21)}, {("0001", "x"): (5, 2)}])
def test_answers_that_came_late_are_refused(empty: Ledger, late: Counts) -> None:
    _, ledger = release(survey(COUNTS), empty)
    with pytest.raises(DisclosureError, match="changed since they were published") as error:
        ledger.unchanged(survey({**COUNTS, **late}))
    assert error.value.rows >= 1
    assert not any(str(number) in str(error.value) for number in (41, 21))


def test_a_late_answer_to_one_item_is_refused(empty: Ledger) -> None:
    def with_item(n: int) -> pd.DataFrame:
        shares = pd.DataFrame({"group": ["1", "2"], "estimate": [0.4, 0.6]})
        about = {"measure": "answer_share", "population": "student", "construct": "item", "group_by": "answer"}
        item = estimates.as_estimates(shares, **about, school_id="0001", wave="2026", n=n, unit="share", method="x")
        return estimates.stack([survey(COUNTS), item])

    table = with_item(50)
    pattern = decide_rows(table, Policy(), construct_of={"item": "trust"})
    ledger = empty.with_rows(rows_to_keep(pattern, table))
    assert ledger.unchanged(table)
    with pytest.raises(DisclosureError, match="changed since they were published"):
        ledger.unchanged(with_item(51))


def test_what_only_hidden_rows_show_may_change(empty: Ledger) -> None:
    # Two people of hidden groups change places; every shown number stays.
    _, ledger = release(survey(COUNTS), empty)
    moved: Counts = {
        **COUNTS,
        ("0001", "x"): (5, 3),
        ("0001", "b"): (34, 19),
        ("0002", "x"): (11, 5),
        ("0002", "b"): (32, 21),
    }
    pattern, _ = release(survey(moved), ledger)
    first, _ = release(survey(COUNTS), empty)
    hidden = {(r.group, r.school_id) for r in first.rows[~first.rows["shown"]].itertuples()}
    assert {("x", "0001"), ("b", "0001"), ("x", "0002"), ("b", "0002")} <= hidden
    pd.testing.assert_frame_equal(pattern.rows, first.rows)


def test_another_wave_alone_is_not_held_against_the_ledger(empty: Ledger) -> None:
    _, ledger = release(survey(COUNTS, wave="2025"), empty)
    assert ledger.unchanged(survey(random_counts(1, schools=4), wave="2026"))
