"""Values of metrics as text."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from qmac.strategy.formatting import HEADINGS, format_span, format_value, is_percent
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", 0.0848, "8.5%"),
        ("total_return", -0.0004, "-0.0%"),
        ("return", 1.5, "150.0%"),
        ("total_return", 99.9999, "10000.0%"),
        ("total_return", 11327.426, "1,132,743%"),
        ("annualized_return", 2.2e19, "2.2e+21%"),
        ("annualized_return", 1e308, "1e+308"),
        ("annualized_return", math.inf, "inf"),
        ("total_trades", 1234.0, "1234"),
        ("total_trades", 2e6, "2e+06"),
        ("sharpe_ratio", 1.236, "1.24"),
        ("expectancy", -3.0, "-3.00"),
        ("average_bars", 12.25, "12.25"),
        ("profit_factor", math.inf, "inf"),
        ("plateau", 0.5, "0.50"),
        ("win_rate", math.nan, "-"),
    ],
)
def test_values(name, value, text):
    assert format_value(name, value) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ({"seconds": 0}, "0 minutes"),
        ({"minutes": 1}, "1 minute"),
        ({"minutes": 119}, "119 minutes"),
        ({"hours": 6.5}, "6.5 hours"),
        ({"days": 2}, "2 days"),
        ({"days": 11}, "11 days"),
        ({"days": 278}, "9.1 months"),
        ({"days": 365}, "12 months"),
        ({"days": 365 * 20 + 5}, "20 years"),
    ],
)
def test_spans_of_dates(span, text):
    first = datetime(2026, 1, 5, tzinfo=UTC)
    assert format_span(first, first + timedelta(**span)) == text


def test_percent():
    assert is_percent("exposure") and is_percent("return")
    assert not is_percent("total_trades") and not is_percent("plateau")


def test_every_column_has_a_heading():
    assert set(HEADINGS) == {*ROLES, *METRICS, "plateau"}
    headings = [HEADINGS[name] for name in METRICS]
    assert len(set(headings)) == len(headings)
