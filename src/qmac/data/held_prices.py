"""Prices of many files, of which few are held: the others are read again when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple, Protocol

from qmac._forks import ThreadLock
from qmac.data.origin import Origin
from qmac.data.prices import Prices
from qmac.errors import PricesError

HELD_BYTES = 2**28
"""Prices up to which all are held; 500 symbols of minute bars are gigabytes."""

reading = ThreadLock()
"""Files are read by one thread at a time: pandas is silenced for all threads meanwhile, and text
takes ten times the memory of its prices."""


class Warned(Protocol):
    """Something that is known of prices, whether they are held or not."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the prices."""


class _LetGo(NamedTuple):
    """What is known of prices that are not held."""

    read: Callable[[], Prices]
    origin: Origin
    bars: int
    checksum: str
    warnings: tuple[str, ...]


class HeldPrices(Mapping[str, Prices]):
    """Prices by symbol, in the order in which they were added.

    Examples
    --------
    >>> import qmac
    >>> held = HeldPrices()
    >>> held.add("all", qmac.sample_prices())
    >>> list(held), held.is_whole
    (['all'], True)
    """

    def __init__(self) -> None:
        self._entries: dict[str, Prices | _LetGo] = {}
        self._bytes = 0

    def add(self, symbol: str, prices: Prices, read: Callable[[], Prices] | None = None) -> None:
        """Add prices, which are let go where many are held already.

        Parameters
        ----------
        symbol : str
            A new one.
        prices : Prices
            Of its name.
        read : callable, optional
            Reads them again, under any name; without it they are held.
        """
        needed = prices.nbytes  # pandas takes 1 ms for the same number
        if read is None or self._bytes + needed <= HELD_BYTES:
            self._entries[symbol] = prices
            self._bytes += needed
        else:
            self._entries[symbol] = _LetGo(
                read, prices.origin, len(prices), prices.checksum, prices.warnings
            )

    @property
    def is_whole(self) -> bool:
        """Whether all are held."""
        return all(isinstance(entry, Prices) for entry in self._entries.values())

    def is_held(self, symbol: str) -> bool:
        """Return whether the prices of a symbol are held.

        Parameters
        ----------
        symbol : str
            One that was added.

        Returns
        -------
        bool
            False where they are read again.
        """
        return isinstance(self._entries[symbol], Prices)

    def count_bars(self, symbol: str) -> int:
        """Return the bars of a symbol; nothing is read for it.

        Parameters
        ----------
        symbol : str
            One that was added.

        Returns
        -------
        int
            Number of bars.
        """
        entry = self._entries[symbol]
        return entry.bars if isinstance(entry, _LetGo) else len(entry)

    def list_warned(self) -> list[Warned]:
        """Return what has the warnings of each symbol; nothing is read for it.

        Returns
        -------
        list of Warned
            In order.
        """
        return list(self._entries.values())

    def without(self, symbols: Collection[str]) -> HeldPrices:
        """Return the prices of other symbols; nothing is read for it.

        Parameters
        ----------
        symbols : collection of str
            What is left out.

        Returns
        -------
        HeldPrices
            The others, in the same order.
        """
        others = HeldPrices()
        others._bytes = self._bytes
        others._entries = {
            symbol: entry for symbol, entry in self._entries.items() if symbol not in symbols
        }
        return others

    def __getitem__(self, symbol: str) -> Prices:
        entry = self._entries[symbol]
        if isinstance(entry, Prices):
            return entry
        with reading.lock:
            prices = entry.read()
        if prices.checksum != entry.checksum:
            raise PricesError(
                f"the file of {symbol} has changed since it was first read. Start the run again "
                "once no program writes it."
            )
        return Prices(prices.frame, symbol, entry.origin)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._entries  # nothing is read for it

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def list_warned(prices: Mapping[str, Prices]) -> list[Warned]:
    """Return what has the warnings of prices; those that are not held are not read for it.

    Parameters
    ----------
    prices : mapping of str to Prices
        Held or not.

    Returns
    -------
    list of Warned
        In order.
    """
    return prices.list_warned() if isinstance(prices, HeldPrices) else list(prices.values())


def is_held(prices: Mapping[str, Prices], symbol: str) -> bool:
    """Return whether the prices of a symbol lie in memory.

    Parameters
    ----------
    prices : mapping of str to Prices
        Held or not.
    symbol : str
        One of them.

    Returns
    -------
    bool
        False where they are read each time.
    """
    return not isinstance(prices, HeldPrices) or prices.is_held(symbol)
