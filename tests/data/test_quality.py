"""Values of prices: which are taken, and how the first invalid one is named."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from qmac.data.quality import LEAST_PRICE, check_values
from qmac.errors import PricesError

DAYS = pd.date_range("2001-01-01", periods=3)


def test_columns_become_floats():
    frame = pd.DataFrame({"Close": ["5", 6, LEAST_PRICE], "Volume": [-1, None, "x"]}, DAYS)
    check_values(frame, "SPY")
    assert frame["Close"].tolist() == [5, 6, LEAST_PRICE]
    assert frame.dtypes.tolist() == [np.float64] * 2
    assert frame["Volume"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([5, 0, 6], "Close is 0 in row 2 (2001-01-02 00:00:00). Prices must be positive"),
        ([5, 6, -1], "Close is -1 in row 3 (2001-01-03"),
        ([math.inf, 0, 6], "Close is inf in row 1 (2001-01-01 00:00:00) (1 more rows too)."),
        ([5, None, None], "Close is empty in row 2 (2001-01-02 00:00:00) (1 more rows too)."),
        ([5, "x", 6], "Close is x in row 2"),
        ([5, "2,048.64", 6], "Write numbers without commas: 2048.64."),
        ([5, LEAST_PRICE / 2, 6], "from 1e-30 to 1e+30. Fix or drop the row."),
        ([5, 3e30, 6], "Close is 3e+30 in row 2"),
    ],
)
def test_bad_values(values, says):
    with pytest.raises(PricesError, match=re.escape(says)):
        check_values(pd.DataFrame({"Close": pd.Series(values, DAYS, object)}), "SPY")


@pytest.mark.parametrize(
    "values",
    [
        np.array([5, 6, 7j]),
        [5.0, 6.0, 7j],
        [True, True, True],
        np.array([True, True, True]),
        pd.to_timedelta([1, 2, 3], "D"),
        DAYS,
        DAYS.tz_localize("UTC"),
        pd.period_range("2001-01-01", periods=3, freq="D"),
        pd.IntervalIndex.from_breaks([1, 2, 3, 4]),
        pd.Series([10**400] * 3, DAYS),
        pd.Series([10**5000] * 3, DAYS),
        [[1, 2], [1], [2]],
    ],
    ids=lambda values: type(values).__name__,
)
def test_what_pandas_takes_for_a_number_is_no_price(values):
    column = values if isinstance(values, pd.Series) else pd.Series(list(values), DAYS)
    with pytest.raises(PricesError, match=r"Close is .* in row [123] .*Prices must be positive"):
        check_values(pd.DataFrame({"Close": column}), "SPY")


def test_a_volume_may_be_anything():
    frame = pd.DataFrame({"Close": [5.0, 6, 7], "Volume": [10**400, 7j, True]}, DAYS)
    check_values(frame, "SPY")
    assert frame["Volume"].isna().tolist() == [False, True, True]
