"""Settings and rules of a result, in words."""

import dataclasses

import pytest
from helpers.series import ohlc

import qmac
from qmac.report.sections.settings import build_settings

RULES = qmac.Rules(
    fees=0.001,
    slippage=0,
    fill="next_open",
    conflict="opposite",
    start="2001-06-01",
    end="2002-09-30",
    stop_loss=0.1,
    trailing_stop=0.2,
    take_profit=0.5,
    max_bars=30,
    average="hma",
    periods_per_year=250,
)


@pytest.mark.slow
def test_rules_in_words():
    result = qmac.optimize(
        ohlc("random", 500, 3),
        qmac.Grid(windows=range(2, 8), shared_windows=True),
        "sharpe_ratio",
        rules=RULES,
    )
    bounds = {"constraints": {"total_trades": (2, 50)}, "filtered_by": {"total_trades": 7}}
    asked = build_settings(dataclasses.replace(result, **bounds))
    text = " ".join(asked.rules)
    for words in (
        "Hull",
        "open of the bar after",
        "present position",
        "fees are 0.1 % of",
        "fall of 10 %",
        "fall of 20 %",
        "rise of 50 %",
        "after 30 bars",
        "2001-06-01",
        "2002-09-30",
        "250 bars a year (set)",
        "may have the same window",
    ):
        assert words in text, words
    assert "slippage" not in text and "worse" not in text
    assert asked.filters == (("total trades at least 2 and at most 50", 7),)
