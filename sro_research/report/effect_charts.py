"""Charts of effects for those who run a study: in notebooks, not on the published pages.

They are drawn here, as pictures, because a notebook that draws its charts when it is opened needs a network.
"""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
from IPython.display import SVG

from sro_research.report.drawing import draw

BAND, LINE, MISSED = "#8a8f98", "#0b4f9d", "#8f4e00"
WIDTH, ROW, HEIGHT = 560, 26, 260
"""Pixels: the width of a chart, the height of a row, and of a chart without rows."""


def effects_chart(rows: pd.DataFrame, *, label: str, title: str, smallest: float) -> SVG:
    """Draw effects with their intervals (`label`, `estimate`, `conf_low`, `conf_high`); grey: too small to matter."""
    known = rows.dropna(subset=["estimate"])[[label, "estimate", "conf_low", "conf_high"]]
    known = known.astype(dict.fromkeys(("estimate", "conf_low", "conf_high"), float))
    known[label] = known[label].str.replace("_", " ")
    y = alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(labelLimit=320))
    base = alt.Chart(known)
    chart = alt.layer(
        _band(smallest, "x"),
        base.mark_rule(color=LINE, strokeWidth=2).encode(y=y, x=alt.X("conf_low:Q", title=title), x2="conf_high:Q"),
        base.mark_point(color=LINE, filled=True, size=70).encode(y=y, x="estimate:Q"),
    )
    return _drawn(chart.properties(width=WIDTH, height=ROW * max(len(known), 1)))


def curve_chart(curve: pd.DataFrame, *, title: str, smallest: float) -> SVG:
    """Draw all specifications from the lowest estimate to the highest; grey: too small to matter."""
    known = curve.dropna(subset=["estimate"]).sort_values("estimate", ignore_index=True)
    known = known[["estimate", "conf_low", "conf_high"]].assign(specification=range(1, len(known) + 1))
    known = known.assign(zero=(known["conf_low"].le(0) & known["conf_high"].ge(0)).map({True: "yes", False: "no"}))
    base = alt.Chart(known).encode(
        x=alt.X("specification:Q", title="specification"),
        color=alt.Color(
            "zero:N", title="interval has zero in it", scale=alt.Scale(domain=["no", "yes"], range=[LINE, MISSED])
        ),
    )
    chart = alt.layer(
        _band(smallest, "y"),
        base.mark_rule(opacity=0.35).encode(y=alt.Y("conf_low:Q", title=title), y2="conf_high:Q"),
        base.mark_point(filled=True, size=22).encode(y="estimate:Q"),
    )
    return _drawn(chart.properties(width=WIDTH, height=HEIGHT))


def _drawn(chart: alt.LayerChart) -> SVG:
    return SVG(draw(json.dumps(chart.to_dict())))


def _band(smallest: float, axis: str) -> alt.Chart:
    table = pd.DataFrame({"from": [-smallest], "to": [smallest]})
    area = alt.Chart(table).mark_rect(color=BAND, opacity=0.25)
    if axis == "x":
        return area.encode(x=alt.X("from:Q"), x2="to:Q")
    return area.encode(y=alt.Y("from:Q"), y2="to:Q")
