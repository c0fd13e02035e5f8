"""Work in parts that takes no kernels: known values, faults by switch."""

import time

from qmac.runtime.execution.parts import PartQueue


class Counting:
    """Every third part of "a", and every part of "b", is 1; others are 0."""

    thread_bytes = 0
    most_seconds = 30.0

    def __init__(self, seconds=0.0, bad=()):
        self.seconds, self.bad = seconds, set(bad)

    def compute(self, part, stop):
        if part in self.bad:
            raise ArithmeticError("a bit fell over")
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            if stop[0]:
                return None
            time.sleep(0.001)
        return float(part.sequence == "b" or part.number % 3 == 0)

    def compute_checksum(self):
        return "0" * 64

    def compute_fingerprint(self):
        return {"version": "1"}


class Enough:
    """A counter that has enough after some values of 1."""

    def __init__(self, most=None):
        self.most, self.ones = most, 0

    def __call__(self, value):
        self.ones += value >= 1
        return self.ones == self.most


def build_queue(most=5, count=40, done=None, listener=None):
    """Return a queue of two sequences that end after some values of 1."""
    counts = {"a": count, "b": count}
    return PartQueue({"a": Enough(most), "b": Enough(most)}, counts, done, listener)


EXPECTED = {"a": [float(number % 3 == 0) for number in range(13)], "b": [1.0] * 5}
"""What counts until each has five."""
