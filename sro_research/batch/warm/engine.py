"""The engine `warm` for papermill: its own client of notebooks, with a kernel that is forked instead of started.

Everything that makes a notebook of messages is papermill's and nbclient's; only the way to the kernel is another.
"""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import socket
import sys
from functools import cache
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.session import Session
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.log import logger

from sro_research.batch.warm.channel import Channel
from sro_research.batch.warm.fork import POSSIBLE, kill, own_parent

KERNEL = "sro_research.batch.warm.kernel:run_kernel"
SECONDS_TO_END = 5.0
"""So long a kernel that is asked to end has time to do so: the time that jupyter_client gives it."""
_SECONDS_BETWEEN_LOOKS = 0.002


class PipeChannel:
    """A channel of a kernel client over one end of a pipe."""

    def __init__(self, sock: socket.socket, session: Session) -> None:
        self.channel, self.session = Channel(sock), session

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the kernel; one that is gone does not hear it."""
        try:
            self.session.send(self, message)  # type: ignore[arg-type]  # It only calls `send_multipart`.
        except ConnectionError:
            self.channel.ended = True

    def send_multipart(self, frames: list[bytes], **_: object) -> None:
        """Send a message in the form it has on the wire."""
        self.channel.send(*frames)

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message from the kernel. Raises `queue.Empty` where none comes in time (seconds)."""
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        while (frames := self.channel.take()) is None:
            left = None if until is None else max(0.0, until - loop.time())
            readable = loop.create_future()
            if not self.channel.ended:  # A kernel that is gone says nothing more; who waits finds out by `is_alive`.
                loop.add_reader(self.channel.socket, _settle, readable)
            try:
                await asyncio.wait_for(readable, left)
            except TimeoutError:
                raise queue.Empty from None
            finally:
                if self.channel.socket.fileno() >= 0:
                    loop.remove_reader(self.channel.socket)
            self.channel.fill()
        _, message = self.session.feed_identities(frames)
        return self.session.deserialize(message)

    def close(self) -> None:
        """Close this end, also to who still waits for a message."""
        asyncio.get_running_loop().remove_reader(self.channel.socket)
        self.channel.close()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class PipeClient(AsyncKernelClient):
    """A client of a forked kernel."""

    shell_channel: Any = None
    iopub_channel: Any = None

    def __init__(self, manager: WarmKernel) -> None:
        super().__init__(session=manager.session)
        self.manager = manager
        self.shell_channel, self.iopub_channel = manager.shell, manager.iopub

    def start_channels(self, *_: object, **__: object) -> None:
        """Do nothing: they are there as long as the kernel is."""

    def stop_channels(self) -> None:
        """Do nothing: they are closed with the kernel."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return at once: a pipe keeps what is sent until the kernel listens."""

    async def is_alive(self) -> bool:
        """Tell whether the kernel lives."""
        return await self.manager.is_alive()


class WarmKernel:
    """What nbclient uses of a kernel manager, for a kernel that is forked by the warm parent."""

    ipykernel = True

    def __init__(self) -> None:
        self.parent, self.session = own_parent(), Session(key=b"")
        self.pid: int | None = None
        self.shell: PipeChannel
        self.iopub: PipeChannel

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel was started and has not been cleaned up."""
        return self.pid is not None

    async def start_kernel(self, *, extra_arguments: list[str], **_: object) -> None:
        """Fork a kernel in this process's working folder, with its environment, output and error."""
        shell, iopub = socket.socketpair(), socket.socketpair()
        self.shell, self.iopub = PipeChannel(shell[0], self.session), PipeChannel(iopub[0], self.session)
        try:
            self.pid = self.parent.fork(
                KERNEL,
                {"arguments": list(extra_arguments)},
                files=[shell[1].fileno(), iopub[1].fileno()],
                streams=(1, 2),
                environment={**os.environ, "JPY_PARENT_PID": str(os.getpid())},
            )
        finally:
            for theirs in (shell[1], iopub[1]):
                theirs.close()

    def client(self) -> PipeClient:
        """Return a client of the kernel."""
        return PipeClient(self)

    async def is_alive(self) -> bool:
        """Tell whether the kernel lives."""
        return self.pid is not None and self.parent.ended(self.pid) is None

    async def interrupt_kernel(self) -> None:
        """Interrupt the cell that runs, as Ctrl-C would."""
        if self.pid is not None:
            kill(self.pid, signal.SIGINT)

    async def shutdown_kernel(self, *, now: bool = False) -> None:
        """Ask the kernel to end, and end it where it does not; `now` does not ask."""
        assert self.pid is not None
        await self.interrupt_kernel()  # A cell that still runs would not hear that it is asked.
        if not now:
            self.shell.send(self.session.msg("shutdown_request", {"restart": False}))
            loop = asyncio.get_running_loop()
            until = loop.time() + SECONDS_TO_END
            while await self.is_alive() and loop.time() < until:
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        if await self.is_alive():
            kill(self.pid)
            self.parent.ended(self.pid, None)

    async def cleanup_resources(self) -> None:
        """Close the pipes and forget the kernel."""
        if self.pid is not None:
            self.parent.forget(self.pid)
            self.pid = None
        for channel in (self.shell, self.iopub):
            channel.close()


class StockEngine(NBClientEngine):
    """papermill's own engine, which can also keep what ran of a notebook whose kernel died or took too long."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, keep: str = "", **kwargs: Any) -> Any:
        """Run a notebook and return it; `keep` is the file to save it to where it could not be run to its end."""
        try:
            return cls.run(nb_man, kernel_name, **kwargs)
        except Exception:
            if keep:
                nb_man.output_path = keep
            raise

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Run a notebook as papermill does."""
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


class WarmEngine(StockEngine):
    """papermill's engine `warm`; kernels of other languages or environments are started as papermill starts them."""

    @classmethod
    def run(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a notebook and return it; the arguments are those of papermill's own engine."""
        if not (POSSIBLE and _is_own_kernel(kernel_name)):
            return super().run(
                nb_man,
                kernel_name,
                log_output=log_output,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
                start_timeout=start_timeout,
                execution_timeout=execution_timeout,
                **kwargs,
            )
        options = {name: value for name, value in kwargs.items() if name not in ("input_path", "timeout")}
        client = PapermillNotebookClient(
            nb_man,
            km=WarmKernel(),
            timeout=execution_timeout or kwargs.get("timeout"),
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            **options,
        )
        return client.execute(cleanup_kc=True)


@cache
def _is_own_kernel(name: str) -> bool:
    """Tell whether a kernel is IPython's in the environment of this process."""
    try:
        specification = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return False  # papermill says so.
    program, *rest = specification.argv
    # jupyter_client itself takes these names for the interpreter at work.
    this = {"python", "python3", f"python3.{sys.version_info.minor}", sys.executable}
    plain = [argument for argument in rest if not argument.startswith("-X")][:2] == ["-m", "ipykernel_launcher"]
    return program in this and plain and not specification.env
