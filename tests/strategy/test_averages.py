"""The catalogue of averages: each against arithmetic by hand, and what it is called."""

from decimal import Decimal

import pytest

from qmac.strategy.averages import AVERAGES, OF_THE_USER, averages_in_words
from qmac.strategy.rules import Rules


@pytest.mark.parametrize(
    ("kind", "prices", "window", "values"),
    [
        ("sma", [1, 2, 6], 2, [1.5, 4]),
        ("wma", [1, 4, 7], 2, [3, 6]),
        ("wma", [1, 2, 6], 3, [23 / 6]),
        ("ema", [1, 4, 7], 2, [3, 17 / 3]),
        ("rma", [1, 3, 7], 2, [2, 4.5]),
        ("dema", [0, 3, 3], 2, [8 / 3, 28 / 9]),
        ("tema", [0, 3], 2, [26 / 9]),
        # wma(2) is 5/3, 10/3, 20/3, 40/3 and wma(4) is 4.9, 9.8 at the last two bars
        ("hma", [1, 2, 4, 8, 16], 4, [(2 * (40 / 3 * 2 - 9.8) + 20 / 3 * 2 - 4.9) / 3]),
        ("hma", [5], 1, [5]),
    ],
)
def test_by_hand(kind, prices, window, values):
    computed = AVERAGES[kind].compute([Decimal(price) for price in prices], window)
    assert [float(value) for value in computed] == pytest.approx(values)


@pytest.mark.parametrize("kind", AVERAGES)
def test_definitions_of_any_kind(kind):
    """A window of 1 is the price itself, an average of equal prices is their price."""
    average = AVERAGES[kind]
    assert (average.kind, Rules(average=kind).average) == (kind, kind)
    rising = [Decimal(price) for price in (3, 5, 8, 13)]
    assert average.compute(rising, 1) == rising
    assert set(average.compute([Decimal(7)] * 20, 5)) == {Decimal(7)}
    assert average.compute(rising, 5) == []


def test_words():
    assert averages_in_words("hma") == "Hull moving averages"
    assert averages_in_words(OF_THE_USER) == "averages of the user's own"
    assert OF_THE_USER not in AVERAGES
    assert len({averages_in_words(kind) for kind in AVERAGES}) == len(AVERAGES)
