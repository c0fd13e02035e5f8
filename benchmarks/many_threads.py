"""What many threads would make of small parts side by side: a simulation fed by measured times.

    python -m benchmarks.many_threads

A part holds the interpreter for a while, lets it go, takes it again, and so on. Where another
thread has it, the part waits. Nothing else is shared: memory bandwidth, caches, clock frequencies
that fall with the number of busy CPUs, and locks of the system are left out.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

import qmac
from benchmarks.interpreter import restart_with_clock, time_pieces
from benchmarks.measuring import GRID, Section, seconds, spread
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.runtime.execution.parts import Part
from qmac.strategy.request import check_request

WAKE_SECONDS = 20e-6
"""From the release of the interpreter until a thread that waits for it is awake; assumed."""
BARS = (800, 2000)
NULLS = ("shuffle", "mirror")
RESAMPLES = (199, 999)
THREADS = 60
NOTHING = np.empty(0)
MEASURED = 12
"""Resamples of each null that are timed; the simulated ones are drawn from these."""


def simulate(parts: Iterable[np.ndarray], threads: int, wake: float = WAKE_SECONDS) -> float:
    """Return how long some threads take for parts, each of which takes the next that is left.

    Parameters
    ----------
    parts : iterable of ndarray
        Of each part the seconds with and without the interpreter, in turn, as of ``time_pieces``.
    threads : int
        How many work side by side, each on a CPU of its own.
    wake : float, optional
        Seconds that a thread needs to wake up once it may go on.

    Returns
    -------
    float
        Seconds.
    """
    return _Simulation(parts, threads, wake).run()


class _Simulation:
    """Threads, the interpreter, and a queue of parts.

    The interpreter goes to whoever comes first once it is free. A release wakes one of the threads
    that wait; when that one is awake another may have been faster, and it waits again. So does
    CPython.
    """

    def __init__(self, parts: Iterable[np.ndarray], threads: int, wake: float) -> None:
        self._queue = iter(parts)
        self._wake = wake
        self._now, self._order = 0.0, 0
        self._events: list[tuple[float, int, int]] = []  # when, order, thread
        self._waiting: deque[int] = deque()
        self._pieces: list[deque[float]] = [deque() for _ in range(threads)]
        self._holder: int | None = None

    def run(self) -> float:
        """Return the seconds until all parts are done."""
        for thread, pieces in enumerate(self._pieces):
            pieces.extend(next(self._queue, NOTHING).tolist())
            self._take_interpreter(thread)
        last = 0.0
        while self._events:
            self._now, _, thread = heapq.heappop(self._events)
            if thread == self._holder:
                last = self._now
                self._end_held_piece(thread)
            else:  # woken up, or without the interpreter until now
                self._take_interpreter(thread)
        return last

    def _end_held_piece(self, thread: int) -> None:
        pieces = self._pieces[thread]
        if not pieces:  # the part is done
            pieces.extend(next(self._queue, NOTHING).tolist())
            if pieces:
                self._schedule(thread, pieces.popleft())
                return
        self._holder = None
        if self._waiting:
            self._schedule(self._waiting.popleft(), self._wake)
        if pieces:
            self._schedule(thread, pieces.popleft())

    def _take_interpreter(self, thread: int) -> None:
        if not self._pieces[thread]:
            return
        if self._holder is None:
            self._holder = thread
            self._schedule(thread, self._pieces[thread].popleft())
        else:
            self._waiting.append(thread)

    def _schedule(self, thread: int, delay: float) -> None:
        self._order += 1
        heapq.heappush(self._events, (self._now + delay, self._order, thread))


def compute_efficiency(parts: Sequence[np.ndarray], threads: int) -> float:
    """Return the share of the time of all threads in which they work.

    Parameters
    ----------
    parts : sequence of ndarray
        As of ``simulate``.
    threads : int
        How many work side by side.

    Returns
    -------
    float
        1 where none ever waits, for the interpreter or at the end of the queue.
    """
    work = sum(float(pieces.sum()) for pieces in parts)
    return work / (threads * simulate(parts, threads))


def time_resamples(bars: int, objective: str = "total_return") -> dict[str, list[np.ndarray]]:
    """Return the pieces of some resamples of the sample prices, by null hypothesis."""
    prices, stop = qmac.sample_prices().tail(bars), np.zeros(1, np.uint8)
    sweep = ResampleSweep.build(prices, check_request(GRID, objective), NULLS, seed=1)
    pieces: dict[str, list[np.ndarray]] = {null: [] for null in NULLS}
    for number in range(-1, MEASURED):  # the first one does not count
        for null in NULLS:
            part = Part(null, number + 1)
            timed = time_pieces(lambda part=part: sweep.compute_score(part, stop))  # type: ignore[misc]
            if number >= 0:
                pieces[null].append(timed)
    return pieces


def draw_parts(pieces: dict[str, list[np.ndarray]], resamples: int) -> list[np.ndarray]:
    """Return the parts of a run in the order in which they are taken, each null in turn."""
    rng = np.random.default_rng(1)
    draws = (rng.choice(len(pieces[null]), resamples) for null in NULLS)
    numbers = zip(*draws, strict=True)
    rows = ([pieces[null][k] for null, k in zip(NULLS, row, strict=True)] for row in numbers)
    return list(chain.from_iterable(rows))


def simulate_runs(bars: Sequence[int] = BARS) -> Section:
    """Return the table of docs/performance.md."""
    section = Section(
        "many_threads",
        f"Random markets on {THREADS} threads: a simulation",
        f"Full grid, total_return. Of {MEASURED} resamples of each null every piece was timed in "
        "which the interpreter is held or not (CPU time, one thread); runs were simulated from "
        f"these. A thread that waited takes {1e6 * WAKE_SECONDS:.0f} us to wake up. Left out: "
        "memory bandwidth, caches, clock frequencies, locks of the system. Efficiency: time in "
        "which threads work over the time of all threads, the end of the queue included.",
        (
            "bars",
            "held, ms",
            "not held, ms",
            *(f"{count} resamples: seconds, efficiency" for count in RESAMPLES),
        ),
    )
    for count in bars:
        pieces = time_resamples(count)
        every = list(chain.from_iterable(pieces.values()))
        held = [1e3 * float(each[::2].sum()) for each in every]
        free = [1e3 * float(each[1::2].sum()) for each in every]
        cells = []
        for resamples in RESAMPLES:
            parts = draw_parts(pieces, resamples)
            took = simulate(parts, THREADS)
            cells.append(f"{took:.1f} s, {compute_efficiency(parts, THREADS):.0%}")
        section.rows.append((f"{count:,}", spread(held, 2), spread(free, 0), *cells))
    return section


def compare_with_reality(bars: int = 800, resamples: int = 39) -> str:
    """Return simulated and real seconds of ``qmac.luck`` on one and two threads."""
    parts = draw_parts(time_resamples(bars), resamples)
    result = qmac.optimize(qmac.sample_prices().tail(bars), GRID, top=1)
    texts = []
    for threads in (1, 2):
        real = seconds(
            lambda threads=threads: qmac.luck(  # type: ignore[misc]
                result, resamples, stop_after=None, threads=threads
            )
        )
        texts.append(f"{threads}: simulated {simulate(parts, threads):.1f} s, real {real:.1f} s")
    return f"{bars:,} bars, {resamples} resamples of each null; threads {'; '.join(texts)}"


if __name__ == "__main__":
    restart_with_clock("benchmarks.many_threads")
    print(simulate_runs().markdown())
    print(compare_with_reality())
