"""What a child of a warm process does for one report. To import this is to have made a page: an exporter is ready."""

from __future__ import annotations

import nbformat

from reports import Task, export, exporter
from sro_research.batch.notebook import WARM, run_notebook

TRIED = "```python\nimport this\n```\n\n| a | b |\n|---|---|\n| 1 | $x$ |\n"


def report(task: Task) -> None:
    """Run a notebook and make its page."""
    outcome = run_notebook(task.source, task.executed, task.parameters, cwd=task.folder, engine=WARM)
    assert outcome.ok, outcome.error
    export(task)


v4 = nbformat.v4
shown = v4.new_output("display_data", data={"text/html": "<table></table>", "text/plain": "", "text/markdown": TRIED})
exporter().from_notebook_node(
    v4.new_notebook(cells=[v4.new_markdown_cell(TRIED), v4.new_code_cell("import this", outputs=[shown])])
)
