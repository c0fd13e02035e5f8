"""Exit tables: the next exit from every bar, and what a trade until then adds."""

import numpy as np
import pytest
from helpers.compiled import compiled
from helpers.series import series

from qmac.kernels.signals.crosses import Crosses
from qmac.kernels.trades.exit_tables import (
    Edge,
    Ends,
    Excursions,
    ReturnSums,
    Stops,
    Tables,
    Tile,
    TradeValues,
    fill_tables,
)
from qmac.kernels.trades.stops import find_excursions

BARS, LANES = 40, 8
WIDTH = (0,) * LANES
LEVELS = np.log(series("random", BARS, 2))
COST = 0.01
LISTS = [[], [0], [39], [5, 6, 20], [3, 9, 30, 31], list(range(1, 40, 4)), [10, 20, 25]]
STOP_BARS = np.minimum(np.arange(BARS) + 6, BARS)


@compiled
def fill(width, tile, exits, lanes, values, stops, ignore, tables, edge):
    fill_tables(width, tile, exits, lanes, values, stops, ignore, tables, edge)


def crosses():
    starts = np.cumsum([0, *map(len, LISTS)])
    return Crosses(starts.astype(np.int64), np.array(sum(LISTS, []), np.uint16))


def trade_values():
    stopped = LEVELS[np.minimum(STOP_BARS, BARS - 1)] - 0.5
    gain = Ends(LEVELS + COST, LEVELS - COST, float(LEVELS[-1]), stopped)
    prices = Ends(np.exp(gain.entry), np.exp(gain.exit), float(np.exp(gain.last)), np.exp(stopped))
    return TradeValues(ReturnSums(gain, None, None, None, None), prices, LEVELS)


def stops_by_bar():
    bars = np.where(STOP_BARS == BARS, BARS + 1, STOP_BARS)
    return Stops((2 * bars).astype(np.uint16), Excursions(*find_excursions(LEVELS, STOP_BARS)))


def filled(stops, ignore, tile_bars=BARS, falls=True):
    """Return the rows of all tiles, one after the other."""
    rows = []
    for begin in range((BARS - 1) // tile_bars * tile_bars, -1, -tile_bars):
        tile = Tile(begin, min(begin + tile_bars, BARS), BARS, begin // tile_bars)
        code = np.zeros((tile_bars, LANES), np.uint16)
        gain, brought = np.zeros((2, tile_bars, LANES))
        columns = np.zeros((3, tile_bars, LANES)) if falls else [None] * 3
        tables = Tables(code, ReturnSums(gain, None, None, None, None), brought,
                        Excursions(*columns))  # fmt: skip
        edge = Edge(np.zeros((1, LANES), np.uint16), np.zeros((1, LANES)))
        lanes = np.array([*range(len(LISTS)), -1], np.int32)
        values = trade_values()
        fill(WIDTH, tile, crosses(), lanes, values, stops, ignore, tables, edge)
        arrays = (code, gain, brought, *(columns if falls else ()))
        rows.append([array[: tile.end - begin] for array in arrays])
    return [np.concatenate(parts) for parts in zip(*rows[::-1], strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("ignore", [0, 1])
@pytest.mark.parametrize("has_stops", [False, True])
def test_equal_to_a_search_from_every_bar(ignore, has_stops):
    code, gain, brought, lowest, highest, fall = filled(
        stops_by_bar() if has_stops else None, ignore
    )
    ends = trade_values()
    for lane, bars in enumerate([*LISTS, []]):
        for t in range(BARS):
            conflict = ignore if t in bars else 0
            signal = min((bar for bar in bars if bar > t), default=BARS)
            stopped = has_stops and not conflict and STOP_BARS[t] <= signal and STOP_BARS[t] < BARS
            end = STOP_BARS[t] if stopped else signal
            assert code[t, lane] == 2 * end + conflict
            worth, price = ends.sums.gain, ends.prices
            if stopped:
                exit_level, exit_price = worth.stopped[t], price.stopped[t]
            else:
                exit_level = worth.exit[end] if end < BARS else worth.last
                exit_price = price.exit[end] if end < BARS else price.last
            base = worth.exit[t] if conflict else worth.entry[t]
            assert (gain[t, lane], brought[t, lane]) == (exit_level - base, exit_price)
            held = LEVELS[t:end]
            assert (lowest[t, lane], highest[t, lane]) == (held.min() - base, held.max() - base)
            falls = held - np.maximum.accumulate(held)
            assert fall[t, lane] == pytest.approx(falls.min(), abs=1e-15)


@pytest.mark.parametrize("tile_bars", [1, 7, 16])
@pytest.mark.parametrize("ignore", [0, 1])
def test_tiles_are_rows_of_the_whole(tile_bars, ignore):
    whole = filled(stops_by_bar(), ignore, falls=False)
    for part, expected in zip(filled(stops_by_bar(), ignore, tile_bars, falls=False), whole):
        assert np.array_equal(part, expected)
