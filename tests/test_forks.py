"""What a forked process begins anew."""

import gc
import os
import signal
import threading

import pytest

from qmac import _forks
from qmac._forks import ThreadLock, call_after_fork
from qmac.data import held_prices
from qmac.jobs import memory_model
from qmac.runs import directory

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
LOCKS = [
    ThreadLock(),
    directory.numbering,
    held_prices.reading,
    memory_model.watching,
]
"""Each that a thread may hold while another one forks."""


def forked(work):
    """Return whether a function returns true in a forked process."""
    process = os.fork()
    if process == 0:
        signal.alarm(10)
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize("guard", LOCKS)
def test_a_lock_that_another_thread_holds_is_free_after_a_fork(guard):
    is_held, may_end = threading.Event(), threading.Event()

    def hold():
        with guard.lock:
            is_held.set()
            may_end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    assert forked(lambda: guard.lock.acquire(timeout=5))
    assert guard.lock.locked()
    may_end.set()
    thread.join()


def test_who_forks_while_it_holds_a_lock_lets_it_go_in_both_processes():
    guard = ThreadLock()

    def leave():
        with guard.lock:
            if os.fork() == 0:
                signal.alarm(10)
                return True
            return False

    if leave():
        os._exit(guard.lock.locked())
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0 and not guard.lock.locked()


def test_an_object_that_is_gone_is_forgotten():
    class Counter:
        count = 0

        def add(self):
            self.count += 1

        def is_one(self):
            return self.count == 1

    gc.collect()  # what other tests left
    before, counter = len(_forks._begun_anew), Counter()
    call_after_fork(counter.add)
    assert forked(counter.is_one) and counter.count == 0
    assert len(_forks._begun_anew) == before + 1
    del counter
    gc.collect()
    assert len(_forks._begun_anew) == before
