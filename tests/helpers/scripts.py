"""Random strategies, scripts that trade them in another tool, and the trades that qmac expects."""

import contextlib
import io
import random
import sys
import types
import warnings

import pandas as pd

import qmac
from helpers.faults import LONG
from qmac.data.sample import sample_prices
from qmac.errors import OptionError
from qmac.report.scripts.strategy import ScriptStrategy

CASES = 50 if LONG else 10
AVERAGES = ["sma", "ema", "wma", "hma", "dema", "tema", "rma"]


def random_strategy(seed, directory, **fixed):
    """Return a strategy with its prices in a CSV file, and their frame."""
    chance = random.Random(seed)
    whole = sample_prices().frame
    begin = chance.randrange(len(whole) - 500)
    frame = whole.iloc[begin : begin + 400]
    path = directory / f"{seed}.csv"
    frame.to_csv(path)
    windows = (*sorted(chance.sample(range(2, 45), 2)), *sorted(chance.sample(range(2, 45), 2)))
    settings = {
        "average": chance.choice(AVERAGES), "fill": chance.choice(["close", "next_open"]),
        "conflict": chance.choice(["ignore", "opposite"]),
        "slippage": chance.choice([0, 0, 0.0025]), "fees": chance.choice([0, 0.001]),
    }  # fmt: skip
    rare = {
        "max_bars": [1, 3, 20], "stop_loss": [0.02, 0.05], "take_profit": [0.02, 0.1],
        "trailing_stop": [0.02, 0.06], "start": [str(frame.index[150].date())],
        "end": [str(frame.index[-40].date())],
    }  # fmt: skip
    settings |= {
        name: chance.choice(values) for name, values in rare.items() if chance.random() < 0.3
    }
    rules = qmac.Rules(**settings | fixed)
    prices = qmac.Prices(frame, "X")
    run = qmac.backtest(prices, windows, rules)
    return ScriptStrategy("X", windows, rules, run, (), str(path)), frame


def expressible(write, directory, **fixed):
    """Yield as many strategies as are tried, with their script and frame; others are refused."""
    found = seed = 0
    while found < CASES:
        seed += 1
        strategy, frame = random_strategy(seed, directory, **fixed)
        try:
            text = write(strategy)
        except OptionError:
            continue
        found += 1
        yield strategy, text, frame
    assert seed <= 20 * CASES


def execute(text):
    """Return the names that a script of Python defines, and what it prints."""
    module, printed = types.ModuleType("script"), io.StringIO()
    sys.modules["script"] = module  # backtrader looks for it there
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        exec(compile(text, "script", "exec"), vars(module))
    del sys.modules["script"]
    return vars(module), printed.getvalue()


def closed_trades(strategy, *, fills_at_the_end=True):
    """Return (entry, exit) dates of the closed trades that a tool is to make."""
    trades, last = strategy.run.trades, strategy.run.equity.index[-1]
    trades = trades[trades["exit"] != "open"]
    if strategy.rules.fill == "close" and not fills_at_the_end:
        held = strategy.rules.max_bars
        is_order = (trades["exit"] == "signal") | (trades["bars"] == held)
        trades = trades[~((trades["exit_date"] == last) & is_order)]
    return list(zip(trades["entry_date"], trades["exit_date"], strict=True))


def total_return(strategy):
    return strategy.run.metrics["total_return"]


def timestamps(frame):
    return [int(pd.Timestamp(moment).timestamp() * 1000) for moment in frame.index]
