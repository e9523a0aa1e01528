"""Safe cells: a hidden cell carries no number, and what is hidden changes nothing that is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research import estimates
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.rows import decide_rows
from sro_research.disclosure.safe import COMBINED, hidden_groups_together, safe_cells, shown_schools
from sro_research.estimates import NUMBERS, as_estimates
from surveys import Counts, random_counts, survey

SECRET = 7919.25
WAVES = ["2025", "2026"]


def pattern_of(*tables: pd.DataFrame) -> Pattern:
    return decide_rows(estimates.stack(tables), Policy(), construct_of={"item": "trust"})


def cells_of(table: pd.DataFrame, pattern: Pattern, policy: Policy | None = None) -> pd.DataFrame:
    return safe_cells(table, pattern, policy or Policy(), waves=WAVES)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), schools=st.integers(2, 6))
def test_a_hidden_row_keeps_no_number_and_no_row_is_lost(seed: int, schools: int) -> None:
    table = survey(random_counts(seed, schools, groups=3))
    pattern = pattern_of(table)
    cells = cells_of(table, pattern)
    assert len(cells) == len(table) + len(pattern.absent)
    hidden = cells[cells["status"].isin(["hidden", "not_available"])]
    assert hidden[NUMBERS].isna().all(axis=None)
    assert not (cells.loc[cells["status"].isin(["shown", "coded"]), "n"] < 10).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), noise=st.integers(0, 10_000))
def test_hidden_values_change_nothing_that_is_shown(seed: int, noise: int) -> None:
    table = survey(random_counts(seed, schools=5, groups=3))
    pattern = pattern_of(table)
    random = np.random.default_rng(noise)
    hidden = [not pattern.shows(*row) for row in table[ROW].itertuples(index=False)]
    other = table.copy()
    other.loc[hidden, "n"] = random.integers(1, 60, sum(hidden))
    other.loc[hidden, "estimate"] = random.random(sum(hidden))
    pd.testing.assert_frame_equal(cells_of(table, pattern), cells_of(other, pattern))


def test_a_change_is_hidden_with_either_of_its_waves() -> None:
    counts: Counts = {("0001", "g"): (40, 20), ("0002", "g"): (50, 20)}
    now = survey(counts)
    before = survey({("0001", "g"): (12, 6), ("0002", "g"): (5, 2), ("0003", "g"): (60, 30)}, wave="2025")
    change = as_estimates(
        pd.DataFrame({"school_id": ["0001", "0002"], "n": [40, 40], "estimate": [0.1, SECRET]}),
        measure="share_agree_change", population="student", construct="trust", wave="2026", unit="share", method="x",
    )  # fmt: skip
    cells = cells_of(estimates.stack([now, before, change]), pattern_of(now, before))
    told = cells[cells["measure"] == "share_agree_change"].set_index("school_id")["status"]
    assert told.to_dict() == {"0001": "hidden", "0002": "hidden"}, "school 1 hid school 2 in 2025"
    first = as_estimates(change.assign(wave="2025")[change.columns.difference(["status"])])
    assert set(cells_of(first, pattern_of(now, before))["status"]) == {"hidden"}, "there was no wave before"


def test_what_nobody_was_asked_is_not_called_hidden() -> None:
    now = survey({("0001", "g"): (40, 20), ("0002", "g"): (4, 2), ("0003", "g"): (60, 20), ("0004", "g"): (30, 9)})
    gone = pd.DataFrame({"school_id": ["0001", "0002"], "estimate": [np.nan, np.nan], "note": "no answers in 2025"})
    about = {"population": "student", "construct": "trust", "unit": "share", "method": "x"}
    change = as_estimates(gone, measure="share_agree_change", wave="2026", **about)
    level = as_estimates(gone, measure="share_agree", wave="2025", **about)
    hours = as_estimates(gone, measure="outreach_hours", wave="2026", **{**about, "population": ""})
    few = as_estimates(gone.assign(n=4), measure="outreach_hours", wave="2025", **{**about, "population": ""})
    cells = cells_of(estimates.stack([now, change, level, hours, few]), pattern_of(now))
    told = cells.set_index(["measure", "wave", "school_id"])["status"].sort_index()
    for measure, wave in (("share_agree_change", "2026"), ("share_agree", "2025"), ("outreach_hours", "2026")):
        assert set(told[measure, wave]) == {"not_available"}, measure
    assert set(told["outreach_hours", "2025"]) == {"hidden"}, "of so few nothing is said"
    assert "hidden" in set(told["share_agree", "2026"]), "a small school"


def test_shares_near_none_or_all_carry_only_their_bound() -> None:
    counts: Counts = {
        ("0001", "g"): (12, 12),
        ("0002", "g"): (60, 1),
        ("0003", "g"): (400, 394),
        ("0004", "g"): (60, 30),
    }
    table = survey(counts).assign(conf_low=0.0, conf_high=1.0, std_error=0.1)
    cells = cells_of(table, pattern_of(table)).query("group_by == '' and school_id != ''").set_index("school_id")
    assert cells["status"].to_dict() == {"0001": "coded", "0002": "coded", "0003": "shown", "0004": "shown"}
    assert cells["estimate"].to_dict() == pytest.approx({"0001": 0.8, "0002": 0.05, "0003": 394 / 400, "0004": 0.5})
    assert cells.loc[["0001", "0002"], ["std_error", "conf_low", "conf_high"]].isna().all(axis=None)


def test_an_item_that_nearly_all_agree_to_shows_its_lean_only() -> None:
    shares = pd.DataFrame({"group": ["1", "2", "3", "4"], "estimate": [0.0, 0.02, 0.38, 0.6]})
    about = {"measure": "answer_share", "population": "student", "construct": "item", "group_by": "answer"}
    item = as_estimates(shares, **about, school_id="0001", wave="2026", n=50, unit="share", method="x")
    table = estimates.stack([survey({("0001", "g"): (50, 30), ("0002", "g"): (50, 20)}), item])
    cells = cells_of(table, pattern_of(table))
    assert set(cells.loc[cells["measure"] == "answer_share", "status"]) == {"hidden"}
    lean = cells[cells["measure"] == "answer_lean"].iloc[0]
    assert (lean["status"], lean["estimate"]) == ("coded", pytest.approx(0.95))


@pytest.mark.parametrize(("school", "n", "status"), [("", 9, "hidden"), ("", 10, "shown"), ("0001", 40, "hidden")])
def test_officers_are_shown_for_the_district_only_and_from_ten_on(school: str, n: int, status: str) -> None:
    row = pd.DataFrame({"estimate": [0.5], "n": [n], "school_id": [school]})
    table = as_estimates(
        row, measure="training_completion_rate", population="officer", wave="2026", unit="share", method="x"
    )
    assert cells_of(table, pattern_of(survey({("0001", "g"): (50, 30)})))["status"].tolist() == [status]


@pytest.mark.parametrize(("n", "status"), [(pd.NA, "hidden"), (9, "hidden"), (10, "shown")])
def test_any_other_figure_needs_enough_people(n: int, status: str) -> None:
    row = pd.DataFrame({"estimate": [0.5], "n": pd.array([n], dtype="Int64"), "school_id": ["0001"]})
    table = as_estimates(row, measure="outreach_hours_per_100_students", wave="2026", unit="hours", method="x")
    assert cells_of(table, pattern_of(survey({("0001", "g"): (50, 30)})))["status"].tolist() == [status]


def scores_of(counts: Counts) -> pd.DataFrame:
    rows = [
        ("student", "trust", school, "2026", group, float(i < agree))
        for (school, group), (n, agree) in counts.items()
        for i in range(n)
    ]
    columns = ["population", "construct", "school_id", "wave", "gender", "agrees"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:-1], "string"))


def test_other_schools_are_those_that_are_shown() -> None:
    counts: Counts = {("0001", "g"): (5, 2), ("0002", "g"): (14, 7), ("0003", "g"): (60, 20)}
    kept = shown_schools(scores_of(counts), pattern_of(survey(counts)))
    assert kept["school_id"].value_counts().to_dict() == {"0003": 60}


def test_hidden_groups_stand_together_with_those_who_stated_none() -> None:
    counts: Counts = {("0001", "g"): (40, 20), ("0001", "b"): (30, 20), ("0001", "x"): (4, 2), ("0002", "g"): (30, 10)}
    counts |= {("0002", "b"): (31, 20), ("0002", "x"): (12, 6), ("0005", "g"): (50, 20), ("0005", "b"): (55, 30)}
    counts |= {("0006", "g"): (50, 20), ("0006", "b"): (55, 30)}
    table = survey(counts, unstated={"0001": (3, 1)})
    pattern = pattern_of(table)
    scores = scores_of(counts)
    unstated = scores.head(3).assign(gender=pd.array([pd.NA] * 3, dtype="string"))
    together = hidden_groups_together(pd.concat([scores, unstated], ignore_index=True), pattern, "gender")
    assert len(together) == len(scores) + 3, "everyone stays, so that the share of the roster stays"
    first = together[together["school_id"] == "0001"]["gender"]
    assert set(first.dropna()) == {COMBINED}
    hidden = [
        n
        for (s, g), (n, _) in counts.items()
        if s == "0001" and not pattern.shows("student", "trust", "gender", g, s, "2026")
    ]
    assert (first == COMBINED).sum() == sum(hidden) + 3
