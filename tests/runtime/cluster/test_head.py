"""What answers at an address: heads of clusters, other servers, and none."""

import contextlib
import re
import socket
import sys
import threading
import time
from importlib import metadata

import pytest

from qmac.errors import OptionError
from qmac.runtime.cluster import head

SETTINGS = head._frame(head.SETTINGS, 0, 0, b"")
END = head.END_HEADERS | head.END_STREAM
STATUS = b"@\x0bgrpc-status"


def reply(version):
    """What the head of a cluster sends, as Ray 2.60 does."""
    body = b"\x0a\x00\x12" + bytes([len(version)]) + version.encode() + b"\x20\x01"
    message = b"\0" + len(body).to_bytes(4, "big") + body
    return (
        SETTINGS
        + head._frame(head.HEADERS, head.END_HEADERS, 1, b"\x88")
        + head._frame(head.DATA, 0, 1, message)
        + head._frame(head.HEADERS, END, 1, STATUS + b"\x010")
    )


try:
    INSTALLED = reply(metadata.version("ray"))
except metadata.PackageNotFoundError:
    pytest.skip("Ray is an extra: pip install 'qmac[ray]'", allow_module_level=True)
TOKEN = SETTINGS + head._frame(head.HEADERS, END, 1, STATUS + b"\x0216...InvalidAuthToken: missing")
SERVERS = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "it sends b'HTTP/1.1 400 Bad Request",
    b"": "it hangs up",
    None: "it sends nothing for 0 s",
    b"\x15\x03\x03\x00\x02\x02\x46": r"it sends b'\x15\x03\x03\x00\x02\x02F'",  # TLS, an alert
    SETTINGS: "it hangs up",
    SETTINGS * 10_000: "it hangs up",
    SETTINGS + head._frame(head.RESET, 0, 1, bytes(4)): "it speaks HTTP/2 and is not the head",
    SETTINGS + head._frame(head.GOAWAY, 0, 0, bytes(8)): "it speaks HTTP/2 and is not the head",
    # another server of gRPC: the method is not known
    SETTINGS + head._frame(head.HEADERS, END, 1, STATUS + b"\x0212"): "it speaks HTTP/2",
    # a page in HTTP/2
    SETTINGS + head._frame(head.DATA, head.END_STREAM, 1, b"<html>2.60.0</html>"): "speaks HTTP/2",
}


@contextlib.contextmanager
def serving(says, times=1):
    """A server that reads a request and sends its answer; None is silence."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for _ in range(times):
                with contextlib.suppress(OSError), server.accept()[0] as connection:
                    connection.recv(1000)
                    if says is None:
                        over.wait(5)
                    else:
                        connection.sendall(says)
                if over.is_set():
                    return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join(1)


@pytest.mark.parametrize("says", SERVERS)
def test_other_servers_are_no_cluster(monkeypatch, says):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 0.3 if says is None else 60.0)
    monkeypatch.setattr(head, "GRACE_SECONDS", 60.0)
    match = f"is no Ray cluster: .*{re.escape(SERVERS[says])}"
    with serving(says) as address, pytest.raises(OptionError, match=match):
        head.check_address(address)


def test_a_server_that_sends_a_byte_now_and_then_is_left_in_time(monkeypatch):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                for byte in SETTINGS * 100:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(OptionError, match="it sends nothing"):
            head.check_address(f"127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - began < 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse instead")
def test_a_port_that_lets_nothing_through(monkeypatch):
    """As behind a firewall that drops: the queue of a server that accepts nobody is full."""
    monkeypatch.setattr(head, "ANSWER_SECONDS", 0.3)
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        assert not head.is_listening("127.0.0.1", port, 0.3)
        with pytest.raises(OptionError, match=rf"no Ray cluster answers at \S+:{port} \(timed out"):
            head.check_address(f"127.0.0.1:{port}")


def test_the_head_of_a_cluster_is_one(monkeypatch):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 60.0)
    with serving(INSTALLED) as address:
        head.check_address(address)


def test_another_version_of_ray_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 60.0)
    installed = re.escape(metadata.version("ray"))
    match = rf"runs Ray 1\.2\.3, and Ray {installed} .*pip install ray==1\.2\.3"
    with serving(reply("1.2.3")) as address, pytest.raises(OptionError, match=match):
        head.check_address(address)


@pytest.mark.parametrize(
    ("mode", "advice"), [(None, "Set RAY_AUTH_MODE=token and copy"), ("token", "Copy ~/.ray/auth")]
)
def test_a_cluster_that_needs_a_token_says_so(monkeypatch, mode, advice):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 60.0)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    if mode:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    with serving(TOKEN) as address, pytest.raises(OptionError, match=f"needs a token.*{advice}"):
        head.check_address(address)


def test_the_token_is_sent_if_ray_would_send_it(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("abc123\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert b"abc123" not in head._build_request("a:1")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert b"authorization\x0dBearer abc123" in head._build_request("a:1")
    (tmp_path / "token").unlink()
    assert b"authorization" not in head._build_request("a:1")


def test_a_name_that_is_looked_up_for_ever_is_left(monkeypatch):
    monkeypatch.setattr(head, "ANSWER_SECONDS", 0.0)
    over, is_left = threading.Event(), []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_left.append(over.wait(60)))
    with pytest.raises(OptionError, match="no Ray cluster answers at nowhere:1 "):
        head.check_address("nowhere:1")
    assert not is_left
    over.set()


def test_auto_is_the_address_in_the_environment(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(OptionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        head.check_address("auto")
    head.check_address(None)
    monkeypatch.delenv("RAY_ADDRESS")
    head.check_address("auto")


def test_a_head_is_lost_after_several_calls_without_an_answer(monkeypatch):
    monkeypatch.setattr(head, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(head, "BEAT_ANSWER_SECONDS", 60.0)
    with serving(INSTALLED, times=10_000) as address:
        watch = head.HeadWatch(address)
        time.sleep(0.3)
        assert not watch.is_lost
        watch.close()
    other = head.HeadWatch(address)  # which nobody serves any more
    began = time.monotonic()
    while not other.is_lost and time.monotonic() - began < 60:
        time.sleep(0.01)
    assert other.is_lost
    other.close()


def test_a_raylet_listens_or_not():
    with serving(SETTINGS) as address:
        assert head.is_listening(*head.split_address(address), 60.0)
    assert not head.is_listening(*head.split_address(address), 1.0)
    with serving(None) as address:
        assert not head.is_listening(*head.split_address(address), 0.1)


def test_addresses_are_split():
    assert head.split_address("[::1]:6379") == ("::1", 6379)
    with pytest.raises(OptionError, match="auto or HOST:PORT"):
        head.split_address("ray://10.0.0.1:10001")
    for port in ("0", "65536", "99999", "9" * 5000, "0" * 5000):
        with pytest.raises(OptionError, match=r"port .* must be in \[1, 65535\], got '127"):
            head.split_address(f"127.0.0.1:{port}")
    assert head.split_address("127.0.0.1:65535") == ("127.0.0.1", 65_535)
