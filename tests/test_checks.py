"""Checks of plain arguments."""

import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qmac
from qmac import _checks
from qmac._checks import check_choice, check_count
from qmac.errors import GridError, OptionError


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
        (np.True_, "top must be a whole number, got np.True_."),
        (np.array([5]), "top must be a whole number, got array([5])."),
        (int, "top must be a whole number, got the class int."),
        (pd.NaT, "top must be a whole number, got NaT."),
        (10**400, "top must be at most 10, got an int of 1329 bits."),
        pytest.param(10**5000, "top must be at most 10, got an int of 16610 bits.", id="huge"),
    ],
)
def test_bad_numbers(value, says):
    with pytest.raises(OptionError, match=f"^{re.escape(says)}$"):
        check_count("top", value, 1, 10)


class Unshowable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("a\x1b[2J\n", "'a\\x1b[2J\\n'"),
        ("x" * 999, f"'{'x' * 37}...{'x' * 38}'"),
        (pd.DataFrame({"Close": [1, 2]}), "a DataFrame"),
        (object(), "an object"),
        (Unshowable(), "an Unshowable"),
        ([10**5000], "a list"),
        (lambda: 1, "a function"),
        (-(10**400), "an int of 1329 bits"),
    ],
)
def test_any_value_is_shown_in_a_short_line(value, shown):
    assert _checks.describe(value) == shown


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int8(1), Fraction(1, 2), Decimal(1)])
def test_numbers(value):
    checked = _checks.check_number("fees", value)
    assert checked == value and type(checked) is float


def test_numbers_that_no_float_holds_are_infinite():
    assert _checks.check_number("fees", 10**400) == math.inf
    assert _checks.check_number("fees", -(10**5000)) == -math.inf


@pytest.mark.parametrize(
    "value",
    ["0.5", b"1", True, np.True_, None, 1j, np.complex64(1), [1.0], np.array([1.0]), pd.NA, pd.NaT]
    + [float, np.timedelta64(1, "D"), pd.Timestamp(0)],
)
def test_what_is_no_number(value):
    with pytest.raises(GridError, match=r"^fees must be a number, got .*\.$"):
        _checks.check_number("fees", value, GridError)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags(value):
    checked = _checks.check_flag("strict", value)
    assert checked == value and type(checked) is bool


@pytest.mark.parametrize("value", [None, 0, 1, "False", "", [], np.array([True]), bool, pd.NA])
def test_what_is_no_flag(value):
    with pytest.raises(OptionError, match=r"^strict must be True or False, got .*\.$"):
        _checks.check_flag("strict", value)


@pytest.mark.parametrize("value", [None, 1, ["close"], {}, np.array(["close", "open"]), "clos", ""])
def test_choices(value):
    assert _checks.check_choice("fill", "close", ("close", "next_open")) == "close"
    with pytest.raises(OptionError, match=r"^fill .* is not known\. (Did you|Known: )"):
        _checks.check_choice("fill", value, ("close", "next_open"))


def test_texts_classes_and_functions():
    assert _checks.check_text("name", "spy") == "spy"
    with pytest.raises(OptionError, match="name must be a text that is not empty, got 5"):
        _checks.check_text("name", 5)
    grid = qmac.Grid(windows=range(2, 9))
    assert _checks.check_instance("grid", grid, qmac.Grid, "") is grid
    with pytest.raises(OptionError, match="grid must be qmac.Grid, got the class Grid. Use one."):
        _checks.check_instance("grid", qmac.Grid, qmac.Grid, "Use one.")
    assert _checks.check_callable("progress", print) is print
    assert _checks.check_callable("progress", None) is None
    with pytest.raises(OptionError, match="progress must be a function or None, got 'x'"):
        _checks.check_callable("progress", "x")


def test_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert _checks.check_path("out", "~/runs") == Path("/home/ada/runs")
    assert _checks.check_path("out", Path("a")) == Path("a")
    assert _checks.check_path("out", "C:/runs") == Path("C:/runs")
    assert _checks.check_path("out", "bad\udcff") == Path("bad\udcff")  # a name that is no UTF-8


@pytest.mark.parametrize(
    "value", ["", " ", "\t", None, 5, b"x", "a\0b", "a\ud800", ["a"], Path, object()]
)
def test_what_is_no_path(value):
    with pytest.raises(OptionError, match=r"^out must be a path, got .*\. Use a text such as"):
        _checks.check_path("out", value)


@pytest.mark.parametrize(
    "value", ["http://a/b.csv", "s3://bucket/x", "file:///etc/passwd", Path("https://a/b"), "gs:/x"]
)
def test_addresses_are_no_paths(value):
    with pytest.raises(OptionError, match="out must be a path on this machine, got the address"):
        _checks.check_path("out", value)


def test_nothing_is_written_into_the_path_of_nothing():
    assert _checks.check_path("out", Path(), is_new=False) == Path()
    assert _checks.check_path("out", ".", is_new=True) == Path()
    with pytest.raises(OptionError, match="out must be a path, got"):
        _checks.check_path("out", Path(), is_new=True)


def test_an_unknown_home():
    with pytest.raises(OptionError, match="'~no-such-user/x' names a home directory that is not"):
        _checks.check_path("out", "~no-such-user/x")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "fill None is not known. Known: close."),
        ("clse", "fill 'clse' is not known. Did you mean 'close'?"),
    ],
)
def test_a_value_that_is_not_known(value, says):
    with pytest.raises(OptionError) as caught:
        check_choice("fill", value, ("close",))
    assert str(caught.value) == says
