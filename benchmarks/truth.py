"""What `qmac luck` and `qmac walk-forward` say of random markets of known truth: docs/truth.md.

    python -m benchmarks.truth [--walks 1000] [--power-walks 400] [--forward-walks 400]

Each number is a count of answers of ``qmac.luck`` or ``qmac.walk_forward``, as users call them.
About 20 minutes on two cores.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

import qmac
from benchmarks.markets import (
    DURATION,
    INDEPENDENT,
    MARKETS,
    Market,
    build_prices,
    plant_trends,
)
from benchmarks.measuring import THREADS, machine
from qmac.robustness.luck.chance import SMALL_P

PAGE = Path(__file__).parents[1] / "docs" / "truth.md"
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 55, 89, 120, 150, 200))
"""12 windows, 2,970 combinations: a walk takes a tenth of a second. A grid of 85,000 finds as many
trends."""
OBJECTIVES = ("total_return", "sharpe_ratio")
NULLS = ("shuffle", "mirror")
RESAMPLES = 39
"""With two of them at least as good, p is above 0.05."""
STOP_AFTER = 5
"""Resamples at least as good after which p is above 0.05 for certain; it saves half of the time."""
SEED = 1
BARS = 1000
LENGTHS, DRIFTS = (1000, 2000, 5000), (0.0010, 0.0015, 0.0020)
CHUNK = 10
"""Walks that a process does at a time."""


def compute_ps(
    market: Market,
    bars: int,
    objective: str,
    walks: Iterable[int],
    nulls: Sequence[str] = NULLS,
    stop_after: int | None = STOP_AFTER,
) -> np.ndarray:
    """Return the p of some random walks by each null hypothesis.

    Parameters
    ----------
    market : callable
        One of ``MARKETS``, or another that draws changes.
    bars : int
        Length of a walk.
    objective : str
        What ranks combinations.
    walks : iterable of int
        Their numbers; each has random numbers of its own.
    nulls : sequence of str
        Null hypotheses.
    stop_after : int, optional
        As of ``qmac.luck``.

    Returns
    -------
    ndarray
        ``(walks, nulls)``.
    """
    rows = []
    for walk in walks:
        prices = build_prices(market(np.random.default_rng((SEED, walk)), bars))
        result = qmac.optimize(prices, GRID, objective, top=1, min_trades=1, threads=1)
        answer = qmac.luck(
            result, RESAMPLES, nulls=nulls, stop_after=stop_after, seed=walk, threads=1
        )
        rows.append(answer.table["p"].to_numpy())
    return np.array(rows)


def count_rejections(ps: np.ndarray) -> np.ndarray:
    """Return the share of walks with a small p, by each null hypothesis and by the larger p.

    Parameters
    ----------
    ps : ndarray
        ``(walks, nulls)``.

    Returns
    -------
    ndarray
        ``(nulls + 1,)``.
    """
    larger = ps.max(axis=1, keepdims=True)
    shares: np.ndarray = (np.hstack((ps, larger)) <= SMALL_P).mean(axis=0)
    return shares


def compute_chi2(ps: np.ndarray) -> float:
    """Return how far p-values are from uniform ones: chi-squared of tenths, 9 degrees of freedom.

    Parameters
    ----------
    ps : ndarray
        ``(walks,)``, of ``RESAMPLES`` that were all counted: each multiple of 1/40 is as likely.

    Returns
    -------
    float
        Above 21.7 in one of a hundred samples of uniform ones.
    """
    tenths = np.ceil(np.round(ps * 10, 9)).astype(int) - 1
    counts = np.bincount(tenths, minlength=10)
    expected = ps.size / 10
    return float(((counts - expected) ** 2).sum() / expected)


Task = Callable[[range], np.ndarray]
"""Returns a row for each walk of a range."""


class Laboratory(NamedTuple):
    """How much is measured, and on how many processes."""

    walks: int
    """Markets of each kind without anything to find."""
    power_walks: int
    """Markets of each kind with trends."""
    forward_walks: int
    """Markets of each kind that are walked forward."""
    processes: int

    def run(self, tasks: Mapping[Hashable, Task], walks: int) -> dict[Hashable, np.ndarray]:
        """Return what tasks bring for all walks, a few walks at a time on each process.

        Parameters
        ----------
        tasks : mapping of callable
            By name.
        walks : int
            Of each of them.

        Returns
        -------
        dict of ndarray
            By the same names.
        """
        chunks = [range(begin, min(begin + CHUNK, walks)) for begin in range(0, walks, CHUNK)]
        context = get_context("spawn")
        with ProcessPoolExecutor(self.processes, context, initializer=be_nice) as pool:
            futures = {
                name: [pool.submit(task, chunk) for chunk in chunks] for name, task in tasks.items()
            }
            results = {}
            for name, parts in futures.items():
                results[name] = np.concatenate([part.result() for part in parts])
                print(f"{name}: {len(results[name])} markets", flush=True)
            return results


def be_nice() -> None:
    """Leave CPUs to other programs."""
    with suppress(AttributeError, OSError):
        os.nice(5)


def describe_sizes(laboratory: Laboratory) -> str:
    """Return the section of markets where there is nothing to find."""
    tasks = {
        (name, objective): functools.partial(compute_ps, market, BARS, objective)
        for (name, market), objective in itertools.product(MARKETS.items(), OBJECTIVES)
    }
    results = laboratory.run(tasks, laboratory.walks)
    shares = {key: count_rejections(ps) for key, ps in results.items()}
    rows = []
    for name in MARKETS:
        by_objective = zip(*(shares[name, objective] for objective in OBJECTIVES), strict=True)
        rows.append((name, *(format_percent(pair) for pair in by_objective)))
    table = format_table(("market", *NULLS, "**larger p**"), rows)
    error = 100 * np.sqrt(SMALL_P * (1 - SMALL_P) / laboratory.walks)
    uniform = {
        objective: functools.partial(
            compute_ps, MARKETS[INDEPENDENT], BARS, objective, nulls=NULLS[:1], stop_after=None
        )
        for objective in OBJECTIVES
    }
    uniform_ps = laboratory.run(uniform, laboratory.walks).values()
    chi2 = " and ".join(f"{compute_chi2(ps[:, 0]):.1f}" for ps in uniform_ps)
    return f"""## Where there is nothing to find

{laboratory.walks:,} markets of {BARS:,} bars each, without any direction that can be predicted; a
drift of 0.03 % a bar, a volatility of about 1 %. About 5.0 should be found, with a standard error
of {error:.1f}. Alone, each null finds too much in some markets: shuffle loses the clusters of
volatility, mirror the skewness. So the larger p counts.

{table}

On independent moves each p of shuffle is as likely: chi-squared of tenths {chi2} (9 degrees of
freedom; 21.7 in one of a hundred).
"""


def describe_power(laboratory: Laboratory) -> str:
    """Return the section of markets where there is something to find."""
    trends = list(itertools.product(DRIFTS, LENGTHS))
    tasks = {
        (drift, bars, objective): functools.partial(
            compute_ps, functools.partial(plant_trends, drift=drift), bars, objective
        )
        for (drift, bars), objective in itertools.product(trends, OBJECTIVES)
    }
    results = laboratory.run(tasks, laboratory.power_walks)
    shares = {key: count_rejections(ps)[-1] for key, ps in results.items()}
    rows = []
    for drift in DRIFTS:
        pairs = [[shares[drift, bars, each] for each in OBJECTIVES] for bars in LENGTHS]
        rows.append((f"{100 * drift:.2f} %", *(format_percent(pair, 0) for pair in pairs)))
    table = format_table(("drift of a bar", *(f"{bars:,} bars" for bars in LENGTHS)), rows)
    error = 100 * np.sqrt(0.25 / laboratory.power_walks)
    return f"""## Where there is something to find

{laboratory.power_walks:,} markets for each figure, a volatility of 1 % a bar, and a drift that
turns from up to down and back, after {DURATION} bars on average. By the larger p; the standard
error is {error:.1f} at most. What `qmac luck` says of trends is the column of 2,000 bars.

{table}
"""


TRAIN, TEST, FOLDS = 1000, 250, 5
WALKED_MARKETS: dict[str, Market] = {
    "independent normal moves, drift of 0.03 %": MARKETS[INDEPENDENT],
    "trends of 0.15 %, turning after 60 bars": functools.partial(plant_trends, drift=0.0015),
    "trends of 0.25 %, turning after 120 bars": functools.partial(
        plant_trends, drift=0.0025, duration=120
    ),
}
"""What winners are followed in, by its description."""


def walk_forward(market: Market, walks: Iterable[int]) -> np.ndarray:
    """Return what following the winners brings in some random walks.

    Parameters
    ----------
    market : callable
        Draws changes.
    walks : iterable of int
        Their numbers.

    Returns
    -------
    ndarray
        ``(walks, 3)``: kept share, mean share of window sets that winners beat in the tests, and
        whether following them beats buy & hold.
    """
    bars = max(GRID.windows) + TRAIN + FOLDS * TEST
    rows = []
    for walk in walks:
        prices = build_prices(market(np.random.default_rng((SEED, walk)), bars))
        forward = qmac.walk_forward(prices, GRID, train=TRAIN, test=TEST, min_trades=1, threads=1)
        returns = forward.metrics.loc["total_return"]
        is_better = returns["followed"] > returns["hold"]
        rows.append((forward.kept_share, forward.folds["better_than"].mean(), is_better))
    return np.array(rows, float)


def describe_walk_forward(laboratory: Laboratory) -> str:
    """Return the section of winners that are followed."""
    tasks: dict[Hashable, Task] = {
        name: functools.partial(walk_forward, market) for name, market in WALKED_MARKETS.items()
    }
    rows = []
    for name, found in laboratory.run(tasks, laboratory.forward_walks).items():
        shares, better_than, is_better = found.T
        error = shares.std() / np.sqrt(shares.size)
        rows.append(
            (
                str(name),
                f"{shares.mean():.2f} +- {error:.2f}",
                f"{np.median(shares):.2f}",
                format_percent([(shares >= HALF).mean()], 0),
                format_percent([better_than.mean()], 0),
                format_percent([is_better.mean()], 0),
            )
        )
    heads = (
        "market",
        "kept share: mean",
        "median",
        "at least 0.5",
        "winner better than",
        "followed beats buy & hold",
    )
    return f"""## What following the winners brings

{laboratory.forward_walks:,} markets of each kind, {FOLDS} folds of {TRAIN:,} bars to choose
from and {TEST} bars after them, by total_return. The kept share is the growth of the account that
follows the winners over that of the winners in their trains. Its usual threshold of 0.5 tells
nothing: it is passed as often where nothing can be predicted. The last three columns are per
cent: of markets, of all window sets, of markets.

{format_table(heads, rows)}
"""


HALF = 0.5
"""A grade of the kept share that others give."""
SECTIONS: tuple[Callable[[Laboratory], str], ...] = (
    describe_sizes,
    describe_power,
    describe_walk_forward,
)


def format_percent(shares: Iterable[float], digits: int = 1) -> str:
    """Return shares in per cent, one beside the other."""
    return " / ".join(f"{100 * share:.{digits}f}" for share in shares)


def format_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_page(laboratory: Laboratory) -> str:
    """Return docs/truth.md."""
    began = time.perf_counter()
    sections = [describe(laboratory) for describe in SECTIONS]
    minutes = (time.perf_counter() - began) / 60
    facts = "; ".join(f"{name} {value}" for name, value in machine().items())
    head = f"""# What luck finds

Written by `make truth`, not by hand (`python -m benchmarks.truth --walks {laboratory.walks}
--power-walks {laboratory.power_walks} --forward-walks {laboratory.forward_walks}`:
{minutes:.0f} minutes, {laboratory.processes} processes).
{facts}.

`qmac.luck` on markets of which it is known what can be found in them: {GRID.size:,} combinations
(windows {", ".join(map(str, GRID.windows))}), {RESAMPLES} resamples of each null, seed {SEED}.
Combinations with a trade or more are ranked (`min_trades=1`). A market is found where p is at most
0.05. Figures are per cent of markets, by total_return / sharpe_ratio.
"""
    return "\n".join([head, *sections])


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--walks", type=int, default=1000, help="markets without anything to find")
    parser.add_argument("--power-walks", type=int, default=400, help="markets with trends")
    parser.add_argument("--forward-walks", type=int, default=400, help="markets walked forward")
    parser.add_argument("--processes", type=int, default=THREADS)
    options = parser.parse_args()
    laboratory = Laboratory(
        options.walks, options.power_walks, options.forward_walks, options.processes
    )
    PAGE.write_text(write_page(laboratory))


if __name__ == "__main__":
    main()
