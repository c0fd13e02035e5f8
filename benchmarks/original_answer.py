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

HEAD_ROWS = 1000


def main() -> None:
    """Print both tables."""
    columns = ("best combination", "its score", "score with the other averages", "its rank there")
    print(f"| bars | averages | {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|")
    for bars in (800, 2000, 5031):
        compare(qmac.sample_prices().tail(bars))
    print()
    columns = ("mean difference of a score", "correlation", "top 1,000 in common")
    print(f"| bars | combinations | {' | '.join(columns)} |")
    print("|---|---|---|---|---|")
    for bars in (800, 2000, 5031):
        spread(qmac.sample_prices().tail(bars))


def compare(prices: qmac.Prices) -> None:
    """Print the best combination of each kind of averages, and what it is by the other kind."""
    grid = qmac.Grid(windows=range(2, 253))
    for name in ("stale", "right"):
        scores, rows = run(prices, grid, name, 1)
        best = tuple(int(window) for window in rows[0])
        other = "right" if name == "stale" else "stale"
        again, better = rank_of(prices, grid, other, best)
        print(f"| {len(prices):,} | {name} | {best} | {scores[0]:.4f} | {again:.4f} | {better:,} |")


def spread(prices: qmac.Prices) -> None:
    """Print how far the scores of a small grid are apart."""
    grid = qmac.Grid(windows=range(2, 253, 9))
    stale, right = _score_rows(prices, grid, "stale"), _score_rows(prices, grid, "right")
    a, b = np.array(list(stale.values())), np.array([right[row] for row in stale])
    difference, correlation = np.abs(a - b).mean(), np.corrcoef(a, b)[0, 1]
    common = len(_find_best(stale) & _find_best(right))
    size = f"{len(prices):,} | {grid.size:,}"
    print(f"| {size} | {difference:.4f} | {correlation:.4f} | {common} |")


def _score_rows(prices: qmac.Prices, grid: qmac.Grid, name: str) -> dict[tuple[int, ...], float]:
    """Return the score of every combination."""
    scores, rows = run(prices, grid, name, grid.size)
    return dict(zip(map(tuple, rows.tolist()), scores.tolist(), strict=True))


def _find_best(scores: dict[tuple[int, ...], float]) -> set[tuple[int, ...]]:
    """Return the combinations with the highest scores."""
    ranked = sorted(scores, key=lambda row: (-scores[row], row))
    return set(ranked[:HEAD_ROWS])


def dataset(prices: qmac.Prices, grid: qmac.Grid, name: str) -> Dataset:
    """Return the data of the original, with its averages or with right ones."""
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
    """Score of a combination under the other averages, and about how many do better."""
    whole = dataset(prices, grid, name)
    buy, sell = grid.buys.rank(*combination[:2]), grid.sells.rank(*combination[2:])
    score = _score(whole, buy, sell)
    evaluator = Evaluator(whole, original.build_spec(grid, 1))
    tally = compute_tally(evaluator, 2)
    scale, histogram = evaluator.scale, tally.totals.histogram
    edges = scale.low + np.arange(histogram.size) / scale.bins_per_unit
    return score, int(histogram[edges > score].sum())


def _score(whole: Dataset, buy: int, sell: int) -> float:
    entries, exits = _events(whole.buys, buy), _events(whole.sells, sell)
    opened, closed, _ = find_trades(
        entries, exits, np.full(whole.bars, whole.bars), whole.bars, False
    )
    prices = whole.trade_values.prices
    ends = np.append(prices.exit, prices.last)[closed]
    return float((ends / prices.entry[opened] - 1).sum())


def _events(side: Lists, pair: int) -> np.ndarray:
    """The event list of a pair."""
    place = int(np.flatnonzero(side.pairs.pairs == pair)[0])
    n = int(np.searchsorted(side.pairs.starts, place, side="right")) - 1
    return side.crosses.bars[side.crosses.starts[n] : side.crosses.starts[n + 1]]


if __name__ == "__main__":
    main()
