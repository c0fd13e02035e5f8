"""Checks of plain arguments."""

import re

import numpy as np
import pytest

from qmac._checks import check_count
from qmac.errors import OptionError


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(9), 2**31 - 1])
def test_whole_numbers(value):
    checked = check_count("top", value, 1)
    assert checked == value and type(checked) is int


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "top must be at least 1, got 0."),
        (11, "top must be at most 10, got 11."),
        (2.0, "top must be a whole number, got 2.0."),
        (True, "top must be a whole number, got True."),
        ("2", "top must be a whole number, got '2'."),
        (None, "top must be a whole number, got None."),
    ],
)
def test_bad_numbers(value, says):
    with pytest.raises(OptionError, match=f"^{re.escape(says)}$"):
        check_count("top", value, 1, 10)
