"""Anomalies of prices: each fault is seen wherever it is put, and honest series have none."""

import numpy as np
import pandas as pd
import pytest

from qmac.data.anomalies import find_anomalies

NOW = pd.Timestamp("2024-06-03 12:00")


def daily(closes, start="2024-01-02"):
    return pd.DataFrame(
        {"Close": np.array(closes, float)}, pd.bdate_range(start, periods=len(closes))
    )


def find(frame):
    return [(anomaly.kind, anomaly.row) for anomaly in find_anomalies(frame, "SPY", NOW)]


def test_the_sample_has_none(sample):
    assert find_anomalies(sample.frame, "sp500") == ()


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([100.5, 101.2, 10215, 103.1, 104.4, 105.3, 106.6], [("lost point", 3)]),
        ([995, 998, 1.002, 1.004, 1.001, 997, 1.003], [("thousands mark", 3)]),
        ([1.010, 1.004, 998, 995, 1.001, 997, 1.003], [("thousands mark", 3)]),
        ([400, 404, 408, 103, 104, 105, 106], [("split", 4)]),
    ],
)
def test_moves_of_a_few_bars(closes, expected):
    assert find(daily(closes)) == expected
