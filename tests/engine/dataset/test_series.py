"""A series is prices, and the averages of the user's own by window."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.engine.dataset.series import PreparedSeries, Series
from qmac.engine.dataset.signals import compute_averages
from qmac.errors import PricesError

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


def test_a_prepared_series_is_checked_once_and_selects_its_averages():
    own = np.arange(60.0).reshape(3, 20)
    prepared = Series.from_rows(PRICES, own, (2, 5, 9)).prepare((2, 5, 9), qmac.Rules())
    assert prepared.compute_averages((2, 5, 9)) is prepared.averages
    assert prepared.compute_averages((2, 9)).tolist() == own[[0, 2]].tolist()
    assert prepared.facts is prepared.facts and prepared.facts.bars == prepared.period.bars == 20
    assert prepared.periods_per_year == prepared.facts.per_year == PRICES.periods_per_year


def test_without_averages_of_ones_own_they_are_those_of_the_rules():
    prepared = PreparedSeries.build(PRICES, (2, 5), qmac.Rules(average="wma"))
    assert prepared.averages is None
    found = prepared.compute_averages((2,))
    expected = compute_averages(PRICES, (2,), "wma")
    assert np.array_equal(found, expected, equal_nan=True)


def test_a_series_shorter_than_its_windows_is_refused():
    with pytest.raises(PricesError, match="has 20 bars, but window 20 needs at least 21"):
        PreparedSeries.build(PRICES, (2, 20), qmac.Rules())
