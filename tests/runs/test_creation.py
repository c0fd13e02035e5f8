"""A run directory is created whole or not at all, by one process; files of others stay."""

import errno
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.run_directories import PRICES, created, new_run

from qmac.errors import InputError, ResultError
from qmac.runs import creation
from qmac.runs.creation import STARTING
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER
from qmac.storage import atomic
from qmac.storage.json_text import compute_checksum
from qmac.storage.lock import hold_lock, write_holder


def starting(path, symbols=("SPY",), **more):
    """What a start leaves that was killed."""
    started = {"symbols": list(symbols)}
    path.mkdir(exist_ok=True)
    with hold_lock(path / STARTING, path) as descriptor:
        write_holder(
            descriptor, json.dumps({**started, "checksum": compute_checksum(started), **more})
        )


def contents(path):
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file()
    }


def test_what_a_killed_start_left_is_removed(tmp_path):
    path = tmp_path / "run"
    starting(path, ("SPY", "BRK/B"))
    for folder in ("prices", "snapshots"):
        (path / folder).mkdir()
    for file in (
        "prices/SPY.parquet",
        "prices/.BRK_B~82f670123a.parquet.part",
        ".run.json.part",
        "averages.npy",
    ):
        (path / file).write_text("half of it")
    created(path)
    assert sorted(contents(path)) == ["prices/SPY.parquet", HEADER]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / STARTING).touch()  # killed before it could say anything
    created(tmp_path / "other")
    assert not (tmp_path / "other" / STARTING).exists()


STRANGE = {
    "another's file of a likely name": {
        "starting": b"",
        "results/precious": b"1",
        "prices/precious.csv": b"2",
    },
    "another's file of that very name": {STARTING: b"mine", "results/precious": b"1"},
    "its name alone": {STARTING: b"process 1 on here\n{}"},
    "no checksum": {
        STARTING: b'process 1 on here\n{"symbols": ["SPY"], "checksum": ""}',
        "prices/SPY.parquet": b"1",
    },
    "half a start": {"prices/SPY.parquet": b"half of it", ".run.json.part": b"{"},
    "an empty starting file": {STARTING: b"", "prices/SPY.parquet": b"1", "averages.npy": b"2"},
}


@pytest.mark.parametrize("strange", STRANGE)
def test_files_of_others_are_not_removed(tmp_path, strange):
    path = tmp_path / "run"
    for name, data in STRANGE[strange].items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    with pytest.raises(ResultError, match="is not empty|is not of qmac"):
        created(path)
    assert contents(path).items() >= {
        (name, data) for name, data in STRANGE[strange].items() if data
    }


def test_what_was_put_beside_a_killed_start_stays(tmp_path):
    path = tmp_path / "run"
    starting(path)
    (path / "results").mkdir()
    (path / "results" / "notes").write_text("mine")
    with pytest.raises(ResultError, match="is not empty"):
        created(path)
    assert contents(path) == {"results/notes": b"mine"}


def test_a_start_that_is_alive_is_left_alone(tmp_path):
    path = tmp_path / "run"
    starting(path)
    (path / "prices").mkdir()
    (path / "prices" / "SPY.parquet").write_text("half of it")
    before = contents(path)
    with (
        hold_lock(path / STARTING, path),
        pytest.raises(ResultError, match="is being run by process"),
    ):
        created(path)
    assert contents(path) == before


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False])
def test_one_of_several_processes_creates_the_run(tmp_path, there):
    """Also where one looks before another has started, and writes after it has."""
    for number in range(40):
        path, barrier, ended = tmp_path / f"run{number}" / "inner", threading.Barrier(3), []
        if there:
            path.mkdir(parents=True)

        def start(path=path, barrier=barrier, ended=ended):
            barrier.wait()
            try:
                ended.append(RunDirectory.create(path, new_run()).path)
            except InputError as error:
                ended.append(str(error))

        threads = [threading.Thread(target=start) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ended.count(path) == 1 and len(ended) == 3, ended
        assert sorted(contents(path)) == ["prices/SPY.parquet", HEADER]
        assert RunDirectory.open(path).prices("SPY").frame.equals(PRICES.frame)


def test_names_of_many_files_are_synced_together(tmp_path, monkeypatch):
    synced, steps = [], []
    monkeypatch.setattr(creation, "sync", synced.append)
    monkeypatch.setattr(atomic, "step", steps.append)
    many = {f"S{number}": replace(PRICES, name=f"S{number}") for number in range(20)}
    directory = created(tmp_path / "run", many)
    assert synced[0] == directory.path / "prices" and steps.count("sync directory") == 1
    assert steps.count("fsync") == 21  # and the header
    assert all(directory.prices(name).checksum == PRICES.checksum for name in many)


@pytest.mark.parametrize("at", atomic.STEPS)
@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "EIO"), OSError(errno.ENOSPC, "ENOSPC"), KeyboardInterrupt()]
)
def test_a_creation_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, at, error):
    path, averages = tmp_path / "run", np.ones((3, 300))
    steps = []
    monkeypatch.setattr(atomic, "step", steps.append)
    created(tmp_path / "whole", averages=averages)
    assert steps.count(at) == 3  # prices, averages, header
    for nth in range(3):
        left = [nth]

        def step(name, left=left):
            left[0] -= name == at
            if name == at and left[0] < 0:
                raise error

        monkeypatch.setattr(atomic, "step", step)
        path.mkdir()
        with pytest.raises(type(error)):
            created(path, averages=averages)
        assert list(path.iterdir()) == []
        path.rmdir()
    monkeypatch.undo()
    created(path, averages=averages)
    assert RunDirectory.open(path).header
