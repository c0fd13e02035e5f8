"""Work for processes that takes no kernels: each part says what is to happen."""

import os
import signal
import time
from pathlib import Path


class Chores:
    """Does what its input says; ``is_broken`` ends the process that prepares it."""

    share = None

    def __init__(self, *, is_broken=False):
        self.is_broken = is_broken

    def warm_up(self):
        if self.is_broken:
            raise ArithmeticError("a bit fell over")

    def compute(self, _, stop, packed):
        if packed == b"fail":
            raise ArithmeticError("a bit fell over")
        if packed == b"end":
            os.kill(os.getpid(), signal.SIGKILL)
        if packed == b"freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        while packed == b"wait":
            if stop[0]:
                return None
            time.sleep(0.001)
        if packed == b"half":
            self.share = 0.5
            time.sleep(2.5)
        return b"%d %s" % (os.getpid(), packed)


def is_alive(pid):
    """Return whether a process runs; one that has ended and is not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def await_end(pids, seconds=20.0):
    """Wait until processes have ended."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if is_alive(pid)]
        time.sleep(0.01)
