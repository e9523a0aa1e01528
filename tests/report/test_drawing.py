"""Charts drawn: as vl-convert draws them, the same in any process, and without one that has died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client
from pathlib import Path

import psutil
import pytest
import vl_convert
from test_svg import ANSWERS, CLIPPED, INTERVALS

from sro_research.errors import ReportError
from sro_research.report.charts import NARROW, WIDE, Panel, Row, interval_chart, trend_chart
from sro_research.report.drawing import RENDERER, Renderer, draw
from sro_research.report.page import Cell

SPANISH = Row("Año: ¿se sienten seguros los niños en la escuela?", Cell("shown", n=40, estimate=0.4, low=0.3, high=0.5))
TREND = trend_chart(
    [Panel("Trato justo — «siempre»", [SPANISH.ours, SPANISH.ours])],
    waves=["Otoño 2024", "Otoño 2025"],
    ours="Esta escuela",
    others="Otras escuelas",
    axis="Personas de cada 100",
    width=WIDE,
)
HEADINGS = trend_chart(
    [
        Panel(
            "¿Con qué frecuencia intervienen WWW los agentes en asuntos de disciplina de la escuela? " * 2,
            [SPANISH.ours],
        )
    ],
    waves=["Otoño 2024"],
    ours="Esta escuela",
    others="Otras escuelas",
    axis="Personas de cada 100",
    width=300,
)
"""Its heading, in bold, is wider than all else."""
BOUND = Cell("coded", n=11, estimate=0.8)
BOUNDS = interval_chart(
    [Row("Seguridad", BOUND, SPANISH.ours)], ours="Esta", others="Otras", axis="De 100", width=NARROW
)
MADE_OF = {
    "headings": HEADINGS,
    "bounds": BOUNDS,
    "intervals": INTERVALS,
    "answers": ANSWERS,
    "trend": TREND,
    "clipped": CLIPPED,
}


@pytest.fixture(autouse=True)
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    draw.cache_clear()
    monkeypatch.delenv(RENDERER, raising=False)


def answering(renderer: Renderer) -> Renderer:
    until = time.monotonic() + 60
    while not Path(renderer.address).exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return renderer


@pytest.mark.parametrize("name", MADE_OF)
def test_a_chart_is_to_the_byte_what_vl_convert_draws(name: str) -> None:
    specification = json.dumps(MADE_OF[name], ensure_ascii=False)
    theirs = vl_convert.vegalite_to_svg(specification)
    assert draw(specification) == theirs
    draw.cache_clear()
    assert draw(specification) == theirs, "drawn with what was kept of the first time"


def test_what_is_only_a_bound_is_written_beside_its_mark() -> None:
    trends = trend_chart(
        [Panel("Seguridad", [BOUND, SPANISH.ours])], waves=["2024", "2025"], ours="Esta", others="", axis="", width=WIDE
    )
    for chart in (BOUNDS, trends):
        assert draw(json.dumps(chart)).count(">≥80<") == 1
    assert "≥" not in draw(json.dumps(TREND)) and "≤" not in draw(json.dumps(INTERVALS))


def test_other_rows_of_the_same_chart_are_drawn_anew() -> None:
    changed = json.loads(json.dumps(INTERVALS).replace("Safety at school", "Something else"))
    drawn = [draw(json.dumps(chart)) for chart in (INTERVALS, changed)]
    assert [("Something else" in svg, "Safety at school" in svg) for svg in drawn] == [(False, True), (True, False)]


def test_what_cannot_be_drawn_is_an_error_of_ours() -> None:
    with pytest.raises(ReportError, match="it cannot be drawn"):
        draw('{"mark": "a", "data": {"values": []}, "encoding": {"x": {"field": 1, "type": "nominal"}}}')
    with pytest.raises(ReportError, match="it cannot be drawn"):
        draw("{")
    assert draw(json.dumps(INTERVALS)).startswith("<svg"), "the engine has to live on"


def test_a_renderer_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {name: draw(json.dumps(chart)) for name, chart in MADE_OF.items()}
    draw.cache_clear()
    with answering(Renderer()) as renderer:
        monkeypatch.setenv(RENDERER, renderer.address)
        before = psutil.Process(renderer.process.pid).cpu_times().user
        for name, chart in MADE_OF.items():
            assert draw(json.dumps(chart)) == here[name]
        assert psutil.Process(renderer.process.pid).cpu_times().user > before, "nothing was drawn there"
        with pytest.raises(ReportError):
            draw("{")
        draw.cache_clear()
        os.kill(renderer.process.pid, signal.SIGKILL)
        renderer.process.wait()
        assert draw(json.dumps(INTERVALS)) == here["intervals"], "one that has died is done without"
    assert not Path(renderer.address).parent.exists()


def test_a_renderer_outlives_who_asks_nothing_and_who_asks_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(json.dumps(INTERVALS))
    draw.cache_clear()
    with answering(Renderer()) as renderer:
        with Client(renderer.address) as nonsense:
            nonsense.send_bytes(b"\xff\xfe")
            assert nonsense.poll(60)
            with pytest.raises(EOFError):
                nonsense.recv_bytes()
        silent = Client(renderer.address)
        monkeypatch.setenv(RENDERER, renderer.address)
        before = psutil.Process(renderer.process.pid).cpu_times().user
        assert draw(json.dumps(INTERVALS)) == drawn
        assert psutil.Process(renderer.process.pid).cpu_times().user > before, "nothing was drawn there"
        with pytest.raises(ReportError, match="cannot be drawn"):
            draw('{"mark": "\ud800"}')
        assert renderer.process.poll() is None
        silent.close()


def test_threads_draw_each_its_own_chart() -> None:
    charts = [json.dumps(INTERVALS).replace("Safety at school", f"Topic {n}") for n in range(40)]
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(draw, charts))
    assert [n for n, svg in enumerate(drawn) if f">Topic {n}<" not in svg] == []


def test_a_renderer_ends_with_its_owner() -> None:
    code = (
        "from sro_research.report.drawing import Renderer; r = Renderer()\n"
        "print(r.process.pid, flush=True); print(r.address, flush=True); input()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    renderer = psutil.Process(int(owner.stdout.readline()))
    address = Path(owner.stdout.readline().strip())
    assert renderer.is_running() and address.parent.exists()
    owner.kill()
    owner.communicate()
    psutil.wait_procs([renderer], timeout=30)
    assert not renderer.is_running() and not address.parent.exists()


def test_vega_is_kept_between_programs_and_done_without_where_it_cannot_be(tmp_path: Path) -> None:
    code = f"from sro_research.report.drawing import draw; print(len(draw({json.dumps(INTERVALS)!r})))"
    (occupied := tmp_path / "file").touch()
    for cache, kept in ((tmp_path / "cache", 1), (occupied, 0)):
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert int(done.stdout) == len(draw(json.dumps(INTERVALS)))
        assert len(list(tmp_path.glob("cache/sro-research/vega-*.js"))) == 1 and occupied.read_bytes() == b"", kept
