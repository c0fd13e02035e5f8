"""The arrays that a worker sweeps with: tables, states, and the summaries of a lane block. ``L`` lanes side by side."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from qmac.kernels.compiler.lanes import SUBHISTOGRAMS, allocate
from qmac.kernels.sweep import tally as kept
from qmac.kernels.sweep.shared_windows import SharedLanes
from qmac.kernels.sweep.tally import BINS
from qmac.kernels.trades.exit_tables import Excursions, ReturnSums, Tables
from qmac.kernels.trades.walk import FIRST, Counts, Drawdown, LastTrade, Trades, WalkState


def summaries(
    windows: int, lanes: int, constraints: int, kept_rows: int, code: Any
) -> dict[str, Any]:
    """The summaries of a lane block, empty; scores of ``kept_rows``, or of the row at hand."""

    def rows(count: int, dtype: Any) -> Any:
        return allocate(count, lanes, dtype)

    return {
        "lanes": kept.BlockLanes(
            np.zeros(lanes, np.int32), rows(1, np.int32), rows(1, code), rows(windows, code)
        ),
        "margins": kept.Margins(
            *(
                kept.Margin(rows(windows, np.float64), rows(windows, np.int64))
                for _ in ("fast", "slow")
            )
        ),
        "sums": kept.BlockSums(
            passed=rows(1, np.int32),
            positive=rows(1, np.int32),
            removed=rows(constraints + 1, np.int32),
            squares=rows(1, np.int64),
            histogram=np.zeros((SUBHISTOGRAMS, BINS + 1), np.uint32),
        ),
        "row": kept.Row(
            rows(max(kept_rows, 1), np.float64),
            rows(1, np.int32),
            rows(1, np.int64),
            rows(1, np.int64),
        ),
        "shared": SharedLanes(
            np.zeros(lanes, np.int32),
            np.zeros(windows, np.int32),
            rows(2, np.int64),
            rows(2, np.int64),
        ),
    }


def tables(rows: int, lanes: int, statistics: Collection[str], code: Any) -> Tables:
    """Columns of the statistics asked for, each ``(rows, L)``; the others are None."""

    def column(name: str) -> Any:
        return allocate(rows, lanes, np.float64) if name in statistics else None

    excursions = [column("worst") for _ in Excursions._fields]
    return Tables(
        allocate(rows, lanes, code),
        ReturnSums(*map(column, ReturnSums._fields)),
        column("paid"),
        Excursions(*excursions),
    )


def states(depths: int, lanes: int, statistics: Collection[str], code: Any) -> WalkState:
    """A state for each depth, the first one filled."""

    def rows(kind: Any, first: Any, dtype: Any) -> Any:
        kept = (
            allocate(depths, lanes, dtype) if name in statistics else None for name in kind._fields
        )
        made = kind(*kept)
        for array, value in zip(made, first, strict=True):
            if array is not None:
                array[0] = value
        return made

    return WalkState(
        allocate(depths, lanes, code),
        rows(LastTrade, FIRST.last_trade, code),
        rows(ReturnSums, FIRST.sums, np.float64),
        rows(Drawdown, FIRST.drawdown, np.float64),
        rows(Counts, FIRST.counts, code),
        rows(Trades, FIRST.trades, np.float64),
    )
