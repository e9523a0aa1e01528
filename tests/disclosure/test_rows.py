"""The row rule: what is too small is hidden, nothing follows from what is shown, and what was decided stays so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sro_research import estimates
from sro_research.disclosure.attack import attack
from sro_research.disclosure.linked import link
from sro_research.disclosure.pattern import ROW, Pattern
from sro_research.disclosure.policy import MINIMUM_WIDTH, Policy, must_hide
from sro_research.disclosure.rows import decide_rows
from sro_research.errors import DisclosureError
from surveys import Counts, random_counts, survey


def decide(*tables: pd.DataFrame, frozen: dict | None = None, policy: Policy | None = None) -> Pattern:
    return decide_rows(estimates.stack(tables), policy or Policy(), construct_of={"item": "trust"}, frozen=frozen)


def shown(pattern: Pattern, group: str, school: str, topic: str = "trust", wave: str = "2026") -> bool:
    return pattern.shows("student", topic, "gender" if group else "", group, school, wave)


LARGE = {("0001", "g"): (40, 20), ("0001", "b"): (35, 20), ("0002", "g"): (30, 10), ("0002", "b"): (31, 20)}
LARGE |= {("0005", "g"): (50, 20), ("0005", "b"): (55, 30), ("0006", "g"): (60, 30), ("0006", "b"): (61, 40)}
"""Enough rows that a few hidden ones are no reason to refuse the whole table."""


def test_without_small_groups_everything_is_shown() -> None:
    assert decide(survey(LARGE)).rows["shown"].all()


def test_a_small_group_takes_the_next_smallest_of_its_school_with_it() -> None:
    counts: Counts = {**LARGE, ("0001", "x"): (4, 2), ("0002", "x"): (12, 6)}
    pattern = decide(survey(counts))
    # Hidden alone, x would be 79 - 40 - 35 = 4 in its school, and 16 - 12 in the district.
    hidden = set(pattern.rows.loc[~pattern.rows["shown"], ["school_id", "group"]].itertuples(index=False, name=None))
    assert {("0001", "x"), ("0002", "x")} <= hidden
    assert len(hidden & {("0001", "b"), ("0001", "g")}) == 1
    assert shown(pattern, "", "0001") and shown(pattern, "x", "") and not pattern.refused


def test_people_who_stated_no_group_hide_a_small_one() -> None:
    counts: Counts = {**LARGE, ("0001", "x"): (4, 2), ("0002", "x"): (4, 3), ("0001", "y"): (0, 0)}
    unstated = {"0001": (7, 3), "0002": (9, 5)}
    pattern = decide(survey(counts, unstated=unstated))
    assert not shown(pattern, "x", "0001") and not shown(pattern, "x", "0002")
    assert shown(pattern, "b", "0001"), "79 + 7 people less those shown are eleven: no small group"


def test_one_small_school_is_not_hidden_alone() -> None:
    counts: Counts = {("0001", "g"): (5, 2), ("0002", "g"): (14, 7), ("0003", "g"): (60, 20), ("0004", "g"): (80, 50)}
    pattern = decide(survey(counts))
    assert [shown(pattern, "", s) for s in ("0001", "0002", "0003", "0004")] == [False, False, True, True]
    assert shown(pattern, "", "")


def test_two_small_schools_with_enough_people_need_no_third() -> None:
    counts: Counts = {("0001", "g"): (6, 2), ("0002", "g"): (7, 3), ("0003", "g"): (60, 20)}
    pattern = decide(survey(counts))
    assert [shown(pattern, "", s) for s in ("0001", "0002", "0003")] == [False, False, True]


def test_public_rosters_can_ask_for_one_more_school() -> None:
    counts: Counts = {("0001", "g"): (3, 1), ("0002", "g"): (6, 2), ("0003", "g"): (8, 3), ("0004", "g"): (30, 10)}
    counts |= {("0005", "g"): (40, 10)}
    table = survey(counts)
    assert decide(table).rows.query("group == '' and school_id != ''")["shown"].sum() == 2
    index = pd.MultiIndex.from_product([["0001", "0002", "0003", "0004", "0005"], ["2026"]])
    people = pd.Series([3, 6, 9, 45, 60], index=index)  # Nearly all of the small schools answered.
    pattern = decide_rows(table, Policy(), construct_of={}, rosters={"student": people})
    assert [shown(pattern, "", s) for s in ("0003", "0004", "0005")] == [False, False, True]


def test_a_district_of_few_people_shows_nothing() -> None:
    pattern = decide(survey({("0001", "g"): (3, 1), ("0002", "g"): (4, 2)}))
    assert not pattern.rows["shown"].any()


def test_one_school_alone_cannot_hide_behind_another() -> None:
    counts: Counts = {("0001", "g"): (5, 2), ("0002", "g"): (60, 20)}
    frozen = {("student", "trust", "", "", "0002", "2026"): True}
    with pytest.raises(DisclosureError, match="no other school"):
        decide(survey(counts), frozen=frozen)


def test_what_a_group_hides_behind_is_hidden_on_every_topic() -> None:
    counts: Counts = {**LARGE, ("0001", "x"): (4, 2), ("0002", "x"): (20, 6)}
    enough: Counts = {**counts, ("0001", "x"): (11, 5)}
    pattern = decide(survey(counts), survey(enough, topic="safety"))
    complements = {
        (row.school_id, row.group)
        for row in pattern.rows[~pattern.rows["shown"] & (pattern.rows["construct"] == "trust")].itertuples()
        if counts.get((row.school_id, row.group), (0, 0))[0] >= 10
    }
    assert complements
    assert not any(shown(pattern, group, school, "safety") for school, group in complements)
    assert not shown(pattern, "x", "0001", "safety"), "or what x hides behind on trust would be known on safety"


def narrow_rows(pattern: Pattern, counts: Counts, topic: str = "trust") -> list[tuple[str, str]]:
    """Return the hidden rows, small or not, of which a reader of all shown ones knows too well how many people."""
    frame = pd.DataFrame([(*key, n) for key, (n, _) in counts.items()], columns=["school", "gender", "count"])
    tables = link([(frame, ["school", "gender"])])
    names = [(dict(key).get("gender", ""), dict(key).get("school", "")) for key in tables.keys]
    absent = {(row[3], row[4]) for row in pattern.absent}  # Of any wave: pages of one tell it for all.
    hidden = np.array([name not in absent and not shown(pattern, *name, topic) for name in names])
    found = attack(tables.equations, tables.counts, hidden, enough=MINIMUM_WIDTH)
    return [names[cell] for cell, width in zip(found.cells, found.width, strict=True) if width < MINIMUM_WIDTH]


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_what_a_group_hides_behind_is_as_safe_on_every_topic(seed: int) -> None:
    random = np.random.default_rng(seed)
    trust: Counts = {}
    for school in range(int(random.integers(4, 8))):
        size = random.choice([25, 60, 90])
        for group in "012":
            trust[f"000{school}", group] = (1 + int(random.poisson(size * random.choice([0.1, 0.4, 0.8]))), 0)
    safety = {key: (max(1, n - int(random.integers(0, 4))), 0) for key, (n, _) in trust.items()}
    pattern = decide(survey(trust), survey(safety, topic="safety"))
    assert narrow_rows(pattern, trust) == narrow_rows(pattern, safety, "safety") == []


def test_a_group_that_is_absent_at_a_hidden_school_protects_nothing() -> None:
    """Other waves show the school, and say that the group is not available there."""
    counts: Counts = {("0001", "a"): (4, 2), ("0002", "a"): (5, 2), ("0002", "b"): (30, 10), ("0003", "a"): (6, 3)}
    counts |= {(f"000{s}", g): (n, n // 2) for s, g, n in [(4, "a", 40), (4, "b", 45), (5, "a", 50), (5, "b", 41)]}
    later = {key: (n + 60, n) for key, (n, _) in counts.items()}
    pattern = decide(survey(counts), survey(later, wave="2027"))
    assert {(row[3], row[4]) for row in pattern.absent} == {("b", "0001"), ("b", "0003")}
    assert not shown(pattern, "", "0001")
    assert narrow_rows(pattern, counts) == []


def test_a_grade_that_no_wave_has_is_absent_and_protects_nothing() -> None:
    counts: Counts = {**LARGE, ("0003", "g"): (50, 20)}
    pattern = decide(survey(counts))
    assert ("student", "trust", "gender", "b", "0003", "2026") in pattern.absent
    assert shown(pattern, "g", "0003")
    later = decide(survey(counts), survey({**counts, ("0003", "b"): (30, 20)}, wave="2027"))
    assert not later.absent
    assert not shown(later, "b", "0003"), "nobody this year is hidden like nine"


def test_a_table_that_would_be_mostly_hidden_is_refused_with_a_proposal() -> None:
    counts: Counts = {(f"{s:04d}", g): (5, 2) for s in range(6) for g in "abc"}
    counts |= {(f"{s:04d}", "d"): (40, 20) for s in range(6)}
    pattern = decide(survey(counts))
    refused = pattern.refused[0]
    assert refused.hidden == pytest.approx(18 / 24) and refused.group_by == "gender"
    assert "Merge groups of 'gender'" in refused.proposal
    assert not any(shown(pattern, "d", f"{s:04d}") for s in range(6))
    assert shown(pattern, "d", "") and shown(pattern, "", "0001")


def test_an_item_is_shown_only_with_its_construct() -> None:
    def answers(school: str, n: int) -> pd.DataFrame:
        rows = pd.DataFrame({"group": ["1", "2"], "estimate": [0.4, 0.6]})
        about = {"measure": "answer_share", "population": "student", "construct": "item", "group_by": "answer"}
        return estimates.as_estimates(rows, **about, school_id=school, wave="2026", n=n, unit="share", method="x")

    counts: Counts = {("0001", "g"): (5, 2), ("0002", "g"): (14, 7), ("0003", "g"): (60, 20)}
    pattern = decide(survey(counts), answers("0002", 14), answers("0003", 55), answers("0001", 5))
    items = [pattern.shows("student", "item", "", "", school, "2026") for school in ("0001", "0002", "0003")]
    assert items == [False, False, True], "school 2 hides school 1, and its answers would tell"


@pytest.mark.parametrize("seed", range(6))
def test_no_small_row_can_be_worked_out_even_from_every_digit(seed: int) -> None:
    counts = random_counts(seed, schools=12)
    random = np.random.default_rng(seed)
    unstated = {f"{s:04d}": (int(random.integers(0, 6)), 0) for s in range(12)}
    pattern = decide(survey(counts, unstated=unstated))
    rows = [(s, g, *counts[s, g]) for s, g in counts] + [(s, "-", *c) for s, c in unstated.items()]
    for answers in (False, True):
        frame = pd.DataFrame(rows, columns=["school", "gender", "count", "yes"])
        if answers:
            no = frame.assign(answer="no", count=frame["count"] - frame["yes"])
            frame = pd.concat([frame.assign(answer="yes", count=frame["yes"]), no])
        tables = link([(frame, ["school", "gender", *(["answer"] if answers else [])])])
        levels = [dict(key) for key in tables.keys]
        names = [(level.get("gender", ""), level.get("school", "")) for level in levels]
        absent = {(row[3], row[4]) for row in pattern.absent}
        hidden = np.array([g == "-" or ((g, s) not in absent and not shown(pattern, g, s)) for g, s in names])
        size = np.array([tables.counts[tables.index[tuple(sorted((k, v) for k, v in level.items() if k != "answer"))]]
                         for level in levels]) if answers else tables.counts  # fmt: skip
        people = np.array(["answer" not in level for level in levels])
        stated = np.array([g != "-" for g, _ in names])
        small = hidden & stated & (people | ((size < 10) & (size > 0)))
        found = attack(tables.equations, tables.counts, hidden, enough=MINIMUM_WIDTH, targets=small)
        for cell, width in zip(found.cells, found.width, strict=True):
            if people[cell]:
                assert width >= MINIMUM_WIDTH, names[cell]
            elif tables.counts[cell]:
                assert width >= 1, names[cell]


def test_what_protects_complements_does_not_spread_through_a_large_district() -> None:
    """Each complement needs another one only where none is near: asking for one in each block hid twice as many."""
    counts = random_counts(0, 200, groups=5, median=380)
    small = sum(0 < n < Policy().minimum_group_size for n, _ in counts.values())
    rows = decide(survey(counts)).rows
    filled = [counts[school, group][0] > 0 for school, group in zip(rows["school_id"], rows["group"], strict=True) if
              school and group]  # fmt: skip
    hidden = ~rows.loc[(rows["school_id"] != "") & (rows["group"] != ""), "shown"].to_numpy()
    assert small == 214
    assert (hidden & filled).sum() <= 1.7 * small
    assert rows.loc[rows["school_id"] == "", "shown"].all(), "no total of the district has to be hidden for it"


def test_the_same_district_is_decided_alike_in_any_order_of_rows() -> None:
    table = survey(random_counts(1, schools=10))
    again = table.sample(frac=1, random_state=4, ignore_index=True)
    pd.testing.assert_frame_equal(decide(table).rows, decide(again).rows)


def test_what_was_decided_stays_though_it_would_be_decided_otherwise() -> None:
    counts: Counts = {**LARGE, ("0001", "x"): (4, 2), ("0002", "x"): (12, 6)}
    first = decide(survey(counts))
    frozen = dict(zip(first.rows[ROW].itertuples(index=False, name=None), first.rows["shown"], strict=True))
    key = next(row for row in frozen if row[3] == "g" and row[4] == "0002")
    hides_more = {**frozen, key: False}
    second = decide(survey(counts), frozen=hides_more)
    assert not second.shows(*key)
    assert second.rows["shown"].sum() <= first.rows["shown"].sum()


def test_a_row_that_was_shown_cannot_be_hidden_any_more() -> None:
    counts: Counts = {**LARGE, ("0001", "x"): (4, 2), ("0002", "x"): (12, 6)}
    frozen = {("student", "trust", "gender", "x", "0001", "2026"): True}
    with pytest.raises(DisclosureError, match="earlier release showed") as error:
        decide(survey(counts), frozen=frozen)
    assert error.value.rows == 1


def test_a_stricter_threshold_hides_more() -> None:
    table = survey(random_counts(2, schools=10))
    assert decide(table, policy=Policy(minimum_group_size=20)).rows["shown"].sum() < decide(table).rows["shown"].sum()


def test_events_of_one_person_are_hidden_though_they_are_many() -> None:
    counts, largest = np.array([9, 10, 12, 12]), np.array([1, 2, 9, 6])
    assert must_hide(counts, largest).tolist() == [True, False, True, False]
    assert must_hide(counts).tolist() == [True, False, False, False]


def test_shares_are_coded_more_coarsely_in_smaller_groups() -> None:
    assert [Policy().smallest_share(n) for n in (10, 19, 20, 39, 40, 99, 100, 299, 300)] == [
        0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.02, 0.02, 0.01,
    ]  # fmt: skip
