"""The process that imports and forks.

It never computes. A child begins as a copy of it with everything imported, which costs milliseconds where a new process
costs seconds. A copy is sound only of a process with one thread, since the locks that other threads hold would stay
held in the copy for ever: this process refuses to fork when it has more. It is started by exec and never forked from a
program at work, and libraries that start threads when they are imported are told not to.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pickle
import random
import resource
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from sro_research.batch.warm.channel import Channel

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""
_KILL_FIRST = b"1000"
"""Where memory runs out, the system takes a child rather than the run."""
own_parent: Channel | None = None
"""In a child: the way to its parent, of whom it may ask for more children."""


class Parent:
    """Serves connections: each may ask for children, hears how they ended, and takes them with it when it closes."""

    def __init__(self, owner: socket.socket) -> None:
        self.selector = selectors.DefaultSelector()
        self.connections: dict[Channel, set[int]] = {}
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        self.wake = wake
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for deaf in (signal.SIGINT, signal.SIGTERM):  # Its owner says when it ends, by closing.
            signal.signal(deaf, signal.SIG_IGN)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.owner = self._connect(owner)
        self._tell(self.owner, {"ready": os.getpid()})

    def serve(self) -> None:
        """Serve until the owner closes."""
        while True:
            for key, _ in self.selector.select():
                if key.fd == self.woken:
                    with suppress(BlockingIOError):
                        os.read(self.woken, 4096)
                    self._reap()
                elif (channel := key.data) in self.connections:
                    channel.fill()
                    while (request := channel.take()) is not None:
                        self._fork(channel, request)
                    if channel.ended:
                        self._disconnect(channel)
                        if channel is self.owner:
                            return

    def _connect(self, sock: socket.socket) -> Channel:
        channel = Channel(sock)
        self.connections[channel] = set()
        self.selector.register(sock, selectors.EVENT_READ, channel)
        return channel

    def _disconnect(self, channel: Channel) -> None:
        leaving = list(self.connections) if channel is self.owner else [channel]
        for one in leaving:
            self.selector.unregister(one.socket)
            for pid in self.connections.pop(one):
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            one.close()

    def _fork(self, channel: Channel, request: list[bytes]) -> None:
        files = [channel.files.popleft() for _ in range(json.loads(request[0])["files"])]
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads == 1:
            theirs, ours = socket.socketpair()
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._become_child(parent, request, files, theirs)
            theirs.close()
            self._connect(ours)
            self.connections[channel].add(pid)
            answer: dict[str, Any] = {"forked": pid}
        else:
            answer = {"refused": f"it has {threads} threads, and a process is only forked from one"}
        for file in files:
            os.close(file)
        self._tell(channel, answer)

    def _reap(self) -> None:
        while (ended := _ended_child()) is not None:
            # What the child started and left behind goes too; its own number is not free before it is reaped.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(ended, signal.SIGKILL)
            _, status, usage = os.wait4(ended, 0)
            for channel, pids in self.connections.items():
                if ended in pids:
                    pids.discard(ended)
                    cpu = round(usage.ru_utime + usage.ru_stime, 4)
                    code = os.waitstatus_to_exitcode(status)
                    self._tell(channel, {"ended": ended, "status": code, "cpu": cpu, "peak": usage.ru_maxrss})
                    break

    def _tell(self, channel: Channel, answer: dict[str, Any]) -> None:
        with suppress(OSError):  # Who is gone is found out when its connection is read.
            channel.send(json.dumps(answer).encode())

    def _become_child(self, parent: int, request: list[bytes], files: list[int], theirs: socket.socket) -> NoReturn:
        """Leave everything of the parent behind, do what was asked for, and end; never returns."""
        status = 70  # An error of this program itself: a traceback is on the standard error.
        try:
            signal.set_wakeup_fd(-1)
            for changed in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(changed, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            if os.getppid() != parent:  # It died before the system was asked to tell.
                os._exit(status)
            os.setsid()
            self.selector.close()
            for end in (self.woken, self.wake):
                os.close(end)
            for channel in self.connections:
                channel.socket.close()
            global own_parent
            own_parent = Channel(theirs)
            with suppress(OSError):
                Path("/proc/self/oom_score_adj").write_bytes(_KILL_FIRST)
            _call(json.loads(request[0]), request[1], files)
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(_finish(status))


def _call(about: dict[str, Any], arguments: bytes, files: list[int]) -> None:
    os.environ.clear()
    os.environ.update(about["environment"])
    time.tzset()
    os.chdir(about["folder"])
    for limit, most in about["limits"].items():
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, limit), tuple(most))
    for at, file in enumerate(files[:2], 1):
        os.dup2(file, at)
        os.close(file)
    random.seed()
    if "numpy.random" in sys.modules:  # Every child would draw the same numbers.
        sys.modules["numpy.random"].seed()
    module, name = about["function"].split(":")
    getattr(importlib.import_module(module), name)(*files[2:], **pickle.loads(arguments))


def _finish(status: int) -> int:
    """End as an interpreter does, but leave the memory to the system: taking it apart costs a second."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        status = status or 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    return status


def _ended_child() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found is not None else None


def main() -> None:
    """Import what is named, and serve the connection whose descriptor is given: `parent.py FD MODULE...`."""
    if sys.path[0] in ("", str(Path.cwd())):  # A kernel finds modules of its own working folder, and puts it there.
        del sys.path[0]
    owner = socket.socket(fileno=int(sys.argv[1]))
    for module in sys.argv[2:]:
        with suppress(ImportError):  # The notebook that needs it says so itself.
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    Parent(owner).serve()
    os._exit(0)  # Its owner waits for it, and an interpreter takes itself apart slowly.
