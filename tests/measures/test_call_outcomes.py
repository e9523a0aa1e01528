"""What became of calls: parts that add up, shares of what was decided, and calls that do not fit their contacts."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.estimates import from_indicators
from sro_research.measures.call_outcomes import (
    call_findings,
    call_funnel,
    call_indicators,
    contacts_of_calls,
)
from sro_research.parameters import Wave
from sro_research.schemas import DISPOSITIONS

WAVES = [
    Wave(id="1", label={"en": "1"}, start=dt.date(2023, 8, 1), end=dt.date(2024, 6, 30)),
    Wave(id="2", label={"en": "2"}, start=dt.date(2024, 8, 1), end=dt.date(2025, 6, 30)),
]
SCHOOLS = pd.DataFrame({"school_id": ["a", "b"] * 2, "wave": ["1", "1", "2", "2"]}, dtype="string")
AT = pd.Timestamp("2024-01-05 09:00")
PARTS = ["returned", "handled", "open", "not_recorded"]
OF_HANDLED = ["resolved", "referred", "diverted", "charged"]


def calls(*dispositions: str | None, school: str = "a", at: pd.Timestamp = AT) -> pd.DataFrame:
    ids = [f"{school}{number}" for number in range(len(dispositions))]
    table = pd.DataFrame({"call_id": ids, "school_id": school, "received_at": at, "disposition": list(dispositions)})
    return table.astype({"call_id": "string", "school_id": "string", "disposition": "string"})


def contacts(*rows: tuple[str | None, str | None], **other: object) -> pd.DataFrame:
    """Contacts that name a call and have an outcome, at school a on the day of the calls."""
    table = pd.DataFrame(list(rows), columns=["call_id", "outcome"]).assign(
        **{"contact_id": [f"C{n}" for n in range(len(rows))], "school_id": "a", "date": AT.normalize(), "kind": "stop"}
        | dict.fromkeys(["reason", "second_reason", "called_by", "basis", "found"])
        | other
    )
    return table.astype(dict.fromkeys([c for c in table if c != "date"], "string"))


# What the school program of Davenport, Iowa, published of a month in 2021.
PUBLISHED = calls(*["returned_to_school"] * 50, *["resolved"] * 89, *["diverted"] * 5, *["charged"] * 3)


def funnel(table: pd.DataFrame, school: str = "", wave: str = "1") -> dict[str, int]:
    return call_funnel(table, SCHOOLS, WAVES).set_index(["school_id", "wave"]).loc[(school, wave)].to_dict()


def test_a_published_figure_comes_back() -> None:
    of = funnel(PUBLISHED)
    assert (of["calls"], of["handled"], of["returned"]) == (147, 97, 50)
    assert (of["resolved"], of["diverted"], of["charged"], of["referred"]) == (89, 5, 3, 0)
    found = call_indicators(PUBLISHED, SCHOOLS, WAVES).set_index(["measure", "school_id", "wave"])
    for measure, numerator, denominator in (
        ("calls_returned_share", 50, 147), ("calls_diverted_share", 5, 97), ("calls_charged_share", 3, 97)
    ):  # fmt: skip
        row = found.loc[(measure, "", "1")]
        assert (row["numerator"], row["denominator"]) == (numerator, denominator)
        assert row["value"] == pytest.approx(numerator / denominator) and row["unit"] == "share"


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from([*DISPOSITIONS, None]), max_size=20), st.lists(st.sampled_from(DISPOSITIONS)))
def test_parts_add_up(first: list[str | None], second: list[str]) -> None:
    table = call_funnel(pd.concat([calls(*first), calls(*second, school="b")]), SCHOOLS, WAVES)
    assert (table[PARTS].sum(axis=1, min_count=4) - table["calls"]).dropna().eq(0).all()
    assert (table[OF_HANDLED].sum(axis=1, min_count=4) - table["handled"]).dropna().eq(0).all()
    known = table[table["wave"] == "1"].set_index("school_id").drop(columns="wave")
    assert known.loc[["a", "b"]].sum(min_count=2).fillna(-1).eq(known.loc[""].fillna(-1)).all()


def test_a_wave_without_calls_is_not_known_and_a_school_without_one_has_none() -> None:
    table = call_funnel(calls("resolved"), SCHOOLS, WAVES).set_index(["school_id", "wave"])
    assert table.loc[("b", "1"), "calls"] == 0 and table.loc[("a", "2")].isna().all()
    outside = calls("resolved", at=pd.Timestamp("2024-07-05 09:00"))
    assert call_funnel(outside, SCHOOLS, WAVES)["calls"].isna().all()


def test_calls_without_a_roster_are_told_all_the_same() -> None:
    table = call_funnel(calls("resolved", "open"), SCHOOLS[:0], WAVES).set_index(["school_id", "wave"])
    assert table.loc[("a", "1"), ["calls", "handled", "open"]].tolist() == [2, 1, 1]
    assert table.loc[("", "1"), "calls"] == 2


def test_what_is_open_or_not_recorded_is_in_no_share() -> None:
    found = call_indicators(calls("open", None), SCHOOLS, WAVES)
    assert found["value"].isna().all() and set(found["denominator"]) == {0}
    assert set(from_indicators(found, people="cases", method="m")["status"]) == {"not_estimable"}


def test_contacts_of_calls_add_up() -> None:
    log = contacts(("a0", "warned"), ("a0", "arrested"), ("a1", None), ("gone", "warned"), (None, "cited"))
    table = contacts_of_calls(calls("charged", None), log, WAVES)
    assert table.set_index(["wave", "disposition", "outcome"])["contacts"].to_dict() == {
        ("1", "charged", "arrested"): 1,
        ("1", "charged", "warned"): 1,
        ("1", "not_recorded", "not_recorded"): 1,
    }
    assert contacts_of_calls(calls(), log[:0], WAVES).empty


def found(table: pd.DataFrame, log: pd.DataFrame | None) -> dict[str, int]:
    return call_findings(table, log).set_index("finding")["rows"].to_dict()


NOTHING = dict.fromkeys(
    ["contact_of_unknown_call", "contact_unlike_its_call", "contacts_came_to_more", "contacts_came_to_less"], 0
)


@pytest.mark.parametrize(
    ("disposition", "outcomes", "more", "less"),
    [
        ("resolved", ["warned"], 0, 0),
        ("returned_to_school", ["warned"], 0, 0),
        ("resolved", ["warned", "referred"], 1, 0),
        ("resolved", ["diverted"], 1, 0),
        ("returned_to_school", ["cited"], 1, 0),
        ("referred", ["referred"], 0, 0),
        ("referred", ["arrested"], 1, 0),
        ("diverted", ["warned", "diverted"], 0, 0),
        ("diverted", ["referred"], 0, 1),
        ("charged", ["warned"], 0, 1),
        ("charged", ["cited"], 0, 0),
        ("charged", ["diverted", "arrested"], 0, 0),
        ("charged", ["warned", "open"], 0, 0),  # it may still come to that
        ("charged", [None], 0, 0),
        ("charged", [], 0, 0),  # no contact was logged, or none named the call
        ("open", ["arrested"], 0, 0),
        (None, ["arrested"], 0, 0),
    ],
)
def test_a_call_is_held_against_the_most_its_contacts_came_to(
    disposition: str | None, outcomes: list[str | None], more: int, less: int
) -> None:
    table = calls(disposition, "resolved")
    log = contacts(*[("a0", outcome) for outcome in outcomes], ("a1", "warned"))
    assert found(table, log) == NOTHING | {"contacts_came_to_more": more, "contacts_came_to_less": less}


def test_a_contact_s_own_kind_tells_too() -> None:
    assert found(calls("resolved"), contacts(("a0", None), kind="arrest"))["contacts_came_to_more"] == 1
    assert found(calls("charged"), contacts(("a0", "open"), kind="arrest"))["contacts_came_to_less"] == 0


def test_a_contact_is_held_against_the_place_and_day_of_its_call() -> None:
    table = pd.concat([calls("resolved"), calls("resolved", school="b")])
    assert found(table, contacts(("b0", "warned")))["contact_unlike_its_call"] == 1
    late = contacts(("a0", "warned"), date=AT.normalize() + pd.Timedelta(days=1))
    assert found(table, late)["contact_unlike_its_call"] == 1
    assert found(table, contacts(("z", "warned"), ("a0", "warned"), (None, "warned"))) == NOTHING | {
        "contact_of_unknown_call": 1
    }


def test_what_has_no_column_is_not_looked_for() -> None:
    table, log = calls("resolved"), contacts(("a0", "arrested"))
    first = {"contact_of_unknown_call", "contact_unlike_its_call"}
    assert set(found(table.drop(columns="disposition"), log)) == first
    assert set(found(table.assign(disposition=pd.array([pd.NA], dtype="string")), log)) == first
    for without in (None, log.drop(columns="call_id"), contacts((None, "arrested")), log[:0]):
        assert found(table, without) == {}


def test_an_explanation_accuses_nobody() -> None:
    said = call_findings(calls("resolved"), contacts(("a0", "arrested")))["explanation"]
    assert said.str.endswith(".").all() and not said.str.contains("violat|wrongly|misconduct|unlawful").any()
