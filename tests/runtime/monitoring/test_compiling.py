"""What is compiled is said once, and while it lasts."""

import os
import time

import pytest

from qmac.runtime.monitoring import compiling as module
from qmac.runtime.monitoring.compiling import compiling, describe_compiling, listening


def test_what_is_compiled_is_said_while_it_lasts(monkeypatch):
    heard = []
    with listening(heard.append):
        with compiling("sharpe_ratio"):
            now = time.monotonic()
            monkeypatch.setattr(module.time, "monotonic", lambda: now + 3.2)
            text = describe_compiling()
            with compiling("sharpe_ratio"):  # of another thread
                pass
            assert describe_compiling() == text
        assert describe_compiling() == ""
    with compiling("win_rate"):
        pass
    assert len(heard) == 1 and heard[0].startswith("compiling for sharpe_ratio: 0 s")
    assert text.endswith("sharpe_ratio: 3 s of about 10 s, once")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_compiles_nothing():
    with compiling("sharpe_ratio"):
        process = os.fork()
        if process == 0:
            os._exit(len(describe_compiling()))
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
