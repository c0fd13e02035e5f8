"""The general kernel answers where a kernel of its own is not there yet, with the same bits."""

from __future__ import annotations

import functools
import os
import signal
import threading
from dataclasses import replace

import pytest
from helpers.faults import LONG
from helpers.series import ohlc
from helpers.sweeps import custom_spec, prepared
from numba.core.compiler_lock import global_compiler_lock

import qmac
from qmac.errors import Stopped
from qmac.jobs import kernel_choice, series_sweep
from qmac.jobs.kernel_choice import call_beside, estimate_excess
from qmac.runtime.execution.executor import SerialExecutor
from qmac.strategy.metrics import MEASURES

GRID = qmac.Grid(windows=(3, 5, 8, 13, 21, 34))
MIN_TRADES = None if LONG else 1
"""One trade: then most kernels are those of tests/system/test_digests.py."""
STOPS = {"stop_loss": 0.05, "trailing_stop": 0.08, "take_profit": 0.2, "max_bars": 40}


@pytest.fixture(scope="module", params=["market", "ticks"])
def prices(sample: qmac.Prices, request: pytest.FixtureRequest) -> qmac.Prices:
    """Bars of a market, and as many with ties, of the same days."""
    market = sample.tail(600)
    if request.param == "market":
        return market
    return qmac.Prices.of(ohlc("ticks", 600, 5).set_axis(market.index))


@pytest.fixture
def answer(prices, monkeypatch):
    """Answers of the kernel that is named."""

    def answer(is_general: bool, **question) -> qmac.Result:
        monkeypatch.setattr(
            series_sweep, "choose_kernel", lambda *a: replace(a[2], is_general=is_general)
        )
        options = {"top": GRID.size, "threads": 1, "min_trades": MIN_TRADES} | question
        return qmac.optimize(prices, GRID, **options)

    return answer


QUESTIONS = {
    **{metric: {"objective": metric} for metric in MEASURES},
    "trades": {"min_trades": 5},
    "lowest": {"objective": "max_drawdown", "maximize": False, "min_trades": 3},
    "opposite": {"rules": qmac.Rules(conflict="opposite", fees=0.002)},
    "next open": {"rules": qmac.Rules(fill="next_open", start="2018-06-01")},
    "stops": {"rules": qmac.Rules(**STOPS)},
    "stops, opposite": {
        "objective": "sharpe_ratio",
        "rules": qmac.Rules(**STOPS, conflict="opposite"),
    },
    "bounds": {
        "objective": "sharpe_ratio",
        "constraints": {"max_drawdown": (-0.3, None), "win_rate": (0.3, None)},
        "min_trades": 3,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_general_kernel_has_the_bits_of_every_other(answer, question):
    general, special = answer(True, **question), answer(False, **question)
    assert general.digest == special.digest
    assert general.filtered_by == special.filtered_by


@pytest.fixture
def begun(monkeypatch):
    """Kernels that are compiled beside; none is loaded, compiled or tested."""
    begun = []
    monkeypatch.setattr(kernel_choice, "is_tested", lambda spec: False)
    monkeypatch.setattr(kernel_choice, "check_kernel", lambda spec: None)
    monkeypatch.setattr(kernel_choice, "is_unused", lambda: False)
    monkeypatch.setattr(kernel_choice, "compile_beside", lambda spec: begun.append(spec.is_general))
    return begun


@pytest.fixture
def choose(sample):
    """The choice for a question about a small grid."""
    series = prepared(sample.tail(600), GRID)
    return functools.partial(
        kernel_choice.choose_kernel, series, GRID, custom_spec(series, GRID), SerialExecutor()
    )


@pytest.mark.parametrize(
    ("ready", "is_general", "begins"),
    [([], False, [True]), ([False], False, [True]), ([True], True, [False]), ([0, 1], False, [])],
)
def test_the_general_kernel_answers_only_what_has_no_kernel_yet(
    choose, begun, monkeypatch, ready, is_general, begins
):
    monkeypatch.setattr(kernel_choice, "is_ready", lambda spec: spec.is_general in ready)
    assert choose().is_general == is_general
    assert begun == begins


def test_the_first_command_begins_the_general_kernel_by_itself(choose, begun, monkeypatch):
    """On two processors, behind what the first answer needs: see compile_beside."""
    monkeypatch.setattr(kernel_choice, "is_ready", lambda spec: False)
    monkeypatch.setattr(kernel_choice, "is_unused", lambda: True)
    assert not choose().is_general
    assert begun == []


def test_a_kernel_that_was_tested_is_not_looked_for(choose, begun, monkeypatch):
    """A look at the disk takes up to 2 ms."""
    monkeypatch.setattr(kernel_choice, "is_tested", lambda spec: True)
    monkeypatch.setattr(kernel_choice, "is_ready", None)
    assert not choose().is_general


@pytest.mark.parametrize("is_compiled", [True, False])
def test_who_waits_for_a_kernel_is_called_away_at_once(choose, begun, monkeypatch, is_compiled):
    """A compiler does not give way, and a kernel takes 50 ms to be loaded and tested."""
    called, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(kernel_choice, "_choose", lambda _, __, spec, ___: spec)
    monkeypatch.setattr(kernel_choice, "is_ready", lambda spec: spec.is_general or is_compiled)
    monkeypatch.setattr(
        kernel_choice, "wait_for_kernel", lambda _, __, check: called.set() or check()
    )
    monkeypatch.setattr(kernel_choice, "check_kernel", lambda _: called.set() or goes_on.wait(60))

    def check():
        if called.is_set():
            raise Stopped("cancelled")

    with pytest.raises(Stopped):
        choose(check)
    assert not goes_on.is_set()
    goes_on.set()


def test_what_is_called_beside_returns_or_raises():
    assert call_beside(lambda: 7, lambda: None) == 7
    with pytest.raises(ZeroDivisionError):
        call_beside(lambda: 1 / 0, lambda: None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_waits_for_the_compiler_and_not_for_ever():
    """The thread that compiles is not in the new process, and what it holds would stay held."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold():
        with global_compiler_lock:
            is_held.set()
            may_end.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    process = os.fork()
    if process == 0:
        signal.alarm(5)
        with global_compiler_lock:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    with global_compiler_lock:  # released where it was forked, too
        thread.join()


def test_a_large_grid_waits_for_its_own_kernel():
    small, large = (qmac.Grid(windows=range(2, 253, step)) for step in (5, 1))
    assert estimate_excess(5031, small) < 0.5
    assert estimate_excess(5031, large) > 30
