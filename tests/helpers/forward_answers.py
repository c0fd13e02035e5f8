"""Does the choice hold: walk-forwards of short series."""

import functools

import qmac
from helpers.series import frame, series
from qmac.robustness.forward.answer import Forward
from qmac.robustness.forward.many import Forwards

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))


@functools.cache
def build_forward(name="SPY", objective="total_return", **options) -> Forward:
    """Return the walk-forward of 300 bars: three tests of 60 bars, some bars left over."""
    prices = qmac.Prices.of(frame(series("random", 300, 4)), name)
    return qmac.walk_forward(prices, GRID, objective, train=100, test=60, **options)


def build_forwards(*names) -> Forwards:
    """Return the same one for each of some symbols."""
    return Forwards({name: build_forward(name) for name in names}, {"late": "late: short"})
