"""The only file that imports Ray: one actor a node, and calls to them turned into events.

It is loaded by ``ray_process`` and on the nodes.

Ray does not promise exactly-once, and need not: it retries no task and no actor. What a node sends
counts if ``leases`` says so. Calls are awaited by their references; those of a node that was given
up stay, so that its results are counted as late.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from qmac.errors import InputError, OptionError, Stopped
from qmac.runtime.cluster.cell_sweeper import LeaseResult
from qmac.runtime.cluster.head import is_listening
from qmac.runtime.cluster.leases import IN_FLIGHT
from qmac.runtime.cluster.messages import (
    Action,
    Begin,
    Done,
    Drop,
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
    Settings,
)
from qmac.runtime.cluster.node import Node, NodeReading
from qmac.runtime.cluster.part_sweeper import PartResult
from qmac.runtime.cluster.payloads import CellProbe, Payload
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
"""After so long it is reported that an actor has not begun, or has not answered; then it is ended,
and another started before the run gives up."""
REST_SECONDS, MOST_REST_SECONDS = 1.0, 30.0
"""Before another actor is started on a node where one ended before it had joined; doubled each
time."""
STORE_BYTES = 512 * 2**20
"""Object store of a Ray that is started here: one dataset and a few results."""
KEPT_REFERENCES = 256
"""Calls to nodes that were given up whose results are still awaited."""
JUDGE_SECONDS, ANSWER_SECONDS = 5.0, 1.0
"""Between two looks why an actor is not ready, and for the answer of its raylet."""
IMPORT_ERROR = re.compile(r"(?:ModuleNotFoundError|ImportError|AttributeError): [^\n]+")
"""In the text of an error of Ray: why an actor's class could not be loaded."""
CAUSE = re.compile(r"because ([^.]+)\.")
"""In the text of an error of Ray: why an actor died."""
FETCH_SECONDS = 20.0
"""For a dataset to come to a node; before a lease on which nothing is swept is past its due."""
SHOWN_CHARACTERS = 300
"""Of an error of Ray."""
FINGERPRINT_CHARACTERS = 12
"""Of each part of a fingerprint, in an error."""


class Actor:
    """A ``Node`` in a process of its own; while it works, other threads answer the driver."""

    def __init__(self, limits: Limits, threads: int) -> None:
        most = min(threads, limits.threads or threads, available_cpus())
        self._node = Node(limits, most)
        self._threads = Gauge("qmac_threads", "active threads")
        self._memory = Gauge("qmac_memory_bytes", "held")
        self._paused = Gauge("qmac_paused", "by the governor")

    @ray.method(concurrency_group="talk")
    def hello(
        self, probe: CellProbe | None, payload: list[ray.ObjectRef]
    ) -> tuple[dict[str, str], int]:
        """Return fingerprint and threads.

        Parameters
        ----------
        probe : CellProbe or None
            Computes the fingerprint; None: the payload does, which is fetched for it.
        payload : list of ray.ObjectRef
            See ``work``.

        Returns
        -------
        dict
            Fingerprint.
        int
            Threads.
        """
        judge = _fetch(payload[0]) if probe is None else probe
        return judge.compute_fingerprint(), self._node.threads

    @ray.method(concurrency_group="work")
    def work(
        self, lease: Lease, generation: int, checksum: str, payload: list[ray.ObjectRef]
    ) -> LeaseResult | PartResult:
        """Sweep a lease; see ``Node.work``.

        Parameters
        ----------
        lease : Lease
            The cells.
        generation : int
            Number of the sweep.
        checksum : str
            Names the payload.
        payload : list of ray.ObjectRef
            What is swept, in a list so that Ray does not fetch it before it is needed.

        Returns
        -------
        LeaseResult or PartResult
            The cells that are done, and what is to be merged of them.
        """

        return self._node.work(lease, generation, checksum, lambda: _fetch(payload[0]))

    @ray.method(concurrency_group="talk")
    def recall(self) -> None:
        """End the current lease."""
        self._node.recall()

    @ray.method(concurrency_group="talk")
    def drop(self, number: int) -> None:
        """End a lease that is needed no more.

        Parameters
        ----------
        number : int
            Of the lease.
        """
        self._node.drop(number)

    @ray.method(concurrency_group="talk")
    def reading(self) -> NodeReading:
        """Return how the node is, and update its gauges.

        Returns
        -------
        NodeReading
            For the driver.
        """
        reading = self._node.reading()
        self._threads.set(reading.threads)
        self._memory.set(reading.memory)
        self._paused.set(reading.paused)
        return reading


def _fetch(reference: ray.ObjectRef) -> Payload:
    """Return the payload, on a node that may reach its owner's machine only in part."""
    try:
        payload = ray.get(reference, timeout=FETCH_SECONDS)
    except RayError as error:
        raise OptionError(
            f"the prices have not come from the machine of this run within {FETCH_SECONDS:.0f} s "
            f"({type(error).__name__}). Let the nodes open connections to that machine and to each "
            "other, also at the ports of workers: see 'ray start --help'"
        ) from None
    # what Ray hands out lies in its store and is read-only: another type, for which no kernel is
    # compiled
    return copy.deepcopy(payload)  # type: ignore[no-any-return]


GROUPS = {"work": 1, "overlap": IN_FLIGHT, "talk": 2}
"""Calls that an actor answers side by side, by their group."""
ACTOR = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups=GROUPS)(Actor)


@dataclass
class _Member:
    """An actor, from when it was started."""

    name: str
    place: str
    cpus: int
    raylet: tuple[str, int]  # where it listens
    actor: Any
    since: float
    joined: bool = False
    judged: float = -math.inf  # when it was found out why it is not ready

    @property
    def where(self) -> str:
        """Its node, whichever actor runs there."""
        return self.name.partition("#")[0]


@dataclass(frozen=True)
class _Call:
    """A call to an actor, whose answer is awaited."""

    member: _Member
    kind: str  # "hello", "work" or "reading"
    lease: int = 0


class _Backoff:
    """When another actor may be started where one ended before it had joined."""

    def __init__(self) -> None:
        self._rests: dict[str, tuple[float, float]] = {}  # its end, and its length

    def is_resting(self, place: str, now: float) -> bool:
        """Return whether it is too early."""
        end, _ = self._rests.get(place, (0.0, 0.0))
        return now < end

    def note_end(self, place: str, *, joined: bool, for_good: bool) -> None:
        """Let a place rest after the end of its actor."""
        _, before = self._rests.get(place, (0.0, 0.0))
        rest = 0.0
        if not joined:
            doubled = max(REST_SECONDS, 2 * before)
            rest = min(doubled, MOST_REST_SECONDS)
        end = math.inf if for_good else time.monotonic() + rest
        self._rests[place] = end, rest

    def forgive(self) -> None:
        """Let no place rest for good: the next dataset may fit."""
        finite = {place: rest for place, rest in self._rests.items() if rest[0] < math.inf}
        self._rests = finite


class RayNodes:
    """Nodes of a Ray cluster; they come and go while it runs.

    Parameters
    ----------
    limits : Limits
        Limits of each node; ``max_time`` is the driver's.
    threads : int, optional
        Threads of each node, all of its CPUs by default.
    """

    def __init__(self, limits: Limits, threads: int | None = None) -> None:
        self.refused: dict[str, str] = {}
        self.awaited: dict[str, str] = {}
        self._limits = replace(limits, max_time=None)
        self._threads = threads
        self._members: dict[str, _Member] = {}
        self._calls: dict[ray.ObjectRef, _Call] = {}
        self._backoff = _Backoff()
        self._numbers = itertools.count(1)
        self._looked = 0.0
        self._generation = 0
        self._dataset: Begin
        self._reference: list[ray.ObjectRef] = []

    @property
    def starting(self) -> int:
        """Actors that have not joined."""
        return sum(not member.joined for member in self._members.values())

    def begin(self, dataset: Begin) -> None:
        """Begin a dataset; what comes of an earlier one is dropped.

        Parameters
        ----------
        dataset : Begin
            What the actors sweep.
        """
        self._generation += 1
        self._calls, self.refused, self.awaited = {}, {}, {}
        self._backoff.forgive()
        self._reference = [ray.put(dataset.payload)]
        self._dataset = replace(dataset, payload=None)  # it lies in Ray's store
        for member in self._members.values():  # actors that are there may lack other kernels
            member.joined, member.since = False, time.monotonic()
            self._greet(member)

    def poll(self, seconds: float) -> list[Event]:
        """Return what happened; see ``Nodes.poll``.

        Parameters
        ----------
        seconds : float
            How long to wait at most.

        Returns
        -------
        list of Event
            In order.
        """
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        if not self._calls:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        events: list[Event] = []
        for reference in ready:
            events += self._read_answer(reference, self._calls.pop(reference))
        return events

    def do(self, action: Action) -> None:
        """Do an action; see ``Nodes.do``.

        Parameters
        ----------
        action : Action
            For a node; if it is lost, which is an event to come, nothing is done.
        """
        match action:
            case Grant(lease):
                self._grant(lease)
            case Ping(node):
                if member := self._members.get(node):
                    self._calls[member.actor.reading.remote()] = _Call(member, "reading")
            case Recall(node):
                if member := self._members.get(node):
                    member.actor.recall.remote()
            case Drop(node, number):
                if member := self._members.get(node):
                    member.actor.drop.remote(number)
            case Expel(node):
                self._end(node)

    def _grant(self, lease: Lease) -> None:
        member = self._members.get(lease.node)
        if member is None:
            return
        dataset = self._dataset
        group = "overlap" if dataset.overlaps else "work"
        method = member.actor.work.options(concurrency_group=group)
        call = method.remote(lease, self._generation, dataset.checksum, self._reference)
        self._calls[call] = _Call(member, "work", lease.number)

    def close(self) -> None:
        """End all actors."""
        for name in list(self._members):
            self._end(name)

    # -- members

    def _look(self) -> None:
        """Start an actor on each node that has none; give up those that do not answer."""
        now = time.monotonic()
        taken = {member.place for member in self._members.values()}
        for node in ray.nodes():
            place = node["NodeID"]
            cpus = int(node["Resources"].get("CPU", 0))
            is_free = node["Alive"] and cpus and place not in taken
            if is_free and not self._backoff.is_resting(place, now):
                self._start(place, cpus, (node["NodeManagerAddress"], node["NodeManagerPort"]))
        for member in list(self._members.values()):
            if not member.joined:
                self._await(member, now - member.since)

    def _await(self, member: _Member, seconds: float) -> None:
        """Give up an actor that has not joined for too long, or report it."""
        if seconds > JOIN_SECONDS:
            self._end(member.name)
            return
        if seconds - member.judged < JUDGE_SECONDS:
            return
        why = _explain_delay(member, seconds)
        if why:
            member.judged = seconds
            self.awaited[member.where] = why

    def _start(self, place: str, cpus: int, raylet: tuple[str, int]) -> None:
        strategy = NodeAffinitySchedulingStrategy(place, soft=False)
        options = ACTOR.options(num_cpus=cpus, scheduling_strategy=strategy)
        actor = options.remote(self._limits, self._threads or cpus)
        name = f"{raylet[0]}:{place[:6]}#{next(self._numbers)}"
        member = _Member(name, place, cpus, raylet, actor, time.monotonic())
        self._members[name] = member
        self._greet(member)

    def _greet(self, member: _Member) -> None:
        call = member.actor.hello.remote(self._dataset.probe, self._reference)
        self._calls[call] = _Call(member, "hello")

    def _end(self, name: str, *, for_good: bool = False) -> None:
        member = self._members.pop(name, None)
        if member is None:
            return
        self._backoff.note_end(member.place, joined=member.joined, for_good=for_good)
        with suppress(RayError):
            ray.kill(member.actor, no_restart=True)
        stale = [
            reference
            for reference, call in self._calls.items()
            if call.member.name not in self._members
        ]
        for reference in stale[:-KEPT_REFERENCES]:
            del self._calls[reference]

    # -- answers

    def _read_answer(self, reference: ray.ObjectRef, call: _Call) -> list[Event]:
        """Return what an answer means."""
        try:
            answer = ray.get(reference, timeout=1)
        except RayTaskError as error:
            return self._read_error(
                call, error.cause if isinstance(error.cause, Exception) else error
            )
        except (RayError, GetTimeoutError) as error:  # the process, its node or its answer is gone
            return self._lose(call.member, error)
        name = call.member.name
        if call.kind == "work":
            return [Done(name, call.lease, answer.cells, answer.seconds, answer)]
        if name not in self._members:
            return []
        if call.kind == "reading":
            swept = answer.swept if answer.generation == self._generation else 0
            return [Heard(name, answer.lease, swept, answer.paused, answer)]
        return self._read_hello(call.member, *answer)

    def _read_hello(
        self, member: _Member, fingerprint: dict[str, str], threads: int
    ) -> list[Event]:
        """Let an actor join whose fingerprint is that of the driver."""
        differences = []
        for part, value in self._dataset.fingerprint.items():
            other = fingerprint.get(part, "?")
            if other != value:
                shown, expected = other[:FINGERPRINT_CHARACTERS], value[:FINGERPRINT_CHARACTERS]
                differences.append(f"{part} {shown}, here {expected}")
        if differences:
            why = f"differs in {'; '.join(differences)}: install the same there."
            return self._refuse(member, why)
        member.joined = True
        self.awaited.pop(member.where, None)
        return [Joined(member.name, threads)]

    def _read_error(self, call: _Call, error: Exception) -> list[Event]:
        """Return what an exception on a node means."""
        if isinstance(error, Stopped):
            self._end(call.member.name)
            return [Lost(call.member.name, str(error))]
        if isinstance(error, InputError) or call.kind == "hello":
            return self._refuse(call.member, str(error))
        if call.kind == "work":
            why = f"{type(error).__name__}: {error}"
            return [Failed(call.member.name, call.lease, why)]
        return []

    def _lose(self, member: _Member, error: Exception) -> list[Event]:
        """Give an actor up whose process is gone, unless it was given up before."""
        if member.name not in self._members:
            return []
        lack = IMPORT_ERROR.search(str(error))
        if lack and not member.joined:
            why = f"qmac cannot be imported there ({lack[0]}). Install qmac and what it needs there"
            return self._refuse(member, why)
        if not member.joined:
            text = " ".join(str(error).split())
            cause = CAUSE.search(text)
            shown = cause[1] if cause else text[:SHOWN_CHARACTERS]
            self.awaited[member.where] = f"its process has ended ({shown})"
        self._end(member.name)
        return [Lost(member.name, type(error).__name__)]

    def _refuse(self, member: _Member, why: str) -> list[Event]:
        """Give a node up for this dataset."""
        self.refused[member.where] = why
        self._end(member.name, for_good=True)
        return [Lost(member.name, why)]


def _explain_delay(member: _Member, seconds: float) -> str:
    """Return why an actor may not be ready after so long; nothing while that is no wonder."""
    if seconds < AWAITED_SECONDS:
        return ""
    if not _has_process(member):
        return _explain_absence(member)
    if seconds > SLOW_SECONDS:
        return "the process there is not ready; it may start slowly, or compile"
    return ""


def _explain_absence(member: _Member) -> str:
    """Return why Ray may have started no process for an actor."""
    host, port = member.raylet
    if not is_listening(host, port, ANSWER_SECONDS):
        return (
            f"its raylet does not answer at {host}:{port}; it was ended or stands still, and Ray "
            "may not have noticed yet: start it again there, 'ray start'"
        )
    if _count_free_cpus(member) < member.cpus:
        return (
            f"no process of ours has begun there; all of its CPUs are requested ({member.cpus}), "
            "and others hold some, or it starts slowly: see 'ray status', and end them or wait"
        )
    return "no process of ours has begun there, though its CPUs are free: see 'ray status'"


def _count_free_cpus(member: _Member) -> float:
    """Return how many CPUs of a node are free; none where Ray does not say."""
    with suppress(Exception):  # an interface for Ray's developers, which may change
        free = ray._private.state.available_resources_per_node()
        return float(free[member.place].get("CPU", 0.0))
    return 0.0


def _has_process(member: _Member) -> bool:
    """Return whether Ray has started an actor's process; True where it does not tell."""
    with suppress(Exception):  # an interface for Ray's developers, which may change
        return bool(ray._private.state.actors(member.actor._actor_id.hex())["Pid"])
    return True


def join(settings: Settings) -> str:
    """Join a cluster, or start one on this machine.

    Parameters
    ----------
    settings : Settings
        Which cluster.

    Returns
    -------
    str
        Address of its head.
    """
    arguments: dict[str, Any] = {"address": settings.address}
    if settings.address is None:
        arguments = {
            "address": "local",
            "num_cpus": available_cpus(),
            "object_store_memory": STORE_BYTES,
            "include_dashboard": settings.dashboard,
        }
    ray.init(**arguments, log_to_driver=False, logging_level="ERROR")
    return str(ray.get_runtime_context().gcs_address)


def leave() -> None:
    """Leave the cluster, and end the Ray that was started here."""
    ray.shutdown()
