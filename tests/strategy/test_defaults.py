"""Defaults of a request: the same on the command line and in Python."""

import qmac
from qmac.strategy.defaults import DEFAULT_MIN_TRADES, DEFAULT_WINDOWS
from qmac.strategy.request import check_request
from qmac.strategy.windows import parse_windows


def test_the_default_windows_are_those_of_a_year():
    assert tuple(parse_windows(DEFAULT_WINDOWS)) == tuple(range(2, 253))


def test_a_request_has_the_default_number_of_trades():
    request = check_request(qmac.Grid(windows=range(2, 9)))
    assert DEFAULT_MIN_TRADES == 5
    assert request.constraints == {"total_trades": (DEFAULT_MIN_TRADES, float("inf"))}
    assert check_request(request.grid, min_trades=0).constraints == {}
