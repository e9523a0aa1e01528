"""One run at a time in one results folder, or several shards of one; on this machine, and at a URL."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sro_research.batch.place import Place, PlaceError
from sro_research.errors import StudyFileError
from sro_research.files import writing

LOCK = "internal/.lock"
HOURS_HELD = 3
"""A lock at a URL that was not renewed for so long is that of a machine that died; whoever stores something renews."""


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
            path = root / "internal" / name
            with writing(path):
                lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
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


@contextmanager
def alone_at(place: Place, *, hold: bool) -> Iterator[Callable[[], None]]:
    """Hold a place that other machines use too, by a file there; yield what renews it.

    The file says when it was last renewed, and nothing about who holds it. It is deleted however the block ends, also
    by SIGTERM, with which a machine that is being shut down is told so; that of a machine that died holds for some
    hours. Unless `hold`, only look whether somebody holds the place.
    Raises `PlaceError` while another process holds it, and from what renews it where another took over.
    """
    token = secrets.token_hex(8)

    def renewed() -> bytes:
        return json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), "token": token}).encode()

    def renew() -> None:
        if not hold:
            return
        if (_holder(place) or {}).get("token") != token:
            raise PlaceError(
                place.url,
                "another run has taken over, or the lock was deleted; what was made since the last store is lost",
                fix="Wait until the other run has ended, then run again.",
            )
        place.write(LOCK, renewed())

    with place.reaching():
        if (other := _holder(place)) is not None:
            if _is_fresh(other):
                raise _taken(place, other)
            place.delete([LOCK])
        if hold:
            with suppress(FileExistsError):
                place.create(LOCK, renewed())
            if (found := _holder(place) or {}).get("token") != token:
                raise _taken(place, found)
    before = end_as_by_ctrl_c()
    try:
        yield renew
    finally:
        with suppress(Exception):  # Out of reach: it holds for some hours.
            if (_holder(place) or {}).get("token") == token:
                place.delete([LOCK])
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def end_as_by_ctrl_c() -> Any:
    """Hear SIGTERM as Ctrl-C; return what heard it before.

    Said again each time, because papermill's client leaves SIGTERM to the system when it is done with a notebook.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, signal.default_int_handler)


def _holder(place: Place) -> dict[str, str] | None:
    data = place.read(LOCK)
    try:
        found = None if data is None else json.loads(data)
    except ValueError:
        return {}
    return found if found is None or isinstance(found, dict) else {}


def _is_fresh(lock: dict[str, str]) -> bool:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(lock["time"]) < timedelta(hours=HOURS_HELD)
    except (KeyError, TypeError, ValueError):
        return True


def _taken(place: Place, other: dict[str, str]) -> PlaceError:
    return PlaceError(
        place.url,
        f"another run works here; its last sign of life is of {other.get('time', 'an unknown time')}",
        fix=f"Wait until it has ended. If its machine died, delete {LOCK} there, or wait {HOURS_HELD} hours from then.",
    )
