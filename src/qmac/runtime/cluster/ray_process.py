"""The process that joins a Ray cluster for another one; see ``ray_client``.

Run as ``python -m qmac.runtime.cluster.ray_process``, with messages on its standard streams.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import time
from typing import IO, Any

from qmac.runtime.cluster.messages import Begin, Broken, Event, Ready, Report, Settings

TURN_SECONDS = 0.02
"""For events, before messages are looked for again."""
REPORT_SECONDS = 0.5
"""Between two reports at most."""
LEAVE_SECONDS = 10.0
"""To leave the cluster after the other process has ended."""


def main() -> None:
    """Join a cluster, then do what the other process says, until it ends."""
    source, sink = _take_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignore)
    try:
        settings = pickle.load(source)  # noqa: S301, of the process that started this one
        _serve(settings, source, sink)
        os._exit(0)  # threads of Ray may print when Python has ended
    except Exception as error:  # Ray raises all kinds
        _send(sink, Broken(_describe(error)))
        os._exit(1)  # Ray may never end


def _describe(error: Exception) -> str:
    """Return why Ray fails, in a line."""
    why = " ".join(str(error).split()) or type(error).__name__
    if type(error) is OSError and error.errno is None:  # of Ray's socket: "Broken pipe"
        return f"the raylet of this machine has ended: {why}"
    return why


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Take the standard streams for messages; what Ray prints goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _ignore(*_: object) -> None:
    """Leave Ctrl-C and SIGTERM to the other process. SIG_IGN would be inherited by raylets."""


def _send(sink: IO[bytes], message: Ready | Report | Broken) -> None:
    pickle.dump(message, sink, protocol=pickle.HIGHEST_PROTOCOL)
    sink.flush()


def _serve(settings: Settings, source: IO[bytes], sink: IO[bytes]) -> None:
    from qmac.runtime.cluster import ray

    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read_messages, args=(source, messages), daemon=True).start()
    head = ray.join(settings)
    signal.signal(signal.SIGTERM, _ignore)  # which Ray has replaced
    nodes = ray.RayNodes(settings.limits, settings.threads)
    _send(sink, Ready(head))
    generation, sent = 0, 0.0
    while True:
        message = _take(messages, wait=not generation)
        if message is None:
            break
        if isinstance(message, Begin):
            nodes.begin(message)
            generation += 1
        elif message is not NOTHING:
            nodes.do(message)
            continue
        events: list[Event] = nodes.poll(TURN_SECONDS)
        if events or time.monotonic() - sent > REPORT_SECONDS:
            sent = time.monotonic()
            refused, awaited = dict(nodes.refused), dict(nodes.awaited)
            _send(sink, Report(generation, events, refused, awaited, nodes.starting))
    nodes.close()
    ray.leave()


NOTHING = object()


def _take(messages: queue.SimpleQueue[Any], *, wait: bool) -> Any:
    """Return the next message, or ``NOTHING``; None is the last one."""
    try:
        return messages.get(block=wait)
    except queue.Empty:
        return NOTHING


def _read_messages(source: IO[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """Take in messages; None follows the last one, and soon the end of this process."""
    message: Any = NOTHING
    try:
        while message is not None:
            message = pickle.load(source)  # noqa: S301, of the process that started this one
            messages.put(message)
    except (EOFError, OSError, pickle.UnpicklingError):
        messages.put(None)
    time.sleep(LEAVE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
