"""Pages made anew on a kernel that was started for each, to be compared with those of forked ones."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sro_research.batch.executors import stock_pages
from sro_research.batch.page import Limits
from sro_research.batch.plan import Job
from sro_research.errors import WorkbenchError
from sro_research.files import file_fingerprint


def verify(jobs: Sequence[Job], slots: int, *, cwd: Path, limits: Limits) -> None:
    """Make pages by papermill's own engine, and raise `WorkbenchError` where one is not the same to the byte."""
    first = {job.name: job for job in jobs}
    with tempfile.TemporaryDirectory(prefix="sro-verify-") as scratch:
        again = [
            replace(
                job,
                output=Path(scratch) / job.output.name,
                pages={language: Path(scratch) / page.name for language, page in job.pages.items()},
            )
            for job in jobs
        ]
        with closing(stock_pages(again, slots, cwd=cwd, limits=limits)) as ended:
            for made, outcome, _ in ended:
                if not outcome.ok:
                    raise WorkbenchError(
                        made.name,
                        f"its page cannot be made by papermill's own engine: {outcome.error}",
                        fix="Nothing was published. Run again, and report this if it stays.",
                    )
                for language, page in first[made.name].pages.items():
                    if file_fingerprint(page) != file_fingerprint(made.pages[language]):
                        raise WorkbenchError(
                            made.name,
                            f"its page ({language}) differs from the one that papermill's own engine makes",
                            fix="Nothing was published. Run with `--engine stock`, and report this.",
                        )
