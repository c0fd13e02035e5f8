"""Who may see the page: a token in its address, then a cookie; its own host and origin only.

The page runs sweeps and writes run directories, so no other user of the machine and no page of
another site may reach it. A name that another site resolves to this machine (DNS rebinding) is
refused by the ``Host`` header; a page of another site by ``Origin`` and ``Sec-Fetch-Site``.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from qmac.errors import OptionError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_BYTES = 32
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
"""A name or address and a port, and nothing behind: the policy of the page has it in words."""
HTTP_PORT = 80
REFUSED_CLOSE = 4403
"""Code with which a socket is closed."""
HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every response, beside the content security policy."""
ASK_FOR_ADDRESS = "Open the address that qmac explore printed: it has the token in it."


class Gate:
    """Decides about each request.

    Parameters
    ----------
    host : str
        Address that the server listens on.
    port : int
        Its port.
    token : str, optional
        Drawn at random by default.
    """

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self.host = host
        self.port = port
        self.token = secrets.token_urlsafe(TOKEN_BYTES) if token is None else token
        self.cookie = f"qmac_{port}"
        """Cookies are shared by all ports of a host, so the name has the port."""
        self._once: set[str] = set()
        self._names = _list_names(host)
        self._takes_addresses = not is_loopback(host)

    @property
    def address(self) -> str:
        """Address of the page, with the token."""
        return self._build_address(self.token)

    def build_address_once(self) -> str:
        """Return an address that opens the page once.

        A browser gets it as an argument, which other users of the machine can read.

        Returns
        -------
        str
            With a token of its own.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._once.add(token)
        return self._build_address(token)

    def _build_address(self, token: str) -> str:
        shown = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104
        shown = "[::1]" if shown == "::" else shown
        shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
        return f"http://{shown}:{self.port}/?token={token}"

    @property
    def set_cookie(self) -> str:
        """Header that gives a browser the cookie."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"

    def build_policy(self, host: str) -> str:
        """Return the content security policy of a page.

        Parameters
        ----------
        host : str
            ``Host`` of the request, checked: older browsers need the socket's address in words.

        Returns
        -------
        str
            Scripts, styles and connections of this server only, and nothing inline.
        """
        return (
            f"default-src 'self'; connect-src 'self' ws://{host}; object-src 'none'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def refuse(self, scope: Scope) -> str | None:
        """Return why a request is refused.

        Parameters
        ----------
        scope : dict
            Of ASGI, a request or a socket.

        Returns
        -------
        str or None
            A sentence; None for one that may pass.
        """
        headers = _read_headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._is_host(hosts[0]):
            return "The host of this request is not the address that qmac explore printed."
        if not _is_own_origin(scope, headers, hosts[0]):
            return "This request comes from another page."
        if not (self.has_cookie(headers) or self.has_token(scope)):
            return ASK_FOR_ADDRESS
        return None

    def has_token(self, scope: Scope) -> bool:
        """Return whether the address of the page has the token; a socket's never counts.

        Parameters
        ----------
        scope : dict
            Of ASGI.

        Returns
        -------
        bool
            Whether it does.
        """
        if scope["type"] != "http" or scope["path"] != "/":
            return False
        query = scope.get("query_string", b"").decode("latin-1")
        (text, *_) = parse_qs(query).get("token", [""])
        if text in self._once:
            self._once.remove(text)
            return True
        return self._is_token(text)

    def has_cookie(self, headers: dict[str, list[str]]) -> bool:
        """Return whether a request has the cookie.

        Parameters
        ----------
        headers : dict
            Values by name in lower case.

        Returns
        -------
        bool
            Whether it does.
        """
        for text in headers.get("cookie", []):
            # by hand: other servers of this host set cookies too, which need not be well-formed
            for pair in text.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == self.cookie and self._is_token(value):
                    return True
        return False

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())

    def _is_host(self, text: str) -> bool:
        """Return whether a Host is that of this server.

        A literal address is none that another site's name resolves to, so it is taken where the
        server listens beyond this machine.
        """
        match = HOST.fullmatch(text)
        if match is None or int(match["port"] or HTTP_PORT) != self.port:
            return False
        name = match["name"].strip("[]").lower().rstrip(".")
        return name in self._names or (self._takes_addresses and _is_address(name))


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address.

    Parameters
    ----------
    host : str
        A literal address, or localhost.

    Returns
    -------
    bool
        False for any other name.
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Parameters
    ----------
    host : str
        Address or name.
    port : int
        Its port; 0 for any that is free.

    Returns
    -------
    socket
        Bound, not yet listening.

    Raises
    ------
    OptionError
        If it cannot be.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(
            f"{host}:{port} cannot be listened on: {reason}. Use another --port, or leave it out."
        ) from None
    return listener


def _list_names(host: str) -> frozenset[str]:
    """Return the names by which a browser may call the server."""
    names = {host.strip("[]").lower()}
    if is_loopback(host):
        names |= {"127.0.0.1", "localhost", "::1"}
    elif host in ("", "0.0.0.0", "::"):  # noqa: S104
        names |= {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset(names - {""})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _read_headers(scope: Scope) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope.get("headers", []):
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


def _is_own_origin(scope: Scope, headers: dict[str, list[str]], host: str) -> bool:
    """Return whether a request comes from this page, or from the bar of addresses.

    A browser always names the origin of a socket.
    """
    origins = headers.get("origin", [])
    if scope["type"] == "websocket" and not origins:
        return False
    if any(origin != f"http://{host}" for origin in origins):
        return False
    sites = headers.get("sec-fetch-site", [])
    return all(site in ("same-origin", "none") for site in sites)


class Guard:
    """An ASGI application that passes on what the gate lets through.

    Parameters
    ----------
    app : callable
        The application behind it.
    gate : Gate
        Decides.
    """

    def __init__(self, app: App, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        reason = self._gate.refuse(scope)
        if reason is None:
            (host,) = _read_headers(scope)["host"]
            await self._app(scope, receive, _add_headers(send, self._gate.build_policy(host)))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": REFUSED_CLOSE})
        else:
            await _refuse(reason, _add_headers(send, "default-src 'none'"))


def _add_headers(send: Send, policy: str) -> Send:
    """Return a function that sends messages, with headers of security."""
    safe = HEADERS | {"content-security-policy": policy}
    added = [(name.encode(), value.encode()) for name, value in safe.items()]

    async def send_safely(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return send_safely


async def _refuse(reason: str, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
