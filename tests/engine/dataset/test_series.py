"""A series is prices, and the averages of the user's own by window."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.engine.dataset.series import Series

PRICES = qmac.Prices.of(frame(series("random", 20, 2)))


def test_averages_are_by_window():
    own = np.arange(60.0).reshape(3, 20)
    averages = Series.from_rows(PRICES, own, (2, 5, 9)).averages
    assert {window: row.tolist() for window, row in averages.items()} == {
        2: own[0].tolist(),
        5: own[1].tolist(),
        9: own[2].tolist(),
    }
    assert Series.from_rows(PRICES, None, (2, 5, 9)).averages is None


def test_there_is_an_average_for_each_window():
    with pytest.raises(ValueError, match="zip"):
        Series.from_rows(PRICES, np.ones((2, 20)), (2, 5, 9))
