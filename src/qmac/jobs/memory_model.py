"""The memory that a run needs, estimated before it is allocated.

Estimates are from above: a refusal costs less than a kill.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from qmac._forks import ThreadLock
from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import ABOVE, find_all_crosses
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import WHOLE_BYTES
from qmac.errors import OptionError
from qmac.kernels.sweep.sweep import sweep_cells
from qmac.runtime.resources.admission import MemoryRefusal
from qmac.strategy.grid import Grid
from qmac.strategy.pair_set import PairSet

LOADING_BYTES = 80 * 2**20
"""Kernels read from disk, and what their first call brings along. Measured: 72 MiB."""
COMPILING_BYTES = 300 * 2**20
"""Kernels that are compiled. Measured: 230 to 302 MiB, the most of it for drawdowns with stops."""
SPARE_BYTES = 32 * 2**20
"""What a process takes until its first series is swept, and is in no estimate: threads, modules,
the result as Parquet."""
SMALL_BYTES = 8 * 2**20
"""Prices of 43,000 bars while they are read."""
SAMPLED_PAIRS = 512
SAMPLED_BYTES = 16 * 2**20
"""Averages that are held at once to count the crosses of the sample."""
CROSS_BYTES, PAIR_BYTES = 24, 60
"""While equal lists are found, beyond the crosses themselves: places of 8 bytes, three times; and
pairs in order. Measured at 252 to 1,000 windows and up to 40,000 bars: 0.5 to 0.85 of this."""
PRICE_BYTES = 4 * 6 * 8
"""A bar while its prices are read: five columns and a date, as Parquet, as Arrow and twice in
pandas."""
ROW_BYTES = 1200
"""A top row, from its replay to the printed result: its metrics, in parts and joined, as Parquet
and read again. Measured at 200,000 rows: 830, and a copy where they are ranked by their plateau."""
REPLAY_BYTES = 12 * 8
"""A bar while rows are replayed: a dozen arrays."""
MAP_BYTES = 6 * 24
"""Two windows in a tally: a best, a sum and a count in each of the six maps."""


def dataset_bytes(series: PreparedSeries, grid: Grid) -> int:
    """Return the bytes that ``Dataset.build`` needs at its peak, the averages included.

    Crosses are counted in a sample of the pairs.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Windows of entries and exits.

    Returns
    -------
    int
        An estimate from above.

    Examples
    --------
    >>> import qmac
    >>> grid = Grid(windows=range(2, 253))
    >>> series = PreparedSeries.build(qmac.sample_prices(), grid.windows, qmac.Rules())
    >>> 40 < dataset_bytes(series, grid) / 2**20 < 80
    True
    """
    crosses = sum(_estimate_crosses(series, side) for side in (grid.buys, grid.sells))
    return _dataset_bytes(series, grid, crosses)


def most_dataset_bytes(series: PreparedSeries, grid: Grid) -> int:
    """Return what ``dataset_bytes`` is at most; takes no time.

    No pair crosses above on two bars in a row.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Windows of entries and exits.

    Returns
    -------
    int
        Bytes.

    Examples
    --------
    >>> import qmac
    >>> grid = Grid(windows=range(2, 253))
    >>> series = PreparedSeries.build(qmac.sample_prices(), grid.windows, qmac.Rules())
    >>> most_dataset_bytes(series, grid) // 2**20
    4229
    """
    pairs = grid.buys.size + grid.sells.size
    return _dataset_bytes(series, grid, pairs * (series.period.close.size // 2 + 1))


def _dataset_bytes(series: PreparedSeries, grid: Grid, crosses: int) -> int:
    """Return the bytes of averages, crosses and pairs; of averages, a part is copied."""
    bars = len(series.prices)
    traded_bars = series.period.close.size
    copied_bars = 0 if traded_bars == bars else traded_bars
    averages_bytes = 8 * len(grid.windows) * (bars + copied_bars)
    code_bytes = np.dtype(code_dtype(traded_bars)).itemsize
    crosses_bytes = crosses * (CROSS_BYTES + 2 * code_bytes)
    pairs_bytes = PAIR_BYTES * (grid.buys.size + grid.sells.size)
    return averages_bytes + crosses_bytes + pairs_bytes


def resample_bytes(series: PreparedSeries, grid: Grid, spec: SweepSpec) -> int:
    """Return the bytes that one thread needs to sweep a resample for its best score.

    Parameters
    ----------
    series : PreparedSeries
        The real market; a resample has about as many crosses.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.

    Returns
    -------
    int
        An estimate from above: dataset, tables and states of one lane block.
    """
    bars = series.period.close.size
    columns = 1 + len(spec.statistics)
    table_bytes = 8 * columns * spec.lanes * bars
    is_tiled = table_bytes > WHOLE_BYTES and "worst" not in spec.statistics
    rows_bytes = 8 * columns * spec.lanes * (grid.buys.size if is_tiled else bars)
    tables_bytes = WHOLE_BYTES if is_tiled else table_bytes
    return dataset_bytes(series, grid) + tables_bytes + rows_bytes


def series_bytes(series: PreparedSeries, grid: Grid, spec: SweepSpec) -> int:
    """Return the bytes that one thread needs to sweep a series alone.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.

    Returns
    -------
    int
        An estimate from above: prices, dataset, tables, tallies and top rows.
    """
    bars, windows = len(series.prices), len(grid.windows)
    later = max(tallies_bytes(grid), finishing_bytes(bars, windows, spec.top))
    return reading_bytes(bars) + resample_bytes(series, grid, spec) + later


def loading_bytes() -> int:
    """Return the bytes that the kernels take once they are loaded; 0 if they are.

    Returns
    -------
    int
        Bytes.
    """
    return 0 if is_loaded() else LOADING_BYTES


def is_loaded() -> bool:
    """Return whether the kernels are in memory; once they are, they stay.

    Returns
    -------
    bool
        True too where they are not compiled at all.
    """
    return bool(getattr(sweep_cells, "overloads", True))


def is_small(needed: int) -> bool:
    """Return whether prices are read before it is known what their sweep needs.

    Parameters
    ----------
    needed : int
        What ``reading_bytes`` returned.

    Returns
    -------
    bool
        Then the sweep is refused with all that it needs.
    """
    return needed <= SMALL_BYTES


def reading_bytes(bars: int) -> int:
    """Return the bytes that reading prices from a run directory takes.

    Parameters
    ----------
    bars : int
        Bars of the series.

    Returns
    -------
    int
        Bytes.
    """
    return PRICE_BYTES * bars


def tallies_bytes(grid: Grid) -> int:
    """Return the bytes at least of a run's tally and that of one thread: those of their maps.

    Parameters
    ----------
    grid : Grid
        Window sets.

    Returns
    -------
    int
        Bytes.
    """
    return 2 * MAP_BYTES * len(grid.windows) ** 2


def finishing_bytes(bars: int, windows: int, top: int) -> int:
    """Return the bytes that the top rows take once all is swept.

    Parameters
    ----------
    bars, windows, top : int
        Bars of the series, windows of the grid, rows.

    Returns
    -------
    int
        Their averages, computed again, their replay and themselves.

    Examples
    --------
    >>> finishing_bytes(bars=5031, windows=59, top=200_000) >> 20
    231
    """
    averages = 8 * bars * min(4 * top, windows)
    return averages + REPLAY_BYTES * bars + ROW_BYTES * top


def _estimate_crosses(series: PreparedSeries, side: PairSet) -> int:
    """Return the crosses of all pairs of a side, from an even sample of them."""
    count = min(SAMPLED_PAIRS, side.size)
    # middles of equal parts: the first pair crosses most of all
    sample = (2 * np.arange(count) + 1) * side.size // (2 * count)
    pairs = np.searchsorted(series.windows, side.pairs(sample))
    pair_bytes = 16 * len(series.prices)
    at_once = max(1, SAMPLED_BYTES // pair_bytes)
    parts = [pairs[begin : begin + at_once] for begin in range(0, count, at_once)]
    crosses = sum(_count_crosses(series, part) for part in parts)
    return crosses * side.size // count


def _count_crosses(series: PreparedSeries, pairs: np.ndarray) -> int:
    """Return how often the fast averages of some pairs cross above the slow ones.

    ``pairs`` are places in ``series.windows``, ``(N, 2)``; each average is computed once.
    """
    used, places = np.unique(pairs, return_inverse=True)
    windows = tuple(series.windows[place] for place in used)
    averages = series.compute_averages(windows)
    fast, slow = places.reshape(-1, 2).T
    (above,) = find_all_crosses(averages, (fast, slow), series.period, directions=(ABOVE,))
    return int(above.starts[-1])


@contextmanager
def admitted(
    check: Callable[[int], object],
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
) -> Iterator[None]:
    """Refuse a sweep before memory is allocated, and while kernels are compiled in it.

    What must fit: the dataset, tallies, the replay of the top rows, and kernels to be compiled.

    Parameters
    ----------
    check : callable
        Takes bytes that are about to be allocated, and raises OptionError where they do not fit.
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.

    Yields
    ------
    None
        While the sweep runs.

    Raises
    ------
    OptionError
        If it does not fit into a memory limit.
    """
    loading = loading_bytes()

    def check_before_compiling() -> None:
        # without what comes later: to estimate it needs the very kernel that is not compiled yet,
        # and a thread that holds its lock waited for itself
        check(COMPILING_BYTES)

    with before_compiling(check_before_compiling):
        rows = finishing_bytes(len(series.prices), len(grid.windows), spec.top)
        later = max(tallies_bytes(grid), rows)
        with foreseeing(lambda: loading + series_bytes(series, grid, spec)):
            check(loading)
            try:
                check(loading + max(later, most_dataset_bytes(series, grid)))
            except OptionError:  # the sample takes 3 ms
                check(loading + max(later, dataset_bytes(series, grid)))
        yield


@contextmanager
def foreseeing(estimate: Callable[[], int]) -> Iterator[None]:
    """Make the advice of a refusal enough for what comes later.

    Parameters
    ----------
    estimate : callable
        Returns the bytes in all, beside what is in use; called at a refusal only.

    Yields
    ------
    None
        While memory may be refused.

    Raises
    ------
    MemoryRefusal
        The refusal, with that advice.
    """
    try:
        yield
    except MemoryRefusal as refusal:
        raise refusal.foresee(estimate() + SPARE_BYTES) from None


watching = ThreadLock()
"""Held while the compiler is watched."""


@contextmanager
def before_compiling(check: Callable[[], object]) -> Iterator[None]:
    """Call a function when a kernel is about to be compiled for the first time.

    Within another such context nothing is added: its function is called.

    Parameters
    ----------
    check : callable
        What it raises goes through the compiler to its caller.

    Yields
    ------
    None
        While kernels may be compiled.
    """
    lock = watching.lock
    if not lock.acquire(blocking=False):
        yield
        return
    compiler = logging.getLogger("qmac.compiler")
    level, is_shown = compiler.level, compiler.isEnabledFor(logging.INFO)
    has_checked = False

    def check_once(_: logging.LogRecord) -> bool:
        nonlocal has_checked
        if not has_checked:
            has_checked = True
            check()
        return is_shown

    compiler.setLevel(logging.INFO)
    compiler.addFilter(check_once)
    try:
        yield
    finally:
        compiler.removeFilter(check_once)
        compiler.setLevel(level)
        lock.release()
