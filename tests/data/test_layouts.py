"""Names of columns, in any case."""

import pandas as pd
import pytest

from qmac.data.layouts import find_symbol_column, select_columns
from qmac.errors import PricesError


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        (["Date", "Close"], None),
        (["Date", " SYMBOL ", "Close"], 1),
        (["ticker", "Close"], 0),
        (["Ticker", "Symbol"], 1),
        ([], None),
        ([3, "symbols"], None),
    ],
)
def test_symbol_column(columns, place):
    assert find_symbol_column(pd.Index(columns, dtype=object)) == place


def test_columns_have_their_usual_names_and_order():
    frame = pd.DataFrame({" close": [5], "VOLUME": [9], "note": ["x"], "Open": [4]}, index=["a"])
    selected = select_columns(frame, "SPY")
    assert selected.to_dict("list") == {"Open": [4], "Close": [5], "Volume": [9]}
    assert selected.index.tolist() == [0]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["Close", "close"], "SPY has the column Close twice. Drop or rename one."),
        (["Adj Close"], "SPY has no Close column. Did you mean 'Adj Close'?"),
        (["Closs"], "Did you mean 'Closs'?"),
        (["Price"], "Known: Price. Rename the column of closing prices to Close."),
        ([], "SPY has no Close column. "),
    ],
)
def test_bad_columns(columns, says):
    with pytest.raises(PricesError) as caught:
        select_columns(pd.DataFrame([[5] * len(columns)], columns=columns), "SPY")
    assert says in str(caught.value)
