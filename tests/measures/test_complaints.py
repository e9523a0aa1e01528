"""Complaints: open ones count, and each is somewhere."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.measures.complaints import complaint_findings, complaint_indicators
from sro_research.parameters import Wave
from sro_research.schemas import COMPLAINT_CHANNELS, COMPLAINT_FINDINGS

WAVES = [Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30))]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b"], "wave": ["1", "1"]}, dtype="string")
AS_OF = dt.date(2024, 6, 30)
Row = tuple[str, str | dt.date, str | dt.date | None, str | None, str | None]


def table(*rows: Row) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["channel", "received_on", "disposed_on", "finding", "complainant_group"])
    dtypes = {name: "datetime64[ns]" if name.endswith("_on") else "string" for name in made}
    return made.astype(dtypes).assign(school_id=pd.array(["a"] * len(rows), dtype="string"))


COMPLAINTS = table(
    ("online", "2023-09-01", "2023-09-30", "sustained", "student"),
    ("online", "2023-09-01", "2024-01-01", "not_sustained", "student"),  # later than sixty days
    ("phone", "2023-09-01", None, None, None),  # open
    ("phone", "2023-09-01", "2023-09-02", "withdrawn", "family"),  # not decided
    ("letter", "2023-09-01", "2023-09-02", None, "family"),
    ("letter", "2023-09-01", None, "sustained", "family"),  # open, whatever was found
    ("online", "2023-09-10", "2023-09-01", "unfounded", "family"),  # backwards
    ("online", "2024-06-20", "2024-06-21", "exonerated", "staff"),  # not watched for sixty days
    ("online", "2024-07-20", None, None, "staff"),
)


def test_complaints() -> None:
    made = complaint_indicators(COMPLAINTS, SCHOOLS, WAVES, days=60, as_of=AS_OF)
    for school in ("a", ""):
        whole = made[(made["school_id"] == school) & (made["group_by"] == "")].set_index("measure")
        pairs = {m: tuple(row[["numerator", "denominator"]]) for m, row in whole.query("unit == 'share'").iterrows()}
        assert pairs == {
            "complaints_disposed_share": (6, 8),
            "complaints_disposed_in_time_share": (3, 6),
            "complaints_sustained_share": (1, 4),
        }
        assert whole.loc["complaints_received", "value"] == 8
    rows = made[made["school_id"] == "a"].set_index(["measure", "group_by", "group"])["value"].sort_index()
    assert rows["complaints_received", "channel"].to_dict() == {"letter": 2, "online": 4, "phone": 2}
    groups = {"family": 4, "not stated": 1, "staff": 1, "student": 2}
    assert rows["complaints_received", "complainant_group"].to_dict() == groups
    assert rows["complaints_disposed", "finding", "not stated"] == 1
    assert rows["complaints_sustained_share", "complainant_group", "student"] == 0.5
    assert pd.isna(rows["complaints_sustained_share", "complainant_group", "not stated"])  # none was decided


def test_what_does_not_fit_is_counted() -> None:
    found = complaint_findings(COMPLAINTS, WAVES, as_of=AS_OF).set_index("finding")["rows"]
    assert found.to_dict() == {
        "complaints_outside_waves": 1,
        "complaints_negative_time": 1,
        "complaints_disposed_without_finding": 1,
        "complaints_found_while_open": 1,
        "complaints_group_not_stated": 1,
        "complaints_waves_without_any": 0,
        "complaints_dated_later": 1,
    }


day = st.dates(dt.date(2023, 8, 1), dt.date(2024, 6, 30))
row = st.tuples(
    st.sampled_from(COMPLAINT_CHANNELS),
    day,
    st.none() | day,
    st.none() | st.sampled_from(COMPLAINT_FINDINGS),
    st.none() | st.sampled_from(["student", "family"]),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(row, min_size=1, max_size=12))
def test_the_funnel_adds_up(rows: list[Row]) -> None:
    """Received are open or disposed of; disposed of are in one finding or in `not stated`; groups are all."""
    made = complaint_indicators(table(*rows), SCHOOLS, WAVES, days=60, as_of=AS_OF).query("school_id == ''")
    disposed = made.query("measure == 'complaints_disposed_share'").squeeze()
    assert disposed["denominator"] == len(rows)
    assert disposed["numerator"] == sum(row[2] is not None for row in rows)
    by_finding = made.query("measure == 'complaints_disposed'")["value"].sum()
    assert by_finding == disposed["numerator"]
    received = made.query("measure == 'complaints_received'").groupby("group_by")["value"].sum()
    assert set(received) == {len(rows)}


@pytest.mark.parametrize("measure", ["complaints_received", "complaints_disposed_share"])
def test_a_school_without_complaints_is_there(measure: str) -> None:
    made = complaint_indicators(COMPLAINTS, SCHOOLS, WAVES, days=60, as_of=AS_OF)
    value = made.query("measure == @measure and school_id == 'b' and group_by == ''")["value"].item()
    assert value == 0 if measure == "complaints_received" else pd.isna(value)
