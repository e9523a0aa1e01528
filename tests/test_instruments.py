"""The questionnaires of the project are whole, and a fault planted in a copy is found at its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import PROJECT

from sro_research.errors import InstrumentError, WorkbenchError
from sro_research.instruments import load_instrument

SURVEYS = PROJECT / "surveys"
NAME = "staff_climate"
FILES = {lang: (SURVEYS / f"{NAME}.{lang}.yaml").read_text(encoding="utf-8") for lang in ("en", "es")}


@pytest.mark.parametrize(("name", "population"), [("student_climate", "student"), ("staff_climate", "staff")])
def test_the_real_instruments_are_whole_in_both_languages(name: str, population: str) -> None:
    instrument = load_instrument(SURVEYS, name, ["en", "es"])
    assert instrument.population == population
    texts = [instrument.title, instrument.respondents]
    for construct in instrument.constructs.values():
        texts += [construct.title, construct.agree_phrase, construct.definition]
        assert 1 <= construct.minimum_items <= len(construct.items)
        assert (construct.low, construct.midpoint, construct.high) == (1, 2.5, 4)
    for item in instrument.items:
        texts += [item.text, *item.labels.values()]
    for question in instrument.background.values():
        texts += [question.title, *question.labels.values()]
    for text in texts:
        assert set(text) == {"en", "es"}
        assert all(words.strip() for words in text.values())
    # A reverse-keyed item in an instrument is what finds those who tick one column down.
    assert any(item.reverse for item in instrument.items)
    for codes in instrument.codes.values():
        assert set(instrument.missing_codes) <= set(codes)


def test_the_trusted_partner_and_the_enforcer_are_two_scores() -> None:
    instrument = load_instrument(SURVEYS, "student_climate", ["en"])
    trust, enforcer = instrument.constructs["officer_trust"], instrument.constructs["officer_enforcer"]
    assert trust.favorable
    assert not enforcer.favorable
    assert not {i.id for i in trust.items} & {i.id for i in enforcer.items}


def test_only_the_questions_an_instrument_asks_are_asked_of_it() -> None:
    instrument = load_instrument(SURVEYS, "staff_climate", ["en"])
    assert instrument.asked(["grade_band", "gender", "role"]) == ["gender", "role"]


def test_other_words_break_the_line_of_their_construct_only(tmp_path: Path) -> None:
    changed = re.sub(r"id: trust_2,", "id: trust_2, changed_in: 3,", FILES["en"]).replace("version: 1", "version: 3")
    (tmp_path / f"{NAME}.en.yaml").write_text(changed, encoding="utf-8")
    instrument = load_instrument(tmp_path, NAME, ["en"])
    assert instrument.breaks({"a": 1, "b": 2, "c": 3, "d": 3}) == {("officer_trust", "c")}
    assert instrument.breaks({"a": 3, "b": 2}) == {("officer_trust", "b")}, "also where the old words come back"
    assert instrument.breaks({"a": 1, "c": 2}) == set() and instrument.breaks({"a": 1}) == set()


def test_no_question_can_be_changed_in_a_version_that_is_not_there(tmp_path: Path) -> None:
    changed = re.sub(r"id: trust_2,", "id: trust_2, changed_in: 2,", FILES["en"])
    (tmp_path / f"{NAME}.en.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(InstrumentError, match=r"en\.yaml:\d+: item 'trust_2' was changed in version 2"):
        load_instrument(tmp_path, NAME, ["en"])


def test_one_language_needs_no_translation(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.en.yaml").write_text(FILES["en"], encoding="utf-8")
    assert load_instrument(tmp_path, NAME, ["en"]).title == {"en": "Staff climate survey"}


SCALE = "    1: Strongly disagree\n    2: Disagree\n    3: Agree\n    4: Strongly agree\n"


@pytest.mark.parametrize(
    ("language", "old", "new", "at", "message"),
    [
        # In the translation: the same texts as the source, no fewer and no more.
        ("es", "  trust_1:", "  trust_x:", "items:", "the translation lacks the item 'trust_1'. Translate and add it."),
        ("es", "  trust_1:", "  trust_9: x\n  trust_1:", "", "the item 'trust_9' is not in the source file. Did you "),
        ("es", "  role:", "  roll:", "background:", "the translation lacks the background question 'role'. Translate "),
        ("es", "1: Docente", "9: Docente", "  role:", "the translation lacks the label of code '1'. Translate "),
        ("es", "{98:", "{97:", "missing_codes:", "the translation lacks the missing code '98'. Translate "),
        ("es", "  belonging:", "  longing:", "constructs:", "the translation lacks the construct 'belonging'. "),
        ("es", "  agree4:", "  agree5:", "scales:", "the translation lacks the scale 'agree4'. Translate "),
        ("es", "version: 1", "version: 2", "", "this translates staff_climate version 2; the source is staff_climate "),
        ("es", "instrument: staff", "instrument: student", "version:", "this translates student_climate version 1; "),
        ("es", "language: es", "language: en", "", "the file is named for 'es' but says 'en'. Mend it."),
        ("es", '"Confío en el oficial escolar."', '" "', "", "'items.trust_1' is blank. Write its value; "),
        # In the source: names that lead nowhere.
        ("en", "instrument: staff_climate", "instrument: staf", "", f"the file is named for '{NAME}' but says "),
        ("en", "language: en", "language: es", "", "the file is named for 'en' but says 'es'. Mend it."),
        ("en", "construct: belonging", "construct: belong", "", "item 'belong_1' names the construct 'belong'. Did "),
        ("en", "scale: agree4", "scale: agree", "", "item 'safe_1' names the scale 'agree'. Did you mean 'agree4'?"),
        ("en", "[goodenow_1993]", "[goodenow]", "", "the source 'goodenow' is not listed. Did you mean "),
        ("en", "{id: safe_1, construct:", "{id: safe_1, constuct:", "", "unknown key 'items.0.constuct'. Did you "),
        # Ids name columns: each once, whatever the capitals, and none that every table has.
        ("en", "id: belong_2", "id: belong_1", "", "two questions have the id 'belong_1'. Give each question its "),
        ("en", "id: belong_2", "id: BELONG_1", "", "two questions have the id 'BELONG_1'. Give each question its "),
        ("en", "id: belong_2", "id: gender", "", "two questions have the id 'gender'. Give each question its own id."),
        ("en", "id: belong_2", "id: school_id", "", "'school_id' is the name of a column that every survey has. "),
        ("en", "  years_here:", "  wave:", "", "'wave' is the name of a column that every survey has. Give the "),
        # Codes.
        ("en", "  98: {m", "  4: {m", "  agree4:", "code 4 is both an answer and a missing code. Renumber one of "),
        ("en", "1: Teacher", "98: Teacher", "  role:", "code 98 is both a group and a missing code. Renumber one of "),
        ("en", "  98: {m", "  99999: {m", "", "'missing_codes.99999' is not allowed here: input should be less than "),
        ("en", "2: Disagree\n", "5: Disagree\n", "  agree4:", "the codes of scale 'agree4' are not in unbroken "),
        ("en", SCALE, "    1: Agree\n", "  agree4:", "'scales.agree4' needs 2 or more entries. Add them."),
        ("en", SCALE, "    {}\n", "  agree4:", "'scales.agree4' needs 2 or more entries. Add them."),
        # Constructs.
        ("en", "minimum_items: 3", "minimum_items: 9", "", "'safety' asks for 9 answers but has 4 items. Lower min"),
        ("en", "minimum_items: 3", "minimum_items: 0", "", "'constructs.safety.minimum_items' is not allowed here: "),
        ("en", "direction: favorable", "direction: good", "", "'constructs.safety.direction' is not allowed here: "),
        ("en", "title: Safety at school", f"title: {'x' * 41}", "", "'constructs.safety.title' is not allowed here: "),
        (
            "en",
            "  safety:\n",
            "  new: {title: a, agree_phrase: b, definition: c, direction: favorable, minimum_items: 1, sources: []}\n"
            "  safety:\n",
            "",
            "the construct 'new' has no items. Add items or remove it.",
        ),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found_at_its_line(
    tmp_path: Path, language: str, old: str, new: str, at: str, message: str
) -> None:
    assert old in FILES[language]
    for lang, text in FILES.items():
        faulty = text.replace(old, new, 1) if lang == language else text
        (tmp_path / f"{NAME}.{lang}.yaml").write_text(faulty, encoding="utf-8")
    with pytest.raises(WorkbenchError) as caught:
        load_instrument(tmp_path, NAME, ["en", "es"])
    text = FILES[language]
    line = text[: text.index(at or old)].count("\n") + 1
    assert str(caught.value).startswith(f"{tmp_path}/{NAME}.{language}.yaml:{line}: {message}")
    assert "\n" not in str(caught.value)


def test_two_scales_in_one_construct_are_refused(tmp_path: Path) -> None:
    text = (
        FILES["en"].replace("scales:\n", f"scales:\n  other:\n{SCALE}", 1).replace("scale: agree4", "scale: other", 1)
    )
    (tmp_path / f"{NAME}.en.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InstrumentError, match=r":\d+: the items of 'safety' use different scales\. Use one scale per "):
        load_instrument(tmp_path, NAME, ["en"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.en.yaml").write_text(FILES["en"], encoding="utf-8")
    missing = re.escape(f"{tmp_path}/{NAME}.es.yaml: 'staff_climate' is not translated into 'es'. Add this file.")
    with pytest.raises(InstrumentError, match=f"^{missing}$"):
        load_instrument(tmp_path, NAME, ["en", "es"])
    unknown = re.escape(
        f"{tmp_path}/staf_climate.en.yaml: there is no instrument 'staf_climate'. Did you mean '{NAME}'?"
    )
    with pytest.raises(InstrumentError, match=f"^{unknown}$"):
        load_instrument(tmp_path, "staf_climate", ["en"])
