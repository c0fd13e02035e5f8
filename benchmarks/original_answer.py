"""How far the original's stale average moved its answer: both averages, same costs, same bars.

    python -m benchmarks.original_answer

Prints the table of docs/original.md.
"""

from __future__ import annotations

import numpy as np

import qmac
from benchmarks import original
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.signals import compute_averages
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.signals.crosses import TIE
from qmac.kernels.signals.event_lists import Lists
from qmac.kernels.trades.replay import find_trades
from qmac.runtime.execution.threads import compute_tally

KEPT = 1000


def main() -> None:
    print(
        "| bars | averages | best combination | its score | score with the other averages | its rank there |"
    )
    print("|---|---|---|---|---|---|")
    for bars in (800, 2000, 5031):
        compare(qmac.sample_prices().tail(bars))
    print()
    print(
        "| bars | combinations | mean difference of a score | correlation | top 1,000 in common |"
    )
    print("|---|---|---|---|---|")
    for bars in (800, 2000, 5031):
        spread(qmac.sample_prices().tail(bars))


def compare(prices: qmac.Prices) -> None:
    grid = qmac.Grid(windows=range(2, 253))
    for name in ("stale", "right"):
        scores, rows = run(prices, grid, name, 1)
        best = tuple(int(window) for window in rows[0])
        other = "right" if name == "stale" else "stale"
        again, better = rank_of(prices, grid, other, best)
        print(f"| {len(prices):,} | {name} | {best} | {scores[0]:.4f} | {again:.4f} | {better:,} |")


def spread(prices: qmac.Prices) -> None:
    grid = qmac.Grid(windows=range(2, 253, 9))
    stale, right = (
        dict(zip(map(tuple, rows), s, strict=True))
        for s, rows in (run(prices, grid, n, grid.size) for n in ("stale", "right"))
    )
    a, b = np.array(list(stale.values())), np.array([right[row] for row in stale])
    heads = [
        set(sorted(scores, key=lambda row: (-scores[row], row))[:KEPT]) for scores in (stale, right)
    ]
    common = len(heads[0] & heads[1])
    print(
        f"| {len(prices):,} | {grid.size:,} | {np.abs(a - b).mean():.4f} | {np.corrcoef(a, b)[0, 1]:.4f} | {common} |"
    )


def dataset(prices: qmac.Prices, grid: qmac.Grid, name: str) -> Dataset:
    if name == "stale":
        return original.as_dataset(prices.close, grid)
    return original.dataset_of(
        compute_averages(prices, grid.windows, "sma"), prices.close, grid, TIE
    )


def run(prices: qmac.Prices, grid: qmac.Grid, name: str, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and windows of the best."""
    evaluator = Evaluator(dataset(prices, grid, name), original.build_spec(grid, top))
    tally = compute_tally(evaluator, 2)
    scores, indices = reductions.ranked_top(tally)
    return scores, grid.combinations_at(indices)


def rank_of(
    prices: qmac.Prices, grid: qmac.Grid, name: str, combination: tuple[int, ...]
) -> tuple[float, int]:
    """Score of a combination under the other averages, and about how many of the grid do better there."""
    whole = dataset(prices, grid, name)
    buy, sell = grid.buys.rank(*combination[:2]), grid.sells.rank(*combination[2:])
    score = _score(whole, buy, sell)
    evaluator = Evaluator(whole, original.build_spec(grid, 1))
    tally = compute_tally(evaluator, 2)
    edges = (
        evaluator.scale.low + np.arange(tally.totals.histogram.size) / evaluator.scale.bins_per_unit
    )
    return score, int(tally.totals.histogram[edges > score].sum())


def _score(whole: Dataset, buy: int, sell: int) -> float:
    entries, exits = _events(whole.buys, buy), _events(whole.sells, sell)
    opened, closed, _ = find_trades(
        entries, exits, np.full(whole.bars, whole.bars), whole.bars, False
    )
    prices = whole.trade_values.prices
    ends = np.append(prices.sell, prices.last)[closed]
    return float((ends / prices.buy[opened] - 1).sum())


def _events(side: Lists, pair: int) -> np.ndarray:
    """The event list of a pair."""
    place = int(np.flatnonzero(side.pairs.pairs == pair)[0])
    n = int(np.searchsorted(side.pairs.starts, place, side="right")) - 1
    return side.crosses.bars[side.crosses.starts[n] : side.crosses.starts[n + 1]]


if __name__ == "__main__":
    main()
