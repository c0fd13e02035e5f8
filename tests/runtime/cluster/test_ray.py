"""Ray itself: several raylets on loopback, and what can happen to them and to their workers."""

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from unittest.mock import ANY

import psutil
import pytest
from helpers.faults import LONG
from helpers.nodes import Pace
from helpers.series import frame, series
from helpers.stopwatch import Stopwatch

import qmac
from qmac.errors import OptionError, ResultError, Stopped
from qmac.runs.snapshot import decode
from qmac.runtime.cluster import driver, ray_client
from qmac.runtime.cluster.leases import SILENCE_SECONDS, STUCK_SECONDS
from qmac.runtime.cluster.messages import Accept, Expel, Grant
from qmac.runtime.cluster.payloads import CellPayload

ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'qmac[ray]'")
from ray.cluster_utils import Cluster  # noqa: E402

from qmac.runtime.cluster.ray import RayNodes  # noqa: E402
from qmac.runtime.resources.limits import Limits  # noqa: E402

pytestmark = pytest.mark.slow

GRID = qmac.Grid(windows=range(2, 42))
PRICES = frame(series("random", 300, 4))
STORE = 80 * 2**20
long = pytest.mark.skipif(not LONG, reason="with make test-long")


@pytest.fixture(scope="module")
def digest():
    return qmac.optimize(PRICES, GRID, top=20).digest


@contextlib.contextmanager
def raylets(count, pace, home):
    """A head without CPUs and ``count`` nodes of one, whose cells take the time of a pace."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pace.environment.items():
            patch.setenv(name, value)
        patch.setenv("RAY_LOG_TO_STDERR", "0")
        patch.setenv("RAY_TMPDIR", str(home))
        head = {"num_cpus": 0, "object_store_memory": STORE, "no_monitor": True}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE) for _ in range(count)]
            yield cluster, nodes
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture(scope="module")
def shared_pace(tmp_path_factory):
    return Pace(tmp_path_factory.mktemp("pace"))


@pytest.fixture(scope="module")
def two_nodes(shared_pace, ray_home):
    """Yield a cluster of two nodes and these; a test leaves both as they were."""
    with raylets(2, shared_pace, ray_home) as (cluster, nodes):
        yield cluster, nodes


@pytest.fixture(scope="module")
def shared_executor(two_nodes):
    """Yield an executor on it, whose actors stay from one test to the next."""
    cluster, _ = two_nodes
    with qmac.RayExecutor(cluster.address) as executor:
        yield executor


@pytest.fixture
def pace(shared_pace):
    """Yield the pace of the two nodes, which a test may change."""
    yield shared_pace
    shared_pace.set(0)


@pytest.fixture
def actions(monkeypatch):
    """Every action but pings, with its moment."""
    heard, act = [], driver.ClusterSweep._act

    def listening(sweep, action):
        heard.append((time.monotonic(), action))
        return act(sweep, action)

    monkeypatch.setattr(driver.ClusterSweep, "_act", listening)
    return heard


def workers():
    """Processes of our actors, on the cluster that was started last."""
    found, pace = [], os.environ["QMAC_TEST_CELL_SECONDS"]
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            is_actor = process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Actor")
            if is_actor and process.environ().get("QMAC_TEST_CELL_SECONDS") == pace:
                found.append(process)
    return sorted(found, key=lambda process: process.pid)


def when_granted(actions, leases):
    """Wait until so many leases are out or done, and every actor has one."""
    for _ in range(6000):
        granted = [action.lease.node for _, action in list(actions) if isinstance(action, Grant)]
        if len(granted) >= leases and len(set(granted)) >= len(workers()):
            return
        time.sleep(0.05)
    raise AssertionError("no leases")


def swept(executor, actions, trouble, leases=3):
    """Run with an executor and trouble in the middle.

    Returns the result, and seconds from the trouble to each node that was given up.
    """
    began = []

    def later():
        when_granted(actions, leases)
        began.append(time.monotonic())
        trouble()

    thread = threading.Thread(target=later)
    thread.start()
    result = qmac.optimize(PRICES, GRID, top=20, executor=executor)
    thread.join()
    given_up = [
        moment - began[0]
        for moment, action in actions
        if isinstance(action, Expel) and moment > began[0]
    ]
    return result, given_up


def swept_on(cluster, actions, trouble):
    """Run on a cluster of its own, with trouble in the middle."""
    with qmac.RayExecutor(cluster.address) as executor:
        return swept(executor, actions, trouble)


def released(actions):
    """Seconds from when a node was given up to when cells of its leases were granted again."""
    waits, out = [], {}
    for moment, action in actions:
        match action:
            case Grant(lease):
                for lost_at, cells in list(out.values()):
                    if set(range(lease.first, lease.last)) & cells:
                        waits.append(moment - lost_at)
                        cells -= set(range(lease.first, lease.last))
            case Expel(node):
                mine = [
                    other.lease
                    for _, other in actions
                    if isinstance(other, Grant) and other.lease.node == node
                ]
                done = {other.lease.number for _, other in actions if isinstance(other, Accept)}
                out[node] = (
                    moment,
                    {
                        c
                        for lease in mine
                        if lease.number not in done
                        for c in range(lease.first, lease.last)
                    },
                )
    return waits


def check_digests(executor, digest, count):
    seen = []
    for _ in range(2):  # actors stay for the next dataset
        result = qmac.optimize(PRICES, GRID, top=20, executor=executor, progress=seen.append)
        assert result.digest == digest and 1 <= result.threads <= count
    assert any(status.nodes for status in seen)


def test_digest_is_that_of_threads(digest, shared_executor):
    check_digests(shared_executor, digest, 2)


def test_short_series_have_the_digests_of_threads(shared_executor):
    """Eight of them, each swept by one thread of a node."""
    grid = qmac.Grid(windows=range(2, 41, 4))
    prices = {f"S{seed}": frame(series("random", 120 + 20 * seed, seed)) for seed in range(8)}
    expected = qmac.optimize_many(prices, grid, top=5)
    swept = qmac.optimize_many(prices, grid, top=5, executor=shared_executor)
    assert list(swept) == list(prices)
    assert [each.digest for each in swept.values()] == [one.digest for one in expected.values()]
    assert all(each.threads == 1 for each in swept.values())


def test_a_walk_forward_has_the_digest_of_threads(shared_executor, tmp_path):
    """Three trains and three tests, of which a cluster sweeps one after the other."""
    grid, lengths = qmac.Grid(windows=(2, 3, 5, 8, 13)), {"train": 100, "test": 60}
    expected = qmac.walk_forward(PRICES, grid, **lengths)
    forward = qmac.walk_forward(
        PRICES, grid, **lengths, executor=shared_executor, out=tmp_path / "out"
    )
    assert forward.digest == expected.digest == qmac.load(tmp_path / "out").digest
    assert forward.folds.equals(expected.folds) and forward.equity.equals(expected.equity)


def test_a_worker_that_is_killed(digest, actions, shared_executor, pace):
    pace.set(0.2)

    def kill():
        workers()[0].kill()
        pace.set(0.04)

    result, given_up = swept(shared_executor, actions, kill)
    assert result.digest == digest
    assert len(given_up) == 1 and given_up[0] < 3
    waits = released(actions)
    assert waits and max(waits) < 10, waits
    print(
        f"worker killed: seen after {given_up[0]:.1f} s, "
        f"leased again after {min(waits):.1f} to {max(waits):.1f} s"
    )


@pytest.fixture(scope="module")
def swept_result():
    return qmac.optimize(PRICES, GRID, top=3)


def test_random_markets_on_two_nodes_of_which_one_is_killed(
    swept_result, actions, shared_executor, pace
):
    """SIGKILL: the same digest as on threads, with an early end and without."""
    seen = []

    def listen(status):
        seen.append(len(status.nodes))
        if seen[-1] == 2:
            pace.set(0)

    for options in ({}, {"stop_after": None}):
        expected = qmac.luck(swept_result, 39, **options).digest
        pace.set(1.0)  # until both are there: one may just begin
        del seen[:]
        answer = qmac.luck(swept_result, 39, executor=shared_executor, progress=listen, **options)
        assert answer.digest == expected
        assert 2 in seen
    del actions[:]
    pace.set(1.0)
    killed = []

    def kill():
        when_granted(actions, 4)
        killed.append(workers()[0])
        killed[0].kill()
        pace.set(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    answer = qmac.luck(swept_result, 39, stop_after=None, executor=shared_executor)
    thread.join()
    assert answer.digest == expected
    assert any(isinstance(action, Expel) for _, action in actions)


def begun(out, home, *python, **streams):
    """Start ``qmac optimize --executor ray`` with slow cells; its digest is ``digest``."""
    csv = out.parent / "prices.csv"
    PRICES.to_csv(csv, float_format="%.17g")
    environment = os.environ | Pace(out.parent, 0.2).environment | {"RAY_TMPDIR": str(home)}
    asked = ["optimize", str(csv), "--windows", "2:41", "--executor", "ray", "--out", str(out)]
    return subprocess.Popen([sys.executable, *python, *asked], env=environment, **streams)


def holds_cells(path):
    """Return whether a snapshot has cells that are done; a newer one may replace it meanwhile."""
    with contextlib.suppress(ResultError, OSError):
        return decode(path)[1]["done"].any()
    return False


def test_a_driver_that_is_killed_goes_on_elsewhere(digest, ray_home, tmp_path):
    out = tmp_path / "run"
    code = (
        "from qmac.jobs import monitor; from qmac.runtime.cluster import leases\n"
        "monitor.SNAPSHOT_SECONDS, monitor.SNAPSHOT_COST, leases.LEASE_SECONDS = 0.3, 1.0, 0.5\n"
        "from qmac.cli.main import main\nmain()\n"
    )
    process = begun(out, ray_home, "-c", code, stderr=subprocess.DEVNULL)
    while not any(map(holds_cells, (out / "snapshots").glob("0*"))):
        assert process.poll() is None
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    heavy = [
        child
        for child in family
        if child.name() in ("raylet", "gcs_server") or "Actor" in child.name()
    ]
    process.kill()
    process.wait()
    shares = []
    results = qmac.resume(out, progress=lambda status: shares.append(status.done / status.size))
    result = next(iter(results.values()))
    assert shares[0] > 0 and result.digest == digest
    assert (
        heavy and not psutil.wait_procs(heavy, timeout=60)[1]
    )  # the Ray that it started ends with it


@long
def test_two_drivers_of_which_one_is_killed(digest, two_nodes, shared_executor, ray_home, pace):
    cluster, _ = two_nodes
    shared_executor.close()  # its actors hold the CPUs
    pace.set(0.3)
    words = ["optimize", "--sample", "--windows", "2:41", "--executor", "ray", "--ray-address"]
    other = subprocess.Popen(
        [sys.executable, "-m", "qmac", *words, cluster.address],
        env=os.environ | {"RAY_TMPDIR": str(ray_home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in other.stderr:
            if "on 2 nodes" in line:
                break
        seen = []

        def listen(status):
            seen.append((other.poll() is None, len(status.nodes)))
            if len(seen) == 20:
                other.kill()
                pace.set(0)

        result = qmac.optimize(PRICES, GRID, top=20, executor=shared_executor, progress=listen)
    finally:
        other.kill()
        other.communicate()
    assert result.digest == digest
    assert (True, 0) in seen and other.returncode == -signal.SIGKILL
    assert not any(nodes for is_running, nodes in seen if is_running)  # it waited for the CPUs


def test_sigterm_ends_within_seconds_and_keeps_what_is_done(ray_home, tmp_path):
    out = tmp_path / "run"
    process = begun(out, ray_home, "-m", "qmac", stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "on 1 node" in line and " 0.0%" not in line:
            break
    with Stopwatch() as watch:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=180)
    took = watch.seconds
    assert (
        process.returncode == 75 and f"qmac resume {out} --executor ray" in errors and took < 10
    ), (
        process.returncode,
        took,
        errors,
    )
    shares = []
    qmac.resume(out, progress=lambda status: shares.append(status.done / status.size))
    assert shares[0] > 0
    print(f"SIGTERM: left after {took:.1f} s")


def test_a_node_whose_cpus_others_hold_is_named(monkeypatch, tmp_path, two_nodes, shared_executor):
    monkeypatch.setattr(driver, "EMPTY_SECONDS", 2.0)
    hurry(monkeypatch, tmp_path)
    cluster, nodes = two_nodes
    qmac.optimize(PRICES, GRID, executor=shared_executor)  # its actors hold them
    name = f"{nodes[0].node_ip_address}:{nodes[0].node_id[:6]}"
    why = re.escape(
        f"{name}: no process of ours has begun there; all of its CPUs are requested (1), and others"
    )
    ray.init(cluster.address, log_to_driver=False)  # as in a notebook: it is this cluster then
    try:
        with (
            qmac.RayExecutor() as executor,
            pytest.warns(UserWarning, match=f"waiting for node {why}"),
            pytest.raises(Stopped, match=why),
        ):
            qmac.optimize(PRICES, GRID, executor=executor)
    finally:
        ray.shutdown()


def test_a_node_of_another_version_is_refused_by_name(monkeypatch, shared_executor):
    monkeypatch.setattr(driver, "REFUSED_SECONDS", 1.0)
    monkeypatch.setattr(CellPayload, "compute_fingerprint", lambda _: {"version": "99.0"})
    with pytest.raises(qmac.InputError, match=r"differs in version .*, here 99\.0"):
        qmac.optimize(PRICES, GRID, executor=shared_executor)


def hurry(monkeypatch, place):
    """Let the process that joins a cluster report early what it waits for."""
    (place / "impatient.py").write_text(
        "from qmac.runtime.cluster import ray, ray_process\n"
        "ray.AWAITED_SECONDS = 0.5\n"
        "ray_process.main()\n"
    )
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(ray_client, "MODULE", "impatient")


def test_actions_for_a_node_that_has_just_ended_do_nothing():
    from qmac.runtime.cluster.messages import Lease, Ping, Recall

    nodes = RayNodes(Limits())
    for action in (Grant(Lease(1, "gone", 0, 1)), Ping("gone"), Recall("gone"), Expel("gone", "")):
        nodes.do(action)  # its loss is actions after an answer that gave it another lease


@pytest.fixture
def member(monkeypatch):
    """An actor that was started on a node of one CPU, whose raylet has ended."""
    from qmac.runtime.cluster import ray as ray_nodes

    with socket.create_server(("127.0.0.1", 0)) as server:
        raylet = server.getsockname()
    monkeypatch.setattr(ray_nodes.ray, "kill", lambda *_, **__: None)
    return ray_nodes._Member("10.0.0.1:abc#1", "abcdef", 1, raylet, None, time.monotonic())


@pytest.mark.parametrize(
    "cause",
    ["ModuleNotFoundError: No module named 'qmac'", "ImportError: Numba needs NumPy 2.4 or less"],
)
def test_a_node_that_cannot_import_qmac_is_refused_with_the_reason(member, cause):
    nodes = RayNodes(Limits())
    nodes._members[member.name] = member
    error = ray.exceptions.RayError(f"The actor died\nTraceback\n  import\n{cause}\n\nmore")
    assert nodes._lose(member, error)[0].node == member.name
    assert nodes.refused == {"10.0.0.1:abc": ANY} and cause in nodes.refused["10.0.0.1:abc"]
    assert "more" not in nodes.refused["10.0.0.1:abc"] and nodes.starting == 0


def test_a_node_that_cannot_fetch_the_prices_is_refused_with_the_reason(monkeypatch, member):
    """Its calls are answered, and it waited for the prices again and again without a word."""
    from qmac.runtime.cluster import ray as ray_nodes

    def get(_, timeout):
        assert timeout < STUCK_SECONDS
        raise ray.exceptions.GetTimeoutError("Get timed out")

    monkeypatch.setattr(ray_nodes.ray, "get", get)
    with pytest.raises(OptionError, match="prices have not come .* within 20 s") as raised:
        ray_nodes._fetch(None)
    nodes = RayNodes(Limits())
    nodes._members[member.name] = member
    (lost,) = nodes._read_error(ray_nodes._Call(member, "work", 1), raised.value)
    assert lost.node == member.name and "ports of workers" in nodes.refused["10.0.0.1:abc"]


def test_an_actor_that_ends_before_it_joins_is_named(member):
    nodes = RayNodes(Limits())
    nodes._members[member.name] = member
    assert nodes.starting == 1
    nodes._lose(member, ray.exceptions.RayError("The actor\ndied because its node has died. Id: 1"))
    assert "its process has ended (its node has died)" in nodes.awaited["10.0.0.1:abc"]
    assert not nodes.refused


@pytest.mark.parametrize(
    ("listens", "free", "why"),
    [
        (False, 1.0, "its raylet does not answer at 127.0.0.1:"),
        (True, 0.0, "all of its CPUs are requested (1), and others hold some"),
        (True, 1.0, "though its CPUs are free"),
    ],
)
def test_why_no_process_has_begun(monkeypatch, member, listens, free, why):
    from qmac.runtime.cluster import ray as ray_nodes

    if listens:
        monkeypatch.setattr(ray_nodes, "is_listening", lambda *_: True)
    monkeypatch.setattr(ray_nodes, "_count_free_cpus", lambda _: free)
    assert why in ray_nodes._explain_absence(member)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1", "127.0.0.1:99999"]
)
def test_an_address_without_a_cluster_is_reported_at_once(address):
    with Stopwatch() as watch, pytest.raises(OptionError, match=r"Ray cluster"):
        qmac.RayExecutor(address)
    assert watch.seconds < 6


# -- with make test-long


@long
@pytest.mark.parametrize("count", [1, 4])
def test_digest_on_fewer_and_more_nodes(digest, count, ray_home, tmp_path):
    with (
        raylets(count, Pace(tmp_path), ray_home) as (cluster, _),
        qmac.RayExecutor(cluster.address) as executor,
    ):
        check_digests(executor, digest, count)


@long
def test_workers_killed_every_five_seconds(digest, actions, ray_home, tmp_path):
    def trouble():
        for number in itertools.count():
            if number == 5:
                return
            for process in workers()[:1]:
                process.kill()
            time.sleep(5)

    with raylets(2, Pace(tmp_path, 0.6), ray_home) as (cluster, _):
        result, given_up = swept_on(cluster, actions, trouble)
    assert result.digest == digest and len(given_up) >= 4
    waits = sorted(round(wait, 1) for wait in released(actions))
    assert waits[-1] < 3, waits
    print(f"workers killed: leased again after {waits} s")


@long
def test_a_raylet_that_is_killed_and_one_that_comes(digest, actions, ray_home, tmp_path):
    with raylets(2, Pace(tmp_path, 0.3), ray_home) as (cluster, nodes):

        def trouble():
            os.kill(nodes[0].all_processes["raylet"][0].process.pid, signal.SIGKILL)

        result, given_up = swept_on(cluster, actions, trouble)
        assert result.digest == digest and given_up[0] < 15, given_up
        waits = released(list(actions))
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
        with qmac.RayExecutor(cluster.address) as executor:
            again = qmac.optimize(PRICES, GRID, top=20, executor=executor)
        assert again.digest == digest
    print(
        f"raylet killed: given up after {given_up[0]:.1f} s, "
        f"leased again after {min(waits):.1f} to {max(waits):.1f} s more"
    )


@long
@pytest.mark.parametrize("which", ["actor", "raylet"])
def test_one_that_stands_still(digest, actions, ray_home, tmp_path, which):
    stopped = []
    with raylets(2, Pace(tmp_path, 0.3), ray_home) as (cluster, nodes):

        def trouble():
            raylet = nodes[0].all_processes["raylet"][0].process.pid
            stopped.append(psutil.Process(raylet) if which == "raylet" else workers()[0])
            stopped[0].suspend()

        result, given_up = swept_on(cluster, actions, trouble)
        with contextlib.suppress(psutil.Error):
            stopped[0].resume()
    assert result.digest == digest and given_up[0] < SILENCE_SECONDS + 4, given_up
    print(f"{which} stopped: given up after {given_up[0]:.1f} s")


@long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_head_that_ends_or_stands_still(actions, ray_home, tmp_path, how):
    stopped = []
    with raylets(2, Pace(tmp_path, 0.3), ray_home) as (cluster, _):

        def trouble():
            process = cluster.head_node.all_processes["gcs_server"][0].process
            stopped.append((time.monotonic(), psutil.Process(process.pid)))
            os.kill(process.pid, how)

        with pytest.raises(Stopped, match="the head of the cluster, .* does not answer any more"):
            swept_on(cluster, actions, trouble)
        seconds = time.monotonic() - stopped[0][0]
        with contextlib.suppress(psutil.Error):
            stopped[0][1].resume()
    assert seconds < 20, seconds
    print(f"head, {how.name}: ended after {seconds:.1f} s")


@long
def test_a_head_that_comes_back_without_its_state(actions, ray_home, tmp_path):
    heads = []
    with raylets(2, Pace(tmp_path, 0.3), ray_home) as (cluster, _):

        def trouble():
            process = cluster.head_node.all_processes["gcs_server"][0].process
            head = psutil.Process(process.pid)
            command, environment, place = head.cmdline(), head.environ(), head.cwd()
            process.kill()
            heads.append(subprocess.Popen(command, env=environment, cwd=place))
            heads.append(time.monotonic())

        try:
            with pytest.raises(
                Stopped, match=r"WrongClusterID|the head of the cluster, .* does not"
            ):
                swept_on(cluster, actions, trouble)
            seconds = time.monotonic() - heads[1]
        finally:
            heads[0].kill()
            heads[0].wait()
    assert seconds < 20, seconds
    print(f"head came back: ended after {seconds:.1f} s")
