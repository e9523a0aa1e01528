"""One notebook, checked against its parameters, run by papermill, and what came of it."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from sro_research.errors import DiskError, StudyFileError, nearest
from sro_research.files import CANNOT_WRITE, unreadable, unwritable, write_bytes

KERNEL = "python3"
DEAD_KERNEL = "DeadKernelError"
OUTPUT_SECONDS = 60
"""nbclient gives a kernel four seconds to hand over its last outputs, which are not enough on a busy machine."""
WARM = "warm"
STOCK = "stock"
"""Engines that this project registers with papermill: its own with forked kernels (see `sro_research.batch.warm`), and
papermill's, which starts a kernel for each notebook."""
NO_PLACE = f"{DiskError.__name__}: "
"""How an error begins that is not the notebook's own: the disk does not take what it makes."""
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PARAMETER = re.compile(r"^(\w+)\s*(?::[^=]+)?=", re.M)


@dataclass(frozen=True)
class Outcome:
    """What came of running one notebook: `error` is blank where it went well."""

    seconds: float
    cell: int | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the notebook ran to its end."""
        return not self.error


def check_parameters(notebook: Path, given: Iterable[str]) -> None:
    """Refuse parameters that a notebook does not declare, before a kernel starts.

    papermill would only warn and then run with the default: a green run of the wrong school.
    """
    if not notebook.is_file():
        raise StudyFileError(notebook, "there is no such notebook", fix="Check `notebooks` in the study file.")
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except OSError as error:
        raise unreadable(notebook, error) from None
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise StudyFileError(notebook, f"it has {len(tagged)} cells tagged `parameters`", fix="Tag exactly one.")
    declared = _PARAMETER.findall(tagged[0].source)
    for name in given:
        if name not in declared:
            raise StudyFileError(notebook, f"it has no parameter '{name}'", fix=nearest(name, declared))


def run_notebook(
    notebook: Path,
    output: Path,
    parameters: dict[str, str],
    *,
    cwd: Path,
    engine: str = STOCK,
    seconds_per_cell: int | None = None,
) -> Outcome:
    """Run a notebook to `output`, which appears whole or not at all; a failed run is kept beside it as `.failed.ipynb`.

    Parameters are passed as the strings they are: `-p` of papermill's command line would turn 0100 into 100. A cell
    that takes more than `seconds_per_cell` is ended.
    """
    failed = output.with_suffix(".failed.ipynb")
    working = output.with_suffix(".running.ipynb")
    started = time.monotonic()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="sro-") if engine == STOCK else nullcontext() as sockets:
            papermill.execute_notebook(
                str(notebook),
                str(working),
                parameters=parameters,
                cwd=str(cwd),
                kernel_name=KERNEL,
                progress_bar=False,
                request_save_on_cell_execute=False,
                log_output=False,
                shutdown_kernel="immediate",
                engine_name=engine,
                keep=str(working),
                execution_timeout=seconds_per_cell,
                iopub_timeout=OUTPUT_SECONDS,
                config=_transport(Path(sockets)) if sockets else Config(),
            )
        write_bytes(output, working.read_bytes())
        working.unlink()
        failed.unlink(missing_ok=True)
    except PapermillExecutionError as error:
        with suppress(OSError):
            working.replace(failed)
        return Outcome(time.monotonic() - started, error.cell_index, _last_line(error.ename, error.evalue))
    except Exception as error:
        no_place = _no_place(error, output)
        with suppress(OSError):  # What a full disk has of it is no record of what ran.
            working.unlink(missing_ok=True) if no_place else working.replace(failed)
        error = no_place or error
        return Outcome(time.monotonic() - started, None, _last_line(type(error).__name__, str(error)))
    return Outcome(time.monotonic() - started)


def _no_place(error: Exception, path: Path) -> DiskError | None:
    """Return what is wrong with the disk, where that is why a notebook could not be run or kept."""
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return unwritable(Path(error.filename or path), error)
    return error if isinstance(error, DiskError) else None


def _transport(sockets: Path) -> Config:
    """Talk to the kernel through sockets in a folder of its own, where the system has them.

    A port can be taken by another process between choosing and binding it, and others on the machine can listen. The
    folder must be named: left to itself, jupyter_client puts the sockets of all kernels under one name.
    """
    return Config({"KernelManager": {"transport": "ipc", "ip": str(sockets / "kernel")}} if os.name == "posix" else {})


def _last_line(name: str, message: str) -> str:
    lines = [line for line in _ANSI.sub("", message).splitlines() if re.search(r"\w", line)]
    return f"{name}: {lines[-1].strip()}" if lines else name
