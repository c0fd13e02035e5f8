"""A simulated cluster: all that can go wrong between driver and nodes, in an order by a seed."""

from __future__ import annotations

import heapq
import random

import numpy as np

from qmac.runtime.cluster import leases as ls
from qmac.runtime.cluster import messages as ms

MOST_SECONDS = 20_000.0
TO_DRIVER = ("tick", "event", "joined")


class Process:
    """One process of a node, that works through its leases in turn."""

    def __init__(self, name, speed):
        self.name, self.speed = name, speed
        self.queue, self.alive = [], True
        self.frozen_until = self.paused_until = 0.0
        self.longest_pause = 0.0
        self.number = 0

    def begin(self, lease, size, now):
        self.number, self.began, self.size = lease.number, max(now, self.frozen_until), size
        self.stood = max(
            0.0, self.paused_until - self.began
        )  # of its time, that which its governor took

    def pause(self, seconds, now):
        more = max(0.0, now + seconds - max(now, self.paused_until))
        self.paused_until = max(self.paused_until, now + seconds)
        self.longest_pause = max(self.longest_pause, self.paused_until - now)
        if self.number:
            self.stood += more

    def swept(self, now):
        if not self.number:
            return 0
        stood = self.stood - max(0.0, self.paused_until - now)
        return max(0, min(int((now - self.began - stood) * self.speed), self.size))

    @property
    def ends(self):
        return max(self.began + self.stood + self.size / self.speed, self.frozen_until)


class World:
    """Runs ``Leases`` to the end; ``check`` holds at every step."""

    def __init__(self, seed):
        self.dice = dice = random.Random(seed)
        self.cells = dice.choice([1, 3, 20, 60, 150])
        self.work = np.array([dice.choice([1, 5, 5, 5, 40]) for _ in range(self.cells)], np.int64)
        self.poison = {dice.randrange(self.cells) for _ in range(dice.choice([0, 0, 0, 1, 3]))}
        self.deadly = {
            dice.randrange(self.cells) for _ in range(dice.choice([0] * 7 + [1]))
        } - self.poison
        trouble = dice.choice([0.0, 0.02, 0.1])
        self.p_lost, self.p_twice, self.p_fail = (trouble * dice.random() for _ in range(3))
        self.kill_every = dice.choice([np.inf, np.inf, 20.0, 5.0])
        self.driver_dies = dice.choice([0, 0, 1, 3])
        self.stall_every = dice.choice([np.inf, np.inf, np.inf, 20.0, 100.0])
        self.p_pause = dice.choice([0.0, 0.0, 0.0, 0.3])
        self.reach = dice.choice([0.01, 0.5, 20.0])  # of delays, seconds
        self.speeds = [dice.choice([2.0, 5.0, 20.0]) for _ in range(dice.randint(1, 4))]
        self.now, self.order, self.queue = 0.0, 0, []
        self.processes, self.incarnation = {}, 0
        self.saved = np.zeros(self.cells, np.int64)
        self.counted = np.zeros(self.cells, np.int64)
        self.late, self.stalled = 0, 0.0
        self.epoch = 0
        self.begin()

    def begin(self):
        """Start a driver from the last snapshot; messages to earlier ones do not reach it."""
        self.epoch += 1
        self.stalled_until = 0.0
        self.counted = self.saved.copy()
        self.machine, self.leased = self.build_machine(), set()
        self.processes = {}
        for speed in self.speeds:
            self.join(speed, 0.1)

    def build_machine(self):
        return ls.Leases(self.work, self.counted > 0)

    def join(self, speed, after):
        self.incarnation += 1
        process = Process(f"n{self.incarnation}", speed)
        self.at(after, "joined", process)
        if self.kill_every < np.inf:
            self.at(after + self.dice.expovariate(1 / self.kill_every), "kill", process)
        if self.dice.random() < 0.1:
            self.at(after + self.dice.random() * 30, "freeze", process)
        if self.dice.random() < self.p_pause:
            self.at(after + self.dice.random() * 30, "pause", process)

    def at(self, after, kind, *what):
        self.order += 1
        heapq.heappush(self.queue, (self.now + after, self.order, self.epoch, kind, what))

    def send(self, event):
        """To the driver, over a network that loses, doubles, delays and reorders."""
        if isinstance(event, ms.Heard) or self.dice.random() >= self.p_lost:
            for _ in range(1 + (self.dice.random() < self.p_twice)):
                self.at(self.dice.random() * self.reach, "event", event)

    def run(self):
        self.at(1.0, "tick")
        if self.driver_dies:
            self.at(self.dice.random() * 60, "driver dies")
        self.stall_again()
        while not self.machine.is_finished:
            self.now, _, epoch, kind, what = heapq.heappop(self.queue)
            assert self.now - self.stalled < MOST_SECONDS, "it never ends"
            if epoch != self.epoch:
                continue
            if (
                kind in TO_DRIVER and self.now < self.stalled_until
            ):  # all that has come is looked at, and then the clock
                self.at(
                    self.stalled_until - self.now + (0.01 if kind == "tick" else 0.0), kind, *what
                )
            else:
                getattr(self, "on_" + kind.replace(" ", "_"))(*what)
        return self.machine

    def step(self, event):
        actions = self.machine.step(event, self.now)
        for action in actions:
            self.do(action)
        if actions or not isinstance(event, ms.Tick):
            self.check()
        self.check_haste()

    def check(self):
        """Every cell is in exactly one place."""
        places = self.counted.copy()
        for lease in self.machine.outstanding:
            places[lease.first : lease.last] += 1
        for piece in self.machine.free.pieces:
            assert piece.first < piece.last
            places[piece.first : piece.last] += 1
        for cell in self.machine.failed:
            places[cell] += 1
        assert (places == 1).all(), places

    def check_haste(self):
        """What came back unswept waits for no lease to end."""
        machine, nodes = self.machine, set(self.machine._nodes)
        ready = {
            name for name, node in machine._nodes.items() if node.speed and node.paused is None
        }
        for piece in machine.free.pieces:
            others = nodes - piece.tried or nodes
            assert machine._is_held or not piece.returned or piece.failures or not ready & others, (
                piece
            )

    def check_blame(self, process, why):
        """Where nothing is lost or delayed, no innocent node is given up.

        However long the driver stood still.
        """
        quiet = not self.p_lost and self.reach <= 0.5
        innocent = (
            process.alive and not process.frozen_until and process.longest_pause < ls.PAUSE_SECONDS
        )
        if quiet and innocent:
            assert not why.startswith(("a lease is past", "no answer")), (process.name, why)

    def do(self, action):
        match action:
            case ms.Accept():
                for first, last in action.cells:
                    self.counted[first:last] += 1
                if self.dice.random() < 0.3:
                    self.saved = self.counted.copy()
            case ms.Reject():
                self.late += 1
            case ms.Grant():
                cells = set(range(action.lease.first, action.lease.last))
                assert action.lease.again == bool(cells & self.leased), action.lease
                self.leased |= cells
                if self.dice.random() >= self.p_lost:
                    self.at(
                        self.dice.random() * self.reach / 4,
                        "grant",
                        self.processes[action.lease.node],
                        action.lease,
                    )
            case ms.Ping():
                process = self.processes[action.node]
                if process.alive:
                    wait = max(0.0, process.frozen_until - self.now)
                    heard = ms.Heard(
                        action.node,
                        process.number,
                        process.swept(self.now),
                        self.now < process.paused_until,
                    )
                    self.at(wait + 0.01, "event", heard)
            case ms.Expel():
                process = self.processes.pop(action.node, None)
                if process is None:
                    return
                self.check_blame(process, action.why)
                if self.dice.random() < 0.5:
                    process.alive = False  # else it goes on, and what it sends is late
                self.join(process.speed, 1.0 + self.dice.random() * 3)
            case ms.Recall():
                pass

    def on_tick(self):
        self.step(ms.Tick(hold=self.dice.random() < 0.05))
        self.at(1.0, "tick")

    def on_joined(self, process):
        self.processes[process.name] = process
        self.step(ms.Joined(process.name, 1))

    def on_event(self, event):
        self.step(event)

    def on_kill(self, process):
        if process.alive:
            process.alive = self.dice.random() < 0.2  # a zombie is reported lost, and works on
            if self.dice.random() < 0.8:  # else only its silence tells
                self.at(0.2, "event", ms.Lost(process.name, "killed"))

    def on_freeze(self, process):
        process.frozen_until = self.now + self.dice.choice([3.0, 12.0, 60.0])

    def on_pause(self, process):
        process.pause(self.dice.choice([5.0, 40.0, 110.0, 400.0]), self.now)
        self.at(process.paused_until - self.now + 10 + self.dice.random() * 60, "pause", process)

    def on_stall(self):
        """Ctrl-Z, or a disk that hangs."""
        seconds = self.dice.choice([2.0, 5.0, 30.0, 400.0])
        self.stalled_until, self.stalled = self.now + seconds, self.stalled + seconds
        self.stall_again()

    def stall_again(self):
        if self.stall_every < np.inf:
            left = max(0.0, self.stalled_until - self.now)
            self.at(left + self.dice.expovariate(1 / self.stall_every), "stall")

    def on_grant(self, process, lease):
        process.queue.append(lease)
        if process.number == 0:
            self.start(process)

    def start(self, process):
        lease = process.queue.pop(0)
        process.begin(lease, int(self.work[lease.first : lease.last].sum()), self.now)
        self.at(process.ends - self.now, "ends", process, lease)

    def on_ends(self, process, lease):
        if self.now < process.ends - 1e-9:  # it stood still meanwhile
            self.at(process.ends - self.now, "ends", process, lease)
            return
        if not process.alive:
            return
        cells = set(range(lease.first, lease.last))
        if cells & self.deadly:
            process.alive = False
            self.at(0.2, "event", ms.Lost(process.name, "a cell ended it"))
            return
        if cells & self.poison or self.dice.random() < self.p_fail:
            self.send(ms.Failed(process.name, lease.number, "a cell is bad"))
        else:
            swept = [(lease.first, lease.last)]
            if self.dice.random() < 0.02 and len(cells) > 1:  # it was stopped, and sent what it had
                swept = [(lease.first, self.dice.randrange(lease.first + 1, lease.last))]
            self.send(
                ms.Done(process.name, lease.number, tuple(swept), process.size / process.speed)
            )
        process.number = 0
        if process.queue:
            self.start(process)

    def on_driver_dies(self):
        self.driver_dies -= 1
        self.begin()
        self.stall_again()
        self.at(1.0, "tick")
        if self.driver_dies:
            self.at(self.dice.random() * 60, "driver dies")


class PartWorld(World):
    """A cluster that does parts of some sequences, which end once enough of them are done."""

    spans = ()
    waived = ()
    dropped = 0

    def build_machine(self):
        if not self.spans:
            self.work = np.ones(self.cells, np.int64)
            dice = random.Random(self.cells)
            edges = sorted({0, self.cells // 3, 2 * self.cells // 3, self.cells})
            self.spans = list(zip(edges, edges[1:]))
            self.enough = [dice.choice([1, 5, 40, 1000]) for _ in self.spans]
            self.waived = np.zeros(self.cells, bool)
        terms = ls.LeaseTerms(2.0, 90.0, fills_threads=True)
        starts = [first for first, _ in self.spans]
        return ls.Leases(self.work, (self.counted > 0) | self.waived, starts, terms)

    def check(self):
        places = self.counted.copy()
        for lease in self.machine.outstanding:
            assert any(first <= lease.first < lease.last <= last for first, last in self.spans)
            places[lease.first : lease.last] += 1
        assert (places[self.waived] <= 1).all()
        for piece in self.machine.free.pieces:
            places[piece.first : piece.last] += 1
        for cell in self.machine.failed:
            places[cell] += 1
        assert (places[~self.waived] == 1).all(), places
        assert (places[self.waived] <= 1).all(), places

    def do(self, action):
        super().do(action)
        if isinstance(action, ms.Accept):
            for (first, last), enough in zip(self.spans, self.enough):
                if self.counted[first:last].sum() >= enough and not self.waived[first:last].all():
                    self.waived[first:last] = True
                    for drop in self.machine.waive(first, last):
                        self.at(0.01, "drop", self.processes[drop.node], drop.number)

    def on_drop(self, process, number):
        waiting = [lease for lease in process.queue if lease.number == number]
        process.queue = [lease for lease in process.queue if lease.number != number]
        if process.alive and (waiting or process.number == number):
            self.dropped += 1
            self.send(ms.Done(process.name, number, (), 0.0))
            if not waiting:
                self.go_on(process)

    def go_on(self, process):
        process.number = 0
        if process.queue:
            self.start(process)

    def on_ends(self, process, lease):
        if process.number == lease.number:
            super().on_ends(process, lease)
