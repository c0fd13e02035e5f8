"""The bundled prices."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import pandas as pd

from qmac.data.origin import Origin
from qmac.data.prices import Prices

NAME = "sp500"
CHECKSUM = "a21398defc916ed40ac51b9047a5ea4a106da97a5e1b21b9ede41221178f0ce1"
"""That of its dates and prices, by ``prices_checksum``: what was read from it is known by it."""


def sample_prices() -> Prices:
    """Return the bundled prices: S&P 500 index, daily, 1999-01-04 to 2018-12-31, 5,031 bars.

    Facts from the dataset ``arch.data.sp500`` of the PyPI package ``arch`` (Kevin Sheppard).

    Returns
    -------
    Prices
        Open, High, Low, Close and Volume.

    Examples
    --------
    >>> len(sample_prices())
    5031
    """
    with resources.as_file(resources.files("qmac") / "data" / "sp500.csv") as path:
        frame = pd.read_csv(path, index_col="Date", parse_dates=True)
    return replace(Prices.of(frame, NAME), origin=Origin("the bundled sample"))
