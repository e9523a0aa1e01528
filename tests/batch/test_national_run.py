"""A study of a national survey of schools: run by the same command, on made-up files; and what stops it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run, sro_research
from lxml import html
from national_study import LAYOUTS, national_study, write_files

from sro_research import estimates
from sro_research.batch.plan import page_jobs
from sro_research.batch.publish import publish
from sro_research.disclosure.national import national_cells, public_table, read_public_table
from sro_research.disclosure.safe import CAUTION, NOT_MET, SHOWN
from sro_research.errors import DisclosureError
from sro_research.models.national import national_estimates
from sro_research.report.words import load_words
from sro_research.study import open_study

W = load_words("en")
FAULT = "high_city"


def text_of(page: Path) -> str:
    """Return what a reader sees of a page."""
    body = html.parse(str(page), html.HTMLParser(encoding="utf-8")).find("body")
    return " ".join(body.text_content().split())


@pytest.fixture
def copy(national: Run, tmp_path: Path) -> Run:
    """A copy of the finished run."""
    shutil.copytree(national.root, tmp_path / "reports" / "ssocs")
    return Run(national_study(tmp_path, data=national.data), national.data, tmp_path / "reports" / "ssocs", "")


def test_a_release_is_pages_and_two_tables(national: Run) -> None:
    stems = ("index", "board", "school_high_city", "school_combined_city")
    pages = {f"{stem}{language}.html" for stem in stems for language in ("", ".es")}
    assert {path.name for path in national.release.iterdir()} == {*pages, "yardstick.csv", "estimates.csv"}
    index = (national.release / "index.html").read_text(encoding="utf-8")
    assert {"board.html", "school_high_city.html", "yardstick.csv", "estimates.csv"} <= set(
        re.findall(r'href="([^"#]+)"', index)
    )
    assert index.count(W("index_missing")) == 14


@pytest.mark.parametrize("stem", ["index", "board", "school_high_city", "school_combined_city"])
def test_every_page_names_the_source_and_who_made_the_numbers(national: Run, stem: str) -> None:
    publisher = "National Center for Education Statistics"
    for language, name in (("en", f"{stem}.html"), ("es", f"{stem}.es.html")):
        assert load_words(language)("national_notice", publisher=publisher) in text_of(national.release / name)


def test_a_page_says_what_the_files_say(national: Run) -> None:
    table = pd.read_csv(national.data / f"{LAYOUTS['2020'].file}.csv")
    here = table[(table["FR_LVELX"] == 3) & (table["FR_URBAN"] == 1)]
    ours, nation = ((of["FINALWGT"] * (of["C0610"] == 1)).sum() / of["FINALWGT"].sum() for of in (here, table))
    page = text_of(national.release / "school_high_city.html")
    assert W("national_card", people=f"{100 * ours:.0f}") in page
    assert f"{W('national_card_all', people=f'{100 * nation:.0f}')}▲ {W('verdict_higher')}" in page
    assert W("national_who", count=len(here)) in page


def test_too_few_schools_have_no_numbers(national: Run) -> None:
    page = text_of(national.release / "school_combined_city.html")
    assert W("national_who_few", fewest=30) in page
    assert W("short_heading") not in page and "of 100 schools" not in page.replace(
        W("national_how_margin", margin=5), ""
    )


def test_marks_stand_where_numbers_are_unsure_and_are_explained(national: Run) -> None:
    cells = pd.read_parquet(national.internal / "safe" / "cells.parquet")
    here = cells[(cells["school_id"] == FAULT) & (cells["wave"] == "2020")]
    assert {SHOWN, CAUTION, NOT_MET} <= set(here["status"])
    page = (national.release / f"school_{FAULT}.html").read_text(encoding="utf-8")
    assert "#not_met" in page and re.search(r'#share=\d+!">\d+ !</data>', page)
    assert W("key_not_met") in text_of(national.release / f"school_{FAULT}.html")
    assert W("key_caution") in text_of(national.release / f"school_{FAULT}.html")
    assert "[c]" not in page


def test_what_was_asked_in_other_words_is_not_compared_with_the_wave_before(national: Run) -> None:
    board, high = (text_of(national.release / name) for name in ("board.html", "school_high_city.html"))
    reason = LAYOUTS["2020"].measures["restorative"].changed
    assert reason is not None and reason["en"] in board and W("national_card_anew") in board
    groups = LAYOUTS["2020"].groupings["level"].changed
    assert groups is not None and groups["en"] in high
    assert W("national_card_before", wave="School year 2017–18", people="5")[:-9] in board
    assert "change_in_" not in (national.release / "board.html").read_text("utf-8"), "verdicts only, no numbers"


def test_the_yardstick_holds_the_nation_alone_with_standard_errors(national: Run) -> None:
    table = read_public_table(national.release / "yardstick.csv")
    assert (table[["group_by", "school_id"]] == "").all(axis=None) and set(table["wave"]) == set(LAYOUTS)
    row = table[(table["measure"] == "officer_present") & (table["wave"] == "2020")].iloc[0]
    assert row["n"] == 520 and 0 < row["std_error"] < 0.05
    everything = read_public_table(national.release / "estimates.csv")
    assert len(everything) == len(pd.read_parquet(national.internal / "safe" / "cells.parquet"))


def test_a_finished_run_is_not_made_again(copy: Run) -> None:
    again = sro_research("run", copy.params_file, "--only", FAULT, "--dry-run")
    # Three study notebooks, the page of one kind of school, and the board's.
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["up"] * 5, again.stdout


def planted(study: Run, old: str, new: str, name: str = f"school_{FAULT}.html") -> None:
    page = study.internal / "pages" / name
    text = page.read_text(encoding="utf-8")
    assert re.search(old, text)
    page.write_text(re.sub(old, new, text, count=1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (r'(officer_present\|school\|\|\|\|high_city\|2020#share=)\d+">\d+', r'\g<1>12">12', "is not what its safe"),
        (r'(<data value="[^|]*\|school\|\|\|\|)high_city', r"\g<1>middle_moon", "is of no cell that is shown"),
        (r"</p>", " In truth 7 of them.</p>", "Make it of a safe cell"),
        (r'(<data value="[^"]*)#not_met">‡', r'\g<1>#share=5">5', "is of no cell that is shown"),
        (r'(<data value=")officer_present\|school', r"\g<1>officer_present|student", "names no safe cell"),
    ],
)
def test_a_planted_number_stops_the_release(copy: Run, old: str, new: str, found: str) -> None:
    planted(copy, old, new)
    study = open_study(str(copy.params_file))
    before = (copy.release / "index.html").read_bytes()
    jobs = [job for job in page_jobs(study, copy.params_file, "", study.reported_schools()) if FAULT in job.name]
    with pytest.raises(DisclosureError, match=found):
        publish(study, jobs)
    assert (copy.release / "index.html").read_bytes() == before


def test_an_audit_by_hand_takes_the_released_table_and_nothing_on_trust(national: Run) -> None:
    table = national.release / "estimates.csv"
    trusted = sro_research("audit", national.release, "--public", table)
    assert trusted.returncode == 0, trusted.stdout[:1000]
    alone = sro_research("audit", national.release)
    assert alone.returncode == 1 and "no public table is given" in alone.stdout


@pytest.mark.parametrize("command", ["run", "check"])
def test_without_the_files_it_says_who_publishes_them_and_where_they_go(tmp_path: Path, command: str) -> None:
    study = national_study(tmp_path, data=tmp_path / "not there")
    told = sro_research(command, study)
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1, told.stderr
    for words in (
        str(tmp_path / "not there"),
        "2017–18",
        "pu_ssocs18.sav",
        "pu_ssocs20.csv",
        "nces.ed.gov",
        "`folders.data`",
    ):
        assert words in told.stderr


def test_one_missing_file_is_named_alone(tmp_path: Path) -> None:
    write_files(tmp_path / "data")
    (tmp_path / "data" / f"{LAYOUTS['2018'].file}.csv").unlink()
    told = sro_research("run", national_study(tmp_path), "--dry-run")
    assert told.returncode == 2 and "2017–18" in told.stderr and "2019–20" not in told.stderr


def test_a_file_of_another_year_stops_the_study_with_one_sentence(tmp_path: Path) -> None:
    write_files(tmp_path / "data")
    first, second = (tmp_path / "data" / f"{layout.file}.csv" for layout in LAYOUTS.values())
    shutil.copy(first, second)
    told = sro_research("check", national_study(tmp_path))
    assert told.returncode == 2 and "of 2019–20 is missing" in told.stderr, told.stderr


def test_a_cut_off_file_stops_the_study_with_one_sentence(tmp_path: Path) -> None:
    write_files(tmp_path / "data")
    path = tmp_path / "data" / f"{LAYOUTS['2020'].file}.csv"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:301]), encoding="utf-8")
    told = sro_research("check", national_study(tmp_path))
    assert told.returncode == 2 and len(told.stderr.splitlines()) == 1, told.stderr
    assert "the file of 2019–20 has 300 schools, and 520 were published" in told.stderr


def test_check_reads_the_files_and_says_that_the_study_can_run(national: Run) -> None:
    told = sro_research("check", national.params_file)
    assert told.returncode == 0, told.stderr
    assert "520 rows, 0 set aside" in told.stdout and told.stdout.endswith("The study can run.\n")


def test_the_committed_yardstick_is_what_the_public_files_give(ssocs: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    survey = open_study(str(national_study(tmp_path))).national
    assert survey is not None
    shares, counts, rates = (survey.measures(kind) for kind in ("share", "count", "rate"))
    made = [
        national_estimates(ssocs[wave], shares=shares, counts=counts, rates=rates, absent=survey.absent(wave))
        for wave in survey.layouts
    ]
    path = tmp_path / "yardstick.csv"
    path.write_text(public_table(national_cells(estimates.stack(made)), nation=True), encoding="utf-8")
    kept = read_public_table(PROJECT / "params" / "standards" / "yardstick.csv")
    # Both are written with six decimals; sums of thousands of weights may differ in the last of them.
    pd.testing.assert_frame_equal(read_public_table(path), kept, check_exact=False, rtol=0, atol=2e-6)
