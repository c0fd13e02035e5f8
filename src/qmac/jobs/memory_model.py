"""What a run needs of memory, said before it is taken. Estimates from above: a refusal costs less than a kill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import ABOVE, find_all_crosses
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import OptionError
from qmac.kernels.sweep.sweep import sweep_cells
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Reading
from qmac.strategy.grid import Grid
from qmac.strategy.pair_set import PairSet

LOADING = 80 * 2**20
"""Kernels read from disk, and what their first call brings along. Measured: 72 MiB."""
COMPILING = 300 * 2**20
"""Kernels that are compiled. Measured: 230 to 302 MiB, the most of it for drawdowns with stops."""
SAMPLED_PAIRS = 512
SAMPLED_BYTES = 16 * 2**20
"""Averages that are held at once to count the crosses of the sample."""
CROSS_BYTES, PAIR_BYTES = 24, 60
"""While lists are told apart, beyond the crosses themselves: places of 8 bytes, three times; and pairs in order.
Measured at 252 to 1,000 windows and up to 40,000 bars: 0.5 to 0.85 of what this makes."""
ROW_BYTES = 1200
"""Of a kept row, from its replay to the printed result: its metrics, in parts and joined, as Parquet and read again.
Measured at 200,000 rows: 830, and a copy where they are ranked by their plateau."""
REPLAY_BYTES = 12 * 8
"""Of a bar while rows are replayed: a dozen arrays."""
MAP_BYTES = 6 * 24
"""Of two windows in a tally: a best, a sum and a count in each of the six maps."""


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
    bars, traded_bars = len(series.prices), series.period.close.size
    # a part of the averages is copied
    copied_bars = 0 if traded_bars == bars else traded_bars
    averages = 8 * len(grid.windows) * (bars + copied_bars)
    code = np.dtype(code_dtype(traded_bars)).itemsize
    pairs = PAIR_BYTES * (grid.buys.size + grid.sells.size)
    return averages + crosses * (CROSS_BYTES + 2 * code) + pairs


def loading_bytes() -> int:
    """Bytes that the kernels take once they are loaded; 0 if they are."""
    return 0 if getattr(sweep_cells, "signatures", True) else LOADING


def tallies_bytes(grid: Grid) -> int:
    """Bytes at least of a run's tally and that of one thread: what their maps take."""
    return 2 * MAP_BYTES * len(grid.windows) ** 2


def finishing_bytes(bars: int, windows: int, top: int) -> int:
    """Bytes that the kept rows take once all is swept: their averages, made again, their replay, themselves.

    Examples
    --------
    >>> finishing_bytes(bars=5031, windows=59, top=200_000) >> 20
    231
    """
    return 8 * bars * min(4 * top, windows) + REPLAY_BYTES * bars + ROW_BYTES * top


def _estimate_crosses(series: PreparedSeries, side: PairSet) -> int:
    """Return the crosses of all pairs of a side, from an even sample of them."""
    count = min(SAMPLED_PAIRS, side.size)
    # middles of equal parts: the first pair crosses most of all
    sample = ((2 * np.arange(count) + 1) * side.size) // (2 * count)
    pairs = np.column_stack([places[sample] for places in side.positions(series.windows)])
    at_once = max(1, SAMPLED_BYTES // (16 * len(series.prices)))
    crosses = 0
    for begin in range(0, count, at_once):
        rows, places = np.unique(pairs[begin : begin + at_once], return_inverse=True)
        averages = series.compute_averages(tuple(series.windows[row] for row in rows))
        fast, slow = places.reshape(-1, 2).T
        (above,) = find_all_crosses(averages, (fast, slow), series.period, directions=(ABOVE,))
        crosses += int(above.starts[-1])
    return crosses * side.size // count


@contextmanager
def admitted(
    limits: Limits, look: Callable[[], Reading], series: PreparedSeries, grid: Grid,
    spec: SweepSpec,
) -> Iterator[None]:  # fmt: skip
    """Refuse before memory is used: the series made ready, the least that is swept with, the rows that are kept, kernels to
    be compiled.

    Raises
    ------
    OptionError : it does not fit into a memory limit, as ``look`` reads it.
    """

    def ask(needed: int, reading: Reading | None = None) -> None:
        admit(limits, reading or look(), needed, 0, 1)

    with before_compiling(lambda: ask(COMPILING)):
        ask(loading_bytes(), reading := look())
        needed = max(
            tallies_bytes(grid), finishing_bytes(len(series.prices), len(grid.windows), spec.top)
        )
        try:
            ask(
                loading_bytes() + max(needed, most_dataset_bytes(series, grid)),
                reading,
            )
        except OptionError:  # the sample takes 3 ms
            ask(loading_bytes() + max(needed, dataset_bytes(series, grid)))
        yield


@contextmanager
def before_compiling(ask: Callable[[], object]) -> Iterator[None]:
    """Call ``ask`` when a kernel is about to be compiled for the first time; what it raises goes through."""
    compiler, asked = logging.getLogger("qmac.compiler"), False
    level, shown = compiler.level, compiler.isEnabledFor(logging.INFO)

    def at_note(_: logging.LogRecord) -> bool:
        nonlocal asked
        if not asked:
            asked = True
            ask()
        return shown

    compiler.setLevel(logging.INFO)
    compiler.addFilter(at_note)
    try:
        yield
    finally:
        compiler.removeFilter(at_note)
        compiler.setLevel(level)
