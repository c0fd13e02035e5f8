"""What the winner's Sharpe ratio says, beside the number of tries of which it is the best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac._checks import check_instance
from qmac.engine.backtest.backtest import Backtest
from qmac.errors import OptionError, shell_quote
from qmac.results.identity import identify
from qmac.results.result import Result
from qmac.robustness.sharpe import (
    compute_deflated_sharpe,
    compute_hurdle,
    compute_least_bars,
    measure_sharpe_ratio,
)
from qmac.robustness.tries.answer import Tries, format_tries
from qmac.robustness.tries.store import compute_question


@dataclass(frozen=True)
class Deflation:
    """A Sharpe ratio as the best of some tries."""

    words: str
    tries: float
    hurdle: float
    """Sharpe ratio a year that the best of so many tries without skill has on average."""
    probability: float
    """That the true Sharpe ratio is above the hurdle."""


@dataclass(frozen=True)
class SharpeSummary:
    """The winner's Sharpe ratio; small print, and no part of any verdict."""

    ratio: float
    """Of a year."""
    bars: int
    skewness: float
    kurtosis: float
    """Raw: 3 for normal returns."""
    least_years: float
    """Years after which the ratio of a single try would be above 0 with 95 % probability; infinite
    where it is not above 0."""
    least_bars: float
    """Bars of these years."""
    rows: tuple[Deflation, ...]
    """One try; tries as measured, where they were; as many as the grid has combinations."""
    command: str
    """Python that measures the tries, where they were not."""

    @property
    def least_text(self) -> str:
        """The least bars in words, with their years where there are some; of finite ones."""
        years = f" ({self.least_years:,.1f} years)" if self.least_years >= 1 else ""
        return f"{math.ceil(self.least_bars):,} bars{years}"


def summarize_sharpe(
    result: Result,
    run: Backtest,
    tries: Tries | None = None,
    directory: str = "",
    symbol: str = "",
) -> SharpeSummary | None:
    """Return what the winner's Sharpe ratio says.

    Parameters
    ----------
    result : Result
        Any result with a winner.
    run : Backtest
        The winner in full.
    tries : Tries, optional
        How many tries the search is worth.
    directory : str
        Directory of the run; empty where the result is in memory.
    symbol : str
        Symbol in a run of many.

    Returns
    -------
    SharpeSummary or None
        None where the highest Sharpe ratio was not searched for, or is undefined.
    """
    if result.objective != "sharpe_ratio" or not result.maximize:
        return None
    values = np.concatenate(([result.rules.init_cash], run.equity.to_numpy()))
    observed = measure_sharpe_ratio(values[1:] / values[:-1] - 1)
    if not math.isfinite(observed.ratio):
        return None
    per_year, least_bars = result.periods_per_year, compute_least_bars(observed)
    counts = [("one try", 1.0), ("every window set a try", float(result.grid.size))]
    if tries is not None:
        low, high = map(format_tries, tries.interval)
        counts.insert(1, (f"tries as measured ({low} to {high})", float(tries)))
    return SharpeSummary(
        ratio=observed.ratio * math.sqrt(per_year),
        bars=observed.bars,
        skewness=observed.skewness,
        kurtosis=observed.kurtosis,
        least_years=least_bars / per_year,
        least_bars=least_bars,
        rows=tuple(
            Deflation(
                words,
                number,
                max(compute_hurdle(observed.bars, number), 0.0) * math.sqrt(per_year),
                compute_deflated_sharpe(observed, number),
            )
            for words, number in counts
        ),
        command="" if tries is not None else describe_tries(directory, symbol),
    )


def describe_tries(directory: str, symbol: str) -> str:
    """Return what measures the tries of a search, for whoever reads its page.

    Parameters
    ----------
    directory : str
        Directory of the run; empty where the result is in memory.
    symbol : str
        Symbol in a run of many.

    Returns
    -------
    str
        A command; Python where the result is in memory.
    """
    if not directory:
        return "result.report(path, luck=result.luck(), tries=result.tries())"
    choice = ["--symbol", symbol] if symbol else []
    return " ".join(map(shell_quote, ["qmac", "luck", directory, *choice, "--tries"]))


def check_tries(tries: Tries, result: Result) -> None:
    """Check that an answer is about the search of a result.

    Parameters
    ----------
    tries : Tries
        What a user passed.
    result : Result
        The result of the page.

    Raises
    ------
    OptionError
        If it is about another one.
    """
    check_instance("tries", tries, Tries, "Use what result.tries() returns.")
    identity = identify(result)
    if identity is None or tries.question != compute_question(
        identity, tries.seed, tries.values.size
    ):
        raise OptionError(
            f"tries must be the answer of result.tries() for this result of "
            f"{result.prices['name']}, got that of another: {tries.sentences[0]} Use "
            "result.tries()."
        )
