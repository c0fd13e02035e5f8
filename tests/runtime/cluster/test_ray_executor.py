"""The executor on a Ray cluster, without one; with one in test_ray.py."""

import subprocess
import sys
import types
from importlib.util import find_spec

import pytest

import qmac
from qmac.errors import OptionError
from qmac.runtime.cluster import ray_executor


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(ray_executor, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"Ray is not installed.*pip install 'qmac\[ray\]'"):
        qmac.RayExecutor()


needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is an extra")


@needs_ray
def test_ray_is_not_loaded_into_this_process():
    code = "import qmac, sys; qmac.RayExecutor('auto').close(); print('ray' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.stdout == "False\n", shown


def test_a_cluster_that_the_process_has_joined_is_used(monkeypatch):
    ray = types.ModuleType("ray")
    ray.is_initialized = lambda: True
    ray.get_runtime_context = lambda: types.SimpleNamespace(gcs_address="10.0.0.1:6379")
    monkeypatch.setattr(ray_executor, "check_address", lambda address: None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_executor, "find_spec", lambda name: ray)
    for address in (None, "auto", "10.0.0.1:6379"):
        assert qmac.RayExecutor(address)._choose_address() == "10.0.0.1:6379"
    with pytest.raises(OptionError, match=r"is in the Ray cluster at 10\.0\.0\.1:6379, not in"):
        qmac.RayExecutor("10.0.0.2:6379").connect()
    ray.is_initialized = lambda: False
    assert qmac.RayExecutor()._choose_address() is None


@needs_ray
def test_threads_are_checked():
    with pytest.raises(OptionError, match="threads"):
        qmac.RayExecutor(threads=0)
