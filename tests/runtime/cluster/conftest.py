"""Clusters of Ray: one test process of a machine has them at a time."""

import pytest
from helpers.nodes import ray_directory


@pytest.fixture(scope="module")
def ray_home():
    """Yield a new home directory for Ray, while no other test process has one."""
    pytest.importorskip("fcntl", reason="locks a file by what Windows lacks")
    with ray_directory() as path:
        yield path
