"""One run of more than 1e12 combinations, with a line a minute.

    python -m benchmarks.trillion [--last 1420] [--bars 2000] [--sells 60]

Windows 2 to 1420 give 1,006,071 pairs a side. ``--sells 60`` takes sell windows up to 60 only, to see how long all would
take.
"""

from __future__ import annotations

import argparse
import resource
import time

import qmac
from benchmarks.throughput import machine
from qmac.run.progress import Status, millions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--last", type=int, default=1420)
    parser.add_argument("--bars", type=int, default=2000)
    parser.add_argument("--sells", type=int, help="sell windows up to this one only")
    options = parser.parse_args()
    windows = range(2, options.last + 1)
    sells = range(2, (options.sells or options.last) + 1)
    grid = qmac.Grid(buy_fast=windows, buy_slow=windows, sell_fast=sells, sell_slow=sells)
    print(machine(), f"{options.bars} bars, {grid.size:,} combinations", flush=True)
    began = time.perf_counter()
    following = [60.0]

    def line(status: Status) -> None:
        if status.seconds >= following[0]:
            following[0] += 60
            done = f"{status.done:,} ({status.done / status.size:.1%})"
            print(f"{status.seconds:6.0f} s  {done}  {millions(status.rate)}  {status.memory >> 20} MiB", flush=True)

    result = qmac.optimize(qmac.sample_prices().tail(options.bars), grid, top=100, progress=line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{result.evaluated:,} in {time.perf_counter() - began:.0f} s, {millions(result.combinations_per_second)}")
    print(f"peak {peak} MiB, best {result.best} {result.top['total_return'].iloc[0]:.4f}, digest {result.digest}")


if __name__ == "__main__":
    main()
