"""Run a study from raw exports to published pages.

Study notebooks run one after the other, because each needs what the one before it wrote. Pages are made several at a
time; one that fails is recorded and the others go on. What was made from the same inputs before is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from sro_research.batch.executors import Working, preload, stock_pages, warm_pages
from sro_research.batch.lock import alone_in
from sro_research.batch.manifest import Entry, Manifest, environment
from sro_research.batch.notebook import WARM, run_notebook
from sro_research.batch.page import Limits
from sro_research.batch.plan import BOARD, chosen, page_jobs, page_notebooks, study_jobs
from sro_research.batch.publish import publish
from sro_research.batch.warm import fork
from sro_research.errors import SourceError
from sro_research.files import read_table
from sro_research.measures.quality import more_answers_than_people
from sro_research.study import Study, open_study

_REFUSED = f"{SourceError.__name__}: "

STOCK = "stock"
"""papermill's own engine, with what makes it faster: for systems that cannot fork, and to check the other against."""
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


@dataclass(frozen=True)
class How:
    """How a study is run: by which engine, how many pages at a time, within which limits, and who hears of it."""

    engine: str = WARM if fork.POSSIBLE else STOCK
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)
    force: bool = False
    progress: Progress = lambda *_: None
    working: Working = lambda _: None


def run_study(
    params_file: Path, *, run_dir: str = "", only: list[str] | None = None, limit: int | None = None, how: How
) -> Summary:
    """Run a study and publish what came of it. `only` and `limit` choose schools.

    Raises `WorkbenchError` for what must be mended before anything can run.
    """
    params_file = params_file.absolute()
    study = open_study(str(params_file), run_dir=run_dir)
    with alone_in(study.folders.root):
        return _run(study, params_file, only or [], limit, how)


def _run(study: Study, params_file: Path, only: list[str], limit: int | None, how: How) -> Summary:
    environ = environment()
    manifest = Manifest.open(study.folders.root, study.parameters.study, study.parameters.fingerprint)
    manifest.begin(environ)
    steps, reports = study_jobs(study, params_file, environ), page_notebooks(study)
    made, kept, failed = 0, 0, []
    stale = how.force or not study.folders.cells.is_file()
    for number, job in enumerate(steps):
        if not stale and manifest.done(job):
            kept += 1
            continue
        if made == 0 and how.engine == WARM:
            fork.own_parent(preload([*(step.notebook for step in steps), *reports]))
        how.progress(job.name, number, len(steps), 0)
        stale = True  # What follows a notebook that ran anew rests on what it wrote.
        engine = WARM if how.engine == WARM else None
        outcome = run_notebook(job.notebook, job.output, job.parameters, cwd=params_file.parent, engine=engine)
        entry = manifest.record(job, outcome)
        made += 1
        if not outcome.ok:
            return _summary(study, made, kept, [entry], None)
    everyone = study.reported_schools()
    pages = page_jobs(study, params_file, environ, everyone)
    schools = chosen(everyone, only, limit)
    wanted = [job for job in pages if job.name == BOARD or job.parameters["school_id"] in schools]
    todo = [job for job in wanted if how.force or not manifest.done(job)]
    kept += len(wanted) - len(todo)
    done = count(1)
    make = warm_pages if how.engine == WARM else stock_pages
    with closing(make(todo, how.jobs, cwd=params_file.parent, limits=how.limits, working=how.working)) as outcomes:
        for job, outcome in outcomes:
            entry = manifest.record(job, outcome)
            made += 1
            failed += [] if outcome.ok else [entry]
            how.progress(job.name, next(done), len(todo), len(failed))
    index = publish(study, [job for job in pages if manifest.done(job)])
    return _summary(study, made, kept, failed, index)


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
