"""The general kernel answers where a kernel of its own is not there yet, with the same bits."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from helpers.faults import LONG
from helpers.series import ohlc

import qmac
from qmac.jobs import kernel_choice, series_sweep
from qmac.jobs.kernel_choice import estimate_excess
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


def test_it_answers_only_what_has_no_kernel_yet(sample, monkeypatch):
    ready, begun = set(), []
    monkeypatch.setattr(kernel_choice, "_is_there", threading.Event())
    monkeypatch.setattr(kernel_choice, "is_ready", lambda spec: spec.is_general in ready)
    monkeypatch.setattr(kernel_choice, "compile_beside", lambda spec: begun.append(spec.is_general))
    used = []
    choose = kernel_choice.choose_kernel

    def note(*arguments):
        used.append(choose(*arguments).is_general)
        return arguments[2]

    monkeypatch.setattr(series_sweep, "choose_kernel", note)
    for kernels in ([], [False], [False, True], [True]):
        ready.clear()
        ready.update(kernels)
        qmac.optimize(sample.tail(600), GRID)
    assert used == [False, False, False, True]
    assert begun == [True, True, False]  # the general one after the answer, see below


def test_the_general_kernel_is_begun_when_the_first_question_is_answered(sample, monkeypatch):
    """Beside the first answer it would take the processor from it."""
    events = []
    monkeypatch.setattr(kernel_choice, "_is_there", threading.Event())
    monkeypatch.setattr(kernel_choice, "is_ready", lambda spec: False)
    monkeypatch.setattr(kernel_choice, "compile_beside", lambda spec: events.append("begun"))
    build = series_sweep._build_result

    def note(*arguments, **options):
        events.append("answered")
        return build(*arguments, **options)

    monkeypatch.setattr(series_sweep, "_build_result", note)
    qmac.optimize(sample.tail(600), GRID)
    assert events == ["answered", "begun"]


def test_a_large_grid_waits_for_its_own_kernel():
    small, large = (qmac.Grid(windows=range(2, 253, step)) for step in (5, 1))
    assert estimate_excess(5031, small) < 0.5
    assert estimate_excess(5031, large) > 30
