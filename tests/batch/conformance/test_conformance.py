"""Whether a notebook can tell the warm engine from papermill's own, cell by cell, and whether it fails alike.

What `compare` takes away must suffice for two runs of the same engine: where it does not, these tests fail too.
"""

from __future__ import annotations

import functools

import nbformat
import pytest
from compare import Result, differences, run
from nbformat import NotebookNode

from notebooks import FAILURES, PARAMETERS, cells, conformance, failure, notebook

ENGINE = "warm"
PARTS = ["*metadata", "*order", "*error", "*files", "injected-parameters-4", *[cell.id for cell in conformance().cells]]
TIME_LIMIT = 2


def conformance_run(engine: str | None) -> Result:
    """Save at the end only: with so many cells, saving at each takes longer than running them."""
    return run(conformance(), engine, PARAMETERS, request_save_on_cell_execute=False)


@pytest.fixture(scope="module")
def stock() -> Result:
    return conformance_run(None)


@functools.cache
def warm() -> Result:
    return conformance_run(ENGINE)


@functools.cache
def stock_failure(name: str) -> Result:
    return run(failure(name), None, execution_timeout=TIME_LIMIT)


@pytest.mark.parametrize("part", PARTS)
def test_a_cell_gives_what_it_gives_with_papermill(stock: Result, part: str) -> None:
    found = differences(stock, warm())
    assert part not in found, found[part]


def test_no_other_cell_differs(stock: Result) -> None:
    assert set(differences(stock, warm())) <= set(PARTS)


@pytest.mark.parametrize("name", FAILURES)
def test_it_fails_as_with_papermill(name: str) -> None:
    other = run(failure(name), ENGINE, execution_timeout=TIME_LIMIT)
    assert not (found := differences(stock_failure(name), other)), "\n".join(found.values())


@pytest.mark.parametrize(
    ("name", "raised", "last_status"),
    [
        ("exception", "PapermillExecutionError", "pending"),
        ("exit status 0", None, "pending"),
        ("exit status 3", "PapermillExecutionError", "pending"),
        ("killed", "DeadKernelError", "completed"),
        ("endless loop", "CellTimeoutError", "completed"),
    ],
)
def test_papermill_fails_as_this_was_written_for(name: str, raised: str | None, last_status: str) -> None:
    """Where these change, papermill has changed, not the warm engine."""
    result = stock_failure(name)
    assert result.error.get("type") == raised
    assert result.notebook.cells[-1].metadata.papermill.status == last_status


def test_nothing_goes_from_a_notebook_to_the_next() -> None:
    state = "os.environ.get('LEFT'), pd.get_option('display.precision'), hasattr(json, 'left'), 'left' in globals()"
    imports = "import json, os\nimport numpy as np, pandas as pd\n"
    leave = "os.environ['LEFT'] = 'x'; pd.set_option('display.precision', 2); json.left = left = 1; os.chdir('/')"
    run(one_cell(imports + leave), ENGINE)
    after = run(one_cell(f"{imports}{state}, os.path.basename(os.getcwd())"), ENGINE)
    assert shown(after) == "(None, 6, False, False, 'work')"


def test_unseeded_random_numbers_are_new_in_each_notebook() -> None:
    source = one_cell(
        "import random, numpy as np\nrandom.random(), np.random.random(), np.random.default_rng().random()"
    )
    pairs = zip(*(shown(run(source, ENGINE)).strip("()").split(", ") for _ in range(2)), strict=True)
    assert all(one != other for one, other in pairs)


def one_cell(source: str) -> NotebookNode:
    return notebook([nbformat.v4.new_code_cell(source, id="only")])


def shown(result: Result) -> str:
    assert not result.error, result.error
    return result.notebook.cells[-1].outputs[-1].data["text/plain"]


# The comparison itself: what is planted is found, and nothing else.

SOURCE = "# %% first\n1\n# %% second\n2\n# %% third tag\n3"


def plain() -> Result:
    """A result with two outputs in its first cell, without running anything."""
    made = notebook(cells(SOURCE))
    made.cells[0].execution_count = 1
    made.cells[0].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="some text\n" + "x" * 1000),
        nbformat.v4.new_output("display_data", data={"text/plain": "a", "text/html": "<b>a</b>"}),
    ]
    return Result(made, {"type": "SomeError"}, {"written.txt": "content"})


def text(of: NotebookNode) -> None:
    of.cells[0].outputs[0].text = of.cells[0].outputs[0].text[:-1] + "y"


def stream(of: NotebookNode) -> None:
    of.cells[0].outputs[0].name = "stderr"


def mimetype(of: NotebookNode) -> None:
    of.cells[0].outputs[1].data["text/markdown"] = of.cells[0].outputs[1].data.pop("text/html")


def count(of: NotebookNode) -> None:
    of.cells[0].execution_count = 2


def order(of: NotebookNode) -> None:
    of.cells[0].outputs.reverse()


def missing(of: NotebookNode) -> None:
    del of.cells[0].outputs[1]


def cell_metadata(of: NotebookNode) -> None:
    of.cells[0].metadata["tags"] = ["other"]


@pytest.mark.parametrize("change", [text, stream, mimetype, count, order, missing, cell_metadata])
def test_a_planted_difference_is_found_and_shown(change) -> None:
    changed = plain()
    change(changed.notebook)
    found = differences(plain(), changed)
    assert list(found) == ["first"]
    assert "\n-" in found["first"] or "\n+" in found["first"]
    assert len(found["first"]) < 600


def test_cells_in_another_order_and_what_is_not_in_cells_are_found() -> None:
    changed = plain()
    changed.notebook.cells.reverse()
    assert list(differences(plain(), changed)) == ["*order"]
    del changed.notebook.cells[0]
    assert list(differences(plain(), changed)) == ["*order", "third"]
    assert list(differences(plain(), Result(plain().notebook))) == ["*error", "*files"]
    assert differences(plain(), plain()) == {}


def test_only_what_is_random_is_taken_away() -> None:
    source = one_cell(
        "print('<Thing at 0x7f12ab34cd56> 0xff 3 ms 2026-01-02T03:04:05 0123456789abcdef0123456789abcdef')"
    )
    result = run(source, None)
    assert result.notebook.cells[0].outputs[0].text == (
        "<Thing at <address>> 0xff 3 ms 2026-01-02T03:04:05 0123456789abcdef0123456789abcdef\n"
    )
