"""A run is copied whole, or nothing of it is left."""

import errno
from pathlib import Path

import pytest

from qmac.errors import ResultError, WriteError
from qmac.runs import copying
from qmac.runs.copying import copy_run


@pytest.fixture
def run(tmp_path):
    """Return a directory with the files of a run, as far as a copy cares."""
    path = tmp_path / "run"
    (path / "results" / "SPY").mkdir(parents=True)
    (path / "results" / "SPY" / "top.parquet").write_bytes(b"x" * (copying.CHUNK_BYTES + 1))
    for name in ("run.json", "lock", ".last"):
        (path / name).write_text(name)
    return path


def list_files(path):
    return {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}


def test_all_but_locks_is_copied(run, tmp_path):
    for out in (tmp_path / "new" / "copy", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert copy_run(run, out) == out
        assert list_files(out) == {"run.json", str(Path("results", "SPY", "top.parquet"))}
        assert (out / "results/SPY/top.parquet").stat().st_size == copying.CHUNK_BYTES + 1
        assert not list(out.parent.glob(".*"))


def test_the_directory_of_a_shell_stays_the_same(run, tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    before = place.stat().st_ino
    assert copy_run(run, ".") == place and place.stat().st_ino == before
    with pytest.raises(ResultError, match="exists and is not empty"):
        copy_run(run, ".")


@pytest.mark.parametrize("raised", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_copy_that_fails_leaves_nothing(run, tmp_path, monkeypatch, raised):
    def fail(*_):
        raise raised

    monkeypatch.setattr(copying, "sync", fail)
    monkeypatch.setattr(copying, "_move_directory", fail)
    with pytest.raises(WriteError if isinstance(raised, OSError) else KeyboardInterrupt):
        copy_run(run, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_link_is_not_followed(run, tmp_path):
    (tmp_path / "secret").write_text("x")
    (run / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(WriteError, match="is a link"):
        copy_run(run, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
