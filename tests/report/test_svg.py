"""Inline SVG: one named image in the colours of the page, without waste."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from sro_research.report.charts import NARROW, WIDE, Bar, Panel, Row, answer_chart, interval_chart, trend_chart
from sro_research.report.page import HIDDEN, Cell
from sro_research.report.svg import THEMED, inline_svg

SHOWN = Cell("shown", n=40, estimate=0.625, low=0.512, high=0.731)
ROWS = [Row("Safety at school", SHOWN, SHOWN), Row("Trust", HIDDEN, SHOWN)]
INTERVALS = interval_chart(ROWS, ours="This school", others="Other schools", axis="People of 100", width=WIDE)
ANSWERS = answer_chart([Bar("Safe?", [0.1, 0.2, 0.7])], labels=["No", "Some", "Yes"], axis="People", width=NARROW)
CLIPPED = {
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": {"type": "point", "clip": True},
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}


def draw(specification: dict[str, object] = INTERVALS, uid: str = "f1w") -> etree._Element:
    text = inline_svg(specification, uid=uid, title="A & B", description="Two <rows> of dots.", css_class="chart wide")
    return etree.fromstring(text)


def texts(root: etree._Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter("{*}text")]


def test_the_image_is_named_by_title_and_description() -> None:
    root = draw()
    assert (root.get("role"), root.get("class")) == ("img", "chart wide")
    named = {child.get("id"): child.text for child in root[:2]}
    assert [named[name] for name in root.get("aria-labelledby").split()] == ["A & B", "Two <rows> of dots."]


@pytest.mark.parametrize("specification", [INTERVALS, ANSWERS, CLIPPED], ids=("intervals", "answers", "clipped"))
def test_identifiers_are_unique_and_lead_somewhere_on_a_page_with_two_charts(specification: dict[str, object]) -> None:
    charts = [draw(specification, uid) for uid in ("f1w", "f1n")]
    ids = [element.get("id") for chart in charts for element in chart.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for chart in charts:
        pointed = re.findall(r"url\(#([^)]+)\)", etree.tostring(chart, encoding="unicode"))
        assert set(pointed) <= set(ids)
        assert bool(pointed) == (specification is CLIPPED)


def test_a_clip_path_keeps_its_shape() -> None:
    assert [len(clip) for clip in draw(CLIPPED).iter("{*}clipPath")] == [1]


def test_marks_have_no_roles_or_labels_of_their_own() -> None:
    for element in list(draw().iter())[1:]:
        assert not [name for name in element.attrib if name.startswith("aria") or name in ("role", "pointer-events")]


@pytest.mark.parametrize("specification", [INTERVALS, ANSWERS], ids=("intervals", "answers"))
def test_every_colour_can_be_repainted_and_stays_for_print(specification: dict[str, object]) -> None:
    for element in list(draw(specification).iter()):
        for at in ("fill", "stroke"):
            color = element.get(at, "none")
            if color not in ("none", "transparent"):
                assert f"{at[0]}-{THEMED[color.lower()]}" in element.get("class").split()


def test_labels_are_all_there() -> None:
    shown = ["0", "100", "25", "50", "75", "Other schools", "People of 100", "Safety at school", "This school", "Trust"]
    assert sorted(texts(draw())) == sorted([*shown, "[c]"])


def test_nothing_is_kept_that_paints_nothing() -> None:
    root = draw()
    painted = [e for e in root.iter("{*}path", "{*}line", "{*}rect") if e.get("fill") or e.get("stroke")]
    assert len(painted) == len(list(root.iter("{*}path", "{*}line", "{*}rect")))
    assert all(len(group) and group.attrib for group in root.iter("{*}g"))
    assert root.get("font-size") == "14px"
    assert not [text for text in root.iter("{*}text") if text.get("font-family")]
    assert not re.search(r"\d\.\d\d", etree.tostring(root, encoding="unicode"))


def across(element: etree._Element) -> float:
    return float(re.match(r"translate\(([\d.]+)", element.get("transform", "translate(0")).group(1))


def test_dots_and_lines_are_where_the_numbers_are() -> None:
    root = draw(interval_chart([Row("Safety", SHOWN)], ours="", others="", axis="", width=WIDE))
    (dot,) = root.iterfind(".//{*}path[@class='f-ours']")
    (line,) = root.iterfind(".//{*}line[@class='s-ours']")
    hundred = max(across(tick) for tick in root.iterfind(".//{*}line[@y2='5']"))
    ends = across(line), across(line) + float(line.get("x2"))
    assert across(dot) / hundred == pytest.approx(0.62, abs=0.003)
    assert sorted(end / hundred for end in ends) == pytest.approx([0.51, 0.73], abs=0.003)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_line_has_a_gap_where_a_survey_is_hidden(width: int) -> None:
    panel = Panel("Safety", [SHOWN, HIDDEN, SHOWN, SHOWN])
    waves = ["2023", "2024", "2025", "2026"]
    root = draw(trend_chart([panel], waves=waves, ours="", others="", axis="", width=width))
    (line,) = root.iterfind(".//{*}path[@class='s-ours']")
    assert line.get("d").count("L") == 1  # from 2025 to 2026 only
    assert texts(root).count("[c]") == 1


def test_the_same_chart_is_the_same_bytes() -> None:
    assert etree.tostring(draw()) == etree.tostring(draw())


def test_a_title_cannot_smuggle_in_an_element() -> None:
    text = inline_svg(INTERVALS, uid="f", title="<script>x</script>", description="</desc><script>", css_class="chart")
    assert "<script" not in text
