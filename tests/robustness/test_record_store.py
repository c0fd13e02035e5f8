"""Where records of parts go: locks, refusals, and what an earlier process left."""

import pytest

from qmac.errors import ResultError
from qmac.robustness.record_store import MemoryRecords, RecordDirectory, check_names
from qmac.runs.records import RESAMPLES, Record, RecordFile

RECORD = Record("shuffle", 0, 0.5)


def build_store(path, seed=1):
    return RecordDirectory(path, RecordFile(path / "records.jsonl", {"seed": seed}, RESAMPLES))


def test_memory_holds_nothing():
    store = MemoryRecords()
    with store.opened(print) as listener:
        store.add(RECORD)
        store.write_pending()
    assert listener is print and store.read() == [] and store.directory is None
    assert store.elapsed > 0 == MemoryRecords().elapsed


def test_records_of_an_earlier_process_are_there(tmp_path):
    path = tmp_path / "out"
    with build_store(path).opened(None):
        pass
    with (store := build_store(path)).opened(None):
        store.add(RECORD)
    later = build_store(path)
    assert later.read() == [RECORD] and later.elapsed <= store.elapsed
    assert (path / "progress.jsonl").exists() and (path / "lock").exists()
    with pytest.raises(ResultError, match="seed is 1, not 2"), build_store(path, 2).opened(None):
        pass


def test_one_process_at_a_time(tmp_path):
    with (
        build_store(tmp_path).opened(None),
        pytest.raises(ResultError, match="is being run by"),
        build_store(tmp_path).opened(None),
    ):
        pass


def test_other_files_are_not_touched(tmp_path):
    check_names(tmp_path / "new", {"a.json"}, "Name another.")
    (tmp_path / "a.json").touch()
    (tmp_path / ".a.json.123.part").touch()
    check_names(tmp_path, {"a.json"}, "Name another.")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ResultError, match="is not empty. Name another."):
        check_names(tmp_path, {"a.json"}, "Name another.")
