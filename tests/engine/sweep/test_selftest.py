"""Kernels that are wrong on this machine are found before they are used."""

from dataclasses import replace

import pytest
from helpers.series import ohlc
from helpers.sweeps import evaluator_of

import qmac
from qmac.engine.sweep import selftest
from qmac.engine.sweep.worker import Worker
from qmac.errors import InternalError
from qmac.kernels.compiler.jit import find_signature

GRID = qmac.Grid(windows=[2, 3, 5, 8])


def optimize(**asked):
    return qmac.optimize(ohlc("random", 90, 4), GRID, threads=1, **asked)


def test_wrong_kernels_are_found(monkeypatch):
    evaluate = Worker.evaluate

    def wrong(worker, unit):
        done = evaluate(worker, unit)
        worker.tally.heap.scores[:] += 1e-6
        return done

    selftest._check.cache_clear()
    monkeypatch.setattr(Worker, "evaluate", wrong)
    with pytest.raises(InternalError, match="wrong answers for win_rate"):
        optimize(objective="win_rate", min_trades=0)
    monkeypatch.undo()
    assert optimize(objective="win_rate", min_trades=0).evaluated


@pytest.mark.parametrize("part", ["sums", "counts"])
def test_wrong_maps_are_found(monkeypatch, part):
    """Such as combinations that share a window and were not taken off."""
    evaluate = Worker.evaluate

    def wrong(worker, batch):
        done = evaluate(worker, batch)
        getattr(worker.tally.maps, part)[3, 1, 2] += 1 << 40
        return done

    selftest._check.cache_clear()
    monkeypatch.setattr(Worker, "evaluate", wrong)
    with pytest.raises(InternalError, match="wrong answers"):
        optimize()
    selftest._check.cache_clear()


def test_it_is_done_once_for_a_question(monkeypatch):
    selftest._check.cache_clear()
    optimize()
    before = selftest._check.cache_info()
    optimize()
    after = selftest._check.cache_info()
    assert (before.misses, after.misses, after.hits) == (1, 1, 1)


@pytest.mark.parametrize("asked", [{}, {"stop_loss": 0.1}, {"fill": "next_open"}])
@pytest.mark.parametrize("is_general", [False, True])
def test_the_types_of_a_kernel_are_found_without_any_kernel(asked, is_general, monkeypatch):
    """On a new machine, the largest kernel is compiled first: see compile_beside."""
    prices = qmac.Prices.of(ohlc("random", 90, 4))
    spec = evaluator_of(prices, GRID).spec
    spec = replace(spec, rules=replace(spec.rules, **asked), is_general=is_general)
    worker = selftest._build_small(selftest._find_kernels(spec)).worker
    assert selftest.find_signature(spec) == find_signature(worker.arguments((0, 1)))


def test_the_other_kernels_of_a_sweep_are_called(monkeypatch):
    """Without the kernel of the sweep."""
    spec = evaluator_of(qmac.Prices.of(ohlc("random", 90, 4)), GRID).spec
    monkeypatch.setattr(Worker, "evaluate", None)
    selftest.compile_others(spec)


def test_the_best_score_of_a_small_series_is_compared(monkeypatch):
    spec = evaluator_of(qmac.Prices.of(ohlc("random", 90, 4)), GRID).spec
    assert float.fromhex(selftest.self_test_best(spec)) > 0
    right = selftest.compute_best_score
    monkeypatch.setattr(selftest, "compute_best_score", lambda *asked: right(*asked) + 1e-6)
    with pytest.raises(InternalError, match="wrong answers for total_return"):
        selftest.self_test_best(spec)
