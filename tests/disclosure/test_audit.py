"""The audit on small pages with planted leaks: each is found, named, and nothing else is."""

from __future__ import annotations

import base64
import gzip
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from pages import PEOPLE, SAFE, Folder, data

from sro_research.disclosure.audit import Audit, audit, require_clean
from sro_research.disclosure.ledger import COLUMNS
from sro_research.disclosure.rows import ROW
from sro_research.errors import DisclosureError
from sro_research.files import write_table


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "release")


def found(result: Audit) -> set[str]:
    return {kind for kind in Audit.FINDINGS if getattr(result, kind)}


def test_a_safe_page_is_clean_and_its_hidden_rows_are_counted(folder: Folder) -> None:
    result = audit(folder.write())
    assert result.clean and result.hidden == len(SAFE)
    assert result.lines() == [
        "1 files, 6 hidden rows: 0 exact, 0 near, 0 small groups, 0 too small, 0 extreme, 0 unregistered, 0 canaries,"
        " 0 unreadable, 0 conflicts"
    ]
    require_clean(result)


def test_a_group_that_is_hidden_alone_in_the_district_is_worked_out(folder: Folder) -> None:
    # Schools 1 and 2 show the group, so that the third is what the district leaves: 21 - 6 - 9.
    folder.hidden = {("3", "0003"), ("2", "0003")}
    result = audit(folder.write())
    assert len(result.exact) >= 1
    assert (
        "school_id 0003" in result.exact[0] and "group 3" in result.exact[0] and "Hide another row" in result.exact[0]
    )
    with pytest.raises(DisclosureError, match="give away what they hide"):
        require_clean(result)


def test_two_hidden_rows_of_a_school_that_are_few_together(folder: Folder) -> None:
    # 60 people less 30 and 24 shown: six people whose answers follow, though neither row is exact.
    folder.people |= {("1", "0001"): (54, 27), ("2", "0001"): (3, 1), ("3", "0001"): (3, 2)}
    folder.people |= {("1", ""): (104, 59), ("2", ""): (28, 19), ("3", ""): (18, 12)}
    result = audit(folder.write())
    assert result.small_groups == (
        "population student, construct officer_trust, school_id 0001, wave 2026 by gender: fewer than 10 people. Hide"
        " another row",
    )


def test_public_enrolment_narrows_what_a_hidden_school_can_be(folder: Folder) -> None:
    folder.people = {key: value for key, value in PEOPLE.items() if not key[0]}
    folder.hidden = {("", "0001"), ("", "0002")}
    assert audit(folder.write()).clean
    aux = pd.DataFrame({"school_id": ["0001"], "wave": ["2026"], "students": [62]})
    assert audit(folder.root, aux=aux).clean
    aux = pd.DataFrame({"school_id": ["0001", "0002"], "wave": ["2026", "2026"], "students": [61, 51]})
    result = audit(folder.root, aux=aux)
    assert not result.near, "sixty people and fifty: hidden in vain, but no small group"
    folder.people[("", "0002")], folder.people[("", "")] = (6, 3), (106, 58)
    aux["students"] = [61, 7]
    assert "school_id 0002" in audit(folder.write(), aux=aux).near[0]
    aux["students"] = [60, 6]
    assert "school_id 0002" in audit(folder.root, aux=aux).exact[0]


def test_a_near_guess_where_enrolment_alone_says_as_much_is_not_ours(folder: Folder) -> None:
    folder.people = {("", ""): (106, 58), ("", "0001"): (60, 30), ("", "0002"): (6, 3), ("", "0003"): (40, 25)}
    folder.hidden = {("", "0001"), ("", "0002")}
    aux = pd.DataFrame({"school_id": ["0002"], "wave": ["2026"], "students": [3]})
    folder.people[("", "0001")], folder.people[("", "0002")] = (63, 32), (3, 1)
    assert not audit(folder.write(), aux=aux).near


def test_a_small_row_that_is_openly_shown(folder: Folder) -> None:
    folder.hidden = set()
    result = audit(folder.write())
    assert len(result.too_small) == 3 and "group 3, school_id 0001" in result.too_small[0]


@pytest.mark.parametrize("said", ["share=75", "range=40..95"])
def test_a_number_of_a_row_that_is_hidden_elsewhere(folder: Folder, said: str) -> None:
    folder.extra = data("3", "0001", said, " to ".join(said.partition("=")[2].split("..")))
    assert "shown on one page, hidden on another" in audit(folder.write()).conflicts[0]


def test_exact_nobody_tells_about_nobody(folder: Folder) -> None:
    folder.people[("", "0004")] = (0, 0)
    folder.hidden.add(("", "0004"))
    assert audit(folder.write()).clean


def test_a_row_that_one_page_shows_and_another_hides(folder: Folder) -> None:
    folder.write("one.html")
    folder.hidden.discard(("2", "0001"))
    result = audit(folder.write("two.html"))
    assert result.conflicts == (
        "population student, construct officer_trust, group_by gender, group 2, school_id 0001, wave 2026: shown on one"
        " page, hidden on another",
    )


def test_two_pages_that_tell_different_numbers(folder: Folder) -> None:
    folder.write("one.html")
    folder.people[("1", "0001")] = (31, 14)
    assert "two pages differ" in audit(folder.write("two.html")).conflicts[0]


@pytest.mark.parametrize(
    ("share", "people", "extreme"),
    [("100", 12, True), ("0", 12, True), ("15", 12, True), ("25", 12, False), ("97", 45, True)],
)
def test_a_share_near_none_or_all_must_be_coded(folder: Folder, share: str, people: int, extreme: bool) -> None:
    of = {"group": "", "school": "0009", "wave": "2025"}
    folder.extra = data(**of, said=f"n={people}", text=str(people)) + data(**of, said=f"share={share}", text=share)
    assert ("extreme" in found(audit(folder.write()))) is extreme


@pytest.mark.parametrize(
    "extra",
    [
        "<p>7919 students answered.</p>",
        "<p title='7919 hidden'>Text</p>",
        "<img alt='7919 students' src=''>",
        "<p aria-label='7919'>Text</p>",
        "<p data-n='7919'>Text</p>",
        "<script>var rows = [{'n': 7919}]</script>",
        '<script type=\'application/json\'>{"datasets": {"rows": [{"n": 7919}]}}</script>',
        "<!-- n = 7919 -->",
        "<p style='display:none'>7919</p>",
        "<p>a<script>b</script>7919</p>",
        "<style>p::after { content: '7919' }</style>",
        "<data value='mean_score|student|officer_trust||||2026#estimate=9'>9</data>",
        "<data value='invented|student|officer_trust||||2026#n=9'>9</data>",
        "<svg><text>7919</text></svg>",
        f"<p>{data('1', '0001', 'n=30', '7919')}</p>",
        f"<p>{data('1', '0001', 'mean=3.25', '3.25')}</p>",
        "<p><data value='share_agree|student|officer_trust|gender|1|race|2|0001|2026#n=12'>12</data></p>",
        "<table><tr><td>1</td><td>7919</td></tr></table>",
    ],
    ids=[
        "text",
        "title",
        "alt",
        "aria",
        "data",
        "script",
        "json",
        "comment",
        "unseen",
        "tail",
        "style",
        "other",
        "invented",
        "chart",
        "wrong",
        "mean",
        "two",
        "rows",
    ],
)
def test_a_number_that_nobody_registered(folder: Folder, extra: str) -> None:
    assert found(audit(folder.write())) == set()
    folder.extra = extra
    assert found(audit(folder.write())) == {"unregistered"}


FIGURE = """<figure><figcaption>Chart</figcaption>
<svg><g transform="translate(100,10)">
<text transform="translate(0,50)">0</text><text transform="translate(400,50)">100</text>
<path class="f-ours" transform="translate({x},20)" d="M4,0A4,4,0,1,1,-4,0"/></g></svg>
<table><caption>Chart</caption><tbody><tr><th scope="row">Row</th><td>{said}</td></tr></tbody></table></figure>"""


@pytest.mark.parametrize(("x", "clean"), [(188, True), (190, False), (192, False)])
def test_a_mark_that_stands_where_its_table_does_not_say(folder: Folder, x: int, clean: bool) -> None:
    # The table says 47 of 100: pixel 188 of 400. A mark at 48 would tell more than the table.
    folder.extra = FIGURE.format(x=x, said=data("1", "0001", "share=47", "47"))
    assert ("unregistered" in found(audit(folder.write()))) is not clean


def test_tokens_are_found_in_every_form(folder: Folder) -> None:
    token = "zebra-respondent"
    root = folder.write()
    forms = {
        "plain.html": f"<p>{token}</p>".encode(),
        "entity.html": b"<p>zebra&#45;respondent</p>",
        "unicode.html": b"<p>zebra\\u002drespondent</p>",
        "base64.html": b"<p>" + base64.b64encode(b"0123456789 zebra-respondent") + b"</p>",
        "stream.pdf": b"%PDF-1.4 stream\n" + zlib.compress(token.encode()) + b"\nendstream",
        "packed.gz": gzip.compress(token.encode()),
        "chunk.png": b"\x89PNG tEXtComment\x00" + token.encode(),
    }
    for name, content in forms.items():
        (root / name).write_bytes(content)
    with zipfile.ZipFile(root / "book.zip", "w") as archive:
        archive.writestr("inner.txt", token)
    (root / f"{token}.css").write_text("")
    hits = audit(root, canaries=[token]).canaries
    assert {hit.partition(":")[0] for hit in hits} == {*forms, "book.zip", "file name ."}
    assert not any(token in hit for hit in hits), "a finding does not repeat the token"


def test_files_that_cannot_be_audited_are_not_passed_over(folder: Folder) -> None:
    root = folder.write()
    for name in ("answers.sav", "chart.png", "notebook.ipynb"):
        (root / name).write_bytes(b"\x00")
    (root / "broken.xlsx").write_bytes(b"PK not a book")
    assert len(audit(root).unreadable) == 4
    with pytest.raises(DisclosureError, match="nothing to audit"):
        audit(root / "empty")


def test_tables_of_safe_cells_are_attacked_and_other_tables_refused(folder: Folder) -> None:
    root = folder.write()
    header = "measure,population,construct,group_by,group,school_id,wave,n,share\n"
    (root / "cells.csv").write_text(header + "share_agree,student,officer_trust,gender,2,0001,2026,24,54\n")
    assert found(audit(root)) == {"conflicts"}, "the table shows what the page hides"
    (root / "cells.csv").write_text("name,n\nschool,7919\n")
    assert found(audit(root)) == {"unregistered"}
    (root / "cells.csv").unlink()
    book = openpyxl.Workbook()
    book.create_sheet("raw").sheet_state = "hidden"
    book.save(root / "book.xlsx")
    assert "1 hidden sheets" in audit(root).unregistered[0]


def test_a_pdf_with_numbers_is_refused(folder: Folder) -> None:
    root = folder.write()
    (root / "report.pdf").write_bytes(b"%PDF stream\n" + zlib.compress(b"(7919 students) Tj") + b"\nendstream")
    assert any("7919" in text for text in audit(root).unregistered)


def test_the_ledger_is_held_against_the_pages(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"

    def ledger(group: str, school: str, shown: bool, n: int | None) -> None:
        row = pd.DataFrame(
            [["student", "officer_trust", "gender", group, school, "2026", shown, n, None]], columns=COLUMNS
        )
        dtypes = {**dict.fromkeys(ROW, "string"), "shown": "bool", "n": "Int64", "agree": "Int64"}
        write_table(path, row.astype(dtypes))

    root = folder.write()
    with pytest.raises(DisclosureError, match="no ledger"):
        audit(root, ledger=path)
    ledger("1", "0001", True, 30)
    assert audit(root, ledger=path).clean
    ledger("1", "0001", False, None)
    assert "an earlier release hides it" in audit(root, ledger=path).conflicts[0]
    ledger("1", "0001", True, 29)
    assert "shows other people" in audit(root, ledger=path).conflicts[0]


def test_numbers_that_cannot_all_be_true_prove_nothing(folder: Folder) -> None:
    folder.people[("1", "0001")] = (600, 300)
    with pytest.raises(DisclosureError, match="contradict"):
        audit(folder.write())
