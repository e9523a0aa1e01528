"""The published pages in a real browser: no network, no fault axe can find, and charts that can be read.

Needs Debian's `chromium` and npm's axe-core: `npm install --no-save axe-core`, or $AXE_CORE with the path of its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import AXE, CHROMIUM, FLAGS, IN_BROWSER, RULES, RUN_AXE, SIDEWAYS

if TYPE_CHECKING:
    from conftest import Run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make install`")

pytestmark = IN_BROWSER
DEMO = [f"demo/{name}{language}.html" for name, language in product(("index", "board", "school_0001"), ("", ".es"))]
NATIONAL = [f"national/{name}" for name in ("index.html", "board.es.html", "school_high_city.html")]
PAGES = [*DEMO, *NATIONAL]
"""Of which study, and the file."""
THEMES, WIDTHS = ("light", "dark"), (1280, 375, 320)
SMALLEST_TEXT = {1280: 12, 375: 12, 320: 11}
SVG_CHECK = Path(__file__).with_name("svg_check.js").read_text(encoding="utf-8")

OPEN_TABLES = "open => document.querySelectorAll('details').forEach(d => { d.open = open })"
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Some styles (content-visibility) only reach the page with the next frame."""


@dataclass
class Visit:
    """A page that is open in the browser, and what happened since."""

    page: sync_api.Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda r: None if r.url.startswith("file:") else self.requests.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def look(self, *, theme: str, width: int, opened: bool = False, media: str = "screen") -> None:
        self.page.emulate_media(color_scheme=theme, media=media)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(OPEN_TABLES, opened)
        self.page.evaluate(NEXT_FRAME)


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Path:
    """A page of PAGES, of the study that has it."""
    study, _, file = request.param.partition("/")
    run: Run = request.getfixturevalue(study)
    return run.release / file


@pytest.fixture
def visit(browser: sync_api.Browser) -> Iterator[Visit]:
    context = browser.new_context(offline=True)
    yield Visit(context.new_page())
    context.close()


@pytest.mark.parametrize("here", PAGES, indirect=True)
def test_a_page_has_no_fault_that_axe_can_find_in_any_state(visit: Visit, here: Path) -> None:
    visit.page.goto(here.as_uri())
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    openings = (False, True) if visit.page.query_selector("details") else (False,)
    faults = []
    for theme, width, opened in product(THEMES, WIDTHS, openings):
        visit.look(theme=theme, width=width, opened=opened)
        state = f"{theme} {width} px {'open' if opened else 'closed'}"
        faults += [f"{state}: {fault}" for fault in visit.page.evaluate(RUN_AXE, RULES)]
        if (pixels := visit.page.evaluate(SIDEWAYS)) > 0:
            faults.append(f"{state}: the page scrolls sideways by {pixels} px")
    assert (faults, visit.requests, visit.complaints) == ([], [], [])


@pytest.mark.parametrize("here", [name for name in PAGES if "index" not in name], indirect=True)
def test_charts_can_be_read_in_both_themes_and_at_every_width(visit: Visit, here: Path) -> None:
    visit.page.goto(here.as_uri())
    faults = []
    for theme, width in product(THEMES, WIDTHS):
        visit.look(theme=theme, width=width)
        faults += [f"{theme} {width}: {fault}" for fault in visit.page.evaluate(SVG_CHECK, SMALLEST_TEXT[width])]
    assert faults == []


CHART = '<svg class="chart" width="300" height="60" style="font:14px sans-serif"><title>Chart</title>{}</svg>'


@pytest.mark.parametrize(
    ("drawn", "fault"),
    [
        ('<text y="20" fill="#999">pale</text>', "contrast of 2.8"),
        ('<rect width="99" height="40" fill="#3f8fdd"/><text y="20" fill="#fff">on blue</text>', "contrast of 3.4"),
        (
            '<rect width="30" height="40" fill="#08406f"/><text y="20" x="2" fill="#fff">too long</text>',
            "contrast of 1.0",
        ),
        ('<g opacity=".3"><text y="20">faded</text></g>', "contrast"),
        ('<text y="20">a mark</text><circle cx="50" cy="40" r="5" fill="#ccc"/>', "a mark"),
        ('<text y="20">a line</text><line x2="50" y1="40" y2="40" stroke="#000" stroke-opacity=".2"/>', "a mark"),
        ('<text y="20" font-size="11">small</text>', "11.0 px"),
        ('<text y="20" transform="scale(.8)">shrunk</text>', "11.2 px"),
        ('<text y="20">over</text><text x="5" y="22">under</text>', "lies over"),
        ('<text x="270" y="20">out of sight</text>', "clipped"),
        ('<text y="20">Restorative pra…</text>', "cut short"),
        ("<path d='M0,0h9v9h-9Z'/>", "no text"),
    ],
)
def test_the_check_of_charts_finds_planted_faults(visit: Visit, drawn: str, fault: str) -> None:
    visit.page.set_content(f'<body style="background:#fff">{CHART.format(drawn)}</body>')
    faults = visit.page.evaluate(SVG_CHECK, 12)
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize("here", PAGES, indirect=True)
def test_language_links_lead_to_the_same_page_and_back(visit: Visit, here: Path) -> None:
    url = here.as_uri()
    language = "es" if ".es." in here.name else "en"
    visit.page.goto(url)
    assert visit.page.locator("html").get_attribute("lang") == language
    for at in ({"en": "es", "es": "en"}[language], language):
        visit.page.locator(f"header a[hreflang={at}]").click()
        assert visit.page.locator("html").get_attribute("lang") == at
    assert visit.page.url == url


def test_index_leads_to_every_page_and_every_page_leads_back(visit: Visit, demo: Run) -> None:
    index = (demo.release / "index.html").as_uri()
    visit.page.goto(index)
    links = visit.page.eval_on_selector_all("main a[href]", "links => links.map(a => a.href)")
    assert len(links) == 3
    for link in links:
        visit.page.goto(link)
        visit.page.locator("header nav a").first.click()
        assert visit.page.url == index


@pytest.mark.parametrize("here", PAGES, indirect=True)
def test_skip_link_is_first_and_moves_the_focus_to_the_report(visit: Visit, here: Path) -> None:
    visit.page.goto(here.as_uri())
    visit.page.keyboard.press("Tab")
    assert visit.page.locator(":focus").get_attribute("class") == "skip"
    assert visit.page.locator(":focus").bounding_box()["x"] >= 0
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"


def test_only_the_script_of_the_page_runs_and_nothing_is_loaded(visit: Visit, demo: Run, tmp_path: Path) -> None:
    planted = (
        "<script>document.title = 'taken'</script><img src='https://example.org/a.png' onerror='document.title = 1'>"
        "<link rel='stylesheet' href='https://example.org/a.css'><iframe src='https://example.org/'></iframe>"
    )
    page = tmp_path / "planted.html"
    page.write_text((demo.release / "board.html").read_text(encoding="utf-8").replace("<h1>", f"{planted}<h1>", 1))
    blocked: list[str] = []
    visit.page.on("requestfailed", lambda request: blocked.append(request.failure))
    visit.page.goto(page.as_uri())
    assert "Riverbend" in visit.page.title()
    assert blocked == ["csp"] * len(visit.requests)
    assert len([text for text in visit.complaints if "Content Security Policy" in text]) >= 4
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visit.page.locator("details:not([open])").count() == 0


CHART_AND_TABLE = """figures => figures.map(figure => {
    const bare = element => element.textContent.replace(/\\s/g, '');
    const texts = [...figure.querySelectorAll('svg')].map(svg => [...svg.querySelectorAll('text')].map(bare));
    const rows = [...figure.querySelectorAll('tbody th')].map(bare);
    return {rows: rows.length, named: texts.map(of => rows.filter(row => of.includes(row)).length),
            hidden: texts.map(of => of.filter(text => text == '[c]').length),
            explained: /\\[c\\] (means|quiere decir)/.test(figure.querySelector('.note')?.parentElement.textContent)};
})"""


@pytest.mark.parametrize("here", [name for name in PAGES if "index" not in name], indirect=True)
def test_every_row_of_a_charts_table_is_drawn_in_both_widths(visit: Visit, here: Path) -> None:
    visit.page.goto(here.as_uri())
    figures = visit.page.eval_on_selector_all("figure", CHART_AND_TABLE)
    assert figures
    assert all(figure["named"] == [figure["rows"]] * 2 for figure in figures)
    assert all(figure["hidden"][0] == figure["hidden"][1] for figure in figures)
    assert all(figure["explained"] for figure in figures if figure["hidden"][0])
    if "school_0001" in here.name:
        assert any(figure["hidden"][0] for figure in figures), "the demo has a school with hidden groups"


@pytest.mark.parametrize("here", [name for name in PAGES if "index" not in name], indirect=True)
def test_print_shows_every_table_and_the_wide_charts(visit: Visit, here: Path) -> None:
    visit.page.goto(here.as_uri())
    hidden = "all => all.filter(e => !e.checkVisibility({contentVisibilityAuto: true}) || !e.offsetHeight).length"
    assert visit.page.eval_on_selector_all("details table", hidden) > 0
    visit.look(theme="dark", width=680, media="print")
    assert visit.page.eval_on_selector_all("table", hidden) == 0
    assert (
        visit.page.eval_on_selector_all("svg", "all => all.map(e => e.getBoundingClientRect().height > 0)")
        == [
            True,
            False,
        ]
        * visit.page.locator("figure").count()
    )
    assert visit.page.evaluate(SVG_CHECK, 12) == []
    assert visit.page.evaluate(SIDEWAYS) <= 0
