"""Parquet files: as frames of all shapes are written, and only the columns that are needed."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.data.prices import Prices
from qmac.data.readers import read_stored, write_stored
from qmac.errors import PricesError

GOOD = frame(series("random", 30, 1))


@pytest.mark.parametrize("shape", ["index", "column", "texts", "unnamed", "zone"])
def test_shapes(shape, tmp_path):
    data = {
        "index": GOOD,
        "column": GOOD.reset_index(names="Date"),
        "texts": GOOD.reset_index(names="Date").astype({"Date": "str"}),
        "unnamed": GOOD.rename_axis(None),
        "zone": GOOD.tz_localize("America/New_York"),
    }[shape]
    data.assign(Note="x").to_parquet(tmp_path / "a.parquet")
    prices = qmac.read_prices(tmp_path / "a.parquet")
    assert prices.close.tolist() == GOOD["Close"].tolist()
    assert (prices.index.tz_localize(None) == GOOD.index).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_stored_bars_are_read_as_they_were(unit, zone):
    columns = {"Close": np.linspace(1, 2, 500), "Volume": np.where(np.arange(500) % 7, 2.0, np.nan)}
    dates = pd.date_range("1960-01-01 09:30", periods=500, freq="h", tz=zone).as_unit(unit)
    prices, file = Prices(pd.DataFrame(columns, dates), "SPY"), io.BytesIO()
    write_stored(prices, file)
    file.seek(0)
    stored = read_stored(file, "SPY")
    assert stored.checksum == prices.checksum
    pd.testing.assert_frame_equal(
        stored.frame, prices.frame, check_freq=False, check_index_type=False
    )


def test_two_levels_of_columns(tmp_path):
    data = GOOD.copy()
    data.columns = pd.MultiIndex.from_product([GOOD.columns, ["SPY"]])
    data.to_parquet(tmp_path / "a.parquet")
    assert qmac.read_prices(tmp_path / "a.parquet").close.tolist() == GOOD["Close"].tolist()


def test_parts_that_lack_rows_are_refused(tmp_path, monkeypatch):
    GOOD.to_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr(pd, "read_parquet", lambda *_, **__: GOOD.head(3))
    with pytest.raises(PricesError, match="30 rows, but 3 can be read"):
        qmac.read_prices(tmp_path / "a.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").num_rows == 30


@pytest.mark.parametrize("name", [b"High", b"Close"])
def test_names_that_were_damaged_are_refused(tmp_path, name):
    path = tmp_path / "a.parquet"
    ohlc("random", 30, 1).to_parquet(path)
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    place = content.index(name, footer)  # of the schema of Parquet, before that of Arrow
    path.write_bytes(content[:place] + b"X" + content[place + 1 :])
    with pytest.raises(PricesError, match="damaged"):
        qmac.read_prices(path)
