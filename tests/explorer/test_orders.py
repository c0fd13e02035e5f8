"""What is done with an exact answer: saved as a run, or compared with random markets."""

import threading
import time

import numpy as np
import pytest
from helpers.explorers import GRID, SERIES, ask, hear, running

import qmac
from qmac.explorer.orders import describe_luck
from qmac.robustness.luck.search import Plan

PLAN = Plan.check(19, ("mirror",), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def page(folder):
    with running(folder, SERIES, GRID, PLAN) as page:
        yield page


@pytest.fixture
def talk(page):
    with page.talk() as talk:
        hear(talk, "hello")
        yield talk


def order(talk, kind, number=9):
    talk.send(f'{{"type": "{kind}", "id": {number}}}')


def test_an_order_needs_an_exact_answer(talk):
    ask(talk, 1)
    hear(talk, "frame")
    order(talk, "save")
    with pytest.raises(AssertionError, match="no exact answer"):
        hear(talk, "saved")


def test_a_saved_run_has_the_digest_of_optimize(talk, folder):
    ask(talk, 1, True, fees=0.002, edge="2001-06-01", min_trades=4)
    header, _ = hear(talk, "frame")
    order(talk, "save")
    saved = hear(talk, "saved")
    assert saved["path"] == str(folder / "explored-1")
    rules = qmac.Rules(fees=0.002, end="2001-06-01")
    expected = qmac.optimize(SERIES, GRID, rules=rules, min_trades=4, top=20)
    run = qmac.load(folder / "explored-1")
    assert run.digest == saved["digest"] == header["digest"] == expected.digest
    assert next(iter(qmac.resume(folder / "explored-1").values())).digest == run.digest
    order(talk, "save", 10)
    assert hear(talk, "saved")["path"] == str(folder / "explored-2")


def test_a_page_saves_one_run_at_a_time(talk, folder, page, monkeypatch):
    """Orders that wait would fill the disk, and hold up the end."""
    ask(talk, 1, True)
    hear(talk, "frame")
    going, begun, before = threading.Event(), threading.Event(), len(list(folder.iterdir()))
    save = page.orders._save

    def slowly(*arguments):
        begun.set()
        assert going.wait(60)
        save(*arguments)

    monkeypatch.setattr(page.orders, "_save", slowly)
    order(talk, "save", 1)
    assert begun.wait(60)
    for number in range(2, 50):
        order(talk, "save", number)
    with pytest.raises(AssertionError, match="a run is being saved"):
        hear(talk, "saved")
    ask(talk, 50, fees=0.004)
    while True:  # by then all orders are refused
        data = talk.recv(timeout=60)
        if isinstance(data, bytes):
            break
    going.set()
    assert hear(talk, "saved")["id"] == 1
    assert len(list(folder.iterdir())) == before + 1
    monkeypatch.undo()
    while page.orders._saving:
        time.sleep(0.01)
    order(talk, "save", 60)
    assert hear(talk, "saved")["id"] == 60


def test_luck_grows_until_it_is_that_of_qmac_luck(talk):
    ask(talk, 1, True)
    hear(talk, "frame")
    order(talk, "luck")
    seen = [hear(talk, "luck")]
    while not seen[-1]["done"]:
        seen.append(hear(talk, "luck"))
    assert [one["swept"] for one in seen] == sorted(one["swept"] for one in seen)
    expected = qmac.luck(
        qmac.optimize(SERIES, GRID), resamples=19, nulls=("mirror",), stop_after=None
    )
    assert seen[-1]["swept"] == 19
    assert seen[-1]["p"] == expected.p
    assert seen[-1]["sentences"] == expected.sentences
    assert sum(seen[-1]["nulls"][0]["counts"]) == 19


def test_luck_ends_when_it_is_told_to(page, talk, monkeypatch):
    ask(talk, 1, True)
    hear(talk, "frame")
    order(talk, "luck")
    hear(talk, "luck")
    order(talk, "stop")
    ask(talk, 2, fees=0.003)
    hear(talk, "frame")
    page.orders._luck.join(60)
    assert not page.orders._luck.is_alive()


def test_luck_of_another_page_ends_the_first_which_is_told(page, talk, monkeypatch):
    monkeypatch.setattr(page.orders, "_plan", Plan.check(100_000, ("mirror",), None))
    ask(talk, 1, True)
    hear(talk, "frame")
    order(talk, "luck", 2)
    assert "ended" not in hear(talk, "luck")
    with page.talk() as other:
        ask(other, 1, True)
        hear(other, "frame")
        order(other, "luck", 3)
        while "ended" not in (said := hear(talk, "luck")):
            pass
        assert said["id"] == 2
        assert "ended" not in hear(other, "luck")
    page.orders._luck.join(60)  # a closed page leaves none behind
    assert not page.orders._luck.is_alive()


def test_what_no_market_was_swept_for_has_no_p():
    class Nothing:
        scores_by_null, elapsed = {}, 0.1

    Nothing.scores_by_null = {"mirror": np.zeros(0)}
    content = describe_luck(Nothing(), PLAN, is_done=False)
    assert content["swept"] == 0
    assert content["p"] != content["p"]
