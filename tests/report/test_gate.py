"""The gate refuses every planted fault, and names it."""

from __future__ import annotations

import pytest

from sro_research.errors import ReportError
from sro_research.report.gate import check_page
from sro_research.report.template import render

SVG = (
    '<svg role="img" aria-labelledby="t d"><title id="t">Trust</title><desc id="d">Dots on a scale of 0 to 100.</desc>'
    "<text>Girls</text></svg>"
)
TABLE = (
    '<table><caption>Trust</caption><tr><th scope="col">Group</th><th scope="col">Of 100</th></tr>'
    '<tr><th scope="row">Girls</th><td>62</td></tr></table>'
)
PAGE = f"""<!DOCTYPE html><html lang="en"><head><title>Elm School</title><style>p{{color:#000}}</style></head><body>
<h1>Elm School</h1><p>None of the students, in the inner city, said so. <a href="#s1">Trust</a></p>
<h2 id="s1">Trust</h2><h3>More</h3><h2>Next</h2><figure>{SVG}<details>{TABLE}</details></figure>
<p><a href="https://example.org/">A link is not a load.</a></p><script>own()</script></body></html>"""

REPLACED = {
    # structure
    "no language": (' lang="en"', "", "does not say its language"),
    "no title": ("<h1>Elm School</h1>", "", "headings are not in order"),
    "two titles": ("<h2>Next</h2>", "<h1>Next</h1>", "headings are not in order"),
    "heading jump": ("<h3>More</h3>", "<h4>More</h4>", "headings are not in order"),
    "identifier twice": ("<h2>Next</h2>", '<h2 id="s1">Next</h2>', "'s1' is used twice"),
    "dead link": ('href="#s1"', 'href="#s9"', "'#s9', which is not on the page"),
    # charts and tables
    "figure lost": (f"<figure>{SVG}<details>{TABLE}</details></figure>", "", "1 figures were shown and 0"),
    "figure without table": (f"<details>{TABLE}</details>", "", "no table of its numbers"),
    "chart without description": ('<desc id="d">Dots on a scale of 0 to 100.</desc>', "", "no title or description"),
    "chart with empty description": ("Dots on a scale of 0 to 100.", " ", "no title or description"),
    "chart without name": (' aria-labelledby="t d"', "", "no title or description"),
    "description is the title": ("Dots on a scale of 0 to 100.", "Trust", "only repeats its title"),
    "label cut short": ("<text>Girls</text>", "<text>Restorative pra…</text>", "cuts a label short"),
    "table without caption": ("<caption>Trust</caption>", "", "a table has no caption"),
    "table with empty caption": ("<caption>Trust</caption>", "<caption> </caption>", "a table has no caption"),
    "heading without scope": ('<th scope="row">', "<th>", "row or a column"),
    "image without text": ("<h2>Next</h2>", "<h2>Next</h2><img>", "no alternative text"),
    # loading
    "remote image": ("<h3>", '<img alt="x" src="https://example.org/a.png"><h3>', "<img src> loads"),
    "local image": ("<h3>", '<img alt="x" src="a.png"><h3>', "<img src> loads"),
    "image set": ("<h3>", '<img alt="x" srcset="a.png 2x"><h3>', "<img srcset> loads"),
    "remote script": ("<script>own()", '<script src="https://example.org/a.js">', "<script src> loads"),
    "frame": ("<h3>", "<iframe></iframe><h3>", "<iframe>"),
    "form": ("<h3>", "<form></form><h3>", "<form>"),
    "style sheet": ("<title>", '<link rel="stylesheet" href="a.css"><title>', "<link>"),
    "base": ("<title>", '<base href="https://example.org/"><title>', "<base>"),
    "style import": ("p{color", "@import 'a.css';p{color", "style sheet loads"),
    "style background": ("color:#000", "background:url(https://example.org/a.png)", "style sheet loads"),
    "svg image": ("<text>Girls", '<image href="//example.org/a.png"></image><text>Girls', "<image> points outside"),
    # scripts in texts that were not escaped
    "second script": ("<h3>", "<script>alert(1)</script><h3>", "a script that is not its own"),
    "handler": ("<h3>", '<h3 onclick="alert(1)">', "<h3 onclick> carries a script"),
    # numbers and words
    "NaN": ("<td>62", "<td>NaN", "printed as 'NaN'"),
    "nan in a sentence": ("said so", "said nan of 100", "printed as 'nan'"),
    "infinite": ("<td>62", "<td>inf", "printed as 'inf'"),
    "infinite in Spanish": ("<td>62", "<td>∞", "printed as '∞'"),
    "missing": ("<td>62", "<td>&lt;NA&gt;", "printed as '<NA>'"),
    "None": ("<td>62", "<td>None", "printed as 'None'"),
    "p value": ("said so", "said so (p &lt; .05)", "is for statisticians"),
    "significant": ("said so", "differ: statistically significant", "is for statisticians"),
}  # fmt: skip


def test_a_sound_page_passes() -> None:
    check_page(PAGE, figures=1)


@pytest.mark.parametrize(("old", "new", "rule"), REPLACED.values(), ids=REPLACED)
def test_a_planted_fault_is_refused_and_named(old: str, new: str, rule: str) -> None:
    assert PAGE.count(old) == 1
    with pytest.raises(ReportError, match="Elm School") as refused:
        check_page(PAGE.replace(old, new), figures=1)
    assert rule in refused.value.rule
    assert refused.value.fix


def test_a_figure_too_many_is_refused() -> None:
    with pytest.raises(ReportError, match="2 figures were shown and 1"):
        check_page(PAGE, figures=2)


def index(name: str) -> str:
    schools = [{"name": name, "page": "school_0001.html"}]
    return render(
        "index.html.j2", language="es", title="Riverbend", organization="Riverbend", notices=[], footer="", texts={},
        schools=schools, tables={}, board="", alternates={"en": "index.html"},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" onclick="x'])
def test_names_that_hold_html_are_escaped(name: str) -> None:
    check_page(index(name), figures=0)
    assert name not in index(name)
