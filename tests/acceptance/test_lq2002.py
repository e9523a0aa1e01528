"""A real survey by the same command: 2,042 people, 49 units, 19 items, and what R says about them."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run, sro_research

DATA = PROJECT.parent / "shared" / "data" / "lq2002"
STUDY = PROJECT / "tests" / "acceptance" / "lq2002.yaml"
REFERENCE = json.loads((PROJECT / "tests" / "reference" / "lq2002" / "expected.json").read_text())["scales"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if not (DATA / "lq2002.csv").is_file():
        pytest.skip("the real survey lq2002.csv is not beside the project (shared/data/lq2002)")
    folder = tmp_path_factory.mktemp("lq2002")
    params_file = folder / "study.yaml"
    params_file.write_text(f"extends: {STUDY}\nfolders: {{data: {DATA}, reports: {folder}/reports}}\n")
    done = sro_research("run", params_file, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    return Run(params_file, DATA, folder / "reports" / "lq2002", done.stdout)


@pytest.fixture(scope="module")
def estimates(run: Run) -> pd.DataFrame:
    return pd.read_parquet(run.internal / "estimates" / "climate_perceptions.parquet")


@pytest.mark.parametrize("scale", REFERENCE)
def test_reliability_agrees_with_r(estimates, scale):
    found = estimates[estimates["construct"] == scale].set_index(["measure", "school_id"])["estimate"]
    r = REFERENCE[scale]
    for measure in ("alpha", "icc1", "icc2"):
        assert found[measure, ""] == pytest.approx(r[measure], abs=1e-6)


@pytest.mark.parametrize("scale", REFERENCE)
def test_unit_means_agree_with_r(estimates, scale):
    units = estimates[(estimates["construct"] == scale) & (estimates["measure"] == "mean_score")]
    units = units[units["school_id"] != ""].set_index("school_id")
    r = pd.DataFrame(REFERENCE[scale]["units"]).T
    assert set(units.index) == set(r.index) and len(r) == 49
    for ours, theirs in {"n": "n", "estimate": "mean", "std_error": "se", "conf_low": "ci_low"}.items():
        assert units[ours].astype(float).to_dict() == pytest.approx(r[theirs].astype(float).to_dict(), abs=1e-6)


def test_a_page_for_each_unit_says_what_the_data_are(run):
    pages = sorted(run.release.glob("school_*.html"))
    assert len(pages) == 49
    for page in [*pages, run.release / "index.html", run.release / "board.html"]:
        text = page.read_text(encoding="utf-8")
        assert "not about schools" in text, page.name
    links = re.findall(r'href="(school_[^"]+)"', (run.release / "index.html").read_text(encoding="utf-8"))
    assert sorted(links) == [page.name for page in pages]


def test_the_numbers_on_a_page_are_those_of_the_estimates(run, estimates):
    row = estimates[
        (estimates["measure"] == "share_agree")
        & (estimates["school_id"] == "2")
        & (estimates["construct"] == "leadership")
    ].iloc[0]
    text = (run.release / "school_2.html").read_text(encoding="utf-8")
    table = re.search(r"<tr><th scope=\"row\">Leadership climate</th>(.*?)</tr>", text, re.S)
    cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", table[1])] if table else []
    assert cells[:3] == [
        f"{100 * row['estimate']:.0f}",
        f"{100 * row['conf_low']:.0f} to {100 * row['conf_high']:.0f}",
        str(row["n"]),
    ]


def test_nothing_of_a_person_is_published(run):
    for path in run.release.rglob("*"):
        assert path.suffix == ".html"
        assert not re.search(r"respondent_key|/tmp/|COMPID", path.read_text(encoding="utf-8"))


def test_missing_data_say_where_they_belong(tmp_path: Path):
    params_file = tmp_path / "study.yaml"
    params_file.write_text(f"extends: {STUDY}\nfolders: {{data: {tmp_path}, reports: {tmp_path}/reports}}\n")
    done = sro_research("check", params_file)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr and "Traceback" not in done.stderr
