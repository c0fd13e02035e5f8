"""Clusters of Ray: one test process of a machine has them at a time."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def ray_home():
    """Yield a new home directory for Ray, while no other test process has one.

    Its path is short enough for Ray's sockets, and its clusters meet no files of others. A cluster
    is many processes; several at a time would slow each other down beyond the bounds of the tests.
    """
    fcntl = pytest.importorskip("fcntl", reason="locks a file by what Windows lacks")
    with (Path(tempfile.gettempdir()) / "qmac-tests-of-ray.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = Path(tempfile.mkdtemp(prefix="q", dir="/tmp"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
