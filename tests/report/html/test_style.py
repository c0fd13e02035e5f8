"""Axes, and the embedding of numbers."""

import numpy as np
import pytest

from qmac.report.html.style import (
    build_axis,
    compute_range,
    round_mantissa,
    to_float32,
    value_format,
)


@pytest.mark.parametrize("bits", [10, 15])
def test_round_mantissa(bits):
    values = np.array([1.0, -1.0, np.pi, 1e-20, -12345.678, 0.0, np.nan])
    np.testing.assert_allclose(round_mantissa(values, bits), values, rtol=2.0 ** -(bits + 1))
    assert (
        np.nan_to_num(round_mantissa(values, bits)).view(np.uint32) & ((1 << (23 - bits)) - 1) == 0
    ).all()
    large = np.array([1.5e300, np.nan, np.inf, -3.0])  # beyond float32
    np.testing.assert_allclose(
        round_mantissa(large, bits), [1.5e300, np.nan, np.nan, -3.0], rtol=2.0 ** -(bits + 1)
    )


def test_an_axis_shows_the_bulk_and_what_is_near_it():
    low, high = compute_range(0.0, 1.0, 2.0, 1e6)
    assert (low, high) == pytest.approx((-0.06, 2.06))  # a million does not stretch it
    assert compute_range(1.0, 1.0, 5.0) is None


def test_formats_follow_the_unit():
    assert value_format("win_rate") == ".1%" and value_format("total_trades") == ",.0f"
    axis = build_axis("total_return", range=[0, 1])
    assert axis["tickformat"] == ".1~%" and axis["range"] == [0, 1]
    assert axis["title"] == {"text": "total return"}


def test_numbers_are_embedded_as_float32_where_they_fit():
    assert to_float32(np.array([1.5, np.nan])).dtype == np.float32
    assert to_float32(np.array([1.5, 1e300])).dtype == np.float64
