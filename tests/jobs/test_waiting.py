"""What other programs hold for a while is waited for; what never fits is refused."""

from dataclasses import replace

import pytest
from helpers.monitors import LIMIT, MIB, Machine

import qmac
from qmac.errors import Stopped
from qmac.jobs import runner, waiting
from qmac.jobs.waiting import Patience
from qmac.runtime.resources.admission import Demand
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe

NEEDED = Demand(300 * MIB)


class Crowded(Machine):
    """A machine on which another program holds memory for some readings."""

    def __init__(self, readings, held=400 * MIB):
        super().__init__(100 * MIB)
        self.readings, self.held = readings, held

    def read(self):
        held = self.held if self.reads < self.readings else 0
        return replace(super().read(), memory_used=self.used + held, memory_of_others=held)


@pytest.fixture(autouse=True)
def sleepless(monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda _: None)


def wait(machine, limits=None, listener=None):
    governor = Governor(limits or Limits(), machine, 1)
    Patience("S01", 10, governor, listener).wait(NEEDED, "The run needs 300 MiB.")


def test_memory_that_comes_back_is_waited_for_and_it_is_shown():
    shown = []
    wait(Crowded(20), listener=shown.append)
    assert len(shown) > 10
    assert {status.name for status in shown} == {"S01"}
    assert "pause (memory: waiting for what other programs hold)" in shown[0].text


def test_memory_that_does_not_come_back_stops_the_run():
    with pytest.raises(Stopped, match=r"stopped after waiting 60 s for memory .* The run needs"):
        wait(Crowded(10**6))


def test_a_limit_of_time_holds_while_waiting():
    with pytest.raises(Stopped, match="stopped while waiting for memory: max_time"):
        wait(Crowded(10**6), Limits(max_time=1e-9))


@pytest.fixture
def crowded(monkeypatch):
    """Several symbols on a machine where another program takes memory for a while, each time."""
    machine = Crowded(0, held=LIMIT)

    def read(_):
        machine.reads %= 40
        machine.readings = 20
        return machine.read()

    monkeypatch.setattr(Probe, "read", read)
    return machine


@pytest.mark.slow
def test_no_symbol_is_left_out_for_a_shortage_that_passes(crowded, tmp_path):
    del crowded
    prices = qmac.sample_prices()
    series = {f"S{k}": prices.tail(300 + k) for k in range(3)}
    results = qmac.optimize_many(series, qmac.Grid(windows=(3, 5, 8, 13)), out=tmp_path / "run")
    assert list(results) == list(series) and not results.left_out


def test_a_shortage_that_lasts_stops_the_run_and_names_the_symbol(monkeypatch, tmp_path):
    monkeypatch.setattr(Probe, "read", lambda _: machine.read())
    machine = Crowded(10**6, held=LIMIT)
    prices = qmac.sample_prices()
    series = {f"S{k}": prices.tail(300 + k) for k in range(3)}
    with pytest.raises(Stopped, match=r"\(symbol S0\)"):
        qmac.optimize_many(series, qmac.Grid(windows=(3, 5, 8, 13)), out=tmp_path / "run")
    machine.readings = 0
    assert list(qmac.resume(tmp_path / "run")) == list(series)


def test_what_never_fits_is_left_out_at_once(monkeypatch):
    machine = Crowded(10**6, held=0)
    machine.used = LIMIT - 10 * MIB
    monkeypatch.setattr(Probe, "read", lambda _: machine.read())
    monkeypatch.setattr(runner.Patience, "wait", lambda *_: pytest.fail("waited"))
    prices = qmac.sample_prices()
    with pytest.raises(qmac.QmacError, match="Raise the limit to"):
        qmac.optimize(prices.tail(300), qmac.Grid(windows=(3, 5, 8, 13)))
