import datetime as dt
import math

import pytest

from qmac.errors import RulesError
from qmac.strategy.rules import Rules


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"fees": 1}, r"fees must be in \[0, 1\), got 1\."),
        ({"fees": -0.1}, "got -0.1"),
        ({"slippage": float("nan")}, r"slippage must be in \[0, 1\), got nan"),
        ({"slippage": "a"}, "must be a number"),
        ({"init_cash": 0}, r"init_cash must be in \[1e-09, 1e\+18\], got 0"),
        ({"periods_per_year": -1}, r"periods_per_year must be in \[1e-06, 1e\+17\], got -1"),
        ({"periods_per_year": 1e300}, "periods_per_year"),
        ({"periods_per_year": math.nan}, "periods_per_year"),
        ({"average": "smaa"}, "Did you mean 'sma'"),
        ({"fill": "next_opn"}, "Did you mean 'next_open'"),
        ({"stop_loss": 0}, r"stop_loss must be in \(0, 1\), got 0"),
        ({"stop_loss": 1}, r"must be in \(0, 1\), got 1\."),
        ({"trailing_stop": 5}, "0.05 is 5 %"),
        ({"take_profit": -0.1}, r"take_profit must be in \(0, inf\), got -0.1"),
        ({"take_profit": float("inf")}, r"take_profit must be .*got inf"),
        ({"max_bars": 0}, "max_bars must be at least 1, got 0"),
        ({"max_bars": 2.5}, "whole number"),
        ({"fixed_fees": 1.0}, "trades no longer add up"),
        ({"end": "soon"}, "end must be a date such as 2010-01-04, got 'soon'"),
        ({"conflict": "oposite"}, "Did you mean 'opposite'"),
        ({"start": "soon"}, "start must be a date .*got 'soon'"),
        ({"start": 2010}, "start must be a date .*got 2010"),
    ],
)
def test_bad_rules(arguments, says):
    with pytest.raises(RulesError, match=says):
        Rules(**arguments)


def test_rules_are_values():
    rules = Rules(fees=0.001, start=dt.date(2010, 1, 4))
    assert rules == Rules(fees=0.001, start="2010-01-04") == Rules(**rules.to_dict())
    assert hash(rules) == hash(Rules(**rules.to_dict()))
    assert rules.buy_factor == pytest.approx(1.0025 * 1.001)
    assert rules.sell_factor == pytest.approx(0.9975 * 0.999)
