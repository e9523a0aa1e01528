"""A study file says what is meant, or the reader says where it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT

from sro_research.errors import StudyFileError
from sro_research.parameters import Parameters, read_checked, read_parameters
from sro_research.standards.ssocs import read_ssocs
from sro_research.standards.training import TrainingStandard

DEMO = (PROJECT / "params" / "demo.yaml").read_text(encoding="utf-8")


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the demo's study file with some of its text replaced."""
    defaults = (PROJECT / "params" / "defaults.yaml").read_text(encoding="utf-8")
    (tmp_path / "defaults.yaml").write_text(defaults, encoding="utf-8")

    def write(old: str = "", new: str = "", *, name: str = "x.yaml") -> Path:
        assert old in DEMO
        (tmp_path / name).write_text(DEMO.replace(old, new, 1), encoding="utf-8")
        return tmp_path / name

    return write


def line_of(text: str, document: str = DEMO) -> int:
    return document[: document.index(text)].count("\n") + 1


SEE = "params/study.schema.json describes each key."


@pytest.mark.parametrize(
    ("old", "new", "rule", "fix"),
    [
        ("synthetic: true", "sythetic: true", "unknown key 'sythetic'", "Did you mean 'synthetic'?"),
        ("data: ../", "daat: ../", "unknown key 'folders.daat'", "Did you mean 'data'?"),
        ("{file: schools", "{fiel: schools", "unknown key 'records.schools.fiel'", "Did you mean 'file'? (1 more "),
        ("  smallest_effect:", "  smalest_effect:", "unknown key 'model.smalest_effect'", "Did you mean "),
        ('"2024", file: staff', '"2024", flie: staff', "unknown key 'surveys.3.flie'", "Did you mean 'file'?"),
        ('id: "2024"', "id: 2024", "'waves.0.id' must be text", 'Write it in quotes: "2024".'),
        ('id: "2024"', "id: 2024.10", "'waves.0.id' must be text", "Put it in quotes."),
        ('wave: "2024"', "wave: 2024", "'surveys.0.wave' must be text", 'Write it in quotes: "2024".'),
        ("study: demo", "study: 2026-01-01", "'study' must be text", 'Write it in quotes: "2026-01-01".'),
        ("study: demo", "study: true", "'study' must be text", "Put it in quotes."),
        ("study: demo", "study:", "'study' is blank", f"Write its value; {SEE}"),
        ("es: Primavera de 2024", 'es: " "', "'waves.0.label.es' is blank", f"Write its value; {SEE}"),
        ("study: demo", "study: ../x", "'study' must be a name of letters, digits, '-', '_' and '.'", "Leave out "),
        ("synthetic: true", "synthetic: 1", "'synthetic' must be true or false", "Write one of these two"),
        ("start: 2023-08-01", "start: 08/01/2023", "'waves.0.start' must be a day", "Write it as 2026-06-30"),
        ("per: 10", "per: ten", "'model.per' must be a number", "Write it without quotes."),
        ("per: 10", 'per: "5%"', "'model.per' must be a number", "Write it as 0.05, without a percent sign."),
        ("per: 10", "per: 12.5 %", "'model.per' must be a number", "Write it as 0.125, without a percent sign."),
        ("per: 10", "per: 0", "'model.per' is not allowed here: input should be greater than 0", "Mend it; "),
        ("{file: schools.csv}", "schools.csv", "'records.schools' must hold `key: value` lines", "Write them "),
        ("file: schools.csv", 'file: ""', "'records.schools.file' is blank", "Write its value; "),
        ("file: schools.csv", "file: x, columns: {5: q}", "'records.schools.columns.5' must be text", "Write it "),
        ("en: Spring 2024", "fr: Printemps", "'waves.0.label.fr' is not allowed here: input should be", "Mend it; "),
        ("title:\n", "1: x\ntitle:\n", "'1' is not allowed here: keys should be strings", "Mend it; "),
        # Values that are each allowed, but not together.
        ("start: 2023-08-01", "start: 2024-08-01", "wave '2024' ends before it starts", "Mend one of the two days."),
        ('wave: "2025"', 'wave: "2205"', "there is no wave '2205' in this study", "Did you mean '2025'?"),
        ('id: "2025"', 'id: "2024"', "two waves have the id '2024'", "Rename one of them."),
        (
            "start: 2024-08-01",
            "start: 2022-08-01",
            "the waves are not in the order of time",
            "List the earliest first.",
        ),
        (
            "surveys:\n",
            "exported_on: 2024-07-31\nsurveys:\n",
            "the records were exported before the last wave began",
            "Mend the day, or leave that wave out.",
        ),
        ("students_2025", "students_2024", "the file 'students_2024.csv' stands twice", "Its answers would count "),
        (
            "es: Primavera de 2025",
            "",
            "'waves.1.label' has no text in 'es'",
            "Add it: pages are made in this language.",
        ),
    ],
)
def test_a_fault_is_named_with_its_line_and_fix(
    study: Callable[..., Path], old: str, new: str, rule: str, fix: str
) -> None:
    path = study(old, new)
    with pytest.raises(StudyFileError) as caught:
        read_parameters(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line_of(old)}: {rule}")
    assert f". {fix}" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("line", "key", "place"),
    [("study: demo\n", "study", ""), ("  per: 10\n", "model.per", f":{line_of('model:')}")],
)
def test_a_missing_key_is_placed_where_it_belongs(study: Callable[..., Path], line: str, key: str, place: str) -> None:
    path = study(line)
    with pytest.raises(StudyFileError) as caught:
        read_parameters(path)
    assert str(caught.value) == f"{path}{place}: the key '{key}' is missing. Add it; {SEE}"


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        (
            "away/defaults.yaml",
            ":3: there is no file 'away/defaults.yaml' to extend. "
            "Write the path of the repository's params/defaults.yaml.",
        ),
        (
            "../params/records.yaml",
            ":3: there is no file '../params/records.yaml' to extend. "
            "Write the path of the repository's params/records.yaml.",
        ),
        ("nope.yaml", ":3: there is no file 'nope.yaml' to extend. Check the path."),
        ("x" * 300, f":3: there is no file '{'x' * 300}' to extend. Check the path."),
        (".", ":3: there is no file '.' to extend. Check the path."),
        ("[a, b]", ":3: `extends` names one file. Write its path."),
        ("x.yaml", ": the study extends itself. Break the circle of `extends`."),
    ],
)
def test_extends_names_one_other_file(study: Callable[..., Path], extends: str, message: str) -> None:
    path = study("extends: defaults.yaml", f"extends: {extends}")
    with pytest.raises(StudyFileError, match=f"^{re.escape(f'{path}{message}')}$"):
        read_parameters(path)


def test_a_longer_circle_of_extends_is_found(study: Callable[..., Path]) -> None:
    a, b = (
        study("extends: defaults", "extends: b", name="a.yaml"),
        study("extends: defaults", "extends: a", name="b.yaml"),
    )
    with pytest.raises(StudyFileError, match=f"{a}: the study extends itself"):
        read_parameters(a)
    with pytest.raises(StudyFileError, match=f"{b}: the study extends itself"):
        read_parameters(b)


def test_a_fault_is_placed_in_the_file_that_states_it(study: Callable[..., Path]) -> None:
    base, path = study("per: 10", "per: ten", name="base.yaml"), study().with_name("over.yaml")
    path.write_text("extends: base.yaml\nmargins: {share: 5}\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=f"{path}:2: 'margins.share' is not allowed"):
        read_parameters(path)
    path.write_text("extends: base.yaml\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=f"{base}:{line_of('per: 10')}: 'model.per' must be a number"):
        read_parameters(path)
    path.write_text("extends: base.yaml\n\nmodel:\n  per: 20\n", encoding="utf-8")
    assert read_parameters(path).model.per == 20


def test_folders_start_at_the_file_that_states_them(tmp_path: Path, study: Callable[..., Path]) -> None:
    study(name="base.yaml")
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "study.yaml"
    path.write_text("extends: ../base.yaml\nfolders:\n  data: raw\n  reports: /elsewhere\n", encoding="utf-8")
    folders = read_parameters(path).folders
    assert folders.data == str(tmp_path / "mine" / "raw")
    assert folders.reports == "/elsewhere"
    assert folders.standards == str(tmp_path / "standards")  # stated by defaults.yaml


def test_lists_replace_and_mappings_merge(study: Callable[..., Path]) -> None:
    study(name="base.yaml")
    path = study().with_name("over.yaml")
    path.write_text("extends: base.yaml\npages:\n  groups: [role]\ntitle: {en: New}\n", encoding="utf-8")
    parameters = read_parameters(path)
    assert parameters.pages.groups == ["role"]
    assert parameters.pages.languages == ["en", "es"]
    assert parameters.title == {"en": "New", "es": "Revisión del programa de oficiales escolares"}


def test_each_source_knows_where_its_columns_are_mapped(study: Callable[..., Path]) -> None:
    path = study("file: staff_2024.xlsx", "file: staff_2024.xlsx,\n    columns: {trust_1: x}")
    parameters = read_parameters(path)
    line = line_of("file: staff_2024.xlsx")
    assert parameters.surveys[3].columns_at == f"{path}:{line + 1}"
    assert parameters.records.outreach.columns_at == f"{path}:{line_of('outreach: {') + 1}"


def test_the_fingerprint_follows_what_was_asked_for_and_not_where_it_lies(study: Callable[..., Path]) -> None:
    first = read_parameters(study()).fingerprint
    assert read_parameters(study("data: ../reports/demo-data", "data: /elsewhere")).fingerprint == first
    assert read_parameters(PROJECT / "params" / "demo.yaml").fingerprint == first
    assert read_parameters(study("per: 10", "per: 20")).fingerprint != first
    assert read_parameters(study("students_2025.csv", "students.csv")).fingerprint != first


def test_a_study_cannot_be_changed_after_reading(study: Callable[..., Path]) -> None:
    parameters = read_parameters(study())
    assert isinstance(parameters, Parameters)
    with pytest.raises(ValueError, match="frozen"):
        parameters.study = "other"


def test_the_training_standard_names_its_own_schema(tmp_path: Path) -> None:
    standard, _ = read_checked(PROJECT / "params" / "standards" / "training.yaml", TrainingStandard)
    assert standard.courses["basic_sro"].hours == 40
    path = tmp_path / "training.yaml"
    path.write_text("courses:\n  basic: {hours: 0, title: {en: Basic}}\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=r"training.yaml:2: .*params/training.schema.json describes each key"):
        read_checked(path, TrainingStandard)


SSOCS = PROJECT / "params" / "standards" / "ssocs"


def test_the_maps_of_the_survey_of_schools_fit_what_is_asked() -> None:
    asked, layouts = read_ssocs(SSOCS)
    assert list(layouts) == ["2018", "2020"]
    for layout in layouts.values():
        assert layout.measures.keys() | layout.absent.keys() == asked.measures.keys()
    assert layouts["2020"].measures["restorative"].changed is not None
    assert layouts["2020"].groupings["level"].changed is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  duty_mentoring: {", "  duty_mentring: {", r"measures.yaml does not know 'duty_mentring'. Did you mean"),
        ("  duty_mentoring: {variables: [C0640]}\n", "", "'duty_mentoring' is neither under `measures` nor under"),
        ("4: rural", "4: countryside", "measures.yaml has no group 'countryside' of 'locale'"),
        ("absent:\n", "absent:\n  restorative: {en: no, es: no}\n".replace("no", '"x"'), "stands under `measures` and"),
        ("file: pu_ssocs20", "file: pu_ssocs20\nsurprise: 1", r"unknown key 'surprise'"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    for path in SSOCS.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (tmp_path / "2020.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "2020.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyFileError, match=words):
        read_ssocs(tmp_path)


def test_a_share_is_of_schools_that_a_share_names(tmp_path: Path) -> None:
    text = (SSOCS / "measures.yaml").read_text(encoding="utf-8").replace("among: agreement", "among: incidents")
    (tmp_path / "measures.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyFileError, match="there is no share 'incidents'"):
        read_ssocs(tmp_path)


NATIONAL = f"extends: {PROJECT}/params/ssocs.yaml\n"


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("surveys: [{instrument: a, wave: '2020', file: a.csv}]", "a national survey of schools has no 'surveys'"),
        ("records: {schools: {file: a.csv}}", "a national survey of schools has no 'records.schools'"),
        ("yardstick: yardstick.yaml", "a national survey of schools has no 'yardstick'"),
        ("public_use_source: null", "a national survey of schools names no 'public_use_source'"),
        ("national: null", "the key 'surveys' is missing. Add it, or `records`, or `national`."),
        ("national: own", "'national' is not allowed here"),
    ],
)
def test_a_study_is_of_people_or_of_schools_of_the_nation(tmp_path: Path, more: str, rule: str) -> None:
    (tmp_path / "x.yaml").write_text(NATIONAL + more + "\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=re.escape(rule)):
        read_parameters(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("headlines: [officer_present", "headlines: [officer_presnt", "there is no measure 'officer_presnt'. Did you"),
        ("headlines: [officer_present", "headlines: [duty_mentoring", "the measures are not of the same schools"),
        (r"headlines: \[.*\]", "headlines: [duty_mentoring]", "the measures are not shares of all schools"),
        ("measures: [officer_present", "measures: [agreement", "the measures are not of the same schools"),
    ],
)
def test_what_pages_show_of_the_survey_is_checked(tmp_path: Path, old: str, new: str, words: str) -> None:
    text, times = re.subn(
        old.replace("[o", r"\[o"), new, (SSOCS / "measures.yaml").read_text(encoding="utf-8"), count=1
    )
    assert times == 1
    (tmp_path / "measures.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyFileError, match=words):
        read_ssocs(tmp_path)
