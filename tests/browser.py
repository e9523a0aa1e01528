"""Where Chromium and axe-core are, how Chromium is started, and when tests of pages are skipped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = next(
    (
        path
        for path in (Path(os.environ.get("AXE_CORE", "")), PROJECT / "node_modules/axe-core/axe.min.js")
        if path.is_file()
    ),
    None,
)
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium was not found: `apt-get install chromium`"),
    pytest.mark.skipif(
        AXE is None, reason="axe-core was not found: `npm install --no-save axe-core`, or set $AXE_CORE"
    ),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})
    .then(result => result.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 100)}`)))"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
