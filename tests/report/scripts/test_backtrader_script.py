"""Scripts for backtrader make the trades of qmac, to the bar."""

import pandas as pd
import pytest
from helpers.scripts import closed_trades, execute, expressible, random_strategy, total_return

from qmac.errors import OptionError
from qmac.report.scripts.backtrader_script import LAST_BAR, write_backtrader


@pytest.mark.slow
def test_trades_are_equal(tmp_path):
    pytest.importorskip("backtrader")
    for strategy, text, frame in expressible(write_backtrader, tmp_path):
        names, printed = execute(text)
        words = [line.split() for line in printed.splitlines() if "total" not in line]
        theirs = [(pd.Timestamp(line[0]), pd.Timestamp(line[2])) for line in words]
        if strategy.rules.fill == "close":  # which it dates one bar later, as the script says
            before = dict(zip(frame.index[1:], frame.index[:-1], strict=True))
            theirs = [(before[entry], before[end]) for entry, end in theirs]
        assert theirs == closed_trades(strategy, fills_at_the_end=False)
        assert (LAST_BAR in text) is strategy.acts_at_the_end
        if not strategy.acts_at_the_end:
            growth = names["cerebro"].broker.getvalue() / strategy.rules.init_cash - 1
            assert growth == pytest.approx(total_return(strategy), abs=1e-9)


def test_stops_are_refused(tmp_path):
    strategy, _ = random_strategy(1, tmp_path, take_profit=0.1)
    with pytest.raises(OptionError, match="has no stops, and the rules have"):
        write_backtrader(strategy)
