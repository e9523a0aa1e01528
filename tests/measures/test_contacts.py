"""Counts and shares of contacts, by hand: which contact counts where, and what is not known."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.contact_findings import EXPLAINED, contact_findings
from sro_research.measures.contact_groups import (
    by_officer,
    district_counts,
    group_counts,
    group_rates,
    largest_groups,
    not_recorded,
    recorded_questions,
)
from sro_research.measures.contacts import (
    RATES,
    SHARES,
    callers,
    classed_contacts,
    coded_twice,
    contact_indicators,
    last_logged_waves,
    outcome_funnel,
    steps,
)
from sro_research.parameters import Wave
from sro_research.schemas.contacts import KINDS, OUTCOMES

WAVES = [
    Wave(id="1", label={"en": "1"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "2"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame(
    {"school_id": ["a", "a", "b", "b"], "wave": ["1", "2", "1", "2"], "students": [200, 200, 100, None]}
).astype({"school_id": "string", "wave": "string", "students": "Int64"})
TEXTS = ["contact_id", "school_id", "officer_key", "kind", "reason", "second_reason", "called_by", "basis", "found"]
QUESTIONS = ["race", "gender"]


def contacts(*rows: dict[str, object]) -> pd.DataFrame:
    usual = {"school_id": "a", "officer_key": "o1", "date": "2023-09-01", "kind": "stop", "outcome": "warned"}
    columns = [*TEXTS, "outcome", "date", *QUESTIONS]
    table = pd.DataFrame([{"contact_id": f"C-{i}"} | usual | row for i, row in enumerate(rows)], columns=columns)
    types = dict.fromkeys([*TEXTS, "outcome"], "string") | dict.fromkeys(QUESTIONS, "Int64")
    return table.astype(types | {"date": "datetime64[ns]"})


def reached(**row: object) -> set[str]:
    one = steps(contacts(row)).iloc[0]
    return set(one.index[one]) & {"stop", "search", "interview", "referral", "citation", "arrest", "diversion"}


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"kind": "stop"}, {"stop"}),
        ({"kind": "other"}, set()),
        ({"kind": "interview"}, {"stop", "interview"}),
        ({"kind": "search"}, {"stop", "search"}),
        ({"kind": "stop", "basis": "consent"}, {"stop", "search"}),
        ({"kind": "other", "outcome": "arrested"}, {"stop", "referral", "arrest"}),
        ({"kind": "stop", "outcome": "referred"}, {"stop", "referral"}),
        ({"kind": "stop", "outcome": "diverted"}, {"stop", "referral", "diversion"}),
        ({"kind": "citation", "outcome": "cited"}, {"stop", "referral", "citation"}),
        ({"kind": "arrest", "outcome": None}, {"stop", "referral", "arrest"}),
        ({"kind": "referral", "outcome": "open"}, {"stop", "referral"}),
        ({"kind": "stop", "outcome": None}, {"stop"}),
    ],
)
def test_a_contact_reaches_what_its_kind_or_its_outcome_says(row: dict[str, object], names: set[str]) -> None:
    assert reached(**row) == names


def value(measure: str, school: str, wave: str, *rows: dict[str, object]) -> tuple[object, object, object]:
    made = contact_indicators(contacts(*rows), SCHOOLS, WAVES).set_index(["measure", "school_id", "wave"])
    row = made.loc[(measure, school, wave)]
    return tuple(None if pd.isna(row[c]) else row[c] for c in ("numerator", "denominator", "value"))


def test_rates_are_per_100_students() -> None:
    rows = ({}, {}, {"kind": "search"}, {"school_id": "b"})
    assert value("contacts_per_100_students", "a", "1", *rows) == (3, 200, 1.5)
    assert value("searches_per_100_students", "a", "1", *rows) == (1, 200, 0.5)
    assert value("contacts_per_100_students", "", "1", *rows) == (4, 300, pytest.approx(4 / 3))


def test_a_school_without_contacts_has_zero_and_a_wave_without_a_log_has_nothing() -> None:
    assert value("contacts_per_100_students", "b", "1", {}) == (0, 100, 0)
    assert value("contacts_per_100_students", "a", "2", {}) == (None, 200, None)
    assert value("routine_discipline_share", "", "2", {}) == (None, None, None)


def test_where_the_number_of_students_is_not_known_there_is_no_rate() -> None:
    late = {"date": "2024-09-02"}
    assert value("contacts_per_100_students", "b", "2", late, late | {"school_id": "b"}) == (1, None, None)
    # The district's rate has neither its students nor its contacts; shares of contacts have them.
    assert value("contacts_per_100_students", "", "2", late, late | {"school_id": "b"}) == (1, 200, 0.5)
    called = {"called_by": "teacher"}
    both = (late | called, late | called | {"school_id": "b"})
    assert value("officer_initiated_share", "", "2", *both) == (0, 2, 0)


def test_what_was_not_classed_is_neither_routine_nor_not() -> None:
    rows = (
        {"reason": "routine_discipline", "called_by": "teacher"},
        {"reason": "routine_discipline", "called_by": "student"},
        {"reason": "routine_discipline"},
        {"reason": "safety_or_criminal", "called_by": "officer_initiated"},
        {"reason": "not_classed"},
        {"reason": None},
    )
    assert value("routine_discipline_share", "a", "1", *rows) == (3, 4, 0.75)
    assert value("classed_share", "a", "1", *rows) == (4, 6, pytest.approx(2 / 3))
    assert value("officer_initiated_share", "a", "1", *rows) == (1, 3, pytest.approx(1 / 3))
    assert value("routine_called_by_staff_share", "a", "1", *rows) == (1, 2, 0.5)


def test_open_and_unknown_outcomes_are_no_decision() -> None:
    rows = tuple({"outcome": o} for o in ("diverted", "cited", "arrested", "referred", "open", None, "warned"))
    assert value("diversion_share", "a", "1", *rows) == (1, 3, pytest.approx(1 / 3))
    assert value("open_share", "a", "1", *rows) == (1, 6, pytest.approx(1 / 6))
    assert value("diversion_share", "a", "1", {}) == (0, 0, None)


def test_a_search_without_a_result_is_no_miss() -> None:
    rows = (
        {"kind": "search", "found": "yes"},
        {"kind": "search"},
        {"basis": "consent", "found": "no"},
        {"found": "no"},
    )
    assert value("hit_rate", "a", "1", *rows) == (1, 2, 0.5)
    assert value("searches_per_100_students", "a", "1", *rows) == (3, 200, 1.5)


def test_each_measure_has_a_row_for_each_school_and_wave_and_for_the_district() -> None:
    made = contact_indicators(contacts({}), SCHOOLS, WAVES)
    assert len(made) == (len(RATES) + len(SHARES)) * (len(SCHOOLS) + len(WAVES))
    assert not made.duplicated(["measure", "school_id", "wave"]).any()


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(KINDS),
                "outcome": st.sampled_from([*OUTCOMES, None]),
                "school_id": st.sampled_from(["a", "b"]),
                "race": st.sampled_from([1, 2, None]),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
def test_the_funnel_and_the_groups_add_up(rows: list[dict[str, object]]) -> None:
    table = contacts(*rows)
    funnel = outcome_funnel(table, WAVES)
    cells = funnel.groupby(["school_id", "wave"])
    assert (cells["contacts"].sum() == cells["all_contacts"].first()).all()
    assert funnel.loc[funnel["school_id"] == "", "contacts"].sum() == len(rows)
    said = steps(table)
    assert (said["arrest"] <= said["referral"]).all() and (said["referral"] <= said["stop"]).all()
    assert (said["search"] <= said["stop"]).all()
    counts = group_counts(table, enrolled(), WAVES, questions=["race"])
    blank = not_recorded(table, WAVES, questions=["race"])
    with_group = counts["contact"].sum()
    assert with_group + blank.loc[blank["school_id"] == "", "numerator"].sum() == len(rows)


def enrolled(*left_out: tuple[str, str, str, str]) -> pd.DataFrame:
    rows = [
        (school, wave, question, str(code), 50 * code)
        for school in ("a", "b")
        for wave in ("1", "2")
        for question in QUESTIONS
        for code in (1, 2)
        if (school, wave, question, str(code)) not in left_out
    ]
    table = pd.DataFrame(rows, columns=["school_id", "wave", "group_by", "group", "people"])
    return table.astype(dict.fromkeys(["school_id", "wave", "group_by", "group"], "string") | {"people": "Int64"})


def test_groups_have_zeros_where_there_was_a_log_and_nothing_elsewhere() -> None:
    counts = group_counts(contacts({"race": 1}, {"race": 1, "gender": 2}, {}), enrolled(), WAVES, questions=QUESTIONS)
    at = counts.set_index(["school_id", "wave", "group_by", "group"])["contact"]
    assert [at[("a", "1", "race", c)] for c in "12"] == [2, 0]
    assert [at[("a", "1", "gender", c)] for c in "12"] == [0, 1]
    assert at[("b", "1", "race", "1")] == 0 and pd.isna(at[("a", "2", "race", "1")])


def test_a_question_that_no_contact_of_a_wave_answers_has_no_zeros() -> None:
    log = contacts({"race": 1, "gender": 1}, SECOND_WAVE | {"race": 1})
    counts = group_counts(log, enrolled(), WAVES, questions=QUESTIONS)
    at = counts.set_index(["group_by", "wave", "group"]).sort_index()["contact"]
    assert at["race", "2", "2"].to_list() == [0, 0] and at["gender", "1", "2"].to_list() == [0, 0]
    assert at["gender", "2"].isna().all()
    assert recorded_questions(log, [*QUESTIONS, "language"]) == QUESTIONS
    assert recorded_questions(contacts({"race": 1}), QUESTIONS) == ["race"]


def test_the_largest_group_is_that_with_most_students_and_the_first_of_two_alike() -> None:
    assert largest_groups(enrolled()) == {"gender": "2", "race": "2"}
    assert largest_groups(enrolled(*((s, w, "race", "2") for s in "ab" for w in "12"))) == {"gender": "2", "race": "1"}
    alike = enrolled().assign(people=50)
    assert largest_groups(alike) == largest_groups(alike.iloc[::-1]) == {"gender": "1", "race": "1"}
    assert largest_groups(enrolled().assign(people=pd.NA)) == {}


def test_a_school_whose_groups_are_not_all_known_is_not_in_the_sum_of_the_district() -> None:
    table = contacts({"race": 1}, {"race": 2}, {"race": 1, "school_id": "b"}, {"race": 2, "school_id": "b"})
    counts = group_counts(table, enrolled(("b", "1", "race", "2")), WAVES, questions=["race"])
    lone = counts.set_index(["school_id", "wave", "group"]).loc[("b", "1", "2")]
    assert pd.isna(lone["people"]) and lone["contact"] == 1
    sums = district_counts(counts).set_index("group")
    assert sums["people"].to_dict() == {"1": 50, "2": 100} and sums["contact"].to_dict() == {"1": 1, "2": 1}


def test_rates_of_groups_are_per_100_of_their_students() -> None:
    counts = group_counts(contacts({"race": 1}, {"race": 1, "kind": "search"}), enrolled(), WAVES, questions=["race"])
    rates = group_rates(counts.assign(people=counts["people"].mask(counts["school_id"] == "b", 0)))
    at = rates.set_index(["measure", "school_id", "wave", "group"])["value"]
    assert at[("contacts_per_100_students", "a", "1", "1")] == 4
    assert at[("searches_per_100_students", "a", "1", "1")] == 2
    assert at[("searches_per_100_students", "a", "1", "2")] == 0
    assert pd.isna(at[("contacts_per_100_students", "b", "1", "1")])
    assert pd.isna(at[("contacts_per_100_students", "a", "2", "1")])


def test_contacts_by_officer_leave_out_who_is_not_known() -> None:
    log = contacts({"race": 1}, {"race": 1, "officer_key": None}, {})
    counts = group_counts(log, enrolled(), WAVES, questions=QUESTIONS)
    rows = by_officer(log, WAVES, questions=QUESTIONS, counts=counts)
    assert rows[["officer_key", "group_by", "group"]].to_numpy().tolist() == [["o1", "race", "1"]]


def test_contacts_by_officer_are_of_the_schools_whose_students_they_are_held_against() -> None:
    """At b, students of group 2 are not known: the district counts a only, and so does a ratio by officer."""
    at_a = [{"race": 1}] * 3 + [{"race": 2, "officer_key": "o2"}] * 2
    at_b = [{"race": 2, "school_id": "b", "officer_key": "o3"}] * 20 + [{"race": 1, "school_id": "b"}]
    log = contacts(*at_a, *at_b)
    counts = group_counts(log, enrolled(("b", "1", "race", "2")), WAVES, questions=["race"])
    rows, sums = by_officer(log, WAVES, questions=["race"], counts=counts), district_counts(counts)
    assert rows.groupby("group").size().to_dict() == sums.set_index("group")["contact"].to_dict() == {"1": 3, "2": 2}
    assert rows["school_id"].unique().tolist() == ["a"]


def test_a_school_whose_contacts_all_leave_a_group_blank_has_no_zeros() -> None:
    log = contacts({"race": 1, "gender": 1}, {"race": 2}, *[{"school_id": "b", "gender": 2}] * 20)
    counts = group_counts(log, enrolled(), WAVES[:1], questions=QUESTIONS)
    at = counts[counts["wave"] == "1"].set_index(["group_by", "school_id", "group"]).sort_index()["contact"]
    assert at["race", "b"].isna().all() and at["race", "a"].to_list() == [1, 1]
    assert at["gender", "b"].to_list() == [0, 20] and at["gender", "a"].to_list() == [1, 0]
    sums = district_counts(counts).set_index(["group_by", "wave", "group"])
    assert sums.loc[("race", "1"), "people"].to_list() == [50, 100]
    assert sums.loc[("gender", "1"), "people"].to_list() == [100, 200]
    assert found(log, questions=QUESTIONS)["groups_never_recorded"] == 1


def test_who_called_adds_up_to_all_contacts() -> None:
    log = contacts({"called_by": "teacher"}, {"called_by": "teacher", "school_id": "b"}, {}, {"date": "2020-01-01"})
    made = callers(log, WAVES).set_index(["school_id", "called_by"])
    assert made["contacts"].to_dict() == {
        ("", "not_recorded"): 1, ("", "teacher"): 2, ("a", "not_recorded"): 1, ("a", "teacher"): 1, ("b", "teacher"): 1
    }  # fmt: skip
    assert made.loc["", "all_contacts"].to_list() == [3, 3]


def test_classed_contacts_leave_out_what_was_not_classed_or_belongs_to_no_wave() -> None:
    routine, safety = {"reason": "routine_discipline"}, {"reason": "safety_or_criminal"}
    log = contacts(routine, safety, {}, {"reason": "not_classed"}, routine | {"date": "2020-01-01"})
    made = classed_contacts(log, WAVES)[["school_id", "wave", "routine"]]
    assert made.to_numpy().tolist() == [["a", "1", 1], ["a", "1", 0]]


def test_classes_of_two_people() -> None:
    routine, safety = "routine_discipline", "safety_or_criminal"
    table = contacts(
        {"reason": routine, "second_reason": safety},
        {"reason": routine},
        {"reason": "not_classed", "second_reason": safety},
        {"reason": safety, "second_reason": "not_classed"},
    )
    assert coded_twice(table, WAVES)[["first", "second"]].to_numpy().tolist() == [[routine, safety]]
    both = {"reason": routine, "second_reason": safety}
    assert coded_twice(contacts(both, both | {"date": "2020-01-01"}), WAVES)["wave"].to_list() == ["1"]


def found(table: pd.DataFrame, **more: object) -> dict[str, int]:
    rows = contact_findings(table, SCHOOLS, WAVES, **more).set_index("finding")["rows"]
    return rows[rows > 0].to_dict()


SECOND_WAVE = {"date": "2024-09-02"}


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({"date": "2024-07-15"}, "contact_outside_waves"),
        ({"outcome": None}, "outcome_not_recorded"),
        ({"kind": "arrest"}, "outcome_contradicts_kind"),
        ({"kind": "referral", "outcome": "returned_to_school"}, "outcome_contradicts_kind"),
        ({"kind": "search", "found": "no"}, "search_without_basis"),
        ({"kind": "search", "basis": "consent"}, "search_without_result"),
        ({"found": "yes"}, "result_without_search"),
        ({"second_reason": "routine_discipline"}, "second_class_alone"),
        ({"officer_key": None}, "officer_not_recorded"),
        ({"school_id": "z"}, "school_not_on_roster"),
    ],
)
def test_each_thing_that_does_not_fit_is_found_and_counted(row: dict[str, object], finding: str) -> None:
    assert found(contacts(row, row, {}, SECOND_WAVE)) == {finding: 2}


@pytest.mark.parametrize(
    "row",
    [{"kind": "arrest", "outcome": "open"}, {"kind": "referral", "outcome": "arrested"}, {"kind": "stop"}],
)
def test_what_fits_is_no_finding(row: dict[str, object]) -> None:
    assert found(contacts(row, SECOND_WAVE)) == {}


def test_a_zero_says_that_it_was_looked_for() -> None:
    rows = contact_findings(contacts({}, SECOND_WAVE), SCHOOLS, WAVES)
    assert set(rows["rows"]) == {0} and str(rows["rows"].dtype) == "Int64"
    asks_more = {"officer_not_assigned", "group_without_students", "group_not_recorded", "groups_never_recorded"}
    asks_more |= {"fewer_arrests_than_students_arrested", "fewer_referrals_than_students_referred"}
    asks_more |= {"arrests_without_students_arrested"}
    assert set(EXPLAINED) - set(rows["finding"]) == asks_more


def test_a_wave_without_a_log_is_found() -> None:
    assert found(contacts({})) == {"wave_without_contacts": 1}


@pytest.mark.parametrize(
    ("years", "logged", "last"),
    [
        ((2023, 2024, 2025), (2023, 2024, 2025), ["2023", "2024", "2025"]),
        ((2023, 2024, 2025), (2023, 2025), ["2025"]),  # nothing is known of the year between
        ((2023, 2024, 2025), (2023, 2024), ["2023", "2024"]),
        ((2019, 2022, 2025), (2019, 2022, 2025), ["2025"]),  # a survey of every third year
        ((2022, 2023, 2024, 2025), (2022, 2023, 2024, 2025), ["2023", "2024", "2025"]),
        ((2023, 2024), (), []),
    ],
)
def test_years_that_are_added_up_follow_each_other(
    years: tuple[int, ...], logged: tuple[int, ...], last: list[str]
) -> None:
    waves = [Wave(id=str(y), label={"en": str(y)}, start=dt.date(y, 8, 1), end=dt.date(y + 1, 6, 30)) for y in years]
    log = contacts(*({"date": f"{y}-09-01"} for y in logged))
    assert last_logged_waves(log, waves, years=3) == last


def test_officers_are_held_against_their_assignments() -> None:
    posts = pd.DataFrame(
        {
            "officer_key": ["o1", "o1", "o2"],
            "school_id": ["a", "a", "b"],
            "from_date": pd.to_datetime(["2023-08-01", "2023-08-15", "2023-08-01"]),
            "to_date": pd.to_datetime(["2023-12-31", "2023-12-31", None]),
        }
    )
    rows = ({}, {"date": "2024-01-01"}, {"officer_key": "o2"}, SECOND_WAVE | {"officer_key": "o2", "school_id": "b"})
    assert found(contacts(*rows), assignments=posts) == {"officer_not_assigned": 2}


def test_the_discipline_records_are_held_against_the_log() -> None:
    discipline = pd.DataFrame(
        [("a", "1", "arrest", 2), ("b", "1", "arrest", 0), ("a", "1", "referral", 1), ("a", "2", "arrest", 5)],
        columns=["school_id", "wave", "event", "students"],
    ).astype({"students": "Int64"})
    table = contacts({"kind": "arrest", "outcome": "arrested"})
    # One arrest is a referral too; of the second wave the log knows nothing.
    assert found(table, discipline=discipline) == {
        "wave_without_contacts": 1,
        "fewer_arrests_than_students_arrested": 1,
    }


def test_arrests_of_a_school_that_says_none_was_arrested() -> None:
    none = pd.DataFrame(
        [("a", "1", "arrest", 0), ("b", "1", "arrest", 0)], columns=["school_id", "wave", "event", "students"]
    ).astype({"students": "Int64"})
    table = contacts({"kind": "arrest", "outcome": "arrested"}, SECOND_WAVE)
    assert found(table, discipline=none) == {"arrests_without_students_arrested": 1}
    assert found(contacts({}, SECOND_WAVE), discipline=none) == {}


def test_groups_without_students_and_contacts_without_groups() -> None:
    table = contacts({"race": 1, "gender": 1}, {"race": 2, "gender": None}, SECOND_WAVE | {"race": 1, "gender": 1})
    groups = group_counts(table, enrolled(("a", "1", "race", "2")), WAVES, questions=QUESTIONS)
    assert found(table, groups=groups, questions=QUESTIONS) == {"group_not_recorded": 1, "group_without_students": 1}


def test_an_explanation_is_one_sentence_and_accuses_nobody() -> None:
    for said in EXPLAINED.values():
        assert said.endswith(".") and ". " not in said
        assert not any(word in said.lower() for word in ("wrong", "violat", "biased", "abuse", "fault"))
