"""Seconds from process start to printed answer of `qmac optimize --sample`, kernels cached.

python -m benchmarks.start [rounds]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def main() -> None:
    command = [sys.executable, "-m", "qmac", "optimize", "--sample"]
    subprocess.run(command, capture_output=True, check=True)
    seconds = []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    print(f"qmac optimize --sample: {statistics.median(seconds):.2f} s ({min(seconds):.2f} ... {max(seconds):.2f})")


if __name__ == "__main__":
    main()
