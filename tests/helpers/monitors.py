"""A monitor of a small sweep, on a machine whose memory a test sets."""

import qmac
from helpers.faults import GRID
from helpers.faults import PRICES as FRAME
from helpers.sweeps import default_spec, prepared
from qmac.jobs.monitor import SweepMonitor
from qmac.runs.tasks import Task
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Reading

PRICES = qmac.Prices.of(FRAME)
TASK = Task("close")
MIB = 2**20
LIMIT = 600 * MIB


class Machine:
    """A probe of a machine of which a test sets how much memory is in use."""

    def __init__(self, used=100 * MIB):
        self.used, self.reads = used, 0

    def read(self):
        self.reads += 1
        return Reading(
            moment=0, cpus=8.0, affinity=8, rss=50 * MIB, memory_limit=LIMIT, memory_used=self.used,
            total=2**40, available=2**39,
        )  # fmt: skip


def build_spec_of(grid=GRID):
    """Return what a default sweep of ``PRICES`` computes."""
    return default_spec(prepared(PRICES, grid), grid)


def build_monitor(machine=None, limits=None, directory=None, listener=None, threads=8):
    """Return a monitor of a sweep of ``PRICES``."""
    governor = Governor(limits or Limits(), machine or Machine(), threads)
    objective = build_spec_of().objective
    return SweepMonitor(TASK, objective, GRID.size, governor, listener, directory)
