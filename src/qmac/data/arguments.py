"""Prices as public functions take them: checked ones, frames, files, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from qmac import _views
from qmac.data.description import warn_of_prices
from qmac.data.prices import AnyPrices, Prices
from qmac.data.symbols import Symbols, from_frames

ManyPrices = Mapping[str, AnyPrices] | str | Path | Sequence[str | Path]
"""Prices by symbol; or files, directories and names, as ``qmac optimize`` takes them."""


def take_prices(prices: AnyPrices, stacklevel: int = 1) -> Prices:
    """Return the checked prices of an argument; warn of what is odd in those that were no Prices.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        What a user passes.
    stacklevel : int
        As of ``errors.warn``.

    Returns
    -------
    Prices
        The same where they are checked already: those of a file were warned of when it was read.

    Raises
    ------
    PricesError
        If they are invalid, or cannot be read.
    """
    series = Prices.of(prices)
    if series is not prices:
        warn_of_prices([series], stacklevel=stacklevel + 1)
    return series


def take_symbols(prices: ManyPrices, stacklevel: int = 1) -> Symbols:
    """Return the series of an argument; warn of what is odd in those that were no Prices.

    Parameters
    ----------
    prices : mapping, str, Path or sequence
        What a user passes.
    stacklevel : int
        As of ``errors.warn``.

    Returns
    -------
    Symbols
        In the order of the argument; invalid ones are in ``bad``.

    Raises
    ------
    PricesError
        If no series is valid.
    """
    if isinstance(prices, str | Path | list | tuple):
        read: Symbols = _views.draw("symbols", prices)
        warn_of_prices(read.prices.values(), stacklevel=stacklevel + 1)
        return read
    frames = cast(Mapping[str, AnyPrices], prices)
    symbols = from_frames(frames)
    new = (each for name, each in symbols.prices.items() if not isinstance(frames[name], Prices))
    warn_of_prices(new, stacklevel=stacklevel + 1)
    return symbols
