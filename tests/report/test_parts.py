"""Parts go through a notebook in all languages, interactive in JupyterLab and without HTML for charts."""

from __future__ import annotations

from typing import Any

import pytest

from sro_research.errors import ReportError
from sro_research.report.parts import (
    PART_MIME,
    SHORTEST_ALT,
    VEGALITE_MIME,
    Bullets,
    Card,
    Cards,
    Figure,
    Head,
    Heading,
    Multilingual,
    Paragraph,
    Part,
    Table,
    preview,
)

ALT = "Dots on a scale of 0 to 100. Most agree on: Safety, 62 of 100."
TABLE = Table("Trust", ["Group", "Of 100"], [["Girls", "62"], ["Boys", "[c]"]], [False, True])
HOSTILE = "<script>alert(1)</script>"
OTHERS: list[Part] = [
    Head(HOSTILE, HOSTILE, HOSTILE, [HOSTILE], HOSTILE),
    Heading(HOSTILE),
    Paragraph(HOSTILE),
    Bullets([HOSTILE]),
    Cards([Card(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)]),
    Table(HOSTILE, [HOSTILE], [[HOSTILE]], [False]),
]


def figure(title: str = "How many trust the officer", alt: str = ALT) -> Figure:
    return Figure(title, alt, wide={"mark": "wide"}, narrow={"mark": "narrow"}, table=TABLE)


def bundle(**parts: Part) -> dict[str, Any]:
    return Multilingual(parts)._repr_mimebundle_(include=None, exclude=None)  # type: ignore[arg-type]


def test_a_figure_is_an_interactive_chart_in_jupyterlab() -> None:
    shown = bundle(en=figure(), es=figure("Cuántos confían"))
    assert set(shown) == {PART_MIME, VEGALITE_MIME, "text/plain"}  # JupyterLab would prefer text/html to the chart
    assert shown[VEGALITE_MIME]["$schema"].startswith("https://vega.github.io/schema/vega-lite/v5.")
    assert (shown[VEGALITE_MIME]["mark"], shown[VEGALITE_MIME]["description"]) == ("wide", ALT)
    assert [part["title"] for part in shown[PART_MIME].values()] == ["How many trust the officer", "Cuántos confían"]


def test_the_part_of_a_figure_has_both_widths_and_its_table() -> None:
    part = bundle(en=figure())[PART_MIME]["en"]
    assert (part["kind"], part["wide"], part["narrow"]) == ("figure", {"mark": "wide"}, {"mark": "narrow"})
    assert part["table"]["rows"] == TABLE.rows


@pytest.mark.parametrize("part", OTHERS, ids=lambda part: part.kind)
def test_other_parts_are_previewed_as_escaped_html(part: Part) -> None:
    shown = bundle(en=part)
    assert set(shown) == {PART_MIME, "text/html", "text/plain"}
    assert shown[PART_MIME]["en"]["kind"] == part.kind
    assert "<script" not in preview(part)
    assert "&lt;script" in preview(part)


def test_an_unknown_part_has_no_preview() -> None:
    with pytest.raises(TypeError, match="Figure has no preview"):
        preview(figure())


@pytest.mark.parametrize("alt", ["", "A chart.", "x" * (SHORTEST_ALT - 1)])
def test_a_figure_without_a_description_is_refused(alt: str) -> None:
    with pytest.raises(ReportError, match="does not say what the chart shows"):
        figure(alt=alt)


def test_a_figure_described_by_its_title_is_refused() -> None:
    with pytest.raises(ReportError, match="does not say what the chart shows"):
        figure(title=ALT, alt=ALT)
