"""Children of a warm parent, seen from the program that wants them."""

from __future__ import annotations

import atexit
import json
import os
import pickle
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sro_research.batch.warm import parent as inside
from sro_research.batch.warm.channel import Channel

ALWAYS = ("sro_research.batch.warm.kernel", "papermill")
"""What every child needs, imported before what notebooks import. papermill itself imports the engine, which must not be
imported before it."""
RESERVE_NOTHING = {"MIMALLOC_ARENA_EAGER_COMMIT": "0"}
"""pyarrow's allocator reads this: a gigabyte that it only reserves is not to count as memory that a page takes."""
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **RESERVE_NOTHING,
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""Libraries read these when they are imported: threads they are not to start, the backend that a kernel sets, and that
nobody debugs here."""
POSSIBLE = sys.platform == "linux"
"""Other systems cannot fork a process that has loaded their own libraries, or not at all."""
_SECONDS_TO_IMPORT = 120
_SECONDS_TO_END = 1


LIMITS = tuple(name for name in dir(resource) if name.startswith("RLIMIT_"))
"""Limits of this process that a child is to have, as one that is started has."""


class WarmError(RuntimeError):
    """The parent is gone."""


class RefusedError(RuntimeError):
    """The parent is there and refuses to fork."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status (negative: the signal), seconds of CPU and the peak of its memory in kB."""

    status: int
    cpu: float
    peak: int


class WarmParent:
    """A connection to a parent, and the children that were asked for over it. May be used by several threads."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._ready = False
        self._ended: dict[int, Ended] = {}
        self._answers: list[dict[str, Any]] = []
        self._lock = threading.RLock()

    @classmethod
    def start(cls, preload: Sequence[str] = ()) -> WarmParent:
        """Start a parent that imports `preload`; it ends when this connection is closed."""
        ours, theirs = socket.socketpair()
        code = "from sro_research.batch.warm.parent import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno()), *ALWAYS, *preload],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        found = cls(Channel(ours))
        found.process = process
        return found

    process: subprocess.Popen[bytes] | None = None

    def fork(
        self,
        function: str,
        arguments: dict[str, Any],
        *,
        files: Sequence[int] = (),
        streams: tuple[int, int] | None = None,
        folder: str = "",
        environment: dict[str, str] | None = None,
    ) -> int:
        """Call `function` ("module:name") in a new child and return its process number.

        It gets the descriptors of `files` and the arguments. The child has this process's working folder and
        environment as they are now, and `streams` as its standard output and error (nothing is kept without them).
        Raises `WarmError` and `RefusedError`.
        """
        about = {
            "function": function,
            "folder": folder or str(Path.cwd()),
            "environment": dict(os.environ) if environment is None else environment,
            "files": 2 + len(files),
            "limits": {name: resource.getrlimit(getattr(resource, name)) for name in LIMITS},
        }
        with self._lock, Path(os.devnull).open("r+b") as nothing:
            out, err = streams or (nothing.fileno(), nothing.fileno())
            try:
                self.channel.send(json.dumps(about).encode(), pickle.dumps(arguments), files=[out, err, *files])
            except OSError:
                self.channel.ended = True  # Who wants one the next time gets another.
                raise WarmError("it is gone") from None
            while not self._answers:
                if not self._listen(_SECONDS_TO_IMPORT):
                    raise WarmError("it does not answer")
            answer = self._answers.pop()
        if "refused" in answer:
            raise RefusedError(f"the warm parent refuses to fork: {answer['refused']}")
        return int(answer["forked"])

    def ended(self, pid: int, seconds: float | None = 0.0) -> Ended | None:
        """Return how a child ended, None while it has not; waits for so many seconds (None: for ever)."""
        until = None if seconds is None else time.monotonic() + seconds
        with self._lock:
            while pid not in self._ended:
                left = None if until is None else max(0.0, until - time.monotonic())
                if not self._listen(left):
                    return None
            return self._ended[pid]

    def first_ended(self, pids: Sequence[int]) -> int:
        """Wait until one of several children has ended, and return which."""
        with self._lock:
            while not (ended := self._ended.keys() & set(pids)):
                self._listen(None)
            return min(ended)

    def forget(self, pid: int) -> Ended:
        """Return how a child ended, and keep nothing of it. Raises `KeyError` where it has not."""
        return self._ended.pop(pid)

    def _listen(self, seconds: float | None) -> bool:
        """Take in what the parent says; False if it says nothing in time. Raises `WarmError` where it is gone."""
        while (frames := self.channel.take()) is None:
            if self.channel.ended:
                raise WarmError("it is gone")
            if not select.select([self.channel.socket], [], [], seconds)[0]:
                return False
            self.channel.fill()
        said = json.loads(frames[0])
        if "ended" in said:
            self._ended[said["ended"]] = Ended(said["status"], said["cpu"], said["peak"])
        elif "ready" in said:
            self._ready = True
        else:
            self._answers.append(said)
        return True

    def close(self) -> None:
        """End the parent and all its children."""
        with suppress(OSError):
            self.channel.close()
        if self.process is not None:
            try:
                # It ends its children and itself at once, but hears nothing while it imports: then it has none.
                self.process.wait(_SECONDS_TO_END if self._ready else 0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def kill(pid: int, number: int = signal.SIGKILL, *, group: bool = True) -> None:
    """Send a signal to a child, and to all that it started unless `group` is false."""
    with suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, number)


@contextmanager
def ctrl_c_later() -> Iterator[None]:
    """Let Ctrl-C wait until a process that is being started is known: nobody would end one that is not."""
    if threading.current_thread() is not threading.main_thread():  # Others do not hear it.
        yield
        return
    pressed: list[int] = []
    heard = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)
    if pressed:
        raise KeyboardInterrupt


_own: dict[int, WarmParent] = {}
"""By process: what is forked from this one needs a connection of its own."""


def own_parent(preload: Sequence[str] = ()) -> WarmParent:
    """Return the parent of this process if it is a warm child, otherwise one that is started for it.

    One that is there and alive stays, whatever it has imported.
    """
    found = _own.get(os.getpid())
    if found is None or found.channel.ended:
        with ctrl_c_later():
            if inside.own_parent is not None:
                found = WarmParent(inside.own_parent)
            else:
                found = WarmParent.start(preload)
                atexit.register(found.close)
            _own[os.getpid()] = found
    return found


def end_own_parent() -> None:
    """End the parent that was started for this process, and all its children."""
    if (found := _own.pop(os.getpid(), None)) is not None:
        atexit.unregister(found.close)
        found.close()
