"""Threads: the same answer, however the work is spread, broken off or paused."""

import itertools
import os
import pickle
import signal
import threading
import time
import weakref

import pytest
from helpers.sweeps import (
    GRID,
    PRICES,
    evaluator_of,
    ledger_of,
    sweep_with,
    take_small_steps,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.worker import Worker
from qmac.errors import InternalError
from qmac.jobs.monitor import NullMonitor
from qmac.runtime.execution import ledger as ledger_module
from qmac.runtime.execution import threads as threads_module
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.threads import ThreadExecutor, WorkerPool, compute_tally

LATE = 40
"""The first of the last cells."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    take_small_steps(monkeypatch)


@pytest.fixture(scope="module")
def digest():
    return sweep_with(SerialExecutor(), PRICES, GRID).digest


@pytest.fixture
def slow(monkeypatch):
    """Each cell takes 2 ms."""
    evaluate = Worker.evaluate

    def slowly(worker, batch):
        time.sleep(0.002)
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", slowly)


@pytest.fixture
def late(monkeypatch, slow):
    """An event that the last cells wait for, but for the first of a thread."""
    come, begun, evaluate = threading.Event(), set(), Worker.evaluate

    def wait(worker, batch):
        if batch[0] >= LATE and threading.get_ident() in begun:
            assert come.wait(60)
        begun.add(threading.get_ident())
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", wait)
    yield come
    come.set()


class Script(NullMonitor):
    """A monitor that repeats a list of directives."""

    def __init__(self, directives):
        super().__init__(1)
        self.directives, self.ledger = itertools.cycle(directives), None

    def __call__(self, ledger):
        self.ledger = ledger
        if ledger.share > 0.3:
            ledger.request_settlement()
        return next(self.directives)


def test_map_ends_soon_when_an_item_fails_on_any_thread():
    executor, both, swept = ThreadExecutor(2), threading.Barrier(2), []
    for fails in (True, False):

        def item(k, fails=fails):
            if k < 2:
                both.wait(60)
            if (threading.current_thread() is threading.main_thread()) == fails:
                raise ZeroDivisionError
            swept.append(k)
            time.sleep(0.2)

        with pytest.raises(ZeroDivisionError):
            executor.map(item, range(100))
        assert len(swept) < 10
        assert executor.map(abs, range(-3, 0)) == [3, 2, 1]


def test_ctrl_c_leaves_no_item_at_work():
    executor, both, at_work = ThreadExecutor(2), threading.Barrier(2), []

    def item(k):
        if k < 2:
            both.wait(60)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        at_work.append(k)
        time.sleep(0.1)
        at_work.remove(k)

    with pytest.raises(KeyboardInterrupt):
        executor.map(item, range(100))
    assert not at_work


def test_map_inside_map_and_after_a_pickle_and_a_fork():
    executor = ThreadExecutor(2)
    nested = executor.map(lambda n: sum(executor.map(abs, range(n))), range(8))
    assert nested == [0, 0, 1, 3, 6, 10, 15, 21]
    assert pickle.loads(pickle.dumps(executor)).map(abs, range(-3, 0)) == [3, 2, 1]
    if (child := os.fork()) == 0:
        signal.alarm(60)
        os._exit(0 if executor.map(abs, range(-3, 0)) == [3, 2, 1] else 1)
    assert os.waitpid(child, 0)[1] == 0


@settings(max_examples=10)
@given(
    st.lists(st.builds(WorkerDirective, st.integers(1, 3), st.booleans()), max_size=12),
    st.integers(1, 3),
)
def test_directives_that_change_while_it_runs(digest, directives, threads):
    monitor = Script([*directives, WorkerDirective(2), WorkerDirective(1)])
    with pytest.MonkeyPatch.context() as patch:
        evaluate = Worker.evaluate
        patch.setattr(Worker, "evaluate", lambda *a: time.sleep(0.001) or evaluate(*a))
        assert sweep_with(ThreadExecutor(threads), PRICES, GRID, monitor).digest == digest
    monitor.ledger.check()


def test_a_pause_lets_the_batches_at_hand_end_and_settles_them(slow, monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    ledger, evaluate, at_hand, seen = ledger_of(evaluator), Worker.evaluate, [], []

    def noted(worker, batch):
        at_hand.append(batch)
        try:
            return evaluate(worker, batch)
        finally:
            at_hand.remove(batch)

    def monitor(ledger):
        is_late = ledger.share > 0.3
        if is_late and not at_hand:
            seen.append((ledger.share, int(ledger.done.sum())))
        return WorkerDirective(2, pause=is_late and len(seen) < 400)

    monkeypatch.setattr(Worker, "evaluate", noted)
    ThreadExecutor(2).run(evaluator, ledger, monitor)
    assert ledger.is_complete
    waiting = [at for at in seen[:399] if at == seen[398]]
    assert (
        len(waiting) > 50 and 0 < waiting[0][1] < 46
    )  # nothing moved, and all that was swept was settled
    assert waiting[0][0] == pytest.approx(
        evaluator.work[: waiting[0][1]].sum() / evaluator.work.sum()
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_stop_settles_what_is_at_hand(late, threads):
    evaluator = evaluator_of(PRICES, GRID)
    ledger = ledger_of(evaluator)

    def monitor(ledger):
        if ledger.share > 0.3:
            late.set()
        return WorkerDirective(threads, stop=late.is_set())

    ThreadExecutor(threads).run(evaluator, ledger, monitor)
    assert 0 < ledger.done.sum() < 46
    assert ledger.share == pytest.approx(evaluator.work[ledger.done].sum() / evaluator.work.sum())
    ledger.check()
    ThreadExecutor(threads).run(evaluator, ledger, NullMonitor(threads))
    assert ledger.is_complete


def test_a_request_to_settle_before_any_worker_has_started_is_met(late):
    evaluator = evaluator_of(PRICES, GRID)
    seen = []

    def monitor(ledger):
        if not seen:
            ledger.request_settlement()
        seen.append((len(ledger.settled_by), ledger.share))
        if seen[-1][0] == 2:
            late.set()
        return WorkerDirective(2)

    ThreadExecutor(2).run(evaluator, ledger_of(evaluator), monitor)
    assert min(share for settled, share in seen if settled == 2) < 0.9


def test_an_interrupt_while_workers_are_started(late, monkeypatch):
    class Pool(threads_module.ThreadPoolExecutor):
        def submit(self, *arguments, **keywords):
            super().submit(*arguments, **keywords)
            threading.Timer(0.2, late.set).start()  # the last cells come long after it
            raise KeyboardInterrupt

    monkeypatch.setattr(threads_module, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(threads_module, "_settle", lambda *_: None)  # it would submit, too
    evaluator = evaluator_of(PRICES, GRID)
    ledger = ledger_of(evaluator)
    with pytest.raises(KeyboardInterrupt):
        ThreadExecutor(2).run(evaluator, ledger, lambda _: WorkerDirective(2))
    assert (
        not ledger.is_exhausted
    )  # the worker that was started left after its first batch, and did not sweep all


def test_a_pool_makes_its_workers_once_and_frees_those_that_are_not_to_sweep(slow, monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    made, make = [], evaluator.worker
    monkeypatch.setattr(
        evaluator,
        "worker",
        lambda floors=None: (worker := make(floors), made.append(weakref.ref(worker)))[0],
    )
    whole = ledger_of(evaluator)
    with WorkerPool(evaluator, 2) as pool:
        for first, last, threads in ((0, 10, 2), (10, 20, 2), (20, 30, 1), (30, 46, 2)):
            ledger = ledger_of(evaluator)
            ledger.restrict_to(first, last)
            pool.run(ledger, NullMonitor(threads))
            whole.settle(ledger.tally, [(first, last)])
            assert sum(worker() is not None for worker in made) == threads
        pool.forget()
        pool.run(again := ledger_of(evaluator), NullMonitor(2))
    assert whole.is_complete and again.is_complete and len(made) == 3
    check_maps(evaluator, whole.tally, again.tally)


def check_maps(evaluator, *tallies):
    """Compare with the maps of one worker that has floors of its own."""
    worker = evaluator.worker()
    worker.evaluate((0, worker.cells))
    lists = evaluator.dataset.buys, evaluator.dataset.sells
    plain = window_maps.build_maps(worker.tally, *lists, GRID.shared_windows)
    for tally in tallies:
        found = window_maps.build_maps(tally, *lists, GRID.shared_windows)
        assert all((mine == theirs).all() for mine, theirs in zip(found, plain, strict=True))


def test_workers_pass_by_what_one_of_them_has_surpassed():
    evaluator = evaluator_of(PRICES, GRID)
    floors, middle = evaluator.floors(), 3  # of six lane blocks
    first, second, alone = evaluator.worker(floors), evaluator.worker(floors), evaluator.worker()
    first.evaluate((0, middle))
    for worker in (second, alone):
        worker.evaluate((middle, worker.cells))
    assert (second.tally.entries.best <= alone.tally.entries.best).all()
    assert (second.tally.entries.best < alone.tally.entries.best).any()
    check_maps(evaluator, reductions.merge(first.tally, second.tally))


def test_a_tally_that_is_lost_has_surpassed_nothing(monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    evaluate = Worker.evaluate

    def fails(worker, batch):
        if batch[0] >= 3:
            raise ZeroDivisionError
        return evaluate(worker, batch)

    with WorkerPool(evaluator, 1) as pool:
        with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(Worker, "evaluate", fails)
            pool.run(lost := ledger_of(evaluator), NullMonitor(1))
        assert not lost.done.any()
        pool.run(ledger := ledger_of(evaluator), NullMonitor(1))
    assert ledger.is_complete
    check_maps(evaluator, ledger.tally)


@pytest.mark.parametrize("raiser", ["worker", "monitor"])
def test_an_error_keeps_what_others_have_done(late, monkeypatch, raiser):
    evaluator = evaluator_of(PRICES, GRID)
    ledger, names, evaluate = ledger_of(evaluator), set(), Worker.evaluate
    are_several = threading.Event()

    def fails(worker, batch):
        names.add(threading.get_ident())
        if len(names) > 1:
            are_several.set()
        if batch[0] >= 30:
            assert are_several.wait(60)
        if raiser == "worker" and batch[0] == 30:
            late.set()
            raise ZeroDivisionError
        return evaluate(worker, batch)

    def monitor(ledger):
        if raiser == "monitor" and ledger.share > 0.5:
            late.set()
            raise ZeroDivisionError
        return WorkerDirective(3)

    monkeypatch.setattr(Worker, "evaluate", fails)
    with pytest.raises(ZeroDivisionError):
        ThreadExecutor(3).run(evaluator, ledger, monitor)
    assert len(names) > 1 and 0 < ledger.done.sum() < 46
    assert not ledger.done[30 if raiser == "worker" else 45]
    ledger.check()


def test_an_error_of_the_last_batch_is_raised(monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    ledger, evaluate = ledger_of(evaluator), Worker.evaluate

    def fails(worker, batch):
        if batch[1] == 46:
            time.sleep(0.05)
            raise ZeroDivisionError
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", fails)
    with pytest.raises(ZeroDivisionError):
        ThreadExecutor(2).run(evaluator, ledger, NullMonitor(2))
    assert not ledger.is_complete


def test_counts_that_do_not_add_up_end_the_run(monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    counts = evaluator.counts
    counts[3] += 1
    with pytest.raises(InternalError, match="do not add up"):
        ThreadExecutor(2).run(
            evaluator, ledger_module.Ledger(counts, evaluator.work, evaluator.empty), NullMonitor(2)
        )


def test_kernels_that_are_late_leave_at_their_next_row(monkeypatch):
    evaluator = evaluator_of(PRICES, GRID)
    ledger, evaluate, entered = ledger_of(evaluator), Worker.evaluate, threading.Event()

    def late(worker, batch):
        if batch[0] == 20:
            entered.set()
            while not evaluator.stop[0]:  # a kernel with rows of hours
                time.sleep(0.001)
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", late)
    monkeypatch.setattr(threads_module, "PATIENCE_SECONDS", 0.2)
    began = time.perf_counter()
    ThreadExecutor(2).run(evaluator, ledger, lambda _: WorkerDirective(2, stop=entered.is_set()))
    assert time.perf_counter() - began < 2
    assert not ledger.done[20]
    ledger.check()
    ThreadExecutor(2).run(
        evaluator, ledger, lambda _: WorkerDirective(2, stop=True)
    )  # and the stop is not left over
    assert evaluator.stop[0] == 0


def test_all_of_a_grid_in_one_call():
    tally = compute_tally(evaluator_of(PRICES, GRID), threads=2)
    assert tally.totals.counts[0] == GRID.size
