"""The reader of the School Survey on Crime and Safety, on small files that are made from its own map."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from sro_research.errors import SourceError
from sro_research.intake.national import find_national
from sro_research.intake.ssocs import find_ssocs, read_ssocs
from sro_research.standards.ssocs import SsocsLayout
from sro_research.standards.ssocs import read_ssocs as read_maps

ASKED, PUBLISHED = read_maps(Path(__file__).parents[2] / "params" / "standards" / "ssocs")
SCHOOLS = 6
LAYOUTS = {wave: layout.model_copy(update={"schools": SCHOOLS}) for wave, layout in PUBLISHED.items()}
LAYOUT = LAYOUTS["2020"]


def made_up(layout: SsocsLayout = LAYOUT, rows: int = SCHOOLS) -> pd.DataFrame:
    """A file of schools with every variable of the map: all have an officer and an agreement, and say yes."""
    table = {layout.school: [f"{i:04d}" for i in range(1, rows + 1)]}
    for grouping in layout.groupings.values():
        table[grouping.variable] = [1 + i % 4 for i in range(rows)]
    for column in layout.measures.values():
        for variable in column.variables:
            table.setdefault(variable, [1 if column.at_least else column.yes_if[0]] * rows)
    table[layout.weight] = np.linspace(10, 60, rows)
    weights = {f"{layout.replicates.prefix}{i}": table[layout.weight] for i in range(1, layout.replicates.number + 1)}
    return pd.DataFrame({**table, **weights})


def read(table: pd.DataFrame, folder: Path, layout: SsocsLayout = LAYOUT, ending: str = ".csv") -> pd.DataFrame:
    path = folder / f"{layout.file}{ending}"
    if ending == ".sav":
        pyreadstat.write_sav(table, path)
    else:
        table.to_csv(path, index=False)
    return read_ssocs(path, layout=layout, asked=ASKED)


@pytest.mark.parametrize("wave", LAYOUTS)
def test_reads_every_measure_of_the_map(wave: str, tmp_path: Path) -> None:
    layout = LAYOUTS[wave]
    found = read(made_up(layout), tmp_path, layout)
    assert found["school_id"].tolist() == ["0001", "0002", "0003", "0004", "0005", "0006"]
    assert found["level"].tolist()[:5] == ["elementary", "middle", "high", "combined", "elementary"]
    assert set(found["wave"]) == {wave}
    for name, measure in ASKED.measures.items():
        if name in layout.absent:
            assert name not in found or found[name].isna().all()
        else:
            assert (found[name] == (True if measure.kind == "share" else 1.0)).all(), name
    assert [c for c in found if c.startswith("replicate_")] == [f"replicate_{i}" for i in range(1, 51)]


def test_csv_and_spss_capitals_and_padding_make_no_difference(tmp_path: Path) -> None:
    table = made_up()
    padded = table.rename(columns=str.lower).astype({"fr_size": str, "fr_lvelx": str})
    padded["fr_size"] = "0" + padded["fr_size"]
    padded["fr_lvelx"] = " " + padded["fr_lvelx"]
    plain = read(table, tmp_path)
    pd.testing.assert_frame_equal(plain, read(table, tmp_path, ending=".sav"))
    pd.testing.assert_frame_equal(plain, read(padded, tmp_path))


def test_a_skip_is_not_asked_or_no_and_never_guessed(tmp_path: Path) -> None:
    table = made_up()
    table.loc[0, "C0610"] = 2
    block = [v for n, m in LAYOUT.measures.items() if ASKED.measures[n].among for v in m.variables]
    table.loc[0, block] = -1
    table.loc[1, "C0652"] = 3
    table.loc[2, ["OUTSUS20", "REMOVL20", "TRANSF20"]] = -1
    table.loc[3, ["C0143", "REMOVL20"]] = -9
    table.loc[4, ["C0408", "C0412"]] = [-1, 2]
    found = read(table, tmp_path)
    assert not found.loc[0, "officer_present"]
    assert found.loc[0, ["duty_mentoring", "agreement", "agreement_discipline"]].isna().all()
    assert not found.loc[1, "agreement_discipline"]  # 'do not know' is not saying that it does
    assert not found.loc[2, "serious_action"] and not found.loc[2, "long_suspension"]
    assert found.loc[3, ["anonymous_reporting", "serious_action"]].isna().all()
    assert not found.loc[4, "suspension_used"]
    assert found.loc[5, "suspension_used"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="C0640"), "the variable C0640 of 2019–20 is missing"),
        (lambda t: t.assign(C0640=7), r"C0640 of 2019–20 has codes that the map of 'duty_mentoring' .* \(6 rows\)"),
        (lambda t: t.assign(C0640="Yes"), "C0640 of 2019–20 is not a number"),
        (lambda t: t.assign(FR_URBAN=9), "FR_URBAN of 2019–20 has codes that the map of 'locale'"),
        (lambda t: t.assign(INCID20=-5), "INCID20 of 2019–20 has codes that the map of 'incident_recorded'"),
        (lambda t: t.assign(FINALWGT=0), r"weight must be above zero \(6 rows\)"),
        (lambda t: t.assign(SCHID="1"), r"school_id stands twice.* \(5 rows\)"),
        (lambda t: t.assign(C0610=2), "is answered where officer_present is not"),
    ],
)
def test_another_file_than_the_map_describes_is_refused(change, words: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=words):
        read(change(made_up()), tmp_path)


@pytest.mark.parametrize("ending", [".csv", ".sav"])
@pytest.mark.parametrize("rows", [1, SCHOOLS - 1, SCHOOLS + 1])
def test_a_part_of_the_file_is_not_the_nation(rows: int, ending: str, tmp_path: Path) -> None:
    words = f"pu_ssocs20.*the file of 2019–20 has {rows} schools, and 6 were published.*Download the file again"
    with pytest.raises(SourceError, match=words):
        read(made_up(rows=rows), tmp_path, ending=ending)


def test_the_maps_know_how_many_schools_were_published() -> None:
    assert {wave: layout.schools for wave, layout in PUBLISHED.items()} == {"2018": 2762, "2020": 2370}


@pytest.mark.parametrize(
    "measure",
    ["incident_to_police", "incidents_to_police", "security_staff", "security_staff_full_time", "long_suspension"],
)
def test_counts_whose_label_is_another_since_2018_have_no_trend(measure: str) -> None:
    changed = PUBLISHED["2020"].measures[measure].changed
    assert changed is not None and changed.keys() == {"en", "es"}


def test_says_where_the_files_are_published(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"\(pu_ssocs20.sav or pu_ssocs20.csv\) is not there.*nces.ed.gov"):
        find_ssocs(tmp_path, LAYOUT)
    (tmp_path / "PU_SSOCS20.SAV").touch()
    assert find_ssocs(tmp_path, LAYOUT).name == "PU_SSOCS20.SAV"


def test_of_two_files_of_a_year_none_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "pu_ssocs20.csv").touch()
    (tmp_path / "PU_SSOCS20.SAV").touch()
    words = r"2019–20 is there more than once \(PU_SSOCS20.SAV, pu_ssocs20.csv\)"
    with pytest.raises(SourceError, match=rf"{words}.*Keep one"):
        find_ssocs(tmp_path, LAYOUT)
    with pytest.raises(SourceError, match=rf"2017–18 .* is not there; .*{words}.*nces.ed.gov.*Keep one"):
        find_national(tmp_path, LAYOUTS)


def test_the_real_files(ssocs: dict[str, pd.DataFrame]) -> None:
    assert {wave: len(schools) for wave, schools in ssocs.items()} == {"2018": 2762, "2020": 2370}
    for wave, schools in ssocs.items():
        for name, measure in ASKED.measures.items():
            if name in LAYOUTS[wave].absent:
                continue
            among = schools[measure.among].fillna(False) if measure.among else pd.Series(True, index=schools.index)
            assert (schools[name].notna() == among).all(), f"{wave} {name}"
    # Unweighted frequencies of the codebook of 2019–20.
    counts = {"officer_present": 1614, "duty_mentoring": 1239, "agreement": 1293, "agreement_discipline": 797,
              "restorative": 1392, "threat_assessment_team": 1622, "officer_body_camera": 770,
              "bullying_weekly": 440, "any_arrest": 753}  # fmt: skip
    assert {name: int(ssocs["2020"][name].sum()) for name in counts} == counts
