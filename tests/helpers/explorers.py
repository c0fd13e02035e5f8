"""An explorer that serves a small page from a thread of the test."""

import asyncio
import contextlib
import http.client
import json
import struct
import threading
import time

import numpy as np

import qmac
from helpers.faults import PRICES
from qmac.explorer import security, server
from qmac.explorer.explorer import Explorer
from qmac.explorer.orders import Orders

SERIES = qmac.Prices.of(PRICES, "<b>SPY</b>")
"""Its name is text, and no element of a page."""
GRID = qmac.Grid(windows=range(2, 62))
SECONDS = 60


class Running:
    """A server that listens, and what talks to it."""

    def __init__(self, explorer, folder, plan=None):
        self.explorer = explorer
        self.listener = security.bind("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.gate = security.Gate("127.0.0.1", self.port)
        self.orders = Orders(explorer, folder, plan)
        self.host = f"127.0.0.1:{self.port}"
        self.server = server.build_server(server.build_app(explorer, self.gate, self.orders))
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(sockets=[self.listener])), daemon=True
        )

    def get(self, path="/", method="GET", body=None, **headers):
        """Return status, headers and content of a request; a header that is None is left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        given = {"Host": self.host, "Cookie": self.cookie}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    @property
    def cookie(self):
        return f"{self.gate.cookie}={self.gate.token}"

    def talk(self, **headers):
        """Return a socket of a page; a header that is None is left out."""
        from websockets.sync.client import connect

        given = {"Origin": f"http://{self.host}", "Cookie": self.cookie} | headers
        kept = {name: value for name, value in given.items() if value is not None}
        return connect(
            f"ws://{self.host}/socket", additional_headers=kept, max_size=None, open_timeout=SECONDS
        )


@contextlib.contextmanager
def running(folder, prices=SERIES, grid=GRID, plan=None):
    """Yield a server for as long as the context lasts."""
    explorer = Explorer(prices, grid, threads=2, words=["prices.csv"])
    explorer.start()
    one = Running(explorer, folder, plan)
    one.thread.start()
    while not one.server.started:
        time.sleep(0.01)
    try:
        yield one
    finally:
        one.server.should_exit = True
        one.thread.join(SECONDS)
        one.orders.close()
        explorer.close()


def decode(data):
    """Return the JSON and the arrays of a frame, as the page reads them."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    arrays = {}
    for name, place in header["arrays"].items():
        kind = {"f": "<f4", "d": "<f8", "i": "<i4"}[place["type"]]
        size = int(np.prod(place["shape"]))
        numbers = np.frombuffer(data, kind, size, 4 + length + place["offset"])
        arrays[name] = numbers.reshape(place["shape"])
    return header, arrays


def hear(socket, kind, seconds=SECONDS):
    """Return the next message of a kind; a frame as JSON and arrays."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = socket.recv(timeout=seconds)
        if isinstance(data, bytes):
            if kind == "frame":
                return decode(data)
            continue
        message = json.loads(data)
        if message["type"] == kind:
            return message
        assert message["type"] != "error", message
    raise AssertionError(f"no {kind} within {seconds} s")


def ask(socket, number, exact=False, view=None, **question):
    message = {"type": "ask", "id": number, "exact": exact, "question": question}
    socket.send(json.dumps(message | {"view": view or {}}))
