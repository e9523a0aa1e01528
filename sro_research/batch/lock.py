"""One run at a time in one results folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sro_research.errors import StudyFileError


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Hold a results folder for this process; the system lets go of it when the process ends, however it ends.

    Raises `StudyFileError` while another process holds it. Windows has no such locks: nothing is held there.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = os.open(root / "internal" / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyFileError(
                root,
                "another run is using this folder",
                fix="Wait until it has ended, or give `--run-dir` another one.",
            ) from None
        except OSError:
            pass  # A network disk without locks: go on without one.
        yield
    finally:
        os.close(lock)
