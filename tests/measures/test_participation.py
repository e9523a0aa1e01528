"""Who answered, in AAPOR's names: a few people in, outcomes and rates out."""

import pandas as pd
import pytest
from test_flags import LONG, table

from sro_research.measures.participation import dispositions, group_rates, outcome_rates, reached_without_answers
from sro_research.schemas import NO_CONSENT, PREVIEW, SCREENED_OUT


@pytest.mark.parametrize(
    ("blanks", "outcome"), [(0, "complete"), (2, "complete"), (3, "partial"), (6, "partial"), (7, "break_off")]
)
def test_blanks_decide_what_a_survey_is(blanks: int, outcome: str) -> None:
    answers = [98] * (12 - blanks) + [None] * blanks  # "don't know" is an answer
    counts = dispositions(table(LONG, answers, [None] * 12), LONG).iloc[0]
    wanted = {"complete": 0, "partial": 0, "break_off": 1}
    wanted[outcome] += 1
    assert counts[list(wanted)].to_dict() == wanted


def test_rates_have_aapors_names() -> None:
    counts = pd.DataFrame(
        {
            "complete": [60, 60, 60],
            "partial": [10, 10, 10],
            "break_off": [5, 5, 5],
            "refused": [15, 15, 15],
            "not_eligible": [20, 20, 20],
            "roster": pd.array([220, None, 109], dtype="Int64"),
        }
    )
    known, unknown, wrong = (row for _, row in outcome_rates(counts).iterrows())
    assert known["eligible"] == 200
    assert known[["rr1", "rr2", "ref1"]].tolist() == pytest.approx([0.3, 0.35, 0.1])
    for row in (known, unknown, wrong):
        assert row[["coop1", "coop2"]].tolist() == pytest.approx([60 / 90, 70 / 90])
    # 109 people of whom 20 could not be asked cannot be 90 who were reached.
    assert unknown[["rr1", "rr2", "ref1"]].isna().all() and wrong[["rr1", "rr2", "ref1"]].isna().all()


def test_nobody_reached_has_no_cooperation_rate() -> None:
    columns = ["complete", "partial", "break_off", "refused", "not_eligible"]
    row = outcome_rates(pd.DataFrame([[0] * 5], columns=columns).assign(roster=30)).iloc[0]
    assert row["rr2"] == 0 and pd.isna(row["coop2"])


def test_rates_of_groups_count_schools_where_nobody_answered() -> None:
    people = pd.DataFrame(
        [("s", "1", "gender", "1", 10), ("t", "1", "gender", "1", 30), ("s", "1", "gender", "2", 1)],
        columns=["school_id", "wave", "group_by", "group", "people"],
    )
    answers = table(LONG, *[[1] * 12] * 6, gender=pd.array([1, 1, 1, 1, 2, 2], dtype="Int16"))
    rates = group_rates(answers, people).set_index("group")
    assert rates.loc["1", ["answers", "people", "rate"]].tolist() == [4, 40, 0.1]
    assert rates.loc["2", "answers"] == 2 and pd.isna(rates.loc["2", "rate"]), "more answers than people"


def test_a_group_that_nobody_was_asked_about_has_no_rate() -> None:
    people = pd.DataFrame(
        [("s", wave, question, "1", 10) for wave in "12" for question in ("gender", "race")],
        columns=["school_id", "wave", "group_by", "group", "people"],
    )
    answers = table(LONG, *[[1] * 12] * 2, gender=pd.array([1, 1], dtype="Int16"), race=pd.array([None] * 2, "Int16"))
    rates = group_rates(answers, people).set_index(["group_by", "wave"])
    assert rates.loc[("gender", "1"), "rate"].item() == 0.2
    for never in (("gender", "2"), ("race", "1"), ("race", "2")):  # not asked: no zero
        assert rates.loc[never, ["answers", "rate"]].isna().all(axis=None)


def test_who_was_reached_but_did_not_answer_is_counted_once() -> None:
    rows = [("a.csv", 2, NO_CONSENT), ("a.csv", 3, NO_CONSENT), ("a.csv", 3, "not a code"), ("a.csv", 4, SCREENED_OUT),
            ("a.csv", 5, PREVIEW), ("b.csv", 2, NO_CONSENT), ("other.csv", 2, NO_CONSENT)]  # fmt: skip
    quarantine = pd.DataFrame(rows, columns=["source", "row", "rule"])
    surveys = {"a.csv": ("student", "1"), "b.csv": ("student", "1"), "c.csv": ("staff", "1")}
    found = reached_without_answers(quarantine, surveys).set_index("population")
    assert found.loc["student", ["refused", "not_eligible"]].tolist() == [3, 1]
    assert found.loc["staff", ["refused", "not_eligible"]].tolist() == [0, 0]
