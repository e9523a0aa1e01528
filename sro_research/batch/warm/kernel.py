"""A kernel of IPython in a forked child: all of ipykernel but its ZeroMQ sockets, in whose place a pair of pipes is.

Messages keep the form they have on the wire, so what a client gets is what it would get from a kernel started anew.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import ipykernel.debugger  # noqa: F401 - imported by each kernel when it begins: better before it is forked
import psutil  # type: ignore[import-untyped]  # noqa: F401
import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.provisioning import KernelProvisionerFactory
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Type

from sro_research.batch.warm.channel import Channel

KernelProvisionerFactory.instance()  # Reads what all installed packages say about themselves: once, before the forks.


class PipeStream:
    """What a kernel uses of a ZeroMQ socket or stream, over a channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._handled: set[asyncio.Future[None]] = set()
        self._callback: Callable[[list[zmq.Frame]], Awaitable[None]] | None = None

    @cached_property
    def context(self) -> zmq.Context[Any]:
        """Sockets inside this process: between its threads, and from processes that a notebook forks."""
        return zmq.Context()

    @cached_property
    def io_loop(self) -> IOLoop:
        """The loop in which messages are received."""
        return IOLoop.current()

    def send_multipart(self, frames: list[Any], *_: object, **__: object) -> None:
        """Send a message as it would go over the wire."""
        self.channel.send(*(frame.bytes if isinstance(frame, zmq.Frame) else bytes(frame) for frame in frames))

    def on_recv(self, callback: Callable[[list[zmq.Frame]], Awaitable[None]], **_: object) -> None:
        """Call back with each message, in the order of arrival; end the loop when the client is gone."""
        self._callback = callback
        self.io_loop.add_handler(self.channel.socket.fileno(), self._read, IOLoop.READ)

    def _read(self, *_: object) -> None:
        self.channel.fill()
        while (frames := self.channel.take()) is not None and self._callback is not None:
            handled = asyncio.ensure_future(self._callback([zmq.Frame(frame) for frame in frames]))
            self._handled.add(handled)
            handled.add_done_callback(self._handled.discard)
        if self.channel.ended:
            self.io_loop.remove_handler(self.channel.socket.fileno())
            self.io_loop.stop()

    def flush(self, *_: object) -> None:
        """Do nothing: a message has gone when it is sent."""

    def close(self) -> None:
        """Close this end."""
        self.channel.close()


class _MainThread:
    """Stands where the thread of the shell channel would: there is none, and cells run in the main thread."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


class PipeKernel(IPythonKernel):
    """IPython's kernel over pipes, without subshells and debugger."""

    shell_stream = AnyTrait()
    _supports_kernel_subshells = False

    def start(self) -> None:
        """Start to listen, without a word about the debugger that is not there."""
        if self.shell is not None:
            self.shell.exit_now = False
        super(IPythonKernel, self).start()


class PipeKernelApp(IPKernelApp):
    """IPython's kernel application: its configuration, profile, extensions and streams, without sockets and files."""

    kernel_class = Type(PipeKernel)
    shell_pipe, iopub_pipe = AnyTrait(), AnyTrait()

    def init_connection_file(self) -> None:
        """Write none: nobody else can connect."""

    def init_poller(self) -> None:
        """Watch no parent: the system ends this process with it."""

    def init_sockets(self) -> None:
        """Let output go through its own thread, as it does with sockets."""
        self.session.key = b""  # Nobody else can write to the pipes, so messages need no signature.
        self.iopub_thread = IOPubThread(self.iopub_pipe, pipe=True, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket
        self.configure_tornado_logger()

    def init_heartbeat(self) -> None:
        """Have none: the parent knows whether this process lives."""

    def write_connection_file(self, **_: object) -> None:
        """Write none."""

    def log_connection_info(self) -> None:
        """Say nothing: nobody else can connect."""

    def init_kernel(self) -> None:
        """Make the kernel."""
        self.kernel = PipeKernel.instance(
            parent=self,
            session=self.session,
            shell_stream=self.shell_pipe,
            shell_channel_thread=_MainThread(),
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count


def run_kernel(shell: int, iopub: int, *, arguments: list[str]) -> None:
    """Serve a client through two descriptors until it asks for the end or is gone."""
    launcher = find_spec("ipykernel_launcher")
    nowhere = Path(gettempdir()) / f"kernel-{os.getpid()}.json"  # What a kernel is started with; it is not read here.
    sys.argv = [str(launcher and launcher.origin), "-f", str(nowhere), *arguments]
    faulthandler.disable()
    app = PipeKernelApp.instance(
        shell_pipe=PipeStream(Channel(socket.socket(fileno=shell))),
        iopub_pipe=PipeStream(Channel(socket.socket(fileno=iopub))),
    )
    app.initialize(sys.argv[1:])
    app.start()
    sys.stdout.flush()
    sys.stderr.flush()
    app.iopub_thread.stop()
