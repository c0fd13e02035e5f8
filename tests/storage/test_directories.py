"""Where nothing can be written is said in one line."""

import pytest

from qmac.errors import ResultError
from qmac.storage.directories import check_writable


def test_nothing_is_left_of_the_trial(tmp_path):
    assert check_writable(tmp_path / "a" / "b") == (tmp_path / "a" / "b").resolve()
    assert not list(tmp_path.iterdir())


def test_links_in_a_circle(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for place in (tmp_path / "one", tmp_path / "one" / "run"):
        with pytest.raises(ResultError, match=r"cannot be written: .*\. Name another directory"):
            check_writable(place)


def test_what_is_there_stays(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultError, match="is a file"):
        check_writable(tmp_path / "file")
    with pytest.raises(ResultError, match="is not empty"):
        check_writable(tmp_path)
    with pytest.raises(ResultError, match="is not empty"):
        check_writable(tmp_path, start="starting")
    assert check_writable(tmp_path, start="file") == tmp_path.resolve()
