"""One notebook: its parameters are checked before a kernel starts, and whatever happens in it is recorded."""

from pathlib import Path

import nbformat
import pytest

from sro_research.batch.notebook import check_parameters, run_notebook
from sro_research.errors import StudyFileError


def notebook(folder: Path, *cells: str) -> Path:
    first = nbformat.v4.new_code_cell('school_id: str = "0001"  # text\nrun_dir = ""')
    first.metadata["tags"] = ["parameters"]
    path = folder / "some.ipynb"
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=[first, *map(nbformat.v4.new_code_cell, cells)], metadata=metadata), path
    )
    return path


def test_a_misspelt_parameter_is_refused_with_the_nearest(tmp_path):
    path = notebook(tmp_path)
    check_parameters(path, {"school_id": "0002", "run_dir": "x"})
    with pytest.raises(StudyFileError, match=r"it has no parameter 'shool_id'\. Did you mean 'school_id'\?"):
        check_parameters(path, {"shool_id": "0002"})


def test_a_notebook_needs_one_parameters_cell(tmp_path):
    path = tmp_path / "bare.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), path)
    with pytest.raises(StudyFileError, match="0 cells tagged"):
        check_parameters(path, {})
    with pytest.raises(StudyFileError, match="no such notebook"):
        check_parameters(tmp_path / "absent.ipynb", {})


def test_identifiers_stay_text(tmp_path):
    path, output = notebook(tmp_path, "print(repr(school_id))"), tmp_path / "out" / "a.ipynb"
    assert run_notebook(path, output, {"school_id": "010000500870"}, cwd=tmp_path).ok
    assert "'010000500870'" in output.read_text()
    assert [p.name for p in output.parent.iterdir()] == ["a.ipynb"]


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("raise ValueError('first line\\nlast line')", "ValueError: last line"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(1)", "SystemExit: 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "DeadKernelError"),
    ],
)
def test_a_failure_is_an_outcome_and_its_notebook_is_kept(tmp_path, cell, error):
    path, output = notebook(tmp_path, "x = 1", cell), tmp_path / "out.ipynb"
    outcome = run_notebook(path, output, {"school_id": "1"}, cwd=tmp_path)
    assert not outcome.ok and outcome.error.startswith(error)
    assert not output.exists() and not output.with_suffix(".running.ipynb").exists()
    if error != "DeadKernelError":
        assert output.with_suffix(".failed.ipynb").is_file()
        assert outcome.cell is not None
    # The next good run takes the failed one away.
    assert run_notebook(notebook(tmp_path, "x = 1"), output, {"school_id": "1"}, cwd=tmp_path).ok
    assert output.is_file() and not output.with_suffix(".failed.ipynb").exists()
