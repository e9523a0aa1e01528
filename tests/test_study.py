"""Opening a study: for analysis, for reporting, and what each may not do."""

import stat
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, demo_study

from sro_research import labels
from sro_research.disclosure.national import no_people
from sro_research.errors import BoundaryError, DisclosureError, StudyFileError
from sro_research.measures.call_outcomes import FUNNEL, HANDLED, PARTS
from sro_research.study import REPORT_ONLY, open_report, open_study


def test_a_report_cannot_load_a_protected_table(demo):
    report = open_report(str(demo.params_file), school_id="0001")
    assert (demo.internal / "protected" / "responses__student_climate.parquet").is_file()
    with pytest.raises(BoundaryError, match="a report may not load a protected table"):
        report.protected("responses/student_climate")


def test_a_report_kernel_cannot_open_the_study_for_analysis(demo, monkeypatch):
    monkeypatch.setenv(REPORT_ONLY, "1")
    with pytest.raises(BoundaryError, match="may not open a study for analysis"):
        open_study(str(demo.params_file))


def test_a_page_holds_its_own_school_and_the_district_only(demo):
    page = open_report(str(demo.params_file), school_id="0002").page
    assert set(page.cells["school_id"]) == {"", "0002"}
    board = open_report(str(demo.params_file)).page
    assert set(board.cells["school_id"]) == {"", *board.facts.schools}
    hidden = page.cells[page.cells["status"] == "hidden"]
    assert len(hidden) > 0 and hidden[["n", "estimate", "conf_low", "conf_high"]].isna().all(axis=None)


def test_an_unknown_school_is_named_with_the_nearest(demo):
    with pytest.raises(StudyFileError, match=r"no school '1' in this study. (Did you mean|Known here)"):
        open_report(str(demo.params_file), school_id="1")


def test_internal_is_closed_to_others(demo):
    assert stat.S_IMODE(demo.internal.stat().st_mode) == 0o700


def private_study(folder: Path, more: str = "") -> Path:
    text = (PROJECT / "params" / "demo.yaml").read_text(encoding="utf-8")
    text = text.replace("extends: defaults.yaml", f"extends: {PROJECT}/params/defaults.yaml")
    text = text.replace("synthetic: true", more).replace("../reports/demo-data", str(folder / "data"))
    path = folder / "private.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("more", "refused"), [("", True), ("public_use_source: A federal agency", False)])
def test_real_data_inside_a_repository_are_refused(tmp_path, more, refused):
    (tmp_path / ".git").mkdir()
    path = private_study(tmp_path, more)
    if refused:
        with pytest.raises(StudyFileError, match="raw data lie inside a repository"):
            open_study(str(path), run_dir=str(tmp_path / "run"))
    else:
        assert open_study(str(path), run_dir=str(tmp_path / "run")).waves == ["2024", "2025", "2026"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("pages: {groups: [gendr]}", "no instrument asks 'gendr'. Did you mean 'gender'?"),
        ("model: {outcome: trust}", "there is no construct 'trust'"),
        ("model: {population: parent}", "nobody asks 'parent'"),
        ("pages: {languages: [en, fr]}", "'pages.languages.1' is not allowed here"),
    ],
)
def test_names_are_checked_against_the_instruments(tmp_path, more, message):
    with pytest.raises(StudyFileError) as caught:
        open_study(str(demo_study(tmp_path, more)))
    assert message in str(caught.value)


def test_a_reported_school_that_is_not_there_is_an_error(demo, tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(f'extends: {demo.params_file}\nreported_schools: ["0001", "9"]\n')
    with pytest.raises(StudyFileError, match="there is no school '9'"):
        open_study(str(path)).reported_schools()


def test_the_study_file_is_found_from_a_notebooks_folder(tmp_path, monkeypatch):
    for folder in (PROJECT, PROJECT / "notebooks" / "school"):
        monkeypatch.chdir(folder)
        assert open_study("params/demo.yaml", run_dir=str(tmp_path)).parameters.study == "demo"


def test_two_files_of_a_wave_have_one_version(tmp_path):
    both = "".join(
        f"  - {{instrument: student_climate, wave: '2026', file: {name}.csv{version}}}\n"
        for name, version in (("english", ""), ("spanish", ", version: 2"))
    )
    with pytest.raises(StudyFileError, match="two files of one survey and wave hold answers to different versions"):
        open_study(str(demo_study(tmp_path, f"surveys:\n{both}")))


def test_a_wave_that_no_map_describes_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    wave = '{id: "2016", label: {en: a, es: a}, start: 2015-07-01, end: 2016-06-30}'
    path.write_text(f"extends: {PROJECT}/params/ssocs.yaml\nwaves: [{wave}]\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match="no file of the national survey is known for wave '2016'"):
        open_study(str(path), run_dir=str(tmp_path))


def test_cells_of_people_that_call_themselves_schools_of_the_nation_are_not_kept(demo):
    study = open_study(str(demo.params_file))
    cells = pd.read_parquet(study.folders.cells)
    before = study.folders.cells.read_bytes()
    with pytest.raises(DisclosureError, match="call themselves cells about schools of the nation"):
        study.keep_cells(cells.assign(population="school"), no_people(), cells)
    assert study.folders.cells.read_bytes() == before


def test_no_instrument_asks_the_population_of_schools_of_the_nation(demo, tmp_path):
    for source in (PROJECT / "surveys").glob("*.yaml"):
        text = source.read_text(encoding="utf-8").replace("population: staff", "population: school")
        (tmp_path / source.name).write_text(text, encoding="utf-8")
    path = tmp_path / "x.yaml"
    path.write_text(f"extends: {demo.params_file}\nfolders: {{surveys: {tmp_path}}}\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match="an instrument asks 'school', which is no people"):
        open_study(str(path), run_dir=str(tmp_path))


def test_what_a_study_does_not_take_in_any_more_is_kept_no_longer(demo, tmp_path):
    study = open_study(str(demo.params_file), run_dir=str(tmp_path))
    calls, tips = pd.DataFrame({"call_id": ["1"]}), pd.DataFrame({"tip_id": ["1"]})
    large = study.folders.protected("contacts")
    large.mkdir(parents=True)
    (large / "part.parquet").write_bytes(b"x")
    study.keep({"calls": calls, "tips": tips})
    assert study.has("calls") and not large.exists()
    study.keep({"tips": tips, "responses/student_climate": tips})
    assert not study.has("calls") and study.has("tips") and study.has("responses/student_climate")


def test_a_table_is_said_in_titles_whether_names_are_columns_or_levels(demo):
    study = open_study(str(demo.params_file))
    rows = pd.DataFrame(
        [
            ("", "dispatch_minutes_p90", "", "", 0.12345),
            ("0001", "risk_ratio_stop", "race_ethnicity", "3", 1.0),
            ("0001", "agreement_met_share", "clause", "purpose", None),
            ("9", "new_measure", "priority", "1", 1234.56),
        ],
        columns=["school_id", "measure", "group_by", "group", "estimate"],
        index=[4, 2, 9, 7],
    )
    before, said = rows.copy(), study.said(rows)
    assert said["school_id"].tolist() == ["district", "Alder Middle School", "Alder Middle School", "9"]
    measures = ["Time to dispatch (90 of 100 calls)", "Risk ratio: stop", "Clauses met", "new_measure"]
    assert said["measure"].tolist() == measures
    assert said["group_by"].tolist() == ["", "Race or ethnicity", "clause", "priority"]
    assert said["group"].tolist() == ["", "Black or African American", "Purpose", "1"]
    assert said["estimate"].tolist() == ["0.123", "1", "–", "1,235"]
    assert said.index.tolist() == [""] * 4
    levels = study.said(rows.set_index(["measure", "group_by", "group"]))
    assert levels.index.tolist() == [*said[["measure", "group_by", "group"]].itertuples(index=False, name=None)]
    assert levels.index.names == ["measure", "group_by", "group"] and levels["estimate"].tolist() == [*said["estimate"]]
    pd.testing.assert_frame_equal(rows, before)


def test_codes_are_said_as_their_own_survey_labels_them(demo):
    study = open_study(str(demo.params_file))
    rows = pd.DataFrame(
        {"population": ["staff", "student", "", "officer"], "group_by": ["gender"] * 4, "group": ["1"] * 4}
    )
    own = ["Woman", "Girl", "Girl", "Girl"]
    assert study.said(rows)["group"].tolist() == own
    assert study.said(rows.set_index(["population", "group_by", "group"])).index.get_level_values(2).tolist() == own


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0.0004, "<0.001"),
        (-0.0004, ">-0.001"),
        (0.0006, "0.001"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.9996, "1.000"),
        (999.6, "999.600"),
        (1234.5, "1,234"),
        (-12.0, "-12"),
    ],
)
def test_a_number_that_is_not_zero_is_not_said_to_be(number, said):
    assert labels.said(pd.DataFrame({"x": [number]}), {})["x"].item() == said


def test_courses_criteria_and_bands_are_said_also_above_columns(demo):
    study = open_study(str(demo.params_file))
    table = pd.DataFrame({"criterion": ["outreach_reach"], "band": ["established"], "p": [0.5]})
    wide = study.said(table.pivot(index="criterion", columns="band", values="p"))
    assert wide.index.tolist() == ["Outreach"] and wide.columns.tolist() == ["Established"]
    assert (wide.index.name, wide.columns.name) == ("criterion", "band")
    said = study.said(pd.DataFrame({"construct": ["basic_sro", "officer_trust", "talk"]}))
    titles = ["Basic school resource officer course", "Officer as trusted partner", "talk"]
    assert said["construct"].tolist() == titles


def test_rows_that_have_words_in_front_keep_them(demo):
    parts = pd.MultiIndex.from_tuples(PARTS)
    said = open_study(str(demo.params_file)).said(pd.DataFrame({"2026": range(len(FUNNEL))}, index=parts))
    assert said.index.equals(parts) and len(FUNNEL) == len(PARTS)
    below = {
        name.replace("_", " "): [*part].index(name.replace("_", " "))
        for name, part in zip(FUNNEL[1:], PARTS[1:], strict=True)
    }
    assert below == {name.replace("_", " "): 2 if name in HANDLED else 1 for name in FUNNEL[1:]}


def test_what_measures_are_is_said_once_each(demo):
    told = open_study(str(demo.params_file)).defined(
        ["risk_ratio_stop", "open_share", "risk_ratio_arrest", "unheard_of"]
    )
    assert told["title"].tolist() == ["Risk ratio", "Open cases"]
    assert told["counted"].iloc[1] == "Contacts whose outcome is open." and told["of"].ne("").all()


def test_a_study_without_surveys_schools_or_rows_is_said_too(tmp_path):
    study = open_study(str(demo_study(tmp_path, "model: null\nsurveys: []\npages: {groups: []}")))
    rows = pd.DataFrame({"school_id": ["", "1"], "group_by": ["gender"] * 2, "group": ["1", "2"]})
    assert study.said(rows).to_numpy().tolist() == [["district", "gender", "1"], ["1", "gender", "2"]]
    assert study.said(rows[:0]).columns.tolist() == list(rows) and study.said(rows[:0]).empty
