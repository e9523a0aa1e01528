"""Three kinds of charts, each drawn for a wide and a narrow column.

Labels are sentences in two languages: they are wrapped here, because a chart library cuts what does not fit. Colours
are the tokens of the theme; the published page repaints them for light and dark.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from sro_research.report.page import Cell
from sro_research.report.parts import HIDDEN_MARK, NOT_AVAILABLE_MARK

WIDE, NARROW = 690, 330
INK, PAPER, GRID = "#1b1f24", "#fffffe", "#8a8f98"
OURS, OTHERS = "#0b4f9d", "#8f4e00"
ANSWERS = ("#8c2d04", "#b25a00", "#6b717b", "#3a76b0", "#08406f")
"""From the lowest answer to the highest; white numbers on each have a contrast of at least 4.5."""
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""vl-convert measures Liberation Sans, readers have Arial: the same widths, so no text grows out of its place."""
FONT_SIZE, LINE, CHARACTER = 14, 17, 7.3
"""Pixels: size of letters, height of a line, width of an average letter."""
ROWS = "rows"
_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE}
THEME: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "tickColor": INK,
        "domainColor": INK,
        "gridColor": GRID,
        "gridOpacity": 0.4,
        "titleFontWeight": "normal",
    },
    "legend": {**_TEXT, "symbolSize": 110},
    "header": _TEXT,
    "text": {"color": INK, "fontSize": FONT_SIZE},
    "facet": {"spacing": 24},
}
LABEL_SHARE = 0.07
"""Slices below this share carry no number; the table below the chart has it."""


@dataclass(frozen=True)
class Row:
    """A labelled figure and, if there is one, the figure it is compared with; estimates are shares (0-1)."""

    label: str
    ours: Cell
    others: Cell | None = None


@dataclass(frozen=True)
class Bar:
    """The shares (0-1) of the answers to one item, lowest code first; None where hidden."""

    label: str
    shares: list[float] | None


@dataclass(frozen=True)
class Panel:
    """Shares (0-1) by wave, ours and those they are compared with."""

    label: str
    ours: list[Cell]
    others: list[Cell] | None = None


def interval_chart(rows: Sequence[Row], *, ours: str, others: str, axis: str, width: int) -> dict[str, Any]:
    """Draw people of 100 with their likely ranges, one line per row."""
    compared = any(row.others is not None for row in rows)
    names = [ours, others] if compared else [ours]
    records = [
        {"label": row.label, "who": name, **_position(cell)}
        for row in rows
        for name, cell in zip(names, (row.ours, row.others), strict=False)
        if cell is not None
    ]
    base = _rows().encode(
        y=_labels([row.label for row in rows], width),
        **({"yOffset": alt.YOffset("who:N", sort=names)} if compared else {}),
    )
    who = {
        "color": _legend(names, [OURS, OTHERS], "color"),
        "shape": _legend(names, ["circle", "diamond"], "shape"),
    }
    tooltip = [alt.Tooltip("label:N", title=" "), alt.Tooltip("who:N", title=" "), *_numbers_tooltip()]
    step = max(20 if compared else 30, _deepest([r.label for r in rows], width) / (2 if compared else 1))
    return _specification(
        alt.layer(
            base.mark_rule(strokeWidth=3, opacity=0.6).encode(
                x=_percent("low:Q", axis), x2="high:Q", color=who["color"]
            ),
            base.mark_point(filled=True, size=90, opacity=1).encode(
                x=_percent("percent:Q", axis), tooltip=tooltip, **who
            ),
            base.mark_text(align="left", dx=6)
            .encode(x=alt.datum(0), text="mark:N", color=who["color"])
            .transform_filter("datum.mark != ''"),
        ).properties(width=_beside_labels(width), height=alt.Step(step)),
        records,
    )


def answer_chart(bars: Sequence[Bar], *, labels: list[str], axis: str, width: int) -> dict[str, Any]:
    """Draw the answers to items as bars of 100 people, lowest answer at the left."""
    records = []
    for bar in bars:
        start = 0.0
        for label, share in zip(labels, bar.shares or [], strict=False):
            number = f"{100 * share:.0f}" if share >= LABEL_SHARE else ""
            records.append(
                {
                    "label": bar.label,
                    "answer": label,
                    "from": round(100 * start),
                    "to": round(100 * (start + share)),
                    "middle": round(100 * (start + share / 2)),
                    "number": number,
                    "mark": "",
                }
            )
            start += share
        if bar.shares is None:
            records.append({"label": bar.label, "mark": HIDDEN_MARK})
    base = _rows().encode(y=_labels([bar.label for bar in bars], width))
    drawn = base.transform_filter("datum.mark == ''")
    return _specification(
        alt.layer(
            drawn.mark_bar(stroke=PAPER, strokeWidth=2, height=24).encode(
                x=_percent("from:Q", axis),
                x2="to:Q",
                color=_legend(labels, _answer_colors(len(labels)), "color", width),
            ),
            drawn.mark_text(color=PAPER).encode(x="middle:Q", text="number:N"),
            base.mark_text(align="left", dx=6, color=INK)
            .encode(x=alt.datum(0), text="mark:N")
            .transform_filter("datum.mark != ''"),
        ).properties(width=_beside_labels(width), height=alt.Step(max(36, _deepest([b.label for b in bars], width)))),
        records,
    )


def trend_chart(
    panels: Sequence[Panel], *, waves: list[str], ours: str, others: str, axis: str, width: int
) -> dict[str, Any]:
    """Draw people of 100 over the waves, one panel per construct, with their likely ranges."""
    compared = any(panel.others for panel in panels)
    names = [ours, others] if compared else [ours]
    records = [
        {"panel": panel.label, "who": name, "wave": wave, **_position(cell)}
        for panel in panels
        for name, cells in zip(names, (panel.ours, panel.others), strict=False)
        for wave, cell in zip(waves, cells or [], strict=False)
    ]
    columns = 1 if width == NARROW else 2
    plot = width / columns - 60
    wave = alt.X(
        "wave:N",
        sort=waves,
        axis=alt.Axis(title=None, labelAngle=0, labelExpr=_label_lines(waves, plot / len(waves)), labelLimit=0),
    )
    who = {
        "color": _legend(names, [OURS, OTHERS], "color"),
        "shape": _legend(names, ["circle", "diamond"], "shape"),
    }
    side = {"xOffset": alt.XOffset("who:N", sort=names)} if compared else {}
    base = alt.Chart().encode(x=wave, **side)
    value = alt.Y(
        "percent:Q",
        scale=alt.Scale(domain=[0, 100]),
        axis=alt.Axis(title=None, values=[0, 50, 100], format="d"),
    )
    layered = alt.layer(
        base.mark_rule(strokeWidth=3, opacity=0.6).encode(
            y=alt.Y("low:Q", scale=alt.Scale(domain=[0, 100])), y2="high:Q", color=who["color"]
        ),
        base.mark_line(strokeWidth=2).encode(y=value, color=who["color"]),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            y=value, tooltip=["wave:N", "who:N", *_numbers_tooltip()], **who
        ),
        base.mark_text(baseline="bottom")
        .encode(y=alt.datum(2), text="mark:N", color=who["color"])
        .transform_filter("datum.mark != ''"),
        data=alt.NamedData(name=ROWS),
    ).properties(width=plot, height=120)
    titles = [panel.label for panel in panels]
    header = alt.Header(
        title=None,
        labelExpr=_label_lines(titles, plot),
        labelLimit=0,
        labelAnchor="start",
        labelFontWeight="bold",
    )
    chart = layered.facet(facet=alt.Facet("panel:N", sort=titles, header=header), columns=columns)
    title = alt.Title(axis, anchor="start", fontWeight="normal", fontSize=FONT_SIZE, color=INK)
    return _specification(chart.resolve_axis(x="independent").properties(title=title), records)


def _rows() -> alt.Chart:
    """Return a chart of rows that are put into the specification at the end, not copied with every step."""
    return alt.Chart(alt.NamedData(name=ROWS))


def _position(cell: Cell) -> dict[str, Any]:
    if not cell.shown or cell.estimate is None:
        return {"mark": HIDDEN_MARK if cell.status == "hidden" else NOT_AVAILABLE_MARK}
    low = cell.estimate if cell.low is None else cell.low
    high = cell.estimate if cell.high is None else cell.high
    # Rounded as the page prints it: a chart must not tell more than its table.
    return {
        "percent": round(100 * cell.estimate),
        "low": round(100 * low),
        "high": round(100 * high),
        "mark": "",
    }


def _percent(field: str, title: str) -> alt.X:
    axis = alt.Axis(title=title, values=[0, 25, 50, 75, 100], format="d", titleAnchor="start", titleAlign="left")
    return alt.X(field, scale=alt.Scale(domain=[0, 100]), axis=axis)


def _numbers_tooltip() -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format="d") for name in ("percent", "low", "high")]


def _label_width(width: int) -> int:
    return 250 if width == WIDE else 132


def _labels(labels: list[str], width: int) -> alt.Y:
    space = _label_width(width)
    axis = alt.Axis(
        title=None,
        labelExpr=_label_lines(labels, space),
        labelLimit=0,
        labelLineHeight=LINE,
        labelPadding=8,
        ticks=False,
        domain=False,
        minExtent=space,
        maxExtent=space,
    )
    return alt.Y("label:N", sort=labels, axis=axis)


def _label_lines(labels: list[str], space: float) -> str:
    """Return a Vega expression that breaks known labels into lines of a width in pixels."""
    cases = [
        f"datum.label == {json.dumps(text)} ? {json.dumps(_wrap(text, int(space / CHARACTER)))}"
        for text in dict.fromkeys(labels)
    ]
    return " : ".join([*cases, "datum.label"])


def _wrap(text: str, letters: int) -> list[str]:
    return textwrap.wrap(text, letters) or [""]


def _deepest(labels: list[str], width: int) -> int:
    letters = int(_label_width(width) / CHARACTER)
    return max(len(_wrap(label, letters)) for label in labels) * LINE + 10


def _legend(names: list[str], values: Sequence[str], channel: str, width: int = WIDE) -> Any:
    columns = (
        1
        if width == NARROW and len(names) > 2
        else max(1, min(len(names), int(width / (CHARACTER * max(map(len, names)) + 40))))
    )
    legend = (
        alt.Legend(title=None, orient="top", direction="horizontal", labelLimit=0, columns=columns)
        if len(names) > 1
        else None
    )
    scale = alt.Scale(domain=names, range=list(values)[: len(names)])
    field = "answer:N" if len(values) == len(names) and channel == "color" and values[0] in ANSWERS else "who:N"
    return (alt.Color if channel == "color" else alt.Shape)(field, scale=scale, legend=legend)


def _answer_colors(count: int) -> list[str]:
    return (
        [ANSWERS[round(i * (len(ANSWERS) - 1) / (count - 1))] for i in range(count)]
        if count != 4
        else [ANSWERS[i] for i in (0, 1, 3, 4)]
    )


def _beside_labels(width: int) -> int:
    return width - _label_width(width) - 30


def _specification(chart: alt.TopLevelMixin, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the Vega-Lite specification with its rows: those of the page's table, and nothing else of any table."""
    return {**chart.to_dict(validate=False), "config": THEME, "datasets": {ROWS: rows}}
