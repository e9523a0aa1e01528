"""Charts are valid specifications that hold what their tables hold and nothing that is hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import altair as alt
import pytest

from sro_research.report.charts import (
    NARROW,
    ROWS,
    WIDE,
    Bar,
    Panel,
    Row,
    answer_chart,
    interval_chart,
    trend_chart,
)
from sro_research.report.page import HIDDEN, Cell

SHOWN = Cell("shown", n=40, estimate=0.625, low=0.512, high=0.731)
WITHOUT_RANGE = Cell("shown", n=900, estimate=0.4)
SECRET = Cell("hidden", n=4, estimate=0.77, low=0.66, high=0.88)
"""A hidden cell that, by mistake, still carries its numbers."""
MISSING = Cell("not_estimable", n=4, estimate=0.77)
WORDS = {"ours": "This school", "others": "Other schools", "axis": "People of 100"}

intervals = partial(interval_chart, **WORDS)
answers = partial(answer_chart, labels=["Never", "Sometimes", "Often", "Always"], axis="People of 100")
trends = partial(trend_chart, waves=["Spring 2025", "Spring 2026"], **WORDS)
CHARTS = {
    "compared": partial(
        intervals, [Row("Safety", SHOWN, WITHOUT_RANGE), Row("Trust", SECRET, SHOWN), Row("Fair", MISSING, HIDDEN)]
    ),
    "alone": partial(intervals, [Row("Girl", SHOWN), Row("Another gender", SECRET)]),
    "answers": partial(answers, [Bar('I feel "safe" at school.', [0.02, 0.148, 0.5, 0.332]), Bar("Hidden.", None)]),
    "trends": partial(trends, [Panel("Safety", [SHOWN, SECRET], [WITHOUT_RANGE, SHOWN]), Panel("Trust", [HIDDEN] * 2)]),
    "nothing": partial(intervals, [Row("Safety", HIDDEN), Row("Trust", HIDDEN)]),
}
Chart = Callable[..., dict[str, Any]]
every_chart = pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
both_widths = pytest.mark.parametrize("width", [WIDE, NARROW])


def drawn(chart: Chart, **wanted: str) -> list[dict[str, Any]]:
    rows = chart(width=WIDE)["datasets"][ROWS]
    return [row for row in rows if wanted.items() <= row.items()]


@every_chart
@both_widths
def test_charts_are_valid_specifications(chart: Chart, width: int) -> None:
    alt.Chart.from_dict(chart(width=width), validate=True)


@every_chart
@both_widths
def test_the_same_input_gives_the_same_bytes(chart: Chart, width: int) -> None:
    assert json.dumps(chart(width=width)) == json.dumps(chart(width=width))


@every_chart
@both_widths
def test_no_hidden_number_reaches_a_chart(chart: Chart, width: int) -> None:
    text = json.dumps(chart(width=width)["datasets"])
    assert not any(digits in text for digits in ("77", "66", "88", ": 4,"))


@every_chart
def test_a_cell_without_numbers_is_a_mark_and_nothing_else(chart: Chart) -> None:
    marked = [row for row in drawn(chart) if row["mark"]]
    assert marked
    for row in marked:
        assert not [value for value in row.values() if not isinstance(value, str)]


def test_hidden_and_not_available_are_told_apart() -> None:
    assert [row["mark"] for row in drawn(CHARTS["compared"])] == ["", "", "[c]", "", "[x]", "[c]"]


def test_positions_are_rounded_as_the_page_prints_them() -> None:
    assert drawn(CHARTS["alone"], label="Girl") == [
        {"label": "Girl", "who": "This school", "percent": 62, "low": 51, "high": 73, "mark": ""}
    ]


def test_an_estimate_without_a_range_gets_no_line() -> None:
    (others,) = drawn(CHARTS["compared"], label="Safety", who="Other schools")
    assert others.keys() == {"label", "who", "percent", "mark"}


def test_bars_lie_end_to_end_and_small_parts_carry_no_number() -> None:
    bars = drawn(CHARTS["answers"], mark="")
    assert [(bar["from"], bar["to"], bar["number"]) for bar in bars] == [
        (0, 2, ""),
        (2, 17, "15"),
        (17, 67, "50"),
        (67, 100, "33"),
    ]


def test_an_answer_that_nobody_gave_is_no_bar() -> None:
    chart = partial(answers, [Bar("Safe?", [0.0, 0.5, 0.5, 0.0])])
    assert [bar["answer"] for bar in drawn(chart)] == ["Sometimes", "Often"]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7])
def test_answers_keep_their_order_and_their_colours_apart(count: int) -> None:
    labels = [f"Answer {i}" for i in range(count)]
    chart = answer_chart([Bar("Safe?", [1 / count] * count)], labels=labels, axis="", width=WIDE)
    scale = chart["layer"][0]["encoding"]["color"]["scale"]
    assert scale["domain"] == labels
    assert len(scale["range"]) == count
    assert len(set(scale["range"])) == min(count, 5)


def test_there_is_a_legend_only_where_there_is_something_to_tell_apart() -> None:
    def legend(chart: Chart) -> object:
        return chart(width=WIDE)["layer"][1]["encoding"]["color"]["legend"]

    assert legend(CHARTS["alone"]) is None
    assert legend(CHARTS["compared"]) is not None
