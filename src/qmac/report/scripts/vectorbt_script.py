"""A script for vectorbt."""

from __future__ import annotations

from qmac.errors import OptionError
from qmac.report.scripts.python_script import write_head
from qmac.report.scripts.strategy import ScriptStrategy

OTHER = "Use another tool, or another combination of rules."


def write_vectorbt(strategy: ScriptStrategy) -> str:
    """Return a script for vectorbt.

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
        If vectorbt has no such rule.
    """
    rules = strategy.rules
    if rules.conflict == "opposite":
        raise OptionError(
            "vectorbt cannot do conflict opposite: where entry and exit come together it does "
            f"nothing while flat. {OTHER}"
        )
    if rules.max_bars is not None:
        raise OptionError(f"vectorbt's from_signals cannot do max_bars. {OTHER}")
    if rules.stop_loss is not None and rules.trailing_stop is not None:
        raise OptionError(
            f"vectorbt has one stop, fixed or trailing, and not stop_loss with trailing_stop. "
            f"{OTHER}"
        )
    lines = [write_head(strategy, ["import vectorbt as vbt"])]
    arguments = [
        "    close,\n", "    enters,\n", "    leaves,\n", f"    init_cash={rules.init_cash!r},\n",
        f"    fees={rules.fees!r},\n", f"    slippage={rules.slippage!r},\n",
    ]  # fmt: skip
    if rules.fill == "next_open":
        lines.append(
            "# an order of one bar is filled at the open of the next\n"
            "enters, leaves = (\n"
            "    signal.shift(fill_value=False) for signal in (enters, leaves)\n"
            ")\n"
        )
        arguments += ['    price=bars["Open"],\n', '    stop_entry_price="price",\n']
    if strategy.stops:
        stop = rules.stop_loss or rules.trailing_stop
        for column in ("Open", "High", "Low"):
            if column not in strategy.missing:
                arguments.append(f"    {column.lower()}=bars[{column!r}],\n")
        if stop is not None:
            arguments.append(f"    sl_stop={stop!r},\n")
            arguments.append(f"    sl_trail={rules.trailing_stop is not None},\n")
        if rules.take_profit is not None:
            arguments.append(f"    tp_stop={rules.take_profit!r},\n")
    lines += [
        "portfolio = vbt.Portfolio.from_signals(\n", *arguments, ")\n",
        "print(portfolio.trades.records_readable)\n",
        "growth = portfolio.total_return()\n",
        'print(f"{portfolio.trades.count()} trades, total return {growth:.4%}")\n',
    ]  # fmt: skip
    return "".join(lines)
