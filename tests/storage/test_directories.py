"""Where results may be written, and what files are called there."""

import errno
import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmac.errors import ResultError, WriteError
from qmac.storage.directories import (
    check_empty,
    check_writable,
    find_cache_directory,
    safe_name,
)


def test_nothing_is_left_of_the_trial(tmp_path):
    assert check_writable(tmp_path / "a" / "b") == (tmp_path / "a" / "b").resolve()
    assert not list(tmp_path.iterdir())


def test_links_in_a_circle(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for place in (tmp_path / "one", tmp_path / "one" / "run"):
        with pytest.raises(ResultError, match=r"cannot be written: .*\. Name another directory"):
            check_writable(place)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_fault_of_the_disk_is_no_mistake_of_the_user(number, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(WriteError, match="cannot be written: "):
        check_writable(tmp_path / "run")


def test_what_is_there_stays(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultError, match="is a file"):
        check_writable(tmp_path / "file")
    with pytest.raises(ResultError, match="is not empty"):
        check_writable(tmp_path)
    with pytest.raises(ResultError, match="is not empty"):
        check_writable(tmp_path, start="starting")
    assert check_writable(tmp_path, start="file") == tmp_path.resolve()


def test_a_directory_with_nothing_but_one_file_is_empty(tmp_path):
    (tmp_path / "starting").write_text("")
    (tmp_path / f".{tmp_path.name}-123").mkdir()  # the trial of another process
    check_empty(tmp_path, but="starting")
    with pytest.raises(ResultError, match="is not empty"):
        check_empty(tmp_path)
    (tmp_path / "more").write_text("")
    with pytest.raises(ResultError, match="is not empty"):
        check_empty(tmp_path, but="starting")
    check_empty(tmp_path / "absent")


def test_a_directory_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultError, match=r"cannot be written: .*file.*\. Name another directory"):
        check_writable(tmp_path / "file" / "run")


# -- file names


@pytest.mark.parametrize(
    "symbol", ["SPY", "BRK.B", "BTC-USD", "005930", "A", "COM", "CONX", "_X", "A" * 40]
)
def test_plain_symbols_are_their_own_file_names(symbol):
    assert safe_name(symbol) == symbol


@pytest.mark.parametrize(
    ("symbol", "readable"),
    [
        ("BRK/B", "BRK_B"), ("^GSPC", "GSPC"), ("../x", "x"), ("..", "symbol"), ("", "symbol"),
        ("CON", "CON"), ("con.b", "con_b"), ("COM1.X", "COM1_X"), ("spy", "spy"), ("A.", "A"),
        ("-X", "X"), (".X", "X"), ("Ünï", "n"), ("A\n", "A"), ("EURUSD=X", "EURUSD_X"),
        ("SPY~57d4aa3772", "SPY_57d4aa3772"), ("A" * 999, "A" * 40),
    ],
)  # fmt: skip
def test_other_symbols_get_a_hash(symbol, readable):
    assert re.fullmatch(re.escape(readable) + "~[0-9a-f]{10}", safe_name(symbol))


ODD = ["NA", "TRUE", "005930", "null", "BRK/B", "^GSPC", "../x", "1e5", "Ünï", "spy", "SPY", "A B"]
TEXTS = st.one_of(
    st.text(), st.text("aAbB.-_~/\\ 1\u0301é", max_size=5), st.text(st.characters()),
    st.sampled_from(ODD), st.sampled_from(["CON", "nul", "AUX.csv", "LPT9", "COM0.A.B", "CONIN$"]),
    st.text("AB", min_size=38, max_size=42),
)  # fmt: skip
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    port + digit for port in ("COM", "LPT") for digit in "0123456789"
}


@given(TEXTS)
@example("\ud800")
def test_safe_names_are_safe(symbol):
    name = safe_name(symbol)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.~-]*", name) and len(name) <= 51
    assert not name.endswith(".") and name.split(".")[0].upper() not in DEVICES
    assert safe_name(symbol) == name


@given(st.lists(TEXTS, max_size=50, unique=True))
@example(["spy", "SPY", "Spy", "SPY ", "SPY.", safe_name("spy"), safe_name("spy").upper()])
@example(["é", "e\u0301", "É"])
@example(["A" * 41, "A" * 42, "A" * 40])
def test_safe_names_differ_even_without_case(symbols):
    assert len({safe_name(symbol).lower() for symbol in symbols}) == len(symbols)


def test_the_cache_is_where_a_variable_says_or_in_that_of_the_user(tmp_path, monkeypatch):
    for name in ("QMAC_X_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_cache_directory("QMAC_X_DIR", "x") == tmp_path / ".cache" / "qmac" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert find_cache_directory("QMAC_X_DIR", "x") == tmp_path / "cache" / "qmac" / "x"
    monkeypatch.setenv("QMAC_X_DIR", "~/mine")
    assert find_cache_directory("QMAC_X_DIR", "x") == tmp_path / "mine"
    monkeypatch.setenv("QMAC_X_DIR", "~no-such-user/x")
    with pytest.raises(OSError, match="no such home directory"):
        find_cache_directory("QMAC_X_DIR")
