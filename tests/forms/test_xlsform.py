"""The XLSForm: pyxform, which ODK and KoboToolbox use, makes a form of it, with all choices in both languages."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from asked import IDS, SHIPPED, awkward, shipped
from lxml import etree

from sro_research.errors import InstrumentError
from sro_research.forms import xlsform
from sro_research.forms.questions import questions
from sro_research.forms.words import load_words
from sro_research.instruments import Instrument
from sro_research.schemas import IDENTIFIER

pyxform = pytest.importorskip("pyxform.xls2xform", reason="pyxform is not installed: `make install`")

NAMES = {"en": "English (en)", "es": "Español (es)"}
X = {"x": "http://www.w3.org/2002/xforms", "h": "http://www.w3.org/1999/xhtml"}


@pytest.fixture(params=[*SHIPPED, "awkward"])
def instrument(request: pytest.FixtureRequest, tmp_path: Path) -> Instrument:
    return awkward(tmp_path) if request.param == "awkward" else shipped(request.param)


def sheets(data: bytes) -> dict[str, list[dict[str, str]]]:
    """Read a workbook back: its sheets as rows by the names in their first row."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    read = {}
    for sheet in book:
        head, *rows = ([cell.value or "" for cell in row] for row in sheet.iter_rows())
        read[sheet.title] = [dict(zip(head, row, strict=True)) for row in rows]
    return read


def form_of(data: bytes) -> tuple[etree._Element, list[str]]:
    """Return the XForm that pyxform makes of a workbook, and its warnings."""
    made = pyxform.convert(io.BytesIO(data), file_type=".xlsx")
    return etree.fromstring(made.xform.encode()), made.warnings


def test_pyxform_makes_a_form_with_every_question_and_choice_in_both_languages(instrument: Instrument) -> None:
    form, warnings = form_of(xlsform.workbook(instrument, ["en", "es"]))
    assert warnings == []
    assert form.xpath("string(//h:title)", namespaces=X) == instrument.title["en"]
    data = form.xpath("//x:model/x:instance/x:data", namespaces=X)[0]
    assert (data.get("id"), data.get("version")) == (instrument.id, str(instrument.version))
    asked, names = questions(instrument), xlsform.names(instrument)
    assert [etree.QName(child).localname for child in data][:-1] == [
        "_introduction", names["school_id"], *(names[question.id] for question in asked)
    ]  # fmt: skip
    texts = {
        language: {
            text.get("id"): text.xpath("string(x:value)", namespaces=X)
            for text in form.xpath(f"//x:translation[@lang='{name}']/x:text", namespaces=X)
        }
        for language, name in NAMES.items()
    }
    default = form.xpath("//x:translation[@default='true()']/@lang", namespaces=X)
    assert default == [NAMES["en"]]
    for language in NAMES:
        assert plain(texts[language]["/data/_introduction:label"]) == plain(instrument.introduction[language])
        school = f"/data/{names['school_id']}"
        words = load_words(language)
        assert [texts[language][f"{school}:{what}"] for what in ("label", "hint", "jr:constraintMsg")] == [
            words["school_code"], words["school_help"], words["school_fault"]
        ]  # fmt: skip
        for question in asked:
            at = f"/data/{names[question.id]}"
            assert plain(texts[language][f"{at}:label"]) == plain(question.text[language])
            select = form.xpath(f"//x:select1[@ref='{at}']/x:itemset/@nodeset", namespaces=X)[0]
            items = form.xpath(f"//x:instance[@id='{select.split(chr(39))[1]}']/x:root/x:item", namespaces=X)
            choices = {
                int(item.findtext("x:name", namespaces=X)): texts[language][item.findtext("x:itextId", namespaces=X)]
                for item in items
            }
            assert choices == {code: label[language] for code, label in question.choices.items()}
            assert list(choices) == [*question.choices], "in the order of the scale, missing codes last"


def plain(text: str) -> str:
    """Forms do not keep breaks of lines."""
    return " ".join(text.split())


def test_the_school_must_be_told_and_no_answer_has_to_be_given(instrument: Instrument) -> None:
    form, _ = form_of(xlsform.workbook(instrument, ["en"]))
    binds = form.xpath("//x:bind", namespaces=X)
    required = [bind.get("nodeset") for bind in binds if bind.get("required") == "true()"]
    assert required == [f"/data/{xlsform.names(instrument)['school_id']}"]
    assert IDENTIFIER.statistics["pattern"] == xlsform.IDENTIFIER


def test_the_form_asks_for_nothing_that_leads_to_a_person_or_a_telephone(instrument: Instrument) -> None:
    survey = sheets(xlsform.workbook(instrument, ["en", "es"]))["survey"]
    assert {row["type"].split()[0] for row in survey} == {"note", "text", "select_one"}


def test_the_first_language_is_the_default_and_one_may_be_alone(tmp_path: Path) -> None:
    settings = sheets(xlsform.workbook(awkward(tmp_path), ["es", "en"]))["settings"]
    assert [list(row.values()) for row in settings] == [["Encuesta «A y B» ¡ñandú!", "awkward", "3", NAMES["es"]]]
    assert list(settings[0]) == ["form_title", "form_id", "version", "default_language"]
    survey = sheets(xlsform.workbook(awkward(tmp_path), ["es"]))["survey"]
    assert [column for column in survey[0] if column.startswith("label")] == ["label::Español (es)"]


def test_text_is_text_and_codes_are_as_the_codebook_writes_them(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsform.workbook(awkward(tmp_path), ["en", "es"])))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}, "=1+1 is a title, not a formula"
    choices = sheets(xlsform.workbook(awkward(tmp_path), ["en", "es"]))["choices"]
    assert {row["name"] for row in choices} == {"0", "1", "2", "3", "10", "-9"}
    assert len({row["list_name"] for row in choices}) == 3, "questions with equal choices share their list"


def test_ids_that_are_no_names_get_one(tmp_path: Path) -> None:
    names = xlsform.names(awkward(tmp_path))
    assert names == {"school_id": "school_id"} | {id_: id_ for id_ in IDS} | {"1st": "q2"}


def test_a_text_that_would_be_a_reference_is_refused(tmp_path: Path) -> None:
    instrument = awkward(tmp_path, "text: Third", 'text: "Think of ${self}"')
    with pytest.raises(InstrumentError, match=r"^awkward: a_b: the text holds '\$\{', which an XLSForm reads as"):
        xlsform.workbook(instrument, ["en", "es"])
