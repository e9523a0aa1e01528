"""Shared information: how often and on which basis, never what."""

import datetime as dt

import pandas as pd

from sro_research.measures.information_sharing import sharing_findings, sharing_indicators
from sro_research.parameters import Wave

WAVES = [Wave(id="1", label={"en": "One"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30))]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b"], "wave": ["1", "1"]}, dtype="string")
SHARING = pd.DataFrame(
    [
        ("a", "2023-09-01", "officer", "video", "consent"),
        ("a", "2023-09-01", "officer", "education_record", None),
        ("b", "2023-09-02", "court", "education_record", "court_order_or_subpoena"),
        ("b", "2025-09-02", "court", "education_record", None),
    ],
    columns=["school_id", "date", "asked_by", "kind", "legal_basis"],
    dtype="string",
).astype({"date": "datetime64[ns]"})


def test_a_blank_basis_is_not_stated_and_not_none() -> None:
    made = sharing_indicators(SHARING, SCHOOLS, WAVES)
    rows = made.set_index(["measure", "school_id", "group_by", "group"]).sort_index()
    assert rows.loc[("sharing_with_basis_share", "a", "", ""), ["numerator", "denominator"]].tolist() == [1, 2]
    assert rows.loc[("sharing_with_basis_share", "", "", ""), ["numerator", "denominator"]].tolist() == [2, 3]
    district = rows["value"]["information_shared", ""]
    assert district["", ""] == 3
    assert district["asked_by"].to_dict() == {"court": 1, "officer": 2}
    assert district["legal_basis"].to_dict() == {"consent": 1, "court_order_or_subpoena": 1, "not stated": 1}


def test_what_does_not_fit_is_counted() -> None:
    found = sharing_findings(SHARING, WAVES, as_of=dt.date(2024, 6, 30)).set_index("finding")["rows"]
    assert found.to_dict() == {
        "sharing_outside_waves": 1,
        "sharing_waves_without_any": 0,
        "sharing_without_basis": 2,
        "sharing_dated_later": 1,
    }
