"""The server of the page: its files, and a socket over which questions and answers go."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from importlib import resources
from importlib.util import find_spec
from typing import Any

from qmac.errors import OptionError, warn
from qmac.explorer.explorer import Explorer, Page
from qmac.explorer.messages import MOST_BYTES, STATS, Order
from qmac.explorer.orders import Orders
from qmac.explorer.question import Question
from qmac.explorer.security import Gate, Guard
from qmac.storage.json_text import to_json
from qmac.strategy.averages import AVERAGES
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import MEASURES, METRICS
from qmac.strategy.request import Request
from qmac.strategy.rules import CONFLICTS, FILLS

ASSETS = "assets"
PAGE = "index.html"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
TOO_MANY_CLOSE = 4429
"""Code with which the socket of one page too many is closed."""
END_SECONDS = 1.0
"""For connections to end, after which they are cut."""


def describe_series(explorer: Explorer) -> dict[str, Any]:
    """Return what the page must know before it asks.

    Parameters
    ----------
    explorer : Explorer
        Answers the page.

    Returns
    -------
    dict
        Plain values.
    """
    prices, grid = explorer.prices, explorer.grid
    origin = prices.origin
    return {
        "type": "hello",
        "name": prices.name,
        "bars": len(prices),
        "first": str(prices.index[0]),
        "last": str(prices.index[-1]),
        "intraday": bool(prices.index.normalize().has_duplicates),
        "adjusted": getattr(origin, "adjusted", None),
        "has_open": prices.column("Open") is not None,
        "combinations": grid.size,
        "earliest": str(prices.index[min(max(grid.windows), len(prices) - 1)]),
        "roles": ROLES,
        "stats": STATS,
        "averages": {name: average.words for name, average in AVERAGES.items()},
        "fills": dict(FILLS),
        "conflicts": dict(CONFLICTS),
        "metrics": {
            name: {
                "words": metric.words,
                "unit": metric.unit,
                "is_ranked": name in MEASURES,
                "bounds": metric.bounds,
            }
            for name, metric in METRICS.items()
        },
        "question": explorer.first.to_dict(),
    }


class Outbox:
    """What waits to be sent to one page: of each kind the newest message only.

    A page that does not read, as on a laptop that sleeps, so costs one frame.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._messages: dict[str, dict[str, Any] | bytes] = {}
        self._filled = asyncio.Event()

    def put(self, kind: str, content: dict[str, Any] | bytes) -> None:
        """Let a message wait, from any thread.

        Parameters
        ----------
        kind : str
            Of which it is the newest one.
        content : dict or bytes
            The message.
        """
        try:
            self._loop.call_soon_threadsafe(self._put, kind, content)
        except RuntimeError:  # the server has ended meanwhile
            return

    def _put(self, kind: str, content: dict[str, Any] | bytes) -> None:
        self._messages.pop(kind, None)
        self._messages[kind] = content
        self._filled.set()

    async def take(self) -> str | bytes:
        """Return the next message, once there is one.

        Returns
        -------
        str or bytes
            JSON or a frame.
        """
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        content = self._messages.pop(next(iter(self._messages)))
        return content if isinstance(content, bytes) else to_json(content)


def build_app(explorer: Explorer, gate: Gate, orders: Orders) -> Any:
    """Return the application.

    Parameters
    ----------
    explorer : Explorer
        Answers questions.
    gate : Gate
        Decides who may ask.
    orders : Orders
        Saves answers, and asks whether they are luck.

    Returns
    -------
    callable
        ASGI application.
    """
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    files = read_assets()

    async def send_page(_: Any) -> Response:
        headers = {"set-cookie": gate.set_cookie}
        return Response(files[PAGE], headers=headers, media_type=KINDS[".html"])

    async def send_file(request: Any) -> Response:
        name = request.path_params["name"]
        if name not in files:
            return Response("There is no such file.", 404)
        return Response(files[name], media_type=KINDS[name[name.rindex(".") :]])

    async def talk(connection: Any) -> None:
        await connection.accept()
        outbox = Outbox()
        page = explorer.open_page(outbox.put)
        if page is None:
            await connection.close(TOO_MANY_CLOSE, "Too many pages are open.")
            return
        outbox.put("hello", describe_series(explorer))
        sender = asyncio.create_task(_send_all(connection, outbox))
        try:
            await _read_all(connection, explorer, page, orders)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the page is gone
        finally:
            sender.cancel()
            orders.forget(page)
            explorer.close_page(page)

    routes = [
        Route("/", send_page),
        Route("/assets/{name}", send_file),
        WebSocketRoute("/socket", talk),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Guard(app, gate)


async def _read_all(connection: Any, explorer: Explorer, page: Page, orders: Orders) -> None:
    """Take the messages of a page until it is closed."""
    while True:
        message = await connection.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        order = explorer.receive(page, text if text is not None else message.get("bytes"))
        if isinstance(order, Order):
            orders.take(page, order)


async def _send_all(connection: Any, outbox: Outbox) -> None:
    while True:
        content = await outbox.take()
        if isinstance(content, bytes):
            await connection.send_bytes(content)
        else:
            await connection.send_text(content)


@functools.cache
def read_assets() -> Mapping[str, bytes]:
    """Return the files of the page, by name.

    Returns
    -------
    mapping of str to bytes
        All that the server sends: no path of a request reaches the disk.
    """
    folder = resources.files(__package__) / ASSETS
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if any(file.name.endswith(ending) for ending in KINDS)
    }


def check_installed() -> None:
    """Check that what the server is made of is installed.

    Raises
    ------
    OptionError
        If something is missing.
    """
    missing = [name for name in ("starlette", "uvicorn", "websockets") if find_spec(name) is None]
    if missing:
        raise OptionError(
            f"the explorer needs {' and '.join(missing)}, not installed here: "
            'pip install "qmac[explore]"'
        )


def build_first(request: Request) -> Question:
    """Return the question that a page begins with.

    Parameters
    ----------
    request : Request
        Of a command line or a run.

    Returns
    -------
    Question
        The same; it has no bars out of sample.
    """
    bounds = dict(request.constraints)
    least, most = bounds.get("total_trades", (0.0, math.inf))
    is_count = most == math.inf and least >= 0 and least == int(least)
    if is_count and "total_trades" in bounds:
        del bounds["total_trades"]
    return Question(
        objective=request.objective,
        maximize=request.maximize,
        rules=request.rules,
        min_trades=int(least) if is_count else 0,
        constraints=bounds,
    )


def build_server(app: Any) -> Any:
    """Return the server of an application, which leaves signals alone.

    Parameters
    ----------
    app : callable
        What ``build_app`` returned.

    Returns
    -------
    uvicorn.Server
        Ends once ``should_exit`` is set.
    """
    import uvicorn

    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_Warner(logging.ERROR)], False
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=END_SECONDS,  # type: ignore[arg-type]
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]
    return server


class _Warner(logging.Handler):
    """Warns of errors in the server in one line; a request that is no HTTP is none."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage().strip().splitlines()[0]
        warn(f"explorer: {text}" if error is None else f"explorer: {type(error).__name__}: {error}")


def serve(
    explorer: Explorer,
    gate: Gate,
    listener: socket.socket,
    orders: Orders,
    when_ready: Callable[[], None],
) -> None:
    """Serve the page until the process is interrupted.

    Parameters
    ----------
    explorer : Explorer
        Answers questions; it is started, and closed at the end.
    gate : Gate
        Decides who may ask.
    listener : socket
        Bound to the address of the gate.
    orders : Orders
        What is done with answers.
    when_ready : callable
        Called once the page can be opened.
    """
    server = build_server(build_app(explorer, gate, orders))
    explorer.start()
    try:
        asyncio.run(_serve(server, listener, when_ready))
    finally:
        orders.close()
        explorer.close()


async def _serve(server: Any, listener: socket.socket, when_ready: Callable[[], None]) -> None:
    """Serve until a signal comes; a second one cuts the connections."""

    def end(*_: object) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        listener.listen()  # from here on requests wait for the server
        when_ready()
        await server.serve(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
