"""Vega-Lite specifications drawn as SVG: in this process, or by one that stays for many pages.

Vega comes from the bundle that vl-convert holds, and runs in mini-racer. vl-convert draws too, but finds the width of
each text by laying it out, which takes three quarters of its time. The measures of the characters in the typeface of
the charts (`assets/typeface.json`: widths and kerning of Liberation Sans, normal and bold, 1/2048 em) give the same
picture to the byte, which a test compares, of texts in Western European letters with single blanks.

The engine takes a second to start and must not be there when a process is forked: who makes many pages in short-lived
processes starts a `Renderer` beside them and names it in their environment. It only ever sees what a page will show.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from itertools import count
from multiprocessing.connection import Client, Listener
from pathlib import Path

import platformdirs
from py_mini_racer import MiniRacer

from sro_research.errors import ReportError, WorkbenchError
from sro_research.files import is_file, write_text

RENDERER = "SRO_RENDERER"
"""Names the socket of a renderer in the environment of those who are to use it."""
PAGES_AT_A_TIME = 2
"""So many makers of pages keep a renderer busy: it draws the charts of a page in a third of the time of the rest."""
_one_at_a_time = threading.Lock()
"""JupyterLab exports in threads; the engine holds one drawing at a time."""
_WAITING = 128
"""So many charts may wait for their turn."""
_SECONDS_TO_ASK, _SECONDS_TO_DRAW = 5, 60
"""So long a renderer listens to one who asks, and one who asked waits: neither stops others for ever."""
_BETWEEN_CLEANINGS = 100
_BARE = """
var window = globalThis, self = globalThis, document = undefined;
var console = {log() {}, warn() {}, error() {}, info() {}, debug() {}};
var setTimeout = () => 0, clearTimeout = () => 0, setInterval = () => 0, clearInterval = () => 0;
var requestAnimationFrame = () => 0;
var structuredClone = (value) => value === undefined ? value : JSON.parse(JSON.stringify(value));
"""
"""What a browser has and the bundle asks for when it is loaded."""
_LIBRARY = re.compile(r"const __default\d*=null;const (mod\d+)=")


@lru_cache(maxsize=512)
def draw(specification: str) -> str:
    """Return the SVG of a Vega-Lite specification in JSON; the same text wherever it is drawn.

    Raises `ReportError` where it cannot be drawn.
    """
    if address := os.environ.get(RENDERER):
        try:
            # A connection for each chart: nobody keeps others waiting for longer than that.
            with Client(address) as renderer:
                renderer.send_bytes(specification.encode())
                if renderer.poll(_SECONDS_TO_DRAW):
                    return renderer.recv_bytes().decode()
        except (OSError, EOFError, UnicodeError):
            pass  # It has died or is not up yet. What is wrong with the chart itself will be said here.
    with _one_at_a_time:
        engine = _engine()
        engine.eval(f"drawer.draw({json.dumps(specification)})")
        result = json.loads(str(engine.eval("drawer.result()")))
    if result["svg"] is None:
        raise ReportError("chart", f"it cannot be drawn: {result['error']}", fix="Look at its specification.")
    return str(result["svg"])


@cache
def _engine() -> MiniRacer:
    engine, assets, bundle = MiniRacer(), files("sro_research.report") / "assets", _bundle()
    atexit.register(engine.close)  # Its thread would keep the process alive after an error.
    drawer = (assets / "draw.js").read_text(encoding="utf-8")
    for code in (
        _BARE,
        bundle,
        drawer.replace("/*LIBRARIES*/", ", ".join(_LIBRARY.findall(bundle))),
        f"drawer.measureBy({(assets / 'typeface.json').read_text(encoding='utf-8')})",
    ):
        engine.eval(code)
    return engine


def _bundle() -> str:
    """Return Vega and Vega-Lite as one script; vl-convert takes seconds to put it together, so it is kept."""
    kept = platformdirs.user_cache_path("sro-research") / f"vega-{version('vl-convert-python')}.js"
    if is_file(kept):
        return kept.read_text(encoding="utf-8")
    import vl_convert  # Heavy, and hardly ever needed.

    bundle = str(vl_convert.javascript_bundle())  # type: ignore[call-arg]
    with suppress(WorkbenchError):  # Somebody else's disk, or a full one: it is put together again next time.
        write_text(kept, bundle)
    return bundle


class Renderer:
    """A process that draws for others until it is closed, or its owner ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sro-")  # Only this user may look into it.
        self.address = str(Path(self._folder.name) / "renderer")
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, self.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != RENDERER},
            start_new_session=True,
        )

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self._folder.cleanup()


def _serve(address: str) -> None:
    engine = _engine()  # Before anybody waits for it.
    with Listener(address, backlog=_WAITING) as listener:
        for number in count(1):
            if number % _BETWEEN_CLEANINGS == 0:
                engine.low_memory_notification()  # Left to itself it grows to twice the size.
            with listener.accept() as asked:
                try:
                    if asked.poll(_SECONDS_TO_ASK):
                        asked.send_bytes(draw(asked.recv_bytes().decode()).encode())
                except (OSError, EOFError, UnicodeError, ReportError):
                    continue  # Who asked is gone, or draws it again and says what is wrong with it.


def _end_with_owner(address: Path) -> None:
    """End when the owner has, and leave nothing where it could not clean up: it may have been killed."""
    sys.stdin.buffer.read()
    with suppress(OSError):
        address.unlink(missing_ok=True)
        address.parent.rmdir()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_owner, args=(Path(sys.argv[1]),), daemon=True).start()
    _serve(sys.argv[1])
