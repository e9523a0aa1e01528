"""Run a study from raw exports to published pages.

Study notebooks run one after the other, because each needs what the one before it wrote. Pages run in several
processes; one that fails is recorded and the others go on. What was made from the same inputs before is not made again.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sro_research.batch.manifest import Entry, Manifest, environment
from sro_research.batch.notebook import Outcome, run_notebook
from sro_research.batch.plan import BOARD, Job, chosen, page_jobs, study_jobs
from sro_research.batch.publish import publish
from sro_research.errors import WorkbenchError
from sro_research.files import write_text
from sro_research.report.exporter import SchoolReportExporter
from sro_research.study import REPORT_ONLY, Study, open_study

Progress = Callable[[str, int, int, int], None]
"""Called with what is being done, and how many of all are done and failed."""


@dataclass(frozen=True)
class Summary:
    """How a run ended: notebooks run, taken over from before and failed; sources set aside; the index page."""

    made: int
    kept: int
    failed: list[Entry]
    problems: list[str]
    index: Path | None

    @property
    def complete(self) -> bool:
        """Whether nothing failed and nothing was set aside."""
        return not self.failed and not self.problems


def run_study(
    params_file: Path,
    *,
    run_dir: str = "",
    only: list[str] | None = None,
    limit: int | None = None,
    jobs: int = 1,
    force: bool = False,
    progress: Progress = lambda *_: None,
) -> Summary:
    """Run a study and publish what came of it.

    `only` and `limit` choose schools; `jobs` is the number of pages made at a time; `force` makes everything anew.
    Raises `WorkbenchError` for what must be mended before anything can run.
    """
    params_file = params_file.absolute()
    study = open_study(str(params_file), run_dir=run_dir)
    environ = environment()
    manifest = Manifest(study.folders.root, study.parameters.study, study.parameters.fingerprint)
    steps = study_jobs(study, params_file, environ)
    made, kept, failed = 0, 0, []
    stale = force or not study.folders.cells.is_file()
    for number, job in enumerate(steps):
        progress(job.name, number, len(steps), 0)
        if not stale and manifest.done(job):
            kept += 1
            continue
        stale = True  # What follows a notebook that ran anew rests on what it wrote.
        outcome = run_notebook(job.notebook, job.output, job.parameters, cwd=params_file.parent)
        entry = manifest.record(job, outcome)
        made += 1
        if not outcome.ok:
            return Summary(made, kept, [entry], _problems(study), None)
    everyone = study.reported_schools()
    pages = page_jobs(study, params_file, environ, everyone)
    schools = chosen(everyone, only or [], limit)
    wanted = [job for job in pages if job.name == BOARD or job.parameters["school_id"] in schools]
    todo = [job for job in wanted if force or not manifest.done(job)]
    kept += len(wanted) - len(todo)
    done = count(1)
    for job, outcome in _run_pages(todo, jobs, params_file.parent):
        entry = manifest.record(job, outcome)
        made += 1
        failed += [] if outcome.ok else [entry]
        progress(job.name, next(done), len(todo), len(failed))
    index = publish(study, [job for job in pages if manifest.done(job)])
    return Summary(made, kept, failed, _problems(study), index)


def _run_pages(jobs: list[Job], workers: int, cwd: Path) -> Iterator[tuple[Job, Outcome]]:
    """Run page jobs in processes that stay warm; yield each as it ends."""
    if not jobs:
        return
    # Spawned, not forked: vl-convert and the kernel client hold threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(workers, len(jobs)), mp_context=context) as pool:
        futures = {pool.submit(make_page, job, cwd): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                yield futures[future], Outcome(0.0, None, "the process that made this page died; run again")


def make_page(job: Job, cwd: Path) -> Outcome:
    """Run one report notebook and export its page in every language; whatever fails is this page's own failure."""
    os.environ[REPORT_ONLY] = "1"
    outcome = run_notebook(job.notebook, job.output, job.parameters, cwd=cwd)
    if not outcome.ok:
        return outcome
    try:
        for language, page in job.pages.items():
            others = " ".join(f"{code}={other.name}" for code, other in job.pages.items() if code != language)
            html, _ = SchoolReportExporter(language=language, other_pages=others).from_filename(str(job.output))
            write_text(page, html)
    except WorkbenchError as error:
        return Outcome(outcome.seconds, None, str(error))
    except Exception as error:
        return Outcome(outcome.seconds, None, f"{type(error).__name__} while the page was exported")
    return outcome


def _problems(study: Study) -> list[str]:
    if not study.has("sources"):
        return []
    sources = study.protected("sources")
    return sources.loc[sources["status"] == "set aside", "problem"].tolist()
