"""Is the best of each of many symbols luck?"""

import json

import numpy as np
import pytest
from helpers.luck_answers import build_luck
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, PricesError, ResultError, SymbolError
from qmac.jobs.job import Job
from qmac.robustness.luck.many import Lucks, check_series, luck_of_each
from qmac.robustness.luck.search import Plan
from qmac.robustness.luck.store import ANSWER
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21))
PRICES = {
    name: qmac.Prices.of(frame(series("random", 300, seed)), name)
    for name, seed in (("SPY", 4), ("QQQ", 5))
}
SHORT = qmac.Prices.of(frame(series("random", 28, 6)), "late")


@pytest.fixture(scope="module")
def results():
    return qmac.optimize_many(PRICES, GRID, top=2)


@pytest.fixture(scope="module")
def lucks(results):
    return results.luck(19)


def test_each_is_that_of_its_result(results, lucks):
    assert list(lucks) == ["SPY", "QQQ"]
    for name, luck in lucks.items():
        assert luck.digest == results[name].luck(19).digest
    assert lucks.resamples == 19 and lucks.left_out == {}
    with pytest.raises(SymbolError, match="Did you mean 'SPY'"):
        lucks["SPYX"]
    assert "2 symbols: SPY, QQQ" in repr(lucks)


def test_a_table_with_adjusted_p(lucks):
    table = lucks.table
    assert list(table.index) == ["SPY", "QQQ"]
    assert list(table.columns) == [
        "best", "hold", "p", "low", "high", "adjusted_p", "verdict", "decided_by"
    ]  # fmt: skip
    least = table["p"].idxmin()
    assert table.loc[least, "adjusted_p"] == min(1, 2 * table.loc[least, "p"])
    assert (table["adjusted_p"] >= table["p"]).all()


def test_a_summary_for_json(lucks):
    summary = json.loads(json.dumps(lucks.summary()))
    assert [entry["name"] for entry in summary["luck"]] == ["SPY", "QQQ"]
    assert summary["luck"][0]["p"] == lucks["SPY"].p
    assert summary["luck"][0]["adjusted_p"] == lucks.table.loc["SPY", "adjusted_p"]
    assert summary["sentences"] == lucks.sentences


def test_a_symbol_without_enough_moves_is_left_out():
    grid = qmac.Grid(windows=(2, 3, 4, 5))
    results = qmac.optimize_many({**PRICES, "late": SHORT}, grid, top=1, min_trades=1)
    with pytest.warns(UserWarning, match="left out: late"):
        lucks = results.luck(19)
    assert list(lucks) == ["SPY", "QQQ"]
    assert "moves" in lucks.left_out["late"]
    only = qmac.optimize_many({"late": SHORT}, grid, top=1, min_trades=1)
    with pytest.raises(PricesError, match="moves"):
        only.luck(19)


@pytest.mark.parametrize("is_run", [True, False])
def test_a_directory_has_one_of_each(results, tmp_path, is_run):
    out = tmp_path / "out"
    if is_run:
        qmac.optimize_many(PRICES, GRID, top=2, out=out)
    shown = []
    lucks = results.luck(19, out=out, progress=shown.append)
    folder = out / "luck" if is_run else out
    for name in lucks:
        assert qmac.load(folder / name / ANSWER).digest == lucks[name].digest
    assert {(status.part, status.parts) for status in shown} <= {(1, 2), (2, 2)}
    assert results.luck(19, out=out).table.equals(lucks.table)


def test_arguments_are_checked_before_any_symbol(results):
    with pytest.raises(OptionError, match="at least 19"):
        luck_of_each(results, 18)
    with pytest.raises(OptionError, match="results"):
        luck_of_each({"SPY": 1})


def test_series_are_checked_before_they_are_swept():
    request = check_request(qmac.Grid(windows=(2, 3, 4, 5)))
    plan = Plan.check(19)
    check_series(Job({"late": SHORT, **PRICES}, request), plan)
    with pytest.raises(PricesError, match="moves"):
        check_series(Job({"late": SHORT}, request), plan)
    with pytest.raises(ResultError, match="averages of your own"):
        check_series(Job(PRICES, request, averages={2: []}), plan)


def test_few_words_for_one_and_more_for_many():
    assert Lucks({"SPY": build_luck()}).sentences == []
    answers = {f"S{number}": build_luck() for number in range(50)}
    text = "Of 50 symbols 0 are below 0.05; 2.5 would be by luck alone."
    assert Lucks(answers).sentences == [text]
    rare = build_luck(scores_by_null={"mirror": np.zeros(199)})
    one, none, few = Lucks(answers | {"S7": rare}, 199).sentences
    assert one.startswith("Of 50 symbols 1 is below") and "none stays" in none
    assert "199 resamples are too few to tell" in few and "Sweep at least 999" in few
    rarer = build_luck(scores_by_null={"mirror": np.zeros(1999)})
    names = [f"S{number}" for number in range(7)]
    _, several = Lucks(answers | dict.fromkeys(names, rarer), 1999).sentences
    assert several.endswith("below 0.05 for S0, S1, S2, S3, S4 and 2 more.")
