"""The server: a page, a second one, a reload, one that sleeps, and the end."""

import contextlib
import json
import logging
import socket
import time

import pytest
from helpers.explorers import GRID, SERIES, ask, hear, running

import qmac
from qmac.errors import OptionError
from qmac.explorer import server
from qmac.explorer.explorer import MOST_PAGES
from qmac.explorer.question import Question
from qmac.strategy.request import check_request


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running(tmp_path_factory.mktemp("runs"), SERIES, GRID) as page:
        yield page


def test_the_page_is_told_what_there_is(page):
    with page.talk() as talk:
        hello = hear(talk, "hello")
    assert hello["name"] == "<b>SPY</b>"
    assert hello["combinations"] == GRID.size
    assert hello["question"] == json.loads(json.dumps(Question().to_dict()))
    assert not hello["metrics"]["best_trade"]["is_ranked"]


def test_a_page_is_answered_until_it_is_closed(page):
    with page.talk() as talk:
        hear(talk, "hello")
        ask(talk, 1, fees=0.004)
        header, arrays = hear(talk, "frame")
        assert (header["id"], header["exact"]) == (1, False)
        assert arrays["map0"].shape == (30, 30)
    with page.talk() as again:  # a reload
        hear(again, "hello")
        ask(again, 1, fees=0.004)
        assert hear(again, "frame")[0]["winner"] == header["winner"]


def test_two_pages_have_their_answers_each(page):
    with page.talk() as one, page.talk() as other:
        ask(one, 1, True, fees=0.001)
        ask(other, 1, True, fees=0.02)
        dear, cheap = hear(other, "frame")[0], hear(one, "frame")[0]
    assert "--fees 0.001" in cheap["command"]
    assert "--fees 0.02" in dear["command"]


def test_malformed_messages_are_answered(page):
    with page.talk() as talk:
        hear(talk, "hello")
        for text in ("nothing", b"\0\1", "{}", '{"type": "ask", "id": 4, "question": 3}'):
            talk.send(text)
            error = json.loads(talk.recv(timeout=60))
            assert error["type"] == "error"
        assert error["id"] == 4
        ask(talk, 5)
        assert hear(talk, "frame")[0]["id"] == 5


def test_a_page_that_does_not_read_costs_one_frame(page):
    """A laptop that sleeps: when it wakes up it gets the newest frame and not all of them."""
    with page.talk() as talk:
        hear(talk, "hello")
        outboxes = [one.deliver.__self__ for one in page.explorer._pages]
        for number in range(1, 200):
            ask(talk, number, fees=number / 1e5)
        last = 0
        while last < 199:
            last = hear(talk, "frame")[0]["id"]
            assert all(len(outbox._messages) <= 2 for outbox in outboxes)


def test_one_page_too_many_is_refused(page):
    while page.explorer._pages:  # of the test before
        time.sleep(0.01)
    with contextlib.ExitStack() as talks:
        for _ in range(MOST_PAGES):
            hear(talks.enter_context(page.talk()), "hello")
        with page.talk() as talk, pytest.raises(Exception, match="Too many pages"):
            talk.recv(timeout=60)
    while page.explorer._pages:
        time.sleep(0.01)


def test_a_message_that_is_too_large_ends_its_page_only(page):
    with page.talk() as talk:
        hear(talk, "hello")
        talk.send("x" * 1_000_000)
        with pytest.raises(Exception, match="1009|too big|closed"):
            while True:
                talk.recv(timeout=60)
    with page.talk() as talk:
        hear(talk, "hello")


def test_the_end_does_not_wait_for_pages(tmp_path):
    with contextlib.ExitStack() as talks:
        with running(tmp_path, SERIES, GRID) as page:
            hear(talks.enter_context(page.talk()), "hello")
            began = time.perf_counter()
        assert time.perf_counter() - began < 30


def test_a_terminal_hears_of_no_visitor_who_speaks_no_http(page, capfd):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", page.port)) as visitor:
            visitor.sendall(junk)
            assert b"400" in visitor.recv(100)
    assert capfd.readouterr() == ("", "")


def test_an_error_in_the_server_is_one_line(page):
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        with pytest.warns(UserWarning, match=r"^explorer: ValueError: no.such thing$"):
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(OptionError, match=r'needs uvicorn.*pip install "qmac\[explore\]"'):
        server.check_installed()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"min_trades": 0},
        {"objective": "max_drawdown", "maximize": False, "min_trades": 7},
        {"constraints": {"total_trades": (5, 50), "win_rate": (0.3, None)}, "min_trades": 0},
    ],
)
def test_the_first_question_is_that_of_the_request(arguments):
    question = server.build_first(check_request(GRID, **arguments))
    expected = qmac.optimize(SERIES, GRID, **arguments)
    assert qmac.optimize(SERIES, GRID, **question.arguments).digest == expected.digest
