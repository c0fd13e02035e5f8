"""Peak memory of whole processes: a grid of 1e7 and of 1e9 combinations, imports included.

python -m benchmarks.memory
"""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, qmac
grid = qmac.Grid(windows=range({first}, 253, {step}))
result = qmac.optimize(qmac.sample_prices().tail(2000), grid, threads=2)
print(result.evaluated, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def main() -> None:
    for first, step in ((2, 3), (2, 1)):
        for _ in range(2):  # the first fills the cache of compiled kernels
            text = SCRIPT.format(first=first, step=step)
            done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
        evaluated, peak = map(int, done.stdout.split())
        print(f"{evaluated:>13,} combinations: peak {peak} MiB")


if __name__ == "__main__":
    main()
