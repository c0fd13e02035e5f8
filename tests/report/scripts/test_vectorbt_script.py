"""Scripts for vectorbt make the trades of qmac, to the bar."""

import pytest
from helpers.scripts import execute, expressible, random_strategy, total_return

from qmac.errors import OptionError
from qmac.report.scripts.vectorbt_script import write_vectorbt


@pytest.mark.slow
def test_trades_are_equal(tmp_path):
    pytest.importorskip("vectorbt")
    for strategy, text, _ in expressible(write_vectorbt, tmp_path):
        names, printed = execute(text)
        records = names["portfolio"].trades.records_readable
        theirs = list(zip(records["Entry Timestamp"], records["Exit Timestamp"], strict=True))
        trades = strategy.run.trades
        assert theirs == list(zip(trades["entry_date"], trades["exit_date"], strict=True))
        assert names["portfolio"].total_return() == pytest.approx(total_return(strategy), abs=1e-9)
        assert f"{len(trades)} trades" in printed


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"conflict": "opposite"}, "cannot do conflict opposite"),
        ({"conflict": "ignore", "max_bars": 5}, "cannot do max_bars"),
        (
            {"conflict": "ignore", "max_bars": None, "stop_loss": 0.1, "trailing_stop": 0.1},
            "one stop, fixed or trailing",
        ),
    ],
)
def test_what_vectorbt_cannot_do_is_refused(tmp_path, rules, reason):
    strategy, _ = random_strategy(1, tmp_path, **rules)
    with pytest.raises(OptionError, match=reason):
        write_vectorbt(strategy)
