"""Kinds of activities and audiences as a district would read them."""

from __future__ import annotations

import pytest
from conftest import PROJECT
from pydantic import ValidationError

from sro_research.files import read_json
from sro_research.parameters import Records, Source, read_checked
from sro_research.standards.outreach import OutreachStandard
from sro_research.standards.together import Standards, read_standards

STANDARD = read_checked(PROJECT / "params" / "standards" / "outreach.yaml", OutreachStandard)[0]


def test_outreach_is_told_from_presence() -> None:
    meeting = ("community_coffee", "student_advisory_panel", "parent_night", "briefing_sheet", "classroom_talk")
    there = ("door_greeting", "hallway_presence", "arrival_dismissal_traffic")
    of = dict.fromkeys(meeting, "outreach") | dict.fromkeys(there, "presence") | {"other": "neither"}
    assert STANDARD.categories == of
    assert set(STANDARD.audiences) == {"students", "families", "staff", "community"}


def test_every_title_stands_in_english_and_spanish() -> None:
    titles = Standards(outreach=STANDARD).titles
    told = titles["activity"] | titles["audience"]
    assert set(told) == {*STANDARD.activities, *STANDARD.audiences}
    assert all(set(text) == {"en", "es"} and text["en"] not in (name, text["es"]) for name, text in told.items())


def test_audiences_need_not_be_declared() -> None:
    own = OutreachStandard(activities={"garden": {"title": {"en": "Garden"}, "category": "outreach"}})
    assert own.audiences == {} and own.categories == {"garden": "outreach"}


def test_a_category_of_its_own_is_refused() -> None:
    data = STANDARD.model_dump()
    data["activities"]["parent_night"]["category"] = "enforcement"
    with pytest.raises(ValidationError, match="'outreach', 'presence' or 'neither'"):
        OutreachStandard(**data)


def test_a_log_needs_no_standard(tmp_path) -> None:
    assert read_standards(tmp_path, Records(outreach=Source(file="o.csv"))).outreach is None


def test_editors_have_a_schema() -> None:
    assert read_json(PROJECT / OutreachStandard.schema_file) == OutreachStandard.model_json_schema()
