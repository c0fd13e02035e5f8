"""Peak memory of whole processes, imports included, for 1e7 and 1e9 combinations.

    python -m benchmarks.memory

Memory follows the number of windows (maps have windows squared cells), not that of combinations; so 1e7 is
shown twice: with the same 251 windows but few sell pairs, and with every third window.
"""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, qmac
grid = {grid}
result = qmac.optimize(qmac.sample_prices().tail(2000), grid, threads=2)
print(result.evaluated, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
GRIDS = {
    "251 windows, few sell pairs": "qmac.Grid(windows=range(2, 253), sell_fast=[5, 50], sell_slow=range(90, 253))",
    "every third window": "qmac.Grid(windows=range(2, 253, 3))",
    "251 windows, all": "qmac.Grid(windows=range(2, 253))",
}


def main() -> None:
    for name, grid in GRIDS.items():
        command = [sys.executable, "-c", SCRIPT.format(grid=grid)]
        peaks = []
        for _ in range(4):  # the first fills the cache of compiled kernels
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            evaluated, peak = map(int, done.stdout.split())
            peaks.append(peak)
        print(f"{name:30s} {evaluated:>13,} combinations: peak {sorted(peaks[1:])[1]} MiB ({peaks[1:]})")


if __name__ == "__main__":
    main()
