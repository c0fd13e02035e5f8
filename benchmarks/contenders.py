"""Other backtesters on the same combinations: vectorbt (both engines), raptorbt, backtesting.py.

    python -m benchmarks.contenders [--rounds 3]

Their entries and exits are computed beforehand, and all combinations go in one call where there is
one: they are timed from signals to total returns, qmac from prices, on the whole grid. One that is
not installed says so.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import statistics
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

import qmac
from benchmarks.measuring import (
    GRID,
    THREADS,
    Section,
    in_turn,
    ratios,
    rounds_from,
    seconds,
    spread,
)
from qmac.engine.dataset.signals import compute_averages
from qmac.strategy.reference import TIE

BARS, COMBINATIONS, SLOW_COMBINATIONS = 2000, 2000, 20
RULES = qmac.Rules(fees=0.001, slippage=0.0)


class Problem:
    """What all contenders compute: averages, signals of each combination, expected returns."""

    def __init__(self, combinations: int = COMBINATIONS) -> None:
        self.prices = qmac.sample_prices().tail(BARS)
        rng = np.random.default_rng(5)
        self.rows = [GRID.combination(int(i)) for i in rng.integers(0, GRID.size, combinations)]
        averages = compute_averages(self.prices, GRID.windows, RULES.average)
        self.averages = dict(zip(GRID.windows, averages, strict=True))
        self.signals = [self._signals(row) for row in self.rows]
        entries, exits = zip(*self.signals, strict=True)
        self.entries = np.array(entries).T.copy()  # (T, N)
        self.exits = np.array(exits).T.copy()
        self.expected = qmac.evaluate(self.prices, self.rows, RULES)["total_return"].to_numpy()

    def _crosses(self, over: int, under: int) -> np.ndarray:
        """Whether an average crosses above another, ``(T,)``."""
        difference = self.averages[over] - self.averages[under]
        tied = np.abs(difference) <= TIE * np.abs(self.averages[over])
        signs = np.where(tied, 0.0, np.sign(difference))
        with np.errstate(invalid="ignore"):
            is_above, was_not_above = signs[1:] > 0, signs[:-1] <= 0
        return np.concatenate(([False], is_above & was_not_above))

    def _signals(self, row: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """On a bar with both neither acts: that is settled here, as contenders have other rules."""
        entries, exits = self._crosses(row[0], row[1]), self._crosses(row[3], row[2])
        return entries & ~exits, exits & ~entries


def vectorbt(problem: Problem, engine: str) -> np.ndarray:
    """Return the total returns by vectorbt."""
    import vectorbt as vbt

    close = pd.Series(problem.prices.close, problem.prices.index)
    portfolio = vbt.Portfolio.from_signals(
        close,
        problem.entries,
        problem.exits,
        fees=RULES.fees,
        slippage=0.0,
        init_cash=100.0,
        freq="1D",
        engine=engine,
    )
    return portfolio.total_return(engine=engine).to_numpy()


def raptorbt(problem: Problem, engine: str = "") -> np.ndarray:
    """Return the total returns by raptorbt."""
    import raptorbt as rbt

    close = problem.prices.close
    stamps = problem.prices.index.to_numpy().astype("datetime64[ns]").astype(np.int64)
    items = [rbt.BatchSingleItem(str(n), *signals) for n, signals in enumerate(problem.signals)]
    config = rbt.BacktestConfig(initial_capital=100.0, fees=RULES.fees, slippage=0.0)
    found = rbt.batch_single_backtest(
        stamps, close, close, close, close, np.ones_like(close), items, config
    )
    return np.array([result.metrics.total_return_pct / 100 for _, result in found])


def backtesting_py(problem: Problem, engine: str = "") -> np.ndarray:
    """Return the total returns by backtesting.py."""
    from backtesting import Backtest, Strategy

    class Crossings(Strategy):  # type: ignore[misc]
        """Enters and exits on given bars."""

        entries = exits = None

        def init(self) -> None:
            pass

        def next(self) -> None:
            t = len(self.data) - 1
            if self.position:
                if self.exits[t]:
                    self.position.close()
            elif self.entries[t]:
                self.buy(size=0.999999)  # shares are whole, and it does not keep cash for the fee

    close = problem.prices.close
    frame = pd.DataFrame(
        dict.fromkeys(("Open", "High", "Low", "Close"), close), index=problem.prices.index
    )
    backtest = Backtest(frame, Crossings, cash=1e9, commission=RULES.fees, trade_on_close=True)
    returns = []
    # a progress bar, and a warning of trades that are open at the end
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entries, exits in problem.signals:
            returns.append(backtest.run(entries=entries, exits=exits)["Return [%]"] / 100)
    return np.array(returns)


CONTENDERS: dict[str, tuple[Callable[..., np.ndarray], str, str, int]] = {
    "vectorbt, Numba engine": (vectorbt, "numba", "vectorbt", COMBINATIONS),
    "vectorbt, Rust engine": (vectorbt, "rust", "vectorbt", COMBINATIONS),
    f"raptorbt batch, {THREADS} threads": (raptorbt, "", "raptorbt", COMBINATIONS),
    "backtesting.py": (backtesting_py, "", "backtesting", SLOW_COMBINATIONS),
}


def measure(rounds: int = 3) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "contenders",
        "Other backtesters, same combinations, same results",
        f"{BARS:,} bars, random combinations of the full grid ({COMBINATIONS:,}; backtesting.py "
        f"{SLOW_COMBINATIONS}), fees 0.1 %, from signals to total returns; qmac from prices, the "
        "whole grid, all reductions. Ratios are medians over rounds in turn, of one qmac thread "
        "over contenders with one. Largest difference is that of the growth of cash; "
        "backtesting.py buys whole shares.",
        ("contender", "version", "combinations/s", "qmac over it", "largest difference"),
    )
    prices = Problem(1).prices
    runs: dict[str, Callable[[], float]] = {}
    differences: dict[str, str] = {}
    for name, (run, engine, package, count) in CONTENDERS.items():
        problem = Problem(count)
        try:
            returns = run(problem, engine)
        except Exception as error:  # one that does not run is a row, not the end of the table
            reason = f"not measured: {type(error).__name__}: {error}"[:120]
            section.rows.append((name, _version(package), reason, "", ""))
            continue
        differences[name] = _format_difference(returns, problem.expected)
        runs[name] = lambda run=run, problem=problem, engine=engine, count=count: (
            count / seconds(lambda: run(problem, engine))
        )
    runs["qmac, 1 thread"] = lambda: (
        GRID.size / seconds(lambda: qmac.optimize(prices, GRID, rules=RULES, threads=1))
    )
    runs[f"qmac, {THREADS} threads"] = lambda: (
        GRID.size / seconds(lambda: qmac.optimize(prices, GRID, rules=RULES))
    )
    rates = in_turn(runs, rounds)
    for name, found in rates.items():
        if name.startswith("qmac"):
            section.rows.append((name, qmac.__version__, spread(found), "", ""))
        else:
            ours = rates[f"qmac, {THREADS} threads" if "threads" in name else "qmac, 1 thread"]
            section.rows.append(
                (
                    name,
                    _version(CONTENDERS[name][2]),
                    spread(found),
                    f"{statistics.median(ratios(ours, found)):,.0f}",
                    differences[name],
                )
            )
    return section


def _format_difference(returns: np.ndarray, expected: np.ndarray) -> str:
    """Return the largest difference of the growth of cash, and how many are not small."""
    relative = np.abs(returns - expected) / (1 + np.abs(expected))
    text = f"{relative.max():.0e}"
    if relative.max() > 1e-5:
        text += f", {np.mean(relative > 1e-5):.1%} above 1e-5"
    return text


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
