"""Cells on a node: how far a lease is, and that nothing is dropped; leases are in test_node.py."""

from helpers.series import frame, series
from helpers.sweeps import evaluator_of

import qmac
from qmac.runtime.cluster.cell_sweeper import CellSweeper
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.execution.directive import WorkerDirective


def test_a_sweeper_says_how_far_it_is_and_drops_no_cells():
    prices = qmac.Prices.of(frame(series("random", 300, 4)))
    evaluator = evaluator_of(prices, qmac.Grid(windows=range(2, 42)))
    sweeper = CellSweeper(evaluator, 2, lambda: WorkerDirective(2))
    assert sweeper.progress == (0, 0)
    sweeper.drop(7)
    assert sweeper.work(Lease(7, "a", 3, 9)).cells == ((3, 9),)
    assert sweeper.progress == (7, int(evaluator.work[3:9].sum()))
    sweeper.recall()
    assert sweeper.work(Lease(8, "a", 9, 12)).cells == ()
    sweeper.start_over()
    assert sweeper.progress == (0, 0)
    assert sweeper.work(Lease(1, "a", 9, 12)).cells == ((9, 12),)
    sweeper.close()
    assert sweeper.progress == (0, 0)
