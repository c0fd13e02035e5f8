"""The present speed: of a moving window, and of enough large parts."""

import pytest

from qmac.runtime.monitoring import rate as rate_module
from qmac.runtime.monitoring.rate import Rate


@pytest.fixture
def now(monkeypatch):
    """Seconds that a test sets."""
    seconds = [1000.0]
    monkeypatch.setattr(rate_module.time, "perf_counter", lambda: seconds[0])
    return seconds


def measure(rate, now, step, amounts):
    """Return the last of the rates, while an amount is done in each step."""
    done, last = 0.0, 0.0
    for amount in amounts:
        now[0] += step
        done += amount
        last = rate.measure(done)
    return last


def test_what_is_long_ago_does_not_count(now):
    rate = Rate()
    rate.begin(0.0)
    assert measure(rate, now, 1.0, [2.0] * 30) == pytest.approx(2)
    assert measure(rate, now, 0.1, [0.0] * 120) == 0


def test_there_is_always_a_time_between_two_moments(now):
    rate = Rate()
    rate.begin(3.0)
    now[0] += 60
    assert rate.measure(6.0) == pytest.approx(0.05)


def test_large_parts_are_measured_over_enough_of_them(now):
    """Two threads end every 20 s, a tenth of a second apart."""
    rate = Rate(least=8)
    rate.begin(0.0)
    seen = []
    for pair in range(20):
        now[0] += 19.9
        seen.append(rate.measure(2 * pair + 1))
        now[0] += 0.1
        seen.append(rate.measure(2 * pair + 2))
    assert seen[9:] == pytest.approx([0.1] * 31, rel=0.15)


def test_a_slow_start_is_forgotten(now):
    rate = Rate(least=8)
    rate.begin(0.0)
    now[0] += 30  # kernels are compiled
    assert measure(rate, now, 1.0, [1.0] * 12) == pytest.approx(1)
