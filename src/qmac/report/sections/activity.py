"""Trades of the most active combination, where a bound of their number leaves none."""

from __future__ import annotations

from qmac.errors import OutOfMemoryError, PricesError, ResultError
from qmac.results.result import Result

MOST_CPU_SECONDS = 20.0
"""Of the sweep that left nothing, which is repeated for the number of trades."""


def find_most_trades(result: Result) -> int | None:
    """Return the number of trades of the most active combination of a result without a best one.

    The grid is swept a second time, with the number of trades as its objective.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    int or None
        None where another constraint leaves nothing, the prices are missing, or the sweep took
        longer than a moment.
    """
    if result.filtered_by.get("total_trades") != result.evaluated:
        return None
    if result.prices["averages"] == "own" or result.elapsed * result.threads > MOST_CPU_SECONDS:
        return None
    from qmac.api import optimize

    try:
        swept = optimize(
            result.series.prices,
            result.grid,
            "total_trades",
            result.replay_rules,
            top=1,
            min_trades=0,
            threads=result.threads,
        )
    except (OutOfMemoryError, PricesError, ResultError):
        return None
    return int(swept.top["total_trades"].iloc[0])
