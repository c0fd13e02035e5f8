"""Where scores of random markets go; whole runs are in test_luck.py."""

import pytest
from helpers.run_directories import PRICES, created, new_run

from qmac.errors import ResultError, WriteError
from qmac.robustness.luck_store import DirectoryLuckStore, MemoryLuckStore, build_store
from qmac.runs.header import Identity, prices_checksum
from qmac.runs.records import Record

RECORD = Record("shuffle", 0, 0.5)
IDENTITY = Identity(new_run().fingerprint, "SPY", prices_checksum(PRICES))
QUESTION = {"seed": 1}


def test_memory():
    store = build_store(None, IDENTITY, QUESTION)
    assert isinstance(store, MemoryLuckStore)
    with store.opened(None) as listener:
        assert listener is None
        store.add(RECORD)
        store.write_pending()
    assert store.read() == []
    assert store.store("answer") == "answer"


@pytest.mark.parametrize("is_run", [True, False])
def test_records_are_there_afterwards(tmp_path, is_run):
    path = created(tmp_path / "run").path if is_run else tmp_path / "luck"
    for records in ([], [RECORD]):
        store = DirectoryLuckStore(path, IDENTITY, QUESTION)
        with store.opened(None):
            assert store.read() == []
            if records:
                store.add(RECORD)
    folder = path / "luck" / "SPY" if is_run else path
    assert DirectoryLuckStore(path, IDENTITY, QUESTION).read() == [RECORD]
    assert {file.name for file in folder.iterdir()} >= {"records.jsonl"}


def test_nothing_is_written_before_it_is_opened(tmp_path):
    build_store(tmp_path / "new", IDENTITY, QUESTION)
    assert not list(tmp_path.iterdir())


def test_a_run_of_something_else_is_refused(tmp_path):
    path = created(tmp_path / "run").path
    with pytest.raises(ResultError, match="a run without QQQ"):
        build_store(path, Identity(IDENTITY.fingerprint, "QQQ", IDENTITY.prices), QUESTION)
    with pytest.raises(ResultError, match="another run: prices is"):
        build_store(path, Identity(IDENTITY.fingerprint, "SPY", "0"), QUESTION)


def test_the_number_of_top_rows_makes_no_other_run(tmp_path):
    path = created(tmp_path / "run").path
    fingerprint = IDENTITY.fingerprint
    request = fingerprint.request.__class__(**vars(fingerprint.request) | {"top": 3})
    other = fingerprint.__class__(request, *list(vars(fingerprint).values())[1:4])
    build_store(path, Identity(other, "SPY", IDENTITY.prices), QUESTION)


def test_a_link_is_not_followed(tmp_path):
    path, other = created(tmp_path / "run").path, tmp_path / "other"
    other.mkdir()
    (path / "luck").symlink_to(other)
    store = build_store(path, IDENTITY, QUESTION)
    with pytest.raises(ResultError, match="link"), store.opened(None):
        pass
    assert not list(other.iterdir())
    own = tmp_path / "own"
    own.mkdir()
    (own / "lock").symlink_to(other / "lock")
    store = build_store(own, IDENTITY, QUESTION)
    with pytest.raises(WriteError, match="link"), store.opened(None):
        pass


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultError):
        build_store(tmp_path / "file", IDENTITY, QUESTION)
