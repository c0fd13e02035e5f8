"""A worker: one thread that sweeps cells into its tally."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.period import code_dtype
from qmac.engine.sweep import reductions
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.workspace import build_workspace
from qmac.kernels.signals.crosses import cut_lists
from qmac.kernels.sweep.sweep import Data, sweep_cells
from qmac.kernels.sweep.tally import Scale, Tally, convert_to_metric
from qmac.kernels.trades.exit_tables import ReturnSums

WHOLE_BYTES, TILE_BYTES = 3 << 20, 1 << 20
"""Tables larger than the first are cut into tiles of time, of the second at most.

A cut has its price: states are carried, 10 MB of them for 30,000 lists, and lists share no
prefixes. Not cut, tables of 1.1 to 2.8 MB took 0.66 to 0.93 of the time, and two threads came to
2.00 of one instead of 1.93 (1.6 MB); tables of 3.2 MB took 1.07 (2 cores, 1 MB of L2 each)."""

Sink = Callable[[int, np.ndarray], None]
"""Takes the number of a lane block and its scores ``(N, L)``, which the next block overwrites."""


def count_lists(dataset: Dataset) -> tuple[int, int]:
    """Return the number of lists of each side.

    Returns
    -------
    tuple of int
        Lists of entries, lists of exits.
    """
    return dataset.buys.count, dataset.sells.count


def count_blocks(dataset: Dataset, lanes: int) -> int:
    """Return the number of lane blocks; the last one may be partly empty.

    Returns
    -------
    int
        Lists of exits over ``lanes``, rounded up.
    """
    return -(-dataset.sells.count // lanes)


def make_tally(dataset: Dataset, spec: SweepSpec, make: Callable[..., Tally]) -> Tally:
    """Return a tally of the size that a sweep needs.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed.
    make : callable
        ``reductions.empty`` or ``reductions.blank``.

    Returns
    -------
    Tally
        What ``make`` returned.
    """
    return make(len(dataset.windows), *count_lists(dataset), spec.top, len(spec.bounds))


def build_data(
    dataset: Dataset, spec: SweepSpec, scale: Scale | None, tile: int | None = None
) -> Data:
    """Return a sweep as the kernels take it.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.
    scale : Scale or None
        How scores become integers and bins; None where nothing is summed.
    tile : int, optional
        Bars whose tables are in memory at a time; ``count_tile_bars`` says how many.

    Returns
    -------
    Data
        Views of the arrays of the dataset, but for entries that are cut into tiles.
    """
    tile = count_tile_bars(dataset, spec) if tile is None else tile
    if spec.is_general and scale is not None and scale.limit is None:
        scale = scale._replace(limit=np.inf)  # cuts nothing
    entries = dataset.buys
    if tile < dataset.bars:
        cut = cut_lists(entries.crosses, tile, -(-dataset.bars // tile))
        entries = entries._replace(crosses=cut)
    return Data(
        entries=entries,
        exits=dataset.sells,
        values=dataset.trade_values,
        stops=dataset.stops,
        facts=dataset.facts,
        aim=spec.aim,
        scale=scale,
        bars=dataset.bars,
        tile=tile,
    )


class Worker:
    """The workspace of one thread, and its tally of the cells it has swept.

    The cells are the lane blocks, and after them two for each window that a combination must not
    share.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.
    data : Data
        What ``build_data`` returned of them; workers may share it.
    stop : ndarray, optional
        ``(1,)`` uint8; the sweep ends early once it is not 0.
    sink : callable, optional
        Takes the scores of each lane block.
    floors : ndarray, optional
        What the pairs of each list of entries have reached by now, ``(N,)``. Workers whose tallies
        will be merged may share them: they pass by what is lower.
    stored_blocks : int, optional
        Lane blocks whose scores are stored at a time, for ``take_scores``.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: SweepSpec,
        data: Data,
        stop: np.ndarray | None = None,
        sink: Sink | None = None,
        floors: np.ndarray | None = None,
        stored_blocks: int = 0,
    ) -> None:
        self.stop = np.zeros(1, np.uint8) if stop is None else stop
        self.sink = sink
        self._width = (0,) * spec.lanes
        self._data = data
        stored_rows = dataset.buys.count * max(stored_blocks, sink is not None)
        self._workspace = build_workspace(dataset, spec, data.tile, stored_rows, floors)
        self._tally: Tally | None = None
        self._make_tally = functools.partial(make_tally, dataset, spec)
        self._blocks = count_blocks(dataset, spec.lanes)
        shared_cells = 0 if spec.shared_windows else 2 * len(dataset.windows)
        self.cells = self._blocks + shared_cells

    @property
    def tally(self) -> Tally:
        """All cells that it has swept since it started over or released its last tally."""
        if self._tally is None:
            self._tally = self._make_tally(reductions.empty)
        return self._tally

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        tally = self._tally or self._make_tally(reductions.blank)
        return _count_bytes(self._workspace) + reductions.nbytes(tally)

    def evaluate(self, batch: tuple[int, int]) -> bool:
        """Add a range of cells to the tally.

        Parameters
        ----------
        batch : tuple of int
            The first cell, and the one after the last.

        Returns
        -------
        bool
            False if the run was stopped meanwhile, and the tally is worth nothing.
        """
        if self.sink is None:
            return self._sweep(batch)
        for cell in range(*batch):
            if not self._sweep((cell, cell + 1)):
                return False
            if cell < self._blocks:
                self.sink(cell, self.take_scores())
        return True

    def _sweep(self, batch: tuple[int, int]) -> bool:
        return bool(sweep_cells(*self.arguments(batch)))

    def arguments(self, batch: tuple[int, int]) -> tuple[Any, ...]:
        """Return what the kernel is called with.

        Parameters
        ----------
        batch : tuple of int
            The first cell, and the one after the last.

        Returns
        -------
        tuple
            Arguments of ``sweep.sweep_cells``.
        """
        return (self._width, batch, self._data, self._workspace, self.tally, self.stop)

    def take_scores(self) -> np.ndarray:
        """Return the stored scores of the last batch, as values of the metric.

        Returns
        -------
        ndarray
            ``(N, L)`` for each block, one after the other; the next batch overwrites them.
        """
        scores = self._workspace.row.scores
        convert_to_metric(scores, self._data.aim.sign)
        return scores

    def release_tally(self) -> None:
        """Leave the tally to its new owner; the next cells go into another one."""
        self._tally = None

    def share_floors(self, floors: np.ndarray) -> None:
        """Take floors that other workers share, in place of its own; see ``Worker``.

        Parameters
        ----------
        floors : ndarray
            ``(N,)`` float64.
        """
        self._workspace = self._workspace._replace(floors=floors)

    def start_over(self) -> None:
        """Go on with an empty tally, which is to be merged with those before."""
        if self._tally is not None:
            reductions.clear(self._tally)


def _count_bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_count_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def count_tile_bars(dataset: Dataset, spec: SweepSpec) -> int:
    """Return the bars of a tile; drawdowns look at the whole series.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.

    Returns
    -------
    int
        Bars whose tables are in memory at a time.
    """
    statistics = spec.statistics
    columns = len(statistics & {*ReturnSums._fields, "paid"})
    code_bytes = code_dtype(dataset.bars)(0).itemsize
    table_bytes = dataset.bars * spec.lanes * (code_bytes + 8 * columns)
    if "worst" in statistics or table_bytes <= WHOLE_BYTES:
        return dataset.bars
    tiles = -(-table_bytes // TILE_BYTES)
    return -(-dataset.bars // tiles)
