"""A script for backtesting.py."""

from __future__ import annotations

from qmac.errors import OptionError
from qmac.report.scripts.python_script import write_head
from qmac.report.scripts.strategy import STOPPED_BAR, ScriptStrategy
from qmac.strategy.rules import Rules

CLOSE = "            trade.close()\n"
MOST_COMMISSION = 0.1
"""backtesting.py takes less than this."""
LAST_BAR = (
    "An order at the close of the last bar is not filled by backtesting.py, which fills it on the "
    "bar after it."
)


def write_backtesting(strategy: ScriptStrategy) -> str:
    """Return a script for backtesting.py.

    Parameters
    ----------
    strategy : ScriptStrategy
        What it does.

    Returns
    -------
    str
        Python.

    Raises
    ------
    OptionError
        If backtesting.py has no such rule.
    """
    rules = strategy.rules
    commission = 1 - rules.sell_factor
    strategy.check_costs_and_fill("backtesting.py")
    if commission >= MOST_COMMISSION:
        raise OptionError(
            f"backtesting.py takes a commission below 10 %, and fees with slippage make "
            f"{commission:.4%} of an exit. Use vectorbt."
        )
    notes = [LAST_BAR] if strategy.acts_at_the_end else []
    head = write_head(strategy, ["from backtesting import Backtest, Strategy"], notes)
    spread = rules.buy_factor / (1 + commission) - 1
    columns = [f"bars[{name!r}] = {_replace(name)}\n" for name in strategy.missing]
    return "".join([
        head, *columns, "\n\n", *_write_class(strategy), "\n\n",
        "# fees and slippage: what an entry costs more than an exit is the spread\n",
        "test = Backtest(\n", "    bars,\n", "    Qmac,\n",
        "    cash=1e15,  # units are whole numbers: many, so that rounding does not matter\n",
        f"    commission={commission!r},\n",
        f"    spread={max(spread, 0.0)!r},\n",
        f"    trade_on_close={rules.fill == 'close'},\n", ")\n",
        "statistics = test.run()\n",
        'print(statistics["_trades"])\n',
        "print(f\"{len(statistics['_trades'])} trades closed, \"\n",
        "      f\"total return {statistics['Equity Final [$]'] / 1e15 - 1:.4%}\")\n",
    ])  # fmt: skip


def _replace(name: str) -> str:
    """Return what stands for a column that the prices lack."""
    if name == "Open":
        return "close"
    function = "max" if name == "High" else "min"
    return f'bars[["Open", "Close"]].{function}(axis=1)'


def _write_class(strategy: ScriptStrategy) -> list[str]:
    """Return the class that trades, in lines."""
    rules = strategy.rules
    fills_at_close = rules.fill == "close"
    lines = [
        "class Qmac(Strategy):\n",
        "    def init(self):\n",
        "        self.enters, self.leaves = enters.to_numpy(), leaves.to_numpy()\n",
        *(["        self.highest = 0.0\n"] if rules.trailing_stop else []),
        "\n",
        "    def next(self):\n",
        "        bar = len(self.data) - 1\n",
        "        if not self.trades:\n",
    ]
    if strategy.stops:
        lines += [
            "            if self.closed_trades and self.closed_trades[-1].exit_bar == bar:\n",
            f"                return  # {STOPPED_BAR}\n",
        ]
    lines += ["            if self.enters[bar]:\n", "                self.buy()\n"]
    if strategy.stops:
        lines[-1] = f"                self.buy({_write_bracket(strategy)})\n"
        if rules.trailing_stop:
            lines.append("                self.highest = self.data.Close[-1]\n")
    lines += ["            return\n", "        trade = self.trades[0]\n"]
    leaves = "self.leaves[bar]"
    if rules.max_bars is not None:
        held = rules.max_bars if fills_at_close else rules.max_bars - 1
        leaves = f"{leaves} or bar - trade.entry_bar == {held}"
    lines.append(f"        if {leaves}:\n")
    if strategy.stops:
        lines.append("            trade.sl = trade.tp = None  # the close comes first\n")
    lines.append(CLOSE)
    if rules.trailing_stop:
        lines += ["            return\n", *_move_stop(rules)]
    return lines


def _write_bracket(strategy: ScriptStrategy) -> str:
    """Return the stops of an entry at the close, as arguments."""
    rules = strategy.rules
    distances = [value for value in (rules.stop_loss, rules.trailing_stop) if value is not None]
    arguments = []
    if distances:
        arguments.append(f"sl=self.data.Close[-1] * (1 - {min(distances)!r})")
    if rules.take_profit is not None:
        arguments.append(f"tp=self.data.Close[-1] * (1 + {rules.take_profit!r})")
    return ", ".join(arguments)


def _move_stop(rules: Rules) -> list[str]:
    """Return how a stop that trails is moved at the end of a bar."""
    floors = [f"self.highest * (1 - {rules.trailing_stop!r})"]
    if rules.stop_loss is not None:
        floors.append(f"trade.entry_price * (1 - {rules.stop_loss!r})")
    level = floors[0] if len(floors) == 1 else f"max({', '.join(floors)})"
    return [
        "        self.highest = max(self.highest, self.data.High[-1])\n",
        f"        trade.sl = {level}\n",
    ]
