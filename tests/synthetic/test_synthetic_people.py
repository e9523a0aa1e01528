"""Made-up officers: their records keep the rules, and what was planted is found again."""

import datetime as dt

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from conftest import PROJECT

from sro_research import schemas
from sro_research.measures.coverage import coverage_calendar, coverage_indicators, school_days
from sro_research.measures.people import coaching_times, review_indicators, selection_ratings
from sro_research.measures.people_findings import assignment_findings, people_findings, training_findings
from sro_research.measures.training_requirements import (
    ALL_COURSES,
    completion_times,
    trained_periods,
    training_requirements,
)
from sro_research.models.precision import korn_graubard
from sro_research.models.time_to_event import kaplan_meier, survival_at, time_by_which, time_estimates
from sro_research.parameters import Wave, read_checked
from sro_research.standards.selection import SelectionStandard
from sro_research.standards.training import Course, TrainingStandard
from sro_research.synthetic.people import PeopleTruth, make_people

WAVES = [
    Wave(id=str(y), label={"en": str(y)}, start=dt.date(y - 1, 8, 1), end=dt.date(y, 6, 30)) for y in (2024, 2025, 2026)
]
FOLDER = PROJECT / "params" / "standards"
COURSES = dict(read_checked(FOLDER / "training.yaml", TrainingStandard)[0].courses)
SELECTION = read_checked(FOLDER / "selection.yaml", SelectionStandard)[0]
DISTRICTS = 200


def officers(count: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return officers who came in the course of three years, a tenth of whom left, each at a school of its own."""
    start = pd.Timestamp("2023-08-01") + pd.to_timedelta(rng.integers(-300, 1060, count), unit="D")
    end = pd.Series(start + pd.to_timedelta(rng.integers(100, 400, count), unit="D")).where(rng.random(count) < 0.1)
    ids = [f"o{i}" for i in range(count)]
    people = pd.DataFrame({"officer_id": ids, "start_date": start, "end_date": end})
    posts = people.rename(columns={"start_date": "from_date", "end_date": "to_date"})
    return people, posts.assign(school_id=[f"s{i}" for i in range(count)])


def made(
    seed: int, count: int = 40, courses: dict[str, Course] = COURSES, truth: PeopleTruth | None = None
) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    people, posts = officers(count, rng)
    tables = make_people(people, posts, courses, SELECTION, WAVES, rng, truth or PeopleTruth())
    return {
        name: t.rename(columns={"officer_id": "officer_key"}) for name, t in ({"officers": people} | tables).items()
    }


def schema_of(name: str) -> pa.DataFrameSchema:
    return {
        "leaves": schemas.leaves(None),
        "closures": schemas.closures(None),
        "training": schemas.training(None, COURSES),
        "selection": schemas.selection(None, SELECTION.criteria, lowest=SELECTION.lowest, highest=SELECTION.highest),
        "reviews": schemas.reviews(None),
        "coaching": schemas.coaching(None),
        "assignments": schemas.assignments(None, None),
    }[name]


@pytest.mark.parametrize("name", ["leaves", "closures", "training", "selection", "reviews", "coaching", "assignments"])
def test_records_keep_the_rules_of_their_tables(name: str) -> None:
    table, schema = made(1)[name].rename(columns={"officer_key": "officer_id"}), schema_of(name)
    text = table[list(schema.columns)].astype("str").replace({"NaT": "", "<NA>": "", "nan": ""})
    typed, unread = schemas.convert(text, schema)
    assert len(table) > 5 and unread.empty and schemas.broken_rules(typed, schema).empty


def test_records_that_are_as_they_should_be_have_no_findings() -> None:
    t = made(2, truth=PeopleTruth(coaching=0.6))
    rows = pd.concat(
        [
            training_findings(t["training"], t["officers"], t["leaves"], WAVES),
            assignment_findings(t["assignments"], t["officers"], t["leaves"]),
            people_findings(
                t["officers"], t["leaves"], WAVES,
                selection=t["selection"], reviews=t["reviews"], coaching=t["coaching"],
            ),
        ]
    )  # fmt: skip
    found = rows[rows["rows"] > 0].set_index("finding")["rows"]
    # These are planted: ratings and reviews that were not made, and coaching that goes on past its recheck.
    assert set(found.index) == {"selection_not_assessed", "review_without_record", "coaching_recheck_missed"}
    assert len(rows) >= 18


@pytest.mark.parametrize("flaw", ["course_before_hire", "assignment_overlap", "leave_overlap", "review_outside_waves"])
@pytest.mark.parametrize("planted", [0, 1, 3])
def test_each_planted_flaw_is_found_as_often_as_it_was_planted(flaw: str, planted: int) -> None:
    t = made(3, truth=PeopleTruth(flaws={flaw: planted}))
    rows = pd.concat(
        [
            training_findings(t["training"], t["officers"], t["leaves"], WAVES),
            assignment_findings(t["assignments"], t["officers"], t["leaves"]),
            people_findings(t["officers"], t["leaves"], WAVES, reviews=t["reviews"]),
        ]
    ).set_index("finding")
    assert rows.loc[flaw, "rows"] == planted and rows.loc[flaw, "explanation"]


def test_coverage_agrees_with_counting_day_by_day() -> None:
    t = made(4, count=8)
    schools = pd.DataFrame([(f"s{i}", w.id) for i in range(8) for w in WAVES], columns=["school_id", "wave"])
    days = school_days(schools, t["closures"], WAVES)
    trained = trained_periods(t["training"], t["officers"], t["leaves"], COURSES)
    rows = coverage_indicators(
        coverage_calendar(days, t["assignments"], t["officers"], t["leaves"], trained), t["assignments"]
    ).set_index(["measure", "school_id", "wave"])

    people = t["officers"].set_index("officer_key")
    away = [(leave.officer_key, leave.from_date, leave.to_date) for leave in t["leaves"].itertuples()]

    def there(officer: str, day: pd.Timestamp) -> bool:
        start, end = people.loc[officer]
        # A leave that is still going on has no last day.
        on_leave = any(who == officer and first <= day and not to < day for who, first, to in away)
        return start <= day and not end < day and not on_leave

    def known(officer: str, course: str, day: pd.Timestamp) -> bool:
        # None of these eight is on leave between taking a course and its expiry, or it would last longer.
        done = t["training"].query("officer_key == @officer and course == @course and completed_on <= @day")
        if COURSES[course].refresher and done.empty:
            start = people.loc[officer, "start_date"]
            return (day - start).days <= COURSES[course].due_days
        lasts = COURSES[course].valid_days
        return len(done) > 0 and (
            lasts is None or (day - done["completed_on"].max()).days <= lasts + COURSES[course].grace_days
        )

    calm = set(t["officers"]["officer_key"]) - set(t["leaves"]["officer_key"])
    for wave in WAVES[-1:]:
        for school in ("s0", "s3", "s7"):
            posts = t["assignments"].query("school_id == @school")
            covered = 0
            on = [d for d in pd.date_range(wave.start, wave.end) if d.weekday() < 5]
            shut = t["closures"]
            on = [d for d in on if not ((shut["from_date"] <= d) & (shut["to_date"] >= d)).any()]
            for day in on:
                covered += any(
                    p.from_date <= day and not p.to_date < day and there(p.officer_key, day) for p in posts.itertuples()
                )
            assert rows.loc[("school_days_covered", school, wave.id), ["numerator", "denominator"]].tolist() == [
                covered, len(on)
            ]  # fmt: skip
    checked = 0
    for officer in sorted(calm):
        for day in pd.date_range("2025-09-01", "2026-06-30", freq="17D"):
            if there(officer, day):
                number = (day - pd.Timestamp("1970-01-01")).days
                ours = any(first <= number <= last for first, last in trained[officer])
                assert ours == all(known(officer, course, day) for course in COURSES), (officer, day)
                checked += 1
    assert checked > 30
    assert 0 < rows.loc[("school_days_with_trained_officer", "", "2026"), "value"] < 1


def test_times_to_each_course_become_estimates() -> None:
    t = made(6, count=60)
    cases = completion_times(t["training"], t["officers"], t["leaves"], COURSES, WAVES[-1])
    rows = time_estimates(
        cases.rename(columns={"course": "construct"}),
        measure="training_time", by=["construct"], within=[180], population="officer",
    ).set_index(["measure", "construct"])  # fmt: skip
    assert set(rows.loc["training_time_median_days"].index) == {ALL_COURSES, *COURSES}
    assert set(rows["n"]) == {len(t["officers"])}
    middle = rows.loc["training_time_median_days", "estimate"]
    assert middle[ALL_COURSES] > middle.drop(ALL_COURSES).max()  # the last of ten takes longer than any of them


def test_what_has_come_due_is_mostly_taken() -> None:
    t = made(5, count=60)
    rows = training_requirements(t["training"], t["officers"], t["leaves"], COURSES, WAVES)
    shares = rows["status"].value_counts(normalize=True)
    assert set(shares.index) == {
        "completed in time", "completed late", "in grace", "expired", "overdue", "not yet due", "on leave"
    }  # fmt: skip
    assert shares["completed in time"] > 0.4


def test_planted_times_and_shares_come_back() -> None:
    """In 200 districts of 40 officers the intervals hold the truth 93 to 97 times of 100."""
    truth, last, one = PeopleTruth(coaching=0.6), WAVES[-1], {"basic_sro": COURSES["basic_sro"]}
    t = made(8, count=40 * DISTRICTS, courses=one, truth=truth)
    taken = completion_times(t["training"], t["officers"], t["leaves"], one, last).query("course == 'basic_sro'")
    coached = coaching_times(t["coaching"], last).assign(officer_key=t["coaching"]["officer_key"])
    ratings = selection_ratings(t["selection"], t["officers"], SELECTION, WAVES[-1:])
    held = {
        "course_within_120": [at_day(of, 120, 1 - truth.closed_within(120)) for of in districts(taken)],
        "course_median": [at_median(of, truth.median_days) for of in districts(taken)],
        "coaching_within_60": [at_day(of, 60, np.exp(-1)) for of in districts(coached)],
        "criteria_met": [share_held(of["meets"].dropna(), truth.meets) for of in districts(ratings)],
    }
    counts = {name: sum(each) for name, each in held.items()}
    assert {len(each) for each in held.values()} == {DISTRICTS}
    assert all(0.93 * DISTRICTS <= count <= 0.97 * DISTRICTS for count in counts.values()), counts
    reviews = review_indicators(t["reviews"], t["officers"], t["leaves"], WAVES).groupby("measure")
    sums = reviews[["numerator", "denominator"]].sum()
    for measure, share in {"reviews_held": truth.review_held, "reviews_recorded": truth.review_recorded}.items():
        error = (share * (1 - share) / sums.loc[measure, "denominator"]) ** 0.5
        assert sums.loc[measure, "numerator"] / sums.loc[measure, "denominator"] == pytest.approx(share, abs=3 * error)


def districts(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each 40 officers, by the number in their key."""
    return [of for _, of in rows.groupby(rows["officer_key"].str.removeprefix("o").astype(int) // 40)]


def at_day(cases: pd.DataFrame, day: int, lasts: float) -> bool:
    at = survival_at(kaplan_meier(cases["duration"], cases["observed"]), [day]).iloc[0]
    return bool(at["conf_low"] <= lasts <= at["conf_high"])


def at_median(cases: pd.DataFrame, median: float) -> bool:
    _, low, high = time_by_which(kaplan_meier(cases["duration"], cases["observed"]))
    return low <= median and not median > high


def share_held(answers: pd.Series, share: float) -> bool:
    low, high = korn_graubard(np.array([float(answers.mean())]), np.array([len(answers)]))
    return bool(low[0] <= share <= high[0])


def test_the_same_seed_makes_the_same_records() -> None:
    one, again, other = made(6), made(6), made(7)
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, again[name])
    assert not one["training"].equals(other["training"])
