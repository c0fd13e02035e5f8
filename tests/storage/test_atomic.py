"""A file is whole or not there, whatever step of its writing fails."""

import errno
import os
import stat

import pytest

from qmac.storage import atomic
from qmac.storage.atomic import STEPS, write_whole
from qmac.storage.files import sync

OLD, NEW = b"old" * 1000, [b"new" * 500, memoryview(b"newer" * 500), b""]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    return tmp_path / "file"


def failing(at, error, nth=1):
    left = [nth]

    def step(name):
        if name == at:
            left[0] -= 1
            if left[0] == 0:
                raise error

    return step


def test_steps_in_order(path, monkeypatch):
    steps = []
    monkeypatch.setattr(atomic, "step", steps.append)
    write_whole(path, NEW)
    assert steps == ["open", "write", "write", *STEPS[1:]]
    assert path.read_bytes() == b"".join(NEW) and [file.name for file in path.parent.iterdir()] == [
        "file"
    ]


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "EIO"), OSError(errno.ENOSPC, "ENOSPC"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("at", STEPS)
def test_any_step_may_fail(path, monkeypatch, at, error):
    monkeypatch.setattr(atomic, "step", failing(at, error, nth=3 if at == "write" else 1))
    with pytest.raises(type(error)):
        write_whole(path, NEW)
    renamed = STEPS.index(at) >= STEPS.index("renamed")
    assert path.read_bytes() == (b"".join(NEW) if renamed else OLD)
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_parts_that_fail_leave_the_old_file(path):
    def parts():
        yield b"new"
        raise MemoryError

    with pytest.raises(MemoryError):
        write_whole(path, parts())
    assert path.read_bytes() == OLD and len(list(path.parent.iterdir())) == 1


def test_a_real_disk_that_is_full(path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError):
            write_whole(path, [bytes(60_000)] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == OLD and len(list(path.parent.iterdir())) == 1


def test_what_an_earlier_process_left_is_written_over(path):
    (path.parent / ".file.part").write_bytes(bytes(10_000))
    write_whole(path, [b"new"])
    assert path.read_bytes() == b"new" and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_file_systems_that_cannot_sync_a_directory(path, monkeypatch, code):
    fsync = os.fsync

    def of_files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    write_whole(path, [b"new"])
    assert path.read_bytes() == b"new"


def test_a_disk_that_fails_to_sync_is_not_passed_over(path, monkeypatch):
    def broken(descriptor):
        raise OSError(errno.EIO, "EIO")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError):
        sync(path.parent)
    sync(path.parent / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="pipes and links of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "link", "directory", "full directory"])
def test_what_is_no_file_in_the_way_stops_no_write_and_stays(path, tmp_path, kind):
    def occupy(place):
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "link":
            place.symlink_to(mine)
        else:
            place.mkdir()
        if kind.startswith("full"):
            (place / "notes.txt").write_text("mine")

    mine = tmp_path / "mine"
    mine.write_text("mine")
    occupy(tmp_path / ".file.part")
    occupy(tmp_path / ".file.2.part")
    (tmp_path / ".file.3.part").write_text("of a killed process")
    before = sorted(tmp_path.rglob("*"))
    write_whole(path, NEW)
    assert path.read_bytes() == b"".join(NEW) and mine.read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == [place for place in before if ".3." not in place.name]


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_file_whose_every_name_is_taken_is_not_written(path):
    for ending in ("part", *(f"{number}.part" for number in range(2, atomic.MOST_NAMES + 1))):
        os.mkfifo(path.with_name(f".file.{ending}"))
    with pytest.raises(OSError, match=r"\.file\.part is a pipe, not a regular file"):
        write_whole(path, NEW)
    assert path.read_bytes() == OLD
