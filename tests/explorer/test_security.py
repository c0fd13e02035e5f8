"""Who may see the page: every other host, origin, token and site is refused."""

import socket

import pytest
from helpers.explorers import SERIES, running
from websockets.exceptions import InvalidStatus

import qmac
from qmac.errors import OptionError
from qmac.explorer.security import HEADERS, TOKEN_BYTES, Gate, bind, is_loopback

GRID = qmac.Grid(windows=range(2, 8))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running(tmp_path_factory.mktemp("runs"), SERIES, GRID) as page:
        yield page


def test_the_address_opens_the_page_and_gives_the_cookie(page):
    status, headers, content = page.get(f"/?token={page.gate.token}", Cookie=None)
    assert status == 200
    assert b"<title>qmac explore</title>" in content
    cookie = headers["set-cookie"]
    assert cookie.startswith(page.cookie)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert page.get("/")[0] == page.get("/assets/page.js")[0] == 200


@pytest.mark.parametrize(
    "cookies",
    ['a={{"b": [1, 2]}}; {own}', "a b c; {own}", "{own}; {name}=evil", "{name}=evil; {own}",
     'a="; {own}', "=; ;;{own};", "\xe9=\xff; {own}"],
)  # fmt: skip
def test_cookies_of_other_servers_of_the_host_shut_nobody_out(page, cookies):
    """All ports of a host share their cookies, and those of others may be anything."""
    text = cookies.format(own=page.cookie, name=page.gate.cookie)
    assert page.get("/", Cookie=text)[0] == 200
    with page.talk(Cookie=text) as talk:
        assert "hello" in talk.recv()


def test_the_token_is_long_and_another_one_each_time():
    gates = [Gate("127.0.0.1", 80) for _ in range(3)]
    assert len({gate.token for gate in gates}) == 3
    assert all(len(gate.token) >= TOKEN_BYTES * 8 / 6 for gate in gates)


@pytest.mark.parametrize("path", ["/", "/assets/page.js", "/socket", "/nothing"])
def test_without_a_token_nothing_is_answered(page, path):
    status, headers, content = page.get(path, Cookie=None)
    assert status == 403
    assert b"Open the address" in content
    assert "set-cookie" not in headers
    assert page.get(path, Cookie=f"{page.gate.cookie}=x")[0] == 403
    assert page.get(f"{path}?token=x", Cookie=None)[0] == 403


def test_the_token_counts_in_the_address_of_the_page_only(page):
    assert page.get(f"/assets/page.js?token={page.gate.token}", Cookie=None)[0] == 403


def test_an_address_for_a_browser_opens_once(page):
    address = page.gate.build_address_once()
    path = address[address.index("/?") :]
    assert page.gate.token not in address
    assert page.get(path, Cookie=None)[0] == 200
    assert page.get(path, Cookie=None)[0] == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil:{port}",
     "user@127.0.0.1:{port}", "10.0.0.1:{port}", "", "[::1", "127.0.0.1:x", None,
     "127.0.0.1:{port}/; script-src *", "127.0.0.1:{port}/", "127.0.0.1:{port}?x",
     "127.0.0.1:{port}#x", "127.0.0.1:{port}\\", "127.0.0.1:{port}, evil.example",
     "127.0.0.1:0{port}0", "[::ffff:127.0.0.1]:{port}"],
)  # fmt: skip
def test_another_host_is_refused(page, host):
    """A name of another site that resolves to this machine: DNS rebinding."""
    given = None if host is None else host.format(port=page.port)
    assert page.get("/", Host=given)[0] in (400, 403)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "localhost.:{port}",
     "[::1]:{port}"],
)  # fmt: skip
def test_names_of_this_machine_are_taken(page, host):
    assert page.get("/", Host=host.format(port=page.port))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_is_refused(page, headers):
    assert page.get("/", **headers)[0] == 403


def test_a_form_of_another_site_is_refused(page):
    form = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": "3"}
    assert page.get("/", "POST", b"a=b", Origin="http://evil.example", **form)[0] == 403
    assert page.get("/", "POST", b"a=b", **form)[0] == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None}, {"Cookie": "qmac_1=x"}, {"Origin": None},
        {"Origin": "http://evil.example"},
    ],
)  # fmt: skip
def test_a_socket_needs_cookie_origin_and_host(page, headers):
    with pytest.raises(InvalidStatus) as caught:
        page.talk(**headers)
    assert caught.value.response.status_code == 403
    with page.talk() as talk:
        assert "hello" in talk.recv()


def test_a_socket_of_another_host_is_refused(page):
    upgrade = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    host = f"evil.example:{page.port}"
    assert page.get("/socket", Host=host, Origin=f"http://{host}", **upgrade)[0] == 403


def test_headers_allow_no_script_in_the_page_and_no_other_server(page):
    _, headers, content = page.get("/")
    policy = headers["content-security-policy"]
    assert policy.startswith(f"default-src 'self'; connect-src 'self' ws://{page.host}; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert all(headers[name] == value for name, value in HEADERS.items())
    assert "server" not in headers
    assert not any(name.startswith("access-control") for name in headers)
    text = content.decode()
    assert " style=" not in text
    assert " on" not in text.replace(" one", "").replace(" on ", "")
    assert all("src=" in tag.split(">")[0] for tag in text.split("<script")[1:])


@pytest.mark.parametrize(
    "name",
    ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "uplot-license.txt", "", ".",
     "page.js/"],
)  # fmt: skip
def test_only_files_of_the_page_are_sent(page, name):
    assert page.get(f"/assets/{name}")[0] == 404


def test_loopback_is_what_only_this_machine_reaches():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))


def test_beyond_this_machine_addresses_are_taken_and_unknown_names_are_not():
    gate = Gate("0.0.0.0", 8000)
    cookie = (b"cookie", f"{gate.cookie}={gate.token}".encode())

    def refuses(host):
        headers = [(b"host", host.encode()), cookie]
        return gate.refuse({"type": "http", "path": "/", "headers": headers}) is not None

    assert not refuses("10.1.2.3:8000")
    assert not refuses("[fe80::1]:8000")
    assert not refuses(f"{socket.gethostname()}:8000")
    assert refuses("evil.example:8000")
    assert refuses("10.1.2.3:80")


def test_a_port_in_use_is_named():
    listener = bind("127.0.0.1", 0)
    listener.listen()
    port = listener.getsockname()[1]
    with pytest.raises(OptionError, match=f"127.0.0.1:{port} cannot be listened on"):
        bind("127.0.0.1", port)
    listener.close()
    with pytest.raises(OptionError, match="cannot be listened on"):
        bind("nowhere.invalid", 0)


def test_addresses_of_the_page():
    assert Gate("0.0.0.0", 8000, "t").address == "http://127.0.0.1:8000/?token=t"
    assert Gate("::1", 8000, "t").address == "http://[::1]:8000/?token=t"
