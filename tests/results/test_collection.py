"""Results by symbol: read when they are looked up, two in memory."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError, SymbolError
from qmac.results.collection import RECENT, Results
from qmac.strategy.grid import ROLES

GRID = qmac.Grid(windows=(2, 3, 4, 5))


@pytest.fixture(scope="module")
def many():
    frames = {f"S{number}": frame(series("random", 60, number)) for number in range(6)}
    return qmac.optimize_many(frames, GRID)


def reading(results, log):
    """Results that are read anew each time, and leave the symbol in a log."""

    def reader(name):
        def read():
            log.append(name)
            return qmac.optimize(frame(series("random", 60, int(name[1:]))), GRID)

        return read

    return Results({name: reader(name) for name in results}, {"BAD": "no prices"})


def test_shown_in_one_line(many):
    assert repr(many) == "Results(6 symbols: S0, S1, S2, S3, S4, ...; 0 left out)"
    few = Results({"A": lambda: many["S0"]}, {"B": "no prices"})
    assert repr(few) == "Results(1 symbols: A; 1 left out)"


def test_a_result_is_read_once_while_it_is_recent(many):
    log = []
    results = reading(many, log)
    assert results["S0"] is results["S0"] and log == ["S0"]
    first = results["S0"]
    assert results["S1"] is not first and results["S0"] is first and log == ["S0", "S1"]
    results["S2"]  # puts out S1, the one looked at longest ago
    assert results["S0"] is first and log == ["S0", "S1", "S2"]
    results["S1"]
    assert log == ["S0", "S1", "S2", "S1"]
    with pytest.raises(KeyError):
        results["none"]
    with pytest.raises(SymbolError, match="^there is no result named 's0'. Did you mean 'S0'"):
        results["s0"]
    assert results.get([]) is None and 5 not in results


@pytest.mark.slow
def test_no_more_results_are_in_memory_than_two(many):
    results, seen = reading(many, []), []
    for result in results.values():
        seen.append(weakref.ref(result))
        gc.collect()
        assert sum(reference() is not None for reference in seen) <= RECENT
    assert len(results.winners) == 6
    gc.collect()
    assert len(results._recent) == RECENT


def test_winners(many):
    winners = many.winners
    assert winners.index.name == "symbol" and list(winners.index) == list(many)
    for name, result in many.items():
        assert tuple(winners.loc[name].iloc[:4]) == result.best
        assert winners.loc[name, "buy_and_hold"] == result.hold["total_return"]
    assert {str(kind) for kind in winners.dtypes.iloc[:4]} == {"Int64"}


def test_a_symbol_without_a_winner_has_a_row(many):
    flat = qmac.optimize(frame(series("constant", 60, 1)), GRID)
    results = Results({"flat": lambda: flat, "S0": lambda: many["S0"]}, {})
    assert results.winners.loc["flat", list(ROLES)].isna().all()
    rows = results.summary()["winners"]
    assert rows[0]["buy_fast"] is None and rows[0]["buy_and_hold"] == flat.hold["total_return"]
    assert rows[1]["buy_fast"] == many["S0"].best[0]


def test_summary(many):
    summary = many.summary()
    assert summary["digests"] == {name: result.digest for name, result in many.items()}
    assert [row["symbol"] for row in summary["winners"]] == list(many)
    assert summary["left_out"] == {}


def test_damaged_results_are_left_out(many):
    def damaged():
        raise ResultError("its checksum differs")

    results = Results({"S0": lambda: many["S0"], "S1": damaged}, {"BAD": "no prices"}).readable()
    assert list(results) == ["S0"]
    assert results.left_out == {"BAD": "no prices", "S1": "its checksum differs"}
    with pytest.raises(ResultError, match="its checksum differs"):
        Results({"S1": damaged}, {}).readable()
    assert np.isfinite(results.winners["total_return"]).all()


def test_threads_may_look_symbols_up_at_once(many):
    result = many["S0"]
    results = Results({str(k): lambda: result for k in range(50)}, {})
    with ThreadPoolExecutor(4) as pool:
        rounds = [pool.submit(lambda: [results[name] for name in results]) for _ in range(40)]
    assert all(found is result for each in rounds for found in each.result())


def test_what_was_read_of_each_is_read_with_the_winners():
    prices = frame(series("random", 60, 1))
    result, reads = qmac.optimize(prices, qmac.Grid(windows=range(2, 7)), top=1), []

    def read():
        reads.append(1)
        return result

    results = Results(dict.fromkeys("ABC", read), {})
    assert len(results.winners) == 3 and results.prices["C"] == result.prices
    assert len(reads) == 3
    results.prices["C"]["name"] = "changed"
    assert results.summary()["prices"] == dict.fromkeys("ABC", result.prices)


def test_in_reads_nothing(many):
    log = []
    results = reading(many, log)
    assert "S1" in results and "none" not in results and 3 not in results and log == []
