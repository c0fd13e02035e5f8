"""What is odd in prices that are valid: splits, lost decimal points, gaps, bars that stand still.

A move is odd where it is far beyond the next largest one of the series. That needs no model of the
series: with Pareto tails of exponent 3, the fattest that prices have, the largest of any number of
moves is 5 times the next one in 8 series of 1,000, and 10 times in one. What was measured stands
in ``tests/data/test_anomalies.py``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from qmac.data.bars_per_year import SATURDAY, find_weekdays

BLOCK = 2**16
"""Rows at once, which stay in the cache of a core."""
LEAST_MOVE = 0.1
"""Moves of the logarithm that are compared one by one."""
LEAST_ODD = 0.25
"""Below it, 22 % down or 28 % up, none is odd."""
MOST_MOVES = 1000
"""Larger moves than the rest that are looked at."""
NEIGHBOURHOOD = 250
"""Bars on both sides that tell how far a series usually moves at the time."""
SPLITS = {1.5: "3:2"} | {float(new): f"{new}:1" for new in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20)}
REVERSE_SPLITS = {float(old): f"1:{old}" for old in (4, 5, 8, 10, 15, 20, 25, 30, 50, 100)}
SPLIT_TOLERANCES = 0.015, 0.065
"""Least and most distance of a move from a usual ratio, for the move of the market that day."""
SPLIT_FACTOR, SEVERAL_FACTOR, NEAR_FACTOR = 6.0, 3.0, 10.0
"""How far beyond the next largest move a 2:1 split must be: the only one, each of several, and one
beyond its neighbourhood. More for rarer ratios, see ``_match_split``."""
JUMP_FACTOR, SPIKE_FACTOR = 25.0, 3.0
"""How far beyond it any move must be that stays, and one that is taken back."""
RANGE_FACTOR = 10.0
"""How far beyond the next largest the logarithm of high over low must be."""
CALM_BARS = 20
"""Bars on both sides whose mean move tells how calm the market is at the time."""
CALM_NEIGHBOURHOOD = 5000
"""Bars on both sides whose moves are compared in mean moves."""
LEAST_JUMP = 0.5
WILD = 1.9
"""No market rises ten-fold and falls back within days; that needs no comparison, nor does such a
move near an end of the series."""
EDGE_BARS = 5
SPIKE_BARS, WILD_BARS = 5, 20
"""Most bars after which a move is taken back."""
TICKS = 3
"""Moves of so many ticks are usual, however large they are for a price of two cents."""
HALT_BARS = 15
"""A halt of trading lasts as many minutes at most, mostly."""
LEAST_STALE = 5
LIKELIHOOD = 1e-5
"""Expected number of runs so long, below which a run is odd."""
BLOCK_LAGS = range(5, 65)
BLOCK_COMPARISONS = 2 * 10**7
"""Repeated blocks are not looked for in series with which it would take more."""
ROUNDING = 1e-5
"""Relative error of adjusted prices that were rounded apart from each other."""
FEW_TRADES = 50
LITTLE_VOLUME = 0.1
"""Share of the median volume; where volumes are often below it, no trade at all is usual, too."""
SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
HOUR, DAY = 3600.0, 86_400.0
INTRADAY = 20 * HOUR
NIGHT = 12 * HOUR
LONGEST_HOLIDAY = 14.5 * DAY
"""Beyond the longest of Taiwan and Japan, 12 days with their weekends."""
SUNDAY = 6


class Anomaly(NamedTuple):
    """Something odd in prices."""

    kind: str
    """One to four words, such as ``split``."""
    message: str
    """A sentence with row, date and values, and what to do."""
    row: int | None
    """First row, from 1 on; None where it is of the whole series."""


def find_anomalies(
    frame: pd.DataFrame, name: str, now: datetime | None = None
) -> tuple[Anomaly, ...]:
    """Return what is odd in prices, at most one of each kind, moves of the close first.

    Parameters
    ----------
    frame : DataFrame
        Valid prices by ascending dates: Close, and of Open, High, Low and Volume what there is.
    name : str
        Name of the prices, for messages.
    now : datetime, optional
        Later dates are in the future. By default the time of the call.

    Returns
    -------
    tuple of Anomaly
        Empty for prices with nothing odd.

    Examples
    --------
    >>> index = pd.bdate_range("2024-01-02", periods=6)
    >>> closes = pd.DataFrame({"Close": [100.5, 101.2, 10215, 103.1, 104.4, 105.3]}, index)
    >>> [(anomaly.kind, anomaly.row) for anomaly in find_anomalies(closes, "SPY")]
    [('lost point', 3)]
    """
    if len(frame) < 2:  # nothing to compare a bar with
        return ()
    bars = _Bars(frame, name)
    if len(bars) < 2:
        return tuple(filter(None, [_find_future_date(bars, now)]))
    found = _find_moves(bars)
    finders: tuple[Callable[[_Bars], Anomaly | None], ...] = (
        _find_outside,
        _find_wide_range,
        _find_stale,
        _find_repeated_block,
        _find_zero_volume,
        _find_two_frequencies,
    )
    found += [find(bars) for find in finders]
    if found[-1] is None:  # else each part is regular, and the whole is not
        found += [find(bars) for find in (_find_partial_bar, _find_gap, _find_weekend_bar)]
    found += [_find_future_date(bars, now), _find_one_session(bars)]
    return tuple(anomaly for anomaly in found if anomaly is not None)


class _Bars:
    """Columns, and times in seconds."""

    def __init__(self, frame: pd.DataFrame, name: str) -> None:
        self.name = name
        self.index = pd.DatetimeIndex(frame.index)
        self.columns = {str(key): frame[key].to_numpy(np.float64) for key in frame.columns}
        self.close = self.columns["Close"]
        self.ticks = self.index.asi8
        self.per_second = SECONDS[self.index.unit]

    def __len__(self) -> int:
        return self.close.size

    def steps(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return the seconds from each bar to the next."""
        return np.diff(self.ticks[first:last]) / self.per_second

    @functools.cached_property
    def usual_step(self) -> float:
        """Median seconds between bars, of at most some thousands of them."""
        rows = np.arange(0, len(self) - 1, max(1, len(self) // 5000))
        return _compute_median(self.ticks[rows + 1] - self.ticks[rows]) / self.per_second

    @property
    def is_intraday(self) -> bool:
        return self.usual_step < INTRADAY

    @functools.cached_property
    def local_seconds(self) -> np.ndarray:
        """Times of the clock that the file shows."""
        return self.index.tz_localize(None).as_unit("s").asi8

    @functools.cached_property
    def weekdays(self) -> np.ndarray:
        """Days of the week, Monday is 0; for daily bars."""
        return find_weekdays(self.local_seconds // int(DAY))

    def format_date(self, row: int) -> str:
        stamp = self.index[row]
        if stamp == stamp.normalize():
            return f"{stamp:%Y-%m-%d}"
        return f"{stamp:%Y-%m-%d %H:%M:%S}" if stamp.second else f"{stamp:%Y-%m-%d %H:%M}"

    def describe(self, kind: str, rows: list[int], text: str, action: str) -> Anomaly:
        """Return the anomaly of some rows; ``text`` goes on after the first."""
        count = len(rows) - 1
        more = f", and so in {count:,} more row{'s' if count > 1 else ''}" if count else ""
        place = f"row {rows[0] + 1} ({self.format_date(rows[0])})"
        return Anomaly(kind, f"{self.name}: {place} {text}{more}. {action}", rows[0] + 1)


def _compute_median(values: np.ndarray) -> float:
    """Return the median of a few values; NumPy takes 20 us for as many as four."""
    ordered = np.sort(values)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2


# Moves of the close


class _Move(NamedTuple):
    """A large move of the close, at the row that it leads to."""

    row: int
    change: float
    """Of the logarithm."""
    other: float
    """Size of the largest other move, of the series or around it."""
    factor: float = 0.0
    """How far beyond that a 2:1 split must be; 0 for a move that needs no comparison."""


def _find_moves(bars: _Bars) -> list[Anomaly | None]:
    """Return splits, thousands marks, lost points and jumps."""
    rows, changes, rest = _list_large_moves(bars.close)
    spikes = _find_spikes(bars.close, rows, changes, rest)
    is_spike = np.zeros(rows.size, bool)
    for first, last, _ in spikes:
        is_spike[[first, last]] = True
    lasting = _find_lasting(bars.close, rows[~is_spike], changes[~is_spike], rest)
    faults: dict[str, list[tuple[int, str]]] = {}
    for first, last, other in spikes:
        move = _Move(int(rows[first]), float(changes[first]), other)
        kind, text = _name_spike(bars.close, move, int(rows[last]) - move.row)
        faults.setdefault(kind, []).append((move.row, text))
    for move in lasting:
        kind, row, text = _name_lasting(bars.close, move)
        if kind:
            faults.setdefault(kind, []).append((row, text))
    return [_describe_moves(bars, kind, faults.get(kind, [])) for kind in MOVE_ACTIONS]


MOVE_ACTIONS = {
    "split": "Use adjusted prices, or --adjusted where the file has a column of them.",
    "thousands mark": "Write numbers without thousands marks, such as 1002.5.",
    "lost point": "Correct the decimal point, or drop the row.",
    "jump": "Compare it with another source, and correct or drop the row if it is wrong.",
}
"""What to do about moves of each kind, in the order of the anomalies."""


def _describe_moves(bars: _Bars, kind: str, faults: list[tuple[int, str]]) -> Anomaly | None:
    if not faults:
        return None
    faults.sort()
    rows = [row for row, _ in faults]
    return bars.describe(kind, rows, faults[0][1], MOVE_ACTIONS[kind])


def _list_large_moves(close: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return rows and changes of the logarithm of the large moves, and the size of the next one."""
    rows, changes = [], []
    rest = 0.0
    for start in range(0, close.size - 1, BLOCK):
        change = np.diff(np.log(close[start : start + BLOCK + 1]))
        size = np.abs(change)
        if size.max() >= LEAST_MOVE:
            large = np.flatnonzero(size >= LEAST_MOVE)
            rows.append(large + start + 1)
            changes.append(change[large])
            size[large] = 0.0
        rest = max(rest, float(size.max()))
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0), rest
    row, change = np.concatenate(rows), np.concatenate(changes)
    if row.size > MOST_MOVES:
        size = np.abs(change)
        rest = float(np.partition(size, -MOST_MOVES - 1)[-MOST_MOVES - 1])
        row, change = row[size > rest], change[size > rest]
    return row, change, rest


def _find_spikes(
    close: np.ndarray, rows: np.ndarray, changes: np.ndarray, rest: float
) -> list[tuple[int, int, float]]:
    """Return the pairs of large moves that cancel each other, and the largest move around them."""
    spikes = []
    sizes = np.abs(changes)
    position = 0
    while position < rows.size - 1:
        partner = _find_return(rows, changes, position) if sizes[position] >= LEAST_ODD else 0
        if partner:
            size = float(min(sizes[position], sizes[partner]))
            is_wild = size >= WILD and _is_power_of_ten(float(changes[position]))
            ends = {int(rows[position]), int(rows[partner])}
            other = 0.0 if is_wild else _measure_around(close, ends)
            is_odd = size >= SPIKE_FACTOR * other
            if is_odd and not _is_few_ticks(close, int(rows[position])):
                spikes.append((position, partner, min(other, rest)))
                position = partner
        position += 1
    return spikes


def _find_return(rows: np.ndarray, changes: np.ndarray, position: int) -> int:
    """Return the position of the large move, soon after another, that cancels it; 0 for none."""
    change = float(changes[position])
    bars = WILD_BARS if abs(change) >= WILD else SPIKE_BARS
    for partner in range(position + 1, rows.size):
        if rows[partner] - rows[position] > bars:
            break
        if abs(changes[partner]) >= abs(change) / 2:  # smaller ones are of the market
            sum_ = change + float(changes[partner])
            is_back = abs(sum_) < 0.35 * min(abs(change), abs(float(changes[partner])))
            return partner if is_back else 0
    return 0


def _measure_around(close: np.ndarray, rows: set[int]) -> float:
    """Return the largest move in the neighbourhood of some rows, without theirs."""
    first = max(0, min(rows) - NEIGHBOURHOOD)
    size = np.abs(np.diff(np.log(close[first : max(rows) + NEIGHBOURHOOD + 1])))
    size[[row - 1 - first for row in rows]] = 0.0
    return float(size.max())


def _is_few_ticks(close: np.ndarray, row: int) -> bool:
    """Return whether the move to a row is a few ticks of the prices around it."""
    tick = _measure_tick(close[max(0, row - NEIGHBOURHOOD) : row + NEIGHBOURHOOD])
    return bool(abs(close[row] - close[row - 1]) < (TICKS + 0.5) * tick)


def _measure_tick(close: np.ndarray) -> float:
    """Return the largest power of ten, up to 1, that prices are multiples of; 0 without one."""
    for decimals in range(9):
        scaled = close * 10.0**decimals
        if np.abs(scaled - np.round(scaled)).max() < 1e-6:
            return 10.0**-decimals
    return 0.0


def _find_lasting(
    close: np.ndarray, rows: np.ndarray, changes: np.ndarray, rest: float
) -> list[_Move]:
    """Return the large moves that stay and are beyond what the series, or its neighbourhood, does.

    The one of all moves, or the several ones, that are so far beyond the next largest.
    """
    if rows.size == close.size - 1:  # all moves are large, and none is beyond the others
        rest = float(np.abs(changes).min(initial=np.inf))
    sizes = np.append(np.abs(changes), rest)
    order = np.argsort(-sizes, kind="stable")
    ranked = sizes[order]
    ratios = ranked[:-1] / np.maximum(ranked[1:], 1e-12)
    beyond = np.flatnonzero(ratios >= SEVERAL_FACTOR)
    count = int(beyond[-1]) + 1 if beyond.size else 0
    moves = []
    for rank, position in enumerate(order):
        if position == rows.size or sizes[position] < LEAST_ODD:
            break
        row, change = int(rows[position]), float(changes[position])
        other = float(ranked[count])
        factor = SPLIT_FACTOR if count == 1 else SEVERAL_FACTOR
        if _is_wild_edge(close, row, change):
            factor = 0.0
        elif rank >= count or abs(change) < factor * other:
            other, factor = _compare_around(close, row)
        move = _Move(row, change, other, factor)
        if abs(change) >= factor * other and not _is_few_ticks(close, row):
            moves.append(move)
    return moves


def _compare_around(close: np.ndarray, row: int) -> tuple[float, float]:
    """Return the largest other move at the time of a row, and how far beyond it a split must be.

    The largest near the row, or the largest of all if the market had been as calm then as it is
    near the row: large moves of the market come together, and a split comes alone.
    """
    near = _measure_around(close, {row})
    calm = _measure_calm(close, row)
    if near * NEAR_FACTOR <= calm * SPLIT_FACTOR:
        return near, NEAR_FACTOR
    return calm, SPLIT_FACTOR


def _measure_calm(close: np.ndarray, row: int) -> float:
    """Return the largest other move in mean moves of its time, times the mean move near a row."""
    first = max(0, row - CALM_NEIGHBOURHOOD)
    size = np.abs(np.diff(np.log(close[first : row + CALM_NEIGHBOURHOOD])))
    if size.size < 2:  # one move has no others
        return math.inf
    position = row - 1 - first
    most = np.sort(size)[-max(2, size.size // 100)]  # a split is not of its market
    cut = np.minimum(size, most)
    total = np.concatenate((np.zeros(1), np.cumsum(cut)))
    start = np.maximum(np.arange(size.size) - CALM_BARS, 0)
    stop = np.minimum(np.arange(size.size) + CALM_BARS + 1, size.size)
    mean = (total[stop] - total[start] - cut) / (stop - start - 1)
    is_other = size < 0.9 * size[position]  # neither itself nor another split
    if not mean.all() or not is_other.any():
        return math.inf
    return float((size / mean)[is_other].max() * mean[position])


def _is_wild_edge(close: np.ndarray, row: int, change: float) -> bool:
    """Return whether a move is ten-fold and begins, or ends, a few bars at an end of the series."""
    is_edge = min(row, close.size - row) <= min(EDGE_BARS, close.size // 3)
    return is_edge and abs(change) >= WILD and _is_power_of_ten(change)


def _name_spike(close: np.ndarray, move: _Move, bars: int) -> tuple[str, str]:
    """Return the kind of a move that is taken back, and what there is to say."""
    before, after = close[move.row - 1], close[move.row]
    span = "one bar" if bars == 1 else f"{bars} bars"
    text = f"closes at {after:.10g} after {before:.10g}, for {span}"
    low, high = min(before, after), max(before, after)
    if 1 <= low < 10 and 100 <= high < 1000 and abs(math.log(high / low / 1000)) < 0.7:
        mark = ": a thousands mark was read as a decimal point"
        return "thousands mark", f"closes at {after:.10g} after {before:.10g}{mark}"
    if _is_power_of_ten(move.change):
        factor = 10 ** abs(round(move.change / math.log(10)))
        return "lost point", f"{text}, a factor of about {factor:,}"
    return "jump", text


def _name_lasting(close: np.ndarray, move: _Move) -> tuple[str, int, str]:
    """Return the kind of a move that stays, its row and what there is to say; or no kind."""
    before, after = close[move.row - 1], close[move.row]
    usual = f"the largest other move {_format_share(move.other)}"
    text = f"closes at {after:.10g} after {before:.10g}"
    low, high = min(before, after), max(before, after)
    if 1 <= low < 10 and 100 <= high < 1000 and abs(math.log(high / low / 1000)) < 0.7:
        return "thousands mark", move.row, f"{text}: a thousands mark was read as a decimal point"
    if _is_wild_edge(close, move.row, move.change):
        factor = 10 ** abs(round(move.change / math.log(10)))
        if move.row <= EDGE_BARS and move.row < close.size - move.row:
            text = f"closes at {close[0]:.10g}, but row {move.row + 1} at {after:.10g}"
            return "lost point", 0, f"{text}, a factor of about {factor:,}"
        return "lost point", move.row, f"{text}, a factor of about {factor:,}"
    split = _match_split(move)
    if split:
        return "split", move.row, f"{text}, as after a split of {split}; {usual}"
    is_far = abs(move.change) >= JUMP_FACTOR * move.other
    if is_far and move.factor < NEAR_FACTOR and abs(move.change) >= LEAST_JUMP:
        return "jump", move.row, f"{text}; {usual}"
    return "", move.row, ""


def _is_power_of_ten(change: float) -> bool:
    """Return whether a change of the logarithm is one of 10, 100 and so on."""
    tens = change / math.log(10)
    return round(tens) != 0 and abs(tens - round(tens)) < 0.13


def _match_split(move: _Move) -> str:
    """Return the ratio of the split that a move is near to, and far enough beyond others; or none.

    The larger a ratio, the nearer others are to it, and the less usual it is.
    """
    size = abs(move.change)
    ratios = SPLITS if move.change < 0 else REVERSE_SPLITS
    tolerance = min(max(1.25 * move.other, SPLIT_TOLERANCES[0]), SPLIT_TOLERANCES[1])
    nearest = min(ratios, key=lambda ratio: abs(size - math.log(ratio)))
    factor = move.factor * math.sqrt(max(1.0, math.log2(nearest)))
    if move.change > 0:
        factor *= 1.25
    if nearest < 2:
        factor *= 1.6
    is_near = abs(size - math.log(nearest)) <= tolerance
    return ratios[nearest] if is_near and size >= factor * move.other else ""


def _format_share(size: float) -> str:
    """Return the size of a move of the logarithm in percent."""
    return f"is {math.expm1(size):.2g}" if size > 5 else f"is {100 * math.expm1(size):.2g} %"


# Values


def _find_outside(bars: _Bars) -> Anomaly | None:
    """Return the rows whose open or close is beyond high and low, or whose high is below low."""
    high, low = bars.columns.get("High"), bars.columns.get("Low")
    if high is None and low is None:
        return None
    inner = [bars.columns[key] for key in ("Open", "Close") if key in bars.columns]
    rows = []
    for start in range(0, len(bars), BLOCK):
        part = slice(start, start + BLOCK)
        is_outside = np.zeros(bars.close[part].size, bool)
        if high is not None:
            top = high[part] * (1 + ROUNDING)
            for column in inner if low is None else (*inner, low):
                is_outside |= column[part] > top
        if low is not None:
            bottom = low[part] * (1 - ROUNDING)
            for column in inner:
                is_outside |= column[part] < bottom
        if is_outside.any():
            rows.append(np.flatnonzero(is_outside) + start)
    if not rows:
        return None
    every = np.concatenate(rows)
    row = int(every[0])
    values = [f"{key} {bars.columns[key][row]:.10g}" for key in bars.columns if key != "Volume"]
    text = f"has prices outside high and low: {', '.join(values)}"
    many = every.size > max(3, len(bars) // 10)
    action = "The columns may be in another order" if many else "Fields of the row may be swapped"
    return bars.describe(
        "outside high and low", every.tolist(), text, f"{action}: compare it with another source."
    )


def _find_wide_range(bars: _Bars) -> Anomaly | None:
    """Return the rows whose high is further above low than any other, as with a lost point."""
    if "High" not in bars.columns or "Low" not in bars.columns:
        return None
    high, low = bars.columns["High"], bars.columns["Low"]
    rows = [np.zeros(0, np.int64)]
    rest = 1.0
    for start in range(0, len(bars), BLOCK):
        range_ = high[start : start + BLOCK] / low[start : start + BLOCK]
        if range_.max() >= math.exp(LEAST_JUMP):
            wide = np.flatnonzero(range_ >= math.exp(LEAST_JUMP))
            rows.append(wide + start)
            range_[wide] = 1.0
        rest = max(rest, float(range_.max()))
    every = np.concatenate(rows)
    sizes = np.log(high[every] / low[every])
    ranked = np.append(np.sort(sizes)[::-1], math.log(rest))
    beyond = np.flatnonzero(ranked[:-1] >= RANGE_FACTOR * ranked[1:])
    least = float(ranked[beyond[-1]]) if beyond.size else WILD
    odd = every[sizes >= min(least, WILD)]
    if not odd.size:
        return None
    row = int(odd[0])
    text = f"ranges from {low[row]:.10g} to {high[row]:.10g} and closes at {bars.close[row]:.10g}"
    action = "Correct high and low, or drop the row."
    return bars.describe("wide range", odd.tolist(), text, action)


def _find_stale(bars: _Bars) -> Anomaly | None:
    """Return the run of equal closes that is too long for how often the series repeats one."""
    is_same = bars.close[1:] == bars.close[:-1]
    count = int(np.count_nonzero(is_same))
    if count == is_same.size >= LEAST_STALE - 1 and bars.close[0] >= 1:  # not of cents
        text = f"and all {len(bars):,} rows have the same close, {bars.close[0]:.10g}"
        return bars.describe("stale", [0], text, "Is it the column of closes?")
    if count < LEAST_STALE:
        return None
    start, length, second = _measure_runs(is_same)
    if length < LEAST_STALE + 3 * second:
        return None
    rest = is_same.size - length
    share = (count - length + 2) / (rest + 3)
    if is_same.size * share**length > LIKELIHOOD or _moves_by_ticks(bars.close, start, length):
        return None
    text = (
        f"and the {length} rows after it have the same close, {bars.close[start]:.10g}; "
        f"the next longest run is {second + 1} row{'s' if second else ''}"
    )
    action = "Drop them if there was no trade, or download the prices again."
    return bars.describe("stale", [start], text, action)


def _moves_by_ticks(close: np.ndarray, start: int, length: int) -> bool:
    """Return whether the price around a run moves by a tick or two, and so stands still for long.

    It is away from the next tick for as long as a random walk is away from a level.
    """
    before = close[max(0, start - NEIGHBOURHOOD) : start + 1]
    after = close[start + length : start + length + NEIGHBOURHOOD]
    steps = np.abs(np.concatenate((np.diff(before), np.diff(after))))
    tick = _measure_tick(np.concatenate((before, after)))
    return not steps.any() or float(np.median(steps[steps > 0])) < 2.5 * tick


def _measure_runs(flags: np.ndarray) -> tuple[int, int, int]:
    """Return start and length of the longest run of true flags, and the length of the next one."""
    width = 1
    while np.count_nonzero(flags) > BLOCK:  # flags that begin twice as many true ones
        shorter = flags[:-width] & flags[width:]
        if not shorter.any():
            break
        flags, width = shorter, 2 * width
    places = np.flatnonzero(flags)
    ends = np.flatnonzero(np.diff(places) > 1)
    firsts = np.concatenate(([0], ends + 1))
    lengths = np.diff(np.append(firsts, places.size)) + width - 1
    longest = int(np.argmax(lengths))
    second = int(np.delete(lengths, longest).max(initial=width - 1))
    return int(places[firsts[longest]]), int(lengths[longest]), second


def _find_repeated_block(bars: _Bars) -> Anomaly | None:
    """Return the closes that follow once more right after themselves."""
    close = bars.close
    if close.size * len(BLOCK_LAGS) > BLOCK_COMPARISONS:
        return None
    for lag in BLOCK_LAGS:
        is_same = close[lag:] == close[:-lag]
        if np.count_nonzero(is_same) < lag:
            continue
        start, length, _ = _measure_runs(is_same)
        around = is_same[max(0, start - NEIGHBOURHOOD) : start + length + NEIGHBOURHOOD]
        share = (np.count_nonzero(around) - length + 2) / (around.size - length + 3)
        expected = close.size * len(BLOCK_LAGS) * share**length
        differing = np.unique(close[start : start + lag]).size
        if length >= lag and differing >= 4 and expected < LIKELIHOOD:
            row = start + lag
            text = f"and the {length - 1} rows after it repeat the closes from row {start + 1} on"
            action = "Drop the copy, or download the prices again."
            return bars.describe("repeated block", [row], text, action)
    return None


def _find_zero_volume(bars: _Bars) -> Anomaly | None:
    """Return the rows without volume, of a series that never comes near to it otherwise."""
    volume = bars.columns.get("Volume")
    if volume is None:
        return None
    zeros = np.flatnonzero(volume <= 0)
    if not 0 < zeros.size < len(bars) / 2:
        return None
    zeros = zeros[zeros > int(np.argmax(volume > 0))]  # of indices it begins decades later
    positive = volume[volume > 0]
    little = np.count_nonzero(positive < LITTLE_VOLUME * np.median(positive))
    is_count = np.median(positive) < FEW_TRADES * _measure_tick(positive[:1000])
    if zeros.size <= little or is_count:
        return None
    row = int(zeros[0])
    text = f"has a volume of {volume[row]:.10g}, and the median is {np.median(positive):.3g}"
    action = "Drop it if there was no trade that day, or compare it with another source."
    return bars.describe("zero volume", zeros.tolist(), text, action)


# Dates


def _find_two_frequencies(bars: _Bars) -> Anomaly | None:
    """Return the row from which bars follow each other in another step."""
    for count in (4, 8):
        if len(bars) < 2 * count + 1:
            return None
        before = _measure_step(bars.steps(0, count + 1))
        after = _measure_step(bars.steps(-count - 1))
        low, high = min(before, after), max(before, after)
        are_days = low > INTRADAY and high < 5 * DAY  # with holidays
        is_other = high > 2.4 * low > 0 and not are_days
        if is_other and (count == 8 or high >= INTRADAY):
            return _describe_two_frequencies(bars, before, after)
    return None


def _measure_step(steps: np.ndarray) -> float:
    """Return the median of a few steps, 0 if they are not regular."""
    step = _compute_median(steps)
    is_regular = np.abs(steps - step) <= 0.15 * step
    return step if np.count_nonzero(is_regular) >= 0.75 * steps.size else 0.0


def _describe_two_frequencies(bars: _Bars, before: float, after: float) -> Anomaly | None:
    """Return the anomaly if one change explains the steps."""
    is_long = bars.steps() > math.sqrt(before * after)
    is_first = is_long if before > after else ~is_long
    gains = np.cumsum(np.where(is_first, 1, -1))
    last = int(np.argmax(gains))
    parts = is_first[: last + 1], ~is_first[last + 1 :]
    if any(np.count_nonzero(part) < max(4, 0.75 * part.size) for part in parts):
        return None
    text = f"is the first with a bar every {_format_span(after)}, after one every "
    text += f"{_format_span(before)}"
    action = "Use bars of one frequency: the windows would be of two lengths."
    return bars.describe("two frequencies", [last + 1], text, action)


def _format_span(seconds: float) -> str:
    """Return a length of time in words."""
    for name, size in (("day", DAY), ("hour", HOUR), ("minute", 60.0)):
        if seconds >= size:
            number = seconds / size
            return name if number == 1 else f"{number:.3g} {name}s"
    return f"{seconds:.3g} seconds"


def _find_partial_bar(bars: _Bars) -> Anomaly | None:
    """Return the last bar if it is of a session, or a time, that is not over yet."""
    if len(bars) < (8 if bars.is_intraday else 4):
        return None
    if bars.is_intraday:
        is_partial = _ends_within_a_bar(bars)
    elif bars.usual_step > 2 * DAY:
        steps = bars.steps()
        is_partial = steps[-1] < 0.75 * steps[:-1].min()
    else:
        is_partial = _ends_within_a_day(bars)
    if not is_partial:
        return None
    text = f"is the last and follows row {len(bars) - 1} ({bars.format_date(len(bars) - 2)}) "
    text += "sooner, or at another time, than the others do: its bar may be live"
    action = "Drop it unless it is whole."
    return bars.describe("partial last bar", [len(bars) - 1], text, action)


def _ends_within_a_bar(bars: _Bars) -> bool:
    """Return whether the last of regular intraday bars is at an irregular time."""
    ticks = bars.ticks[-1000:]
    usual = round(bars.usual_step * bars.per_second)
    steps = np.diff(ticks)
    if usual < 1 or steps[:-1].min() < usual:
        return False
    phases = ticks % usual
    return bool((phases[:-1] == phases[0]).all() and phases[-1] != phases[0])


def _ends_within_a_day(bars: _Bars) -> bool:
    """Return whether the last daily bar is of the day before it, or at an odd time of its day."""
    days, times = np.divmod(bars.local_seconds, int(DAY))
    is_again = days[1:] == days[:-1]
    if is_again[-1]:
        return not bool(is_again[:-1].any())
    last = int(times[-1])
    if last == times[-2]:
        return False
    usual = np.unique(times[:-1])
    if usual.size == 1 and usual[0] == 0:
        return last != HOUR  # midnight in summer time
    return usual.size <= 2 and last not in usual and last % 1800 != 0


def _find_gap(bars: _Bars) -> Anomaly | None:
    """Return the first place where bars are missing."""
    if len(bars) < 4:
        return None
    rows = _find_intraday_gaps(bars) if bars.is_intraday else _find_long_steps(bars)
    if not rows.size:
        return None
    row = int(rows[0])
    step = float(bars.steps(row - 1, row + 1)[0])
    text = (
        f"follows row {row} ({bars.format_date(row - 1)}) after {_format_span(step)}: "
        "bars are missing"
    )
    action = "Download the prices again, or use those after it."
    return bars.describe("gap", rows.tolist(), text, action)


def _find_long_steps(bars: _Bars) -> np.ndarray:
    """Return the rows after gaps of daily and longer bars."""
    steps = bars.steps()
    usual = bars.usual_step
    if usual < 5 * DAY:
        share = [np.count_nonzero(bars.weekdays == day) / len(bars) for day in (SATURDAY, SUNDAY)]
        limit = 2.5 * DAY if min(share) > 0.1 else LONGEST_HOLIDAY
        most_common = 4 * DAY
    else:
        limit = (2.5 if usual < 10 * DAY else 1.8) * usual
        most_common = 1.3 * usual
    long = np.flatnonzero(steps > limit)
    if long.size:
        common = float(np.quantile(steps, 0.9))
        if common > most_common:
            long = long[steps[long] > 4 * common]
    return long + 1


def _find_intraday_gaps(bars: _Bars) -> np.ndarray:
    """Return the rows after gaps that are no pauses, nights, weekends or holidays.

    What comes often, or is near to what does, belongs to the series.
    """
    rows, steps = _list_pauses(bars)
    days = int((bars.ticks[-1] - bars.ticks[0]) / bars.per_second / DAY)
    is_gap = steps > LONGEST_HOLIDAY
    is_night = steps >= NIGHT
    nights = int(np.count_nonzero(is_night))
    if nights <= days // 15:
        is_gap |= is_night
    short = np.sort(steps[~is_night])[::-1]
    allowed = days // 3 if nights else max(days // 3, int(days >= 1))
    for count in range(min(short.size, allowed), 0, -1):
        rest = max(float(short[count]) if count < short.size else 0.0, bars.usual_step)
        least = max(3 * rest, 3 * bars.usual_step, min(HOUR / 2, HALT_BARS * bars.usual_step))
        if short[count - 1] > least:
            is_gap |= (steps >= short[count - 1]) & ~is_night
            break
    return rows[is_gap]


def _list_pauses(bars: _Bars) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that follow later than usual, and the seconds after which they do."""
    least = 1.5 * bars.usual_step * bars.per_second
    rows, steps = [], []
    for start in range(0, len(bars) - 1, BLOCK):
        step = np.diff(bars.ticks[start : start + BLOCK + 1])
        long = np.flatnonzero(step > least)
        rows.append(long + start + 1)
        steps.append(step[long])
    return np.concatenate(rows), np.concatenate(steps) / bars.per_second


def _find_weekend_bar(bars: _Bars) -> Anomaly | None:
    """Return the Saturdays and Sundays of daily bars that have hardly any."""
    if bars.is_intraday or bars.usual_step > 2 * DAY:
        return None
    weekdays = bars.weekdays
    rows = np.flatnonzero(weekdays >= SATURDAY)
    if not 0 < rows.size <= 1 + len(bars) // 1000:
        return None
    days = bars.local_seconds // int(DAY)
    is_weekend_free = weekdays[:-1] + np.diff(days) >= SUNDAY + 1
    is_weekend_free &= (weekdays[:-1] < SATURDAY) & (weekdays[1:] < SATURDAY)
    if not is_weekend_free.any():
        return None  # of too few days to know
    row = int(rows[0])
    text = f"is a {bars.index[row]:%A}, and the others are not"
    return bars.describe(
        "weekend bar", rows.tolist(), text, "Correct its date unless it was a special session."
    )


def _find_future_date(bars: _Bars, now: datetime | None) -> Anomaly | None:
    """Return the bars that are more than a day later than now."""
    moment = pd.Timestamp(now if now is not None else datetime.now(UTC))
    moment = moment.tz_convert(None) if moment.tzinfo is not None else moment
    limit = int((moment.timestamp() + DAY) * bars.per_second)
    row = int(np.searchsorted(bars.ticks, limit, "right"))
    if row == len(bars):
        return None
    text = "is in the future"
    action = "Correct the date, or drop the row."
    return bars.describe("future date", list(range(row, len(bars))), text, action)


def _find_one_session(bars: _Bars) -> Anomaly | None:
    """Return a note on intraday bars of a single session."""
    if len(bars) < 2 or not bars.is_intraday:
        return None
    span = float(bars.ticks[-1] - bars.ticks[0]) / bars.per_second
    if span >= INTRADAY:
        return None
    message = (
        f"{bars.name}: all {len(bars):,} bars, from {bars.format_date(0)} to "
        f"{bars.format_date(len(bars) - 1)}, are of one session, too little to know the bars of a "
        "year. Set them with --periods-per-year, or use more sessions."
    )
    return Anomaly("one session", message, None)
