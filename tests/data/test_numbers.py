"""Numbers as texts: which mark is the decimal one, and what is no number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.data.numbers import find_decimal, read_numbers, read_volumes


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["1,234.5"], "."),
        (["1.234,5"], ","),
        (["1,5", "2"], ","),
        (["$1.5"], "."),
        (["1,234,567"], "."),
        (["1.234.567"], ","),
        (["1,234"], None),
        (["$1.234"], None),
        (["$100"], None),
        (["1'234.5"], "."),
        (["1 234,56"], ","),
        (["1,23.4"], None),
        (["x"], None),
    ],
)
def test_decimal_mark(texts, mark):
    assert find_decimal([texts]) == mark
    assert find_decimal([["7", ""], texts]) == mark


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("$1,234.50", ".", 1234.5),
        ("100,35 €", ",", 100.35),
        ("100.35 USD", ".", 100.35),
        ("-€5", ".", -5),
        ("1.234,50", ",", 1234.5),
        ("1\u00a0234,5", ",", 1234.5),
        ("12'345'678.9", ".", 12345678.9),
        (" 7 ", ".", 7),
        ("+7.5", ".", 7.5),
        (".5", ".", 0.5),
        ("1e3", ".", 1000),
    ],
)
def test_numbers(text, decimal, number):
    assert read_numbers([text], decimal)[0] == number


@pytest.mark.parametrize(
    "text", ["", "-", "x", "1,23", "1.2.3", "12,34,567", "1 2", ".", "$", None]
)
def test_no_numbers(text):
    assert np.isnan(read_numbers([text], ".")[0])


@given(st.floats(1e-6, 1e9))
def test_every_number_is_the_nearest_to_its_text(number):
    english = f"{number:,.6f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert read_numbers([english], ".")[0] == float(english.replace(",", ""))
    assert read_numbers([continental], ",")[0] == float(english.replace(",", ""))


def test_volumes():
    texts = ["1.2M", "3,4K", "5B", "1T", "1,234", "7", "-", None]
    read = read_volumes(["1.2M", "5B", "1T", "1,234", "7", "-", None])
    assert read[:5].tolist() == [1.2e6, 5e9, 1e12, 1234, 7]
    assert np.isnan(read[5:]).all()
    assert np.isnan(read_volumes(texts)[1])
