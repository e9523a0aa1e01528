"""Tasks in children of a warm parent: so many at a time, each in a process of its own that ends with it."""

from __future__ import annotations

import importlib
import mmap
import os
import pickle
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sro_research.batch.warm.fork import WarmError, end_own_parent, own_parent

TRIES = 2
"""A process that died is replaced once; an error in a task is its result."""
_PARENTS = 3
"""So many parents may die one after the other before a task has ended."""
_SECONDS_BETWEEN_LOOKS = 0.02


@dataclass(frozen=True)
class Died:
    """What comes of a task whose process died, also the second time; `status` as an exit status, negative: a signal."""

    status: int


class WarmPool:
    """So many slots of this process's warm parent, each with one child at a time. Leaving it ends the parent.

    `environments` has for each slot what is added to the environment of its children.
    """

    def __init__(
        self, slots: int, preload: Sequence[str] = (), environments: Sequence[dict[str, str]] | None = None
    ) -> None:
        self.slots, self.preload = slots, preload
        self.environments = environments or [{}] * slots
        self.parent = own_parent(preload)
        self._lost = 0
        self.running: list[Any] = [None] * slots
        """The task in each slot."""

    def __enter__(self) -> WarmPool:
        return self

    def __exit__(self, *_: object) -> None:
        end_own_parent()

    def run(self, function: str, tasks: Iterable[dict[str, Any]]) -> Iterator[tuple[int, Any | Died]]:
        """Call `function` ("module:name") with the arguments in each task; yield its number and result as it ends.

        Raises `WarmError` where no parent stays alive, `RefusedError` where it cannot be forked.
        """
        waiting = deque((number, task, 1) for number, task in enumerate(tasks))
        free = list(range(self.slots))[::-1]
        live: dict[int, tuple[int, dict[str, Any], int, int, int]] = {}
        try:
            while waiting or live:
                try:
                    while waiting and free:
                        number, task, attempt = waiting.popleft()
                        slot, file = free.pop(), os.memfd_create("result")
                        live[file] = (number, task, attempt, slot, 0)
                        pid = self.parent.fork(
                            f"{__name__}:answer",
                            {"function": function, "arguments": task},
                            files=[file],
                            environment={**os.environ, **self.environments[slot]},
                        )
                        live[file] = (number, task, attempt, slot, pid)
                        self.running[slot] = task
                    pid = self.parent.first_ended([entry[-1] for entry in live.values()])
                    ended = [file for file, entry in live.items() if entry[-1] == pid]
                    status = self.parent.forget(pid).status
                    self._lost = 0
                except WarmError:  # The parent died, and its children with it.
                    ended, status = list(live), -9
                    end_own_parent()
                    self._lost += 1
                    if self._lost == _PARENTS:
                        raise
                    self.parent = own_parent(self.preload)
                for file in ended:
                    number, task, attempt, slot, _ = live.pop(file)
                    free.append(slot)
                    self.running[slot] = None
                    result = Died(status) if status else _result(file)
                    os.close(file)
                    if isinstance(result, Died) and attempt < TRIES:
                        waiting.appendleft((number, task, attempt + 1))
                    else:
                        yield number, result
        finally:
            for file in live:
                os.close(file)


def _result(file: int) -> Any:
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as written:
        return pickle.loads(written)


def answer(file: int, *, function: str, arguments: dict[str, Any]) -> None:
    """Call a function in a child and leave what it returns in a file of memory."""
    module, name = function.split(":")
    result = getattr(importlib.import_module(module), name)(**arguments)
    with os.fdopen(file, "wb") as written, suppress(BrokenPipeError):
        pickle.dump(result, written)


def one_task(function: str, task: dict[str, Any], preload: Sequence[str] = ()) -> Any | Died:
    """Call a function in a child of this process's parent, again where it dies; several threads may do so at a time."""
    for _ in range(TRIES):
        result = _one_try(function, task, preload)
        if not isinstance(result, Died):
            break
    return result


def _one_try(function: str, task: dict[str, Any], preload: Sequence[str]) -> Any | Died:
    parent = own_parent(preload)
    file = os.memfd_create("result")
    try:
        pid = parent.fork(f"{__name__}:answer", {"function": function, "arguments": task}, files=[file])
        while parent.ended(pid, _SECONDS_BETWEEN_LOOKS) is None:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        status = parent.forget(pid).status
        return Died(status) if status else _result(file)
    except WarmError:
        return Died(-9)
    finally:
        os.close(file)
