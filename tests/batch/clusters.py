"""A Dask cluster of real processes on this machine, to be killed in parts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil

SECONDS_TO_START = 60
SECONDS_TO_END = 15


class Cluster:
    """A scheduler and workers, each below a nanny that starts it again when it dies."""

    def __init__(self, folder: Path, workers: int = 1, threads: int = 2) -> None:
        folder.mkdir()
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", 0)
        self.nannies = self._start("worker", "--nworkers", workers, "--nthreads", threads)
        limit = time.monotonic() + SECONDS_TO_START
        while not self.file.exists():
            assert time.monotonic() < limit
            time.sleep(0.1)
        self.address: str = json.loads(self.file.read_text())["address"]

    def _start(self, what: str, *words: object) -> psutil.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *map(str, words)]
        return psutil.Popen([*command, "--no-dashboard", "--scheduler-file", self.file], stderr=subprocess.DEVNULL)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that make pages' children."""
        return [p for p in self.nannies.children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        family = [*self.nannies.children(recursive=True), self.nannies, self.scheduler]
        for process in (self.scheduler, self.nannies):
            process.kill()
        _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_END)
        left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        for process in left:
            process.kill()
        assert error is not None or left == []
