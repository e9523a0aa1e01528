"""The command line: what each command does, its exit code, and one sentence instead of a traceback."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import PROJECT, Run, demo_study, sro_research

from sro_research.cli import main, schemas
from sro_research.files import read_yaml

ACT = "  - {instrument: student_climate, wave: "


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of a made-up district of three schools that has not been run."""
    folder = tmp_path_factory.mktemp("district")
    study = demo_study(folder)
    assert sro_research("synthesize", study, "--schools", 3).returncode == 0
    return study


def refused(*arguments: object) -> str:
    """Run a command that has to be refused, in this process because many are; return its one line."""
    made = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert made.exit_code == 2, made.output
    assert isinstance(made.exception, SystemExit)
    lines = made.stderr.splitlines()
    assert len(lines) == 1, made.stderr
    return lines[0]


@pytest.mark.parametrize("command", ["run", "merge", "check", "clean", "synthesize"])
def test_a_misspelt_path_is_one_sentence_from_every_command(tmp_path: Path, command: str) -> None:
    path = tmp_path / "demmo.yaml"
    assert refused(command, path) == f"error: {path}: there is no such file. Check the spelling of the path."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("sythetic: true\n", ":5: unknown key 'sythetic'. Did you mean 'synthetic'?"),
        ("pages: {groups: [gendr]}\n", ":5: no instrument asks 'gendr'. Did you mean 'gender'?"),
        ("model: {outcome: trusty}\n", ":5: there is no construct 'trusty'. "),
        ("model: {population: family}\n", ":5: nobody asks 'family'. Known here: staff, student."),
        ("synthetic: no\n", ":5: no without quotes is read as true or false. Write \"no\" for the word, or true / fal"),
        ("reported_schools: [0001]\n", ":5: 0001 without quotes loses its leading zero. Write \"0001\" if it is an "),
        (f'surveys:\n{ACT}"2023", file: a.csv}}\n', ":6: there is no wave '2023' in this study. Did you mean '2026'?"),
        (
            "surveys:\n  - {instrument: family, wave: \"2024\", file: a.csv}\n",
            "there is no instrument 'family'. Known here: staff_climate, student_climate.",
        ),
        ("notebooks: {study: [no.ipynb]}\n", "/no.ipynb: there is no such notebook. Check `notebooks` in the study "),
        pytest.param(
            "notebooks: {school: no.ipynb}\n",
            "/no.ipynb: there is no such notebook. ",
        ),
    ],
)  # fmt: skip
def test_a_fault_in_the_study_is_one_sentence(tmp_path: Path, more: str, message: str) -> None:
    study = demo_study(tmp_path, more)
    said = refused("check", study)
    assert message in said
    assert said.startswith("error: ")


def test_a_process_ends_with_the_same_sentence_and_exit_code(tmp_path: Path) -> None:
    made = sro_research("run", tmp_path / "demmo.yaml")
    assert (made.returncode, made.stdout) == (2, "")
    assert made.stderr == f"error: {tmp_path}/demmo.yaml: there is no such file. Check the spelling of the path.\n"


def test_check_reads_everything_and_writes_nothing(district: Path) -> None:
    before = sorted(district.parent.rglob("*"))
    made = sro_research("check", district)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == "The study can run."
    for source in ("students_2024.csv", "students_2026.sav", "staff_2024.xlsx", "schools.csv", "training.csv"):
        assert any(source in line and line.endswith("set aside") for line in made.stdout.splitlines())
    assert all(line.startswith("set aside: students_2024.csv: ") for line in made.stderr.splitlines())
    assert sorted(district.parent.rglob("*")) == before


def checked(study: Path, code: int) -> Result:
    made = CliRunner().invoke(main, ["check", str(study)])
    assert made.exit_code == code, made.output
    return made


def variant(district: Path, folder: Path, more: str = "", files: dict[str, str] | None = None) -> Path:
    """Write a study like the district's, some files of which are others (None: not there)."""
    shutil.copytree(district.parent / "data", folder / "data")
    for name, text in (files or {}).items():
        (folder / "data" / name).write_text(text, encoding="utf-8")
    return demo_study(folder, more)


def test_check_names_every_broken_file_and_says_whether_the_study_can_run(district: Path, tmp_path: Path) -> None:
    surveys = [f"{who}_{wave}" for who in ("students", "staff") for wave in (2024, 2025, 2026)]
    sources = {s: next(p.name for p in (district.parent / "data").glob(f"{s}.*")) for s in surveys}
    broken = ["training.csv", "outreach.csv", *sources.values()]
    study = variant(district, tmp_path, files=dict.fromkeys(broken, ""))
    made = checked(study, 2)
    for name in broken:
        assert made.stderr.count(f"error: {tmp_path}/data/{name}: the file is empty. ") == 1
    assert made.stderr.splitlines()[-1] == f"error: {tmp_path}/data: no survey could be read."
    assert made.stdout.splitlines()[-1] == "The study cannot run."
    for name in (sources["students_2024"], "training.csv"):
        shutil.copy(district.parent / "data" / name, tmp_path / "data" / name)
    made = checked(study, 3)
    assert made.stdout.splitlines()[-1] == "The study can run, without 6 source files."


def test_check_names_the_schools_found_where_there_is_no_roster(district: Path, tmp_path: Path) -> None:
    study = variant(district, tmp_path, "records: {schools: null}\n")
    lines = [line for line in checked(study, 0).stdout.splitlines() if line.startswith("schools in ")]
    assert len(lines) == 6
    assert re.fullmatch(r"schools in student_climate, wave 2024: 0001 \(\d\d+\), 0002 \(\d\d+\), .*", lines[0])
    assert "9999 (fewer than 10)" in lines[0]  # what `synthesize` plants
    assert not re.search(r"\(\d\)", "".join(lines))
    assert "schools in " not in checked(district, 0).stdout


def test_check_notes_a_roster_too_small_and_dates_outside_every_wave(district: Path, tmp_path: Path) -> None:
    data = district.parent / "data"
    roster = (data / "schools.csv").read_text(encoding="utf-8").splitlines()
    roster = [re.sub(r"^(0002,2025,.*),\d+,(\d*)$", r"\1,11,\2", line) for line in roster]
    outreach = (data / "outreach.csv").read_text(encoding="utf-8")
    outreach += re.sub(r"20\d\d-\d\d-\d\d", "1999-01-01", outreach.splitlines()[1]) + "\n"
    files = {"schools.csv": "\n".join(roster), "outreach.csv": outreach}
    notes = [
        line for line in checked(variant(district, tmp_path, files=files), 0).stderr.splitlines() if "note: " in line
    ]
    assert len(notes) == 2
    assert re.fullmatch(
        r"note: school 0002, wave 2025: more student answers than students on the roster \(\d\d+ and 11\)", notes[0]
    )
    assert notes[1].startswith("note: outreach.csv: 1 row dated outside every wave")


def test_check_names_courses_and_where_they_are_defined(district: Path, tmp_path: Path) -> None:
    training = (district.parent / "data" / "training.csv").read_text(encoding="utf-8")
    training += training.splitlines()[1].replace("basic_sro", "basik") + "\n"
    line = next(
        x
        for x in checked(variant(district, tmp_path, files={"training.csv": training}), 0).stderr.splitlines()
        if "training" in x
    )
    assert "training.csv: course: not a course of this study (1 row: " in line
    assert "Write one of basic_sro, trauma_informed, " in line
    assert f"copy {PROJECT}/params/standards, declare them in the copy's training.yaml " in line
    assert line.endswith(" set `folders.standards` to the copy.")


def test_check_finds_a_school_that_is_not_there(district: Path) -> None:
    study = district.with_name("other.yaml")
    study.write_text('extends: demo.yaml\nreported_schools: ["0001", "0009"]\n', encoding="utf-8")
    made = sro_research("check", study)
    assert made.returncode == 2
    assert made.stderr.splitlines()[-1].startswith(f"error: {study}:2: there is no school '0009'. ")


def test_real_people_are_not_made_up(tmp_path: Path) -> None:
    study = demo_study(tmp_path, "synthetic: false\n")
    assert refused("synthesize", study).startswith(f"error: {study}: synthetic: this study is about real people. ")
    assert not (tmp_path / "data").exists()


def test_real_data_may_not_lie_in_a_repository(tmp_path: Path) -> None:
    study = demo_study(tmp_path, "synthetic: false\n")
    (tmp_path / ".git").mkdir()
    for command in ("check", "run"):
        assert ":3: the raw data lie inside a repository. Move them outside, or say " in refused(command, study)


def test_the_same_seed_makes_the_same_district(tmp_path: Path, district: Path) -> None:
    study = demo_study(tmp_path)
    assert sro_research("synthesize", study, "--schools", 3).returncode == 0
    for name in ("students_2024.csv", "outreach.csv", "schools.csv"):
        assert (tmp_path / "data" / name).read_bytes() == (district.parent / "data" / name).read_bytes()
    assert sro_research("synthesize", study, "--schools", 3, "--seed", 5).returncode == 0
    assert (tmp_path / "data" / "outreach.csv").read_bytes() != (district.parent / "data" / "outreach.csv").read_bytes()


def test_a_dry_run_before_a_run(district: Path) -> None:
    made = sro_research("run", district, "--dry-run")
    assert made.returncode == 0, made.stderr
    first, *others, last = made.stdout.splitlines()
    assert re.fullmatch("run +study/data_quality +new", first)
    assert [job.split()[1] for job in (first, *others)] == [
        f"study/{name}"
        for name in (
            "data_quality",
            "climate_perceptions",
            "survey_quality",
            "training_and_outreach",
            "engagement_and_climate",
            "safe_cells",
        )
    ]
    assert all(re.fullmatch("run +study/.* it rests on study/data_quality", job) for job in others)
    assert re.fullmatch("run +pages +they rest on the study notebooks", last)


def test_a_dry_run_after_a_run_tells_done_from_open(demo: Run) -> None:
    made = sro_research("run", demo.params_file, "--dry-run")
    states = {line[12:44].strip(): line[:12].strip() for line in made.stdout.splitlines()}
    assert states.pop("board") == states.pop("school/0001") == states.pop("school/0002") == "up to date"
    assert {state for job, state in states.items() if job.startswith("study/")} == {"up to date"}
    assert {state for job, state in states.items() if job.startswith("school/")} == {"run"}


def test_a_school_that_is_not_there_gets_no_page(demo: Run) -> None:
    said = refused("run", demo.params_file, "--only", "001")
    assert said.startswith("error: --only: there is no school '001' in this study. Did you mean '00")


@pytest.mark.parametrize(
    "options", [("--jobs", "0"), ("--limit", "-1"), ("--shard", "0/2"), ("--jobs", "many"), ("--nonsense",)]
)
def test_a_wrong_option_is_exit_code_2(demo: Run, options: tuple[str, ...]) -> None:
    made = sro_research("run", demo.params_file, *options)
    assert made.returncode == 2
    assert "Traceback" not in made.stderr
    assert "Error: " in made.stderr


def test_clean_deletes_results_only(tmp_path: Path) -> None:
    study, root = demo_study(tmp_path), tmp_path / "reports" / "demo"
    (root / "internal").mkdir(parents=True)
    (root / "internal" / "notes.txt").touch()
    made = sro_research("clean", study, "--yes")
    assert made.returncode == 0
    # A folder that no run has filled is not ours to empty.
    assert "holds no results of a run; nothing is deleted." in made.stdout
    assert (root / "internal" / "notes.txt").exists()
    (root / "internal" / "manifest.jsonl").write_text("")
    (root / "release").mkdir()
    (root / "mine.txt").touch()
    for answer in ("n\n", ""):  # no; nobody there to ask
        declined = CliRunner().invoke(main, ["clean", str(study)], input=answer)
        assert (declined.exit_code, declined.stdout.splitlines()[-1]) == (0, "nothing is deleted")
    assert (root / "release").exists()
    made = sro_research("clean", study, "--yes")
    assert (made.returncode, made.stderr) == (0, "")
    assert [path.name for path in root.iterdir()] == ["mine.txt"]


def test_a_run_is_refused_where_results_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "reports").touch()
    assert "cannot be written" in refused("run", demo_study(tmp_path))


def test_schemas_in_the_project_are_those_of_the_code(tmp_path: Path) -> None:
    made = sro_research("schema", "--folder", tmp_path)
    assert made.returncode == 0, made.stderr
    written = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*.json")}
    assert written.keys() == schemas().keys()
    for name, path in written.items():
        assert path.read_bytes() == (PROJECT / name).read_bytes(), "run `sro-research schema`"


YAML = sorted([*(PROJECT / "params").rglob("*.yaml"), *(PROJECT / "surveys").glob("*.yaml")])


@pytest.mark.parametrize("path", YAML, ids=[path.name for path in YAML])
def test_every_yaml_file_fits_the_schema_it_names(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = json.loads((path.parent / first.partition("$schema=")[2]).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(json.dumps(read_yaml(path).data, default=str))  # as an editor sees it: keys and days are text
    jsonschema.validate(value, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "unknown_key": 1}, schema)
