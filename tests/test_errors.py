"""The exceptions, and the wording that messages share."""

import re

import pytest

from qmac import errors
from qmac.errors import printable, suggestion, unknown

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


def test_unknown_values():
    assert unknown("fill", None, ("close",)) == "fill None is not known. Known: close."
    assert unknown("fill", "clse", ("close",)) == "fill 'clse' is not known. Did you mean 'close'?"


def test_no_text_moves_the_cursor():
    assert printable("a\nb\x1b[2J\u202ec") == "a?b?[2J?c"
    assert printable(7.5) == "7.5"
