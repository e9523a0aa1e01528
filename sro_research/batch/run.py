"""Run a study from raw exports to published pages.

Study notebooks run one after the other, because each needs what the one before it wrote. Pages run in several
processes; one that fails is recorded and the others go on. What was made from the same inputs before is not made again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event

from sro_research.batch.lock import alone_in
from sro_research.batch.manifest import Entry, Manifest, environment
from sro_research.batch.notebook import Outcome, run_notebook
from sro_research.batch.plan import BOARD, Job, chosen, page_jobs, study_jobs
from sro_research.batch.publish import publish
from sro_research.errors import EXIT_STOPPED, SourceError, WorkbenchError
from sro_research.files import read_table, write_text
from sro_research.measures.quality import more_answers_than_people
from sro_research.report.exporter import SchoolReportExporter
from sro_research.study import REPORT_ONLY, Study, open_study

SECONDS_TO_END = 1.5
"""So long a process that is told to end has time to do so."""
_told_to_end = Event()
_REFUSED = f"{SourceError.__name__}: "

Progress = Callable[[str, int, int, int], None]
"""Called with what is being done, and how many of all are done and failed."""


@dataclass(frozen=True)
class Summary:
    """How a run ended: notebooks run, taken over from before and failed; sources and rows set aside; the index page."""

    made: int
    kept: int
    failed: list[Entry]
    problems: list[str]
    index: Path | None
    rows_set_aside: int = 0
    quarantine: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing failed and no source was set aside; a row that was set aside is not held against a run."""
        return not self.failed and not self.problems

    @property
    def refusal(self) -> str:
        """Why the study cannot be run with its sources; blank if it can."""
        errors = [entry.error for entry in self.failed] if self.index is None else []
        return next((e.removeprefix(_REFUSED) for e in errors if e.startswith(_REFUSED)), "")


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
    with alone_in(study.folders.root):
        return _run(study, params_file, only or [], limit, jobs, force, progress)


def _run(
    study: Study, params_file: Path, only: list[str], limit: int | None, jobs: int, force: bool, progress: Progress
) -> Summary:
    environ = environment()
    manifest = Manifest(study.folders.root, study.parameters.study, study.parameters.fingerprint)
    steps = study_jobs(study, params_file, environ)
    made, kept, failed = 0, 0, []
    stale = force or not study.folders.cells.is_file()
    for number, job in enumerate(steps):
        if not stale and manifest.done(job):
            kept += 1
            continue
        progress(job.name, number, len(steps), 0)
        stale = True  # What follows a notebook that ran anew rests on what it wrote.
        outcome = run_notebook(job.notebook, job.output, job.parameters, cwd=params_file.parent)
        entry = manifest.record(job, outcome)
        made += 1
        if not outcome.ok:
            return _summary(study, made, kept, [entry], None)
    everyone = study.reported_schools()
    pages = page_jobs(study, params_file, environ, everyone)
    schools = chosen(everyone, only, limit)
    wanted = [job for job in pages if job.name == BOARD or job.parameters["school_id"] in schools]
    todo = [job for job in wanted if force or not manifest.done(job)]
    kept += len(wanted) - len(todo)
    done = count(1)
    with closing(_run_pages(todo, jobs, params_file.parent)) as outcomes:
        for job, outcome in outcomes:
            entry = manifest.record(job, outcome)
            made += 1
            failed += [] if outcome.ok else [entry]
            progress(job.name, next(done), len(todo), len(failed))
    index = publish(study, [job for job in pages if manifest.done(job)])
    return _summary(study, made, kept, failed, index)


def _run_pages(jobs: list[Job], workers: int, cwd: Path) -> Generator[tuple[Job, Outcome]]:
    """Run page jobs in processes that stay warm; yield each as it ends."""
    if not jobs:
        return
    # Spawned, not forked: vl-convert and the kernel client hold threads.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        max_workers=min(workers, len(jobs)), mp_context=context, initializer=_end_with_kernels
    ) as pool:
        try:
            with _deaf_to_ctrl_c():
                futures = {pool.submit(make_page, job, cwd): job for job in jobs}
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    yield futures[future], Outcome(0.0, None, "the process that made this page died; run again")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _end(set(multiprocessing.active_children()) - others)
            raise


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to this one."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _end_with_kernels() -> None:
    """Make a process that is told to end do so as a program ends: its kernel is shut down, its sockets are removed."""

    def end(*_: object) -> None:
        _told_to_end.set()
        sys.exit(EXIT_STOPPED)

    signal.signal(signal.SIGTERM, end)


def _end(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()


def make_page(job: Job, cwd: Path) -> Outcome:
    """Run one report notebook and export its page in every language; whatever fails is this page's own failure."""
    if _told_to_end.is_set():
        sys.exit(EXIT_STOPPED)
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


def _summary(study: Study, made: int, kept: int, failed: list[Entry], index: Path | None) -> Summary:
    summary = Summary(made, kept, failed, [], index)
    if summary.refusal or not study.has("sources"):  # What an earlier run set aside says nothing about this one.
        return summary
    sources = study.protected("sources")
    return replace(
        summary,
        problems=sources.loc[sources["status"] == "set aside", "problem"].tolist(),
        rows_set_aside=int(sources["rows_set_aside"].fillna(0).sum()),
        quarantine=study.folders.internal / "quarantine" / "quarantine.csv",
        notes=tuple(_more_answers_than_people(study)),
    )


def _more_answers_than_people(study: Study) -> Iterator[str]:
    for population, instrument in study.surveyed.items():
        answers = read_table(study.folders.protected(f"responses/{instrument.id}"), ["school_id", "wave"])
        yield from more_answers_than_people(answers, study.protected("schools"), population)
