"""The unit of work of a run: one series over the whole grid."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from qmac.storage.directories import safe_name

SEPARATOR = "@"
"""Between the parts of a key; ``safe_name`` replaces it, so no symbol holds one."""


@functools.total_ordering
@dataclass(frozen=True)
class Task:
    """One series of a run: the key of its snapshots, progress and result.

    Attributes
    ----------
    symbol : str
        Name of the prices.
    period : tuple of str, optional
        First and last date of the part that is traded; None for that of the request.
    resample : int, optional
        Number of a resampled series; None for the prices themselves.

    Examples
    --------
    >>> Task("BRK/B").key, Task("SPY", ("2001-01-02", "2005-12-30"), 3).key
    ('BRK_B~82f670123a', 'SPY@2001-01-02@2005-12-30@R3')
    >>> Task("SPY", ("2001-01-02", "2005-12-30")).name
    'SPY 2001-01-02 to 2005-12-30'
    >>> Task("SPY") < Task("SPY", resample=0) < Task("SPY", resample=1)
    True
    """

    symbol: str
    period: tuple[str, str] | None = None
    resample: int | None = None

    @property
    def key(self) -> str:
        """File name, different for every task; that of the symbol, if it is all."""
        parts = [safe_name(self.symbol)]
        if self.period is not None:
            first, last = self.period
            parts += [safe_name(first), safe_name(last)]
        if self.resample is not None:
            parts.append(f"R{self.resample}")
        return SEPARATOR.join(parts)

    @property
    def name(self) -> str:
        """Text for people and progress: the symbol alone, if it is all."""
        text = self.symbol
        if self.period is not None:
            text += f" {self.period[0]} to {self.period[1]}"
        if self.resample is not None:
            text += f" resample {self.resample}"
        return text

    def __lt__(self, other: Task) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, tuple[str, str], int]:
        """What tasks are ordered by: the whole series before its parts, itself before resamples."""
        number = -1 if self.resample is None else self.resample
        return self.symbol, self.period or ("", ""), number
