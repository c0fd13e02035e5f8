"""Answers as frames: each figure is that of qmac.optimize and qmac.backtest."""

import dataclasses

import numpy as np
import pytest
from helpers.explorers import SERIES, decode

import qmac
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import GridError
from qmac.explorer.answer import Answer, build_frame
from qmac.explorer.messages import View
from qmac.explorer.question import Question

GRID = qmac.Grid(windows=range(2, 12))
DATES = SERIES.index
EDGE = str(DATES[199])[:10]


def answer_of(question, *, is_exact=True):
    result = qmac.optimize(SERIES, GRID, top=3, **question.arguments)
    return Answer(question, is_exact, result, 0.5)


def frame_of(question, view=View(), *, is_exact=True):
    answer = answer_of(question, is_exact=is_exact)
    return answer.result, *decode(build_frame(4, answer, view, SERIES, "qmac optimize"))


@pytest.mark.parametrize("stat", ["best", "mean", "count"])
def test_maps_are_those_of_the_result(stat):
    result, header, arrays = frame_of(Question(), View(stat))
    assert header["pairs"] == [list(pair) for pair in PAIRS]
    for number, (rows, columns) in enumerate(PAIRS):
        expected = result.map(rows, columns, stat).to_numpy(np.float64)
        assert np.allclose(arrays[f"map{number}"], expected, 1e-6, equal_nan=True)


def test_counts_and_winner():
    result, header, arrays = frame_of(Question(min_trades=3))
    assert header["evaluated"] == GRID.size
    assert header["scored"] + header["filtered"] + header["unscored"] == GRID.size
    assert tuple(header["winner"]) == tuple(header["combination"]) == result.best
    assert header["digest"] == result.digest
    assert arrays["counts"].sum() == result.scored
    assert header["distribution"]["winner"] == result.top["total_return"].iloc[0]


def test_curves_are_those_of_the_backtest():
    result, _, arrays = frame_of(Question())
    run = qmac.backtest(SERIES, result.best)
    assert np.array_equal(arrays["equity"], run.equity)
    assert np.array_equal(arrays["hold"], run.bars["hold"])
    assert np.array_equal(arrays["times"] * 1e9, DATES.astype("datetime64[ns]").astype(np.int64))


def test_metrics_in_sample_are_those_of_the_sweep():
    question = Question(edge=EDGE)
    result, header, _ = frame_of(question)
    assert header["edge"] == DATES[199].timestamp()
    best = result.top.iloc[0]
    for name, inside, hold, *outside in header["metrics"]:
        assert inside is None or inside == pytest.approx(best[name], nan_ok=True)
        assert hold is None or hold == pytest.approx(result.hold[name])
        assert len(outside) == 2


def test_metrics_out_of_sample_continue_the_equity():
    result, header, arrays = frame_of(Question(edge=EDGE))
    metrics = {name: values for name, *values in header["metrics"]}
    equity, hold = arrays["equity"], arrays["hold"]
    assert metrics["total_return"][2] == pytest.approx(equity[-1] / equity[199] - 1)
    assert metrics["total_return"][3] == pytest.approx(hold[-1] / hold[199] - 1)
    worst = (equity[200:] / np.maximum.accumulate(equity[200:]) - 1).min()
    assert metrics["max_drawdown"][2] == pytest.approx(worst)


def test_an_edge_after_the_last_bar_leaves_nothing_out():
    _, header, _ = frame_of(Question(edge="2099-01-01"))
    assert header["edge"] is None
    assert all(len(row) == 3 for row in header["metrics"])


def test_another_combination_has_no_cautions_of_the_winner():
    _, header, arrays = frame_of(Question(), View(combination=(3, 7, 4, 9)))
    assert "cautions" not in header
    assert np.array_equal(arrays["equity"], qmac.backtest(SERIES, (3, 7, 4, 9)).equity)
    with pytest.raises(GridError, match="window of 5000 bars"):
        frame_of(Question(), View(combination=(3, 5000, 4, 9)))


def test_cautions_of_an_exact_answer_look_at_neighbours_too():
    _, exact, _ = frame_of(Question())
    _, coarse, _ = frame_of(Question(), is_exact=False)
    assert {tuple(each) for each in coarse["cautions"]} <= {
        tuple(each) for each in exact["cautions"]
    }
    assert coarse["digest"] is None


def test_without_a_winner_there_is_no_curve():
    question = dataclasses.replace(Question(), min_trades=10_000)
    _, header, arrays = frame_of(question)
    assert header["winner"] is header["combination"] is None
    assert "equity" not in arrays
    assert "distribution" not in header
