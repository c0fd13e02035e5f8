"""Damaged files end in an answer or in one sentence; a checksum leaves no other answer."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.mutants import mutants
from helpers.series import ohlc
from hypothesis import settings

import qmac
from qmac.data.symbols import read_symbols
from qmac.errors import PricesError, QmacError
from qmac.results.exports import read_combinations
from qmac.runs import job_file

pytestmark = pytest.mark.slow

COUNT = 5000 if settings.default.max_examples > 100 else 200
MOST_SECONDS = 5.0
PRICES = ohlc("ticks", 24, 3).reset_index()


def zip_one(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", content)
    return archive.getvalue()


def compress_zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def to_csv(**options: object) -> bytes:
    return PRICES.to_csv(index=False, **options).encode()


def to_excel() -> bytes:
    file = io.BytesIO()
    PRICES.to_excel(file, index=False)
    return file.getvalue()


def to_feather(compression: str) -> bytes:
    file = io.BytesIO()
    PRICES.to_feather(file, compression=compression)
    return file.getvalue()


BARS = PRICES.astype({"Date": "str"}).rename(columns=str.lower)


def to_parquet(frame: pd.DataFrame, **options: object) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, **options)
    return file.getvalue()


TEXTS = {
    "comma.csv": to_csv(),
    "closes.csv": PRICES[["Date", "Close"]].to_csv(index=False).encode(),
    "semicolon.csv": to_csv(sep=";"),
    "quoted.csv": to_csv(quoting=1),
    "windows.csv": to_csv(lineterminator="\r\n"),
    "days.csv": to_csv(date_format="%d/%m/%Y"),
    "long.csv": PRICES.assign(Symbol="SPY").to_csv(index=False).encode(),
    "utf16.csv": to_csv().decode().encode("utf-16"),
    "utf16be.csv": to_csv(sep="\t").decode().encode("utf-16-be"),
    "cp1252.csv": PRICES.assign(Währung="€").to_csv(index=False).encode("cp1252"),
    "records.json": BARS.to_json(orient="records", double_precision=15).encode(),
    "lines.json": BARS.to_json(orient="records", lines=True, double_precision=15).encode(),
    "columns.json": json.dumps({name[0]: BARS[name].tolist() for name in BARS}).encode(),
}
CONTAINERS = {
    "a.csv.gz": gzip.compress(to_csv(), mtime=0),
    "a.csv.bz2": bz2.compress(to_csv()),
    "a.csv.xz": lzma.compress(to_csv()),
    "a.csv.zip": zip_one(to_csv()),
    "sums.parquet": to_parquet(PRICES, write_page_checksum=True),
    "a.xlsx": to_excel(),
}
TABLES = {
    "a.parquet": to_parquet(PRICES),
    "index.parquet": to_parquet(PRICES.set_index("Date")),
    "texts.parquet": to_parquet(PRICES.astype({"Date": "str"}).assign(Symbol="SPY")),
    "a.csv.zst": compress_zstd(to_csv()),  # Arrow writes no checksum
    "lz4.feather": to_feather("lz4"),
    "plain.feather": to_feather("uncompressed"),
    "zstd.feather": to_feather("zstd"),
    "plain.parquet": to_parquet(PRICES, compression=None, use_dictionary=False),
}


def read(path):
    """Return the prices of a file's first symbol."""
    return next(iter(read_symbols(path).prices.values())).frame


def survive(path, content, use):
    """Yield each mutant of a file and what ``use(path)`` returns, where that is no error."""
    for mutant in mutants(content, COUNT, seed=len(content)):
        path.write_bytes(mutant.content)
        began, message, answer = time.process_time(), "", None
        try:
            with warnings.catch_warnings(action="error"):
                answer = use(path)
        except (QmacError, UserWarning) as error:
            message = str(error)
        except Exception as error:
            raise AssertionError(f"{mutant.name}: {error!r}") from error
        assert time.process_time() - began < MOST_SECONDS, mutant.name
        if answer is None:
            assert message and "\n" not in message, mutant.name
        else:
            yield mutant, answer


@pytest.mark.parametrize("name", [*TEXTS, *CONTAINERS, *TABLES])
def test_damaged_prices(name, tmp_path):
    content, path = (TEXTS | CONTAINERS | TABLES)[name], tmp_path / name
    path.write_bytes(content)
    good = read(path)
    answers = list(survive(path, content, read))
    assert len(answers) < COUNT
    if name in CONTAINERS:
        for mutant, frame in answers:
            pd.testing.assert_frame_equal(frame, good, obj=mutant.name)


@pytest.mark.parametrize("part", [TEXTS["comma.csv"], TEXTS["quoted.csv"]])
def test_a_text_that_was_cut_is_never_read_in_silence(part, tmp_path):
    """Other than between two lines, where what is left is a whole file."""
    path = tmp_path / "a.csv"
    closes = b"\n".join(line.rpartition(b",")[0] for line in part.splitlines())  # Close is last
    for end in range(len(closes) - 100, len(closes)):
        path.write_bytes(closes[:end])
        with warnings.catch_warnings(action="error"):
            try:
                frame = read(path)
            except (PricesError, UserWarning):
                continue
        assert closes[end - 1 : end] == b"\n", (end, frame.tail())


GRID = pd.DataFrame([[2, 5, 3, 8], [3, 8, 2, 5]] * 9, columns=["buy_fast", "buy_slow",
                    "sell_fast", "sell_slow"])  # fmt: skip
COMBINATIONS = {
    "a.csv": GRID.to_csv(index=False).encode(),
    "bare.csv": GRID.to_csv(index=False, header=False).encode(),
    "a.parquet": to_parquet(GRID),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_damaged_combinations(name, tmp_path):
    for mutant, rows in survive(tmp_path / name, COMBINATIONS[name], read_combinations):
        assert all(len(row) == 4 for row in rows), mutant.name


JOB = b"""windows = "2:60:3"
objective = "sharpe_ratio"
where = ["win_rate > 0.2"]
fees = 0.001
top = 20
prices = ["a.csv"]
"""
OPTIONS = {
    name: job_file.Option(name, kind)
    for name, kind in [("windows", str), ("objective", str), ("where", list[str]),
                       ("fees", float), ("top", int), ("prices", list[Path])]
}  # fmt: skip


def test_damaged_job_files(tmp_path):
    path = tmp_path / "job.toml"
    path.write_bytes(JOB)
    assert job_file.read(path, OPTIONS)["top"] == 20
    for mutant, values in survive(path, JOB, lambda path: job_file.read(path, OPTIONS)):
        assert values.keys() <= OPTIONS.keys(), mutant.name


def test_the_good_files_are_good(tmp_path):
    for name, content in (TEXTS | CONTAINERS | TABLES).items():
        path = tmp_path / name
        path.write_bytes(content)
        assert np.array_equal(read(path)["Close"], PRICES["Close"]), name
        if "long" not in name and "texts" not in name:
            assert len(qmac.read_prices(path)) == len(PRICES), name
