"""Scripts for backtesting.py make the trades of qmac, to the bar."""

import pytest
from helpers.scripts import closed_trades, execute, expressible, random_strategy, total_return

from qmac.errors import OptionError
from qmac.report.scripts.backtesting_script import LAST_BAR, write_backtesting


@pytest.mark.slow
def test_trades_are_equal(tmp_path):
    pytest.importorskip("backtesting")
    for strategy, text, _ in expressible(write_backtesting, tmp_path):
        statistics = execute(text)[0]["statistics"]
        records = statistics["_trades"]
        theirs = list(zip(records["EntryTime"], records["ExitTime"], strict=True))
        assert theirs == closed_trades(strategy, fills_at_the_end=False)
        assert (LAST_BAR in text) is strategy.acts_at_the_end
        if not strategy.acts_at_the_end:
            growth = statistics["Equity Final [$]"] / 1e15 - 1
            assert growth == pytest.approx(total_return(strategy), abs=1e-6)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"slippage": 0.01, "stop_loss": 0.1}, "no slippage. Use --slippage 0"),
        ({"slippage": 0, "stop_loss": 0.1, "fill": "next_open"}, "before a stop within that bar"),
        ({"slippage": 0.2, "stop_loss": None, "take_profit": None, "trailing_stop": None}, "10 %"),
    ],
)
def test_what_backtesting_cannot_do_is_refused(tmp_path, rules, reason):
    strategy, _ = random_strategy(1, tmp_path, **rules)
    with pytest.raises(OptionError, match=reason):
        write_backtesting(strategy)
