"""Readings of machines that never were."""

from hypothesis import strategies as st

from qmac.runtime.resources import admission
from qmac.runtime.resources.probes import Probe, Reading

MIB = 2**20


LIMIT = 600 * MIB


def used(share, **others):
    """A reading with this share of the cgroup's limit in use."""
    values = {
        "moment": 0.0,
        "cpus": 64.0,
        "affinity": 64,
        "memory_limit": LIMIT,
        "memory_used": int(share * LIMIT),
    }
    return Reading(**(values | others))


def fill_memory(monkeypatch):
    """No memory is left of the cgroup's limit, and the smallest need of it is looked at."""
    monkeypatch.setattr(Probe, "read", lambda _: used(1))
    monkeypatch.setattr(admission, "LARGE_BYTES", 0)


readings = st.builds(
    used,
    st.floats(0, 1.1),
    cpus=st.floats(0.1, 100),
    affinity=st.integers(1, 100),
    pressure=st.none() | st.floats(0, 1),
    other_load=st.none() | st.floats(0, 1),
    disk_free=st.none() | st.integers(0, 400 * MIB),
    rss=st.none() | st.integers(0, LIMIT),
    available=st.none() | st.integers(0, 2**33),
    total=st.just(2**33),
)
