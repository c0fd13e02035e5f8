"""What answers at the address of a cluster, read from a bare socket: Ray itself tries for minutes.

The head of a Ray cluster is a gRPC server. One call of it needs no library: HTTP/2 frames of a few
bytes, with one request for ``CheckAlive``, whose reply names Ray's version.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from qmac._checks import describe
from qmac.errors import OptionError

ANSWER_SECONDS = 5.0
"""For a server to answer, its name included."""
GRACE_SECONDS = 1.0
"""For the thread that waits for the answer to say what it waited for."""
BEAT_SECONDS, BEAT_ANSWER_SECONDS, BEATS = 1.0, 2.0, 3
"""A head is called so often, has so long to answer, and is lost after so many failures."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
STREAM = 1
EMPTY_MESSAGE = bytes(5)
METHOD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
VERSION = re.compile(rb"\x12(.)(\d+\.\d+[\w.+]*)", re.DOTALL)
"""Field 2 of the reply: its length, and Ray's version."""
MOST_BYTES = 2**16
SHOWN_BYTES = 40
"""Of the answer of another server, in an error."""
HEADER_CHARACTERS = 126
"""Longest value of a header whose length is one byte."""


class NoHeadError(Exception):
    """Another server listens at the address; the text says what it does."""


class TokenError(Exception):
    """The head of a cluster listens that takes no call without its token."""


MOST_PORT = 65_535


def check_address(address: str | None) -> None:
    """Check that the head of a Ray cluster answers at an address.

    Parameters
    ----------
    address : str or None
        ``"HOST:PORT"``; nothing is checked for None. For ``"auto"`` it is the variable
        ``RAY_ADDRESS`` that is checked, if it is set.

    Raises
    ------
    OptionError
        If it is no such address, or another server listens there, or none; or if the cluster needs
        a token or has another version of Ray.
    """
    is_auto = isinstance(address, str) and address == "auto"
    given = os.environ.get("RAY_ADDRESS") if is_auto else address
    if given is None or (is_auto and given in ("", "auto", "local")):
        return
    host, port = split_address(given)
    try:
        version = _call_within(ANSWER_SECONDS, lambda: read_version(host, port, ANSWER_SECONDS))
    except NoHeadError as error:
        raise OptionError(
            f"what listens at {given} is no Ray cluster: {error}. "
            "Give the address that 'ray start --head' printed, port 6379 mostly."
        ) from None
    except TokenError:
        raise OptionError(_describe_token(given)) from None
    except (OSError, OverflowError, UnicodeError) as error:
        raise OptionError(
            f"no Ray cluster answers at {given} ({error}). "
            f"Start one there: ray start --head --port {port}"
        ) from None
    _check_version(given, version)


def split_address(address: str) -> tuple[str, int]:
    """Split ``"HOST:PORT"``.

    Parameters
    ----------
    address : str
        An IPv6 address has brackets.

    Returns
    -------
    str
        Host.
    int
        Port.

    Raises
    ------
    OptionError
        If it is no such address.
    """
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not host or not port.isdecimal() or "/" in host:
        raise OptionError(
            "the address of a Ray cluster must be auto or HOST:PORT, such as 10.0.0.1:6379, "
            f"got {describe(address)}."
        )
    digits = (
        port.lstrip("0")[: len(str(MOST_PORT)) + 1] or "0"
    )  # Python reads no number of thousands of digits
    if not 0 < int(digits) <= MOST_PORT:
        raise OptionError(
            f"the port of a Ray cluster's address must be in [1, {MOST_PORT}], got "
            f"{describe(address)}. Give the address that 'ray start --head' printed, port 6379 "
            "mostly."
        )
    return host.strip("[]"), int(digits)


def read_version(host: str, port: int, seconds: float) -> str:
    """Return the version of the Ray whose head listens there.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Port of the head.
    seconds : float
        For the connection and the answer.

    Returns
    -------
    str
        Such as ``"2.60.0"``; nothing where Ray encrypts.

    Raises
    ------
    NoHeadError
        If another server listens there.
    TokenError
        If it needs a token, or another one than this user has.
    OSError
        If there is no connection.
    """
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, port), seconds) as connection:
        if uses_tls():
            return ""
        try:
            connection.sendall(_build_request(f"{host}:{port}"))
            headers, reply = _read_reply(_read_frames(connection, deadline))
        except TimeoutError:
            raise NoHeadError(f"it sends nothing for {seconds:.0f} s") from None
        except ConnectionError:
            raise NoHeadError("it hangs up") from None
    if b"InvalidAuthToken" in headers or b"grpc-status\x0216" in headers:
        raise TokenError
    version = VERSION.search(reply)
    if version is None or version[1][0] != len(version[2]):
        raise NoHeadError("it speaks HTTP/2 and is not the head of a cluster")
    return version[2].decode()


class HeadWatch:
    """Calls the head of a cluster again and again, in a thread.

    Parameters
    ----------
    address : str
        ``"HOST:PORT"``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._host, self._port = split_address(address)
        self._failures = 0
        self._is_over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="qmac-head").start()

    @property
    def is_lost(self) -> bool:
        """Whether several calls in a row had no answer."""
        return self._failures >= BEATS

    def close(self) -> None:
        """End the thread, soon."""
        self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            try:
                read_version(self._host, self._port, BEAT_ANSWER_SECONDS)
            except (OSError, NoHeadError):
                self._failures += 1
            except TokenError:
                self._failures = 0
            else:
                self._failures = 0


def uses_tls() -> bool:
    """Return whether Ray encrypts, so that an answer could not be read.

    Returns
    -------
    bool
        From the environment.
    """
    return os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}


def is_listening(host: str, port: int, seconds: float) -> bool:
    """Return whether a gRPC server answers: its settings are the first that it sends.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Any port of Ray.
    seconds : float
        For the connection and the answer.

    Returns
    -------
    bool
        Whether there is a connection, where Ray encrypts.
    """
    try:
        with socket.create_connection((host, port), seconds) as connection:
            if not uses_tls():
                connection.sendall(PREFACE + _frame(SETTINGS, 0, 0, b""))
                next(_read_frames(connection, time.monotonic() + seconds))
    except (NoHeadError, OSError):
        return False
    return True


# -- HTTP/2


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload).to_bytes(3, "big")
    return size + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _header(name: str, value: str) -> bytes:
    """Return a header as two literals."""
    literals = [name.encode(), value.encode()]
    return b"\0" + b"".join(bytes([len(literal)]) + literal for literal in literals)


def _build_request(authority: str) -> bytes:
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": authority[:HEADER_CHARACTERS],
        "content-type": "application/grpc",
        "te": "trailers",
    }
    token = _read_token()
    if token:
        headers["authorization"] = f"Bearer {token}"
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    return (
        PREFACE
        + _frame(SETTINGS, 0, 0, b"")
        + _frame(HEADERS, END_HEADERS, STREAM, encoded)
        + _frame(DATA, END_STREAM, STREAM, EMPTY_MESSAGE)
    )


def _read_token() -> str:
    """Return the token that Ray would send; nothing without one."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return ""
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    if not token:
        file = os.environ.get("RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token")
        try:
            token = Path(file).expanduser().read_text("ascii")
        except (OSError, ValueError, RuntimeError):
            return ""
    token = token.strip()
    is_short = len(token) <= HEADER_CHARACTERS - len("Bearer ")
    return token if is_short and token.isascii() else ""


def _read_frames(
    connection: socket.socket, deadline: float
) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield kind, flags, stream and payload of each frame; the first has settings."""
    buffer, is_first, total = b"", True, 0
    while True:
        size = HEADER_BYTES + int.from_bytes(buffer[:3], "big")
        has_header = len(buffer) >= HEADER_BYTES
        if is_first and has_header and buffer[3] != SETTINGS:
            raise NoHeadError(f"it sends {buffer[:SHOWN_BYTES]!r}")
        if has_header and len(buffer) >= size:
            yield buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big"), buffer[9:size]
            buffer, is_first = buffer[size:], False
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(MOST_BYTES)
        total += len(more)
        if not more or total > MOST_BYTES:
            is_text = is_first and buffer
            raise NoHeadError(f"it sends {buffer[:SHOWN_BYTES]!r}" if is_text else "it hangs up")
        buffer += more


def _read_reply(frames: Iterator[tuple[int, int, int, bytes]]) -> tuple[bytes, bytes]:
    """Return headers and data of the reply, as they are."""
    headers = data = b""
    for kind, flags, stream, payload in frames:
        if kind == GOAWAY:
            break
        if stream != STREAM:
            continue
        headers += payload if kind == HEADERS else b""
        data += payload if kind == DATA else b""
        if kind == RESET or (kind in {DATA, HEADERS} and flags & END_STREAM):
            break
    return headers, data


# -- messages


def _call_within(seconds: float, function: Callable[[], str]) -> str:
    """Call a function in a thread: the look-up of a name has no timeout."""
    answers: list[str] = []
    errors: list[Exception] = []

    def call() -> None:
        try:
            answers.append(function())
        except Exception as error:  # is raised below
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds + GRACE_SECONDS)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"nothing for {seconds:.0f} s")
    return answers[0]


def _describe_token(address: str) -> str:
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        advice = "Copy ~/.ray/auth_token of its head to this machine"
    else:
        advice = "Set RAY_AUTH_MODE=token and copy ~/.ray/auth_token of its head to this machine"
    return f"the Ray cluster at {address} needs a token, and this user's does not fit. {advice}."


def _check_version(address: str, version: str) -> None:
    """Raise if a cluster has another version than Ray has on this machine."""
    try:
        installed = metadata.version("ray")
    except metadata.PackageNotFoundError:  # some other package brings it
        return
    if version not in {"", installed}:
        raise OptionError(
            f"the cluster at {address} runs Ray {version}, and Ray {installed} is installed on "
            f"this machine. Install the same: pip install ray=={version}"
        )
