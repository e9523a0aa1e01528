"""The rule for schools of the nation: what is shown of them, and that it is no way around the rule for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sro_research.disclosure.audit import audit
from sro_research.disclosure.national import (
    national_cells,
    no_people,
    public_table,
    read_public_table,
    read_yardstick_table,
)
from sro_research.disclosure.policy import Policy
from sro_research.disclosure.safe import safe_cells
from sro_research.errors import DisclosureError
from sro_research.estimates import NUMBERS, as_estimates


def rows(*lines: tuple[object, ...], **same: object) -> pd.DataFrame:
    """Estimates about schools: measure, n, estimate, standard error."""
    table = pd.DataFrame(list(lines), columns=["measure", "n", "estimate", "std_error"])
    table = table.assign(note=np.where(table["estimate"].isna(), "a reason", ""))
    low, high = (table["estimate"] + sign * 2 * table["std_error"] for sign in (-1, 1))
    made = {"population": "school", "wave": "2020", "unit": "share", "method": "made up"}
    return as_estimates(table.assign(conf_low=low, conf_high=high), **(made | same))


@pytest.mark.parametrize(
    ("n", "estimate", "std_error", "status"),
    [
        (30, 0.50, 0.149, "shown"),
        (29, 0.50, 0.01, "not_met"),
        (30, 0.50, 0.15, "caution"),
        (30, 0.50, 0.249, "caution"),
        (30, 0.50, 0.25, "not_met"),
        (900, 0.00, 0.01, "not_met"),
        (900, 1.00, None, "shown"),  # All say so; a public file may say that they all do.
        (900, None, None, "not_met"),
        (0, None, None, "not_available"),  # Nobody was asked.
        (None, None, None, "not_available"),
    ],
)
def test_the_rule_of_the_publisher(n: int, estimate: float, std_error: float, status: str) -> None:
    cells = national_cells(rows(("officer_present", n, estimate, std_error)))
    assert cells["status"].tolist() == [status]
    assert cells[NUMBERS].notna().any(axis=None) == (status in ("shown", "caution"))


@pytest.mark.parametrize(
    ("level", "difference", "status"),
    [
        ((100, 0.5, 0.05), (60, 0.001, 0.05), "shown"),  # A difference near zero has no coefficient of its own.
        ((100, 0.5, 0.05), (29, 0.2, 0.05), "not_met"),
        ((100, 0.1, 0.06), (60, 0.2, 0.05), "not_met"),
        ((100, 0.5, 0.05), (60, None, None), "not_available"),  # The question had other words.
    ],
)
@pytest.mark.parametrize("name", ["change_in_{}", "{}_vs_others"])
def test_a_difference_needs_schools_on_both_sides_and_a_level_that_is_shown(
    level: tuple[object, ...], difference: tuple[object, ...], status: str, name: str
) -> None:
    cells = national_cells(rows(("plan", *level), (name.format("plan"), *difference)))
    assert cells.set_index("measure").loc[name.format("plan"), "status"] == status


def test_a_difference_without_its_level_is_not_shown() -> None:
    assert national_cells(rows(("change_in_plan", 100, 0.2, 0.01)))["status"].tolist() == ["not_met"]


def test_what_estimates_say_of_themselves_changes_nothing() -> None:
    cells = national_cells(rows(("plan", 12, 0.5, 0.01)).assign(note="reporting standards met"))
    assert cells["status"].tolist() == ["not_met"] and cells[NUMBERS].isna().all(axis=None)


def test_people_are_never_decided_by_this_rule() -> None:
    mixed = pd.concat([rows(("plan", 100, 0.5, 0.01)), rows(("share_agree", 100, 0.5, 0.01), population="student")])
    with pytest.raises(DisclosureError, match=r"not about schools \(1 row\)"):
        national_cells(mixed)


def test_a_study_of_people_has_no_population_of_that_name() -> None:
    with pytest.raises(DisclosureError, match=r"kept|that of national surveys of schools \(1 row\)"):
        safe_cells(rows(("share_agree", 100, 0.5, 0.01)), no_people(), Policy(), waves=["2020"])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_table_is_read_as_it_was_written_and_holds_the_nation_alone(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    nation = rows(*((f"m{i}", int(n), p, p * c) for i, (n, p, c) in enumerate(random.random((9, 3)) * [99, 1, 1])))
    high = nation.assign(group_by="level", group="high")
    unit = nation.assign(school_id="high_city")
    cells = national_cells(pd.concat([nation, high.astype(nation.dtypes), unit.astype(nation.dtypes)]))
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_text(public_table(cells), encoding="utf-8")
    read = read_public_table(path)
    pd.testing.assert_frame_equal(read, cells, check_exact=False, rtol=0, atol=6e-7)
    path.write_text(public_table(cells, nation=True), encoding="utf-8")
    assert len(read_public_table(path)) == len(nation)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "EmptyDataError"),
        ("a,b\n1,2\n", "SchemaError"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str | None, found: str) -> None:
    path = tmp_path / "yardstick.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DisclosureError, match=found):
        read_public_table(path)


def test_a_table_about_people_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "yardstick.csv"
    text = public_table(national_cells(rows(("plan", 100, 0.5, 0.01))))
    path.write_text(text.replace(",school,", ",student,"), encoding="utf-8")
    with pytest.raises(DisclosureError, match="not about schools"):
        read_public_table(path)


LEVEL, CHANGE = ("plan", 100, 0.5, 0.01), ("change_in_plan", 60, 0.2, 0.05)
GOOD = public_table(national_cells(rows(LEVEL, CHANGE, ("rare", 40, 0.02, 0.008), ("few", 12, 0.5, 0.1))))


@pytest.mark.parametrize(
    ("old", "new", "unfit"),
    [
        ("2020,100,0.500000", "2020,29,0.500000", 2),  # Too few schools, and its change has no level any more.
        ("2020,60,0.200000", "2020,29,0.200000", 1),
        ("0.500000,0.010000", "0.500000,0.250001", 2),
        ("0.500000,0.010000", "0.500000,0.150001", 1),  # To be read with caution, and does not say so.
        ("0.500000,0.010000", "0.500000,", 1),  # Half of the schools, and nothing says how sure that is.
        ("0.500000,0.010000,0.480000,0.520000", ",,,", 2),
        ("share,caution", "share,shown", 1),
        ("2020,,,,,,share,not_met", "2020,12,0.5,0.1,0.3,0.7,share,shown", 1),
        ("2020,,,,,,share,not_met", "2020,12,0.5,0.1,0.3,0.7,share,caution", 1),
        ("2020,,,,,,share,not_met", "2020,99,0.5,,,,share,coded", 1),
    ],
)
def test_a_table_that_shows_what_the_rule_does_not_is_refused(tmp_path: Path, old: str, new: str, unfit: int) -> None:
    path = tmp_path / "yardstick.csv"
    path.write_text(GOOD, encoding="utf-8")
    assert len(read_public_table(path)) == 4
    assert GOOD.count(old) == 1
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DisclosureError, match=rf"do not meet the reporting standards.*\({unfit} rows?\)"):
        read_public_table(path)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ({}, None),
        ({"school_id": "high_city"}, r"not about all schools together \(1 row\)"),
        ({"group_by": "level", "group": "high"}, r"not about all schools together \(1 row\)"),
        ({"construct": "trust"}, r"not about all schools together \(1 row\)"),
        ({"measure": "planned"}, r"measures that the survey does not have \(1 row\)"),
        ({"measure": "change_in_plan"}, r"measures that the survey does not have \(1 row\)"),
    ],
)
def test_a_yardstick_holds_all_schools_and_known_measures_alone(
    tmp_path: Path, planted: dict[str, str], found: str | None
) -> None:
    nation = rows(LEVEL)
    more = nation.assign(**(planted or {"wave": "2018"})).astype(nation.dtypes)
    path = tmp_path / "yardstick.csv"
    path.write_text(public_table(national_cells(pd.concat([nation, more]))), encoding="utf-8")
    if found is None:
        assert len(read_yardstick_table(path, {"plan": 1})) == 2
        return
    with pytest.raises(DisclosureError, match=found):
        read_yardstick_table(path, ["plan"])


CELLS = national_cells(rows(("plan", 100, 0.5432, 0.0123), ("rare", 40, 0.02, 0.008), ("few", 12, 0.5, 0.1)))


@pytest.mark.parametrize(
    ("said", "text", "right"),
    [
        ("plan|school||||​|2020#share=54", "54", False),  # An invisible sign in a key.
        ("plan|school|||||2020#share=54", "54", True),
        ("plan|school|||||2020#share=54.3", "54.3", True),
        ("plan|school|||||2020#share=54.4", "54.4", False),
        ("plan|school|||||2020#share_error=1.23", "1.23", True),
        ("plan|school|||||2020#share_error=1.24", "1.24", False),
        ("plan|school|||||2020#std_error=0.0123", "0.0123", True),
        ("plan|school|||||2020#range=52..57", "52 to 57", True),
        ("plan|school|||||2020#n=100", "100", True),
        ("plan|school|||||2018#n=100", "100", False),
        ("plan|school|||||2020#hidden", "[c]", False),
        ("rare|school|||||2020#share=2", "2", False),  # Without the mark of caution.
        ("rare|school|||||2020#share=2!", "2 !", True),
        ("plan|school|||||2020#share=54!", "54 !", False),
        ("few|school|||||2020#not_met", "‡", True),
        ("few|school|||||2020#n=12", "12", False),
        ("plan|school|||||2020#not_met", "‡", False),
        ("plan|student|||||2020#share=54", "54", False),
        ("share_agree|student|||||2020#not_met", "‡", False),
    ],
)
def test_a_page_tells_of_schools_what_a_public_table_says(tmp_path: Path, said: str, text: str, right: bool) -> None:
    page = f'<html lang="en"><body><p><data value="{said}">{text}</data></p></body></html>'
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    words = {"en": ["{low} to {high}"]}
    assert audit(tmp_path, words=words, public=CELLS).clean is right
    assert audit(tmp_path, words=words, cells=CELLS, public=CELLS).clean is right
    alone = audit(tmp_path, words=words, cells=CELLS)
    assert not alone.clean, "cells of a study do not vouch for schools of the nation"


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("", "", True),
        ("0.543200", "0.543300", False),
        ("0.012300", "0.022300", False),
        (",100,", ",101,", False),
        ("not_met", "shown", False),
        ("share,caution", "share,shown", False),
        ("share,shown", "share,caution", False),
        ("not_met", "12 schools", False),
        ("share,shown", "7 schools,shown", False),
    ],
)
def test_a_released_table_is_held_against_the_estimates(tmp_path: Path, old: str, new: str, right: bool) -> None:
    text = public_table(CELLS)
    assert old in text
    (tmp_path / "yardstick.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert audit(tmp_path, words={}, public=CELLS).clean is right
