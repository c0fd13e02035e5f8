"""A result in memory becomes the last one, as a run directory; whatever prevents it is no error."""

import errno

import pytest
from helpers.series import frame, series

import qmac
from qmac.data.symbols import Symbols
from qmac.errors import PricesError
from qmac.jobs import last_result_writer, runner
from qmac.jobs.job import build_job
from qmac.jobs.last_result_writer import store_last_result
from qmac.results.reader import read_results
from qmac.runs.last_results import list_last_results
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=(3, 5, 8, 13))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "results"))
    monkeypatch.setenv("QMAC_LAST_RESULTS", "10")
    return tmp_path / "results"


@pytest.fixture(scope="module")
def swept():
    prices = {name: qmac.Prices.of(frame(series("random", 300, 4)), name) for name in ("A", "b c")}
    job = build_job(Symbols(prices, {}), check_request(GRID, "total_return", qmac.Rules(), 5))
    return job, runner.run(job, None, qmac.Limits(), 1)


def test_it_is_a_run_directory_as_any_other(swept, place):
    job, results = swept
    assert store_last_result(job, results) == (True, False, "")
    path = list_last_results()[0]
    stored = read_results(path)
    assert {name: stored[name].digest for name in stored} == {
        name: results[name].digest for name in results
    }
    assert stored["A"].series.prices.frame.equals(results["A"].series.prices.frame)
    assert "prices/A.parquet" in (path / "job.toml").read_text()  # wherever it is copied
    resumed = qmac.resume(path)
    assert resumed["b c"].digest == results["b c"].digest


def test_zero_stores_none(swept, place, monkeypatch):
    monkeypatch.setenv("QMAC_LAST_RESULTS", "0")
    assert store_last_result(*swept) == (False, False, "") and not place.exists()


@pytest.mark.parametrize("bar_bytes", [48, 0])  # before anything is written, and while it is
def test_a_large_result_is_not_stored(swept, place, monkeypatch, bar_bytes):
    monkeypatch.setattr(last_result_writer, "MOST_BYTES", 28_000)
    monkeypatch.setattr(last_result_writer, "BAR_BYTES", bar_bytes)
    stored = store_last_result(*swept)
    assert stored.is_too_large and "it takes more than" in stored.reason
    assert not list_last_results() and place.exists() == (bar_bytes == 0)


def test_whatever_prevents_it_is_no_error(swept, place, monkeypatch):
    place.write_text("a file")
    assert "is not a directory" in store_last_result(*swept).reason
    place.unlink()
    full = OSError(errno.ENOSPC, "No space left on device", str(place / "x"))
    for error, reason in (
        (full, f"{place} cannot be written: No space left on device. Make room, or name another"),
        (PricesError("the file is gone."), "the file is gone"),
        (MemoryError("out of memory"), "out of memory"),
    ):
        monkeypatch.setattr(last_result_writer, "write_beside", _raiser(error))
        stored = store_last_result(*swept)
        assert not stored.is_stored and reason in stored.reason
    assert not list_last_results()


def _raiser(error):
    def fail(*_):
        raise error

    return fail
