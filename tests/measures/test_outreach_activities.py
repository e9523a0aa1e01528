"""Kinds of activity, officer-months, attendance and quarters: small tables in, indicators out."""

import datetime as dt

import pandas as pd
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.estimates import from_indicators, stack
from sro_research.measures.outreach import outreach_hours
from sro_research.measures.outreach_activities import (
    activity_hours,
    attendance,
    outreach_findings,
    outreach_hours_of_officers,
    quarters_missed,
    with_categories,
)
from sro_research.measures.periods import DAYS_IN_A_MONTH
from sro_research.parameters import Wave, read_checked
from sro_research.standards.indicators import Indicators

WAVES = [
    Wave(id="1", label={"en": "One"}, start=dt.date(2024, 1, 1), end=dt.date(2024, 4, 9)),  # 100 days
    Wave(id="2", label={"en": "Two"}, start=dt.date(2024, 8, 1), end=dt.date(2024, 11, 8)),
]
END = WAVES[-1].end
SCHOOLS = pd.DataFrame(
    {"school_id": ["a", "b", "a", "b"], "wave": ["1", "1", "2", "2"], "students": [50, 150, 50, None]}
).astype({"students": "Int64", "school_id": "string", "wave": "string"})
KEYS = ["measure", "group", "school_id", "wave"]


def log(*rows: tuple[str, str, str, str, float, int | None]) -> pd.DataFrame:
    columns = ["school_id", "officer_key", "date", "activity", "hours", "attendance"]
    types = {"school_id": "string", "officer_key": "string", "activity": "string", "date": "datetime64[ns]"}
    return pd.DataFrame(list(rows), columns=columns).astype(types | {"hours": "Float64", "attendance": "Int64"})


LOG = log(
    ("a", "o", "2024-01-01", "coffee", 2, 10),
    ("a", "o", "2024-01-25", "talk", 3, None),
    ("b", "p", "2024-04-09", "talk", 5, 30),
    ("b", "p", "2024-06-01", "talk", 9, 99),  # in no wave
)
NOTHING = log()


def values(rows: pd.DataFrame) -> pd.Series:
    return rows.set_index(KEYS)["value"]


def test_hours_by_kind_of_activity() -> None:
    value = values(activity_hours(LOG, SCHOOLS, WAVES)).xs("outreach_hours_per_100_students")
    assert value["coffee", "a", "1"] == 4 and value["talk", "a", "1"] == 6
    assert value["coffee", "b", "1"] == 0  # the log was kept, and has none of that kind
    assert value["", "", "1"] == 5 and value["talk", "", "1"] == 4  # of 200 students
    assert pd.isna(value["coffee", "a", "2"]) and pd.isna(value["", "", "2"])  # nobody logged anything


def test_hours_and_attendance_by_category_and_audience() -> None:
    categories = {"coffee": "outreach", "talk": "presence"}
    told = with_categories(LOG.assign(audience=["students", None, "staff", None]), categories)
    hours = activity_hours(told, SCHOOLS, WAVES)
    value = hours.set_index(["group_by", *KEYS])["value"].xs("outreach_hours_per_100_students", level="measure")
    assert value["category", "outreach", "a", "1"] == 4 and value["category", "presence", "", "1"] == 4
    assert value["category", "outreach", "b", "1"] == 0
    assert value["audience", "not stated", "a", "1"] == 6 and value["audience", "staff", "", "1"] == 2.5
    came = attendance(told, SCHOOLS, WAVES).set_index(["group_by", *KEYS])["value"]
    assert came["category", "outreach_attendance_per_activity", "outreach", "", "1"] == 10
    assert came["audience", "outreach_attendance_counted_share", "not stated", "", "1"] == 0
    assert came["audience", "outreach_attendance_per_activity", "staff", "", "1"] == 30


@pytest.mark.parametrize("by", ["activity", "category", "audience"])
def test_each_way_of_telling_adds_up_to_all_hours(by: str) -> None:
    told = with_categories(LOG.assign(audience=["students", None, "staff", None]), {"coffee": "outreach"})
    rows = activity_hours(told, SCHOOLS, WAVES)
    district = rows[(rows["school_id"] == "") & (rows["wave"] == "1")].set_index("group_by")["numerator"]
    assert district[[by]].sum() == district[""] == 10


def test_what_a_log_does_not_say_is_not_told_by_it() -> None:
    plain = LOG.assign(audience=pd.Series(pd.NA, index=LOG.index, dtype="string"))
    for table in (activity_hours(plain, SCHOOLS, WAVES), attendance(with_categories(LOG, {}), SCHOOLS, WAVES)):
        assert set(table["group_by"]) == {"", "activity"}


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from(["coffee", "talk", "news"]), st.integers(0, 99), st.integers(1, 9)
        ),
        max_size=12,
    )
)
def test_kinds_add_up_to_all_hours(entries: list[tuple[str, str, int, int]]) -> None:
    days = [str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)) for _, _, day, _ in entries]
    made = log(*[(s, "o", day, kind, hours, None) for (s, kind, _, hours), day in zip(entries, days, strict=True)])
    kinds = activity_hours(made, SCHOOLS, WAVES)
    parts = kinds[(kinds["group"] != "") & (kinds["school_id"] != "")].groupby(["school_id", "wave"])["numerator"].sum()
    whole = outreach_hours(made, SCHOOLS, WAVES).set_index(["school_id", "wave"])["numerator"]
    assert parts.to_dict() == whole.reindex(parts.index).fillna(0).to_dict()


def test_hours_of_an_officers_month_leave_out_leave() -> None:
    officers = pd.DataFrame({"officer_key": ["o", "p"], "start_date": pd.Timestamp("2023-01-01"), "end_date": pd.NaT})
    leaves = pd.DataFrame(
        {"officer_key": ["p"], "from_date": [pd.Timestamp("2024-01-01")], "to_date": [pd.Timestamp("2024-02-19")]}
    )
    rows = outreach_hours_of_officers(LOG, officers, leaves, WAVES).set_index("wave")
    assert rows.loc["1", "value"] == pytest.approx(10 / (150 / DAYS_IN_A_MONTH))
    assert rows.loc["1", "cases"] == 2 and pd.isna(rows.loc["2", "value"])
    without = outreach_hours_of_officers(LOG, officers, None, WAVES).set_index("wave")
    assert without.loc["1", "denominator"] == pytest.approx(200 / DAYS_IN_A_MONTH)


def test_hours_of_officers_who_are_not_listed_are_in_no_officers_month() -> None:
    officers = pd.DataFrame({"officer_key": ["o"], "start_date": [pd.Timestamp("2023-01-01")], "end_date": pd.NaT})
    assert outreach_hours_of_officers(LOG, officers, None, WAVES).set_index("wave").loc["1", "numerator"] == 5
    nobody = outreach_hours_of_officers(LOG, officers[:0], None, WAVES).set_index("wave")
    assert pd.isna(nobody.loc["1", "value"]) and nobody.loc["1", "cases"] == 0


def test_attendance_is_of_what_was_counted() -> None:
    value = values(attendance(LOG, SCHOOLS, WAVES))
    assert value["outreach_attendance_counted_share", "", "a", "1"] == 0.5
    assert value["outreach_attendance_per_activity", "", "", "1"] == 20
    assert pd.isna(value["outreach_attendance_per_activity", "talk", "a", "1"])  # not counted is not nobody
    assert value["outreach_attendance_per_100_students", "", "a", "1"] == 20
    assert value["outreach_attendance_per_100_students", "", "", "1"] == 20  # 40 people, 200 students
    assert pd.isna(value["outreach_attendance_per_100_students", "", "a", "2"])


def test_a_quarter_without_an_activity_is_missed() -> None:
    rows = quarters_missed(LOG, SCHOOLS, WAVES, as_of=END)
    value = values(rows).xs("outreach_quarters_missed")
    assert value["", "a", "1"] == 3  # days 0 and 24 lie in the first quarter of 100 days
    assert value["", "b", "1"] == 3 and value["", "", "1"] == 6
    assert value["coffee", "", "1"] == 7 and value["coffee", "b", "1"] == 4
    assert pd.isna(value["", "a", "2"])
    assert rows.set_index(KEYS).loc[("outreach_quarters_missed", "", "", "1"), "denominator"] == 8


@pytest.mark.parametrize(("day", "over"), [(24, 0), (25, 1), (99, 3), (100, 4), (900, 4)])
def test_a_quarter_that_is_not_over_is_not_missed(day: int, over: int) -> None:
    """The last day of the first quarter of 100 days is the 25th: by its end the quarter is over."""
    as_of = WAVES[0].start + dt.timedelta(days=day - 1)
    row = quarters_missed(LOG[:2], SCHOOLS, WAVES, as_of=as_of).set_index(KEYS)
    found = row.loc[("outreach_quarters_missed", "", "a", "1")]
    assert found["denominator"] == over
    assert pd.isna(found["value"]) if over == 0 else found["value"] == over - 1


def test_a_log_without_entries_is_not_zero_hours() -> None:
    hours = activity_hours(NOTHING, SCHOOLS, WAVES)
    tables = [hours, attendance(NOTHING, SCHOOLS, WAVES), quarters_missed(NOTHING, SCHOOLS, WAVES, as_of=END)]
    assert all(table["value"].isna().all() for table in tables)
    assert len(stack([from_indicators(table, people="cases", method="m") for table in tables])) > 0


def test_what_does_not_fit_is_counted() -> None:
    posts = pd.DataFrame(
        {
            "school_id": ["a", "b", "b"],
            "officer_key": ["o", "p", "p"],
            "from_date": pd.to_datetime(["2024-01-10", "2024-01-01", "2024-05-01"]),
            "to_date": pd.to_datetime([None, "2024-04-08", None]),
        }
    )
    leaves = pd.DataFrame({"officer_key": ["p"], "from_date": [pd.Timestamp("2024-06-01")], "to_date": [pd.NaT]})
    rows = outreach_findings(LOG, WAVES, as_of=dt.date(2024, 5, 1), assignments=posts, leaves=leaves)
    assert rows.set_index("finding")["rows"].to_dict() == {
        "outreach_outside_waves": 1,
        "outreach_attendance_not_counted": 1,
        "outreach_dated_later": 1,
        "outreach_officer_not_assigned": 2,  # one before the assignment, one after it ended
        "outreach_on_leave": 1,
    }
    assert set(outreach_findings(NOTHING, WAVES, as_of=END)["rows"]) == {0}


def test_every_measure_has_a_definition_of_its_unit_in_both_languages() -> None:
    path = PROJECT / "params" / "standards" / "indicators" / "outreach.yaml"
    defined = read_checked(path, Indicators)[0].indicators
    officers = pd.DataFrame({"officer_key": ["o"], "start_date": [pd.Timestamp("2023-01-01")], "end_date": pd.NaT})
    made = [
        outreach_hours(LOG, SCHOOLS, WAVES),
        activity_hours(LOG, SCHOOLS, WAVES),
        outreach_hours_of_officers(LOG, officers, None, WAVES),
        attendance(LOG, SCHOOLS, WAVES),
        quarters_missed(LOG, SCHOOLS, WAVES, as_of=END),
    ]
    units = {row["measure"]: row["unit"] for table in made for row in table.to_dict("records")}
    assert {name: of.unit for name, of in defined.items()} == units
    for name, of in defined.items():
        for part in (of.title, of.definition, of.numerator, of.denominator, of.caution):
            assert part is not None and {"en", "es"} == set(part) and part["en"] != part["es"], name


def test_hours_at_a_school_that_is_on_no_list_are_in_no_rate() -> None:
    """Its students are in no denominator; the district's hours are those of its schools."""
    roster = SCHOOLS[~((SCHOOLS["school_id"] == "b") & (SCHOOLS["wave"] == "1"))]
    rows = activity_hours(LOG, roster, WAVES)
    district = rows[(rows["school_id"] == "") & (rows["wave"] == "1")].set_index("group")
    assert district["numerator"].to_dict() == {"": 5, "coffee": 2, "talk": 3}
    assert district.loc["", "value"] == 100 * outreach_hours(LOG, roster, WAVES)["numerator"].sum() / 50
    came = attendance(LOG, roster, WAVES).set_index(["measure", "school_id", "wave", "group"])["numerator"]
    assert came["outreach_attendance_per_100_students", "", "1", ""] == 10
    assert ("outreach_attendance_per_activity", "b", "1", "") not in came
    found = outreach_findings(LOG, WAVES, as_of=END, schools=roster).set_index("finding")["rows"]
    assert found["outreach_school_not_listed"] == 1
    assert "outreach_school_not_listed" not in set(outreach_findings(LOG, WAVES, as_of=END)["finding"])
