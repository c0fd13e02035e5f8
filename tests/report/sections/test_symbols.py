"""The winner of each symbol, with the numbers of its own result."""

import math

import pytest
from helpers.luck_answers import build_luck
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError
from qmac.report.sections.distribution import summarize_distribution
from qmac.report.sections.symbols import _count_resamples, build_symbols
from qmac.results.collection import Results
from qmac.robustness.luck.search import RESAMPLES
from qmac.storage.json_text import to_json_values


@pytest.fixture(scope="module")
def results():
    prices = {"up": frame(series("random", 300, 4)), "flat": frame(series("constant", 300, 1))}
    return qmac.optimize_many(prices, qmac.Grid(windows=(3, 5, 8, 13, 21)), top=3)


def test_rows_have_the_numbers_of_their_results(results):
    symbols = build_symbols(results, "runs/first", {"up": "report-up.html"})
    up, flat = sorted(symbols.rows, key=lambda row: row.symbol, reverse=True)
    result, summary = results["up"], summarize_distribution(results["up"])
    assert (up.combination, up.link, up.bars) == (result.best, "report-up.html", 300)
    assert up.metrics["win_rate"] == result.top["win_rate"].iloc[0]
    assert (up.sigmas, up.hold) == (summary.sigmas, result.hold["total_return"])
    assert up.median == result.distribution.quantile(0.5)
    assert flat.combination is None and flat.metrics == {} and flat.link == ""
    assert math.isnan(flat.median) and math.isnan(flat.sigmas)


def test_the_p_of_symbols_that_have_one(results):
    answer = results["up"].luck(19)
    rows = {row.symbol: row for row in build_symbols(results, answers={"up": answer}).rows}
    assert (rows["up"].p, rows["up"].adjusted_p) == (answer.p, answer.p)
    assert math.isnan(rows["flat"].p) and math.isnan(rows["flat"].adjusted_p)
    with pytest.raises(OptionError, match="that of another"):
        build_symbols(results, answers={"flat": answer})


def test_ps_are_adjusted_for_the_number_of_symbols(swept, swept_luck):
    results = Results(dict.fromkeys("abc", lambda: swept), {})
    found = build_symbols(results, answers=dict.fromkeys("abc", swept_luck))
    assert [row.adjusted_p for row in found.rows] == [min(1.0, 3 * swept_luck.p)] * 3
    assert found.luck[0].startswith("Of 3 symbols 0 are below 0.05")
    assert build_symbols(results).luck == ()


def test_resamples_are_those_of_an_answer_that_was_not_stopped():
    assert _count_resamples({"a": build_luck()}) == 29
    stopped = {"shuffle": build_luck().scores_by_null["shuffle"]}
    assert _count_resamples({"a": build_luck(scores_by_null=stopped)}) == RESAMPLES


def test_keys_of_the_json(results):
    values = to_json_values(build_symbols(results, "runs/first").to_dict())
    assert list(values) == ["directory", "asked", "rows", "left_out", "luck"]
    assert values["asked"]["objective"] == "total_return" and len(values["rows"]) == 2


def test_a_page_needs_a_result():
    with pytest.raises(ResultError, match="at least one result"):
        build_symbols(Results({}, {}))
