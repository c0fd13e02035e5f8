"""A script for TradingView, in Pine version 6."""

from __future__ import annotations

from qmac.errors import OptionError
from qmac.report.scripts.strategy import STOPPED_BAR, ScriptStrategy

EXPONENTIAL = """exponential(float source, float alpha) =>
    var float value = na
    value := na(value) ? source : value + alpha * (source - value)
    value
"""
AVERAGES = {
    "sma": """average(float source, int window) =>
    ta.sma(source, window)
""",
    "wma": """average(float source, int window) =>
    ta.wma(source, window)
""",
    "hma": """average(float source, int window) =>
    half = ta.wma(source, int(math.max(math.floor(window / 2), 1)))
    full = ta.wma(source, window)
    ta.wma(2 * half - full, int(math.floor(math.sqrt(window))))
""",
    "ema": EXPONENTIAL
    + """average(float source, int window) =>
    once = exponential(source, 2.0 / (window + 1))
    bar_index >= window - 1 ? once : na
""",
    "rma": EXPONENTIAL
    + """average(float source, int window) =>
    once = exponential(source, 1.0 / window)
    bar_index >= window - 1 ? once : na
""",
    "dema": EXPONENTIAL
    + """average(float source, int window) =>
    once = exponential(source, 2.0 / (window + 1))
    twice = exponential(once, 2.0 / (window + 1))
    bar_index >= window - 1 ? 2 * once - twice : na
""",
    "tema": EXPONENTIAL
    + """average(float source, int window) =>
    once = exponential(source, 2.0 / (window + 1))
    twice = exponential(once, 2.0 / (window + 1))
    thrice = exponential(twice, 2.0 / (window + 1))
    bar_index >= window - 1 ? 3 * once - 3 * twice + thrice : na
""",
}
"""Definitions of docs/strategy.md. Averages of Pine that begin otherwise are not used."""
SIGNALS = """sign(float fast, float slow) =>
    rounding = math.pow(2, -48) * math.max(math.abs(fast), math.abs(slow))
    math.abs(fast - slow) <= rounding ? 0 : fast > slow ? 1 : fast < slow ? -1 : na

buyFast = average(close, {0})
buySlow = average(close, {1})
sellFast = average(close, {2})
sellSlow = average(close, {3})
buy = sign(buyFast, buySlow)
sell = sign(sellFast, sellSlow)
crossesAbove = buy > 0 and buy[1] <= 0
crossesBelow = sell < 0 and sell[1] >= 0
"""
PLOTS = """
plot(buyFast, "buy fast {0}", color.green)
plot(buySlow, "buy slow {1}", color.teal)
plot(sellFast, "sell fast {2}", color.red)
plot(sellSlow, "sell slow {3}", color.maroon)
"""


def write_pine(strategy: ScriptStrategy) -> str:
    """Return a script for TradingView.

    Parameters
    ----------
    strategy : ScriptStrategy
        What it does.

    Returns
    -------
    str
        Pine, version 6.

    Raises
    ------
    OptionError
        If Pine has no such rule.
    """
    rules = strategy.rules
    _check_stops(strategy)
    fills_at_close = rules.fill == "close"
    kept = rules.sell_factor / rules.buy_factor
    commission = (1 - kept) / (1 + kept)  # (1 - c) / (1 + c) is what a round trip keeps
    comments = "".join(
        f"// {line}\n" for line in [*strategy.describe(), *_describe_limits(strategy)]
    )
    roles = strategy.combination
    title = "QMAC " + " ".join(map(str, roles))
    return "".join([
        "//@version=6\n", comments,
        f'strategy("{title}", overlay = true, initial_capital = {rules.init_cash!r},\n',
        "     default_qty_type = strategy.percent_of_equity, default_qty_value = 100,\n",
        "     commission_type = strategy.commission.percent,\n",
        f"     commission_value = {100 * commission!r},\n",
        f"     process_orders_on_close = {str(fills_at_close).lower()}, margin_long = 0)\n\n",
        AVERAGES[rules.average], "\n", SIGNALS.format(*roles), *_write_orders(strategy),
        PLOTS.format(*roles),
    ])  # fmt: skip


def _check_stops(strategy: ScriptStrategy) -> None:
    """Refuse stops that Pine fills otherwise."""
    rules = strategy.rules
    strategy.check_costs_and_fill("Pine")
    if rules.take_profit is not None and len(strategy.stops) > 1:
        raise OptionError(
            "Pine decides by the shape of a bar which of two stops is reached first, and qmac "
            "takes the lower one. Use one of them, or vectorbt."
        )


def _describe_limits(strategy: ScriptStrategy) -> list[str]:
    """Return in which points TradingView may differ."""
    rules = strategy.rules
    lines = [
        "Add it to a chart of the same bars. TradingView has prices of its own.",
    ]
    if rules.fees and rules.slippage:
        lines.append(
            "Fees and slippage are one commission, the same at entry and exit: a closed trade "
            "makes the same, an open one differs by a little."
        )
    if rules.fill == "next_open":
        lines.append(
            "TradingView computes the number of units at the close before the entry, qmac at the "
            "open itself."
        )
    if rules.end is not None:
        lines.append(f"A position that is open at {rules.end} is closed by its signal later.")
    return lines


def _write_orders(strategy: ScriptStrategy) -> list[str]:
    """Return the part that trades, in lines."""
    rules = strategy.rules
    enters, leaves = ["crossesAbove"], "crossesBelow"
    if rules.conflict == "ignore":  # both at once: neither acts
        enters, leaves = ["crossesAbove and not crossesBelow"], "crossesBelow and not crossesAbove"
    if rules.start is not None:
        enters.append(f'time >= timestamp("{rules.start}")')
    if rules.end is not None:
        moment = str(rules.end)
        moment = moment if "T" in moment else f"{moment}T23:59:59"
        enters.append(f'time <= timestamp("{moment}")')
    lines = [f"enters = {' and '.join(enters)}\n", f"leaves = {leaves}\n"]
    if rules.max_bars is not None:
        held = rules.max_bars if rules.fill == "close" else rules.max_bars - 1
        opened = "strategy.opentrades.entry_bar_index(0)"
        lines.append(f"isOver = strategy.position_size > 0 and bar_index - {opened} == {held}\n")
    is_over = " or isOver" if rules.max_bars is not None else ""
    lines.append("isFlat = strategy.position_size == 0\n")
    if strategy.stops:
        last = "strategy.closedtrades.exit_bar_index(strategy.closedtrades - 1)"
        lines.append(f"// {STOPPED_BAR}\n")
        lines.append(f"isStopped = strategy.closedtrades > 0 and {last} == bar_index\n")
    still = " and not isStopped" if strategy.stops else ""
    return [
        *lines,
        *(["var float highest = na\n"] if rules.trailing_stop is not None else []),
        "\n",
        f"if enters and isFlat{still}\n",
        '    strategy.entry("long", strategy.long)\n',
        *_write_stop(strategy, "close", "close"),
        f"if (leaves{is_over}) and not isFlat\n" if is_over else "if leaves and not isFlat\n",
        '    strategy.close("long")\n',
        *_move_stop(strategy),
    ]


def _write_stop(strategy: ScriptStrategy, entry: str, highest: str) -> list[str]:
    """Return the order of a stop, which counts from the next bar on."""
    rules = strategy.rules
    if not strategy.stops:
        return []
    if rules.take_profit is not None:
        level = f"limit = {entry} * (1 + {rules.take_profit!r})"
        return [f'    strategy.exit("stop", "long", {level})\n']
    floors = []
    if rules.stop_loss is not None:
        floors.append(f"{entry} * (1 - {rules.stop_loss!r})")
    if rules.trailing_stop is not None:
        floors.append(f"highest * (1 - {rules.trailing_stop!r})")
    level = floors[0] if len(floors) == 1 else f"math.max({', '.join(floors)})"
    lines = [f"    highest := {highest}\n"] if rules.trailing_stop is not None else []
    return [*lines, f'    strategy.exit("stop", "long", stop = {level})\n']


def _move_stop(strategy: ScriptStrategy) -> list[str]:
    """Return how a stop that trails is moved at the end of each bar."""
    if strategy.rules.trailing_stop is None:
        return []
    moved = _write_stop(strategy, "strategy.position_avg_price", "math.max(highest, high)")
    return ["else if not isFlat\n", *moved]
