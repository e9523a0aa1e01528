"""The codebook page and the paper form: what they say, and in a real browser, that all can read and print them.

The second half needs Debian's `chromium` and npm's axe-core: `npm install --no-save axe-core`, or $AXE_CORE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asked import IDS, SHIPPED, awkward, shipped
from browser import AXE, CHROMIUM, FLAGS, IN_BROWSER, RULES, RUN_AXE, SIDEWAYS
from lxml import html

from sro_research.forms import pages
from sro_research.forms.questions import questions
from sro_research.forms.words import load_words
from sro_research.instruments import Instrument

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LANGUAGES = ("en", "es")


@pytest.fixture(params=[*SHIPPED, "awkward"])
def instrument(request: pytest.FixtureRequest, tmp_path: Path) -> Instrument:
    return awkward(tmp_path) if request.param == "awkward" else shipped(request.param)


def same(text: str) -> str:
    return " ".join(text.split())


def cells(row: html.HtmlElement) -> list[str]:
    return [same(cell.text_content()) for cell in row]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_codebook_says_of_every_column_what_it_holds(instrument: Instrument, language: str) -> None:
    words, page = load_words(language), html.fromstring(pages.codebook(instrument, language, {}))
    assert page.get("lang") == language
    assert instrument.title[language] in page.findtext(".//title")
    rows = {cell[0]: cell[1:] for cell in map(cells, page.findall(".//table")[0].findall("./tbody/tr"))}
    assert list(rows) == ["school_id", "respondent_id", *(question.id for question in questions(instrument))]
    measured = {item.id: (c, item) for c in instrument.constructs.values() for item in c.items}
    for question in questions(instrument):
        number, text, topic, reverse, codes = rows[question.id]
        assert (number, text) == (str(question.number), same(question.text[language]))
        assert codes == " ".join(f"{code} = {same(label[language])}" for code, label in question.choices.items())
        if question.id in measured:
            construct, item = measured[question.id]
            assert topic == construct.title[language]
            assert reverse == words["yes" if item.reverse else "no"]
        else:
            assert (topic, reverse) == (
                f"{words['background']}: {instrument.background[question.id].title[language]}",
                "",
            )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_codebook_says_how_each_score_comes_about(instrument: Instrument, language: str) -> None:
    words, page = load_words(language), html.fromstring(pages.codebook(instrument, language, {}))
    headings = [heading.find("code").text for heading in page.findall(".//h3")]
    assert headings == list(instrument.constructs)
    for construct, part in zip(instrument.constructs.values(), page.findall(".//dl"), strict=True):
        said = {same(div.findtext("dt")): [same(dd.text_content()) for dd in div.findall("dd")] for div in part}
        reversed_ = [item.id for item in construct.items if item.reverse]
        total = construct.low + construct.high
        assert said == {
            words["definition"]: [construct.definition[language]],
            words["columns"]: [", ".join(item.id for item in construct.items)],
            words["reversed"]: [
                words["reversed_say"].format(columns=", ".join(reversed_), sum=total) if reversed_ else words["nothing"]
            ],
            words["needed"]: [words["of"].format(some=construct.minimum_items, all=len(construct.items))],
            words["score_range"]: [words["range"].format(low=construct.low, high=construct.high)],
            words["agrees"]: [words["above"].format(midpoint=f"{construct.midpoint:g}")],
            words["favorable"]: [words["higher" if construct.favorable else "lower"]],
            words["sources"]: list(map(same, construct.sources)) or [words["nothing"]],
        }


def test_the_sources_of_a_shipped_construct_are_those_of_its_file() -> None:
    sources = shipped("student_climate").constructs["officer_trust"].sources
    assert sources
    assert all(re.search(r"\(\d{4}\)", source) for source in sources)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_paper_form_has_a_box_with_its_code_for_every_choice(instrument: Instrument, language: str) -> None:
    page = html.fromstring(pages.paper(instrument, language))
    assert page.get("lang") == language
    assert page.findtext(".//title") == same(page.findtext(".//h1")) == same(instrument.title[language])
    asked = page.find_class("questions")[0].findall("./li")
    assert [same(li.findtext("p")) for li in asked] == [same(q.text[language]) for q in questions(instrument)]
    for li, question in zip(asked, questions(instrument), strict=True):
        boxes = [[same(span.text_content()) for span in choice] for choice in li.findall("./ul/li")]
        assert boxes == [["", str(code), same(label[language])] for code, label in question.choices.items()]


def test_the_paper_form_tells_respondents_no_topic_and_no_name_of_a_column() -> None:
    for name in SHIPPED:
        instrument = shipped(name)
        text = html.fromstring(pages.paper(instrument, "en")).find(".//main").text_content()
        topics = [construct.title["en"] for construct in instrument.constructs.values()]
        assert not [
            word for word in [*topics, *instrument.constructs, *(i.id for i in instrument.items)] if word in text
        ]


@pytest.mark.parametrize(
    "make", [lambda i: pages.codebook(i, "en", {"es": "other.html"}), lambda i: pages.paper(i, "en")]
)
def test_no_text_is_taken_for_html_and_nothing_is_loaded(tmp_path: Path, make) -> None:
    page = html.fromstring(make(awkward(tmp_path)))
    assert not page.findall(".//b")
    assert not page.findall(".//survey")
    assert not page.xpath("//script | //img | //link | //iframe | //@src | //*[starts-with(@href, 'http')]")


def test_the_questions_are_numbered_alike_on_paper_and_in_the_codebook(tmp_path: Path) -> None:
    instrument = awkward(tmp_path)
    assert [(q.number, q.id) for q in questions(instrument)] == list(enumerate(IDS, 1))
    rows = html.fromstring(pages.codebook(instrument, "en", {})).findall(".//table")[1].findall("./tbody/tr")
    assert [(cells(row)[-1], cells(row)[0]) for row in rows[1:]] == [(str(n), id_) for n, id_ in enumerate(IDS, 1)]


MARK_ENDS = """css => {
    document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
    const links = document.createElement('p');
    links.style.breakBefore = 'page';
    const mark = (place, name) => {
        place.append(Object.assign(document.createElement('span'), {id: name, textContent: '\\u2060'}));
        links.append(Object.assign(document.createElement('a'), {href: '#' + name, textContent: name + ' '}));
    };
    for (const question of document.querySelectorAll('.questions > li')) {
        const first = document.createElement('span');
        question.firstElementChild.prepend(first);
        mark(first, question.id + 'begins');
        mark(question.querySelector('ul > li:last-child > span:last-child'), question.id + 'ends');
    }
    document.body.append(links);
}"""
"""Places to which something links are named in a PDF, with their page: one at the begin and one at the end of each."""
_PLACE = re.compile(rb"/(q\d+)(begins|ends) \[(\d+) 0 R /XYZ")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make install`")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(offline=True, bypass_csp=True)
    yield context.new_page()
    context.close()


def show(page: Page, folder: Path, text: str) -> None:
    (folder / "page.html").write_text(text, encoding="utf-8")
    page.goto((folder / "page.html").as_uri())


class TestInBrowser:
    pytestmark = IN_BROWSER

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("form", ["codebook", "paper"])
    def test_axe_finds_no_fault_and_the_page_does_not_scroll_sideways(
        self, open_page: Page, tmp_path: Path, instrument: Instrument, form: str, language: str
    ) -> None:
        others = {"es": "page.es.html"} if language == "en" else {}
        page = pages.paper(instrument, language) if form == "paper" else pages.codebook(instrument, language, others)
        show(open_page, tmp_path, page)
        open_page.evaluate(AXE.read_text(encoding="utf-8"))
        faults = []
        for theme, width in (("light", 1280), ("dark", 375), ("light", 320)):
            open_page.emulate_media(color_scheme=theme)
            open_page.set_viewport_size({"width": width, "height": 900})
            faults += [f"{theme} {width}: {fault}" for fault in open_page.evaluate(RUN_AXE, RULES)]
            if open_page.evaluate(SIDEWAYS) > 0:
                faults.append(f"{theme} {width}: scrolls sideways")
        assert faults == []

    @pytest.mark.parametrize("size", ["A4", "Letter"])
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_no_question_is_cut_by_the_end_of_a_page_of_paper(
        self, open_page: Page, tmp_path: Path, instrument: Instrument, language: str, size: str
    ) -> None:
        pages_of = self.places(open_page, tmp_path, pages.paper(instrument, language), f"@page{{size:{size}}}")
        assert len(pages_of) == len(questions(instrument))
        assert [name for name, found in pages_of.items() if found["begins"] != found["ends"]] == []

    def test_without_its_rule_questions_would_be_cut(self, open_page: Page, tmp_path: Path) -> None:
        cut = "@page{size:A4} .questions>li{break-inside:auto!important;margin-bottom:5.3mm!important}"
        pages_of = self.places(open_page, tmp_path, pages.paper(shipped("student_climate"), "en"), cut)
        assert [name for name, found in pages_of.items() if found["begins"] != found["ends"]]

    def test_a_page_of_paper_has_its_number_and_what_form_it_is(self, open_page: Page, tmp_path: Path) -> None:
        show(open_page, tmp_path, pages.paper(shipped("student_climate"), "en"))
        rule = "[...document.styleSheets[0].cssRules].find(r => r instanceof CSSPageRule).cssText"
        css = open_page.evaluate(rule)
        assert 'counter(page) " / " counter(pages)' in css, "the browser understands the margin boxes"
        assert '"student_climate 1 en"' in css

    @staticmethod
    def places(page: Page, folder: Path, text: str, css: str) -> dict[str, dict[str, int]]:
        """Print a form; return by question the objects of the PDF that are the pages where it begins and ends."""
        show(page, folder, text)
        page.evaluate(MARK_ENDS, css)
        printed = page.pdf(prefer_css_page_size=True)
        found: dict[str, dict[str, int]] = {}
        for name, end, at in _PLACE.findall(printed):
            found.setdefault(name.decode(), {})[end.decode()] = int(at)
        return found
