"""Many series on nodes: results, errors and directories are those of threads, whatever happens."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from helpers.nodes import LocalClusterExecutor
from helpers.series import frame, ohlc, series

import qmac
from qmac.data.prices import Prices
from qmac.errors import InternalError, PricesError, Stopped, WriteError, warn
from qmac.jobs import series_leases
from qmac.jobs.job import Job
from qmac.jobs.result_sink import DirectorySink, MemorySink
from qmac.jobs.series_leases import SeriesWork, pack, read, suits_nodes, unpack
from qmac.runs.tasks import Task
from qmac.runtime.cluster import accounts, leases
from qmac.runtime.cluster.messages import Grant
from qmac.runtime.execution.parts import Part
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=range(2, 12))
LENGTHS = {"A": 150, "B": 300, "C": 200, "D": 260, "E": 120, "F": 180}
FRAMES = {
    name: frame(series("random", bars, number))
    for number, (name, bars) in enumerate(LENGTHS.items())
} | {"G": ohlc("random", 300, 4)}
STOP = np.zeros(1, np.uint8)


@pytest.fixture(scope="module")
def digests():
    return {name: qmac.optimize(table, GRID, top=9).digest for name, table in FRAMES.items()}


@pytest.fixture(autouse=True)
def short_leases(monkeypatch):
    """Let every lease have a series for each thread of its node."""
    monkeypatch.setattr(accounts, "PACKED_LEASE_SECONDS", 1e-9)
    monkeypatch.setattr(leases, "LEAST_SECONDS", 1e-9)


def optimize(executor, **options):
    return qmac.optimize_many(FRAMES, GRID, **{"top": 9, "executor": executor, **options})


def digests_in(results):
    return {name: result.digest for name, result in results.items()}


def grants(executor):
    return [action.lease for action in executor.local.actions if isinstance(action, Grant)]


def name_sent(packed):
    """Return the name of the one series that was sent."""
    (prices,) = pickle.loads(packed)
    return prices.name


def count_grants(executor):
    return len(grants(executor))


@pytest.mark.parametrize(("count", "threads"), [(1, 1), (3, 2)])
def test_results_are_those_of_threads(tmp_path, digests, count, threads):
    executor = LocalClusterExecutor(count, threads=threads)
    in_memory = optimize(executor)
    assert digests_in(in_memory) == digests
    assert list(in_memory) == list(FRAMES)
    assert in_memory["B"].series.prices.close.tolist() == FRAMES["B"]["Close"].tolist()
    saved = optimize(executor, out=tmp_path / "run")
    assert digests_in(saved) == digests
    assert saved.winners.equals(optimize(None, threads=2).winners)
    assert all(lease.inputs is not None for lease in grants(executor))


def test_prices_come_with_the_lease_of_their_series_alone(digests):
    executor = LocalClusterExecutor(2)
    assert digests_in(optimize(executor)) == digests
    sent = [name_sent(each) for lease in grants(executor) for each in lease.inputs]
    assert sorted(sent) == sorted(FRAMES)
    assert sent[0] in ("B", "G")  # the longest first


def test_nodes_that_are_lost_or_fail_cost_no_series(digests):
    def fault(_, lease):
        if next(turns) == 2:
            return "gone"
        if lease.number == 3:
            raise ArithmeticError("a bit fell over")
        return None

    turns = itertools.count(1)
    executor = LocalClusterExecutor(3, fault=fault)
    assert digests_in(optimize(executor)) == digests


def test_what_fails_on_every_node_is_left_to_all_nodes_together(digests, monkeypatch):
    monkeypatch.setattr(SeriesWork, "compute", lambda *_: 1 / 0)
    executor = LocalClusterExecutor(2)
    assert digests_in(optimize(executor)) == digests
    assert any(lease.inputs is None for lease in grants(executor))


def test_a_series_that_cannot_be_read_is_left_out_and_named(tmp_path, digests, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(TypeError):  # a directory without results
        patch.setattr("qmac.jobs.runner.suits_nodes", None)
        optimize(LocalClusterExecutor(1), out=path)
    (path / "prices" / "C.parquet").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="left out: C"):
        results = qmac.resume(path, executor=LocalClusterExecutor(2))
    assert digests_in(results) == {name: digests[name] for name in FRAMES if name != "C"}
    assert "was changed" in results.left_out["C"]


def test_a_stop_leaves_what_is_done_and_the_rest_is_resumed(tmp_path, digests, monkeypatch):
    path, executor = tmp_path / "run", LocalClusterExecutor(1)
    stored, store = [], DirectorySink.store

    def store_some(sink, task, result):
        if len(stored) >= 3:
            raise Stopped("a limit.")
        stored.append(task.name)
        return store(sink, task, result)

    monkeypatch.setattr(DirectorySink, "store", store_some)
    with pytest.raises(Stopped, match="a limit"):
        optimize(executor, out=path)
    monkeypatch.undo()
    before = count_grants(executor)
    assert digests_in(qmac.resume(path, executor=executor)) == digests
    done = [name_sent(each) for lease in grants(executor)[before:] for each in lease.inputs]
    assert not set(done) & set(stored)


def test_a_limit_of_time_ends_it_between_series(monkeypatch):
    compute, turns = SeriesWork.compute, itertools.count()

    def compute_few(work, part, stop, packed):
        if next(turns) < 2:
            return compute(work, part, stop, packed)
        while not stop[0]:
            pass
        return None

    monkeypatch.setattr(SeriesWork, "compute", compute_few)
    monkeypatch.setattr("qmac.runtime.cluster.part_sweeper.PATIENCE_SECONDS", 0.05)
    stored = []
    store = MemorySink.store
    monkeypatch.setattr(
        MemorySink, "store", lambda *each: (stored.append(each[1].name), store(*each))[1]
    )
    with pytest.raises(Stopped, match="stopped between two symbols: max_time"):
        optimize(LocalClusterExecutor(1), limits=qmac.Limits(max_time=1))
    assert len(stored) == 2


def test_a_disk_that_refuses_a_result_ends_the_run(tmp_path, monkeypatch):
    def refuse(*_):
        raise WriteError("no space is left.")

    monkeypatch.setattr(DirectorySink, "store", refuse)
    with pytest.raises(WriteError, match="no space is left"):
        optimize(LocalClusterExecutor(2), out=tmp_path / "run")


def test_progress_shows_every_series_and_the_nodes():
    statuses = []
    optimize(LocalClusterExecutor(2), progress=statuses.append)
    assert {status.name for status in statuses if status.done == status.size} == set(FRAMES)
    assert [status.job_done for status in statuses] == sorted(s.job_done for s in statuses)
    assert statuses[-1].job_done == 1
    assert all(status.nodes is not None for status in statuses)


def work():
    prices = Prices.of(FRAMES["B"], "B")
    return SeriesWork(check_request(GRID, top=9), prices)


def test_the_work_of_a_node_says_what_it_did(digests):
    packed = pack([Prices.of(FRAMES[name], name) for name in "AB"])
    answers = unpack(work().compute(Part("series", 0), STOP, packed))
    for name, (outcome, best, texts) in zip("AB", answers, strict=True):
        result = outcome.load()
        assert (result.digest, result.source, texts) == (digests[name], None, [])
        assert best == result.top["total_return"].iloc[0]
    assert work().compute(Part("series", 0), STOP + 1, packed) is None


def test_a_stop_leaves_what_came_before_it(digests, monkeypatch):
    def sweep(*arguments):
        result = original(*arguments)
        stop[0] = len(stop)
        return result

    original, stop = series_leases.sweep, STOP.copy()
    monkeypatch.setattr(series_leases, "sweep", sweep)
    packed = pack([Prices.of(FRAMES[name], name) for name in "ABC"])
    (answer,) = unpack(work().compute(Part("series", 0), stop, packed))
    assert answer.outcome.load().digest == digests["A"]


def test_errors_and_warnings_of_a_node_are_those_of_the_driver(monkeypatch):
    def fail(*_):
        raise PricesError("too short.")

    with monkeypatch.context() as patch:
        patch.setattr(Job, "series", fail)
        packed = pack([read(Job({}, work().request), Task("A"))])
    (answer,) = unpack(work().compute(Part("series", 0), STOP, packed))
    assert isinstance(answer.outcome, PricesError) and np.isnan(answer.best)

    def sweep(*_):
        warn("exact to 1e-3 only")
        raise PricesError("no.")

    monkeypatch.setattr(series_leases, "sweep", sweep)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        packed = work().compute(Part("series", 0), STOP, pack([work().longest]))
    with pytest.warns(UserWarning, match="exact to 1e-3"):
        unpack(packed)


def test_a_node_that_prepares_a_series_otherwise_is_seen():
    close = FRAMES["B"]["Close"].to_numpy().copy()
    close[7] = np.nextafter(close[7], 0)
    other = SeriesWork(work().request, Prices.of(frame(close), "B"))
    here, there = work().compute_fingerprint(), other.compute_fingerprint()
    assert {name for name in here if here[name] != there[name]} == {"the longest series"}
    assert work().compute_checksum() != other.compute_checksum()
    assert work().thread_bytes > 0
    assert work().most_seconds > 30


def test_nothing_that_is_no_result_is_taken():
    queue = series_leases._LeaseQueue(1, None, None)
    with pytest.raises(InternalError, match="node n sent 1.0 for .*, which is no result"):
        queue.check(Part("series", 0), 1.0, "n")


def test_long_series_and_own_averages_are_swept_by_all_nodes_together():
    job = Job({}, check_request(GRID))
    assert suits_nodes(job, 2000)
    assert not suits_nodes(job, 2_000_000)
    assert not suits_nodes(Job({}, check_request(qmac.Grid(windows=range(2, 500)))), 2000)
    assert not suits_nodes(Job({}, check_request(GRID), averages={}), 2000)
