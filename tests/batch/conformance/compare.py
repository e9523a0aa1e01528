"""Run a notebook with a named engine of papermill, and say in which cells two runs differ.

What cannot be the same twice is replaced by a word in angle brackets; `OUTPUT_RULES` and `_metadata` are all of it.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

OUTPUT_RULES: list[tuple[str, str]] = [
    # Where an object lies in memory.
    (r"\b0x[0-9a-f]{6,}\b", "<address>"),
    # ipykernel names the file of a cell by its process; the number after it is a hash of the source and stays.
    (r"\bipykernel_\d+/", "ipykernel_<pid>/"),
    # The connection file is named anew for each kernel.
    (r"'[^']*/(tmp\w+|kernel-[\w-]+)\.json'", "'<connection file>'"),
    # %time measures.
    (r"(CPU times|Wall time): .*", r"\1: <time>"),
    # tqdm measures, and adds spaces where the line was longer before; the counts stay.
    (r"\[\d\d:\d\d(<|&lt;)[^\]]*(it/s|s/it)\] *", "[<time>]"),
    # matplotlib dates an SVG and makes ids of clip paths and markers with a random salt.
    (r"<dc:date>[^<]*</dc:date>", "<dc:date><moment></dc:date>"),
    (r'(id="|#)[mp][0-9a-f]{10}\b', r"\1<id>"),
    # Altair names the element of a chart, and ipywidgets a model, by a random uuid4 (a hash seldom has this form).
    (r"(?<![0-9a-f])[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])", "<id>"),
]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_WIDTH = 120
_SHOWN_LINES = 40


@dataclass(frozen=True)
class Result:
    """What came of a run: the notebook that was saved, what was raised, and what lies in the working folder."""

    notebook: NotebookNode
    error: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def run(source: NotebookNode, engine: str | None, parameters: dict[str, Any] | None = None, **options: Any) -> Result:
    """Run a notebook in a folder of its own with an engine of papermill, and return what can be compared."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name).resolve()
        work, saved = folder / "work", folder / "saved.ipynb"
        work.mkdir()
        nbformat.write(source, folder / "source.ipynb")
        error: dict[str, Any] = {}
        # A kernel gets the environment that its caller has at this moment, not an earlier one.
        with mock.patch.dict(os.environ, CONFORMANCE="given by the caller"):
            try:
                papermill.execute_notebook(
                    str(folder / "source.ipynb"),
                    str(saved),
                    parameters=parameters,
                    engine_name=engine,
                    cwd=str(work),
                    progress_bar=False,
                    iopub_timeout=60,  # nbclient waits 4 s, which a machine with other work to do may need
                    **options,
                )
            except Exception as raised:
                if not saved.is_file():
                    raise  # There is no such engine, or it could not begin.
                error = _clean(_raised(raised), folder)
        files = {path.name: path.read_text(encoding="utf-8") for path in sorted(work.iterdir()) if path.is_file()}
        return Result(normalised(nbformat.read(saved, as_version=4), folder), error, files)


def normalised(executed: NotebookNode, folder: Path) -> NotebookNode:
    """Return a copy of an executed notebook without what differs from run to run; `folder` is where it was run."""
    notebook = nbformat.from_dict(executed)
    notebook.metadata = _metadata(notebook.metadata, folder)
    for position, cell in enumerate(notebook.cells):
        cell.metadata = _metadata(cell.metadata, folder)
        # papermill gives the cells that it adds random ids.
        added = [tag for tag in cell.metadata.get("tags", []) if tag.startswith(("injected-", "papermill-error-"))]
        cell.id = f"{added[0]}-{position}" if added else cell.id
        if cell.cell_type == "code":
            cell.outputs = _clean(_merged(cell.outputs), folder)
    return notebook


def differences(one: Result, other: Result) -> dict[str, str]:
    """Return a readable difference for each cell that differs, and for what is not in a cell, by name."""
    ones, others = _parts(one), _parts(other)
    found = {
        name: "\n".join(list(difflib.unified_diff(ones.get(name, []), others.get(name, []), lineterm="", n=1))[2:])
        for name in {**ones, **others}
        if ones.get(name) != others.get(name)
    }
    return {name: "\n".join(text.splitlines()[:_SHOWN_LINES]) for name, text in found.items()}


def _raised(error: Exception) -> dict[str, Any]:
    told = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, PapermillExecutionError):
        told |= {"ename": error.ename, "evalue": error.evalue, "cell": error.cell_index, "count": error.exec_count}
    return told


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what follows on the same stream: a kernel sends text in pieces as time passes."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and joined[-1].name == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _clean(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return nbformat.from_dict({key: _clean(item, folder) for key, item in value.items()})
    if isinstance(value, list):
        return [_clean(item, folder) for item in value]
    if not isinstance(value, str):
        return value
    value = value.replace(str(folder), "<folder>")
    for pattern, word in OUTPUT_RULES:
        value = re.sub(pattern, word, value)
    return value


def _metadata(metadata: NotebookNode, folder: Path) -> NotebookNode:
    """Replace the moments and durations that papermill and nbclient note down; that they are noted down stays.

    Widgets are saved by random ids, in the order of these.
    """
    cleaned = _clean(metadata, folder)
    for widgets in cleaned.get("widgets", {}).values():
        widgets["state"] = sorted(widgets["state"].values(), key=json.dumps)
    text = _MOMENT.sub("<moment>", json.dumps(cleaned))
    return nbformat.from_dict(json.loads(re.sub(r'"duration": [\d.e-]+', '"duration": "<time>"', text)))


def _parts(result: Result) -> dict[str, list[str]]:
    """Return the lines to compare: each cell by its id, and what is not in a cell by a word with a star."""
    whole = {"*metadata": result.notebook.metadata, "*error": result.error, "*files": result.files}
    ids = [cell.id for cell in result.notebook.cells]
    cells = {cell.id: cell for cell in result.notebook.cells}
    return {name: _lines(part) for name, part in {"*order": ids, **whole, **cells}.items()}


def _lines(part: Any) -> list[str]:
    """Write something as short lines, so that a difference in a long text shows where it is."""
    text = json.dumps(part, indent=1, ensure_ascii=False, sort_keys=True).replace("\\n", "\\n\n")
    return [line[at : at + _WIDTH] for line in text.splitlines() for at in range(0, max(len(line), 1), _WIDTH)]
