"""The release of a whole study: nothing leaves that should not, and what must not leave stops the release."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise, product
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run, demo_study, sro_research

from sro_research.batch.notebook import run_notebook
from sro_research.batch.publish import staged_for
from sro_research.disclosure.audit import audit
from sro_research.disclosure.pattern import ROW
from sro_research.disclosure.published import byte_forms
from sro_research.report.template import fixed_texts

CANARY = "zebra-quartz"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_release_is_audited_and_says_so(demo: Run) -> None:
    said = (demo.internal / "audit.txt").read_text()
    files = len(list(demo.release.iterdir()))
    assert re.match(rf"{files} files, [1-9]\d* hidden rows: 0 exact, 0 near, 0 small groups, 0 too small", said)
    page = (demo.release / "school_0001.html").read_text(encoding="utf-8")
    assert "a computer program tried to work out hidden numbers" in page
    assert re.search(r"In this study, [\d,]+ of [\d,]+ results are hidden", page)


def test_the_audit_command_agrees_and_ends_with_one_on_a_leak(demo: Run, tmp_path: Path) -> None:
    clean = sro_research("audit", demo.release, "--ledger", demo.root / "ledger" / "rows.parquet")
    assert (clean.returncode, clean.stderr) == (0, "")
    copy = tmp_path / "release"
    shutil.copytree(demo.release, copy)
    page = copy / "school_0001.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</h1>", "</h1><p>7919 students</p>"), encoding="utf-8")
    leak = sro_research("audit", copy)
    assert leak.returncode == 1
    assert "school_0001.html" in leak.stdout and "1 unregistered" in leak.stdout


def test_a_small_number_beside_labels_with_numbers_is_found(demo: Run, tmp_path: Path) -> None:
    """Each of these numbers stands on the page in a label or a sentence, and is a finding anywhere else."""
    shutil.copytree(demo.release, tmp_path / "release")
    page = tmp_path / "release" / "school_0001.html"
    text = page.read_text(encoding="utf-8")
    for leak in ("4 students", "12", "Grades 6 to 8: 4", "We hide each result about fewer than 4 people.", "Two", "Ⅳ"):
        page.write_text(text.replace("</h1>", f"</h1><p>{leak}</p>"), encoding="utf-8")
        found = audit(tmp_path / "release", words=fixed_texts()).unregistered
        assert len(found) == 1 and found[0].startswith("school_0001.html: <p> "), leak


def test_what_the_pages_declare_is_listed_for_a_person_to_read(demo: Run) -> None:
    said = sro_research("audit", demo.release).stdout
    assert said.count("\ndeclared: ") == int(re.search(r"(\d+) texts with numbers are declared", said)[1])
    assert "\ndeclared: Grades 6 to 8 (text)\n" in said and "\ndeclared: Spring 2026 (first, last, wave)\n" in said
    assert said.partition("\n")[2] == (demo.internal / "audit.txt").read_text().partition("\n")[2]


def planted(tmp_path: Path, section: str, code: str) -> Path:
    """Return a study whose school report runs this code instead of a section."""
    notebook, folder = PROJECT / "notebooks" / "school" / "school_report.ipynb", tmp_path / "notebooks"
    shutil.copytree(PROJECT / "notebooks", folder)
    text = notebook.read_text(encoding="utf-8").replace(f"show(page, sections.{section})", code)
    (folder / "school" / "school_report.ipynb").write_text(text, encoding="utf-8")
    return demo_study(tmp_path, f"  notebooks: {folder}\n")


@pytest.mark.parametrize(
    ("section", "code", "said"),
    [
        (
            "head",
            "from dataclasses import replace; show(page, lambda page, w: [replace(sections.head(page, w)[0],"
            " texts={**sections.head(page, w)[0].texts, 'topic': ['4 students']})])",
            "it declares as 'topic' a text with numbers that the study does not have",
        ),
        (
            "in_short",
            "from sro_research.report.parts import Paragraph, sourced; show(page, lambda page, w: [Paragraph(sourced("
            "'44', 'share_agree|student|officer_trust|||0001|2026#share=44'))])",
            "is not what its safe cell says",
        ),
    ],
    ids=["declared", "claimed"],
)
def test_a_release_is_held_against_its_study(demo: Run, tmp_path: Path, section: str, code: str, said: str) -> None:
    root = tmp_path / "run"
    shutil.copytree(demo.root, root)
    (tmp_path / "data").symlink_to(demo.data)
    done = sro_research("run", planted(tmp_path, section, code), "--run-dir", root, "--limit", 1)
    assert done.returncode == 2 and said in done.stderr


def test_public_enrolment_and_tokens_can_be_joined(demo: Run, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("Riverbend\n")
    done = sro_research("audit", demo.release, "--aux", demo.data / "schools.csv", "--canaries", tokens)
    assert done.returncode == 1
    assert "Riverbend" not in done.stdout and re.search(r"[1-9]\d* canaries", done.stdout)
    missing = sro_research("audit", demo.release, "--aux", tmp_path / "none.csv")
    assert missing.returncode == 2 and "Traceback" not in missing.stderr


def test_nothing_of_a_person_or_of_this_machine_is_in_the_release(demo: Run) -> None:
    people = pd.read_parquet(demo.internal / "protected" / "responses__student_climate.parquet")
    keys = people["respondent_key"].sample(200, random_state=1).tolist()
    tokens = [
        *keys,
        str(demo.root),
        str(PROJECT),
        str(Path.home()) + "/",
        "ipykernel",
        "papermill",
        "Traceback",
        "officer_0",
    ]
    assert audit(demo.release, words=fixed_texts(), canaries=tokens).canaries == ()


def test_a_page_that_leaks_stops_the_release_and_leaves_the_old_one(demo: Run, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(demo.root, root)
    before = contents(root / "release")
    ledger = (root / "ledger" / "rows.parquet").read_bytes()
    # A section that prints what it was never given: planted where a page waits to be published.
    code = "from sro_research.report.parts import Paragraph; show(page, lambda page, w: [Paragraph('7919 students')])"
    (tmp_path / "data").symlink_to(demo.data)
    done = sro_research("run", planted(tmp_path, "in_short", code), "--run-dir", root, "--limit", 1)
    assert done.returncode == 2, done.stderr
    assert "give away what they hide" in done.stderr and "school_0001.html" in done.stderr
    assert contents(root / "release") == before
    assert (root / "ledger" / "rows.parquet").read_bytes() == ledger
    assert not staged_for(root / "release").exists()


def test_answers_that_came_late_are_refused_before_anything_is_published(demo: Run, tmp_path: Path) -> None:
    root, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(demo.root, root)
    shutil.copytree(demo.data, data)
    before = contents(root / "release")
    lines = (data / "students_2024.csv").read_text(encoding="utf-8").splitlines()
    late = lines[1].split(",")
    late[0] = "came-late"
    (data / "students_2024.csv").write_text("\n".join([*lines, ",".join(late)]) + "\n", encoding="utf-8")
    done = sro_research("run", demo_study(tmp_path), "--run-dir", root, "--limit", 1)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ledger: answers have changed since they were published")
    assert contents(root / "release") == before


def test_what_is_hidden_changes_no_byte_of_the_release(demo: Run, tmp_path: Path) -> None:
    """Two studies that agree in all that is shown: their safe cells are equal, and pages are made of nothing else."""
    root = tmp_path / "run"
    shutil.copytree(demo.root, root)
    rows = pd.read_parquet(root / "internal" / "safe" / "rows.parquet").set_index(ROW)["shown"]
    path = root / "internal" / "estimates" / "climate_perceptions.parquet"
    table = pd.read_parquet(path)
    assert move_people_among_hidden_rows(table, rows) > 0
    table.to_parquet(path)
    before = (root / "internal" / "safe" / "cells.parquet").read_bytes()
    given = {"params_file": str(demo.params_file), "run_dir": str(root)}
    outcome = run_notebook(
        PROJECT / "notebooks" / "study" / "safe_cells.ipynb", tmp_path / "out.ipynb", given, cwd=demo.params_file.parent
    )
    assert outcome.ok, outcome.error
    assert (root / "internal" / "safe" / "cells.parquet").read_bytes() == before
    assert (root / "internal" / "safe" / "facts.json").read_bytes() == (
        demo.internal / "safe" / "facts.json"
    ).read_bytes()


def move_people_among_hidden_rows(table: pd.DataFrame, shown: pd.Series) -> int:
    """Let two people of hidden groups change schools, so that every shown number stays; return how often that was."""
    level = table[(table["measure"] == "share_agree") & (table["group_by"] != "") & (table["school_id"] != "")]
    level = level[[not shown.get(key, True) for key in level[ROW].itertuples(index=False, name=None)]]
    moved = 0
    for _, of in level.groupby(["population", "construct", "group_by", "wave"]):
        people = of.pivot(index="school_id", columns="group", values="n").astype("Float64")
        agree = (of.pivot(index="school_id", columns="group", values="estimate") * people).round()
        for (one, two), (a, b) in product(pairwise(people.index), pairwise(people.columns)):
            gains, loses = [(one, a), (two, b)], [(one, b), (two, a)]
            # Someone who does not agree leaves each of two rows for another.
            if any(pd.isna(people.at[at]) for at in gains) or not all(
                pd.notna(people.at[at]) and people.at[at] - agree.at[at] >= 1 and people.at[at] > 1 for at in loses
            ):
                continue
            for (school, group), step in [(at, 1) for at in gains] + [(at, -1) for at in loses]:
                row = of.index[(of["school_id"] == school) & (of["group"] == group)][0]
                table.loc[row, "n"] += step
                table.loc[row, "estimate"] = agree.at[school, group] / table.loc[row, "n"]
                table.loc[row, ["conf_low", "conf_high", "std_error"]] = pd.NA
            moved += 1
            break
    return moved


def test_every_school_has_the_same_set_of_pages_however_small(demo: Run) -> None:
    names = {path.name for path in demo.release.iterdir()}
    assert names == {
        f"{stem}{language}.html"
        for stem in ("index", "board", "school_0001", "school_0002")
        for language in ("", ".es")
    }


def test_comments_addresses_and_times_never_pass_the_door(tmp_path: Path) -> None:
    study = demo_study(tmp_path)
    assert sro_research("synthesize", study, "--schools", 3).returncode == 0
    path = tmp_path / "data" / "students_2024.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    planted = [
        f"{line},{CANARY} {i},10.0.0.{i % 250},2024-05-01T10:00:{i % 60:02d},{CANARY}@example.org"
        for i, line in enumerate(lines)
    ]
    path.write_text("\n".join([f"{header},remarks,IPAddress,RecordedDate,email", *planted]) + "\n", encoding="utf-8")
    done = sro_research("run", study, "--limit", 1)
    assert done.returncode == 0, done.stderr
    for file in (tmp_path / "reports").rglob("*"):
        if file.is_file():
            text = " ".join(byte_forms(file.read_bytes()))
            assert CANARY not in text and "10.0.0.1" not in text, file.name


def test_what_an_analyst_prints_stays_in_the_notebook(demo: Run, tmp_path: Path) -> None:
    printed = f"import warnings; print('{CANARY} 7919'); warnings.warn('{CANARY} 7919')"
    root, folder = tmp_path / "run", tmp_path / "notebooks"
    shutil.copytree(demo.root, root)
    shutil.copytree(PROJECT / "notebooks", folder)
    notebook, head = folder / "school" / "school_report.ipynb", "show(page, sections.head)"
    text = notebook.read_text(encoding="utf-8").replace(head, f"{head}\\n{printed}")
    assert text.count(printed) == 1
    notebook.write_text(text, encoding="utf-8")
    (tmp_path / "data").symlink_to(demo.data)
    done = sro_research("run", demo_study(tmp_path, f"  notebooks: {folder}\n"), "--run-dir", root, "--limit", 1)
    assert done.returncode == 0, done.stderr
    assert audit(root / "release", words=fixed_texts(), canaries=[CANARY]).canaries == ()


def test_what_is_hidden_looks_alike_whatever_the_reason(demo: Run) -> None:
    pages = [path.read_text(encoding="utf-8") for path in demo.release.glob("school_*.html")]
    cells = {
        re.sub(r'value="[^"]*"', "", cell) for page in pages for cell in re.findall(r"<td[^>]*>(?:(?!</td>).)*", page)
    }
    hidden = {cell for cell in cells if "[c]" in cell}
    assert {re.sub(r' class="num"', "", cell) for cell in hidden} == {
        '<td><abbr title="Hidden to protect privacy"><data >[c]</data></abbr>',
        '<td><abbr title="Oculto para proteger la privacidad"><data >[c]</data></abbr>',
    }
    assert not re.search(r"primary|complement", " ".join(pages))
