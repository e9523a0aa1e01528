"""Pages made by the workers of a Dask cluster; each worker starts a warm parent of its own.

All machines see the study's folders at the same paths. A worker leaves a receipt beside what it made, because Dask
computes again what was finished on a worker that it lost: who is asked twice looks for the receipt first.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from sro_research.batch.executors import Ended, preload
from sro_research.batch.notebook import WARM, Outcome
from sro_research.batch.page import Limits, make_page
from sro_research.batch.plan import Job
from sro_research.batch.warm.pool import Died, one_task
from sro_research.errors import WorkbenchError
from sro_research.files import file_fingerprint, fingerprint, read_json, write_json
from sro_research.report.drawing import RENDERER, Renderer

SECONDS_TO_CONNECT = 30


def cluster_pages(address: str, jobs: Sequence[Job], _slots: int, *, cwd: Path, limits: Limits) -> Ended:
    """Make pages on the cluster whose scheduler is at `address`; how many at a time is the cluster's affair.

    Raises `WorkbenchError` where there is no scheduler, or no longer.
    """
    try:
        from distributed import Client, as_completed
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise WorkbenchError(
            "--scheduler", "Dask is not installed", fix='`pip install "sro-research-workbench[dask]"`'
        ) from None
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except OSError:
        raise WorkbenchError(
            "--scheduler", f"there is no Dask scheduler at {address}", fix="Start one, or mend the address."
        ) from None
    modules = preload({job.notebook for job in jobs})
    with client:
        futures = {
            client.submit(page_on_worker, job, cwd, limits, modules, key=f"{job.name}-{_key(job)}"): job for job in jobs
        }
        for future in as_completed(list(futures), loop=client.loop, raise_errors=False):
            job = futures.pop(future)
            try:
                yield job, future.result(), []
            except KilledWorker:
                yield job, Outcome(0.0, None, "the workers that made this page died; run again"), []
            except (FutureCancelledError, OSError) as error:
                if client.status == "running" and isinstance(error, OSError):
                    yield job, Outcome(0.0, None, f"{type(error).__name__} on a worker; run again"), []
                    continue
                raise WorkbenchError(
                    "--scheduler", f"the Dask scheduler at {address} is gone", fix="Start it, and run again."
                ) from None


def page_on_worker(job: Job, cwd: Path, limits: Limits, modules: list[str]) -> Outcome:
    """Make a page in a child of this worker's warm parent, unless a receipt says that it is made."""
    receipt = job.output.with_suffix(".receipt.json")
    if (found := _receipt(receipt, job)) is not None:
        return found
    _renderer()
    result = one_task(
        f"{make_page.__module__}:{make_page.__name__}",
        {"job": job, "cwd": cwd, "engine": WARM, "limits": limits},
        modules,
    )
    if isinstance(result, Died):
        return Outcome(0.0, None, f"the process that made this page died twice ({result.status}); run again")
    if result.ok:
        write_json(receipt, {"key": _key(job), "outputs": _outputs(job), "outcome": asdict(result)})
    return result


@cache
def _renderer() -> None:
    """Start the one renderer of this worker; the children of the worker's parent find it in their environment."""
    renderer = Renderer()
    atexit.register(renderer.close)
    os.environ[RENDERER] = renderer.address


def _receipt(path: Path, job: Job) -> Outcome | None:
    found: dict[str, Any] | None = read_json(path)
    if found is None or found["key"] != _key(job) or found["outputs"] != _outputs(job):
        return None
    return Outcome(**found["outcome"])


def _key(job: Job) -> str:
    """Return what tells a job from others of the same name, of other inputs or in another folder."""
    return fingerprint(job.inputs, str(job.output))


def _outputs(job: Job) -> dict[str, str]:
    return {path.name: file_fingerprint(path) for path in (job.output, *job.pages.values())}
