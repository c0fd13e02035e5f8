"""Facts of this machine."""

import os
import re

import pytest

import qmac
from qmac.runtime.resources import machine
from qmac.runtime.resources.machine import (
    available_cpus,
    describe_machine,
    release_freed_memory,
)


def test_cpus_are_those_of_this_process(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7})
        assert available_cpus() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cpus() == 1


@pytest.mark.parametrize(("cpus", "words"), [(1, "1 CPU"), (60, "60 CPUs")])
def test_a_machine_in_one_line(monkeypatch, cpus, words):
    monkeypatch.setattr(machine, "available_cpus", lambda: cpus)
    processor, _, versions = describe_machine().split("; ")
    assert processor.endswith(f", {words}")
    pattern = r"Python [\d.]+, NumPy [\d.]+, Numba [\d.]+, qmac (.+)"
    assert re.fullmatch(pattern, versions)[1] == qmac.__version__


@pytest.mark.parametrize(
    ("content", "model"),
    [("processor: 0\nmodel name\t: Fast 9000\nmodel name\t: other\n", "Fast 9000"), ("", None)],
)
def test_the_processor(monkeypatch, tmp_path, content, model):
    (tmp_path / "cpuinfo").write_text(content)
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "abacus")
    assert machine._find_processor() == (model or "abacus")


def test_memory_goes_back_where_the_library_can_give_it(monkeypatch):
    calls = []
    monkeypatch.setattr(machine, "_find_trim", lambda: calls.append)
    release_freed_memory()
    assert calls == [0]
    monkeypatch.setattr(machine, "_find_trim", lambda: None)
    release_freed_memory()
