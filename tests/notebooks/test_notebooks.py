"""The notebooks as files: thin, without outputs, with typed parameters, and run by papermill alone.

`make test` also runs all of them by nbmake, in order, with the parameters they hold.
"""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import PROJECT

from sro_research.parameters import read_parameters

NOTEBOOKS = sorted((PROJECT / "notebooks").rglob("*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if ".ipynb_checkpoints" not in path.parts]
MOST_CELLS = 24


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_the_studies_run_all_of_them():
    used = [read_parameters(PROJECT / "params" / f"{study}.yaml").notebooks for study in ("demo", "ssocs")]
    assert {str(path.relative_to(PROJECT / "notebooks")) for path in NOTEBOOKS} == {
        notebook for of in used for notebook in (*of.study, of.school, of.board)
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_thin_and_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert len(notebook.cells) <= MOST_CELLS
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ") and "?" in notebook.cells[0].source
    for cell in code_cells(path):
        assert cell.outputs == [] and cell.execution_count is None
        logic = [
            node
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.ClassDef | ast.Try)
        ]
        assert logic == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_parameters_are_typed_literals_with_help(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    lines = tagged[0].source.splitlines()
    for line, node in zip(lines, ast.parse(tagged[0].source).body, strict=True):
        assert isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        assert "  # " in line
    names = {node.target.id for node in ast.parse(tagged[0].source).body}
    assert names == {"params_file", "run_dir"} | ({"school_id"} if path.parent.name == "school" else set())


def test_the_school_report_runs_by_plain_papermill_and_exports_by_nbconvert(demo, tmp_path):
    scripts = Path(sys.executable).parent
    notebook = PROJECT / "notebooks" / "school" / "school_report.ipynb"
    parameters = ["-r", "school_id", "0002", "-r", "params_file", str(demo.params_file)]
    subprocess.run(
        [scripts / "papermill", notebook, tmp_path / "out.ipynb", *parameters],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    subprocess.run(
        [scripts / "jupyter", "nbconvert", "--to", "school_report", tmp_path / "out.ipynb"],
        check=True,
        capture_output=True,
    )
    exported = (tmp_path / "out.html").read_text(encoding="utf-8")
    published = (demo.release / "school_0002.html").read_text(encoding="utf-8")
    # The batch also links the page's other language; all else is the same to the byte.
    link = '<a href="school_0002.es.html" lang="es" hreflang="es">Español</a>'
    assert link in published
    assert exported == published.replace(link, "")
