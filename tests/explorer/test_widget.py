"""The explorer in a notebook: the protocol of its widget, and the module in a browser."""

import base64
import json
import os
import queue
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anywidget")

from helpers.browser import CHROMIUM
from helpers.devtools import Browser
from helpers.explorers import GRID, SERIES, decode

import qmac
from qmac.explorer import widget

SECONDS = 60
PICTURE = os.environ.get("QMAC_TEST_PICTURE")
"""File of a picture of the notebook's page, to look at."""
HOST = """
globalThis.outgoing = [];
const listeners = new Set();
const model = {
  state: %(state)s,
  get(name) { return this[name]; }, set(name, value) { this[name] = value; }, save_changes() {},
  on(_, listener) { listeners.add(listener); }, off(_, listener) { listeners.delete(listener); },
  send(message) { outgoing.push(message); },
};
globalThis.hear = (content, text) => {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const buffers = text ? [new DataView(bytes.buffer)] : [];
  for (const listener of listeners) listener(content, buffers);
};
globalThis.model = model;
const file = new Blob([%(module)s], { type: "text/javascript" });
const module = await import(URL.createObjectURL(file));
const el = document.createElement("div");
document.body.replaceChildren(el);
globalThis.leave = await module.default.render({ model, el });
globalThis.explored = el.explored;
globalThis.root = el.firstChild.shadowRoot.querySelector(".explorer");
"""
"""What a notebook does, with messages that the test carries."""


@pytest.fixture
def shown(tmp_path):
    """An explorer as a notebook holds it, and what it sends."""
    explored = widget.explore(SERIES, GRID, threads=2, out=tmp_path)
    explored.sent = queue.Queue()
    explored.widget.send = lambda content, buffers=(): explored.sent.put((content, list(buffers)))
    yield explored
    explored.close()


def hear(shown, kind):
    while True:
        content, buffers = shown.sent.get(timeout=SECONDS)
        if content["type"] == kind:
            return decode(buffers[0]) if buffers else content
        assert content["type"] != "error", content


def say(shown, content):
    shown.widget._handle_custom_msg(content, [])


def ask(shown, number, question, *, is_exact=True):
    say(shown, {"type": "ask", "id": number, "exact": is_exact, "question": question, "view": {}})


def test_a_notebook_gets_the_answer_of_optimize(shown, tmp_path):
    assert shown.result is None
    say(shown, {"type": "hello"})
    assert hear(shown, "hello")["name"] == "<b>SPY</b>"
    ask(shown, 1, {"fees": 0.002})
    header, arrays = hear(shown, "frame")
    expected = qmac.optimize(SERIES, GRID, rules=qmac.Rules(fees=0.002), top=20)
    assert header["digest"] == expected.digest == shown.result.digest
    names = {"qmac": qmac, "prices": SERIES, "grid": GRID}
    assert eval(header["command"], names).digest == expected.digest
    assert set(arrays) >= {"map0", "map5", "equity", "hold"}
    say(shown, {"type": "save", "id": 2})
    assert qmac.load(hear(shown, "saved")["path"]).digest == expected.digest
    assert (tmp_path / "explored-1").is_dir()


def test_a_notebook_begins_with_the_settings_of_a_result(tmp_path):
    rules = qmac.Rules(fees=0.001)
    result = qmac.optimize(SERIES, GRID, "sharpe_ratio", rules, min_trades=3)
    shown = result.explore(out=tmp_path)
    first = shown._explorer.first
    assert (first.objective, first.rules, first.min_trades) == ("sharpe_ratio", rules, 3)
    shown.close()


def test_it_is_swept_once_it_is_shown(shown):
    assert not shown._explorer._worker.is_alive()
    for _ in range(2):  # a second view
        say(shown, {"type": "hello"})
        hear(shown, "hello")
    assert shown._explorer._worker.is_alive()


@pytest.mark.parametrize("content", [None, 1, "x", [], {"type": "hello", "more": 1}, {"id": "<b>"}])
def test_a_message_that_is_none_is_an_error(shown, content):
    say(shown, {"type": "hello"})
    hear(shown, "hello")
    say(shown, content)
    content, _ = shown.sent.get(timeout=SECONDS)
    assert content["type"] == "error"
    ask(shown, 5, {}, is_exact=False)
    assert hear(shown, "frame")[0]["id"] == 5


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(widget, "find_spec", lambda _: None)
    with pytest.raises(qmac.InputError, match=r'needs anywidget.*pip install "qmac\[explore\]"'):
        qmac.explore(SERIES)


def test_a_result_of_averages_of_the_users_own_is_refused():
    grid = qmac.Grid(windows=range(10, 41, 10))
    close = SERIES.frame["Close"]
    averages = np.array([close.rolling(window).median() for window in grid.windows])
    result = qmac.optimize(SERIES, grid, averages=averages)
    with pytest.raises(qmac.InputError, match="the user's own"):
        result.explore()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_module_draws_in_a_notebook_and_asks_no_network(shown, tmp_path):
    browser = Browser(tmp_path)
    tab = browser.open()
    tab.set_size(1000, 900)
    script = HOST % {"module": json.dumps(widget.build_module()), "state": '"fees=0.001"'}

    def carry():
        while not shown.sent.empty():
            content, buffers = shown.sent.get()
            text = base64.b64encode(buffers[0]).decode() if buffers else ""
            tab.run(f"hear({json.dumps(content)}, '{text}')")
        for message in tab.run("outgoing.splice(0)"):
            say(shown, message)

    def wait(expression):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            carry()
            if value := tab.run(expression):
                return value
        raise AssertionError(expression, tab.said)

    try:
        tab.run(f"(async () => {{ {script} }})()")
        last = wait("explored.last?.exact && explored.last.id === explored.asked && explored.last")
        expected = qmac.optimize(SERIES, GRID, rules=qmac.Rules(fees=0.001), top=20)
        assert last["digest"] == expected.digest  # the state of the notebook is that of the page
        tab.run("const n = root.querySelector('#control-fees'); n.value = '0.4';"
                "n.dispatchEvent(new Event('input', {bubbles: true}))")  # fmt: skip
        wait("model.state === 'fees=0.004'")
        assert tab.run("root.querySelector('#equity canvas').clientWidth") > 300
        assert tab.run("document.documentElement.scrollWidth") <= 1000
        if PICTURE:
            tab.picture(Path(PICTURE), is_whole=True)
        tab.run("leave()")
        assert tab.said == []
        assert {address.split(":")[0] for address in tab.requests} <= {"about", "blob", "data"}
    finally:
        browser.close()
