"""Seconds in which other programs do not count."""

import subprocess
import sys
import time

import psutil

SPIN = "print(flush=True)\nwhile True: pass"


class Stopwatch:
    """Measures a block in CPU seconds of a process that always computes beside it.

    On an idle machine these are seconds of the clock. Where others have the CPUs for most of the
    time, as beside other tests, they are fewer in the proportion in which the block is late.
    """

    def __enter__(self):
        command = [sys.executable, "-S", "-E", "-c", SPIN]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._process.stdout.readline()
        self._ended = None
        self._began = self._read()
        return self

    def __exit__(self, *exception):
        with self._process:
            self._ended = self._read()
            self._process.kill()

    def _read(self):
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system, time.monotonic()

    @property
    def seconds(self):
        """Seconds until now, or of the whole block once it has ended."""
        ended = self._ended or self._read()
        return min(end - begin for begin, end in zip(self._began, ended, strict=True))
