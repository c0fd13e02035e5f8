"""A job is a request and its series, of arguments or of a run directory."""

import json

import pytest
from helpers.run_directories import GRID, PRICES, created
from helpers.series import frame, series

import qmac
from qmac.data.symbols import Symbols
from qmac.errors import PricesError, ResultError
from qmac.jobs.job import Job, build_job
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER
from qmac.runs.tasks import Task
from qmac.storage.json_text import compute_checksum
from qmac.strategy.request import check_request

REQUEST = check_request(GRID, top=10**6)


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run", {"SPY": PRICES, "QQQ": PRICES.tail(200)})


def test_tasks_are_the_series_in_their_order():
    job = Job({"B": PRICES, "A": PRICES}, REQUEST)
    assert job.tasks == [Task("B"), Task("A")]
    assert job.series(Task("A")) is PRICES


def test_the_spec_has_no_more_rows_than_the_grid():
    job = Job({"SPY": PRICES}, REQUEST)
    assert job.build_spec(job.prepare(PRICES)).top == GRID.size < REQUEST.top


def test_series_that_are_invalid_or_too_short_are_left_out_with_a_warning():
    bad = PricesError("BAD: Close is -1.")
    short = qmac.Prices.of(frame(series("random", 5, 1)), "short")
    symbols = Symbols({"SPY": PRICES, "short": short}, {"BAD": bad})
    with pytest.warns(UserWarning, match="left out: "):
        job = build_job(symbols, REQUEST)
    assert list(job.prices) == ["SPY"] and list(job.left_out) == ["BAD", "short"]
    with pytest.raises(PricesError, match="Close is -1"):
        build_job(symbols, REQUEST, strict=True)
    with pytest.raises(PricesError, match="5 bars"):
        build_job(Symbols({"short": short}, {}), REQUEST)


def test_prices_of_a_directory_are_read_when_they_are_needed(directory, monkeypatch):
    read, prices = [], RunDirectory.prices
    monkeypatch.setattr(RunDirectory, "prices", lambda *given: read.append(1) or prices(*given))
    job = Job.from_directory(RunDirectory.open(directory.path))
    assert job.request == directory.header.request
    assert list(job.prices) == ["SPY", "QQQ"] and len(job.prices) == 2 and not read
    assert job.series(Task("QQQ")).frame.equals(PRICES.tail(200).frame) and read == [1]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"grid": 7},
        {"rules": {"fees": 2}},
        {"rules": {"x": 2}},
        {"rules": {"fees": 10**400}},
        {"top": None},
        {"top": 0},
        {"averages": 3},
        {"objective": "profit"},
        {"constraints": {"win_rate": [1, 0]}},
    ],
)
def test_an_untrusted_header_is_refused(directory, changed):
    header = json.loads((directory.path / HEADER).read_text())
    header["fingerprint"] = header["fingerprint"] | changed if changed else {}
    header["checksum"] = compute_checksum(header)
    (directory.path / HEADER).write_text(json.dumps(header))
    with pytest.raises(ResultError):
        Job.from_directory(RunDirectory.open(directory.path))


def test_kernels_of_another_version_are_named(directory):
    header = json.loads((directory.path / HEADER).read_text())
    header["fingerprint"]["kernels"] = "0" * 64
    header["qmac"] += "\x1b[2J"  # which would clear a terminal
    header["checksum"] = compute_checksum(header)
    (directory.path / HEADER).write_text(json.dumps(header))
    with pytest.raises(
        ResultError, match=r"was written by qmac [0-9.a-z]+\?\[2J, .*Resume it with that version"
    ):
        Job.from_directory(RunDirectory.open(directory.path))
