"""Lines that are added to a file, whatever a killed process has left of the last one."""

import pytest

from qmac.storage.lines import append_line


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, b"new\n"), (b"", b"new\n"), (b"old\n", b"old\nnew\n"), (b"to", b"to\nnew\n")],
)
def test_a_line_is_added_after_whatever_is_there(tmp_path, before, after):
    path = tmp_path / "lines"
    if before is not None:
        path.write_bytes(before)
    append_line(path, b"new")
    assert path.read_bytes() == after


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="link"):
        append_line(tmp_path / "link", b"new")
    assert (tmp_path / "real").read_bytes() == b""
