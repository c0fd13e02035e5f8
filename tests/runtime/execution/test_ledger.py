"""The ledger: every combination is counted in one cell, and a cell is counted once."""

import numpy as np
import pytest
from helpers.series import KINDS, frame, series
from helpers.sweeps import done, evaluator_of, ledger_of, sweep_with
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep import reductions
from qmac.errors import InternalError
from qmac.runtime.execution import ledger as ledger_module
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger

ROLES = st.sets(st.integers(1, 12), min_size=2, max_size=6).map(sorted)
GRIDS = st.one_of(
    st.builds(
        qmac.Grid,
        windows=st.sets(st.integers(1, 18), min_size=4, max_size=14).map(sorted),
        shared_windows=st.booleans(),
    ),
    st.builds(
        lambda a, b, c, d, shared: qmac.Grid(
            buy_fast=a, buy_slow=[*b, 13], sell_fast=c, sell_slow=[*d, 14], shared_windows=shared
        ),
        ROLES, ROLES, ROLES, ROLES, st.booleans(),
    ),
)  # fmt: skip
SERIES = (
    st.builds(series, st.sampled_from(KINDS), st.integers(20, 90), st.integers(0, 100))
    .map(frame)
    .map(Prices.of)
)


@pytest.fixture
def evaluator():
    return evaluator_of(Prices.of(frame(series("random", 300, 4))), qmac.Grid(windows=range(2, 22)))


@given(SERIES, GRIDS)
def test_a_cell_counts_what_the_ledger_says(prices, grid):
    evaluator = evaluator_of(prices, grid)
    counts, work, worker = evaluator.counts, evaluator.work, evaluator.worker()
    assert counts.shape == work.shape == (worker.cells,)
    assert counts.sum() == grid.size and (work >= 0).all()
    for cell, expected in enumerate(counts.tolist()):
        worker.start_over()
        worker.evaluate((cell, cell + 1))
        assert worker.tally.totals.counts[0] == expected, cell


class Shuffled:
    """Batches cut anywhere, done by anyone, merged in any order."""

    map = SerialExecutor.map
    threads = workers = 1

    def __init__(self, data):
        self.data = data

    def run(self, evaluator, ledger, monitor):
        draw, cells = self.data.draw, ledger.done.size
        cuts = sorted(draw(st.sets(st.integers(0, cells), max_size=12)) | {0, cells})
        batches = draw(st.permutations(list(zip(cuts, cuts[1:], strict=False))))
        workers = draw(st.lists(st.integers(0, 3), min_size=len(batches), max_size=len(batches)))
        for worker in draw(st.permutations(sorted(set(workers)))):
            mine = [batch for batch, whose in zip(batches, workers, strict=True) if whose == worker]
            ledger.settle(done(evaluator, *mine), mine, worker)
        ledger.check()
        assert ledger.is_complete


@pytest.mark.slow
@settings(max_examples=40)
@given(SERIES, GRIDS, st.data())
def test_any_partition_in_any_order_gives_the_same(prices, grid, data):
    whole = sweep_with(SerialExecutor(), prices, grid)
    assert sweep_with(Shuffled(data), prices, grid).digest == whole.digest


def test_a_tally_of_anything_else_is_refused(evaluator):
    for tally, batch in (
        (done(evaluator, (0, 2)), (0, 1)),
        (done(evaluator, (0, 1)), (0, 2)),
        (done(evaluator, (0, 1), (0, 1)), (0, 1)),
        (evaluator.empty(), (3, 4)),
        (done(evaluator, (20, 21)), (0, 1)),
    ):
        ledger = ledger_of(evaluator)
        with pytest.raises(InternalError, match="do not add up"):
            ledger.settle(tally, [batch])
        assert not ledger.done.any() and ledger.tally.totals.counts[0] == 0


def test_a_tally_is_kept_if_there_was_none_before(evaluator):
    first, second = done(evaluator, (0, 3)), done(evaluator, (3, 5))
    merged = ledger_of(evaluator)
    assert not any(
        merged.settle(tally, batches) for tally, batches in ((first, [(0, 3)]), (second, [(3, 5)]))
    )
    ledger = ledger_of(evaluator)
    assert ledger.settle(first, [(0, 3)], may_keep=True) and ledger.tally is first
    assert not ledger.settle(second, [(3, 5)], may_keep=True) and ledger.tally is first
    checked = ledger_of(evaluator)
    checked.check()  # makes its tally
    assert not checked.settle(done(evaluator, (0, 3)), [(0, 3)], may_keep=True)
    for name, array in reductions.named_arrays(merged.tally).items():
        if not name.startswith("heap"):
            assert np.array_equal(reductions.named_arrays(first)[name], array), name


def test_a_cell_done_twice_is_refused(evaluator):
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 3)), [(0, 3)])
    before = reductions.sum_of_squares(ledger.tally)
    with pytest.raises(InternalError, match="cell 2 was done twice"):
        ledger.settle(done(evaluator, (2, 5)), [(2, 5)])
    assert ledger.done.sum() == 3 and reductions.sum_of_squares(ledger.tally) == before
    with pytest.raises(InternalError, match="do not add up"):  # twice in one go
        ledger_of(evaluator).settle(done(evaluator, (2, 3), (2, 3)), [(2, 3), (2, 3)])


def test_counts_that_do_not_add_up_are_found(evaluator):
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 3)), [(0, 3)])
    ledger.check()
    ledger.done[20] = True
    with pytest.raises(InternalError, match="do not add up"):
        ledger.check()


@given(
    st.lists(st.booleans(), min_size=1, max_size=200),
    st.floats(0, 1e4),
    st.integers(1, 64),
)
def test_every_cell_is_taken_once(already, speed, workers):
    already = np.array(already)
    cells = already.size
    tally = reductions.empty(2, 1, 1, 1)
    ledger = Ledger(np.zeros(cells, np.int64), np.ones(cells, np.int64), lambda: tally)
    ledger.restore(already)
    taken = already.astype(int)
    while (batch := ledger.take(speed, workers)) is not None:
        left = cells - taken.sum()
        first, last = batch
        taken[first:last] += 1
        share = -(-left // (ledger_module.SMALLEST_SHARE * workers))
        assert 1 <= last - first <= max(1, min(share, speed * ledger_module.BATCH_SECONDS))
    assert (taken == 1).all() and ledger.is_exhausted and ledger.take(speed, workers) is None


def test_a_batch_is_no_shorter_than_its_least_seconds():
    ledger = Ledger(np.zeros(100, np.int64), np.ones(100, np.int64), lambda: None)
    assert ledger.take(1e4, 2, least_seconds=0.001) == (0, 12)  # a share of the whole is more
    assert ledger.take(1e4, 64, least_seconds=0.001) == (12, 22)
    assert ledger.take(0.0, 2, least_seconds=0.001) == (22, 23)  # the speed is unknown
    assert ledger.take(1e2, 1, least_seconds=1.0) == (23, 48)  # nor longer than its most


def test_share_and_best_are_those_of_the_work(evaluator):
    ledger = ledger_of(evaluator)
    assert ledger.share == 0 and ledger.best == -np.inf and not ledger.is_complete
    ledger.record_swept((0, 5), 0.5)
    ledger.record_swept((5, 6), 0.25)
    work = evaluator.work
    assert ledger.share == pytest.approx(work[:6].sum() / work.sum()) and ledger.best == 0.5
    assert Ledger(np.zeros(2), np.zeros(2), evaluator.empty).share == 1.0


def test_who_has_settled_is_known_until_the_next_call(evaluator):
    ledger = ledger_of(evaluator)
    epoch = ledger.epoch
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)], worker=3)
    assert ledger.settled_by == {3}
    ledger.request_settlement()
    assert ledger.epoch != epoch and ledger.settled_by == set()
