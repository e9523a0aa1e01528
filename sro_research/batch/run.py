"""Run a study from raw exports to published pages.

Study notebooks run one after the other, because each needs what the one before it wrote. Pages are made several at a
time; one that fails is recorded and the others go on. What was made from the same inputs before is not made again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sro_research.batch.elsewhere import at_hand, look
from sro_research.batch.executors import pages_by, preload
from sro_research.batch.manifest import FAILED_BEFORE, OK, Entry, Manifest, environment
from sro_research.batch.notebook import DEAD_KERNEL, NO_PLACE, STOCK, WARM, Outcome, run_notebook
from sro_research.batch.page import Limits
from sro_research.batch.plan import BOARD, Job, chosen, page_jobs, page_notebooks, study_jobs
from sro_research.batch.publish import publish
from sro_research.batch.verify import verify
from sro_research.batch.warm import fork
from sro_research.errors import DisclosureError, DiskError, SourceError, StudyFileError, counted, errors_of_ours
from sro_research.measures.quality import losses_in_words, more_answers_than_people
from sro_research.study import Study, open_study
from sro_research.tables import is_table, read_table

NAMES_SHOWN = 5
"""So many pages are named before the rest is only counted."""
_REFUSED = tuple(f"{kind.__name__}: " for kind in (SourceError, DisclosureError))
"""Errors of a notebook that say what must be mended before the study can run."""


@dataclass(frozen=True)
class Standing:
    """How far a run has come: notebooks of this stage done, of so many, failed and skipped, and what is worked on."""

    stage: Literal["study", "pages"]
    done: int
    total: int
    failed: int = 0
    skipped: int = 0
    working: tuple[str, ...] = ()


Progress = Callable[[Standing], None]


@dataclass(frozen=True)
class Summary:
    """How a run ended: notebooks run, taken over from before and failed; sources and rows set aside; the index page."""

    made: int
    kept: int
    failed: list[Entry]
    problems: list[str]
    index: str | None
    rows_set_aside: int = 0
    quarantine: str = ""
    notes: tuple[str, ...] = ()
    losses: str = ""
    """Files that lost many of their rows, in words."""

    @property
    def complete(self) -> bool:
        """Whether nothing failed and no source was set aside; a row that was set aside is not held against a run."""
        return not self.failed and not self.problems

    @property
    def refusal(self) -> str:
        """Why the study cannot be run with its sources; blank if it can."""
        errors = [entry.error for entry in self.failed] if self.index is None else []
        return next((e.partition(": ")[2] for e in errors if e.startswith(_REFUSED)), "")


@dataclass(frozen=True)
class How:
    """How a study is run.

    By which engine, or by the workers of a Dask `scheduler`; how many pages at a time, within which limits; anew where
    `force`; which part of the pages (`shard`: number and count); `verify` so many pages on a kernel of papermill's.
    """

    engine: str = WARM if fork.POSSIBLE else STOCK
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)
    force: bool = False
    scheduler: str = ""
    shard: tuple[int, int] | None = None
    verify: int = 0
    progress: Progress = lambda _: None


def run_study(
    params_file: Path, *, run_dir: str = "", only: list[str] | None = None, limit: int | None = None, how: How
) -> Summary:
    """Run a study and publish what came of it. `only` and `limit` choose schools.

    A shard makes its pages and publishes nothing. Raises `WorkbenchError` for what must be mended before anything can
    run.
    """
    params_file = params_file.absolute()
    study = open_study(str(params_file), run_dir=run_dir)
    shard = "" if how.shard is None else f"{how.shard[0]}of{how.shard[1]}"
    if how.scheduler and study.folders.url:
        raise StudyFileError(
            "--scheduler",
            "its workers cannot see this machine's copy of results at a URL",
            fix="Use `--shard`, or a folder that all machines see.",
        )
    with at_hand(study.folders, shard) as keep:
        return _run(study, params_file, only or [], limit, how, shard, keep)


def plan_study(
    params_file: Path,
    *,
    run_dir: str = "",
    only: list[str] | None = None,
    limit: int | None = None,
    force: bool = False,
) -> list[tuple[str, str]]:
    """Return what a run would do, in its order: each notebook and why it would run, blank where it is up to date."""
    params_file = params_file.absolute()
    study, environ = open_study(str(params_file), run_dir=run_dir), environment()
    look(study.folders)
    manifest = Manifest.open(study.folders.root, study.parameters.study, study.parameters.fingerprint)
    steps, _ = study_jobs(study, params_file, environ), page_notebooks(study)
    planned, stale = [], ""
    for job in steps:
        reason = stale or ("asked for" if force else manifest.reason(job))
        planned.append((job.name, reason))
        stale = stale or (reason and f"it rests on {job.name}")
    if stale or not is_table(study.folders.cells):
        return [*planned, ("pages", "they rest on the study notebooks")]
    everyone = study.reported_schools()
    for job in _wanted(page_jobs(study, params_file, environ, everyone), chosen(everyone, only or [], limit)):
        planned.append((job.name, "asked for" if force else manifest.reason(job)))
    return planned


def merge_study(
    params_file: Path, *, run_dir: str = "", only: list[str] | None = None, limit: int | None = None
) -> Summary:
    """Publish the pages that shards have made; `only` and `limit` are those of the shards.

    Raises `StudyFileError` where one of their pages has not been made at all.
    """
    params_file = params_file.absolute()
    study = open_study(str(params_file), run_dir=run_dir)
    with at_hand(study.folders):
        environ = environment()
        manifest = Manifest.open(study.folders.root, study.parameters.study, study.parameters.fingerprint)
        _require_cells(study, study_jobs(study, params_file, environ), manifest)
        everyone = study.reported_schools()
        pages = page_jobs(study, params_file, environ, everyone)
        reasons = {job.name: manifest.reason(job) for job in pages}
        wanted = [job.name for job in _wanted(pages, chosen(everyone, only or [], limit))]
        failed = [manifest.entries[name] for name in wanted if reasons[name] == FAILED_BEFORE]
        if missing := [name for name in wanted if reasons[name] not in ("", FAILED_BEFORE)]:
            raise StudyFileError(
                "merge",
                f"{counted(len(missing), 'page')} of {len(wanted)} not made yet: {', '.join(missing[:NAMES_SHOWN])}"
                + (", …" if len(missing) > NAMES_SHOWN else ""),
                fix="Nothing was published. Run the shards that are missing, or `run`, which makes what is not there.",
            )
        done = [job for job in pages if not reasons[job.name]]
        return _summary(study, 0, len(done), failed, publish(study, done))


def _require_cells(study: Study, steps: list[Job], manifest: Manifest) -> None:
    for job in steps:
        if reason := manifest.reason(job):
            raise StudyFileError(
                study.folders.cells, f"{job.name} is not up to date ({reason})", fix="First run with `--limit 0`."
            )


def _wanted(pages: list[Job], schools: list[str]) -> list[Job]:
    return [job for job in pages if job.name == BOARD or job.parameters["school_id"] in schools]


def _run(
    study: Study,
    params_file: Path,
    only: list[str],
    limit: int | None,
    how: How,
    shard: str,
    keep: Callable[[], None],
) -> Summary:
    environ = environment()
    manifest = Manifest.open(study.folders.root, study.parameters.study, study.parameters.fingerprint, shard)
    steps, reports = study_jobs(study, params_file, environ), page_notebooks(study)
    if shard:
        _require_cells(study, steps, manifest)
    manifest.begin(environ)
    made, kept, failed = 0, 0, []
    stale = (how.force and not shard) or not is_table(study.folders.cells)
    for number, job in enumerate(steps):
        if not stale and manifest.done(job):
            kept += 1
            continue
        if made == 0 and how.engine == WARM:
            fork.own_parent(preload([*(step.notebook for step in steps), *reports]))
        how.progress(Standing("study", number, len(steps), 0, kept, (job.name,)))
        stale = True  # What follows a notebook that ran anew rests on what it wrote.
        outcome = run_notebook(job.notebook, job.output, job.parameters, cwd=params_file.parent, engine=how.engine)
        entry = _recorded(manifest, job, _without_values(outcome))
        keep()
        if not outcome.ok:
            return _summary(study, made, kept, [entry], None)
        made += 1
    if limit == 0:
        return _summary(study, made, kept, [], None)
    everyone = study.reported_schools()
    pages = page_jobs(study, params_file, environ, everyone)
    wanted = _wanted(pages, chosen(everyone, only, limit))
    if how.shard is not None:
        wanted = wanted[how.shard[0] - 1 :: how.shard[1]]
    todo = [job for job in wanted if how.force or not manifest.done(job)]
    skipped = len(wanted) - len(todo)
    if how.force:
        for job in todo:
            job.output.unlink(missing_ok=True)  # Nor may a worker take it for what it is asked for.
    make = pages_by(how.scheduler or how.engine)
    with closing(make(todo, how.jobs, cwd=params_file.parent, limits=how.limits)) as ended:
        for done, (job, outcome, working) in enumerate(ended, 1):
            entry = _recorded(manifest, job, outcome)
            keep()
            if entry.status == OK:
                made += 1
            else:
                failed.append(entry)
            how.progress(Standing("pages", done, len(todo), len(failed), skipped, tuple(working)))
    # Looked at anew: what a page is made of may have changed since, for instance by a notebook in JupyterLab.
    finished = [job for job in page_jobs(study, params_file, environ, everyone) if manifest.done(job)]
    some = random.sample(sorted(finished, key=lambda job: job.name), min(how.verify, len(finished)))
    verify(some, how.jobs, cwd=params_file.parent, limits=how.limits)
    notes = []
    if some:
        names = ", ".join(job.name for job in some)
        notes.append(f"made again by papermill's own engine, the same to the byte: {names}")
    if shard:
        notes.append("nothing is published by a shard; when all have ended, `sro-research merge` does it")
    elif without := len(pages) - len(finished):
        notes.append(
            f"{without} of {len(pages)} pages are not in this release; a run without --only and --limit makes all"
        )
    index = None if shard else publish(study, finished)
    return _summary(study, made, kept + skipped, failed, index, notes)


def _recorded(manifest: Manifest, job: Job, outcome: Outcome) -> Entry:
    """Write down what came of a job; end the run where the disk did not take what it made.

    The others would fail too, and a release without their pages would take the place of a whole one.
    """
    if outcome.error.startswith(NO_PLACE):
        reason = outcome.error.removeprefix(NO_PLACE).rstrip(".")
        raise DiskError(job.name, reason, fix="Then run again: what is finished is kept.")
    return manifest.record(job, outcome)


def _without_values(outcome: Outcome) -> Outcome:
    """Say of an error only what kind it is, unless it is one of ours: others repeat what they stumbled over.

    A study notebook holds what people answered. The whole error is in the notebook that is kept.
    """
    kind, _, said = outcome.error.partition(": ")
    if not said or kind == DEAD_KERNEL or kind in {error.__name__ for error in errors_of_ours()}:
        return outcome
    return replace(outcome, error=f"{kind} (what it says may hold answers, and is in the notebook that is kept)")


def _summary(
    study: Study, made: int, kept: int, failed: list[Entry], index: Path | None, notes: Iterable[str] = ()
) -> Summary:
    shown = None if index is None else study.folders.shown(index)
    summary = Summary(made, kept, failed, [], shown, notes=tuple(notes))
    if summary.refusal or not study.has("sources"):  # What an earlier run set aside says nothing about this one.
        return summary
    sources = study.protected("sources")
    return replace(
        summary,
        problems=sources.loc[sources["status"] == "set aside", "problem"].tolist(),
        rows_set_aside=int(sources["rows_set_aside"].fillna(0).sum()),
        quarantine=study.folders.shown(study.folders.internal / "quarantine" / "quarantine.csv"),
        losses=losses_in_words(sources),
        notes=(*summary.notes, *_more_answers_than_people(study)),
    )


def _more_answers_than_people(study: Study) -> Iterator[str]:
    for population, instrument in study.surveyed.items():
        answers = read_table(study.folders.protected(f"responses/{instrument.id}"), ["school_id", "wave"])
        yield from more_answers_than_people(answers, study.protected("schools"), population)
