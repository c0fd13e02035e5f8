"""Sweeps are compared with the definition by the kernels of their kinds, not by the general one."""

import pytest


@pytest.fixture(autouse=True)
def _own_kernels(own_kernels):
    pass
