"""The walk-forwards of many symbols, and what they say together."""

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, SymbolError
from qmac.jobs.job import Job
from qmac.robustness.folds import Layout
from qmac.robustness.forwards import Forwards, plan_each, walk_forward_many
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))
PRICES = {
    "AAA": frame(series("random", 300, 4)),
    "b c": frame(series("random", 260, 5)),
    "short": frame(series("random", 120, 6)),
}
LENGTHS = {"train": 100, "test": 60}


@pytest.fixture(scope="module")
def forwards():
    with pytest.warns(UserWarning, match="left out: there is no whole fold"):
        return walk_forward_many(PRICES, GRID, **LENGTHS)


def test_each_is_that_of_its_symbol(forwards):
    assert isinstance(forwards, Forwards) and list(forwards) == ["AAA", "b c"]
    for name, forward in forwards.items():
        alone = qmac.walk_forward(qmac.Prices.of(PRICES[name], name), GRID, **LENGTHS)
        assert alone.digest == forward.digest
    assert "short has" in forwards.left_out["short"]
    with pytest.raises(SymbolError):
        forwards["none"]


def test_a_row_for_each_and_sentences(forwards):
    table = forwards.table
    assert table.index.tolist() == ["AAA", "b c"] and table["folds"].tolist() == [3, 2]
    for name, forward in forwards.items():
        assert table["followed"][name] == forward.metrics["followed"]["total_return"]
    better = int((table["followed"] > table["hold"]).sum())
    above = int(table["above_median"].sum())
    assert forwards.sentences[0].endswith(f"more than buy & hold in {better}.")
    assert forwards.sentences[1].endswith(f"in {above} of 5 folds.")
    assert repr(forwards).startswith("Forwards(2 symbols: AAA, b c; ")
    summary = forwards.summary()
    assert [entry["name"] for entry in summary["walk_forward"]] == ["AAA", "b c"]
    assert summary["sentences"] == forwards.sentences and "short" in summary["left_out"]


def test_folds_are_planned_before_anything_is_swept():
    prices = {name: qmac.Prices.of(table, name) for name, table in PRICES.items()}
    job = Job(prices, check_request(GRID, "total_return", None, 100, 1))
    assert list(plan_each(job, Layout.check(100, 60))) == ["AAA", "b c"]
    with pytest.raises(OptionError, match="no whole fold"):
        plan_each(job, Layout.check(1000, 60))
