"""The general kernel, compiled in a process of its own while tests are collected.

A kernel of its own for each kind of question takes 7 s of CPU time, and tests ask questions of 50
kinds: half of the time of the suite. Where one is not compiled yet, small questions are answered by
the general kernel, with the same bits (tests/jobs/test_kernel_choice.py).
"""

import subprocess
import sys

from qmac.engine.sweep.selftest import self_test
from qmac.engine.sweep.spec import SweepSpec
from qmac.strategy.objective import Objective
from qmac.strategy.rules import Rules


def start_compiling() -> None:
    """Compile it in a process that nothing waits for; it ends at once where it is compiled."""
    subprocess.Popen([sys.executable, __file__], stdin=subprocess.DEVNULL, start_new_session=True)


if __name__ == "__main__":
    self_test(
        SweepSpec(Rules(), Objective("total_return", True, 1.0), False, 1, {}, is_general=True)
    )
