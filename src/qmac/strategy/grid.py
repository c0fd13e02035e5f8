"""The grid of window sets: arithmetic between an index and its combination, never a list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Any

import numpy as np

from qmac._checks import check_flag, describe, read_integer
from qmac.errors import GridError, OptionError
from qmac.strategy.defaults import DEFAULT_WINDOWS
from qmac.strategy.pair_set import PairSet
from qmac.strategy.windows import (
    check_window,
    check_windows,
    format_windows,
    has_window,
    list_windows,
)

Combination = tuple[int, int, int, int]
ROLES = ("buy_fast", "buy_slow", "sell_fast", "sell_slow")


class Grid:
    """Every combination of four windows: buy fast < buy slow, sell fast < sell slow.

    Combinations are ordered by buy pair, then sell pair, each by (fast, slow); ``index`` and
    ``combination`` translate in O(log W) steps and hold nothing larger than the window lists.

    Parameters
    ----------
    windows : iterable of int or str, optional
        Window lengths in bars, such as ``range(2, 253)`` or ``"2:252"``, for each of the four
        averages without windows of its own.
    buy_fast, buy_slow, sell_fast, sell_slow : iterable of int or str, optional
        Window lengths of one average.
    shared_windows : bool
        Whether a buy and a sell average may have the same window.

    Attributes
    ----------
    size : int
        Number of combinations.
    roles : dict of str to tuple of int
        Windows of each average, ascending.
    windows : tuple of int
        Windows of all averages, ascending, each once.
    buys, sells : PairSet
        Pairs of the buy and of the sell averages.

    Raises
    ------
    GridError
        If windows are not positive whole numbers, or there is no combination.

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
        windows: Iterable[int] | str | None = None,
        *,
        buy_fast: Iterable[int] | str | None = None,
        buy_slow: Iterable[int] | str | None = None,
        sell_fast: Iterable[int] | str | None = None,
        sell_slow: Iterable[int] | str | None = None,
        shared_windows: bool = False,
    ) -> None:
        by_role = dict(zip(ROLES, (buy_fast, buy_slow, sell_fast, sell_slow), strict=True))
        self._roles = _check_roles(windows, by_role)
        self.shared_windows = check_flag("shared_windows", shared_windows, GridError)
        self.windows = tuple(sorted(set().union(*self._roles.values())))
        self.buys = PairSet(self._roles["buy_fast"], self._roles["buy_slow"])
        self.sells = PairSet(self._roles["sell_fast"], self._roles["sell_slow"])
        self._check_pairs()
        self._prepare_sums()
        self.size: int = self._row_sums[-1]
        if self.size == 0:
            raise GridError(
                f"windows {format_windows(self.windows)} allow no combination: four different "
                "windows are needed. Add windows, or allow shared_windows."
            )

    def __setattr__(self, name: str, value: object) -> None:
        if "size" in vars(self):  # it is set last
            raise AttributeError(f"a grid cannot be changed: {name}. Make another one.")
        super().__setattr__(name, value)

    @property
    def roles(self) -> dict[str, tuple[int, ...]]:
        """Windows of each average, ascending."""
        return dict(self._roles)

    def _check_pairs(self) -> None:
        is_short = len(self.windows) < 2
        reason = "Fewer than two windows" if is_short else "No fast window is below a slow one"
        for side, pairs in (("buy", self.buys), ("sell", self.sells)):
            if pairs.size == 0:
                fast, slow = format_windows(pairs.fast), format_windows(pairs.slow)
                raise GridError(
                    f"{reason}: {side}_fast is {fast} and {side}_slow is {slow}. "
                    "Use four different windows, fast below slow."
                )

    def _prepare_sums(self) -> None:
        """Sum over buy pairs the sell pairs that go with them, one sum for each fast window.

        The other two are sums over slow windows: of the sell pairs that share one, and of those
        windows that are slow ones of a sell pair too.
        """
        slow = self.buys.slow
        with_slow = map(self.sells.count_with, slow)
        are_sell_slow = (has_window(self.sells.slow, window) for window in slow)
        self._shared_sums = list(accumulate(with_slow, initial=0))
        self._sell_slow_sums = list(accumulate(are_sell_slow, initial=0))
        rows = (self._count_in_row(fast, len(slow)) for fast in self.buys.fast)
        self._row_sums = list(accumulate(rows, initial=0))

    def _count_in_row(self, fast: int, stop: int) -> int:
        """Return the combinations with a buy pair (fast, s), s among ``buys.slow[:stop]``."""
        start = bisect_right(self.buys.slow, fast)
        pairs = stop - start
        if self.shared_windows:
            return pairs * self.sells.size
        unshared = self.sells.size - self.sells.count_with(fast)
        count = pairs * unshared
        count -= self._shared_sums[stop] - self._shared_sums[start]
        if has_window(self.sells.fast, fast):  # pairs of both windows were subtracted twice
            count += self._sell_slow_sums[stop] - self._sell_slow_sums[start]
        return count

    def index(self, combination: Iterable[int]) -> int:
        """Return the index of a combination.

        Parameters
        ----------
        combination : iterable of int
            buy_fast, buy_slow, sell_fast, sell_slow.

        Returns
        -------
        int
            In [0, size).

        Raises
        ------
        GridError
            If it is not in the grid.
        """
        checked = check_combination(combination)
        buy, sell = checked[:2], checked[2:]
        if buy not in self.buys or sell not in self.sells:
            raise GridError(f"combination {checked} is not in {self!r}.")
        if not self.shared_windows and set(buy) & set(sell):
            raise GridError(
                f"combination {checked} shares a window. Allow it with shared_windows=True."
            )
        buy_fast, buy_slow = buy
        before = self._row_sums[bisect_left(self.buys.fast, buy_fast)]
        before += self._count_in_row(buy_fast, bisect_left(self.buys.slow, buy_slow))
        if self.shared_windows:
            return before + self.sells.rank(*sell)
        return before + self.sells.count_without_before(buy, *sell)

    def combination(self, index: int) -> Combination:
        """Return the combination at an index.

        Parameters
        ----------
        index : int
            In [0, size).

        Returns
        -------
        tuple of int
            buy_fast, buy_slow, sell_fast, sell_slow.

        Raises
        ------
        GridError
            If it is not a whole number, or outside the grid.
        """
        number = read_integer(index)
        if number is None:
            raise GridError(f"index must be a whole number, got {describe(index)}.")
        if not 0 <= number < self.size:
            raise GridError(f"index {describe(number)} is outside 0 ... {self.size - 1}.")
        index = number
        row = bisect_right(self._row_sums, index) - 1
        buy, rest = self._find_buy(self.buys.fast[row], index - self._row_sums[row])
        if self.shared_windows:
            return (*buy, *self.sells.pair(rest))
        return (*buy, *self._find_sell(buy, rest))

    def _find_buy(self, fast: int, rest: int) -> tuple[tuple[int, int], int]:
        """Return the buy pair at combination ``rest`` of a row, and how many it has before it."""

        def count_before(place: int) -> int:
            return self._count_in_row(fast, place)

        places = range(len(self.buys.slow))
        first = bisect_right(self.buys.slow, fast)  # counts ascend from the row's first pair on
        place = bisect_right(places, rest, first, key=count_before) - 1
        return (fast, self.buys.slow[place]), rest - count_before(place)

    def _find_sell(self, buy: tuple[int, int], rest: int) -> tuple[int, int]:
        """Return the sell pair ``rest`` of those that share no window with a buy pair."""
        sells = self.sells

        def count_before_row(fast: int) -> int:
            return sells.count_without_before(buy, fast, fast)

        fast = sells.fast[bisect_right(sells.fast, rest, key=count_before_row) - 1]

        def count_before(slow: int) -> int:
            return sells.count_without_before(buy, fast, max(slow, fast))

        return fast, sells.slow[bisect_right(sells.slow, rest, key=count_before) - 1]

    def pair_index(self, combination: Iterable[int]) -> int:
        """Return the index of a combination among all pairs of a buy pair and a sell pair.

        The sweep counts so. Where windows are not shared, it leaves out some, and ``index`` does
        not count them.

        Parameters
        ----------
        combination : iterable of int
            buy_fast, buy_slow, sell_fast, sell_slow, whose pairs are in the grid.

        Returns
        -------
        int
            Rank of the buy pair times the number of sell pairs, plus rank of the sell pair.

        Raises
        ------
        GridError
            If a pair is not in the grid.
        """
        checked = check_combination(combination)
        buy, sell = checked[:2], checked[2:]
        if buy not in self.buys or sell not in self.sells:
            raise GridError(f"combination {checked} is not in {self!r}.")
        return self.buys.rank(*buy) * self.sells.size + self.sells.rank(*sell)

    def combinations_at(self, pair_indices: np.ndarray) -> np.ndarray:
        """Return the combinations at many pair indices; the inverse of ``pair_index``.

        Parameters
        ----------
        pair_indices : ndarray
            ``(K,)`` int64.

        Returns
        -------
        ndarray
            buy_fast, buy_slow, sell_fast, sell_slow, ``(K, 4)``.

        Raises
        ------
        GridError
            If they are no such array, or one is outside the grid.
        """
        is_array = isinstance(pair_indices, np.ndarray) and pair_indices.ndim == 1
        if not is_array or pair_indices.dtype.kind not in "iu":
            raise GridError(
                f"pair_indices must be an array of whole numbers, got {describe(pair_indices)}."
            )
        pairs = self.buys.size * self.sells.size
        if pair_indices.size and not 0 <= pair_indices.min() <= pair_indices.max() < pairs:
            raise GridError(f"pair_indices must be in [0, {pairs}), got {describe(pair_indices)}.")
        buys, sells = np.divmod(pair_indices, self.sells.size)
        return np.column_stack((self.buys.pairs(buys), self.sells.pairs(sells)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``Grid(**grid.to_dict()) == grid``.

        Returns
        -------
        dict
            Windows of each average, and ``shared_windows``.
        """
        roles = {role: list(windows) for role, windows in self.roles.items()}
        return {**roles, "shared_windows": self.shared_windows}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((tuple(self.roles.values()), self.shared_windows))

    def __repr__(self) -> str:
        lists = self.roles
        if len(set(lists.values())) == 1:
            lists = {"windows": self.windows}
        arguments = [f"{name}={format_windows(windows)}" for name, windows in lists.items()]
        if self.shared_windows:
            arguments.append("shared_windows=True")
        return f"Grid({', '.join(arguments)})"


def check_combination(combination: Iterable[int]) -> Combination:
    """Return a combination as four ints.

    Parameters
    ----------
    combination : iterable of int
        buy_fast, buy_slow, sell_fast, sell_slow.

    Returns
    -------
    tuple of int
        The same windows.

    Raises
    ------
    GridError
        If they are not four positive whole numbers, or a fast one is not below its slow one.
    """
    # a set has no order
    windows = None if isinstance(combination, AbstractSet) else list_windows(combination)
    if windows is None:
        raise GridError(
            f"a combination must be four windows ({', '.join(ROLES)}), got {describe(combination)}."
        )
    if len(windows) != len(ROLES):
        raise GridError(
            f"a combination must be four windows ({', '.join(ROLES)}), "
            f"got {len(windows)}: {describe(tuple(windows))}."
        )
    a, b, c, d = [check_window("combination", window) for window in windows]
    if a >= b or c >= d:
        raise GridError(f"combination {(a, b, c, d)}: a fast window must be below its slow one.")
    return a, b, c, d


def _check_roles(
    windows: Iterable[int] | str | None, by_role: dict[str, Iterable[int] | str | None]
) -> dict[str, tuple[int, ...]]:
    """Return the checked windows of each average, the common ones where it has none itself."""
    common = None if windows is None else check_windows("windows", windows)
    roles: dict[str, tuple[int, ...]] = {}
    for role, of_role in by_role.items():
        if of_role is not None:
            roles[role] = check_windows(role, of_role)
        elif common is not None:
            roles[role] = common
        else:
            raise GridError(
                f"{role} has no windows. Use windows=range(2, 253), or give {role}, too."
            )
    return roles


def choose_grid(grid: Grid | None, windows: Iterable[int] | str | None = None) -> Grid:
    """Return the grid of the arguments ``grid`` and ``windows`` of a public function.

    Parameters
    ----------
    grid : Grid or None
        Windows of the four averages.
    windows : iterable of int, str or None
        In place of it, windows of all four averages.

    Returns
    -------
    Grid
        That of ``DEFAULT_WINDOWS`` where there is neither.

    Raises
    ------
    OptionError
        If there are both, or the grid is none.
    GridError
        If the windows have no combination.

    Examples
    --------
    >>> choose_grid(None, "2:9").size, choose_grid(None).size
    (420, 968734500)
    """
    if grid is None:
        return Grid(DEFAULT_WINDOWS if windows is None else windows)
    if windows is not None:
        raise OptionError(
            f"grid and windows exclude each other, got windows={describe(windows)} beside a grid. "
            "Use one of them."
        )
    if not isinstance(grid, Grid):
        raise OptionError(
            "grid must be a qmac.Grid, such as Grid(windows=range(2, 253)), got a "
            f'{type(grid).__name__}. Or use windows, such as windows="2:252".'
        )
    return grid
