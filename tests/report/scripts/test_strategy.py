"""What scripts are written from."""

import numpy as np
import pytest
from helpers.scripts import random_strategy

import qmac
from qmac.errors import GridError, OptionError
from qmac.report.scripts.strategy import PLACEHOLDER, build_strategy

GRID = qmac.Grid(windows=range(10, 41, 10))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(qmac.sample_prices().tail(300), GRID, min_trades=0)


def test_the_winner_is_described(result):
    strategy = build_strategy(result)
    assert strategy.combination == result.best and strategy.path == PLACEHOLDER
    text = "\n".join(strategy.describe())
    assert "Fees 0.0000%, slippage 0.2500% at each fill" in text
    assert f"qmac: {len(strategy.run.trades)} trades" in text
    assert build_strategy(result, (10, 20, 10, 30)).combination == (10, 20, 10, 30)


def test_what_has_no_script_is_refused(result, tmp_path):
    with pytest.raises(GridError, match="below its slow one"):
        build_strategy(result, (20, 10, 10, 20))
    none = qmac.optimize(qmac.sample_prices().tail(300), GRID, min_trades=250)
    with pytest.raises(OptionError, match="no best combination"):
        build_strategy(none)
    averages = np.tile(qmac.sample_prices().tail(300).close, (4, 1))
    own = qmac.optimize(qmac.sample_prices().tail(300), GRID, averages=averages)
    with pytest.raises(OptionError, match="averages of your own"):
        build_strategy(own, (10, 20, 10, 30))


def test_orders_of_the_last_bar_are_known(tmp_path):
    found = [random_strategy(seed, tmp_path, fill="close", end=None)[0] for seed in range(20)]
    last = [s for s in found if s.acts_at_the_end]
    for strategy in last:
        dates = strategy.run.trades[["entry_date", "exit_date"]].to_numpy()
        assert strategy.run.equity.index[-1] in dates
    assert len(last) < len(found)
