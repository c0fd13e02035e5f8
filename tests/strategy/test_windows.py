"""Window lengths: what is read, what is refused, and how they are written."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import GridError
from qmac.strategy.windows import (
    check_window,
    check_windows,
    format_windows,
    has_window,
    parse_windows,
)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("2:5", (2, 3, 4, 5)),
        ("2:12:5", (2, 7, 12)),
        ("20,5,10", (5, 10, 20)),
        ("2:4,9", (2, 3, 4, 9)),
        ("7:7", (7,)),
    ],
)
def test_windows_from_text(text, windows):
    assert parse_windows(text) == windows


@pytest.mark.parametrize(
    "text", ["", "a", "5:2", "2:9:0", "2:9:-1", "1:2:3:4", "2.5:9", "0:3", "-4", "1:9999999999"]
)
def test_bad_text(text):
    with pytest.raises(GridError):
        parse_windows(text)


@pytest.mark.parametrize(
    ("windows", "text"),
    [
        ((5,), "5"),
        ((2, 3), "2,3"),
        ((2, 3, 4), "2:4"),
        ((2, 7, 12), "2:12:5"),
        ((5, 10, 20), "5,10,20"),
        ((1, 2, 4, 8, 16, 32, 64, 128, 256), "1,2,...,256 (9)"),
    ],
)
def test_text_from_windows(windows, text):
    assert format_windows(windows) == text


@given(st.sets(st.integers(1, 40), min_size=1, max_size=8).map(sorted).map(tuple))
def test_short_lists_are_read_as_they_are_written(windows):
    assert parse_windows(format_windows(windows)) == windows
    assert [window for window in range(50) if has_window(windows, window)] == list(windows)


def test_windows_are_sorted_and_each_is_there_once():
    assert check_windows("windows", [9, 2, 9, np.int32(4)]) == (2, 4, 9)
    assert check_windows("windows", 7) == (7,)
    assert check_windows("windows", "9,2:4") == (2, 3, 4, 9)


@pytest.mark.parametrize("window", [0, -3, 2**31, 2.5, True, "2", None])
def test_bad_windows(window):
    with pytest.raises(GridError, match="windows of buy_fast must be "):
        check_window("buy_fast", window)
    with pytest.raises(GridError, match="windows of buy_fast must be "):
        check_windows("buy_fast", [2, window])


@pytest.mark.parametrize(
    "windows",
    [b"\x05\x0a", bytearray(b"ab"), {5: 1, 10: 2}, np.ones((2, 2), int), int, None, object()],
    ids=lambda windows: type(windows).__name__,
)
def test_what_is_no_list_of_windows(windows):
    """Bytes and mappings are iterables of whole numbers, too."""
    with pytest.raises(GridError, match="windows of buy_fast must be whole numbers of bars, got "):
        check_windows("buy_fast", windows)


def test_endless_windows():
    with pytest.raises(GridError, match="windows of buy_fast are more than a million"):
        check_windows("buy_fast", itertools.count(1))


def test_a_text_is_named_with_its_argument():
    with pytest.raises(GridError, match="^windows of buy_fast: 'no' in '2,no' is no range"):
        check_windows("buy_fast", "2,no")
