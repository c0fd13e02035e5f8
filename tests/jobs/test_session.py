"""Sessions: the answers of qmac.optimize, question after question, and each can be cancelled."""

import pytest
from helpers.series import frame, series

import qmac
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError, Stopped
from qmac.jobs.session import Session

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
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


def test_a_cancellation_acts_once_it_is_attached():
    calls = []
    cancellation = qmac.Cancellation()
    cancellation.attach(lambda: calls.append("attached"))
    cancellation.cancel()
    cancellation.attach(None)
    cancellation.cancel()
    assert calls == ["attached"]
    cancellation.attach(lambda: calls.append("late"))
    assert calls == ["attached", "late"]


def test_a_closed_session_answers_no_more():
    session = Session(PRICES, GRID)
    session.close()
    with pytest.raises(OptionError, match="closed"):
        session.optimize()


def test_arguments_are_checked_when_a_session_is_made():
    with pytest.raises(OptionError, match="grid must be"):
        Session(PRICES, [2, 3, 4, 5])
    with pytest.raises(OptionError, match="threads must be"):
        Session(PRICES, GRID, threads=0)
