"""Files of directories that are not trusted: no link is followed, only regular files are opened."""

import os
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from qmac.storage import files
from qmac.storage.atomic import write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


@pytest.fixture
def outside(tmp_path):
    """A directory of the user's, and a file in it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notes.txt").write_bytes(b"mine")
    return tmp_path / "home"


@pytest.fixture
def inside(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture(params=[True, False], ids=["descriptors", "names"])
def system(request, monkeypatch):
    """Linux, and a system that cannot enter a directory by a descriptor."""
    if request.param and not files.CAN_SEARCH:
        pytest.skip("this system cannot enter directories")
    monkeypatch.setattr(files, "CAN_SEARCH", request.param)


ACTIONS = {
    "open": files.open_file,
    "read": files.read_bytes,
    "change": files.open_to_change,
    "create": files.create_file,
    "write": lambda path: write_whole(path, [b"new"]),
    "remove": files.remove_file,
    "list": files.list_names,
    "make": files.make_directory,
    "remove directory": files.remove_directory,
    "remove tree": lambda path: files.remove_made(path, re.compile(".*")),
    "move away": lambda path: files.move(path, path.with_name("moved")),
    "move": lambda path: files.move(path.parent.parent / "other", path),
    "check file": files.check_file,
    "check directory": files.check_directory,
}


def look(outside):
    return {path: path.is_file() and path.read_bytes() for path in outside.rglob("*")}


@pytest.mark.parametrize("name", ACTIONS)
def test_no_link_to_a_file_is_followed(inside, outside, name, system):
    (inside.parent / "other").write_bytes(b"other")
    (inside / "link").symlink_to(outside / "notes.txt")
    if name == "move away":  # the link itself
        return
    with pytest.raises(OSError) as error:
        ACTIONS[name](inside / "link")
    assert "link" in (error.value.strerror or "") or name in ("list", "remove directory")
    assert look(outside) == {outside / "notes.txt": b"mine"}
    assert (inside / "link").is_symlink()


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("deeper", ["notes.txt", "new", "sub/new"])
def test_no_link_to_a_directory_is_followed(inside, outside, name, deeper, system):
    (inside.parent / "other").write_bytes(b"other")
    (outside / "sub").mkdir()
    before = look(outside)
    (inside / "link").symlink_to(outside)
    with pytest.raises(files.RefusedFileError, match="link is a link, which is not followed"):
        ACTIONS[name](inside / "link" / deeper)
    assert look(outside) == before
    assert not files.is_file(inside / "link" / "notes.txt")
    assert not files.is_directory(inside / "link")


@pytest.mark.parametrize("name", ["open", "read", "change", "create", "remove", "check file"])
def test_only_regular_files_are_opened(inside, name, system):
    os.mkfifo(inside / "pipe")
    (inside / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inside / "socket"))
        for kind in ("pipe", "directory", "socket"):
            with pytest.raises(OSError, match=f"{kind} is a {kind}, not a regular file"):
                ACTIONS[name](inside / kind)
            assert (inside / kind).exists()
    with pytest.raises(OSError, match="null is a device"):
        ACTIONS[name](Path("/dev/null"))


@pytest.mark.parametrize("name", ["change", "check file"])
def test_a_hard_link_is_not_changed(inside, outside, name):
    (inside / "lock").hardlink_to(outside / "notes.txt")
    with pytest.raises(OSError, match="lock is a hard link: the file has another name"):
        ACTIONS[name](inside / "lock")
    write_whole(inside / "lock", [b"new"])  # another file under this name
    assert (outside / "notes.txt").read_bytes() == b"mine"


def test_the_size_is_known_before_content_is_read(inside):
    with (inside / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="large is too large: it has 1,099,511,627,776 bytes, and 9 "):
        files.read_bytes(inside / "large", 9)


def test_what_is_there_is_opened_changed_and_removed(inside, system, monkeypatch):
    for path in (inside, inside / "deep", inside / "deep" / "er"):
        files.make_directory(path)
        with files.create_file(path / "file") as file:
            file.write(b"content")
        assert files.read_bytes(path / "file") == b"content"
        descriptor = files.open_to_change(path / "file")
        os.write(descriptor, b"C")
        os.close(descriptor)
        assert files.read_bytes(path / "file") == b"Content"
    assert files.list_names(inside) == ["deep", "file"] and files.list_names(inside / "no") == []
    assert files.is_directory(inside / "deep") and not files.is_file(inside / "deep")
    files.move(inside / "deep", inside / "moved")
    files.move(inside / "file", inside / "moved" / "file")
    monkeypatch.chdir(inside)
    assert files.list_names(Path()) == ["moved"]
    assert files.list_names(Path("moved", "..", "moved")) == ["er", "file"]
    files.remove_file(Path("moved", "file"))
    files.remove_file(Path("moved", "file"))
    assert files.look_up(inside / "moved" / "file" / "of a file") is None
    files.remove_made(inside / "moved", re.compile("er/file"))
    files.remove_made(inside / "moved", re.compile("er/file"))
    assert files.list_names(inside) == []


def test_only_what_qmac_made_is_removed(inside, outside):
    (inside / "result").mkdir()
    (inside / "result" / "top.parquet").touch()
    made = re.compile(r"top\.parquet|link")
    (inside / "result" / "notes.txt").touch()
    with pytest.raises(OSError, match="notes.txt is not of qmac, and not removed"):
        files.remove_made(inside / "result", made)
    (inside / "result" / "notes.txt").unlink()
    (inside / "result" / "link").symlink_to(outside)
    with pytest.raises(OSError, match="link is not of qmac"):
        files.remove_made(inside / "result", made)
    assert len(list((inside / "result").iterdir())) == 2
    (inside / "result" / "link").unlink()
    files.remove_made(inside / "result", made)
    assert not (inside / "result").exists()


def test_a_tree_is_removed_and_no_link_followed(inside, outside):
    (inside / "tree" / "deep").mkdir(parents=True)
    (inside / "tree" / "link").symlink_to(outside)
    for _ in range(2):
        files.remove_tree(inside / "tree")
        assert not (inside / "tree").exists() and (outside / "notes.txt").is_file()


def test_a_typed_path_may_lead_through_links(inside, outside, monkeypatch):
    (inside / "link").symlink_to(outside)
    assert files.resolve_typed(inside / "link" / "new") == outside.resolve() / "new"
    monkeypatch.chdir(inside)
    assert files.resolve_typed("new") == Path("new")  # as it was typed
    monkeypatch.setenv("HOME", str(outside))
    assert files.resolve_typed("~/notes.txt") == outside / "notes.txt"
    (inside / "circle").symlink_to(inside / "circle")
    for name in ("circle/a", "a\0b", "\ud800", "~nobody-of-this-name/a"):
        with pytest.raises(OSError):
            files.resolve_typed(name)
    assert files.resolve_typed("bad\udcff") == Path("bad\udcff")


def count_descriptors():
    return len(list(Path("/proc/self/fd").glob("*")))  # none on macOS


def test_nothing_stays_open(inside, outside):
    (inside / "link").symlink_to(outside)
    (inside / "file").touch()
    before = count_descriptors()
    for action in ACTIONS.values():
        for path in (inside / "link", inside / "link" / "a", inside / "file" / "a"):
            with suppress(OSError):
                action(path)
    assert count_descriptors() == before


def test_a_place_is_free_where_nothing_or_a_file_lies(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    names = ("file", "none", "none/none", "folder", "file/none")
    assert [files.is_free(tmp_path / name) for name in names] == [True, True, True, False, True]


def test_a_directory_that_cannot_be_made_is_named_with_its_path(tmp_path):
    path = tmp_path / ("a" * 300)
    with pytest.raises(OSError, match="too long") as caught:
        files.make_directory(path)
    assert caught.value.filename == str(path)
