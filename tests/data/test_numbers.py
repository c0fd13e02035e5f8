"""Numbers as texts: which mark is the decimal one, and what is no number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.data.numbers import find_decimal, find_open_decimal, read_numbers, read_volumes


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


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1,23,456.70", "99,999", "12,34,567"], [123456.7, 99999, 1234567]),
        (["1,23,456.70", "99,999", "234,567"], [None, 99999, 234567]),  # groups of three, too
        (["1,23,456.70", "99,999"], [None, 99999]),  # one alone may have lost a digit
        (["12,34,567", "1,234,567", "23,45,678"], [None, 1234567, None]),
    ],
)
def test_groups_of_india(texts, numbers):
    read = read_numbers(texts, ".")
    assert [None if np.isnan(each) else each for each in read] == numbers


def test_groups_of_india_prove_the_mark():
    assert find_decimal([["1,23,456", "1,24,456", "99,999"]]) == "."


@pytest.mark.parametrize(
    ("prices", "volumes", "mark"),
    [
        (["16.769", "16.801"], [], None),
        (["16.769", "16.801"], ["123456", "99"], "."),  # without groups
        (["16.769", "16.801"], ["1.234.567", "99.000"], ","),
        (["16.769", "16.801"], ["123.456", "99.000"], None),
        (["16.769", "16.801"], ["123,456", "99,000"], "."),
        (["16.769", "16.801"], ["950", "99"], None),
        (["998", "1.003", "1.001"], [], ","),  # else it falls to a thousandth
        (["110.123", "110123", "110.001"], [], "."),  # one lost its point
        (["1.003", "1.001", "990.123"], [], None),
    ],
)
def test_what_proves_a_mark_with_three_digits(prices, volumes, mark):
    assert find_open_decimal([prices], [volumes] if volumes else []) == mark
