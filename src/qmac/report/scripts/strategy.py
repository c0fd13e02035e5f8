"""What every script is written from: one combination, its rules, and what qmac says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from qmac.engine.backtest.backtest import Backtest, backtest
from qmac.errors import OptionError, printable
from qmac.results.result import Result
from qmac.strategy.averages import OF_THE_USER, averages_in_words
from qmac.strategy.grid import Combination, check_combination
from qmac.strategy.rules import STOPS, Rules

PLACEHOLDER = "prices.csv"
"""Stands for the file of prices where it is not known."""
COLUMNS = ("Open", "High", "Low", "Close")
STOPPED_BAR = "a stop closed the position within this bar: no signal acts on it"
"""What scripts with stops say where they skip the bar of a stop."""


@dataclass(frozen=True)
class ScriptStrategy:
    """One combination on one series, as scripts need it."""

    name: str
    """Name of the prices; it may hold anything."""
    combination: Combination
    rules: Rules
    run: Backtest
    """What qmac says of it."""
    missing: tuple[str, ...]
    """Columns of ``COLUMNS`` that the prices lack."""
    path: str
    """File of the prices."""

    @property
    def stops(self) -> list[str]:
        """Names of the stops that the rules have."""
        return [name for name in STOPS if getattr(self.rules, name) is not None]

    def describe(self) -> list[str]:
        """Return the strategy and its outcome, a line each, without anything that ends a line.

        Returns
        -------
        list of str
            Plain sentences.
        """
        buy_fast, buy_slow, sell_fast, sell_slow = self.combination
        rules, trades = self.rules, self.run.trades
        average = rules.average
        first, last = (str(date.date()) for date in self.run.equity.index[[0, -1]])
        place = "at the close of that bar" if rules.fill == "close" else "at the next bar's open"
        stops = [
            rule.metadata["sentence"].format(value=value, percent=100 * value)
            for rule in fields(rules)
            if rule.name in (*STOPS, "max_bars")
            and (value := getattr(rules, rule.name)) is not None
        ]
        open_position = ", the last one still open" if self.has_open_position else ""
        title = f"QMAC {buy_fast}/{buy_slow} > {sell_fast}/{sell_slow} on {printable(self.name)}"
        buys = f"Buys when {average}({buy_fast}) crosses above {average}({buy_slow})"
        sells = f"sells when {average}({sell_fast}) crosses below {average}({sell_slow})"
        costs = f"Fees {rules.fees:.4%}, slippage {rules.slippage:.4%} at each fill."
        growth = self.run.metrics["total_return"]
        return [
            f"{title}, {first} to {last}.",
            f"{buys}, {sells};",
            f"{averages_in_words(average)}. Filled {place}. {costs}",
            *stops,
            f"qmac: {len(trades)} trades{open_position}; total return {growth:.4%}.",
        ]

    def check_costs_and_fill(self, tool: str) -> None:
        """Refuse stops that a tool with one cost for all exits would fill otherwise.

        Parameters
        ----------
        tool : str
            Its name.

        Raises
        ------
        OptionError
            If there are stops with slippage, or with fills at the next open.
        """
        if self.stops and self.rules.slippage:
            raise OptionError(
                f"{tool} has one cost for all exits, and a stop of qmac has fees but no slippage. "
                "Use --slippage 0 with fees in its place, or vectorbt."
            )
        if self.stops and self.rules.fill == "next_open":
            raise OptionError(
                f"{tool} fills an order at the open before a stop within that bar, and qmac the "
                "stop. Use fill close, or vectorbt."
            )

    @property
    def has_open_position(self) -> bool:
        """Whether the last trade is open at the last bar."""
        exits = self.run.trades["exit"]
        return bool(len(exits)) and exits.iloc[-1] == "open"

    @property
    def acts_at_the_end(self) -> bool:
        """Whether an order is filled at the close of the very last bar."""
        last, trades = self.run.equity.index[-1], self.run.trades
        is_filled_there = (trades["entry_date"] == last) | (
            (trades["exit_date"] == last) & (trades["exit"] != "open")
        )
        return self.rules.fill == "close" and bool(is_filled_there.any())


def build_strategy(
    result: Result, combination: Sequence[int] | None = None, path: str | Path | None = None
) -> ScriptStrategy:
    """Return a combination of a result, as scripts need it.

    Parameters
    ----------
    result : Result
        With its prices.
    combination : sequence of int, optional
        Four windows; the winner by default.
    path : str or Path, optional
        File of the prices.

    Returns
    -------
    ScriptStrategy
        Backtested once more.

    Raises
    ------
    OptionError
        If the result has no winner, or averages of the user.
    GridError
        If the combination is invalid.
    """
    if result.prices["averages"] == OF_THE_USER:
        raise OptionError(
            "a script computes its averages itself, and this result has averages of your own. "
            'Use a result of Rules(average=...), such as "ema".'
        )
    chosen = result.best if combination is None else check_combination(combination)
    if chosen is None:
        raise OptionError(
            f"{printable(result.prices['name'])} has no best combination: none passes the filters. "
            "Name one: combination=(10, 50, 20, 100), or --combination 10,50,20,100."
        )
    prices, rules = result.series.prices, result.replay_rules
    missing = tuple(name for name in COLUMNS if prices.column(name) is None)
    return ScriptStrategy(
        name=str(result.prices["name"]),
        combination=chosen,
        rules=rules,
        run=backtest(prices, chosen, rules),
        missing=missing,
        path=PLACEHOLDER if path is None else str(path),
    )
