"""The exceptions, and the wording that messages share."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from qmac import errors
from qmac.errors import (
    collect_warnings,
    printable,
    printable_lines,
    shell_quote,
    suggestion,
    warn,
)

KNOWN = ("total_return", "sharpe_ratio", "Win_Rate")


def test_the_tree_that_is_drawn_is_the_tree():
    drawn = set(re.findall(r"[|`]- (\w+)", errors.__doc__))
    classes = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    exceptions = {name for name in classes if issubclass(vars(errors)[name], errors.QmacError)}
    assert drawn == exceptions - {"QmacError"}


@pytest.mark.parametrize(
    "kind",
    [errors.PricesError, errors.GridError, errors.RulesError, errors.OptionError],
)
def test_invalid_input_is_a_value_error(kind):
    assert issubclass(kind, errors.InputError) and issubclass(kind, ValueError)
    assert issubclass(errors.WriteError, errors.ResultError)
    assert not issubclass(errors.Stopped, errors.InputError)
    assert not issubclass(errors.InternalError, errors.InputError)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("totl_return", "Did you mean 'total_return'?"),
        (" SHARP ", "Did you mean 'sharpe_ratio'?"),
        ("win", "Did you mean 'Win_Rate'?"),
        ("w", "Known: total_return, sharpe_ratio, Win_Rate."),
        ("zzz", "Known: total_return, sharpe_ratio, Win_Rate."),
    ],
)
def test_suggestions(value, says):
    assert suggestion(value, KNOWN) == says


def test_no_text_moves_the_cursor():
    assert printable("a\nb\x1b[2J\u202ec") == "a?b?[2J?c"
    assert printable(7.5) == "7.5"


def test_lines_keep_their_breaks_and_tabs():
    assert printable_lines("a\tb\nc\r\x9b\u2028\ud800d\n") == "a\tb\nc????d\n"


@pytest.mark.parametrize("kind", [errors.QmacError, errors.PricesError, errors.Stopped])
def test_no_error_moves_the_cursor(kind):
    error = kind("close is \x1b[2J\nqmac: all is well")
    assert str(error) == "close is ?[2J?qmac: all is well"
    assert error.args == ("close is \x1b[2J\nqmac: all is well",)


def test_no_warning_moves_the_cursor():
    with pytest.warns(UserWarning, match=r"^left out: a\?\[2J\?$") as caught:
        warn("left out: a\x1b[2J\n")
    assert caught[0].filename == __file__


WORDS = ["runs", "my runs", "it's", "a\x1b[2Jb", "a\nb\\'c", "\u202eabc", "bad\udcff1", ""]


@pytest.mark.parametrize("word", WORDS)
def test_a_quoted_word_is_printable_and_the_same_to_a_shell(word):
    quoted = shell_quote(word)
    done = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True)
    assert quoted.isprintable() and done.stdout == word.encode("utf-8", "surrogateescape")


def test_warnings_are_collected_for_one_thread_alone():
    def warn_elsewhere():
        with pytest.warns(UserWarning, match="elsewhere"):
            warn("elsewhere")

    with collect_warnings() as texts:
        warn("a")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(warn_elsewhere).result()
    assert texts == ["a"]
    with pytest.warns(UserWarning, match="again"):
        warn("again")
    assert texts == ["a"]
