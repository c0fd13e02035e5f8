"""A node: it sweeps the cells of its leases and no others, within its limits."""

import pytest
from helpers.series import frame, series
from helpers.sweeps import evaluator_of

import qmac
from qmac.engine.sweep import window_maps
from qmac.errors import OptionError
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.runtime.cluster import node
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.cluster.payloads import CellPayload, CellProbe
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.limits import Limits

GRID = qmac.Grid(windows=range(2, 42))
PRICES = frame(series("random", 300, 4))


def evaluator():
    return evaluator_of(qmac.Prices.of(PRICES), GRID)


def payload_of(evaluator):
    return lambda: CellPayload(evaluator)


def test_a_lease_that_failed_has_surpassed_nothing(monkeypatch):
    evaluator = evaluator_of(qmac.Prices.of(PRICES), GRID)
    local, alone = node.Node(Limits(), 1), evaluator.worker()

    def work(number, first, last):
        return local.work(
            Lease(number, "n", first, last),
            1,
            evaluator.compute_checksum(),
            lambda: CellPayload(evaluator),
        )

    def fails(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(Ledger, "settle", fails)
        work(1, 0, 5)
    alone.evaluate((5, 10))
    assert (work(2, 5, 10).tally.entries.best == alone.tally.entries.best).all()
    beaten, alone = work(3, 10, 15).tally.entries.best, evaluator.worker()
    alone.evaluate((10, 15))
    assert (beaten < alone.tally.entries.best).any()  # by those of the second


def test_a_node_sweeps_the_cells_of_its_lease_and_no_others():
    found = evaluator()
    there = node.Node(Limits(), 2)
    share = there.work(Lease(7, "a", 3, 9), 1, found.compute_checksum(), payload_of(found))
    assert share.cells == ((3, 9),)
    assert int(share.tally.totals.counts[0]) == int(found.counts[3:9].sum())
    reading = there.reading()
    assert (
        reading.lease == 7 and reading.swept == int(found.work[3:9].sum()) and reading.threads >= 1
    )


def test_a_node_that_sweeps_cells_again_or_for_another_run_gives_all_of_them():
    """Within one run a worker skips what earlier leases have surpassed."""
    found = evaluator()
    there, cells = node.Node(Limits(), 1), found.counts.size  # of two, either may sweep all

    def best(lease, generation):
        tally = there.work(lease, generation, found.compute_checksum(), payload_of(found)).tally
        return window_maps.build_maps(
            tally, found.dataset.buys, found.dataset.sells, GRID.shared_windows
        ).best.copy()

    first = best(Lease(1, "a", 0, cells), 1)
    assert (best(Lease(2, "a", 0, cells, again=True), 1) == first).all()
    assert (best(Lease(1, "a", 0, cells), 2) == first).all()
    assert not (best(Lease(2, "a", 0, cells), 2) == first).all()


def test_a_node_refuses_what_was_not_sent_and_what_does_not_fit():
    found = evaluator()
    with pytest.raises(OptionError, match="not what was sent"):
        node.Node(Limits(), 1).work(Lease(1, "a", 0, 1), 1, "0" * 64, payload_of(found))
    with pytest.raises(OptionError, match="needs"):
        node.Node(Limits(memory="10MiB"), 1).work(
            Lease(1, "a", 0, 1), 1, found.compute_checksum(), payload_of(found)
        )


def test_a_node_that_was_recalled_works_again_for_the_next_run():
    found = evaluator()
    there = node.Node(Limits(), 1)
    there.work(Lease(1, "a", 0, 1), 1, found.compute_checksum(), payload_of(found))
    assert there.reading().generation == 1
    there.recall()
    assert (
        there.work(Lease(2, "a", 1, 2), 1, found.compute_checksum(), payload_of(found)).cells == ()
    )
    assert there.work(
        Lease(1, "a", 1, 2), 2, found.compute_checksum(), payload_of(found)
    ).cells == ((1, 2),)


def test_a_fingerprint_holds_kernels_and_answers():
    found = evaluator()
    first, long = (CellProbe(found.spec, bars).compute_fingerprint() for bars in (300, 40_000))
    assert len(first["known answers"]) == 64 and long["known answers"] == "not computed"
    assert first["version"] == qmac.__version__ and first["kernels"] == hash_arithmetic()
