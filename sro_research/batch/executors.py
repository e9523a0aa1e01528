"""Many pages: who makes them, and where. Every executor takes the same jobs and yields them as they end."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event

import nbformat

from sro_research.batch.notebook import STOCK, WARM, Outcome
from sro_research.batch.page import Limits, make_page
from sro_research.batch.plan import Job
from sro_research.batch.warm.fork import ctrl_c_later
from sro_research.batch.warm.pool import Died, WarmPool
from sro_research.errors import EXIT_STOPPED
from sro_research.report.drawing import PAGES_AT_A_TIME, RENDERER, Renderer

SECONDS_TO_END = 1.5
"""So long a process that is told to end has time to do so."""
LATE = ("babel.dates", "pyarrow.dataset", "pyarrow.parquet")
"""What libraries import only when they are first used, in each child again."""
_told_to_end = Event()

Ended = Generator[tuple[Job, Outcome, list[str]]]
"""A job that has ended, what came of it, and the names of those that are being worked on."""


def preload(notebooks: Iterable[Path]) -> list[str]:
    """Return what children import to make pages of these notebooks, so that a parent can import it before them."""
    found = dict.fromkeys([make_page.__module__, *LATE])
    for notebook in notebooks:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "code":
                found |= dict.fromkeys(_imported(cell.source))
    return list(found)


def _imported(source: str) -> Iterator[str]:
    try:
        body = ast.parse(source).body
    except SyntaxError:  # A magic, or a mistake that the notebook will show.
        return
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
            yield from (f"{statement.module}.{name.name}" for name in statement.names)  # Some of them are modules.


def pages_by(where: str) -> Callable[..., Ended]:
    """Return the executor of an engine, or of the Dask scheduler at an address."""
    if where == WARM:
        return warm_pages
    if ":" not in where:
        return stock_pages
    from sro_research.batch.cluster import cluster_pages  # Dask is installed only where it is wanted.

    return partial(cluster_pages, where)


def warm_pages(jobs: Sequence[Job], slots: int, *, cwd: Path, limits: Limits) -> Ended:
    """Make pages in forked children, so many at a time; renderers stay beside them."""
    if not jobs:
        return
    modules = preload({job.notebook for job in jobs})
    tasks = ({"job": job, "cwd": cwd, "engine": WARM, "limits": limits} for job in jobs)
    slots = min(slots, len(jobs))
    with ExitStack() as beside:
        with ctrl_c_later():
            renderers = [beside.enter_context(Renderer()) for _ in range(0, slots, PAGES_AT_A_TIME)]
        environments = [{RENDERER: renderers[slot // PAGES_AT_A_TIME].address} for slot in range(slots)]
        pool = beside.enter_context(WarmPool(slots, modules, environments))
        for number, result in pool.run(f"{make_page.__module__}:{make_page.__name__}", tasks):
            yield jobs[number], _ended(result), [task["job"].name for task in pool.running if task]


def _ended(result: Outcome | Died) -> Outcome:
    if isinstance(result, Died):
        how = signal.Signals(-result.status).name if result.status < 0 else f"exit status {result.status}"
        return Outcome(0.0, None, f"the process that made this page died twice ({how}); run again")
    return result


def stock_pages(jobs: Sequence[Job], slots: int, *, cwd: Path, limits: Limits) -> Ended:
    """Make pages by papermill's own engine, a new kernel for each, in processes that stay."""
    left = list(jobs)
    while left:
        left = yield from _stock_pool(left, slots, cwd=cwd, limits=limits)
        # A process died, with one of the pages that were handed out: each is made once more, by itself.
        suspects, left = left[: slots + 1], left[slots + 1 :]
        for job in suspects:
            if (yield from _stock_pool([job], 1, cwd=cwd, limits=limits)):
                yield job, Outcome(0.0, None, "the process that made this page died twice; run again"), []


def _stock_pool(
    jobs: Sequence[Job], slots: int, *, cwd: Path, limits: Limits
) -> Generator[tuple[Job, Outcome, list[str]], None, list[Job]]:
    """Make pages until all are made or a process dies; return those that are not made, as they were handed out."""
    # Spawned, not forked: vl-convert and the kernel client hold threads.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        max_workers=min(slots, len(jobs)), mp_context=context, initializer=_end_with_kernels
    ) as pool:
        lost: set[str] = set()
        try:
            make = partial(_make_unless_told, cwd=cwd, engine=STOCK, limits=limits)
            with _deaf_to_ctrl_c():
                futures = {pool.submit(make, job): job for job in jobs}
            for future in as_completed(futures):
                working = [job.name for running, job in futures.items() if running.running()]
                if isinstance(future.exception(), BrokenProcessPool):
                    lost.add(futures[future].name)
                else:
                    yield futures[future], future.result(), working
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _end(set(multiprocessing.active_children()) - others)
            raise
    return [job for job in jobs if job.name in lost]


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to this one."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _end_with_kernels() -> None:
    """Make a process that is told to end do so as a program ends: its kernel is shut down, its sockets are removed.

    One that is not told, since its parent was killed, tells itself.
    """

    def end(*_: object) -> None:
        _told_to_end.set()
        sys.exit(EXIT_STOPPED)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_end_without_parent, daemon=True).start()


def _end_without_parent() -> None:
    """End when the process that gives the work is gone, which nothing else here would notice."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(EXIT_STOPPED)  # Its kernel looks for it every second.


def _make_unless_told(job: Job, *, cwd: Path, engine: str, limits: Limits) -> Outcome:
    if _told_to_end.is_set():
        sys.exit(EXIT_STOPPED)
    return make_page(job, cwd=cwd, engine=engine, limits=limits)


def _end(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
