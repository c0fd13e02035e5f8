"""The walk against what the machine could do, and where the time of a lane block goes.

    python -m benchmarks.bound [--rounds 5]

One lane block at a time, one thread. The bound of a step is the slower of two that are measured in
the same rounds: its loads alone (the same rows of the same tables in the same order, nothing
computed) and its vector instructions alone (a compare, a blend and an addition for each 64 bytes of
values, in registers, at the rate of additions that do not wait for each other).
"""

from __future__ import annotations

import statistics

import numba
import numpy as np

import qmac
from benchmarks.measuring import GRID, Section, in_turn, rounds_from, seconds
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import LANES, build_spec
from qmac.kernels.compiler.lanes import item, load, splat, store
from qmac.kernels.sweep.pair_maps import close_margin, open_block
from qmac.kernels.trades.exit_tables import Tile, fill_tables
from qmac.kernels.trades.walk import enter
from qmac.strategy.constraints import check_constraints

WIDTH = (0,) * LANES
kernel = numba.njit(nogil=True, error_model="numpy", _nrt=False)
CODE_BYTES = 2


@kernel
def walk_alone(width, tile, entries, prefixes, values, tables, states, out):
    """All rows against one block, nothing stored but a sum."""
    total = splat(0.0, width)
    for row in range(prefixes.size - 1):
        begin, end = item(entries.starts, row), item(entries.starts, row + 1)
        k, come_back = begin + item(prefixes, row), begin + item(prefixes, row + 1)
        state = load(states, k - begin, width)
        while k < end:
            state = enter(tile, item(entries.bars, k), values, None, tables, 0, state)
            k += 1
            if k <= come_back:
                store(states, k - begin, state)
        total = total + state.sums.gain
    store(out, 0, total)


@kernel
def loads_alone(width, entries, prefixes, tables, out, codes):
    """The rows that the walk reads, added up."""
    total = splat(0.0, width)
    code = load(tables.code, 0, width)
    for row in range(prefixes.size - 1):
        for k in range(
            item(entries.starts, row) + item(prefixes, row), item(entries.starts, row + 1)
        ):
            bar = item(entries.bars, k)
            total = total + load(tables.sums.gain, bar, width)
            code = code ^ load(tables.code, bar, width)
    store(out, 0, total)
    store(codes, 0, code)


@kernel
def additions_alone(width, times, out):
    """``8 * times`` independent additions of a vector of lanes."""
    a, b, c, d = load(out, 0, width), load(out, 1, width), load(out, 2, width), load(out, 3, width)
    for _ in range(times):
        a, b, c, d = a + 1.0, b + 1.0, c + 1.0, d + 1.0
        a, b, c, d = a + 2.0, b + 2.0, c + 2.0, d + 2.0
    store(out, 0, a)
    store(out, 1, b)
    store(out, 2, c)
    store(out, 3, d)


@kernel
def open_alone(exits, first, lanes, margins):
    open_block(exits, first, False, lanes, margins)


@kernel
def fill_alone(width, tile, exits, lists, values, tables, edge):
    fill_tables(width, tile, exits, lists, values, None, 1, tables, edge)


@kernel
def close_alone(lanes, margins, exits, count_shift, counts, cells, maps):
    for role in range(2):
        margin = margins.slow if role else margins.fast
        close_margin(
            role,
            lanes,
            margin,
            exits,
            count_shift,
            counts,
            cells,
            maps,
        )


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "bound",
        "The walk against the machine, and a lane block part by part",
        "Nanoseconds a row of 32 lanes, one thread, medians over lane blocks throughout the "
        "grid. Bytes are those of the tables that a row reads; the bound is the slower of loads "
        "alone and vector instructions alone (6 a step of 32 lanes on a machine of 512 bits: "
        "compare, blend, four additions). Reductions and the rest are what remains of the whole.",
        (
            "bars",
            "steps a row",
            "bytes a row",
            "loads alone",
            "instructions alone",
            "walk alone",
            "share of the bound",
            "tables",
            "margins closed",
            "reductions and the rest",
            "whole",
        ),
    )
    for bars in (800, 2000):
        section.rows.append(measure_block(qmac.sample_prices().tail(bars), rounds))
    return section


def measure_block(prices: qmac.Prices, rounds: int) -> tuple[str, ...]:
    """Return the row of a series."""
    series = PreparedSeries.build(prices, GRID.windows, qmac.Rules())
    spec = build_spec(series, GRID, "total_return", True, check_constraints(None, 1), 100)
    data = Dataset.build(series, GRID, spec.statistics)
    worker = Evaluator(data, spec).worker()
    workspace, exits, tally = worker._workspace, data.sells, worker.tally
    blocks = data.sells.count // LANES
    tile = Tile(0, data.bars, data.bars, 0)
    entries, rows = data.buys.crosses, data.buys.prefixes.size - 1
    steps = int(entries.starts[-1] - data.buys.prefixes.sum())
    out, codes = np.zeros((4, LANES)), np.zeros((1, LANES), np.uint16)
    worker.evaluate((0, blocks))  # the maxima that later rows do not pass
    found: dict[str, list[float]] = {}
    for block in range(0, blocks, max(1, blocks // 8)):
        open_alone(exits.pairs, block * LANES, workspace.lanes, workspace.margins)

        def fill() -> None:
            fill_alone(
                WIDTH,
                tile,
                exits.crosses,
                workspace.lanes.lists,
                data.trade_values,
                workspace.tables,
                workspace.edge,
            )

        def close() -> None:
            shift, totals = worker._data.scale.count_shift, tally.totals
            close_alone(
                workspace.lanes,
                workspace.margins,
                exits,
                shift,
                totals.counts,
                tally.exits,
                tally.maps,
            )

        fill()
        contenders = {
            "whole": lambda block=block: seconds(lambda: worker.evaluate((block, block + 1))),
            "tables": lambda: seconds(fill),
            "walk": lambda: seconds(
                lambda: walk_alone(
                    WIDTH,
                    tile,
                    entries,
                    data.buys.prefixes,
                    data.trade_values,
                    workspace.tables,
                    workspace.states,
                    out,
                )
            ),
            "loads": lambda: seconds(
                lambda: loads_alone(
                    WIDTH, entries, data.buys.prefixes, workspace.tables, out, codes
                )
            ),
            "additions": lambda: seconds(lambda: additions_alone(WIDTH, rows, out)),
            "close": lambda: seconds(close),
        }
        for name, times in in_turn(contenders, rounds).items():
            found.setdefault(name, []).append(statistics.median(times) / rows * 1e9)
    ns = {name: statistics.median(times) for name, times in found.items()}
    # an addition of 32 lanes is four instructions, a step six
    instructions = ns["additions"] / 8 * steps / rows * 6 / 4
    bound = max(ns["loads"], instructions)
    rest = ns["whole"] - ns["walk"] - ns["tables"] - ns["close"]
    return (
        f"{data.bars:,}",
        f"{steps / rows:.1f}",
        f"{steps / rows * LANES * (8 + CODE_BYTES):,.0f}",
        f"{ns['loads']:.0f}",
        f"{instructions:.0f}",
        f"{ns['walk']:.0f}",
        f"{bound / ns['walk']:.0%}",
        f"{ns['tables']:.0f}",
        f"{ns['close']:.0f}",
        f"{rest:.0f}",
        f"{ns['whole']:.0f}",
    )


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
