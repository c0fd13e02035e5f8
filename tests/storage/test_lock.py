"""A lock belongs to one process, which it names, and ends with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmac.errors import ResultError
from qmac.storage import lock
from qmac.storage.lock import LOCK, hold_lock, is_held, lock_shared, wait_for_lock, write_holder

HOLDER = """
import sys
from pathlib import Path
from qmac.storage.lock import hold_lock, write_holder
file = Path(sys.argv[1])
with hold_lock(file, file.parent) as descriptor:
    write_holder(descriptor)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / LOCK


@pytest.fixture
def holder(file):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_held_while_the_block_runs(file):
    assert is_held(file) is None  # there is no such file
    with hold_lock(file, file.parent):
        assert is_held(file) is True
    assert is_held(file) is False


def test_the_command_to_watch_can_be_pasted(file, holder):
    message = r"qmac watch 'my runs/first'$"
    with pytest.raises(ResultError, match=message), hold_lock(file, Path("my runs/first")):
        pass


def test_a_lock_of_another_process_is_refused_and_its_holder_named(file, holder):
    message = f"^{file.parent} is being run by process {holder.pid} on .*: qmac watch {file.parent}"
    with pytest.raises(ResultError, match=message), hold_lock(file, file.parent):
        pass
    assert is_held(file) is True


def test_a_lock_ends_with_its_process(file, holder):
    holder.kill()
    holder.wait()
    assert is_held(file) is False
    with hold_lock(file, file.parent) as descriptor:
        write_holder(descriptor, "more\n")
        first, second = file.read_text().splitlines()
    assert first.startswith(f" process {os.getpid()} on ") and second == "more"


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"", "another process"), (b" \x1b[2J\xff\nsecond", "?[2J?"), (b"x" * 999, "x" * 100)],
)
def test_a_holder_may_have_written_anything(file, content, shown):
    file.write_bytes(content)
    with (
        hold_lock(file, file.parent),
        pytest.raises(ResultError) as raised,
        hold_lock(file, file.parent),
    ):
        pass
    assert f"run by {shown}. Wait" in str(raised.value).replace("\ufffd", "?")


def test_where_fcntl_is_missing_locks_are_those_of_filelock(file, monkeypatch):
    pytest.importorskip("filelock")
    monkeypatch.setattr(lock, "fcntl", None)
    with hold_lock(file, Path("run")) as descriptor:
        write_holder(descriptor)
        assert is_held(file) is True
        message = f"^run is being run by process {os.getpid()} on "
        with pytest.raises(ResultError, match=message), hold_lock(file, Path("run")):
            pass
        with wait_for_lock(file, 0) as is_free:
            assert not is_free
    assert is_held(file) is False
    with wait_for_lock(file, 0) as is_free:
        assert is_free


def test_a_file_system_without_locks_refuses_nothing(file, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with hold_lock(file, file.parent):
        assert is_held(file) is None


def test_a_lock_is_waited_for(file, holder):
    with wait_for_lock(file, 0.1) as is_free:
        assert not is_free
    holder.kill()
    with wait_for_lock(file, 30) as is_free:
        assert is_free and is_held(file)
    assert is_held(file) is False


def test_a_shared_lock_is_not_held_where_another_is(file, holder):
    with lock_shared(file) as is_there:
        assert not is_there


def test_a_shared_lock_is_held_by_several(file):
    with lock_shared(file) as is_there:
        assert not is_there and not file.exists()
    file.touch()
    with lock_shared(file) as first, lock_shared(file) as second:
        assert first and second
        with pytest.raises(ResultError), hold_lock(file, file.parent):
            pass
    with hold_lock(file, file.parent):
        pass


def test_a_shared_lock_of_windows_is_held_by_the_first_and_both_read(file, monkeypatch):
    pytest.importorskip("filelock")
    file.touch()
    monkeypatch.setattr(lock, "fcntl", None)
    with lock_shared(file) as first, lock_shared(file) as second:
        assert first and second
