"""The only file that knows Ray: one actor a node, and calls to them turned into events.

Ray does not give exactly-once, and is not asked to: no task and no actor is ever retried by it. What a node sends counts
if ``leases`` says so. Calls are awaited by their references; those of a node that was given up are kept, to be told as late.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from qmac._checks import check_count
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import InputError, OptionError, Stopped
from qmac.runtime.cluster.driver import ClusterExecutor, Nodes, check_address
from qmac.runtime.cluster.messages import (
    Action,
    Done,
    Event,
    Expel,
    Failed,
    Grant,
    Heard,
    Joined,
    Lease,
    Lost,
    Ping,
    Recall,
)
from qmac.runtime.cluster.node import Node, NodeReading, Share, node_fingerprint
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.machine import available_cpus

try:
    import ray
    from ray.exceptions import GetTimeoutError, RayError, RayTaskError
    from ray.util.metrics import Gauge
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError:
    raise OptionError("Ray is not installed. Install it: pip install 'qmac[ray]'") from None
LOOK_SECONDS = 1.0
"""Between two looks for new nodes."""
AWAITED_SECONDS, SLOW_SECONDS, JOIN_SECONDS = 8.0, 20.0, 40.0
"""An actor is told of that has not begun, or that has not answered, for so long; then it is ended, and another started before
the run gives up."""
REST_SECONDS, MOST_REST_SECONDS = 1.0, 30.0
"""Before another actor is started on a node where one ended before it had joined; doubled each time."""
STORE_BYTES = 512 * 2**20
"""Object store of a Ray of our own: one dataset and a few results."""
KEPT_REFERENCES = 256
"""Of calls to nodes that were given up."""


class Actor:
    """A ``Node`` in a process of its own. What it is asked while it works is answered by other threads."""

    def __init__(self, limits: Limits, threads: int) -> None:
        self._node = Node(limits, min(threads, limits.threads or threads, available_cpus()))
        self._gauges = {
            name: Gauge(f"qmac_{name}", what)
            for name, what in (
                ("threads", "active threads"),
                ("memory_bytes", "held"),
                ("paused", "by the governor"),
            )
        }

    @ray.method(concurrency_group="talk")
    def hello(self, spec: SweepSpec, bars: int) -> tuple[dict[str, str], int]:
        return node_fingerprint(spec, bars), self._node.threads

    @ray.method(concurrency_group="work")
    def work(
        self, lease: Lease, generation: int, checksum: str, dataset: list[ray.ObjectRef]
    ) -> Share:
        # what Ray hands out lies in its store and cannot be written to: other types, for which no kernel is compiled
        return self._node.work(
            lease, generation, checksum, lambda: copy.deepcopy(ray.get(dataset[0]))
        )

    @ray.method(concurrency_group="talk")
    def recall(self) -> None:
        self._node.recall()

    @ray.method(concurrency_group="talk")
    def reading(self) -> NodeReading:
        reading = self._node.reading()
        self._gauges["threads"].set(reading.threads)
        self._gauges["memory_bytes"].set(reading.memory)
        self._gauges["paused"].set(reading.paused)
        return reading


ACTOR = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups={"work": 1, "talk": 2})(
    Actor
)


@dataclass
class _Member:
    """An actor, from when it was started."""

    name: str
    place: str
    cpus: int
    actor: Any
    since: float
    joined: bool = False

    @property
    def where(self) -> str:
        """Its node, whichever actor it is there."""
        return self.name.partition("#")[0]


@dataclass(frozen=True)
class _Call:
    member: _Member
    kind: str
    lease: int = 0


class RayNodes(Nodes):
    """Nodes of a Ray cluster; they come and go while it runs."""

    def __init__(self, limits: Limits, threads: int | None = None) -> None:
        self._limits, self._threads = (
            replace(limits, max_time=None),
            threads,
        )  # the driver ends the run
        self._members: dict[str, _Member] = {}
        self._calls: dict[ray.ObjectRef, _Call] = {}
        self._rest: dict[str, tuple[float, float]] = {}
        """When a node may be tried again, and how long it rested before."""
        self.refused, self.awaited = {}, {}
        self._numbers, self._looked, self._generation = itertools.count(1), 0.0, 0

    def begin(self, evaluator: Evaluator) -> None:
        self._generation += 1
        self._calls, self.refused, self.awaited = {}, {}, {}
        self._rest = {
            place: rest for place, rest in self._rest.items() if rest[0] < math.inf
        }  # this one may fit
        self._spec, self._bars = evaluator.spec, evaluator.dataset.bars
        self._passport = node_fingerprint(self._spec, self._bars)
        self._checksum, self._dataset = evaluator.checksum, [ray.put(evaluator)]
        for (
            member
        ) in self._members.values():  # they are there already; other kernels may be asked for
            member.joined, member.since = False, time.monotonic()
            self._greet(member)

    def poll(self, seconds: float) -> Iterable[Event]:
        events: list[Event] = []
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        if not self._calls:
            time.sleep(seconds)
            return events
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        for reference in ready:
            events += self._answered(reference, self._calls.pop(reference))
        return events

    def do(self, action: Action) -> None:
        match action:
            case Grant(lease) if member := self._members.get(
                lease.node
            ):  # or it is lost, which is an event to come
                call = member.actor.work.remote(
                    lease, self._generation, self._checksum, self._dataset
                )
                self._calls[call] = _Call(member, "work", lease.number)
            case Ping(node) if member := self._members.get(node):
                self._calls[member.actor.reading.remote()] = _Call(member, "reading")
            case Recall(node) if member := self._members.get(node):
                member.actor.recall.remote()
            case Expel(node):
                self._end(node)

    def close(self) -> None:
        """End all actors."""
        for name in list(self._members):
            self._end(name)

    def forget(self) -> None:
        """Those of a Ray that is gone."""
        self._members, self._calls, self._rest = {}, {}, {}

    # -- members

    def _look(self) -> None:
        """Start an actor on each node that has none; give up those that do not answer."""
        now = time.monotonic()
        taken = {member.place for member in self._members.values()}
        for node in ray.nodes():
            place, cpus = node["NodeID"], int(node["Resources"].get("CPU", 0))
            if (
                not node["Alive"]
                or not cpus
                or place in taken
                or now < self._rest.get(place, (0.0, 0.0))[0]
            ):
                continue
            self._start(place, f"{node['NodeManagerAddress']}:{place[:6]}", cpus)
        for member in list(self._members.values()):
            if not member.joined and now - member.since > JOIN_SECONDS:
                self._end(member.name)
            elif not member.joined and (why := _awaited_for(member, now - member.since)):
                self.awaited[member.where] = why

    def _start(self, place: str, address: str, cpus: int) -> None:
        here = NodeAffinitySchedulingStrategy(place, soft=False)
        actor = ACTOR.options(num_cpus=cpus, scheduling_strategy=here).remote(
            self._limits, self._threads or cpus
        )
        member = _Member(f"{address}#{next(self._numbers)}", place, cpus, actor, time.monotonic())
        self._members[member.name] = member
        self._greet(member)

    def _greet(self, member: _Member) -> None:
        self._calls[member.actor.hello.remote(self._spec, self._bars)] = _Call(member, "hello")

    def _end(self, name: str, *, for_good: bool = False) -> None:
        if (member := self._members.pop(name, None)) is None:
            return
        now = time.monotonic()
        _, before = self._rest.get(member.place, (0.0, 0.0))
        rest = 0.0 if member.joined else min(max(REST_SECONDS, 2 * before), MOST_REST_SECONDS)
        self._rest[member.place] = (math.inf if for_good else now + rest, rest)
        with suppress(RayError):
            ray.kill(member.actor, no_restart=True)
        gone = [
            reference
            for reference, call in self._calls.items()
            if call.member.name not in self._members
        ]
        for reference in gone[:-KEPT_REFERENCES]:
            del self._calls[reference]

    # -- answers

    def _answered(self, reference: ray.ObjectRef, call: _Call) -> list[Event]:
        name = call.member.name
        there = name in self._members
        try:
            answer = ray.get(reference, timeout=1)
        except RayTaskError as error:
            return self._error(call, error.cause if isinstance(error.cause, Exception) else error)
        except (
            RayError,
            GetTimeoutError,
        ) as error:  # the process, its node or what it said is gone
            if there:
                self._end(name)
                return [Lost(name, f"{type(error).__name__}")]
            return []
        if call.kind == "work":
            return [Done(name, call.lease, answer.cells, answer.seconds, answer)]
        if not there:
            return []
        if call.kind == "reading":
            swept = answer.swept if answer.generation == self._generation else 0
            return [Heard(name, answer.lease, swept, answer.paused, answer)]
        theirs, threads = answer
        ours = self._passport.items()
        different = [
            f"{key} {theirs.get(key, '?'):.12}, here {value:.12}"
            for key, value in ours
            if theirs.get(key) != value
        ]
        if different:
            return self._refuse(
                call.member, f"differs in {'; '.join(different)}: install the same there."
            )
        call.member.joined = True
        self.awaited.pop(call.member.where, None)
        return [Joined(name, threads)]

    def _error(self, call: _Call, error: Exception) -> list[Event]:
        name = call.member.name
        if isinstance(error, Stopped):
            self._end(name)
            return [Lost(name, str(error))]
        if isinstance(error, InputError) or call.kind == "hello":
            return self._refuse(call.member, str(error))
        if call.kind == "work":
            return [Failed(name, call.lease, f"{type(error).__name__}: {error}")]
        return []

    def _refuse(self, member: _Member, why: str) -> list[Event]:
        self.refused[member.where] = why
        self._end(member.name, for_good=True)
        return [Lost(member.name, why)]


def _awaited_for(member: _Member, seconds: float) -> str:
    """Why an actor may not be ready after so long; nothing while that is no wonder."""
    if seconds < AWAITED_SECONDS:
        return ""
    with suppress(Exception):  # what Ray tells its developers, and may one day not
        if not ray._private.state.actors(member.actor._actor_id.hex())["Pid"]:
            held = f"all of its CPUs are asked for ({member.cpus}), and others seem to hold some"
            return f"no process of ours has begun there; {held}: see 'ray status', and end them or wait"
    return (
        "the process there is not ready; it may start slowly, or compile"
        if seconds > SLOW_SECONDS
        else ""
    )


class RayExecutor(ClusterExecutor):
    """Sweeps on the nodes of a Ray cluster, or on a Ray of its own on this machine; the digest is the same as on threads.

    Parameters
    ----------
    address : of a running cluster, ``"auto"`` or ``"HOST:PORT"``; None starts Ray here, and ends it with ``close``.
    threads : of each node, all of its CPUs if None.
    limits : of each node, read there; ``Limits()`` if None.
    dashboard : whether a Ray of its own shows one.

    Raises
    ------
    OptionError : no cluster answers at the address.

    Examples
    --------
    >>> import qmac
    >>> with qmac.RayExecutor() as executor:  # doctest: +SKIP
    ...     result = qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=range(2, 253)), executor=executor)
    """

    def __init__(
        self, address: str | None = None, threads: int | None = None, limits: Limits | None = None, *, dashboard: bool = False
    ) -> None:  # fmt: skip
        self.address, self.dashboard = address, dashboard
        self.options = ["--executor", "ray", *(["--ray-address", address] if address else [])]
        check_address(address)
        threads = None if threads is None else check_count("threads", threads, 1)
        self._nodes, self._started = RayNodes(limits or Limits(), threads), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def nodes(self) -> Nodes:
        self.connect()
        return self._nodes

    def close(self) -> None:
        """End the actors, and the Ray that was started here."""
        if ray.is_initialized():
            self._nodes.close()
            if self._started:
                ray.shutdown()
        self._nodes.forget()  # also those of a Ray that somebody else has ended
        self._started = False

    def connect(self) -> None:
        """Join the cluster, or start one; a Ray that this process has joined already is used.

        Raises
        ------
        OptionError : it cannot be done, or this process is in another cluster.
        """
        if ray.is_initialized():
            here = ray.get_runtime_context().gcs_address
            if self.address not in (None, "auto", here):
                raise OptionError(
                    f"this process is in the Ray cluster at {here}, not in that at {self.address}. Leave it first."
                )
            return
        self._nodes.forget()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        own = {
            "num_cpus": available_cpus(),
            "object_store_memory": STORE_BYTES,
            "include_dashboard": self.dashboard,
        }
        which: dict[str, Any] = (
            {"address": "local", **own} if self.address is None else {"address": self.address}
        )
        try:
            ray.init(**which, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
        except Exception as error:  # Ray raises all kinds
            why = " ".join(str(error).split()) or type(error).__name__
            where = "on this machine" if self.address is None else f"at {self.address}"
            raise OptionError(
                f"no Ray cluster could be joined {where} ({why[:300]}). Give the address that 'ray start --head' printed, "
                "port 6379 mostly; where a cluster asks for a token, as newer releases do, set RAY_AUTH_MODE=token here."
            ) from None
        finally:  # Ray takes SIGTERM, which is ours: a snapshot, and the end
            if threading.current_thread() is threading.main_thread():
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        self._started = True
