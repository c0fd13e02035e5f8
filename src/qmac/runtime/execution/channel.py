"""Messages between two processes of one machine: a kind and some bytes, through a socket."""

from __future__ import annotations

import math
import socket
import struct
from typing import NamedTuple

import numpy as np

HEADER = struct.Struct("<cQ")
"""Kind of a message, and its length."""
TIMEOUT = struct.Struct("@ll")
"""Seconds and microseconds, for the system."""


class Message(NamedTuple):
    """What came through a socket."""

    kind: bytes
    """One byte."""
    value: memoryview
    """All others; nothing else uses their memory."""


class Channel:
    """One end of a socket. One thread receives; two must not send at a time.

    A message of megabytes is received by one call of the system, in which this thread holds neither
    the interpreter nor a second copy: sixty threads receive from as many processes.

    Parameters
    ----------
    end : socket
        Of a pair; closed with the channel.
    patience : float, optional
        Seconds for which the other process may take nothing of what is sent.
    """

    def __init__(self, end: socket.socket, patience: float | None = None) -> None:
        end.setblocking(True)
        self._socket = end
        if patience is not None:
            self._limit(socket.SO_SNDTIMEO, patience)
        self._seconds = math.inf
        self._part = np.empty(HEADER.size, np.uint8)
        """The header of the next message, or what follows it."""
        self._kind: bytes | None = None
        """Of the message that comes; None before its header is there."""
        self._count = 0
        """Bytes that are there of ``_part``."""

    def send(self, kind: bytes, value: bytes | memoryview = b"") -> None:
        """Send a message.

        Parameters
        ----------
        kind : bytes
            One byte.
        value : bytes
            Any number.

        Raises
        ------
        OSError
            If the other end is closed; a BlockingIOError if nothing was taken for too long.
        """
        header = HEADER.pack(kind, len(value))
        sent = self._socket.sendmsg((header, value))
        if sent < len(header) + len(value):
            self._socket.sendall(memoryview(value)[sent - len(header) :])

    def receive(self, seconds: float) -> Message | None:
        """Return the next message; one that has begun to come goes on with the next call.

        Parameters
        ----------
        seconds : float
            How long to wait for it at most; 0 to take only what is there.

        Returns
        -------
        Message or None
            None if there is none yet.

        Raises
        ------
        EOFError
            If the other end is closed; an OSError if it was closed with messages on their way.
        """
        while self._fill(seconds):
            if self._kind is not None:
                message = Message(self._kind, self._part.data)
                self._kind, self._part = None, np.empty(HEADER.size, np.uint8)
                self._count = 0
                return message
            self._kind, length = HEADER.unpack(self._part.data)
            self._part, self._count = np.empty(length, np.uint8), 0
        return None

    @property
    def received(self) -> int:
        """Bytes that are there of the message that comes."""
        return self._count

    def _fill(self, seconds: float) -> bool:
        """Return whether all is there of what comes next."""
        flags = socket.MSG_WAITALL if seconds else socket.MSG_DONTWAIT
        if seconds and seconds != self._seconds:
            self._limit(socket.SO_RCVTIMEO, seconds)
            self._seconds = seconds
        while self._count < self._part.size:
            try:
                count = self._socket.recv_into(self._part.data[self._count :], 0, flags)
            except BlockingIOError:
                return False
            if not count:
                raise EOFError
            self._count += count
        return True

    def _limit(self, option: int, seconds: float) -> None:
        """Set for how long the system waits."""
        whole = int(seconds)
        timeout = TIMEOUT.pack(whole, int(1e6 * (seconds - whole)))
        self._socket.setsockopt(socket.SOL_SOCKET, option, timeout)

    def close(self) -> None:
        """Close this end; the other one sees it."""
        self._socket.close()
