"""What lies around rows, against loops over the pairs."""

import numpy as np
import pytest

from qmac.kernels.sweep.neighbors import gather_neighbours


@pytest.mark.parametrize("shared_windows", [False, True])
@pytest.mark.parametrize("most", [1, 3, 5])
def test_equal_to_a_search(shared_windows, most):
    rng = np.random.default_rng(most)
    values = rng.normal(size=(6, 4))
    entry_lists = rng.integers(-1, 6, (30, most)).astype(np.int32)
    exit_lists = rng.integers(-1, 4, (30, most)).astype(np.int32)
    entry_pairs, exit_pairs = rng.integers(2, 7, (2, 30, most, 2))
    out = np.zeros((30, most * most))
    counts = gather_neighbours(
        values, entry_lists, exit_lists, entry_pairs, exit_pairs, shared_windows, out
    )
    for row in range(30):
        around = []
        for k, m in np.ndindex(most, most):
            is_middle = k == m == most // 2
            is_there = entry_lists[row, k] >= 0 and exit_lists[row, m] >= 0
            is_shared = bool({*entry_pairs[row, k]} & {*exit_pairs[row, m]})
            if is_there and not is_middle and (shared_windows or not is_shared):
                around.append(values[entry_lists[row, k], exit_lists[row, m]])
        assert counts[row] == len(around)
        assert out[row, : counts[row]].tolist() == around
        assert np.isnan(out[row, counts[row] :]).all()
