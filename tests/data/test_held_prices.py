"""Prices of many files: few are held, the others are read again."""

import weakref

import pytest
from helpers.series import frame, series

import qmac
from qmac.data import held_prices
from qmac.data.held_prices import HeldPrices, list_warned
from qmac.data.prices import Prices
from qmac.data.symbols import read_symbols
from qmac.errors import PricesError
from qmac.jobs.job import build_job
from qmac.jobs.runner import create_directory, run
from qmac.runtime.resources.limits import Limits
from qmac.strategy.request import check_request

NAMES = [f"S{seed:02d}" for seed in range(24)]
FRAMES = {name: frame(series("random", 300, seed)) for seed, name in enumerate(NAMES)}
GRID = qmac.Grid(windows=(2, 3, 5, 8))
THREADS = 2


@pytest.fixture
def folder(tmp_path):
    """A directory with a file for each symbol."""
    place = tmp_path / "prices"
    place.mkdir()
    for name, data in FRAMES.items():
        data.to_csv(place / f"{name}.csv", float_format="%.17g")
    return place


@pytest.fixture
def alive(monkeypatch):
    """The most prices that were in memory when others were made, as the only item of a list."""
    made, most, build = [], [0], Prices.__post_init__

    def counted(prices):
        build(prices)
        made.append(weakref.ref(prices))
        most[0] = max(most[0], sum(each() is not None for each in made))

    monkeypatch.setattr(Prices, "__post_init__", counted)
    return most


def sweep(folder, out=None):
    job = build_job(read_symbols(folder), check_request(GRID))
    directory = create_directory(job, out)
    return run(job, directory, Limits(), THREADS)


@pytest.fixture(scope="module")
def digests():
    results = qmac.optimize_many(FRAMES, GRID)
    return {name: result.digest for name, result in results.items()}


@pytest.mark.parametrize("is_stored", [False, True])
def test_few_are_in_memory_and_digests_are_the_same(
    monkeypatch, folder, tmp_path, alive, digests, is_stored
):
    """All of them are read, written, swept and let go."""
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    results = sweep(folder, tmp_path / "out" if is_stored else None)
    assert alive[0] < len(NAMES)
    assert {name: result.digest for name, result in results.items()} == digests
    assert len(results["S03"].series.prices) == 300


def test_all_are_held_where_they_are_small(folder, alive):
    symbols = read_symbols(folder)
    assert symbols.prices.is_whole and alive[0] >= len(NAMES)
    assert symbols.prices["S01"] is symbols.prices["S01"]


def test_those_that_are_read_first_are_held(monkeypatch, folder):
    needed = int(FRAMES["S00"].memory_usage().sum())
    monkeypatch.setattr(held_prices, "HELD_BYTES", 3 * needed)
    prices = read_symbols(folder).prices
    assert list(prices) == NAMES and not prices.is_whole
    assert [name for name in NAMES if prices.is_held(name)] == NAMES[:3]
    assert {prices.count_bars(name) for name in NAMES} == {300}
    assert prices["S07"] is not prices["S07"] and prices["S07"].name == "S07"
    assert prices["S07"].origin == read_symbols(folder / "S07.csv").prices["S07"].origin
    rest = prices.without({"S00", "S07"})
    assert list(rest) == [name for name in NAMES if name not in ("S00", "S07")]


def test_a_file_that_has_changed_is_refused(monkeypatch, folder):
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    prices = read_symbols(folder).prices
    FRAMES["S00"].to_csv(folder / "S05.csv")
    with pytest.raises(PricesError, match="the file of S05 has changed since it was first read"):
        prices["S05"]
    assert prices["S06"].close[0] == FRAMES["S06"]["Close"].iloc[0]


def test_a_file_that_changes_before_it_is_swept_stops_no_other(monkeypatch, folder):
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    job = build_job(read_symbols(folder), check_request(GRID))
    FRAMES["S00"].to_csv(folder / "S05.csv")
    with pytest.warns(UserWarning, match="left out: S05: the file of S05 has changed"):
        results = run(job, None, Limits(), THREADS)
    assert list(results) == [name for name in NAMES if name != "S05"]


def test_a_file_that_changes_before_its_directory_is_written_is_refused(
    monkeypatch, folder, tmp_path
):
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    job = build_job(read_symbols(folder), check_request(GRID))
    FRAMES["S00"].to_csv(folder / "S05.csv")
    with pytest.raises(PricesError, match="the file of S05 has changed since it was first read"):
        create_directory(job, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_warnings_are_known_of_prices_that_are_let_go(monkeypatch, folder):
    """They are those of the file, and nothing is read for them."""
    odd = FRAMES["S02"].copy()
    odd.iloc[20] *= 100
    odd.to_csv(folder / "S02.csv")
    held = list_warned(read_symbols(folder).prices)
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    prices = read_symbols(folder).prices
    FRAMES["S00"].to_csv(folder / "S02.csv")
    known = [each.warnings for each in list_warned(prices)]
    assert known == [each.warnings for each in held]
    assert len(known[2]) == 1


def test_prices_without_a_file_are_held(monkeypatch):
    monkeypatch.setattr(held_prices, "HELD_BYTES", 0)
    held = HeldPrices()
    held.add("S00", Prices.of(FRAMES["S00"], "S00"))
    assert held.is_whole and "S00" in held and "S01" not in held and len(held) == 1
