"""Results reach the disk together, in order, and what the disk refuses is said."""

import errno
import threading

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import WriteError
from qmac.results import commits, writer
from qmac.results.commits import Commits
from qmac.results.reader import load
from qmac.results.result import build_contents
from qmac.results.writer import stage_result
from qmac.runs.tasks import Task

GRID = qmac.Grid(windows=range(2, 8))


@pytest.fixture(scope="module")
def contents():
    return build_contents(qmac.optimize(frame(series("random", 60, 1)), GRID))


@pytest.fixture
def held(monkeypatch):
    """Let no file reach the disk until the event is set, and note the calls."""
    event, steps = threading.Event(), []
    sync, move = writer.sync, writer.move

    def wait(path):
        assert event.wait(60)
        steps.append(("sync", path.name))
        sync(path)

    def note(source, target):
        steps.append(("move", target.name))
        move(source, target)

    monkeypatch.setattr(writer, "sync", wait)
    monkeypatch.setattr(writer, "move", note)
    return event, steps


def test_a_result_is_one_once_its_files_are_on_the_disk(tmp_path, contents, held):
    event, steps = held
    ended = []
    waiting = Commits(lambda task: ended.append((task.name, *steps)))
    for name in "ABC":
        waiting.add(stage_result(tmp_path / name, contents), Task(name))
    assert sorted(path.name[:2] for path in tmp_path.iterdir()) == [".A", ".B", ".C"]
    event.set()
    waiting.flush()
    assert [name for name, *_ in ended] == ["A", "B", "C"]
    for name, *before in ended:
        assert ("move", name) in before
        assert before[-1] == ("sync", tmp_path.name)  # the names in the directory
        assert sum(step == "sync" for step, _ in before[: before.index(("move", name))]) >= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A", "B", "C"]
    assert load(tmp_path / "B").digest == contents.header["digest"]
    waiting.flush()
    waiting.close()


def test_what_waits_is_bounded(tmp_path, contents, held, monkeypatch):
    event, _ = held
    monkeypatch.setattr(commits, "MOST_PENDING", 1)
    waiting = Commits(lambda task: None)
    timer = threading.Timer(0.3, event.set)
    timer.start()
    for name in "ABCD":
        waiting.add(stage_result(tmp_path / name, contents), Task(name))
    assert event.is_set()  # one of them has waited for the disk
    timer.join()
    waiting.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A", "B", "C", "D"]


def test_a_refusal_is_said_and_leaves_nothing(tmp_path, contents, held, monkeypatch):
    event, _ = held

    def refuse(path):
        assert event.wait(60)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(writer, "sync", refuse)
    ended = []
    waiting = Commits(ended.append)
    for name in "AB":
        waiting.add(stage_result(tmp_path / name, contents), Task(name))
    event.set()
    with pytest.raises(WriteError, match="cannot be written: Input/output error"):
        waiting.flush()
    with pytest.raises(WriteError, match="cannot be written"):  # and so is each one after it
        waiting.add(stage_result(tmp_path / "C", contents), Task("C"))
    waiting.close()
    assert ended == [] and list(tmp_path.iterdir()) == []
