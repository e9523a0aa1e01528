"""Three kinds of charts, each drawn for a wide and a narrow column.

Channels, axes and marks are Altair's, so that a wrong name is an error; they are put together by hand, because Altair
copies and checks a chart at every step, which took most of the time of a page (tests check them against its schema).

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
from altair.utils.schemapi import debug_mode

from sro_research.report.page import Cell
from sro_research.report.parts import HIDDEN_MARK, MARKS, NOT_AVAILABLE_MARK, ROWS

WIDE, NARROW = 736, 330
"""Pixels: the column of text on a desk, and that of a phone less its margins."""
INK, PAPER, GRID = "#1b1f24", "#fffffe", "#8a8f98"
OURS, OTHERS = "#0b4f9d", "#8f4e00"
ANSWERS = ("#8c2d04", "#b25a00", "#6b717b", "#3a76b0", "#08406f")
"""From the lowest answer to the highest; white numbers on each have a contrast of at least 4.5."""
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""vl-convert measures Liberation Sans, readers have Arial: the same widths, so no text grows out of its place."""
FONT_SIZE, LINE, CHARACTER = 14, 17, 6.8
"""Pixels: size of letters, height of a line, width of an average letter."""
GAP = 8
"""Pixels between a label and what it names."""
BAR, LEGEND_OFFSET = 24, 14
"""Pixels: height of a bar, and from the legend to the plot."""
_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE}
THEME: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "tickColor": INK,
        "domainColor": INK,
        "gridColor": GRID,
        "gridOpacity": 0.4,
        "titleFontWeight": "normal",
    },
    "legend": {**_TEXT, "symbolSize": 110, "symbolOpacity": 1},
    "header": _TEXT,
    "text": {"color": INK, "fontSize": FONT_SIZE},
    "facet": {"spacing": 24},
}
MARKED, DRAWN, BOUNDED = "datum.mark != ''", "datum.mark == ''", "isValid(datum.bound)"
"""Rows that carry a mark in the place of numbers, that carry numbers, and that carry one which is only a bound."""
LABEL_SHARE = 0.07
"""Slices below this share carry no number; the table below the chart has it."""

_unchecked = debug_mode(False)
"""Altair checks each part of a chart as it is built, which takes longer than the rest; tests check whole charts."""


@dataclass(frozen=True)
class Row:
    """A labelled figure and, if there is one, the figure it is compared with; estimates are shares (0-1)."""

    label: str
    ours: Cell
    others: Cell | None = None


@dataclass(frozen=True)
class Bar:
    """The shares (0-1) of the answers to one item, lowest code first; None where hidden.

    Where single answers are hidden but `lean` is not, it is the cell of the share above the middle.
    """

    label: str
    shares: list[float] | None
    lean: Cell | None = None


@dataclass(frozen=True)
class Panel:
    """Shares (0-1) by wave, ours and those they are compared with."""

    label: str
    ours: list[Cell]
    others: list[Cell] | None = None


@_unchecked
def interval_chart(rows: Sequence[Row], *, ours: str, others: str, axis: str, width: int) -> dict[str, Any]:
    """Draw people of 100 with their likely ranges, one line per row."""
    compared = any(row.others is not None for row in rows)
    names = [ours, others] if compared else [ours]
    records = [
        {"label": row.label, "who": name, **_position(cell)}
        for row in rows
        for name, cell in zip(names, (row.ours, row.others), strict=False)
        if cell is not None and (name == ours or cell.shown or cell.status != row.ours.status)  # One mark for both.
    ]
    labels, plot = [row.label for row in rows], _beside(width)
    side = {"yOffset": alt.YOffset("who:N", sort=names)} if compared else {}
    base = {"y": _labels(labels, _label_width(width)), **side}
    who = _who(names, plot)
    tooltip = [alt.Tooltip("label:N", title=" "), alt.Tooltip("who:N", title=" "), *_numbers_tooltip()]
    step = max(34 if compared else 28, _deepest(labels, _label_width(width)) * LINE + GAP)
    layers = [
        _layer(_range(), **base, x=_percent("low:Q", axis), x2=alt.X2("high:Q"), color=who["color"]),
        _layer(_dot(), **base, x=_percent("percent:Q", axis), tooltip=tooltip, **who),
        _layer(
            alt.MarkDef("text", align="left", dx=6),
            MARKED,
            **base,
            x=alt.XDatum(0),
            text=alt.Text("mark:N"),
            color=who["color"],
        ),
        *_bounds(
            records,
            alt.MarkDef("text", baseline="middle", align=_by_half("'right'", "'left'"), dx=_by_half("-8", "8")),
            **base,
            x=_percent("percent:Q", axis),
            color=who["color"],
        ),
    ]
    return _specification(records, layer=layers, width=plot, height={"step": step, "for": "position"})


@_unchecked
def answer_chart(bars: Sequence[Bar], *, labels: list[str], axis: str, width: int) -> dict[str, Any]:
    """Draw the answers to items as bars of 100 people, lowest answer at the left.

    Items are sentences: they stand beside the bars, or above them where there is no room.
    """
    records = [record for bar in bars for record in _segments(bar, labels)]
    questions, above = [bar.label for bar in bars], width == NARROW
    plot, space = (width - GAP, width - GAP) if above else (_beside(width), _label_width(width))
    depth = _deepest(questions, space) * LINE + GAP
    legend = _legend(labels, plot, offset=depth / 2 + GAP if above else LEGEND_OFFSET)
    base = {"y": _labels_above(questions, space) if above else _labels(questions, space)}
    colors = alt.Scale(domain=labels, range=_answer_colors(len(labels)))
    layers = [
        _layer(
            alt.MarkDef("bar", stroke=PAPER, strokeWidth=2, height=BAR),
            DRAWN,
            **base,
            x=_percent("from:Q", axis, grid=not above),
            x2=alt.X2("to:Q"),
            color=alt.Color("answer:N", scale=colors, legend=legend),
        ),
        _layer(alt.MarkDef("text", color=PAPER), DRAWN, **base, x=alt.X("middle:Q"), text=alt.Text("number:N")),
        _layer(
            alt.MarkDef("text", align="left", dx=6, color=INK),
            MARKED,
            **base,
            x=alt.XDatum(0),
            text=alt.Text("mark:N"),
        ),
    ]
    return _specification(
        records, layer=layers, width=plot, height={"step": depth + BAR + GAP if above else max(36, depth)}
    )


def _segments(bar: Bar, labels: list[str]) -> list[dict[str, Any]]:
    """Return the parts of a bar: one for each answer, two where only the lean is known, or the mark."""
    shares, inner = bar.shares, [(len(labels) - 1) // 2, len(labels) // 2 + len(labels) % 2]
    if shares is None and bar.lean is not None and bar.lean.shown and bar.lean.estimate is not None:
        shares = [0.0] * len(labels)
        shares[inner[0]], shares[inner[1]] = 1 - bar.lean.estimate, bar.lean.estimate
    if shares is None:
        return [{"label": bar.label, "mark": HIDDEN_MARK}]
    records, start = [], 0.0
    for label, share in zip(labels, shares, strict=True):
        place = {"from": start, "to": start + share, "middle": start + share / 2}
        start += share
        if round(100 * share):
            record = {"label": bar.label, "answer": label, "mark": ""}
            sign = ("≤" if share < 0.5 else "≥") if bar.shares is None and bar.lean and bar.lean.coded else ""
            record["number"] = f"{sign}{100 * share:.0f}" if share >= LABEL_SHARE else ""
            records.append(record | {name: round(100 * at) for name, at in place.items()})
    return records


@_unchecked
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
    plot = (width - 38) / columns - 24 * (columns - 1) / columns
    wave = alt.X(
        "wave:N",
        sort=waves,
        axis=alt.Axis(title=None, labelAngle=0, labelExpr=_lines(waves, plot / len(waves) - GAP), labelLimit=0),
    )
    who = _who(names, width)
    # Side by side, so that ranges do not cover each other, but close enough to belong to one wave.
    side = {"xOffset": alt.XOffset("who:N", sort=names, scale=alt.Scale(paddingOuter=1))} if compared else {}
    base = {"x": wave, **side}
    whole = alt.Scale(domain=[0, 100])
    value = alt.Y("percent:Q", scale=whole, axis=alt.Axis(title=None, values=[0, 50, 100], format="d"))
    layers = [
        _layer(_range(), **base, y=alt.Y("low:Q", scale=whole), y2=alt.Y2("high:Q"), color=who["color"]),
        _layer(alt.MarkDef("line", strokeWidth=2), **base, y=value, color=who["color"]),
        _layer(
            _dot(),
            **base,
            y=value,
            tooltip=[alt.Tooltip("wave:N"), alt.Tooltip("who:N"), *_numbers_tooltip()],
            **who,
        ),
        _layer(
            alt.MarkDef("text", baseline="bottom"),
            MARKED,
            **base,
            y=alt.YDatum(2),
            text=alt.Text("mark:N"),
            color=who["color"],
        ),
        *_bounds(
            records,
            alt.MarkDef("text", baseline=_by_half("'top'", "'bottom'"), dy=_by_half("8", "-8")),
            **base,
            y=value,
            color=who["color"],
        ),
    ]
    titles = [panel.label for panel in panels]
    header = alt.Header(
        title=None,
        labelExpr=_lines(titles, plot),
        labelLimit=0,
        labelAnchor="start",
        labelFontWeight="bold",
    )
    title = alt.Title(axis, anchor="start", fontWeight="normal", fontSize=FONT_SIZE, color=INK, offset=2 * GAP)
    return _specification(
        records,
        title=_plain(title),
        facet=_plain(alt.Facet("panel:N", sort=titles, header=header)),
        columns=columns,
        spec={"layer": layers, "width": plot, "height": 120},
        resolve={"axis": {"x": "independent"}},
    )


def _layer(mark: alt.MarkDef, rows: str = "", **channels: Any) -> dict[str, Any]:
    """Return one layer of a chart; `rows` is the condition that its rows meet."""
    encoding = {name: _plain(channel) for name, channel in channels.items()}
    layer = {"mark": _plain(mark), "encoding": encoding}
    return {**layer, "transform": [{"filter": rows}]} if rows else layer


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.to_dict(validate=False, context={})


def _bounds(records: list[dict[str, Any]], mark: alt.MarkDef, **channels: Any) -> list[dict[str, Any]]:
    """Return the layer that writes "≥80" beside a mark which only stands for so many or more, if there is one."""
    return [_layer(mark, BOUNDED, **channels, text=alt.Text("bound:N"))] if any("bound" in r for r in records) else []


def _by_half(high: str, low: str) -> alt.ExprRef:
    """Choose by which half of the scale a mark stands in: where there is room for what is written beside it."""
    return alt.ExprRef(f"datum.percent > 50 ? {high} : {low}")


def _range() -> alt.MarkDef:
    return alt.MarkDef("rule", strokeWidth=2)


def _dot() -> alt.MarkDef:
    return alt.MarkDef("point", filled=True, size=90, opacity=1)


def _position(cell: Cell) -> dict[str, Any]:
    if not cell.shown or cell.estimate is None:
        return {"mark": MARKS.get(cell.status, NOT_AVAILABLE_MARK)}
    # Rounded as the page prints it: a chart must not tell more than its table.
    known = {"percent": cell.estimate, "low": cell.low, "high": cell.high}
    place = {name: round(100 * share) for name, share in known.items() if share is not None}
    bound = {"bound": f"{'≤' if cell.estimate < 0.5 else '≥'}{place['percent']}"} if cell.coded else {}
    return {**place, **bound, "mark": ""}


def _percent(field: str, title: str, *, grid: bool = True) -> alt.X:
    axis = alt.Axis(
        title=title, values=[0, 25, 50, 75, 100], format="d", titleAnchor="start", titleAlign="left", grid=grid
    )
    return alt.X(field, scale=alt.Scale(domain=[0, 100]), axis=axis)


def _numbers_tooltip() -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format="d") for name in ("percent", "low", "high")]


def _label_width(width: int) -> int:
    return 250 if width == WIDE else 132


def _beside(width: int) -> int:
    """Return the pixels that labels leave to the plot; half of the last number stands out at the right."""
    return width - _label_width(width) - GAP - 8


def _labels(labels: list[str], space: int) -> alt.Y:
    """Return an axis with its labels at the left, their middle line at the height of what they name."""
    lifts = {label: (1 - len(_wrap(label, space))) * LINE / 2 for label in labels}
    return _label_axis(labels, space, lifts, labelPadding=GAP, minExtent=space, maxExtent=space)


def _labels_above(labels: list[str], space: int) -> alt.Y:
    """Return an axis whose labels end just above the bars they name."""
    lifts = {label: -BAR / 2 - GAP - (len(_wrap(label, space)) - 0.5) * LINE + LINE / 2 for label in labels}
    return _label_axis(labels, space, lifts, labelAlign="left", labelPadding=0, minExtent=0, maxExtent=0)


def _label_axis(labels: list[str], space: int, lifts: dict[str, float], **placed: Any) -> alt.Y:
    axis = alt.Axis(
        title=None,
        labelExpr=_lines(labels, space),
        labelOffset=alt.ExprRef(_by_label(lifts)),
        labelLimit=0,
        labelLineHeight=LINE,
        ticks=False,
        domain=False,
        **placed,
    )
    return alt.Y("label:N", sort=labels, axis=axis)


def _lines(labels: list[str], space: float) -> str:
    """Return a Vega expression that breaks known labels into lines of a width in pixels."""
    return _by_label({label: _wrap(label, space) for label in labels})


def _by_label(values: dict[str, Any]) -> str:
    return f"{json.dumps(values)}[datum.label]"


def _wrap(text: str, space: float) -> list[str]:
    return textwrap.wrap(text, int(space / CHARACTER)) or [""]


def _deepest(labels: list[str], space: float) -> int:
    return max(len(_wrap(label, space)) for label in labels)


def _who(names: list[str], space: float) -> dict[str, Any]:
    """Tell us from the others by colour and by shape."""
    legend = _legend(names, space)
    return {
        "color": alt.Color("who:N", scale=alt.Scale(domain=names, range=[OURS, OTHERS][: len(names)]), legend=legend),
        "shape": alt.Shape(
            "who:N", scale=alt.Scale(domain=names, range=["circle", "diamond"][: len(names)]), legend=legend
        ),
    }


def _legend(names: list[str], space: float, *, offset: float = LEGEND_OFFSET) -> alt.Legend | None:
    """Return a legend above the plot, in one row if it fits; none where there is nothing to tell apart."""
    if len(names) < 2:
        return None
    symbol = 30
    fits = sum(CHARACTER * len(name) + symbol for name in names) <= space
    columns = len(names) if fits else max(1, min(2, int(space / (CHARACTER * max(map(len, names)) + symbol))))
    return alt.Legend(title=None, orient="top", direction="horizontal", labelLimit=0, columns=columns, offset=offset)


def _answer_colors(count: int) -> list[str]:
    return (
        [ANSWERS[round(i * (len(ANSWERS) - 1) / (count - 1))] for i in range(count)]
        if count != 4
        else [ANSWERS[i] for i in (0, 1, 3, 4)]
    )


def _specification(rows: list[dict[str, Any]], **parts: Any) -> dict[str, Any]:
    """Return the Vega-Lite specification with its rows: those of the page's table, and nothing else of any table."""
    return {"$schema": alt.SCHEMA_URL, "data": {"name": ROWS}, **parts, "config": THEME, "datasets": {ROWS: rows}}
