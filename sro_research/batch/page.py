"""One page: its notebook run, and exported in every language."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from sro_research.batch.notebook import DEAD_KERNEL, NO_PLACE, Outcome, run_notebook
from sro_research.batch.plan import Job
from sro_research.batch.warm.fork import RESERVE_NOTHING
from sro_research.errors import DiskError, WorkbenchError
from sro_research.files import write_text
from sro_research.report.template import compile_templates, page_of
from sro_research.study import REPORT_ONLY

if sys.platform != "win32":
    import resource

compile_templates()  # When this is imported: once in a warm parent, and not again in each of its children.


@dataclass(frozen=True)
class Limits:
    """What one page may take: seconds for each cell, and bytes of memory (None: what there is)."""

    seconds: int = 600
    memory: int | None = None


def make_page(job: Job, *, cwd: Path, engine: str, limits: Limits) -> Outcome:
    """Run one report notebook and export its page in every language; whatever fails is this page's own failure.

    A kernel that died is replaced once, since the machine may have ended it. `engine` is papermill's name for what
    runs the notebook.
    """
    os.environ[REPORT_ONLY] = "1"
    if limits.memory is not None and sys.platform != "win32":
        os.environ |= RESERVE_NOTHING
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    for _ in range(2):
        outcome = run_notebook(
            job.notebook, job.output, job.parameters, cwd=cwd, engine=engine, seconds_per_cell=limits.seconds
        )
        if not outcome.error.startswith(DEAD_KERNEL):
            break
    if outcome.error.startswith(DEAD_KERNEL) and limits.memory is not None:
        return replace(outcome, error=f"{outcome.error}; it may have needed more than --memory")
    if not outcome.ok:
        return outcome
    try:
        executed = nbformat.read(job.output, as_version=nbformat.NO_CONVERT)
        for language, page in job.pages.items():
            others: dict[str, str] = {code: other.name for code, other in job.pages.items() if code != language}
            write_text(page, page_of(executed, language, others))
    except DiskError as error:
        return Outcome(outcome.seconds, None, f"{NO_PLACE}{error}")
    except WorkbenchError as error:
        return Outcome(outcome.seconds, None, str(error))
    except Exception as error:
        return Outcome(outcome.seconds, None, f"{type(error).__name__} while the page was exported")
    return outcome
