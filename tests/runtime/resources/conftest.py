"""Trees of kernel files, of both versions of cgroups."""

import pytest
from helpers.kernel import V1_MOUNTS, V2_MOUNT, Tree


@pytest.fixture
def v2(tmp_path):
    return Tree(tmp_path / "v2", "0::/outer/inner\n", V2_MOUNT.format(root="/"))


@pytest.fixture
def v1(tmp_path):
    mounts = V1_MOUNTS.format(root="/")
    return Tree(
        tmp_path / "v1",
        "9:name=systemd:/\n4:memory:/outer/inner\n1:cpu,cpuacct:/outer/inner\n0::/\n",
        mounts,
    )
