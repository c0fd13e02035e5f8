"""The grid of window sets: arithmetic between an index and its combination, never a list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np

from qmac.errors import GridError

Combination = tuple[int, int, int, int]
ROLES = ("buy_fast", "buy_slow", "sell_fast", "sell_slow")


class PairSet:
    """All pairs (fast, slow) with ``fast < slow`` of two window lists, in lexicographic order."""

    def __init__(self, fast: tuple[int, ...], slow: tuple[int, ...]) -> None:
        self.fast, self.slow = fast, slow
        self.row_starts = [0, *accumulate(self._row_size(f) for f in fast)]
        self.size = self.row_starts[-1]

    def _row_size(self, fast: int) -> int:
        return len(self.slow) - bisect_right(self.slow, fast)

    def rank(self, fast: int, slow: int) -> int:
        """Number of pairs before (fast, slow)."""
        row = bisect_left(self.fast, fast)
        return self.row_starts[row] + max(
            0, bisect_left(self.slow, slow) - bisect_right(self.slow, fast)
        )

    def pair(self, rank: int) -> tuple[int, int]:
        row = bisect_right(self.row_starts, rank) - 1
        fast = self.fast[row]
        return fast, self.slow[bisect_right(self.slow, fast) + rank - self.row_starts[row]]

    def pairs(self, ranks: np.ndarray) -> np.ndarray:
        """The same for many ranks, ``(K,)`` gives ``(K, 2)``; copies the windows."""
        row_starts, slow = np.array(self.row_starts), np.array(self.slow)
        rows = np.searchsorted(row_starts, ranks, side="right") - 1
        fast = np.array(self.fast)[rows]
        return np.column_stack(
            (fast, slow[np.searchsorted(slow, fast, side="right") + ranks - row_starts[rows]])
        )

    def __contains__(self, pair: tuple[int, int]) -> bool:
        fast, slow = pair
        return fast < slow and _has(self.fast, fast) and _has(self.slow, slow)

    def holding(self, window: int) -> int:
        """Number of pairs that hold ``window``."""
        as_fast = self._row_size(window) if _has(self.fast, window) else 0
        as_slow = bisect_left(self.fast, window) if _has(self.slow, window) else 0
        return as_fast + as_slow

    def holding_before(self, window: int, fast: int, slow: int) -> int:
        """Number of pairs before (fast, slow) that hold ``window``."""
        count = 0
        if _has(self.fast, window):
            if window < fast:
                count += self._row_size(window)
            elif window == fast:
                count += max(0, bisect_left(self.slow, slow) - bisect_right(self.slow, fast))
        if _has(self.slow, window):
            count += bisect_left(self.fast, min(fast, window))
            count += _has(self.fast, fast) and fast < window < slow
        return count

    def avoiding_before(self, avoided: tuple[int, int], fast: int, slow: int) -> int:
        """Number of pairs before (fast, slow) that hold neither of the ``avoided`` windows."""
        count = self.rank(fast, slow)
        count -= sum(self.holding_before(window, fast, slow) for window in avoided)
        return count + (avoided in self and avoided < (fast, slow))

    def positions(self, windows: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Fast and slow of every pair ``(P,)`` int32, as positions in ``windows``."""
        fast, slow = (
            np.searchsorted(windows, side).astype(np.int32) for side in (self.fast, self.slow)
        )
        sizes = np.diff(self.row_starts)
        row_ends = np.array(self.row_starts[1:])
        return np.repeat(fast, sizes), slow[
            np.arange(self.size) - np.repeat(row_ends - slow.size, sizes)
        ]


class Grid:
    """Every combination of four windows: buy fast < buy slow, sell fast < sell slow.

    Combinations are ordered by buy pair, then sell pair, each by (fast, slow); ``index`` and
    ``combination`` translate in O(log W) steps and hold nothing larger than the window lists.

    Parameters
    ----------
    windows : window lengths in bars, used for each of the four that is not given by itself.
    buy_fast, buy_slow, sell_fast, sell_slow : window lengths of one average.
    shared_windows : whether a buy and a sell average may have the same window.

    Raises
    ------
    GridError : windows that are not positive whole numbers, or that give no combination.

    Examples
    --------
    >>> grid = Grid(windows=range(2, 253))
    >>> grid.size
    968734500
    >>> grid.combination(968_734_499)
    (251, 252, 249, 250)
    >>> grid.index((10, 50, 20, 100))
    62095794
    """

    def __init__(
        self,
        windows: Iterable[int] | None = None,
        *,
        buy_fast: Iterable[int] | None = None,
        buy_slow: Iterable[int] | None = None,
        sell_fast: Iterable[int] | None = None,
        sell_slow: Iterable[int] | None = None,
        shared_windows: bool = False,
    ) -> None:
        common = None if windows is None else _checked("windows", windows)
        self.roles: dict[str, tuple[int, ...]] = {}
        for role, given in zip(ROLES, (buy_fast, buy_slow, sell_fast, sell_slow), strict=True):
            if given is None and common is None:
                raise GridError(
                    f"{role} has no windows. Give windows=range(2, 253), or {role}=... as well."
                )
            self.roles[role] = _checked(role, given) if given is not None else common or ()
        self.shared_windows = bool(shared_windows)
        self.windows = tuple(sorted({window for role in self.roles.values() for window in role}))
        self.buys = PairSet(self.roles["buy_fast"], self.roles["buy_slow"])
        self.sells = PairSet(self.roles["sell_fast"], self.roles["sell_slow"])
        self._check_pairs()
        self._prepare_sums()
        self.size: int = self._row_sums[-1]
        if self.size == 0:
            raise GridError(
                f"windows {shown_windows(self.windows)} give no combination: four different windows are needed. "
                "Add windows, or allow shared_windows."
            )

    def _check_pairs(self) -> None:
        for side, pairs in (("buy", self.buys), ("sell", self.sells)):
            if pairs.size == 0:
                few = (
                    "Fewer than two windows"
                    if len(self.windows) < 2
                    else "No fast window is below a slow one"
                )
                raise GridError(
                    f"{few}: {side}_fast is {shown_windows(pairs.fast)} and {side}_slow is {shown_windows(pairs.slow)}. "
                    "Four different windows are needed, fast below slow."
                )

    def _prepare_sums(self) -> None:
        """Sums over buy pairs of the sell pairs that go with them, one per fast window."""
        slow = self.buys.slow
        held = [0 if self.shared_windows else self.sells.holding(s) for s in slow]
        self._held = [0, *accumulate(held)]
        self._slow_sells = [0, *accumulate(int(_has(self.sells.slow, s)) for s in slow)]
        rows = (self._within_row(fast, len(slow)) for fast in self.buys.fast)
        self._row_sums = [0, *accumulate(rows)]

    def _within_row(self, fast: int, stop: int) -> int:
        """Combinations whose buy pair is (fast, s) with s among ``buys.slow[:stop]``."""
        start = bisect_right(self.buys.slow, fast)
        if self.shared_windows:
            return (stop - start) * self.sells.size
        count = (stop - start) * (self.sells.size - self.sells.holding(fast))
        count -= self._held[stop] - self._held[start]
        if _has(self.sells.fast, fast):  # pairs that hold both were taken off twice
            count += self._slow_sells[stop] - self._slow_sells[start]
        return count

    def index(self, combination: Iterable[int]) -> int:
        """Position of a combination, in [0, size)."""
        buy_fast, buy_slow, sell_fast, sell_slow = wanted = checked_combination(combination)
        buy, sell = (buy_fast, buy_slow), (sell_fast, sell_slow)
        if buy not in self.buys or sell not in self.sells:
            raise GridError(f"combination {wanted} is not in {self!r}.")
        if not self.shared_windows and set(buy) & set(sell):
            raise GridError(
                f"combination {wanted} shares a window. Allow it with Grid(..., shared_windows=True)."
            )
        before = self._row_sums[bisect_left(self.buys.fast, buy_fast)]
        before += self._within_row(buy_fast, bisect_left(self.buys.slow, buy_slow))
        if self.shared_windows:
            return before + self.sells.rank(*sell)
        return before + self.sells.avoiding_before(buy, *sell)

    def combination(self, index: int) -> Combination:
        """(buy_fast, buy_slow, sell_fast, sell_slow) at a position."""
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise GridError(f"index {index!r} is no whole number.")
        index = int(index)
        if not 0 <= index < self.size:
            raise GridError(f"index {index} is outside 0 ... {self.size - 1}.")
        row = bisect_right(self._row_sums, index) - 1
        buy_fast, rest = self.buys.fast[row], index - self._row_sums[row]
        first = bisect_right(
            self.buys.slow, buy_fast
        )  # below it a row has no pair, and counts do not ascend
        slow = (
            bisect_right(
                range(len(self.buys.slow)), rest, first, key=lambda j: self._within_row(buy_fast, j)
            )
            - 1
        )
        rest -= self._within_row(buy_fast, slow)
        buy = (buy_fast, self.buys.slow[slow])
        if self.shared_windows:
            return (*buy, *self.sells.pair(rest))
        fasts, slows = self.sells.fast, self.sells.slow
        i = bisect_right(fasts, rest, key=lambda f: self.sells.avoiding_before(buy, f, f)) - 1
        j = (
            bisect_right(
                slows,
                rest,
                key=lambda s: self.sells.avoiding_before(buy, fasts[i], max(s, fasts[i])),
            )
            - 1
        )
        return (*buy, fasts[i], slows[j])

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``Grid(**grid.to_dict()) == grid``."""
        return {
            **{role: list(windows) for role, windows in self.roles.items()},
            "shared_windows": self.shared_windows,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((tuple(self.roles.values()), self.shared_windows))

    def __repr__(self) -> str:
        if len(set(self.roles.values())) == 1:
            inner = f"windows={shown_windows(self.windows)}"
        else:
            inner = ", ".join(
                f"{role}={shown_windows(windows)}" for role, windows in self.roles.items()
            )
        return f"Grid({inner}{', shared_windows=True' if self.shared_windows else ''})"


def parse_windows(text: str) -> tuple[int, ...]:
    """Windows from text: ``2:252`` and ``2:252:5`` are inclusive ranges, ``5,10,20`` a list.

    >>> parse_windows("2:12:5")
    (2, 7, 12)
    """
    windows: list[int] = []
    for part in text.split(","):
        try:
            numbers = [int(number) for number in part.split(":")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3:
            raise GridError(
                f"{part!r} in {text!r} is no range of windows. Write 2:252, 2:252:5 or 5,10,20."
            )
        if len(numbers) == 1:
            windows += numbers
        else:
            first, last, step = (*numbers, 1)[:3]
            if step < 1 or first > last:
                raise GridError(
                    f"{part!r} is an empty range: write first:last or first:last:step, upward."
                )
            if (last - first) // step > 1_000_000:
                raise GridError(f"{part!r} holds more than a million windows. Name fewer.")
            windows += range(first, last + 1, step)
    return _checked("windows", windows)


def checked_combination(combination: Iterable[int]) -> Combination:
    """Four positive whole numbers, fast below slow on each side."""
    if not isinstance(combination, Iterable):
        raise GridError(
            f"combination {combination!r} is one number; give rows of four windows: {', '.join(ROLES)}."
        )
    windows = tuple(combination)
    if len(windows) != 4:
        raise GridError(
            f"{windows} has {len(windows)} windows, but a combination has four: {', '.join(ROLES)}."
        )
    a, b, c, d = (_window("combination", window) for window in windows)
    if a >= b or c >= d:
        raise GridError(f"combination {(a, b, c, d)}: a fast window must be below its slow one.")
    return a, b, c, d


def _checked(name: str, windows: Iterable[int]) -> tuple[int, ...]:
    if isinstance(windows, str):
        return parse_windows(windows)
    if isinstance(windows, int | float):
        windows = [windows]  # type: ignore[list-item]
    checked = tuple(sorted({_window(name, window) for window in windows}))
    if not checked:
        raise GridError(f"{name} is empty. Name at least one window, such as range(2, 253).")
    return checked


def _window(name: str, window: Any) -> int:
    if isinstance(window, bool) or not hasattr(window, "__index__"):
        raise GridError(f"{name} holds {window!r}, but a window is a whole number of bars.")
    if window < 1:
        raise GridError(f"{name} holds {int(window)}, but a window is at least 1 bar.")
    if window >= 2**31:
        raise GridError(f"{name} holds {int(window)}, but a window is below 2**31 bars.")
    return int(window)


def _has(windows: tuple[int, ...], window: int) -> bool:
    i = bisect_left(windows, window)
    return i < len(windows) and windows[i] == window


def shown_windows(windows: tuple[int, ...]) -> str:
    if len(windows) > 2:
        step = windows[1] - windows[0]
        if windows == tuple(range(windows[0], windows[-1] + 1, step)):
            return f"{windows[0]}:{windows[-1]}" + (f":{step}" if step > 1 else "")
        if len(windows) > 8:
            return f"{windows[0]},{windows[1]},...,{windows[-1]} ({len(windows)})"
    return ",".join(map(str, windows))
