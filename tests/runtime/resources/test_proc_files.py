"""Files of the kernel: a number, a table of names and numbers, or nothing of the kind."""

import pytest

from qmac.runtime.resources.proc_files import read_content, read_fields, read_number


@pytest.mark.parametrize(
    ("content", "number", "fields"),
    [
        ("12\n", 12, {}),
        ("-1\n", -1, {}),
        ("max\n", None, {}),
        ("", None, {}),
        ("a 1\nb 22 kB\nc -3\nd\n\n", None, {b"a": 1, b"b": 22}),
    ],
)
def test_content(tmp_path, content, number, fields):
    (tmp_path / "file").write_text(content)
    assert read_content(tmp_path / "file") == content.encode()
    assert read_number(tmp_path / "file") == number
    assert read_fields(tmp_path / "file") == fields


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "file"
    assert (read_content(path), read_number(path), read_fields(path)) == (None, None, {})
