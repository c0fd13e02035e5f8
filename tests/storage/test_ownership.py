"""A directory that holds code is trusted only where nobody else can write."""

import os

import pytest

from qmac.storage import ownership
from qmac.storage.files import open_file
from qmac.storage.ownership import find_distrust, is_trusted_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="owners of POSIX")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
OTHER = 4002


@pytest.fixture
def cache(tmp_path):
    place = tmp_path / "cache"
    place.mkdir(mode=0o700)
    return place


def test_directories_of_the_user(cache):
    assert find_distrust(cache) == find_distrust(cache / "new" / "er") == ""
    (cache.parent / "link").symlink_to(cache.name)
    (cache.parent / "up").symlink_to(cache / ".." / "link")
    for name in ("link", "up", "up/../link"):
        assert find_distrust(cache.parent / name / "new") == ""
    (cache.parent / "circle").symlink_to("circle")
    assert "circle" in find_distrust(cache.parent / "circle")
    (cache / "file").touch()
    assert find_distrust(cache / "file" / "new") == f"{cache / 'file'} is not a directory"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_others_may_write(cache, mode, monkeypatch):
    monkeypatch.setattr(ownership, "_is_private_group", lambda group: False)
    cache.chmod(mode)
    assert find_distrust(cache) == f"others may write into {cache}"
    (cache / "in").mkdir(mode=0o700)
    # a sticky directory, as /tmp is, lets nobody rename what belongs to the user
    assert bool(find_distrust(cache / "in")) == (mode != 0o1777)
    (cache.parent / "link").symlink_to(cache)
    assert find_distrust(cache.parent / "link") == f"others may write into {cache}"


def test_a_group_of_the_user_alone(cache, monkeypatch):
    cache.chmod(0o770)
    monkeypatch.setattr(ownership, "_is_private_group", lambda group: True)
    assert find_distrust(cache) == ""


@as_root
def test_owners(cache):
    inner = cache / "inner"
    inner.mkdir(mode=0o700)
    os.chown(inner, OTHER, OTHER)
    assert find_distrust(inner) == find_distrust(inner / "new") != ""
    assert find_distrust(inner) == f"{inner} belongs to another user"
    (cache / "link").symlink_to(cache)
    os.chown(cache / "link", OTHER, OTHER, follow_symlinks=False)
    assert find_distrust(cache / "link" / "new") == f"{cache / 'link'} is a link of someone else"


def test_files(tmp_path):
    (tmp_path / "kernel").write_bytes(b"code")
    for mode, is_trusted in ((0o600, True), (0o644, True), (0o664, False), (0o666, False)):
        (tmp_path / "kernel").chmod(mode)
        with open_file(tmp_path / "kernel") as file:
            assert is_trusted_file(file) == is_trusted


@as_root
def test_a_file_of_another(tmp_path):
    (tmp_path / "kernel").write_bytes(b"code")
    os.chown(tmp_path / "kernel", OTHER, OTHER)
    with open_file(tmp_path / "kernel") as file:
        assert not is_trusted_file(file)
