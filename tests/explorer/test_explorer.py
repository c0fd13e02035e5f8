"""The worker: the newest question wins, an exact sweep gives way, anything gets an answer."""

import json
import random
import threading
import time

import numpy as np
import pytest
from helpers.explorers import GRID, SERIES, decode
from helpers.faults import LONG

import qmac
from qmac.explorer import answer as answer_module
from qmac.explorer import explorer as module
from qmac.explorer.explorer import MOST_PAGES, Explorer, thin_grid
from qmac.explorer.messages import Ask, View
from qmac.explorer.question import Question, build_question
from qmac.jobs.session import Session
from qmac.runtime.monitoring.compiling import Compiling, compiling


class Inbox:
    """What a page is told."""

    def __init__(self):
        self.messages, self.changed = [], threading.Condition()

    def __call__(self, kind, content):
        with self.changed:
            self.messages.append((kind, content))
            self.changed.notify_all()

    def wait(self, number, kind="frame"):
        """Return what is said about a question."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.find(number, kind) or self.find(number, "error"), 60
            )
            assert self.find(number, kind), self.messages
            return self.find(number, kind)[0]

    def find(self, number, kind):
        said = [content for each, content in self.messages if each == kind]
        read = [decode(one)[0] if isinstance(one, bytes) else one for one in said]
        return [one for one in read if one["id"] == number]

    @property
    def numbers(self):
        return [decode(one)[0]["id"] for kind, one in self.messages if kind == "frame"]


@pytest.fixture
def explorer():
    explorer = Explorer(SERIES, GRID, threads=2, words=["my prices.csv"])
    explorer.start()
    yield explorer
    explorer.close()


@pytest.fixture
def page(explorer):
    page = explorer.open_page(Inbox())
    explorer.ask(page, ask(0))  # the first question is answered before any page asks
    page.deliver.wait(0)
    page.deliver.messages.clear()
    return page


def ask(number, is_exact=False, view=View(), **question):
    return Ask(number, build_question(question), is_exact, view)


def test_the_coarse_grid_has_every_so_many_windows():
    assert thin_grid(qmac.Grid(windows=range(2, 253))) == qmac.Grid(windows=range(2, 253, 5))
    assert thin_grid(GRID).roles["buy_fast"] == tuple(range(2, 62, 2))
    small = qmac.Grid(windows=range(2, 12))
    assert thin_grid(small) is small


def test_a_coarse_answer_then_the_exact_one(explorer, page):
    explorer.ask(page, ask(1, fees=0.001))
    coarse = page.deliver.wait(1)
    explorer.ask(page, ask(2, True, fees=0.001))
    exact = page.deliver.wait(2)
    assert (coarse["exact"], exact["exact"]) == (False, True)
    assert coarse["evaluated"] == thin_grid(GRID).size
    expected = qmac.optimize(SERIES, GRID, rules=qmac.Rules(fees=0.001), top=20)
    assert exact["digest"] == expected.digest
    assert exact["command"] == "qmac optimize 'my prices.csv' --fees 0.001"


def test_only_the_newest_question_waits(explorer, page, monkeypatch):
    gate, first = threading.Event(), threading.Event()
    optimize = Session.optimize

    def slowly(session, *arguments, **options):
        first.set()
        assert gate.wait(60)
        return optimize(session, *arguments, **options)

    monkeypatch.setattr(Session, "optimize", slowly)
    explorer.ask(page, ask(1, fees=0.05))
    assert first.wait(60)
    for number in range(2, 40):
        explorer.ask(page, ask(number, fees=number / 1e4))
        assert explorer.waiting == 1
    gate.set()
    page.deliver.wait(39)
    assert page.deliver.numbers == [1, 39]


def test_an_exact_sweep_gives_way_to_a_newer_question(explorer, page, monkeypatch):
    begun, cancelled = threading.Event(), []
    optimize = Session.optimize

    def endless(session, *arguments, cancellation, **options):
        if session is explorer.exact_session and not begun.is_set():
            begun.set()
            while not cancellation.is_cancelled:
                time.sleep(0.001)
            cancelled.append(time.perf_counter())
        return optimize(session, *arguments, cancellation=cancellation, **options)

    monkeypatch.setattr(Session, "optimize", endless)
    explorer.ask(page, ask(1, True))
    assert begun.wait(60)
    asked = time.perf_counter()
    explorer.ask(page, ask(2, fees=0.001))
    page.deliver.wait(2)
    assert page.deliver.numbers == [2]
    assert cancelled[0] - asked < 5


def test_the_frame_of_an_exact_answer_gives_way_and_its_sweep_is_not_lost(
    explorer, page, monkeypatch
):
    begun, sweeps = threading.Event(), []
    find_cautions, optimize = answer_module.find_cautions, Session.optimize

    def find_slowly(result, *others):
        if result.grid == GRID and not begun.is_set():
            begun.set()
            work = explorer._work
            while not work.cancellation.is_cancelled:
                time.sleep(0.001)
        return find_cautions(result, *others)

    def count(session, *arguments, **options):
        sweeps.append(session is explorer.exact_session)
        return optimize(session, *arguments, **options)

    monkeypatch.setattr(answer_module, "find_cautions", find_slowly)
    monkeypatch.setattr(Session, "optimize", count)
    explorer.ask(page, ask(1, True))
    assert begun.wait(60)
    explorer.ask(page, ask(2, fees=0.001))
    page.deliver.wait(2)
    explorer.ask(page, ask(3, True))
    assert page.deliver.wait(3)["exact"]
    assert page.deliver.numbers == [2, 3]
    assert sweeps.count(True) == 1


def test_another_page_is_answered_first_and_the_exact_sweep_begins_again(
    explorer, page, monkeypatch
):
    begun = threading.Event()
    optimize = Session.optimize

    def endless(session, *arguments, cancellation, **options):
        if session is explorer.exact_session and not begun.is_set():
            begun.set()
            while not cancellation.is_cancelled:
                time.sleep(0.001)
        return optimize(session, *arguments, cancellation=cancellation, **options)

    monkeypatch.setattr(Session, "optimize", endless)
    other = explorer.open_page(Inbox())
    explorer.ask(page, ask(1, True))
    assert begun.wait(60)
    explorer.ask(other, ask(1))
    other.deliver.wait(1)
    assert page.deliver.wait(1)["exact"]


def test_the_first_question_is_swept_before_a_page_asks(explorer, monkeypatch):
    while explorer._opening is None:
        time.sleep(0.001)
    monkeypatch.setattr(Session, "optimize", None)
    page = explorer.open_page(Inbox())
    explorer.ask(page, ask(1))
    page.deliver.wait(1)


def test_a_small_grid_is_swept_once_and_its_neighbours_are_looked_at_at_rest(monkeypatch):
    looked, build = [], answer_module.build_strategies
    monkeypatch.setattr(
        answer_module, "build_strategies", lambda *each: looked.append(1) or build(*each)
    )
    explorer = Explorer(SERIES, qmac.Grid(windows=range(2, 8)), threads=2)
    explorer.start()
    try:
        page = explorer.open_page(Inbox())
        explorer.ask(page, ask(1, fees=0.001))
        moving = page.deliver.wait(1)
        assert moving["exact"] and not looked
        monkeypatch.setattr(Session, "optimize", None)
        explorer.ask(page, ask(2, True, fees=0.001))
        resting = page.deliver.wait(2)
        assert resting["digest"] == moving["digest"] and looked
    finally:
        explorer.close()


def test_a_view_is_not_swept_for(explorer, page, monkeypatch):
    explorer.ask(page, ask(1, True))
    page.deliver.wait(1)
    monkeypatch.setattr(Session, "optimize", None)
    explorer.ask(page, ask(2, True, View(stat="count")))
    assert page.deliver.wait(2)["stat"] == "count"


@pytest.mark.parametrize("pair", [("buy_fast", "sell_slow"), ("sell_fast", "sell_slow")])
def test_the_best_of_a_cell_has_the_value_of_the_map(explorer, page, pair):
    result = qmac.optimize(SERIES, GRID)
    cells = result.map(*pair, "best").stack().dropna()
    row, column = cells.index[len(cells) // 3]
    view = {"stat": "best", "cell": {"rows": pair[0], "columns": pair[1], "row": int(row),
            "column": int(column)}}  # fmt: skip
    text = {"type": "ask", "id": 5, "exact": True, "question": {}, "view": view}
    explorer.receive(page, json.dumps(text))
    header = page.deliver.wait(5)
    metrics = {name: value for name, value, *_ in header["metrics"]}
    assert np.isclose(metrics["total_return"], cells[row, column])


def test_a_cell_outside_of_the_grid_is_refused(explorer, page):
    cell = {"rows": "buy_fast", "columns": "buy_slow", "row": 1000, "column": 5}
    text = {"type": "ask", "id": 5, "view": {"cell": cell}}
    explorer.receive(page, json.dumps(text))
    assert "buy_fast 1000 is not in the grid" in page.deliver.wait(5, "error")["text"]


def test_errors_are_sentences(explorer, page):
    explorer.ask(page, ask(1, start="2099-01-01"))
    assert "start is 2099-01-01" in page.deliver.wait(1, "error")["text"]
    explorer.ask(page, ask(2))
    page.deliver.wait(2)


def test_a_defect_is_no_traceback_and_no_end(explorer, page, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "build_frame", lambda *_, **__: 1 / 0)
        explorer.ask(page, ask(1))
        with pytest.warns(UserWarning, match="ZeroDivisionError"):
            text = page.deliver.wait(1, "error")["text"]
    assert text.startswith("an internal error: ZeroDivisionError")
    explorer.ask(page, ask(2))
    page.deliver.wait(2)


def test_pages_are_told_what_is_compiled_and_when_it_is_there(explorer, page, monkeypatch):
    beside = [Compiling("win_rate, stops", 2.5)]
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "find_beside", lambda: beside[0])
    other = Inbox()

    def wait(words, is_beside, inbox=page.deliver):
        with inbox.changed:
            assert inbox.changed.wait_for(
                lambda: [
                    each
                    for kind, each in inbox.messages
                    if kind == "compiling" and (each["words"], each["beside"]) == (words, is_beside)
                ],
                60,
            )

    explorer.ask(page, ask(1, fees=0.002))
    wait("win_rate, stops", True)
    with compiling("sharpe_ratio"):
        wait("sharpe_ratio", False)
        explorer.open_page(other)
        wait("sharpe_ratio", False, other)
    wait("win_rate, stops", True, other)
    beside[0] = None
    wait("", True, other)
    wait("", True)
    assert len([kind for kind, _ in page.deliver.messages if kind == "compiling"]) == 4


def test_a_closed_page_is_asked_for_no_more(explorer, page):
    explorer.close_page(page)
    assert explorer.waiting == 0
    pages = [explorer.open_page(Inbox()) for _ in range(MOST_PAGES + 1)]
    assert pages[-1] is None
    assert None not in pages[:-1]


VALUES = [
    None, True, False, 0, -1, 1, 2.5, 1e308, -1e-308, 10**400, "", "x", "2001-03-04", "9999-12-31",
    "sma", "sharpe_ratio", "next_open", "\x1b[2J", "\ud800", [], [1], [1, 2, 3, 4], {}, {"a": 1},
    {"total_trades": [2, None]}, {"win_rate": ["a", []]}, float("nan"), float("inf"), [[]] * 3,
]  # fmt: skip
ENTRIES = ["type", "id", "exact", "question", "view", "extra", *Question().to_dict()]


def draw_message(draw):
    """Return a message with something in it that is not right, most of the time."""
    question = {draw.choice(ENTRIES): draw.choice(VALUES) for _ in range(draw.randrange(3))}
    view = {draw.choice(["stat", "cell", "combination", "x"]): draw.choice(VALUES)}
    message = {"type": "ask", "id": 1, "question": question, "view": draw.choice([{}, view])}
    for _ in range(draw.randrange(2)):
        message[draw.choice(ENTRIES)] = draw.choice(VALUES)
    text = json.dumps(message)
    if draw.random() < 0.3:
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice(['"', "{", "}", "é", "\0", ""]) + text[place + 1 :]
    return draw.choice([text, text, text, text.encode(), text[: draw.randrange(len(text))]])


def test_random_messages_get_an_answer_or_an_error_each(explorer, page):
    """None is a traceback, and after all of them the worker answers."""
    draw, inbox = random.Random(1), page.deliver
    for _ in range(5000 if LONG else 1000):
        inbox.messages.clear()
        if explorer.receive(page, draw_message(draw)) is not None:
            continue  # an order
        with inbox.changed:
            assert inbox.changed.wait_for(
                lambda: any(kind != "progress" for kind, _ in inbox.messages), 60
            )
        kind, content = inbox.messages[-1]
        if kind == "error":
            assert content["text"]
            assert "internal error" not in content["text"]
            assert content["text"].isprintable()
    explorer.ask(page, ask(2))
    page.deliver.wait(2)
