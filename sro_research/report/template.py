"""Parts of a page to one HTML file that needs nothing else: no network, no code."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from nbformat import NotebookNode

from sro_research.errors import ReportError
from sro_research.report.gate import check_page
from sro_research.report.parts import (
    CAUTION_MARK,
    HIDDEN_MARK,
    NOT_AVAILABLE_MARK,
    NOT_MET_MARK,
    PART_MIME,
    ROWS,
    plain,
    with_sources,
)
from sro_research.report.svg import inline_svg
from sro_research.report.words import LOCALES, Words, load_words

LANGUAGE_NAMES = {"en": "English", "es": "Español"}
SCRIPT = (
    "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>{d.dataset.was=d.open;d.open=true}));"
    "addEventListener('afterprint',()=>document.querySelectorAll('details').forEach(d=>{d.open=d.dataset.was=='true'}))"
)
"""Opens the tables for printing. The page's policy allows this script by its hash and no other."""


def page_of(nb: NotebookNode, language: str, others: dict[str, str]) -> str:
    """Return the page of an executed notebook in one language; `others` says where it lies in other languages.

    Raises `ReportError` where the notebook has an error output, shows no parts, or the page fails its checks.
    """
    parts = list(_parts(nb, language))
    if not parts or parts[0]["kind"] != "head":
        raise ReportError(
            "notebook",
            "it does not start with the head of a page",
            fix="Run all cells; show `head` first.",
        )
    page = render("page.html.j2", language=language, head=parts[0], parts=parts[1:], alternates=others)
    check_page(page, figures=sum(part["kind"] == "figure" for part in parts))
    return page


def _parts(nb: NotebookNode, language: str) -> Iterator[dict[str, Any]]:
    for number, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ReportError(f"cell {number}", f"it ended in {output.ename}", fix="Mend the notebook.")
            languages = output.get("data", {}).get(PART_MIME)
            if languages is None:
                continue
            if language not in languages:
                raise ReportError(
                    f"cell {number}",
                    f"it has no text in '{language}'",
                    fix="Add the language to the study.",
                )
            yield languages[language]


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("sro_research.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["sources"] = lambda text: Markup(with_sources(str(escape(text))))
    environment.filters["plain"] = plain
    return environment


def compile_templates() -> None:
    """Compile what pages are made of, for a process from which many are forked."""
    for name in _templates().list_templates(extensions=["j2"]):
        _templates().get_template(name)


def render(template: str, **values: Any) -> str:
    """Fill a template of the pages; every text is escaped."""
    language = values["language"]
    return (
        _templates()
        .get_template(template)
        .render(
            **values,
            w=load_words(language),
            declared=declared,
            svg=inline_svg,
            keys=keys,
            language_names=LANGUAGE_NAMES,
            script=SCRIPT,
            script_hash=_hash(SCRIPT),
            style=_style(),
            hidden_mark=HIDDEN_MARK,
            not_available_mark=NOT_AVAILABLE_MARK,
            not_met_mark=NOT_MET_MARK,
        )
    )


def keys(part: dict[str, Any], w: Words) -> list[str]:
    """Explain the marks and lines that a table or figure holds, and no others."""
    table = part.get("table", part)
    cells = {plain(text) for row in table["rows"] for text in row}
    drawn = part["wide"]["datasets"][ROWS] if "wide" in part else []
    found = {
        "key_range": any("low" in row and "wave" not in row for row in drawn),
        "key_range_wave": any("low" in row and "wave" in row for row in drawn),
        "key_small": any(row.get("number") == "" for row in drawn),
        "key_hidden": HIDDEN_MARK in cells,
        "key_not_available": NOT_AVAILABLE_MARK in cells,
        "key_caution": any(text.endswith(f" {CAUTION_MARK}") for text in cells),
        "key_not_met": NOT_MET_MARK in cells,
    }
    return [w(key) for key, there in found.items() if there]


def declared(texts: dict[str, list[str]]) -> str:
    """Write the study's own texts as a page declares them."""
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


def fixed_texts() -> dict[str, list[str]]:
    """Return by language what the program writes on all pages: sentences with places to fill, style and script."""
    code = [text.replace("{", "{{").replace("}", "}}") for text in (_style(), SCRIPT)]
    return {language: [*load_words(language).texts, *code] for language in LOCALES}


@cache
def _style() -> str:
    return (files("sro_research.report") / "assets" / "page.css").read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
