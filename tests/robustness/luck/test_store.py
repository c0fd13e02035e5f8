"""Where scores of random markets go; whole runs are in test_luck.py."""

import json

import pytest
from helpers.luck_answers import build_luck
from helpers.run_directories import PRICES, created, new_run

from qmac.errors import ResultError, WriteError
from qmac.robustness.answer_file import write_answer
from qmac.robustness.luck.store import (
    DirectoryLuckStore,
    MemoryLuckStore,
    build_store,
    describe_question,
    read_answer,
    read_answers,
)
from qmac.runs.header import Identity, prices_checksum
from qmac.runs.records import Record
from qmac.storage.json_text import compute_checksum

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


def test_answers_of_a_directory(tmp_path):
    run = created(tmp_path / "run")
    assert (
        read_answers(run.path, ["SPY"], read_answer)
        == read_answers(tmp_path, ["SPY"], read_answer)
        == {}
    )
    question = compute_checksum(describe_question(IDENTITY, 1))
    folder = run.path / "luck" / "SPY"
    folder.mkdir(parents=True)
    luck = build_luck(question=question)
    luck.save(folder / "luck.json")
    (read,) = read_answers(run.path, ["SPY"], read_answer).values()
    assert read.digest == luck.digest
    assert read_answers(run.path, ["QQQ"], read_answer) == {}
    build_luck().save(folder / "luck.json")
    with pytest.warns(UserWarning, match="another question"):
        assert read_answers(run.path, ["SPY"], read_answer) == {}


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


def test_the_answer_of_a_task(tmp_path):
    run = created(tmp_path / "run")
    (task,) = run.tasks
    assert read_answer(run, task) is None
    path = run.luck(task) / "luck.json"
    path.parent.mkdir(parents=True)
    question = compute_checksum(describe_question(run.header.identify(task), seed=1))
    luck = build_luck(question=question)
    write_answer(luck, path)
    assert read_answer(run, task).digest == luck.digest
    write_answer(build_luck(), path)
    with pytest.raises(ResultError, match="another question"):
        read_answer(run, task)
    path.write_text(json.dumps({"luck": 1}))
    with pytest.raises(ResultError, match="damaged"):
        read_answer(run, task)


@pytest.mark.parametrize("name", ["luck", "SPY", "luck.json"])
def test_an_answer_behind_a_link_is_not_read(tmp_path, name):
    run = created(tmp_path / "run")
    path = run.luck(run.tasks[0]) / "luck.json"
    place = {"luck": path.parent.parent, "SPY": path.parent, "luck.json": path}[name]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(tmp_path / "other")
    with pytest.raises(ResultError, match="link"):
        read_answer(run, run.tasks[0])
