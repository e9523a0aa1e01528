"""Nothing leaves a notebook but the parts it shows, and an unfit notebook is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sro_research.errors import ReportError
from sro_research.report.charts import NARROW, WIDE, Row, interval_chart
from sro_research.report.exporter import SchoolReportExporter
from sro_research.report.page import HIDDEN, Cell
from sro_research.report.parts import Card, Cards, Figure, Head, Heading, Multilingual, Paragraph, Part, Table
from sro_research.report.template import keys
from sro_research.report.words import load_words

ROWS = [Row("Girls", Cell("shown", n=40, estimate=0.62, low=0.51, high=0.73)), Row("Another gender", HIDDEN)]
ALT = "Dots on a scale of 0 to 100, one row for each of 2 groups. Girls: 62 of 100."
TABLE = Table("Trust", ["Group", "People of 100"], [["Girls", "62"], ["Another gender", "[c]"]], [False, True])
STRAY = ["CODE_9F", "STDOUT_9F", "STDERR_9F", "MARKDOWN_9F", "HTML_9F", "PLAIN_9F", "RESULT_9F", "SPEC_9F", "META_9F"]


def chart(width: int) -> dict[str, Any]:
    return interval_chart(ROWS, ours="This school", others="", axis="People of 100", width=width)


def figure() -> Figure:
    return Figure("Trust, by gender", ALT, chart(WIDE), chart(NARROW), TABLE)


def page(language: str = "en") -> list[Part]:
    head = Head(f"Elm School ({language})", "Spring 2026", "Riverbend", ["These are made-up data."], "Study demo.")
    cards = Cards([Card("Feel safe", "62 of 100", "At the other schools: 60.", "About the same", "=")])
    return [head, Heading("In short"), cards, Paragraph("<b>Text</b> & more"), figure(), TABLE]


def shown(*parts: Part, **languages: list[Part]) -> list[Any]:
    """Return cells that show parts, in English or in several languages."""
    together = languages or {"en": list(parts)}
    bundles = [Multilingual(dict(zip(together, each, strict=True))) for each in zip(*together.values(), strict=True)]  # type: ignore[arg-type]
    return [new_code_cell("show()", outputs=[new_output("display_data", b._repr_mimebundle_())]) for b in bundles]


def notebook(*cells: Any) -> Any:
    return new_notebook(cells=list(cells), metadata={"title": "META_9F"})


def export(*cells: Any, **options: str) -> str:
    return SchoolReportExporter(**options).from_notebook_node(notebook(*cells))[0]


def test_a_page_holds_its_parts() -> None:
    html = export(*shown(*page()))
    assert '<html lang="en">' in html
    assert "<h1>Elm School (en)</h1>" in html
    assert "&lt;b&gt;Text&lt;/b&gt; &amp; more" in html
    assert html.count("<svg") == 2
    assert ">62</td>" in html
    assert "These are made-up data." in html


def test_nothing_but_parts_is_published() -> None:
    stray = new_code_cell(
        "CODE_9F = 1",
        metadata={"secret": "META_9F"},
        outputs=[
            new_output("stream", name="stdout", text="STDOUT_9F"),
            new_output("stream", name="stderr", text="STDERR_9F"),
            new_output("display_data", {"text/html": "<p>HTML_9F</p>", "text/plain": "PLAIN_9F"}),
            new_output("execute_result", {"text/plain": "RESULT_9F"}, execution_count=1),
            new_output("display_data", {"application/vnd.vegalite.v5+json": {"data": "SPEC_9F"}}),
        ],
    )
    cells = [new_markdown_cell("# MARKDOWN_9F"), *shown(*page()), stray]
    source = nbformat.writes(notebook(*cells))
    assert [word for word in STRAY if word not in source] == []
    assert [word for word in STRAY if word in export(*cells)] == []


def test_a_part_is_published_without_its_preview_and_interactive_chart() -> None:
    html = export(*shown(*page()))
    assert "vega" not in html
    assert "datasets" not in html


def test_each_language_is_a_page_with_a_link_to_the_other() -> None:
    cells = shown(en=page("en"), es=page("es"))
    english = export(*cells, language="en", other_pages="es=elm.es.html")
    spanish = export(*cells, language="es", other_pages="en=elm.html")
    assert '<a href="elm.es.html" lang="es" hreflang="es">Español</a>' in english
    assert '<a href="elm.html" lang="en" hreflang="en">English</a>' in spanish
    assert ("(es)" in english, "(en)" in spanish) == (False, False)


def test_the_same_notebook_gives_the_same_bytes() -> None:
    assert export(*shown(*page())) == export(*shown(*page()))


def test_an_error_output_is_refused() -> None:
    broken = new_code_cell("1/0", outputs=[new_output("error", ename="ZeroDivisionError", evalue="x", traceback=[])])
    with pytest.raises(ReportError, match="cell 6: it ended in ZeroDivisionError"):
        export(*shown(*page()), broken)


def test_a_missing_language_is_refused() -> None:
    with pytest.raises(ReportError, match="cell 0: it has no text in 'es'"):
        export(*shown(*page()), language="es")


@pytest.mark.parametrize("parts", [[], page()[1:]], ids=["nothing shown", "no head"])
def test_a_notebook_that_does_not_start_with_a_head_is_refused(parts: list[Part]) -> None:
    with pytest.raises(ReportError, match="does not start with the head"):
        export(*shown(*parts))


def test_marks_and_lines_are_explained_where_they_are_and_nowhere_else() -> None:
    w = load_words("en")
    plain = Table("Trust", ["Group", "Of 100"], [["Girls", "62"]], [False, True])
    missing = Table("Trust", ["Group", "Of 100"], [["Girls", "[x]"]], [False, True])

    def explained(part: Part) -> list[str]:
        (output,) = shown(part)[0].outputs
        return keys(output.data["application/vnd.sro-research.part+json"]["en"], w)

    assert explained(figure()) == [w("key_range"), w("key_hidden")]
    assert explained(TABLE) == [w("key_hidden")]
    assert explained(missing) == [w("key_not_available")]
    assert explained(plain) == []


def test_the_description_of_a_chart_says_that_something_is_hidden() -> None:
    html = export(*shown(*page()))
    assert html.count(f"{ALT} [c] means hidden to protect privacy.</desc>") == 2


def test_nbconvert_knows_the_exporter(tmp_path: Path) -> None:
    nbformat.write(notebook(*shown(*page())), tmp_path / "elm.ipynb")
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "school_report", "elm.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "elm.html").read_text(encoding="utf-8") == export(*shown(*page()))
