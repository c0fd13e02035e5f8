"""A run directory: complete or none, checked when it is read, and held by one process at a time."""

import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
import warnings
import zoneinfo
from datetime import UTC, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from helpers.run_directories import GRID, PRICES, created
from helpers.series import frame, ohlc, series
from helpers.stopwatch import Stopwatch
from helpers.sweeps import done, evaluator_of, ledger_of

from qmac.data.prices import Prices
from qmac.errors import ResultError
from qmac.runs.creation import prices_file
from qmac.runs.directory import GENERATIONS, RunDirectory, identify
from qmac.runs.header import prices_checksum
from qmac.runs.snapshot import collect_arrays, encode
from qmac.runs.tasks import Task
from qmac.storage import atomic

SPY = Task("SPY")
DATASET = "0123"
FITS = identify(SPY, DATASET)


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run")


@pytest.fixture(scope="module")
def evaluator():
    return evaluator_of(PRICES, GRID)


def test_created_is_opened(tmp_path):
    prices = {
        name: Prices(PRICES.frame, name) for name in ("SPY", "spy", "a/b", "../up", "Ä😀\n", "CON")
    }
    made = created(tmp_path / "run", prices, left_out={"BAD": "why"})
    found = RunDirectory.open(tmp_path / "run")
    assert found.header == made.header and found.symbols == list(prices)
    for name in prices:
        assert found.prices(name).frame.equals(PRICES.frame) and found.prices(name).name == name
    assert len(list((tmp_path / "run" / "prices").iterdir())) == len(prices)
    assert found.averages() is None and not list(tmp_path.glob("**/*.part"))


INDICES = {
    "days": pd.bdate_range("2001-01-01", periods=40),
    "utc": pd.date_range("2001-01-01", periods=40, tz="UTC"),
    "utc of datetime": pd.date_range("2001-01-01", periods=40, tz=UTC),
    "a zone": pd.date_range("2001-03-20", periods=40, tz="Europe/Berlin"),
    "a zone of zoneinfo": pd.date_range(
        "2001-03-20", periods=40, tz=zoneinfo.ZoneInfo("America/New_York")
    ),
    "an offset": pd.date_range(
        "2001-01-01", periods=40, tz=timezone(timedelta(hours=5, minutes=30))
    ),
    "an offset in text": pd.DatetimeIndex(
        [f"2001-01-{day:02}T00:00-03:00" for day in range(1, 29)]
    ),
    "seconds": pd.date_range("1801-01-01", periods=40, freq="366D").as_unit("s"),
    "milliseconds": pd.date_range("2001-01-01", periods=40, freq="7ms", unit="ms"),
    "nanoseconds": pd.date_range("2001-01-01", periods=40, freq="1500ns"),
}


@pytest.mark.parametrize("kind", INDICES)
def test_every_index_comes_back(tmp_path, kind):
    index = INDICES[kind]
    table = ohlc("random", 40, 1).iloc[: len(index)].set_index(index)
    made = created(tmp_path / "run", Prices.of(table, "SPY"))
    back = made.prices("SPY")
    assert (back.index == index).all() and (
        back.frame.to_numpy() == table[back.frame.columns].to_numpy()
    ).all()


def test_odd_frames_come_back(tmp_path):
    table = ohlc("random", 40, 1)
    volume = np.full(40, np.nan)
    volume[3:9] = -np.abs(volume[3:9])  # the sign of a NaN, as 0/0 gives it
    table["Volume"] = np.copysign(volume, -1)
    table.attrs = {"source": object()}
    prices = Prices.of(table, "SPY")
    back = created(tmp_path / "run", prices).prices("SPY")
    assert back.frame.isna().equals(prices.frame.isna()) and prices_checksum(
        back
    ) == prices_checksum(prices)


def test_prices_changed_by_a_bit_are_others():
    known = {prices_checksum(PRICES)}
    for column in PRICES.frame:
        for row in (0, 17, len(PRICES) - 1):
            table = PRICES.frame.copy()
            table.loc[table.index[row], column] = np.nextafter(table[column].iloc[row], np.inf)
            known.add(prices_checksum(Prices(table, "SPY")))
    for other in (
        PRICES.frame.drop(columns="High"),
        PRICES.frame.set_index(PRICES.index + pd.Timedelta("1us")),
        PRICES.frame.tz_localize("UTC"),
        PRICES.frame[::-1],
        PRICES.frame.iloc[1:],
        PRICES.frame.rename(columns={"High": "Low", "Low": "High"}),
    ):
        known.add(prices_checksum(Prices(other, "SPY")))
    assert len(known) == 1 + 3 * 4 + 6
    assert prices_checksum(Prices(PRICES.frame.copy(), "other")) in known


# -- prices and averages


@pytest.mark.parametrize("name", ["prices/SPY.parquet", "averages.npy"])
def test_damaged_prices_and_averages_are_refused(tmp_path, name):
    averages = np.linspace(1, 2, 900).reshape(3, 300)
    directory = created(tmp_path / "run", averages=averages)

    def read():
        return directory.prices("SPY").frame if name.startswith("prices") else directory.averages()

    whole, path = np.asarray(read()), directory.path / name
    data = path.read_bytes()
    assert np.array_equal(whole, averages if name == "averages.npy" else PRICES.frame)
    refused, places = (
        0,
        [
            *range(0, len(data), max(1, len(data) // 150)),
            *range(12),
            *range(len(data) - 12, len(data)),
        ],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in places:
            damaged = bytearray(data)
            damaged[place] ^= 1 << (place % 8)
            path.write_bytes(damaged)
            try:
                assert np.array_equal(
                    np.asarray(read()), whole
                )  # where nothing that matters stands
            except ResultError:
                refused += 1
        assert refused > 0.4 * len(places)
        for size in range(0, len(data), len(data) // 20):
            path.write_bytes(data[:size])
            with pytest.raises(
                ResultError, match=rf"{path.name} (is damaged|was changed).*\. Start the run again"
            ):
                read()
    path.unlink()
    with pytest.raises(ResultError, match="damaged"):
        read()


def test_other_prices_in_place_of_them(directory):
    other = PRICES.frame.copy()
    other.iloc[5, 0] *= 1 + 1e-12
    other.to_parquet(directory.path / "prices" / "SPY.parquet")
    with pytest.raises(ResultError, match="was changed"):
        directory.prices("SPY")


@pytest.mark.slow
def test_a_file_is_known_before_it_is_parsed(directory, monkeypatch):
    read, parsed = pd.read_parquet, []
    monkeypatch.setattr(pd, "read_parquet", lambda path: parsed.append(path) or read(path))
    assert len(directory.prices("SPY")) == 300 and len(parsed) == 1
    path = directory.path / "prices" / "SPY.parquet"
    PRICES.frame.to_parquet(
        path, compression="gzip"
    )  # the same prices, in a file of somebody else's
    with pytest.raises(ResultError, match="was changed"):
        directory.prices("SPY")
    os.truncate(path, 2**30)
    with pytest.raises(ResultError, match="was changed"):
        directory.prices("SPY")
    assert len(parsed) == 1
    entry = dataclasses.replace(directory.header.prices["SPY"], file=None)
    directory.header.prices["SPY"] = entry  # as a header may be that has no such checksum
    PRICES.frame.to_parquet(path)
    assert len(directory.prices("SPY")) == 300


# -- generations of snapshots


def test_the_newest_three_are_kept(directory, evaluator):
    ledger = ledger_of(evaluator)
    for cell in range(6):
        ledger.settle(done(evaluator, (cell, cell + 1)), [(cell, cell + 1)])
        directory.save_snapshot(FITS | {"seconds": cell}, ledger)
        assert len(list((directory.path / "snapshots").iterdir())) == min(cell + 1, GENERATIONS)
    again = ledger_of(evaluator)
    about, damaged = directory.load_snapshot(SPY, DATASET, again)
    assert about["seconds"] == 5 and again.done.sum() == 6 and not damaged
    directory.drop_snapshots()
    assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator)) == (None, [])


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "away", "counts"])
@pytest.mark.parametrize("bad", [1, 2, 3])
def test_damaged_ones_are_passed_over(directory, evaluator, bad, damage):
    ledger = ledger_of(evaluator)
    for cell in range(3):
        ledger.settle(done(evaluator, (cell, cell + 1)), [(cell, cell + 1)])
        directory.save_snapshot(FITS | {"seconds": cell}, ledger)
    paths = sorted((directory.path / "snapshots").iterdir(), reverse=True)
    for path in paths[:bad]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        if damage == "away":
            path.unlink()
        elif damage == "counts":  # untrusted: the checksums fit, the counts do not
            forged = ledger_of(evaluator)
            forged.done[:4] = True
            path.write_bytes(
                b"".join(encode(FITS | {"seconds": 9}, collect_arrays(forged), forged.lock))
            )
        else:
            path.write_bytes({"flip": data, "cut": data[: len(data) // 2], "empty": b""}[damage])
    again = ledger_of(evaluator)
    about, damaged = directory.load_snapshot(SPY, DATASET, again)
    assert again.done.sum() == 3 - bad and (about is None) == (bad == 3)
    assert len(damaged) == (0 if damage == "away" else min(bad, len(paths)))
    again.check()
    if damage != "away":
        directory.save_snapshot(FITS | {"seconds": 9}, ledger)  # newer than those that are damaged
        assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))[0]["seconds"] == 9


def test_the_newest_sound_one_is_set_aside_though_memory_is_short(
    directory, evaluator, monkeypatch
):
    ledger = ledger_of(evaluator)
    for cell in range(3):
        ledger.settle(done(evaluator, (cell, cell + 1)), [(cell, cell + 1)])
        directory.save_snapshot((FITS if cell < 2 else {"task": "QQQ"}) | {"seconds": cell}, ledger)
    _, newer, older = sorted((directory.path / "snapshots").iterdir(), reverse=True)
    newer.write_bytes(newer.read_bytes()[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(type(newer), "read_bytes", lambda *_: bytearray(1 << 60))
        directory.set_aside(SPY)
    assert not older.exists() and newer.exists()
    directory.drop_snapshots()
    assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))[0]["seconds"] == 0


def test_a_snapshot_beyond_all_sizes_is_not_even_read(directory, evaluator):
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    directory.save_snapshot(FITS | {"seconds": 1}, ledger)
    huge = directory.path / "snapshots" / "00000099"
    huge.touch()
    os.truncate(huge, 2**40)
    os.mkfifo(directory.path / "snapshots" / "00000098")  # would be waited for
    about, damaged = directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))
    assert about["seconds"] == 1
    assert re.fullmatch(
        r".*00000099 .* it has 1,099,511,627,776 bytes, and [0-9,]+ are the most\.", damaged[0]
    )
    assert damaged[1].endswith("00000098 is a pipe, not a regular file.")


@pytest.mark.parametrize("kind", ["pipe", "link", "directory"])
def test_what_is_no_file_under_the_name_of_a_snapshot_stops_no_run(
    directory, evaluator, tmp_path, kind
):
    folder = directory.path / "snapshots"
    make = {
        "pipe": os.mkfifo,
        "link": lambda path: path.symlink_to(tmp_path / "mine"),
        "directory": lambda path: path.mkdir(),
    }
    place = folder / "00000001"
    make[kind](place)
    ledger = ledger_of(evaluator)
    for _ in range(GENERATIONS + 1):
        directory.save_snapshot(identify(SPY, "d"), ledger)
    about, damaged = directory.load_snapshot(SPY, "d", ledger_of(evaluator))
    assert about is not None and damaged == []
    directory.drop_snapshots()
    assert [path.name for path in folder.iterdir()] == ["00000001"]
    _, damaged = directory.load_snapshot(SPY, "d", ledger_of(evaluator))
    assert len(damaged) == 1 and "00000001" in damaged[0]


def test_a_snapshot_of_a_large_number_hides_no_later_one(directory, evaluator):
    (directory.path / "snapshots" / "999999999999999999").write_text("?")
    directory.save_snapshot(identify(SPY, "d"), ledger_of(evaluator))
    about, _ = directory.load_snapshot(SPY, "d", ledger_of(evaluator))
    assert about is not None


def test_snapshots_of_other_series_are_not_taken(directory, evaluator):
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    for about in (identify(Task("QQQ"), DATASET), identify(SPY, "4567"), {}):
        directory.save_snapshot(about, ledger)
    again = ledger_of(evaluator)
    assert directory.load_snapshot(SPY, DATASET, again) == (None, []) and not again.done.any()


def test_snapshots_of_other_runs_are_not_taken(tmp_path, evaluator):
    """They may have the same cells of the same series, and be ranked by something else."""
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    one, other = created(tmp_path / "one"), created(tmp_path / "other", averages=np.ones((10, 300)))
    one.save_snapshot(FITS, ledger)
    (one.path / "snapshots" / "00000001").rename(other.path / "snapshots" / "00000001")
    again = ledger_of(evaluator)
    about, damaged = other.load_snapshot(SPY, DATASET, again)
    assert about is None and not again.done.any()
    assert damaged[0].endswith("00000001 is the snapshot of another run.")


def test_a_save_that_fails_releases_the_ledger(directory, evaluator, monkeypatch):
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    for at in atomic.STEPS:

        def step(name, at=at):
            if name == at:
                raise KeyboardInterrupt

        monkeypatch.setattr(atomic, "step", step)
        try:
            directory.save_snapshot(FITS | {"seconds": 0}, ledger)
        except KeyboardInterrupt:
            assert not ledger.lock.locked(), (
                at
            )  # workers wait for them, and the run for the workers


def test_nothing_of_killed_processes_stays(directory, evaluator):
    ledger = ledger_of(evaluator)
    directory.save_snapshot(FITS | {"seconds": 0}, ledger)
    (directory.path / "snapshots" / ".00000007.part").write_bytes(bytes(1000))
    directory.drop_snapshots()
    assert list((directory.path / "snapshots").iterdir()) == []
    for name in ("SPY", f".SPY-{os.getpid()}", ".SPY-1", ".SPY2-1", "SPY2"):
        (directory.path / "results" / name).mkdir()
    directory.drop_result(SPY)
    assert sorted(path.name for path in (directory.path / "results").iterdir()) == [
        ".SPY2-1",
        "SPY2",
    ]


def test_strange_files_among_snapshots(directory, evaluator):
    for name in ("notes.txt", "²", ".DS_Store"):
        (directory.path / "snapshots" / name).write_text("?")
    (directory.path / "snapshots" / "00000009").mkdir()
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    directory.save_snapshot(FITS | {"seconds": 0}, ledger)
    about, damaged = directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))
    assert about["seconds"] == 0 and not damaged


# -- one driver at a time

HOLDER = """
import sys, time
from pathlib import Path
from qmac.runs.creation import prices_file
from qmac.runs.directory import RunDirectory
with RunDirectory.open(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_driver_is_refused_and_a_dead_one_is_not_waited_for(directory):
    pytest.importorskip("fcntl")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory.path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            Stopwatch() as watch,
            pytest.raises(
                ResultError, match=f"is being run by process {holder.pid} on .*qmac watch"
            ),
            directory.locked(),
        ):
            pass
        assert watch.seconds < 0.5
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with Stopwatch() as watch, directory.locked():
        assert (directory.path / "lock").read_text().startswith(f" process {os.getpid()} on ")
        again = RunDirectory.open(directory.path)
        with pytest.raises(ResultError, match="is being run"), again.locked():  # this process too
            pass
    assert watch.seconds < 0.5
    with directory.locked():
        pass


def test_series_of_others(tmp_path):
    assert prices_checksum(Prices.of(frame(series("random", 50, 1)))) != prices_checksum(
        Prices.of(frame(series("random", 50, 2)))
    )


def test_prices_of_another_symbol(directory):
    with pytest.raises(ResultError, match="QQQ.parquet is damaged"):
        directory.prices("QQQ")


@pytest.fixture
def mine(tmp_path):
    """A directory of the user's, with names that qmac uses too."""
    place = tmp_path / "mine"
    (place / "SPY").mkdir(parents=True)
    for name in ("notes.txt", "of-SPY", "00000001", ".00000001.part", "SPY/result.json"):
        (place / name).write_text("mine")
    return place


def contents(place):
    return {path: path.is_file() and path.read_text() for path in place.rglob("*")}


FOLDER_LINKS = ("snapshots", "results", "scores", "prices", "results/SPY", "scores/SPY")


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("name", ["lock", "progress.jsonl", *FOLDER_LINKS])
def test_a_link_in_a_run_is_refused_by_name(directory, mine, name):
    before = contents(mine)
    place = directory.path / name
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(mine if name in FOLDER_LINKS else mine / "notes.txt")
    again = RunDirectory.open(directory.path)
    message = f"{re.escape(str(place))} is not opened: {place.name} is a link"
    with pytest.raises(ResultError, match=message), again.locked():
        pass
    assert contents(mine) == before and place.is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("name", ["lock", "progress.jsonl"])
def test_a_hard_link_in_a_run_is_refused_by_name(directory, mine, name):
    (directory.path / name).unlink(missing_ok=True)
    (directory.path / name).hardlink_to(mine / "notes.txt")
    with pytest.raises(ResultError, match=f"{name} is a hard link"), directory.locked():
        pass
    assert (mine / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_what_is_no_file_where_a_snapshot_is_set_aside(directory, mine, evaluator):
    place, before = directory.path / "snapshots" / "of-SPY", contents(mine)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(mine / "notes.txt")):
        make(place)
        with pytest.raises(ResultError, match="of-SPY is not opened: of-SPY is a"):
            directory.locked().__enter__()
        directory.save_snapshot(FITS, ledger_of(evaluator))
        with pytest.warns(UserWarning, match="of-SPY is in the way"):  # it came later
            directory.set_aside(SPY)
        assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))[0] is not None
        place.rmdir() if place.is_dir() else place.unlink()
    place.hardlink_to(directory.path / "snapshots" / "00000001")  # as a backup has it
    with directory.locked():
        directory.set_aside(SPY)
    assert contents(mine) == before and place.stat().st_nlink >= 1


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_where_a_snapshot_is_being_written_loses_no_work(directory, evaluator):
    pipes = [f".{number:08}.part" for number in range(1, 8)]
    for name in pipes:
        os.mkfifo(directory.path / "snapshots" / name)
    directory.save_snapshot(FITS, ledger_of(evaluator))
    assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))[0] is not None
    (directory.path / "snapshots" / ".00000009.2.part").touch()  # of a killed process
    directory.drop_snapshots()
    assert sorted(path.name for path in (directory.path / "snapshots").iterdir()) == pipes


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_link_that_comes_later_is_not_followed(directory, mine, evaluator):
    """The directory was as it should be when its lock was taken."""
    before, ledger = contents(mine), ledger_of(evaluator)
    for name in ("snapshots", "results", "scores"):
        shutil.rmtree(directory.path / name, ignore_errors=True)
        (directory.path / name).symlink_to(mine)
    steps = (
        lambda: directory.save_snapshot(FITS, ledger),
        directory.drop_snapshots,
        lambda: directory.set_aside(SPY),
        lambda: directory.drop_set_aside(but=()),
        lambda: directory.load_snapshot(SPY, DATASET, ledger),
        lambda: directory.drop_result(SPY),
    )
    for step in steps:
        with pytest.raises((OSError, ResultError), match="is a link"):
            step()
    assert contents(mine) == before


def test_a_run_is_reached_by_a_link(directory, tmp_path):
    (tmp_path / "link").symlink_to(directory.path)
    again = RunDirectory.open(tmp_path / "link")
    assert again.path == directory.path.resolve()
    with again.locked():
        assert again.prices("SPY").frame.equals(PRICES.frame)


def test_empty_directories_are_made_when_they_are_needed(directory, evaluator):
    """A copy file by file has none of them."""
    for name in ("snapshots", "results"):
        (directory.path / name).rmdir()
    with directory.locked():
        directory.drop_result(SPY)
        directory.drop_snapshots()
        directory.save_snapshot(FITS | {"seconds": 1}, ledger_of(evaluator))
    assert directory.load_snapshot(SPY, DATASET, ledger_of(evaluator))[0]["seconds"] == 1


def test_only_what_qmac_made_is_removed(directory, evaluator):
    folder, place = directory.path / "snapshots", directory.result(SPY)
    names = ("of-mail", "1", "notes.part", ".notes.part")
    for name in names:
        (folder / name).write_text("mine")
    directory.save_snapshot(FITS, ledger_of(evaluator))
    directory.drop_snapshots()
    directory.drop_set_aside(but=())
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    place.mkdir()
    (place / "result.json").touch()
    (place / "report.html").touch()
    with pytest.raises(ResultError, match=r"report.html is not of qmac.* Move .*report.html"):
        directory.drop_result(SPY)
    (place / "report.html").unlink()
    directory.drop_result(SPY)
    assert not place.exists()


def test_prices_of_more_rows_than_the_header_says(tmp_path):
    directory = created(tmp_path / "run")
    entry = directory.header.prices["SPY"]
    many = pd.DataFrame({"Close": np.zeros(3_000_000)})
    many.to_parquet(prices_file(directory.path, "SPY"))
    digest = hashlib.sha256(prices_file(directory.path, "SPY").read_bytes()).hexdigest()
    entries = {"SPY": dataclasses.replace(entry, file=digest)}
    header = dataclasses.replace(directory.header, prices=entries)
    tracemalloc.start()
    with pytest.raises(ResultError, match="damaged"):
        RunDirectory(directory.path, header).prices("SPY")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_missing_price_file_is_to_be_put_back(directory):
    prices_file(directory.path, "SPY").unlink()
    with pytest.raises(ResultError, match=r"is missing. Put it back, and resume the run"):
        directory.prices("SPY")
