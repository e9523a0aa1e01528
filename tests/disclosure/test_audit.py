"""The audit on small pages with planted leaks: each is found, named, and nothing else is."""

from __future__ import annotations

import base64
import gzip
import json
import zipfile
import zlib
from functools import partial
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from pages import DECLARED, PEOPLE, SAFE, WORDS, Folder, data

from sro_research.disclosure.audit import Audit, require_clean
from sro_research.disclosure.audit import audit as audit_folder
from sro_research.disclosure.ledger import COLUMNS
from sro_research.disclosure.pages import COLORS
from sro_research.disclosure.pattern import ROW
from sro_research.errors import DisclosureError
from sro_research.report.svg import THEMED
from sro_research.tables import write_table

audit = partial(audit_folder, words=WORDS)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "release")


def found(result: Audit) -> set[str]:
    return {kind for kind in Audit.FINDINGS if getattr(result, kind)}


def many_more(folder: Folder) -> None:
    """Add 180,000 people to a group that is shown at all schools: more than an attack looks through one by one."""
    for row, (n, agree) in folder.people.items():
        if row[0] in ("", "1"):
            schools = 1 if row[1] else 3
            folder.people[row] = (n + 60_000 * schools, agree + 36_000 * schools)


def test_a_district_may_have_more_people_than_an_attack_looks_for(folder: Folder) -> None:
    many_more(folder)
    assert audit(folder.write()).clean
    folder.hidden = {("3", "0001")}
    result = audit(folder.write())
    assert any(text.startswith("population student") and "group 3, school_id 0001" in text for text in result.exact)


def test_a_safe_page_is_clean_and_its_hidden_rows_are_counted(folder: Folder) -> None:
    result = audit(folder.write())
    assert result.clean and result.hidden == len(SAFE)
    assert result.to_read() == [
        "4 texts with numbers are declared as the study's own; read them",
        "declared: 10 (minimum)",
        "declared: 9 (text)",
        "declared: Grades 9 to 12 (text)",
        "declared: students of grade 9 (respondents)",
    ]
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


def test_a_school_whose_table_of_groups_is_not_there_is_attacked(folder: Folder) -> None:
    assert audit(folder.write()).clean
    for group in "123":
        del folder.people[group, "0003"]
    assert audit(folder.write()).clean
    folder.hidden = set()
    exact = audit(folder.write()).exact  # The other groups follow as well, and are enough people.
    assert exact and all("group 3, school_id 0003" in text for text in exact)


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
        "<script>document.body.append('abcdef'.length)</script>",
        "<style>p { counter-increment: n } p::after { content: counter(n) }</style>",
        "<meta name='sro-texts' content='students: 6'>",
        "<p name='sro-texts' content='students: 6'>Text</p>",
        "<p>s\ufe0fix students</p>",
        "<p>s\u034fix students</p>",
        "<data value='share_agree|student|officer_trust|gender|3 has 6|0001|2026#hidden'>[c]</data>",
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
        "length",
        "counter",
        "declared twice",
        "declared by another",
        "variation",
        "joiner",
        "key",
    ],
)
def test_a_number_that_nobody_registered(folder: Folder, extra: str) -> None:
    assert found(audit(folder.write())) == set()
    folder.extra = extra
    assert found(audit(folder.write())) == {"unregistered"}


@pytest.mark.parametrize(
    "text",
    [
        "9 students answered.",
        "Grades 9 to 12: 4",
        "Grades 9 to 11",
        "9",
        "10",
        "100",
        "Groups with fewer than 9 answers are hidden.",
        "Groups with fewer than 10 answers are hidden. 4 are.",
        "4 of 100 students of grade 9",
        f"{data('1', '0001', 'n=30', '30')} of 100 students of grade 8",
    ],
)
def test_a_number_that_is_known_elsewhere_is_known_in_no_other_text(folder: Folder, text: str) -> None:
    folder.extra = f"<p>{text}</p>"
    (problem,) = audit(folder.write()).unregistered
    assert problem.startswith("school.html: <p> ") and "let the catalogue or the study say the whole text" in problem


def test_texts_that_are_known_as_a_whole(folder: Folder) -> None:
    said = data("1", "0001", "n=30", "30")
    folder.extra = (
        "<p>Grades  9 to\n12</p><p title='Grades 9 to 12'>Text</p><table><tr><th scope='row'>9</th></tr></table>"
        f"<p>Groups with fewer than 10 answers are hidden.</p><p>{said} of 100 students of grade 9</p>"
    )
    assert audit(folder.write()).clean
    # The same in the language of another page is not known there.
    page = (folder.root / "school.html").read_text(encoding="utf-8").replace("lang='en'", "lang='es'")
    (folder.root / "school.html").write_text(page, encoding="utf-8")
    assert any("Of 100 people" not in text and "<caption> 100" in text for text in audit(folder.root).unregistered)


@pytest.mark.parametrize(
    "text",
    [
        *("Seven students answered.", "SIETE estudiantes", "se&shy;ven", "one_of"),
        *("７９１９", "⁴", "٤", "Ⅶ", "½", "⑦", "七"),
        "ｓｅｖｅｎ",
    ],
)
def test_a_number_in_other_signs_or_in_words(folder: Folder, text: str) -> None:
    folder.extra = f"<p>{text}</p>"
    assert "school.html: <p> " in audit(folder.write()).unregistered[0]


def test_words_that_only_hold_the_name_of_a_number(folder: Folder) -> None:
    folder.extra = "<p>Someone listened; often; a stone; ninety. Ninguno; doscientos.</p>"
    assert audit(folder.write()).clean


@pytest.mark.parametrize(
    "extra",
    [
        "<p id='n7919'>Text</p>",
        "<h2 id='s7919'>Text</h2>",
        "<a href='index.html?n=7919'>Text</a>",
        "<a href='school_7919.html'>Text</a>",
        "<p class='n7919'>Text</p>",
        "<p style='margin:7919px'>Text</p>",
        "<p lang='x-7919'>Text</p>",
        "<p tabindex='7919'>Text</p>",
        "<p n7919=''>Text</p>",
        "<n-7919>Text</n-7919>",
        "<p data-n='seven'>Text</p>",
        "<meta name='keywords' content='7919'>",
        "<meta http-equiv='Content-Security-Policy' content=\"script-src 'sha256-7919'\">",
        "<?n 7919?>",
        "<script>var n = 4</script>",
        "<style>.n{order:7919}</style>",
    ],
)
def test_numbers_where_nobody_reads(folder: Folder, extra: str) -> None:
    folder.extra = extra
    (problem,) = audit(folder.write()).unregistered
    assert problem.startswith("school.html: ") and problem.endswith("template")


def test_names_that_the_template_gives(folder: Folder) -> None:
    folder.write("school_0001.html")
    folder.extra = (
        "<div class='body'><h2 id='s1' tabindex='-1'>Text</h2><p>Text</p></div><a href='#s1'>Text</a>"
        "<a href='school_0001.html'>Text</a>"
    )
    assert audit(folder.write()).clean


@pytest.mark.parametrize("name", ["school_0001_n7.html", "school_0007.html", "n7.html", "seven.html", "7/page.html"])
def test_a_file_that_is_named_by_a_number(folder: Folder, name: str) -> None:
    root = folder.write()
    (root / name).parent.mkdir(exist_ok=True)
    (root / "school.html").rename(root / name)
    assert audit(root).unregistered == (
        f"{name}: the file name holds a number that is no school of the page. Rename it",
    )


def test_a_page_that_declares_what_its_study_does_not_say(folder: Folder) -> None:
    folder.declared["text"] = [*DECLARED["text"], "7919 students"]
    folder.extra = "<p>7919 students</p>"
    result = audit(folder.write())
    assert result.clean and "declared: 7919 students (text)" in result.to_read()
    result = audit(folder.root, own_texts={"en": DECLARED})
    assert result.unregistered == (
        "school.html: it declares as 'text' a text with numbers that the study does not have. Take it out of"
        " `own_texts`",
    )
    folder.declared = {"minimum": ["7"]}
    folder.extra = ""
    assert "as 'minimum'" in audit(folder.write(), own_texts={"en": DECLARED}).unregistered[0]
    page = (folder.root / "school.html").read_text(encoding="utf-8")
    (folder.root / "school.html").write_text(page.replace(json.dumps(folder.declared), "7"), encoding="utf-8")
    assert audit(folder.root).unreadable == ("school.html: ValueError",)


CELLS = pd.DataFrame(
    [
        ["1", "shown", 30, 0.466, 0.30, 0.62],
        ["2", "hidden", *4 * [None]],
        ["3", "coded", 30, 0.2, None, None],
        ["4", "not_available", *4 * [None]],
    ],
    columns=["group", "status", "n", "estimate", "conf_low", "conf_high"],
).assign(
    measure="share_agree",
    population="student",
    construct="fair",
    group_by="gender",
    school_id="0001",
    wave="2026",
    std_error=float("nan"),
)


@pytest.mark.parametrize(
    ("group", "said", "right"),
    [
        ("1", "n=30", True),
        ("1", "n=31", False),
        ("1", "share=47", True),
        ("1", "share=46", False),
        ("1", "share=<=47", False),
        ("1", "range=30..62", True),
        ("1", "range=30..63", False),
        ("1", "range=not_available", False),
        ("1", "hidden", False),
        ("2", "hidden", True),
        ("2", "n=30", False),
        ("2", "share=47", False),
        ("2", "not_available", False),
        ("3", "share=<=20", True),
        ("3", "share=20", False),
        ("3", "share=>=20", False),
        ("3", "range=hidden", True),
        ("4", "not_available", True),
        ("4", "hidden", False),
        ("5", "hidden", True),
        ("5", "n=30", False),
    ],
)
def test_what_is_said_is_held_against_the_safe_cells(folder: Folder, group: str, said: str, right: bool) -> None:
    folder.people, folder.hidden = {}, set()
    text = " ".join(said.partition("=")[2].strip("<>=").split("..")) if said[-1].isdigit() else "[c]"
    folder.extra = f'<data value="share_agree|student|fair|gender|{group}|0001|2026#{said}">{text}</data>'
    conflicts = audit(folder.write(), cells=CELLS).conflicts
    assert (conflicts == ()) is right
    assert right or (conflicts[0].startswith("school.html: share_agree, student, fair") and "anew" in conflicts[0])


def test_nobody_answers_a_topic_without_answering(folder: Folder) -> None:
    # Two hidden schools share what the district leaves; how many answered anything at one says how many did on a topic.
    folder.people = {("", ""): (106, 58), ("", "0001"): (60, 30), ("", "0002"): (6, 3), ("", "0003"): (40, 25)}
    folder.hidden = {("", "0001"), ("", "0002")}
    assert audit(folder.write()).clean
    answered = '<data value="responses|student||||{}|2026#n={}">{}</data>'
    folder.extra = answered.format("0001", 60, 60)
    assert "school_id 0002" not in str(audit(folder.write()).exact), "at least six, at most sixty-six"
    folder.extra += answered.format("0002", 10, 10)
    result = audit(folder.write())
    assert "construct officer_trust, school_id 0002" in result.near[0] and "Hide another row" in result.near[0]


def test_a_group_is_no_larger_than_all_who_answered_at_its_school(folder: Folder) -> None:
    folder.hidden = {("", "0001"), ("", "0002"), ("3", "0001"), ("3", "0002")}
    folder.people = {key: of for key, of in PEOPLE.items() if key in folder.hidden or key == ("", "")}
    folder.people |= {("3", ""): (24, 13), ("", "0003"): (132, 80), ("3", "0003"): (6, 4)}
    assert not audit(folder.write()).near
    for school, n in (("0001", 11), ("0002", 10)):
        folder.extra += f'<data value="responses|student||||{school}|2026#n={n}">{n}</data>'
    # Of the 18 people of the group in both schools at most ten are in the second, so at least eight in the first.
    assert any("group 3, school_id 0001" in text for text in audit(folder.write()).near)


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


@pytest.mark.parametrize(
    "planted",
    [
        "<svg data-n='4'>",
        "<svg class='n4'>",
        "<svg fill='#000004'>",
        "<svg font-size='4px'>",
        "<svg d='M4 n=4'>",
        "<svg><metadata>4</metadata>",
        "<svg><metadata>Four</metadata>",
        "<svg><g>4</g>",
        "<svg><text>4</text>",
        "<svg><text>Four</text>",
        "<svg><title>4 students</title>",
        "<svg><desc>47 or 4 of 100 students of grade 9</desc>",
    ],
)
def test_numbers_in_a_chart(folder: Folder, planted: str) -> None:
    drawn = FIGURE.format(x=188, said=data("1", "0001", "share=47", "47"))
    folder.extra = drawn.replace(
        "<svg>", "<svg><desc>47 of 100 students of grade 9. More.</desc><text>Grades 9 <tspan>to 12</tspan></text>"
    )
    assert audit(folder.write()).clean
    folder.extra = drawn.replace("<svg>", planted)
    (problem,) = audit(folder.write()).unregistered
    assert (problem.startswith("school.html: ") and "4" in problem) or "Four" in problem


def test_the_colors_of_charts_are_those_that_are_drawn() -> None:
    assert frozenset(THEMED) == COLORS


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
    row = "share_agree,student,fair,,,0001,2026"
    (root / "cells.csv").write_text(header.replace("\n", ",note\n") + f"{row},24,54,of 44\n")
    assert audit(root).unregistered == ("cells.csv: 44. Leave the column out",)
    (root / "cells.csv").write_text(header + '"share_agree",student,officer_trust,gender,"2","0001",2026,24,54\n')
    assert found(audit(root)) == {"conflicts"}, "keys in quotes name the same row"
    (root / "cells.csv").write_text(header + f"{row},many,54\n")
    assert found(audit(root)) == {"unregistered"}
    for malformed in (f"{row},24,54,7919\n", '"share_agree,student\n', "share_agree,7919\n"):
        (root / "cells.csv").write_text(header + malformed)
        assert found(audit(root)) == {"unreadable"}
    (root / "cells.csv").unlink()
    book = openpyxl.Workbook()
    book.active.append([*header.strip().split(","), "note"])
    book.active.append(["share_agree", "student", "fair", None, None, "0001", "2026", 24, 54, 44])
    book.save(root / "book.xlsx")
    assert audit(root).unregistered == ("book.xlsx: 44. Leave the column out",)
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


def test_what_is_nested_too_deep_is_not_passed_over(folder: Folder) -> None:
    folder.extra = "<div>" * 300 + "<p>6 students</p>" + "</div>" * 300 + "<p>Six students</p>"
    result = audit(folder.write())
    assert result.unreadable or len(result.unregistered) == 2


def test_a_row_of_a_table_that_says_nothing_of_its_cell_may_hold_no_number(folder: Folder) -> None:
    lines = ["measure,population,construct,group_by,group,school_id,wave,n"]
    lines += ["share_agree,student,officer_trust,gender,group 3 has 6 students,0001,2026,"]
    (folder.write() / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    assert "rows.csv: 6" in " ".join(audit(folder.root).unregistered)


def test_a_group_that_another_wave_calls_absent_is_no_room_to_move(folder: Folder) -> None:
    """Group 2 has six people in two schools; where one of them has no such group, all six are of the other."""
    folder.people |= {("2", "0001"): (6, 3), ("2", "0003"): (0, 0), ("2", ""): (20, 14)}
    folder.people |= {("3", "0001"): (24, 13), ("3", "0003"): (17, 11), ("3", ""): (50, 30)}
    folder.hidden = {("2", "0001"), ("3", "0001"), ("2", "0003"), ("3", "0003")}
    assert not audit(folder.write()).exact
    folder.extra = data("2", "0003", "not_available", "[x]", wave="2027")
    assert "group 2, school_id 0001" in audit(folder.write()).exact[0]
