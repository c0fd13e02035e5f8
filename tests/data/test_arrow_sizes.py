"""The memory of an Arrow file is known before anything of it is unpacked."""

import io
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from qmac.data import arrow_sizes
from qmac.data.arrow_sizes import read_unpacked_size
from qmac.data.readers import read_prices
from qmac.errors import PricesError

FRAME = pd.DataFrame(
    {
        "date": pd.date_range("2024-01-02", periods=20_000, freq="min"),
        "close": 5.0,
        "text": pd.Categorical(["a", "b"] * 10_000),
    }
)


def to_feather(frame, compression="lz4"):
    file = io.BytesIO()
    frame.to_feather(file, compression=compression)
    return file.getvalue()


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_sizes(compression):
    content = to_feather(FRAME, compression)
    plain = pa.Table.from_pandas(FRAME).nbytes
    assert plain <= read_unpacked_size(io.BytesIO(content)) <= 1.02 * plain + 4096


def test_many_parts():
    table = pa.Table.from_pandas(FRAME)
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    assert read_unpacked_size(file) >= table.nbytes


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    frame = pd.DataFrame({"date": np.zeros(4_000_000, "M8[ns]"), "close": np.zeros(4_000_000)})
    (tmp_path / "a.feather").write_bytes(to_feather(frame, "zstd"))
    assert (tmp_path / "a.feather").stat().st_size < 100_000

    def refuse(what, needed):
        if needed > 50_000_000:
            raise PricesError(f"{what} needs {needed}")

    monkeypatch.setattr(pa.ipc, "open_file", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(PricesError, match="a.feather: reading 64,"):
        read_prices(tmp_path / "a.feather", refuse)


def test_damage_is_refused():
    content = to_feather(FRAME.head(50))
    with pytest.raises(ValueError, match="does not end as such"):
        read_unpacked_size(io.BytesIO(content[:-1]))
    (size,) = struct.unpack("<i", content[-10:-6])
    footer = len(content) - 10 - size
    for place in range(footer, len(content)):
        for value in (0, 0x7F, 0xFF):
            damaged = bytearray(content)
            damaged[place] = value
            try:
                assert read_unpacked_size(io.BytesIO(bytes(damaged))) >= 0
            except (ValueError, OSError):
                continue


def test_numbers_of_parts_are_bounded(monkeypatch):
    monkeypatch.setattr(arrow_sizes, "MOST_PARTS", 0)
    with pytest.raises(ValueError, match="claims 1 parts"):
        read_unpacked_size(io.BytesIO(to_feather(FRAME)))
