"""What nodes are sent: small where it is compared, whole where it is swept."""

import pickle

from helpers.part_work import Counting
from helpers.series import frame, series
from helpers.sweeps import evaluator_of

import qmac
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.cluster.part_sweeper import PartLayout
from qmac.runtime.cluster.payloads import CellPayload, PartPayload
from qmac.runtime.execution.directive import WorkerDirective


def test_cells_are_compared_before_they_are_sent():
    prices = qmac.Prices.of(frame(series("random", 300, 4)))
    evaluator = evaluator_of(prices, qmac.Grid(windows=range(2, 42)))
    payload = CellPayload(evaluator)
    assert payload.compute_checksum() == evaluator.compute_checksum()
    assert payload.compute_fingerprint() == payload.probe.compute_fingerprint()
    assert len(pickle.dumps(payload.probe)) < len(pickle.dumps(payload)) / 10
    assert payload.memory == (evaluator.tally_bytes, evaluator.worker_bytes)
    assert not payload.overlaps


def test_parts_are_compared_by_what_each_node_makes_of_them():
    payload = PartPayload(Counting(), PartLayout({"a": 3}))
    other = PartPayload(Counting(), PartLayout({"a": 4}))
    assert payload.probe is None
    assert payload.compute_fingerprint() == {"version": "1"}
    assert payload.compute_checksum() != other.compute_checksum()
    assert payload.memory == (0, 0)
    assert payload.overlaps
    sweeper = payload.build_sweeper(2, lambda: WorkerDirective(2))
    assert sweeper.work(Lease(1, "n", 0, 3)).values == {0: 1.0, 1: 0.0, 2: 0.0}
