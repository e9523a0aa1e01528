"""What the standard asks of each officer: due days, leave, expiry and grace, by hand."""

import datetime as dt

import pandas as pd
import pytest

from sro_research.estimates import from_indicators
from sro_research.measures.periods import as_day
from sro_research.measures.training import training_hours, training_rates
from sro_research.measures.training_requirements import (
    ALL_COURSES,
    completion_times,
    trained_periods,
    training_requirements,
)
from sro_research.parameters import Wave
from sro_research.standards.training import Course

WAVE = Wave(id="1", label={"en": "One"}, start=dt.date(2024, 1, 1), end=dt.date(2024, 12, 31))
BASIC = Course(hours=40, title={"en": "Basic"}, due_days=100)
YEARLY = Course(hours=4, title={"en": "Yearly"}, due_days=50, valid_days=100, grace_days=10)
REFRESHER = Course(hours=4, title={"en": "Refresher"}, due_days=400, valid_days=365, refresher=True)


def table(columns: list[str], *rows: tuple[object, ...]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns)
    return made.assign(**{c: pd.to_datetime(made[c]) for c in columns if c.endswith(("_date", "_on"))})


def officers(*rows: tuple[object, ...]) -> pd.DataFrame:
    return table(["officer_key", "start_date", "end_date"], *rows)


def leaves(*rows: tuple[object, ...]) -> pd.DataFrame:
    return table(["officer_key", "from_date", "to_date"], *rows)


def training(*rows: tuple[object, ...]) -> pd.DataFrame:
    made = table(["officer_key", "course", "completed_on"], *rows)
    return made.assign(hours=4.0).astype({"officer_key": "string", "course": "string"})


def stands(course: Course, *done: str, start: str = "2024-01-01", away: pd.DataFrame | None = None) -> pd.Series:
    rows = training_requirements(
        training(*[("o", "c", day) for day in done]), officers(("o", start, None)), away, {"c": course}, [WAVE]
    )
    return rows.squeeze()


def day(text: str | None) -> pd.Timestamp:
    return pd.NaT if text is None else pd.Timestamp(text)


@pytest.mark.parametrize(
    ("course", "start", "done", "status", "due", "expires"),
    [
        (BASIC, "2024-01-01", [], "overdue", "2024-04-10", None),
        (BASIC, "2024-09-22", [], "not yet due", "2024-12-31", None),  # due on the last day: it is not over
        (BASIC, "2024-09-21", [], "overdue", "2024-12-30", None),
        (BASIC, "2024-01-01", ["2024-04-10"], "completed in time", "2024-04-10", None),
        (BASIC, "2024-01-01", ["2024-04-11"], "completed late", "2024-04-10", None),
        (BASIC, "2024-01-01", ["2023-05-01"], "completed in time", "2024-04-10", None),  # before the first day
        (BASIC, "2024-01-01", ["2024-03-01", "2024-08-01"], "completed in time", "2024-04-10", None),
        (BASIC, "2024-01-01", ["2025-01-01"], "overdue", "2024-04-10", None),  # after the wave: not yet known then
        (YEARLY, "2024-01-01", ["2024-02-01"], "expired", "2024-05-21", "2024-05-11"),
        (YEARLY, "2024-01-01", ["2024-02-01", "2024-09-15"], "in grace", "2024-05-21", "2024-12-24"),
        (YEARLY, "2024-01-01", ["2024-09-12"], "in grace", "2024-02-20", "2024-12-21"),  # the last day of grace
        (YEARLY, "2024-01-01", ["2024-09-11"], "expired", "2024-12-30", "2024-12-20"),
        (YEARLY, "2024-01-01", ["2024-09-22"], "completed late", "2024-02-20", "2024-12-31"),
        (YEARLY, "2024-01-01", ["2024-09-15"], "in grace", "2024-02-20", "2024-12-24"),
        (YEARLY, "2024-01-01", ["2024-06-20", "2024-10-08"], "completed in time", "2024-10-08", "2025-01-16"),
        (YEARLY, "2024-01-01", ["2024-06-20", "2024-10-09"], "completed late", "2024-10-08", "2025-01-17"),
        # What expired before the first day leaves an officer as new as one who never took it.
        (YEARLY, "2024-12-01", ["2020-01-01"], "not yet due", "2025-01-20", "2020-04-10"),
        (YEARLY, "2024-12-01", ["2024-08-20"], "not yet due", "2025-01-20", "2024-11-28"),
        (YEARLY, "2024-12-01", ["2020-01-01", "2024-12-20"], "completed in time", "2025-01-20", "2025-03-30"),
        (YEARLY, "2024-01-01", ["2020-01-01", "2024-11-01"], "completed late", "2024-02-20", "2025-02-09"),
        (YEARLY, "2024-01-01", ["2020-01-01"], "expired", "2024-02-20", "2020-04-10"),
    ],
)  # fmt: skip
def test_how_a_course_stands(
    course: Course, start: str, done: list[str], status: str, due: str, expires: str | None
) -> None:
    row = stands(course, *done, start=start)
    assert row["status"] == status
    assert row["due_on"] == day(due)
    assert pd.isna(row["expires_on"]) if expires is None else row["expires_on"] == day(expires)


def test_leave_moves_due_days_and_expiry() -> None:
    away = leaves(("o", "2024-02-01", "2024-03-01"))
    assert stands(BASIC, away=away)["due_on"] == day("2024-05-10")  # 30 days later
    row = stands(YEARLY, "2024-01-15", away=away)
    assert row["expires_on"] == day("2024-05-24") and row["due_on"] == day("2024-06-03")
    assert stands(BASIC, "2024-05-10", away=away)["status"] == "completed in time"
    assert stands(BASIC, "2024-05-10")["status"] == "completed late"


def test_nobody_is_overdue_while_on_leave_and_nobody_on_leave_makes_rates_better() -> None:
    people = officers(("o", "2024-01-01", None), ("p", "2024-01-01", None))
    away = leaves(("o", "2024-12-01", None))
    done = training(("o", "basic", "2024-02-01"), ("p", "basic", "2024-02-01"))
    rows = training_requirements(done, people, away, {"basic": BASIC, "yearly": YEARLY}, [WAVE])
    assert set(rows.loc[rows["officer_key"] == "o", "status"]) == {"on leave"}
    rates = training_rates(rows).set_index("measure")
    assert rates.loc["training_completion_rate", ["numerator", "denominator", "people"]].tolist() == [1, 2, 1]


def test_a_leave_that_goes_on_leaves_the_due_day_open() -> None:
    row = stands(BASIC, away=leaves(("o", "2024-02-01", None)))
    assert row["status"] == "on leave" and pd.isna(row["first_due_on"]) and not row["come_due"]


def test_only_who_serves_on_the_last_day_has_requirements() -> None:
    people = officers(
        ("gone", "2020-01-01", "2024-12-30"), ("there", "2020-01-01", "2024-12-31"), ("new", "2025-01-01", None)
    )
    rows = training_requirements(training(), people, None, {"c": BASIC}, [WAVE])
    assert rows["officer_key"].tolist() == ["there"]


def test_rates_count_what_has_come_due() -> None:
    """New hires are no gap: of 2 officers times 2 courses, 3 have come due; 2 were taken, 1 still counts."""
    people = officers(("old", "2024-01-01", None), ("new", "2024-11-01", None))
    done = training(
        ("old", "basic", "2024-03-01"), ("old", "yearly", "2024-02-01"), ("new", "basic", "2024-12-01")
    )  # fmt: skip
    rows = training_requirements(done, people, None, {"basic": BASIC, "yearly": YEARLY}, [WAVE])
    rates = training_rates(rows).set_index("measure")
    assert rates["numerator"].to_dict() == {
        "training_completion_rate": 2, "training_currency_rate": 1, "training_overdue": 2
    }  # fmt: skip
    assert set(rates["denominator"]) == {3} and set(rates["people"]) == {2} and set(rates["school_id"]) == {""}
    assert rates["value"].to_list() == pytest.approx([2 / 3, 1 / 3, 2])
    assert rates["unit"].to_list() == ["share", "share", "courses"]


def test_missing_courses_rest_on_the_officers_who_lack_one() -> None:
    people = officers(("has", "2024-01-01", None), ("lacks", "2024-01-01", None))
    rows = training_requirements(training(("has", "basic", "2024-03-01")), people, None, {"basic": BASIC}, [WAVE])
    rates = training_rates(rows).set_index("measure")
    assert rates.loc["training_completion_rate", ["numerator", "people"]].tolist() == [1, 2]
    assert rates.loc["training_overdue", ["numerator", "people"]].tolist() == [1, 1]


def test_where_nothing_has_come_due_there_is_no_rate() -> None:
    rows = training_requirements(training(), officers(("new", "2024-12-01", None)), None, {"basic": BASIC}, [WAVE])
    rates = training_rates(rows).set_index("measure")
    assert rates["value"].isna().tolist() == [True, True, False] and rates.loc["training_overdue", "value"] == 0
    estimates = from_indicators(rates.reset_index(), people="people", method="m")
    assert estimates["status"].tolist() == ["not_estimable", "not_estimable", "estimated"]


def test_hours_of_training_are_those_of_officers_in_service() -> None:
    """Hours before the first day and after the last have no month beside them."""
    people = officers(("new", "2024-07-01", None), ("gone", "2024-01-01", "2024-01-31"), ("next", "2025-02-01", None))
    done = training(
        ("new", "c", "2024-06-30"), ("new", "d", "2024-07-01"), ("gone", "c", "2024-01-31"),
        ("gone", "d", "2024-02-01"), ("next", "c", "2024-12-01"),
    )  # fmt: skip
    row = training_hours(done, people, None, [WAVE]).squeeze()
    assert row["numerator"] == 8 and row["people"] == 2
    assert row["denominator"] == pytest.approx((184 + 31) / (365.25 / 12))


def test_hours_per_officer_month_leave_out_leave() -> None:
    people = officers(("a", "2020-01-01", None), ("b", "2024-07-01", None), ("gone", "2020-01-01", "2023-01-01"))
    done = training(
        ("a", "c", "2024-02-01"), ("b", "c", "2024-12-31"), ("b", "c", "2025-01-01"), ("x", "c", "2024-05-01")
    )
    row = training_hours(done, people, leaves(("a", "2024-01-01", "2024-06-30")), [WAVE]).squeeze()
    assert row["numerator"] == 8 and row["people"] == 2
    assert row["denominator"] == pytest.approx(2 * 184 / (365.25 / 12))
    assert row["value"] == pytest.approx(8 / (2 * 184 / (365.25 / 12)))


def periods(*done: tuple[str, str], courses: dict[str, Course]) -> list[tuple[str, str]]:
    rows = trained_periods(
        training(*[("o", *pair) for pair in done]), officers(("o", "2024-01-01", None)), None, courses
    )["o"]
    return [
        (f"{pd.Timestamp(a, unit='D'):%F}", f"{pd.Timestamp(b, unit='D'):%F}" if b < 10**6 else "") for a, b in rows
    ]


def test_fully_trained_is_every_course_at_once() -> None:
    both = {"basic": BASIC, "yearly": YEARLY}
    done = [("basic", "2024-03-01"), ("yearly", "2024-02-01"), ("yearly", "2024-09-01")]
    # The yearly course counts to 21 May and, taken again, from 1 September to 20 December, each with 10 days of grace.
    assert periods(*done, courses=both) == [("2024-03-01", "2024-05-21"), ("2024-09-01", "2024-12-20")]
    assert periods(("basic", "2024-03-01"), courses=both) == []
    # A refresher is missed from its due day on, not before.
    first = {"basic": BASIC, "again": REFRESHER}
    assert periods(("basic", "2024-03-01"), courses=first) == [("2024-03-01", "2025-02-04")]
    assert periods(("basic", "2024-03-01"), ("again", "2025-01-31"), courses=first) == [("2024-03-01", "2026-01-31")]


def test_nobody_is_fully_trained_after_the_last_day() -> None:
    people = officers(("o", "2024-01-01", "2024-05-31"))
    rows = trained_periods(training(("o", "basic", "2024-03-01")), people, None, {"basic": BASIC})
    assert [(f"{as_day(a):%F}", f"{as_day(b):%F}") for a, b in rows["o"]] == [("2024-03-01", "2024-05-31")]


def test_time_to_completion_has_open_cases() -> None:
    people = officers(
        ("took", "2024-01-01", None), ("open", "2024-12-22", None), ("left", "2024-01-01", "2024-01-31"),
        ("before", "2024-01-01", None), ("later", "2025-02-01", None),
    )  # fmt: skip
    away = leaves(("took", "2024-01-11", "2024-01-20"))
    done = training(("took", "c", "2024-01-31"), ("took", "c", "2024-03-01"), ("before", "c", "2023-01-01"))
    cases = completion_times(done, people, away, {"c": BASIC, "r": REFRESHER}, WAVE)
    single = cases[cases["course"] == "c"].set_index("officer_key")[["duration", "observed"]]
    assert single.T.to_dict("list") == {"took": [20, True], "open": [9, False], "left": [30, False]}
    whole = cases[cases["course"] == ALL_COURSES].set_index("officer_key")["duration"]
    assert whole.to_dict() == {"took": 20, "open": 9, "left": 30}


def test_the_first_day_is_day_zero_on_leave_or_not() -> None:
    people = officers(("at once", "2024-01-01", None), ("away", "2024-01-01", None))
    done = training(("at once", "c", "2024-01-01"), ("away", "c", "2024-01-31"))
    cases = completion_times(done, people, leaves(("away", "2024-01-01", "2024-01-10")), {"c": BASIC}, WAVE)
    assert cases[cases["course"] == "c"].set_index("officer_key")["duration"].to_dict() == {"at once": 0, "away": 21}


@pytest.mark.parametrize(("start", "come_due"), [("2024-09-21", True), ("2024-09-22", False)])
def test_a_course_has_come_due_when_its_due_day_is_past(start: str, come_due: bool) -> None:
    assert bool(stands(BASIC, start=start)["come_due"]) is come_due
