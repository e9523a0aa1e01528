"""A district's study that holds its figures against the nation, published and audited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, Run, sro_research
from light_study import small_study

from sro_research.disclosure.national import national_cells, public_table
from sro_research.errors import DisclosureError
from sro_research.estimates import as_estimates
from sro_research.report.words import load_words
from sro_research.study import open_report

EN = load_words("en")
NATION = as_estimates(
    pd.DataFrame({"measure": ["grounds_access"], "n": [900], "estimate": [0.64], "std_error": [0.02]}),
    conf_low=0.60,
    conf_high=0.68,
    population="school",
    wave="2020",
    unit="share",
    method="made up",
)


@pytest.fixture
def district(demo: Run, tmp_path: Path) -> Path:
    """A district's study with a register of its own, by which one figure can be compared."""
    standards = tmp_path / "standards"
    shutil.copytree(PROJECT / "params" / "standards", standards)
    (standards / "yardstick.csv").write_text(public_table(national_cells(NATION)), encoding="utf-8")
    text = (standards / "yardstick.yaml").read_text(encoding="utf-8")
    start = text.index("    reason:\n"), text.index("  - measure: outreach")
    (standards / "yardstick.yaml").write_text(
        text[: start[0]] + "    national: grounds_access\n" + text[start[1] :], "utf-8"
    )
    study = tmp_path / "compared.yaml"
    small = small_study(demo, tmp_path)
    study.write_text(f"extends: {small}\nyardstick: yardstick.yaml\nfolders: {{standards: {standards}}}\n", "utf-8")
    return study


def test_a_district_is_published_with_the_nation_beside_it(district: Path, tmp_path: Path) -> None:
    run = sro_research("run", district, "--limit", 1)
    assert run.returncode == 0, run.stderr
    board = (tmp_path / "reports" / "demo" / "release" / "board.html").read_text(encoding="utf-8")
    assert '<data value="grounds_access|school|||||2020#share=64">64</data>' in board
    assert EN("yardstick_heading") in board
    # A figure of some schools only, planted into the table that the district trusts, stops it.
    table = tmp_path / "standards" / "yardstick.csv"
    good = table.read_text(encoding="utf-8")
    table.write_text(
        good + good.splitlines()[1].replace("school,,,,,", "school,,,,high_city,") + "\n", encoding="utf-8"
    )
    with pytest.raises(DisclosureError, match=r"not about all schools together \(1 row\)"):
        open_report(str(district))
    # The page says 64; a table that says otherwise vouches for it no longer.
    release = tmp_path / "reports" / "demo" / "release"
    table.write_text(good.replace("0.640000", "0.650000"), encoding="utf-8")
    assert (
        "grounds_access, school, 2020: its share is not what"
        in sro_research("audit", release, "--public", table).stdout
    )
