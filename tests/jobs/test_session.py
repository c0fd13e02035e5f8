"""Sessions: the answers of qmac.optimize, question after question, and each can be cancelled."""

import gc
import os
import pickle
import random
import signal
import threading
import time
import weakref
from dataclasses import replace

import pytest
from helpers.faults import LONG
from helpers.series import ohlc

import qmac
from qmac.engine.backtest import batch
from qmac.engine.dataset import recent_lists
from qmac.engine.sweep import evaluator
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError, PricesError, Stopped
from qmac.jobs import series_sweep, top_rows
from qmac.jobs import session as session_module
from qmac.jobs.session import Session
from qmac.runtime.resources import probes

PRICES = qmac.Prices.of(ohlc("random", 300, 4), "SPY")
DATES = [str(date)[:10] for date in PRICES.index]
GRID = qmac.Grid(windows=range(2, 12))


@pytest.fixture(scope="module")
def session():
    with qmac.Session(PRICES, GRID, threads=2) as session:
        yield session


def test_answers_have_the_digest_of_optimize(session):
    for rules in (None, qmac.Rules(fees=0.01), qmac.Rules(start="2001-03-01"), None):
        for bounds in ({}, {"min_trades": 4, "top": 7}):
            answer = session.optimize(rules=rules, **bounds)
            expected = qmac.optimize(PRICES, GRID, rules=rules, **bounds)
            assert answer.digest == expected.digest
            assert answer.fingerprint == expected.fingerprint


CHANGES = {
    "objective": ["total_return", "sharpe_ratio"],
    "maximize": [True, False],
    "top": [1, 7, 100],
    "min_trades": [1, 3],
}
RULES = {
    "fees": [0.0, 0.002, 0.01],
    "slippage": [0.0, 0.004],
    "start": [None, *DATES[20:100:7]],
    "end": [None, *DATES[200::9]],
    "average": ["sma", "sma", "ema"],
    "init_cash": [100.0, 5e4],
}


def test_a_walk_over_questions_has_the_digests_of_optimize(session):
    """One thing changes at a time, or all of them do."""
    draw, rules, options = random.Random(3), {}, {}
    for step in range(300 if LONG else 30):
        for name in RULES if step % 7 == 6 else [draw.choice(list(RULES))]:
            rules[name] = draw.choice(RULES[name])
        for name in CHANGES if step % 7 == 6 else [draw.choice(list(CHANGES))]:
            options[name] = draw.choice(CHANGES[name])
        answer = session.optimize(rules=qmac.Rules(**rules), **options)
        expected = qmac.optimize(PRICES, GRID, rules=qmac.Rules(**rules), **options)
        assert answer.digest == expected.digest, (rules, options)
        assert answer.fingerprint == expected.fingerprint
        assert answer.top.equals(expected.top)
        assert answer.prices == expected.prices
        assert answer.hold == pytest.approx(expected.hold, rel=0, abs=0, nan_ok=True)


@pytest.mark.slow
def test_kernels_of_other_rules_have_the_digests_of_optimize(session):
    choices = (
        {"fill": "next_open"},
        {"conflict": "opposite"},
        {"stop_loss": 0.05},
        {"take_profit": 0.1, "fill": "next_open"},
    )
    for rules in (qmac.Rules(**each) for each in choices):
        expected = qmac.optimize(PRICES, GRID, rules=rules)
        assert session.optimize(rules=rules).digest == expected.digest


def test_top_rows_are_replayed_when_they_are_looked_at(session, monkeypatch):
    expected = qmac.optimize(PRICES, GRID, top=10)
    with monkeypatch.context() as patch:
        patch.setattr(batch, "replay_metrics", None)
        answer = session.optimize(top=10)
        assert (answer.best, answer.digest) == (expected.best, expected.digest)
        assert answer.request == expected.request
    copied = pickle.loads(pickle.dumps(answer))
    assert answer.top.equals(expected.top) and copied.top.equals(expected.top)


def test_many_top_rows_are_replayed_with_the_sweep(session, monkeypatch):
    monkeypatch.setattr(series_sweep, "DEFERRED_BARS", 0)
    seen = []
    replay = top_rows.batch.replay_metrics
    monkeypatch.setattr(batch, "replay_metrics", lambda *each: seen.append(1) or replay(*each))
    session.optimize(top=10)
    assert seen


def test_a_question_takes_no_second_reading_of_the_machine(session, monkeypatch):
    session.optimize()
    session._reading = replace(session._reading, moment=time.monotonic() + 60)
    monkeypatch.setattr(probes.Probe, "read", None)
    session.optimize(rules=qmac.Rules(fees=0.003))
    monkeypatch.undo()
    session._reading = None


def test_the_lowest_can_rank_first(session):
    expected = qmac.optimize(PRICES, GRID, maximize=False)
    assert session.optimize(maximize=False).digest == expected.digest


def test_an_answer_can_be_saved(session, tmp_path):
    answer = session.optimize(top=5)
    answer.save(tmp_path / "saved")
    assert qmac.load(tmp_path / "saved").digest == answer.digest


def test_prices_may_be_a_frame():
    with Session(PRICES.frame, GRID) as session:
        assert session.optimize().digest == qmac.optimize(PRICES, GRID).digest


def test_progress_is_shown(session):
    seen = []
    session.optimize(progress=seen.append)
    assert seen[-1].size == GRID.size


def test_a_cancelled_question_is_not_answered(session):
    cancellation = qmac.Cancellation()
    cancellation.cancel()
    with pytest.raises(Stopped, match="cancelled"):
        session.optimize(cancellation=cancellation)
    assert session.optimize().evaluated == GRID.size


def test_kernels_leave_when_they_are_told_to(session, monkeypatch):
    """Not only before the next batch: one may take a second."""
    cancellation, shown = qmac.Cancellation(), []
    evaluate = Worker.evaluate

    def cancel(worker, batch):
        if not shown:  # the pilot's
            return evaluate(worker, batch)
        cancellation.cancel()
        assert not evaluate(worker, batch)
        return False

    monkeypatch.setattr(Worker, "evaluate", cancel)
    with pytest.raises(Stopped, match="cancelled"):
        session.optimize(progress=shown.append, cancellation=cancellation)
    monkeypatch.undo()
    assert session.optimize().digest == qmac.optimize(PRICES, GRID).digest


def test_a_closed_session_answers_no_more():
    session = Session(PRICES, GRID)
    session.close()
    with pytest.raises(OptionError, match="closed"):
        session.optimize()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_session_answers_after_a_fork_in_the_midst_of_a_question():
    """The thread that held its lock is not in the new process."""
    session = Session(PRICES, GRID)
    expected = session.optimize().digest
    with session._lock:
        process = os.fork()
        if process == 0:
            signal.alarm(30)
            os._exit(0 if session.optimize().digest == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_a_session_says_what_it_is_of_and_that_it_cannot_be_copied():
    session = Session(PRICES, GRID)
    assert repr(session) == f"Session('SPY': 300 bars, {GRID.size:,} combinations)"
    with pytest.raises(TypeError, match="cannot be copied"):
        pickle.dumps(session)
    session.close()
    assert repr(session).endswith(", closed)")


def test_arguments_are_checked_when_a_session_is_made():
    with pytest.raises(OptionError, match="grid must be"):
        Session(PRICES, [2, 3, 4, 5])
    with pytest.raises(OptionError, match="threads must be"):
        Session(PRICES, GRID, threads=0)


STAGES = {
    "crosses": (recent_lists, "find_grid_crosses"),
    "lists": (recent_lists, "build_event_lists"),
    "histogram": (evaluator, "place_scale"),
    "top rows": (series_sweep, "replay_top"),
    "maps": (series_sweep, "build_maps"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_question_is_cancelled_at_every_stage(session, monkeypatch, stage):
    """And the session answers the next one."""
    module, name = STAGES[stage]
    cancellation, function = qmac.Cancellation(), getattr(module, name)
    monkeypatch.setattr(series_sweep, "DEFERRED_BARS", 0)

    def cancel(*arguments):
        cancellation.cancel()
        return function(*arguments)

    rules = qmac.Rules(start=DATES[31 + list(STAGES).index(stage)], average="ema")
    session.optimize()  # with another average
    monkeypatch.setattr(module, name, cancel)
    with pytest.raises(Stopped, match="cancelled"):
        session.optimize(rules=rules, cancellation=cancellation)
    monkeypatch.undo()
    expected = qmac.optimize(PRICES, GRID, rules=rules)
    assert session.optimize(rules=rules).digest == expected.digest


@pytest.mark.parametrize("stage", STAGES)
def test_an_error_leaves_a_session_that_answers(session, monkeypatch, stage):
    module, name = STAGES[stage]
    monkeypatch.setattr(series_sweep, "DEFERRED_BARS", 0)
    session.optimize()
    rules = qmac.Rules(start=DATES[41 + list(STAGES).index(stage)], average="ema")
    monkeypatch.setattr(module, name, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session.optimize(rules=rules)
    monkeypatch.undo()
    expected = qmac.optimize(PRICES, GRID, rules=rules)
    assert session.optimize(rules=rules).digest == expected.digest


def test_an_invalid_question_leaves_a_session_that_answers(session):
    with pytest.raises(PricesError, match="start is 2099"):
        session.optimize(rules=qmac.Rules(start="2099-01-01"))
    assert session.optimize().digest == qmac.optimize(PRICES, GRID).digest


def test_a_question_is_answered_by_the_kernel_that_is_chosen(monkeypatch):
    """And whoever cancels it need not wait for a compiler: tests/jobs/test_kernel_choice.py."""
    cancellation, checks = qmac.Cancellation(), []

    def choose(series, grid, spec, executor, check):
        checks.append(check)
        return replace(spec, is_general=True)

    monkeypatch.setattr(session_module, "choose_kernel", choose)
    monkeypatch.setattr(session_module, "sweep", lambda _, __, spec, *___: spec)
    assert Session(PRICES, GRID).optimize(cancellation=cancellation).is_general
    assert checks == [cancellation.check]


def test_questions_of_several_threads_are_answered_one_after_the_other(session):
    rules = [qmac.Rules(fees=number / 500) for number in range(6)]
    digests = {}

    def ask(number):
        digests[number] = session.optimize(rules=rules[number]).digest

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(rules))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    expected = {n: qmac.optimize(PRICES, GRID, rules=each).digest for n, each in enumerate(rules)}
    assert digests == expected


def test_closing_frees_what_is_held():
    session = Session(PRICES, GRID)
    session.optimize()
    bars = session._recent._crosses[1][0].bars
    held = weakref.ref(bars if bars.base is None else bars.base)
    del bars
    session.close()
    gc.collect()
    assert held() is None


def test_a_session_that_is_closed_during_a_question_is_freed_after_it():
    session = Session(PRICES, GRID)
    answer = session.optimize(progress=lambda _: session.close())
    assert answer.evaluated == GRID.size
    assert session._recent._crosses is None


def test_a_question_within_a_question_is_refused_and_not_waited_for(session):
    refusals = []

    def ask(_):
        if not refusals:
            with pytest.raises(OptionError, match="one question after the other") as refusal:
                session.optimize()
            refusals.append(refusal)

    expected = session.optimize().digest
    assert session.optimize(progress=ask).digest == expected
    assert len(refusals) == 1
    assert session.optimize().digest == expected


def test_limits_are_those_of_each_question():
    session = Session(PRICES, GRID, limits=qmac.Limits(memory="1MiB"))
    with pytest.raises(OptionError, match="MiB"):
        session.optimize()
    session = Session(PRICES, GRID, limits=qmac.Limits(max_time=1e-9))
    for _ in range(2):
        with pytest.raises(Stopped, match="max_time"):
            session.optimize()
