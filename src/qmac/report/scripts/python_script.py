"""The part that scripts of Python have in common: prices, averages, signals."""

from __future__ import annotations

from collections.abc import Sequence

from qmac.report.scripts.strategy import ScriptStrategy

EXPONENTIAL = """def exponential(prices, alpha):
    return prices.ewm(alpha=alpha, adjust=False).mean()


"""
WEIGHTED = """def weighted(prices, window):
    weights = np.arange(1, window + 1) / (window * (window + 1) / 2)
    return prices.rolling(window).apply(lambda last: last @ weights, raw=True)


"""
AVERAGES = {
    "sma": """def average(prices, window):
    return prices.rolling(window).mean()
""",
    "ema": EXPONENTIAL
    + """def average(prices, window):
    return exponential(prices, 2 / (window + 1)).where(np.arange(len(prices)) >= window - 1)
""",
    "rma": EXPONENTIAL
    + """def average(prices, window):
    return exponential(prices, 1 / window).where(np.arange(len(prices)) >= window - 1)
""",
    "wma": WEIGHTED
    + """def average(prices, window):
    return weighted(prices, window)
""",
    "hma": WEIGHTED
    + """def average(prices, window):
    ahead = 2 * weighted(prices, max(window // 2, 1)) - weighted(prices, window)
    return weighted(ahead, math.isqrt(window))
""",
    "dema": EXPONENTIAL
    + """def average(prices, window):
    alpha = 2 / (window + 1)
    once = exponential(prices, alpha)
    twice = exponential(once, alpha)
    return (2 * once - twice).where(np.arange(len(prices)) >= window - 1)
""",
    "tema": EXPONENTIAL
    + """def average(prices, window):
    alpha = 2 / (window + 1)
    once = exponential(prices, alpha)
    twice = exponential(once, alpha)
    thrice = exponential(twice, alpha)
    return (3 * once - 3 * twice + thrice).where(np.arange(len(prices)) >= window - 1)
""",
}
"""Definitions of docs/strategy.md, in pandas."""
SIGNALS = '''def sign(fast, slow):
    """1 above, -1 below, 0 where the averages are equal but for rounding."""
    distance = fast - slow
    rounding = 2.0**-48 * np.maximum(fast.abs(), slow.abs())
    return np.sign(distance).mask(distance.abs() <= rounding, 0.0)


buy = sign(average(close, {buy_fast}), average(close, {buy_slow}))
sell = sign(average(close, {sell_fast}), average(close, {sell_slow}))
enters = (buy > 0) & (buy.shift() <= 0)
leaves = (sell < 0) & (sell.shift() >= 0)
'''
CONFLICT = "enters, leaves = enters & ~leaves, leaves & ~enters  # both at once: neither acts\n"


def write_head(strategy: ScriptStrategy, imports: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return the first part of a script: ``bars``, ``close``, ``enters`` and ``leaves``.

    Parameters
    ----------
    strategy : ScriptStrategy
        What it does.
    imports : sequence of str
        Lines that import the tool.
    notes : sequence of str
        Further comments.

    Returns
    -------
    str
        Python, which ends with a line break.
    """
    rules, kind = strategy.rules, strategy.rules.average
    roles = dict(
        zip(("buy_fast", "buy_slow", "sell_fast", "sell_slow"), strategy.combination, strict=True)
    )
    comments = [f"# {line}\n" for line in (*strategy.describe(), *notes)]
    modules = ["import math\n"] if kind == "hma" else []
    libraries = ["import numpy as np\n", "import pandas as pd\n"]
    lines = [
        *comments, "\n", *modules, *libraries, *(f"{line}\n" for line in imports), "\n",
        f"PRICES = {strategy.path!a}  # dates in the first column\n",
        "\n\n", AVERAGES[kind], "\n\n",
        'read = pd.read_parquet if PRICES.endswith(".parquet") else pd.read_csv\n',
        "bars = read(PRICES)\n",
        'if "Close" not in bars or not isinstance(bars.index, pd.DatetimeIndex):\n',
        "    bars = bars.set_index(pd.to_datetime(bars.iloc[:, 0]))\n",
    ]  # fmt: skip
    if rules.end is not None:
        lines.append(f"bars = bars.loc[:{rules.end!a}]  # later bars are ignored\n")
    lines += ['close = bars["Close"]\n', "\n\n", SIGNALS.format(**roles)]
    if rules.conflict == "ignore":
        lines.append(CONFLICT)
    if rules.start is not None:
        lines.append(
            f"enters &= bars.index >= pd.Timestamp({rules.start!a}, tz=bars.index.tz)"
            "  # earlier bars only warm up\n"
        )
    return "".join(lines)
