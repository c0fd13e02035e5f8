"""The driver, on nodes that are threads of this process; nodes of Ray are in test_ray.py."""

import itertools
import time
import warnings

import numpy as np
import pytest
from helpers.faults import let_time_pass
from helpers.nodes import LocalClusterExecutor
from helpers.part_work import EXPECTED, Counting, build_queue
from helpers.series import frame, series
from helpers.sweeps import evaluator_of
from helpers.terminal import inside

import qmac
from qmac.engine.sweep.worker import Worker
from qmac.errors import InputError, OptionError, Stopped
from qmac.jobs import runner
from qmac.runtime.cluster import accounts, driver, leases
from qmac.runtime.cluster.messages import Drop, Grant
from qmac.runtime.execution import ledger
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import Part
from qmac.runtime.resources.limits import Limits

pytestmark = pytest.mark.slow

GRID = qmac.Grid(windows=range(2, 42))
PRICES = frame(series("random", 300, 4))


@pytest.fixture(scope="module")
def digest():
    return qmac.optimize(PRICES, GRID, top=20).digest


def slowly(monkeypatch, seconds=0.01):
    evaluate = Worker.evaluate

    def slow(worker, batch):
        time.sleep(seconds * (batch[1] - batch[0]))
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", slow)
    monkeypatch.setattr(ledger, "BATCH_SECONDS", 0.05)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("seconds", [0.001, 0.05, 10.0])
def test_digest_is_that_of_threads_for_any_nodes_and_leases(monkeypatch, digest, count, seconds):
    monkeypatch.setattr(leases, "LEASE_SECONDS", seconds)
    monkeypatch.setattr(leases, "LEAST_SECONDS", min(seconds, 0.5))
    executor = LocalClusterExecutor(count, threads=2)
    result = qmac.optimize(PRICES, GRID, top=20, executor=executor)
    assert result.digest == digest and result.threads == 2 * count and not result.failed


def test_nodes_serve_one_dataset_after_the_other():
    frames = {"a": PRICES, "b": frame(series("ticks", 300, 2))}
    executor = LocalClusterExecutor(2)
    results = qmac.optimize_many(frames, GRID, executor=executor)
    for name, prices in frames.items():
        assert results[name].digest == qmac.optimize(prices, GRID).digest


def test_faults_of_every_kind_change_nothing(monkeypatch, digest):
    monkeypatch.setattr(leases, "SILENCE_SECONDS", 5.0)
    monkeypatch.setattr(leases, "STUCK_SECONDS", 1.5)
    monkeypatch.setattr(leases, "PING_SECONDS", 0.1)
    monkeypatch.setattr(leases, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.05)
    slowly(monkeypatch, 0.002)
    faults, turns = {2: "twice", 4: "gone", 5: "mute"}, itertools.count(1)
    executor = LocalClusterExecutor(3, fault=lambda name, lease: faults.get(next(turns)))
    with pytest.warns(UserWarning, match="came late or twice"):
        result = qmac.optimize(PRICES, GRID, top=20, executor=executor)
    assert result.digest == digest
    assert executor.local.created == 3 + 2  # whoever was gone or mute was replaced


def test_a_cell_that_fails_everywhere_is_named_and_the_rest_is_done(monkeypatch, tmp_path, digest):
    bad = 2

    def fault(name, lease):
        if lease.first <= bad < lease.last:
            raise ArithmeticError("a bit fell over")

    result = qmac.optimize(
        PRICES, GRID, top=20, executor=LocalClusterExecutor(2, fault=fault), out=tmp_path / "run"
    )
    (failed,) = result.failed
    assert failed["cell"] == bad and failed["reason"] == "a bit fell over"
    assert result.evaluated == GRID.size - failed["combinations"]
    assert result.digest != digest
    kept = qmac.resume(tmp_path / "run")
    assert next(iter(kept.values())).failed == result.failed


def broken(name, lease):
    """Two cells that no node can sweep."""
    if lease.first <= 2 < lease.last or lease.first <= 5 < lease.last:
        raise ArithmeticError("a bit fell over")


def cells_swept(monkeypatch):
    seen, evaluate = [], Worker.evaluate

    def noted(worker, batch):
        if worker.tally.maps.best.shape[1] == len(
            GRID.windows
        ):  # no pilot, and not what lies around the best
            seen.extend(range(*batch))
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", noted)
    return seen


@pytest.mark.parametrize("executor", [None, LocalClusterExecutor(2)], ids=["threads", "a cluster"])
def test_cells_that_failed_are_tried_again_and_no_others(monkeypatch, tmp_path, digest, executor):
    frames = {"A": PRICES, "B": frame(series("ticks", 300, 2))}
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(runner, "suits_nodes", lambda *_: False)  # by cells, which fail one by one
        first = qmac.optimize_many(
            frames, GRID, top=20, executor=LocalClusterExecutor(2, fault=broken), out=out
        )
    assert all([cell["cell"] for cell in result.failed] == [2, 5] for result in first.values())
    seen = cells_swept(monkeypatch)
    assert all(result.failed for result in qmac.resume(out).values()) and seen == []  # not unasked
    again = qmac.resume(out, executor=executor, retry_failed=True)
    assert sorted(seen) == [2, 2, 5, 5]
    assert (
        again["A"].digest == digest and not again["A"].failed and again["A"].evaluated == GRID.size
    )
    assert again["B"].digest == qmac.optimize(frames["B"], GRID, top=20).digest
    assert list((out / "snapshots").iterdir()) == []
    del seen[:]
    assert qmac.resume(out, retry_failed=True)["A"].digest == digest and seen == []


def test_cells_that_fail_again_and_a_retry_that_is_broken_off(monkeypatch, tmp_path, digest):
    out = tmp_path / "run"
    qmac.optimize(PRICES, GRID, top=20, executor=LocalClusterExecutor(2, fault=broken), out=out)

    def only_five(name, lease):
        if lease.first <= 5 < lease.last:
            raise ArithmeticError("another bit fell over")

    (result,) = qmac.resume(
        out, executor=LocalClusterExecutor(2, fault=only_five), retry_failed=True
    ).values()
    assert [cell["cell"] for cell in result.failed] == [5]

    class Halt(Exception):
        pass

    def halt(status):
        raise Halt

    with pytest.raises(Halt):
        qmac.resume(out, progress=halt, retry_failed=True)
    assert [cell["cell"] for cell in qmac.load(out).failed] == [5]  # what was there is there
    qmac.resume(out)
    seen = cells_swept(monkeypatch)
    (result,) = qmac.resume(out, retry_failed=True).values()
    assert result.digest == digest and seen == [5]


def test_without_what_was_set_aside_all_is_done_again(monkeypatch, tmp_path, digest):
    out = tmp_path / "run"
    qmac.optimize(PRICES, GRID, top=20, executor=LocalClusterExecutor(2, fault=broken), out=out)
    (aside,) = (out / "snapshots").iterdir()
    aside.write_bytes(aside.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="is damaged.*Resuming from the start"):
        (result,) = qmac.resume(out, retry_failed=True).values()
    assert result.digest == digest


def test_the_command_that_tries_again_is_told_and_works(tmp_path, digest):
    out = tmp_path / "run"
    qmac.optimize(PRICES, GRID, top=20, executor=LocalClusterExecutor(2, fault=broken), out=out)
    for command in ("show", "resume"):
        shown = inside(command, out)
        assert shown.returncode == 4 and f"qmac resume {out} --retry-failed" in shown.stderr, shown
    done = inside("resume", out, "--retry-failed")
    assert done.returncode == 0 and f"digest {digest[:12]}" in done.stdout, done


def test_without_a_cell_that_takes_off_there_is_no_answer(tmp_path):
    cells = evaluator().counts
    assert cells[-1] <= 0
    last = cells.size - 1

    def bad(name, lease):
        if lease.last > last:
            raise ArithmeticError("a bit fell over")

    with pytest.raises(Stopped, match=f"cell {last} failed on every node .*a bit fell over"):
        qmac.optimize(
            PRICES, GRID, top=20, executor=LocalClusterExecutor(2, fault=bad), out=tmp_path / "run"
        )
    qmac.resume(tmp_path / "run")  # elsewhere it can be swept


def test_a_stop_keeps_what_nodes_have_and_resumes(monkeypatch, tmp_path, digest):
    slowly(monkeypatch, 0.04)
    monkeypatch.setattr(leases, "PING_SECONDS", 0.1)
    first, shares, evaluate = [0.0], [], Worker.evaluate

    def wait(worker, batch):
        until = time.monotonic() + 60
        while worker.cells == 105 and batch[0] >= 70 and first[-1] <= 0.2:
            assert time.monotonic() < until
            time.sleep(0.01)
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", wait)
    let_time_pass(monkeypatch, runner, lambda: first[-1] > 0.2)
    with pytest.raises(Stopped, match="max_time"):
        qmac.optimize(
            PRICES,
            GRID,
            top=20,
            executor=LocalClusterExecutor(2),
            out=tmp_path / "run",
            limits=Limits(max_time="1h"),
            progress=lambda status: first.append(status.done / status.size),
        )
    results = qmac.resume(
        tmp_path / "run",
        executor=LocalClusterExecutor(1),
        progress=lambda status: shares.append(status.done / status.size),
    )
    assert shares[0] > 0.1  # a recall brings home what is swept, not only leases that are whole
    assert next(iter(results.values())).digest == digest


def test_progress_tells_of_every_node(monkeypatch, tmp_path):
    slowly(monkeypatch, 0.03)
    monkeypatch.setattr(leases, "PING_SECONDS", 0.1)
    seen = []
    qmac.optimize(PRICES, GRID, executor=LocalClusterExecutor(2), progress=seen.append)
    full = [status for status in seen if len(status.nodes or ()) == 2]
    assert full and full[-1].threads == 2 and "2 threads on 2 nodes" in full[-1].text
    shares = [status.done for status in seen]
    assert len(set(shares)) > 6  # what is swept on the nodes shows before a lease is done


def test_without_nodes_it_ends_with_the_reason(monkeypatch):
    monkeypatch.setattr(driver, "EMPTY_SECONDS", 0.3)
    executor = LocalClusterExecutor(0)
    with pytest.raises(Stopped, match=r"no node of the cluster .* ray status"):
        qmac.optimize(PRICES, GRID, executor=executor)
    executor.local.awaited = {"10.0.0.1:abc": "others hold its CPUs"}
    with (
        pytest.raises(Stopped, match=r"no node .*: others hold its CPUs\."),
        pytest.warns(UserWarning, match=r"waiting for node 10\.0\.0\.1:abc: others hold") as warned,
    ):
        qmac.optimize(PRICES, GRID, executor=executor)
    assert len(warned) == 1
    monkeypatch.setattr(driver, "REFUSED_SECONDS", 0.3)
    executor = LocalClusterExecutor(0)
    executor.local.refused = {"10.0.0.1:abc": "differs in version 0.0, here 0.1.0"}
    with pytest.raises(InputError, match=r"10\.0\.0\.1:abc: differs in version"):
        qmac.optimize(PRICES, GRID, executor=executor)


def test_a_refused_node_is_named_while_others_sweep(digest):
    executor = LocalClusterExecutor(1)
    executor.local.refused = {"10.0.0.2:abc": "No module named 'numba'"}
    with pytest.warns(
        UserWarning, match=r"without node 10\.0\.0\.2:abc: No module named 'numba'\."
    ):
        assert qmac.optimize(PRICES, GRID, top=20, executor=executor).digest == digest


def test_nodes_that_are_about_to_join_are_waited_for(monkeypatch):
    monkeypatch.setattr(driver, "EMPTY_SECONDS", 0.4)
    monkeypatch.setattr(driver, "REFUSED_SECONDS", 0.1)
    executor = LocalClusterExecutor(0)
    executor.local.refused, executor.local.starting = {"a": "differs in version"}, 1
    with (
        pytest.warns(UserWarning, match="without node a"),
        pytest.raises(Stopped, match=r"no node .* a: differs in version\."),
    ):
        qmac.optimize(PRICES, GRID, executor=executor)


def test_a_cluster_without_a_cpu_is_reported_long_before_the_end(monkeypatch):
    monkeypatch.setattr(driver, "EMPTY_SECONDS", 1.5)
    monkeypatch.setattr(driver, "LONELY_SECONDS", 0.1)
    with (
        pytest.warns(UserWarning, match="waiting for a node: no node with a CPU is there"),
        pytest.raises(Stopped, match="No node with a CPU is there"),
    ):
        qmac.optimize(PRICES, GRID, executor=LocalClusterExecutor(0))


def test_scores_are_not_kept_by_a_cluster(tmp_path):
    with pytest.raises(OptionError, match="save_grid"):
        qmac.optimize(
            PRICES,
            GRID,
            executor=LocalClusterExecutor(1),
            out=tmp_path / "run",
            save_grid="float32",
        )
    assert not (tmp_path / "run").exists()


def test_the_ledger_merges_many_times_what_sixty_cpus_send():
    """A node of 60 CPUs sends one lease in ten seconds; merging takes a hundredth of a second."""
    executor, seconds = LocalClusterExecutor(1), []
    settle = driver.Ledger.settle
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(leases, "LEASE_SECONDS", 0.001)
        patch.setattr(leases, "LEAST_SECONDS", 0.001)

        def timed(*args, **how):
            began = time.perf_counter()
            kept = settle(*args, **how)
            seconds.append(time.perf_counter() - began)
            return kept

        patch.setattr(driver.Ledger, "settle", timed)
        qmac.optimize(PRICES, GRID, executor=executor)
    assert len([action for action in executor.local.actions if isinstance(action, Grant)]) >= 10
    assert np.median(seconds) < leases.LEASE_SECONDS / 10


def evaluator():
    return evaluator_of(qmac.Prices.of(PRICES), GRID)


# -- parts


def do_parts(executor, work, **options):
    queue = build_queue(**options)
    executor.run_parts(queue, work, lambda _: WorkerDirective(1))
    return queue


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("seconds", [0.001, 2.0])
def test_the_same_values_count_on_any_nodes(monkeypatch, count, seconds):
    monkeypatch.setattr(accounts, "PART_LEASE_SECONDS", seconds)
    executor = LocalClusterExecutor(count, threads=2)
    queue = do_parts(executor, Counting(0.002))
    assert queue.values == EXPECTED
    assert queue.is_complete
    assert queue.swept_elsewhere == 0
    assert do_parts(executor, Counting(), most=None).counted == 80  # nodes stay


def test_parts_that_are_needed_no_more_are_stopped_on_their_nodes(monkeypatch):
    monkeypatch.setattr(accounts, "PART_LEASE_SECONDS", 1e-9)
    monkeypatch.setattr(leases, "LEAST_SECONDS", 1e-9)
    executor, began = LocalClusterExecutor(2), time.monotonic()

    class Endless(Counting):
        def compute(self, part, stop):
            is_needed = part.number < len(EXPECTED[part.sequence])
            return Counting(0.005 if is_needed else 60.0).compute(part, stop)

    queue = do_parts(executor, Endless(), count=14)
    assert queue.values == EXPECTED
    assert any(isinstance(action, Drop) for action in executor.local.actions)
    assert time.monotonic() - began < 30


def test_faults_of_every_kind_change_no_value(monkeypatch):
    monkeypatch.setattr(leases, "SILENCE_SECONDS", 5.0)
    monkeypatch.setattr(leases, "PING_SECONDS", 0.1)
    monkeypatch.setattr(leases, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(accounts, "PART_LEASE_SECONDS", 0.05)
    faults, turns, heard = {2: "twice", 4: "gone", 5: "mute"}, itertools.count(1), []
    executor = LocalClusterExecutor(3, fault=lambda name, lease: faults.get(next(turns)))
    work = Counting(0.005)
    work.most_seconds = 1.5
    with pytest.warns(UserWarning, match="came late or twice"):
        queue = do_parts(executor, work, most=None, listener=lambda *each: heard.append(each[0]))
    assert queue.counted == len(heard) == len(set(heard)) == 80
    assert executor.local.created == 3 + 2


def test_a_part_that_fails_everywhere_is_named_once_the_rest_is_done():
    heard, executor = [], LocalClusterExecutor(2)
    with pytest.raises(Stopped, match=r"part 2 of b failed on every node .*a bit fell over"):
        do_parts(
            executor,
            Counting(bad=[Part("b", 2), Part("a", 20)]),
            listener=lambda *each: heard.append(each[0]),
        )
    assert {part for part in heard if part.sequence == "b"} == {
        Part("b", number) for number in range(40) if number != 2
    }
    executor = LocalClusterExecutor(2)
    assert do_parts(executor, Counting(bad=[Part("a", 39)])).values == EXPECTED


def test_a_stop_brings_home_the_parts_that_are_done():
    executor, queue = LocalClusterExecutor(2), build_queue(most=None)
    seen = []

    def monitor(nodes):
        seen.append(queue.swept + queue.swept_elsewhere)
        return WorkerDirective(1, stop=seen[-1] >= 9)

    executor.run_parts(queue, Counting(0.05), monitor)
    assert 9 <= queue.swept < 80
    assert seen[-1] <= queue.swept + 2


class Doubling(Counting):
    """Doubles what comes with a part."""

    def compute(self, part, stop, packed=b""):
        return float(packed) * 2


def test_what_a_part_needs_comes_with_its_lease_whichever_node_has_it():
    faults, turns = {2: "gone"}, itertools.count(1)
    executor = LocalClusterExecutor(3, fault=lambda name, lease: faults.get(next(turns)))
    queue = build_queue(most=None)
    executor.run_parts(
        queue, Doubling(), lambda _: WorkerDirective(1), lambda part: str(part.number).encode()
    )
    assert queue.values == {name: [2.0 * number for number in range(40)] for name in "ab"}
    assert executor.local.created == 3 + 1
