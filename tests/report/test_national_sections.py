"""Sections of the pages of a national survey: the same in both languages, true to the cells, and nothing elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from conftest import Run

from sro_research.estimates import SCHOOL
from sro_research.report import sections
from sro_research.report.page import Page
from sro_research.report.parts import Bullets, Cards, Figure, Section, Table, plain
from sro_research.report.words import Words, load_words
from sro_research.study import open_report

EN, ES = load_words("en"), load_words("es")
SECTIONS = [getattr(sections, name) for name in sections.__all__ if name.startswith("national_")]


@pytest.fixture(scope="module")
def pages(national: Run) -> dict[str, Page]:
    """The pages of a kind of school, of one with too few schools, and of the nation."""
    units = ("high_city", "combined_city", "")
    return {unit: open_report(str(national.params_file), school_id=unit).page for unit in units}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__)
def test_both_languages_say_the_same_things(pages: dict[str, Page], section: Section) -> None:
    said = 0
    for page in pages.values():
        english, spanish = section(page, EN), section(page, ES)
        assert [type(part) for part in english] == [type(part) for part in spanish]
        for one, other in zip(english, spanish, strict=True):
            if isinstance(one, Table | Figure):
                a, b = (part.table if isinstance(part, Figure) else part for part in (one, other))
                assert all(len(row) == len(a.columns) == len(a.numeric) for row in a.rows)
                digits = [sorted(re.findall(r"\d+", " ".join(map(plain, row[1:]))) for row in of.rows) for of in (a, b)]
                assert digits[0] == digits[1]
        said += len(english)
    assert said, "no page has this section"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__)
def test_a_study_of_people_has_none_of_them(demo: Run, section: Section) -> None:
    assert section(open_report(str(demo.params_file)).page, EN) == []


def test_a_card_says_what_its_cell_says_and_compares_with_all_others(pages: dict[str, Page]) -> None:
    page = pages["high_city"]
    cards = next(part for part in sections.national_short(page, EN) if isinstance(part, Cards)).cards
    cell, nation = (page.cell("officer_present", population=SCHOOL, school_id=unit) for unit in ("high_city", ""))
    assert plain(cards[0].value) == f"{100 * cell.estimate:.0f} of 100 schools"
    assert f"{100 * nation.estimate:.0f} of 100" in plain(cards[0].comparison)
    assert cards[0].verdict == EN("verdict_higher"), "nine of ten high schools have an officer, and half of the others"


def test_the_nation_is_compared_with_the_wave_before_where_words_stayed_the_same(pages: dict[str, Page]) -> None:
    page = pages[""]
    assert page.national is not None
    cards = next(part for part in sections.national_short(page, EN) if isinstance(part, Cards)).cards
    of = dict(zip(page.national.asked.headlines, cards, strict=True))
    before = page.cell("officer_present", population=SCHOOL, wave="2018")
    assert f"School year 2017–18: {100 * before.estimate:.0f} of 100" in plain(of["officer_present"].comparison)
    for measure in ("threat_assessment_team", "restorative"):
        assert (of[measure].comparison, of[measure].verdict) == (EN("national_card_anew"), "")


def test_one_wave_alone_is_compared_with_none(pages: dict[str, Page]) -> None:
    page = replace(pages[""], waves=pages[""].waves[-1:])
    cards = next(part for part in sections.national_short(page, EN) if isinstance(part, Cards)).cards
    assert {card.comparison for card in cards} == {EN("short_compared_none")}
    assert sections.national_anew(page, EN) == []
    parts = sections.national_topics(page, EN)
    tables = [of.table if isinstance(of, Figure) else of for of in parts if isinstance(of, Table | Figure)]
    assert tables and all(table.columns[-1] == EN("national_schools") for table in tables)
    assert all({len(row) for row in table.rows} == {len(table.columns)} == {len(table.numeric)} for table in tables)


def test_no_table_has_two_columns_of_one_name(pages: dict[str, Page]) -> None:
    one_wave = [replace(page, waves=page.waves[-1:]) for page in pages.values()]
    for page in [*pages.values(), *one_wave]:
        for section in SECTIONS:
            for part in section(page, EN):
                table = part.table if isinstance(part, Figure) else part
                assert not isinstance(table, Table) or len(set(table.columns)) == len(table.columns)


@pytest.mark.parametrize("words", [EN, ES], ids=["en", "es"])
def test_pages_do_not_claim_what_nobody_has_decided(pages: dict[str, Page], words: Words) -> None:
    (said,) = [" ".join(part.items) for part in sections.national_how(pages[""], words) if isinstance(part, Bullets)]
    assert words("how_margin", margin=5) not in said and "before looking" not in said
    assert words("national_how_many") in said and words("national_how_marks", fewest=30) in said


def test_what_is_not_compared_is_said_with_its_reason(pages: dict[str, Page]) -> None:
    unit, nation = (sections.national_anew(pages[name], EN)[1] for name in ("high_city", ""))
    assert isinstance(unit, Bullets) and isinstance(nation, Bullets)
    assert len(unit.items) == 1 and "Levels" in unit.items[0], "a kind of school is a level's"
    assert any("restorative circles" in said for said in nation.items) and len(nation.items) > 2


def test_kinds_stand_in_alphabetical_order_with_marks_for_too_few(pages: dict[str, Page]) -> None:
    table = next(part for part in sections.national_units(pages[""], EN) if isinstance(part, Table))
    names = [row[0] for row in table.rows]
    assert names == sorted(names) and len(names) == 16
    assert {name: plain(row[1]) == "‡" for name, row in zip(names, table.rows, strict=True)} == {
        name: name.startswith("Combined") for name in names
    }


def test_all_numbers_have_an_error_or_no_number(pages: dict[str, Page]) -> None:
    table = next(part for part in sections.national_numbers(pages[""], EN) if isinstance(part, Table))
    rows = [[plain(text) for text in row] for row in table.rows]
    assert any(re.fullmatch(r"\d+\.\d", row[1]) for row in rows)
    assert all(re.fullmatch(r"\d+\.\d\d", row[2]) for row in rows if row[1][:1].isdigit() and row[1] != "100.0")
    assert all(row[2] == "[x]" for row in rows if row[1] in ("‡", "[x]"))
