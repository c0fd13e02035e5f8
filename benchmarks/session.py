"""What a question costs in a warm session, by what it changes, beside the same of qmac.optimize.

python -m benchmarks.session [--rounds 40]
"""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import qmac
from benchmarks.measuring import Section, rounds_from
from qmac.results.result import Result

GRIDS = {"2:252:10": range(2, 253, 10), "2:252:5": range(2, 253, 5)}
WARM_UP = 5
"""Questions that do not count."""


def list_questions(prices: qmac.Prices) -> Mapping[str, Callable[[int], dict[str, Any]]]:
    """Return by what changes the arguments of the question of a number."""
    dates = [str(date)[:10] for date in prices.index]
    return {
        "fees": lambda number: {"rules": qmac.Rules(fees=number / 1e4)},
        "start": lambda number: {"rules": qmac.Rules(start=dates[10 * number])},
        "end": lambda number: {"rules": qmac.Rules(end=dates[-1 - 10 * number])},
        "average": lambda number: {"rules": qmac.Rules(average=("sma", "ema")[number % 2])},
        "least trades": lambda number: {"min_trades": 2 + number},
    }


def ask(answer: Callable[..., Result], questions: Iterator[dict[str, Any]]) -> tuple[float, float]:
    """Return milliseconds of CPU and of wall time of a question; its best row is looked at."""
    question = next(questions)
    cpu, wall = time.process_time(), time.perf_counter()
    assert answer(**question, top=100).best
    return 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)


def measure(rounds: int = 40) -> Section:
    """Return a section as those of docs/benchmarks.md."""
    section = Section(
        "session",
        "A question in a session",
        "Milliseconds of CPU and of wall time of one question, medians, 5,031 bars; each question "
        "differs from the one before in what the row says, the two columns in turn.",
        ("grid", "changed", "session, CPU / wall", "qmac.optimize, CPU / wall"),
    )
    prices = qmac.sample_prices()
    for name, windows in GRIDS.items():
        grid = qmac.Grid(windows=windows)
        with qmac.Session(prices, grid) as session:
            for changed, build in list_questions(prices).items():
                ways = (session.optimize, functools.partial(qmac.optimize, prices, grid))
                feeds = [map(build, itertools.count()) for _ in ways]
                values = np.array(
                    [
                        [ask(way, feed) for way, feed in zip(ways, feeds, strict=True)]
                        for _ in range(WARM_UP + rounds)
                    ]
                )[WARM_UP:]
                shown = [_show(values[:, place]) for place in range(len(ways))]
                section.rows.append((name, changed, *shown))
    return section


def _show(values: np.ndarray) -> str:
    cpu, wall = (statistics.median(column) for column in values.T)
    return f"{cpu:.1f} / {wall:.1f}"


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 40)).markdown())
