"""Two runs of many symbols beside each other: rows, order, and symbols without a row."""

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError

GRID = qmac.Grid(windows=range(2, 9))
FRAMES = {name: frame(series("random", 200, seed)) for name, seed in (("A", 1), ("B", 2))}


@pytest.fixture(scope="module")
def pair():
    rules = (qmac.Rules(slippage=0), qmac.Rules(slippage=0.01))
    return [qmac.optimize_many(FRAMES, GRID, rules=each, min_trades=1) for each in rules]


def test_rows_are_those_of_single_comparisons_sorted(pair):
    comparisons = qmac.compare_many(*pair)
    table = comparisons.table
    assert set(table.index) == {"A", "B"} and table["difference"].is_monotonic_increasing
    assert comparisons.differences == {"slippage": ("0", "0.01")}
    for symbol, row in table.iterrows():
        single = qmac.compare(pair[0][symbol], pair[1][symbol])
        assert row["median_b"] == single.distribution["b"]["50%"]
        assert row["difference"] == row["median_b"] - row["median_a"] < 0
        winner, other = single.winners
        assert row["best_a"] == winner.combination and row["best_a_in_b"] == winner.elsewhere
        assert row["best_b_in_b"] == other.value and row["best_b_better_than"] == other.share_worse
    (first, _) = comparisons.to_dict()["rows"]
    assert first["symbol"] == table.index[0]


def test_symbols_without_a_row(pair):
    def fail():
        raise ResultError("B is damaged.")

    one = qmac.Results({"A": lambda: pair[0]["A"], "B": fail, "C": fail}, {})
    other = qmac.Results(dict(pair[1]._readers) | {"D": fail}, {}, ["E"])
    comparisons = qmac.compare_many(one, other)
    assert comparisons.table.index.tolist() == ["A"]
    assert comparisons.only == (("C",), ("D",)) and comparisons.left_out == {"B": "B is damaged."}
    assert comparisons.unfinished == ("", "not done yet: E")


def test_what_cannot_be_compared(pair, tmp_path):
    with pytest.raises(ResultError, match="no symbol is in both: a has A, B, b has C"):
        qmac.compare_many(pair[0], qmac.Results({"C": lambda: None}, {}))
    ratios = qmac.optimize_many(FRAMES, GRID, "sharpe_ratio")
    with pytest.raises(ResultError, match="these results rank by"):
        qmac.compare_many(pair[0], ratios)
    with pytest.raises(OptionError, match="a must be results by symbol"):
        qmac.compare_many(pair[0]["A"], pair[1])
    with pytest.raises(ResultError, match="does not exist"):
        qmac.compare_many(tmp_path / "none", pair[1])
