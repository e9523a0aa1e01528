"""One run at a time in one results folder, or several shards of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sro_research.errors import StudyFileError


@contextmanager
def alone_in(root: Path, shard: str = "") -> Iterator[None]:
    """Hold a results folder for this process; the system lets go of it when the process ends, however it ends.

    A shard shares the folder with other shards. Raises `StudyFileError` while another process holds it. Windows has no
    such locks: nothing is held there.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with ExitStack() as held:
        for name, how in (
            [(".lock", fcntl.LOCK_SH), (f".lock.{shard}", fcntl.LOCK_EX)] if shard else [(".lock", fcntl.LOCK_EX)]
        ):
            lock = os.open(root / "internal" / name, os.O_CREAT | os.O_RDWR, 0o600)
            held.callback(os.close, lock)
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StudyFileError(
                    root,
                    "another run is using this folder",
                    fix="Wait until it has ended, or give `--run-dir` another one.",
                ) from None
            except OSError:
                pass  # A network disk without locks: go on without one.
        yield
