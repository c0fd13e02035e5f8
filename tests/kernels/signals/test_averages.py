"""Averages: right to the last places, however long the series, and equal to pandas."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.series import closes, series
from hypothesis import given
from hypothesis import strategies as st

from qmac.kernels.signals.averages import moving_averages
from qmac.strategy import reference
from qmac.strategy.averages import AVERAGES

WINDOWS = np.array([1, 2, 3, 5, 8])


@given(closes, st.sampled_from(list(AVERAGES)))
def test_equal_to_the_reference(close, kind):
    fast = moving_averages(kind, close, WINDOWS)
    for row, window in zip(fast, WINDOWS.tolist(), strict=True):
        slow = reference.compute_average(kind, close.tolist(), window)
        slow = np.array([math.nan if value is None else value for value in slow])
        assert np.allclose(row, slow, rtol=16 * np.finfo(float).eps, atol=0, equal_nan=True)


@pytest.mark.parametrize("kind", AVERAGES)
def test_a_long_series_does_not_drift(kind):
    close = series("ticks", 300_000, 1)
    tail = moving_averages(kind, close[-4_000:], np.array([7]))[
        0, -1
    ]  # older bars weigh less than 2**-1000
    assert moving_averages(kind, close, np.array([7]))[0, -1] == pytest.approx(tail, rel=1e-15)


@pytest.mark.parametrize("kind", AVERAGES)
@pytest.mark.parametrize("price", [0.1, 1 / 3, 1234.56, 1e-7])
def test_of_a_constant_is_the_constant(kind, price):
    found = moving_averages(kind, np.full(500, price), np.array([2, 9, 50, 252]))
    assert np.nanmax(np.abs(found / price - 1)) <= 2**-49  # within half of what counts as a tie


def test_equal_to_pandas():
    close = pd.Series(series("random", 400, 3))
    for window in (2, 7, 60):
        options = {"adjust": False, "min_periods": window}
        weights = np.arange(1, window + 1)
        expected = {
            "sma": close.rolling(window).mean(),
            "ema": close.ewm(span=window, **options).mean(),
            "rma": close.ewm(alpha=1 / window, **options).mean(),
            "wma": close.rolling(window).apply(
                lambda part, w=weights: (part * w).sum() / w.sum(), raw=True
            ),
        }
        once = close.ewm(span=window, adjust=False).mean()
        twice = once.ewm(span=window, adjust=False).mean()
        thrice = twice.ewm(span=window, adjust=False).mean()
        late = np.arange(close.size) < window - 1
        expected["dema"] = (2 * once - twice).mask(late)
        expected["tema"] = (3 * once - 3 * twice + thrice).mask(late)
        for kind, values in expected.items():
            found = moving_averages(kind, close.to_numpy(), np.array([window]))[0]
            assert found == pytest.approx(values.to_numpy(), rel=1e-12, nan_ok=True), kind
