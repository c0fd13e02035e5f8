"""What a file takes in memory is known before it is read."""

import io
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qmac.storage import tables
from qmac.storage.files import open_file
from qmac.storage.tables import (
    check_table,
    load_array,
    load_arrays,
    read_first_row,
    save_arrays,
)


def check(path, rows=None):
    with open_file(path) as file:
        check_table(file, rows)
        return pd.read_parquet(file)


def test_what_is_written_is_read(tmp_path):
    frame = pd.DataFrame({"a": [3, 4], "b": [0.5, np.nan]}, pd.date_range("2001-01-01", periods=2))
    frame.to_parquet(tmp_path / "table")
    assert check(tmp_path / "table").equals(frame) and check(tmp_path / "table", 2).equals(frame)
    assert read_first_row(tmp_path / "table", ["a", "b"]) == {"a": 3, "b": 0.5}
    frame.iloc[:0].to_parquet(tmp_path / "empty")
    assert read_first_row(tmp_path / "empty", ["a"]) is None
    for array in (np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.array(5), np.array([True])):
        np.save(tmp_path / "array.npy", array)
        np.savez_compressed(tmp_path / "arrays", one=array, other=array.T)
        assert np.array_equal(load_array(tmp_path / "array.npy", array.nbytes), array)
        read = load_arrays(tmp_path / "arrays.npz", 1000)
        assert list(read) == ["one", "other"] and np.array_equal(read["other"], array.T)


ARRAYS = {
    "smooth": np.arange(300_000).reshape(3, -1) * 7 // 5,
    "any": np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 5000),
    "scores": np.random.default_rng(2).standard_normal((6, 40, 40)).cumsum(),
    "special": np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324] * 1000),
    "few": np.array([1.5, -2.0]),
    "flags": np.ones(5000, np.bool_),
    "number": 7,
}


def save(path, arrays=ARRAYS):
    with path.open("wb") as file:
        save_arrays(file, arrays)


def test_arrays_in_code_come_back_bit_for_bit(tmp_path, monkeypatch):
    save(tmp_path / "arrays.npz")
    monkeypatch.setattr(tables, "BLOCK_NUMBERS", 1000)
    save(tmp_path / "blocks.npz")
    assert (tmp_path / "arrays.npz").stat().st_size < 200_000
    whole = sum(np.asarray(array).nbytes for array in ARRAYS.values())
    for name, numbers in (("arrays.npz", 1 << 18), ("blocks.npz", 1000)):
        monkeypatch.setattr(tables, "BLOCK_NUMBERS", numbers)
        read = load_arrays(tmp_path / name, whole + 2000)
        for key, array in ARRAYS.items():
            array = np.asarray(array)
            assert (read[key].dtype, read[key].shape) == (array.dtype, array.shape)
            assert read[key].tobytes() == array.tobytes()
    with zipfile.ZipFile(tmp_path / "arrays.npz") as members:
        endings = {name.partition(".")[2] for name in members.namelist()}
    assert endings == {"npy", "zst"}
    with pytest.raises(ValueError, match="arrays of .* bytes, and 2,400,000 are the most"):
        load_arrays(tmp_path / "arrays.npz", 2_400_000)


@pytest.mark.parametrize("change", ["shape", "type", "block", "size", "end"])
def test_code_that_says_something_else_is_refused(tmp_path, change):
    """Whatever it says, no more memory is taken than was allowed."""
    save(tmp_path / "arrays.npz", {"one": np.arange(5000)})
    with zipfile.ZipFile(tmp_path / "arrays.npz") as members:
        content = members.read("one.zst")
    length = int.from_bytes(content[8:16], "little")
    header, blocks = content[16 : 16 + length], content[16 + length :]
    if change == "shape":
        header = header.replace(b"[5000]", b"[5001]")
    if change == "type":
        header = header.replace(b"<i8", b"<M8[s]")
    if change == "block":
        blocks = (2**62).to_bytes(8, "little") + blocks[8:-1]
    if change == "end":
        blocks = blocks[:-20]
    size = (8 if change == "size" else 40_000).to_bytes(8, "little")
    changed = size + len(header).to_bytes(8, "little") + header + blocks
    with zipfile.ZipFile(tmp_path / "changed.npz", "w") as members:
        members.writestr("one.zst", changed)
    with pytest.raises((ValueError, OSError)):
        load_arrays(tmp_path / "changed.npz", 100_000)


def test_many_rows_in_a_small_file(tmp_path):
    rows = 20_000_000
    pd.DataFrame({"a": np.zeros(rows, np.int8)}).to_parquet(tmp_path / "table")
    assert (tmp_path / "table").stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(ValueError, match="20,000,000 rows in .* bytes are refused"):
        check(tmp_path / "table")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("change", ["rows", "codec", "text"])
def test_tables_that_are_not_of_qmac(tmp_path, change):
    frame = pd.DataFrame({"a": ["x"] if change == "text" else [1]})
    frame.to_parquet(tmp_path / "table", compression="zstd" if change == "codec" else "snappy")
    with pytest.raises(ValueError, match="1 rows, not 2|which qmac does not write"):
        check(tmp_path / "table", 2 if change == "rows" else None)


@pytest.mark.parametrize("kind", ["list", "object"])
def test_a_row_that_holds_many_numbers(tmp_path, kind):
    """A file of 600 bytes, of which one row had 400 MB."""
    numbers = pa.array(np.zeros(1_000_000))
    column = pa.LargeListArray.from_arrays(pa.array([0, len(numbers)], pa.int64()), numbers)
    if kind == "object":
        column = pa.StructArray.from_arrays([numbers], ["b"])
    pq.write_table(pa.table({"a": column}), tmp_path / "table")
    with pytest.raises(ValueError, match="a column holds lists or objects"):
        check(tmp_path / "table")
    with pytest.raises(ValueError, match="a column holds lists or objects"):
        read_first_row(tmp_path / "table", ["a"])


def test_arrays_that_are_larger_than_they_can_be(tmp_path):
    """A file of 5 kB that holds 5 MB."""
    np.savez_compressed(tmp_path / "arrays", one=np.zeros(300_000), other=np.zeros(300_000))
    assert len(load_arrays(tmp_path / "arrays.npz", 4_900_000)) == 2
    tracemalloc.start()
    with pytest.raises(ValueError, match="arrays of 4,800,256 bytes, and 4,000,000 are the most"):
        load_arrays(tmp_path / "arrays.npz", 4_000_000)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_an_array_that_says_it_is_larger(tmp_path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, header)
    (tmp_path / "array.npy").write_bytes(text.getvalue() + bytes(80))
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w") as members:
        members.writestr("one.npy", text.getvalue() + bytes(80))
    with pytest.raises(ValueError, match="not that of its file"):
        load_array(tmp_path / "array.npy", 80)
    with pytest.raises(ValueError, match="not that of its file"):
        load_arrays(tmp_path / "arrays.npz", 1000)
    np.save(tmp_path / "large.npy", np.zeros(1000))
    with pytest.raises(OSError, match="too large"):
        load_array(tmp_path / "large.npy", 80)


def test_a_header_that_says_it_is_larger(tmp_path):
    """Of 1.5 GB in version 2 of the format; a file allocates as much before it reads."""
    content = b"\x93NUMPY\x02\x00" + (3 << 29).to_bytes(4, "little") + b" " * 100
    (tmp_path / "array.npy").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError):
        load_array(tmp_path / "array.npy", 1000)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_no_pickle_and_no_other_compression(tmp_path):
    np.save(tmp_path / "array.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError):
        load_array(tmp_path / "array.npy", 1000)
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w", zipfile.ZIP_LZMA) as members:
        members.writestr("one.npy", bytes(80))
    with pytest.raises(ValueError, match="another compression"):
        load_arrays(tmp_path / "arrays.npz", 1000)
