"""Many series on nodes of Ray, beside threads of one process on the same machine.

    python -m benchmarks.many_series_nodes [--rounds 3] [--series 40]

Needs the extra ``ray``. The nodes are processes of this machine that speak over loopback.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import psutil

import qmac
from benchmarks.many_series import BARS, SMALL, build_series
from benchmarks.measuring import THREADS, Section, ratios, spread

NODES, SERIES = 4, 40
STORE_BYTES = 80 * 2**20


def measure(rounds: int = 3, series: int = SERIES) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "many_series_nodes",
        f"{series} series on {NODES} nodes of Ray, one machine",
        f"`qmac.optimize_many` of {series} random markets of {BARS:,} bars, 2:252:5, in memory: on "
        f"{THREADS} threads, and on {NODES} nodes of one CPU each that are there already, in turn; "
        "digests equal. CPU: of all processes, those of Ray among them.",
        ("executor", "wall, s", "CPU, s", "CPU over threads"),
    )
    if find_spec("ray") is None:
        section.rows.append(("Ray is not installed", "", "", ""))
        return section
    prices = build_series(series)
    few = dict(list(prices.items())[: 2 * NODES])
    walls: dict[str, list[float]] = {"threads": [], "Ray": []}
    cpus: dict[str, list[float]] = {"threads": [], "Ray": []}
    with _run_nodes() as address, qmac.RayExecutor(address) as executor:
        choices = {"threads": None, "Ray": executor}
        digests = set()
        for chosen in choices.values():
            qmac.optimize_many(few, SMALL, executor=chosen)  # kernels are loaded
        for _ in range(rounds):
            for name, chosen in choices.items():
                began, cpu = time.perf_counter(), _count_seconds()
                results = qmac.optimize_many(prices, SMALL, executor=chosen)
                walls[name].append(time.perf_counter() - began)
                cpus[name].append(_count_seconds() - cpu)
                digests.add(tuple(result.digest for result in results.values()))
    if len(digests) != 1:
        raise SystemExit("the digests of nodes are not those of threads")
    for name in choices:
        over = spread(ratios(cpus[name], cpus["threads"]), 2)
        section.rows.append((name, spread(walls[name], 2), spread(cpus[name], 2), over))
    return section


@contextmanager
def _run_nodes() -> Iterator[str]:
    """Yield the address of a cluster: a head without CPUs, and nodes of one each."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_LOG_TO_STDERR"] = "0"
    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "no_monitor": True}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(NODES):
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()


def _count_seconds() -> float:
    """Return the CPU seconds of this process and of those that it, or one of them, has started."""
    process = psutil.Process()
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--series", type=int, default=SERIES)
    arguments = parser.parse_args()
    print(measure(arguments.rounds, arguments.series).markdown())
