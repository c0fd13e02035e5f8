"""The command line as its users meet it: a process, two streams, an exit code."""

import subprocess
import sys


def qmac(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "qmac", *map(str, arguments)], capture_output=True, text=True, timeout=120, **options
    )
