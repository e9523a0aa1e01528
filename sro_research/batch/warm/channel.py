"""Messages over a socket of this machine: each a list of byte strings, with open files beside them where asked."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence

_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")
_READ = 1 << 20
_MOST_FILES = 8


class Channel:
    """One end of a pair of stream sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.ended = False
        """Whether the other end is gone; what it sent before can still be taken."""
        self.files: deque[int] = deque()
        """Open files that came with messages, in their order."""
        self._received = bytearray()
        self._lock = threading.Lock()

    def send(self, *frames: bytes, files: Sequence[int] = ()) -> None:
        """Send a message whole; waits where the other end is slow. Raises `OSError` where it is gone."""
        head = _COUNT.pack(len(frames)) + b"".join(_LENGTH.pack(len(frame)) for frame in frames)
        message = memoryview(b"".join((head, *frames)))
        with self._lock:
            sent = socket.send_fds(self.socket, [message], files) if files else 0
            self.socket.sendall(message[sent:])

    def take(self) -> list[bytes] | None:
        """Return the next message that has arrived whole, if there is one; never waits."""
        have = len(self._received)
        if have < _COUNT.size:
            return None
        (count,) = _COUNT.unpack_from(self._received)
        at = _COUNT.size + count * _LENGTH.size
        if have < at:
            return None
        lengths = [_LENGTH.unpack_from(self._received, _COUNT.size + n * _LENGTH.size)[0] for n in range(count)]
        if have < at + sum(lengths):
            return None
        frames = []
        for length in lengths:
            frames.append(bytes(self._received[at : at + length]))
            at += length
        del self._received[:at]
        return frames

    def fill(self) -> None:
        """Read once what has arrived; waits if nothing has, and notes it if the other end is gone."""
        try:
            data, files, _, _ = socket.recv_fds(self.socket, _READ, _MOST_FILES)
        except ConnectionError:
            data, files = b"", []
        self.files.extend(files)
        self._received += data
        self.ended = self.ended or not data

    def receive(self) -> list[bytes] | None:
        """Wait for the next message; None where the other end is gone."""
        while (frames := self.take()) is None:
            if self.ended:
                return None
            self.fill()
        return frames

    def close(self) -> None:
        """Close this end, and the files that nobody took."""
        while self.files:
            os.close(self.files.popleft())
        self.socket.close()
