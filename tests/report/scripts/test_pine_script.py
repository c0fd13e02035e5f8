"""Scripts for TradingView make the trades of qmac, by an interpreter of what they use of Pine."""

import re

import pytest
from helpers.pine import Script
from helpers.scripts import closed_trades, expressible, random_strategy, timestamps, total_return

from qmac.errors import OptionError
from qmac.report.scripts.pine_script import write_pine


def run(text, frame):
    bars = {name.lower(): frame[name].tolist() for name in ("Open", "High", "Low", "Close")}
    script = Script(text, bars, timestamps(frame))
    trades, opened = script.run()
    dates = frame.index
    return script, [(dates[entry], dates[end]) for entry, end in trades], opened


@pytest.mark.slow
def test_trades_are_equal(tmp_path):
    for strategy, text, frame in expressible(write_pine, tmp_path):
        script, theirs, opened = run(text, frame)
        ours = closed_trades(strategy)
        if strategy.rules.end is not None:  # an open position is closed by its signal later
            assert theirs[: len(ours)] == ours and len(theirs) <= len(ours) + 1
            continue
        assert theirs == ours
        assert (opened is not None) is strategy.has_open_position
        growth = script.equity / strategy.rules.init_cash - 1
        both = strategy.rules.fees and strategy.rules.slippage
        assert growth == pytest.approx(total_return(strategy), abs=1e-5 if both else 1e-9)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"slippage": 0.01, "stop_loss": 0.1}, "no slippage. Use --slippage 0"),
        ({"slippage": 0, "stop_loss": 0.1, "fill": "next_open"}, "before a stop within that bar"),
        (
            {"slippage": 0, "stop_loss": 0.1, "take_profit": 0.1, "fill": "close"},
            "by the shape of a bar",
        ),
    ],
)
def test_what_pine_cannot_do_is_refused(tmp_path, rules, reason):
    strategy, _ = random_strategy(1, tmp_path, **rules)
    with pytest.raises(OptionError, match=reason):
        write_pine(strategy)


def test_a_script_is_of_version_6_and_says_what_it_expects(tmp_path):
    strategy, _ = random_strategy(
        3, tmp_path, stop_loss=None, take_profit=None, trailing_stop=None, fees=0.001, slippage=0.01
    )
    text = write_pine(strategy)
    first, second = text.splitlines()[:2]
    assert first == "//@version=6" and second.startswith("// QMAC ")
    assert f"// qmac: {len(strategy.run.trades)} trades" in text
    assert "an open one differs by a little" in text
    assert max(map(len, re.findall(r"^[^/].*$", text, re.MULTILINE))) < 120
