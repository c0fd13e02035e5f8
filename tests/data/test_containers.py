"""What is opened as a file of prices: files and pipes, and nothing that would not end."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from qmac.data import containers
from qmac.data.containers import name_series, open_content, strip_endings
from qmac.errors import PricesError

pytestmark = pytest.mark.slow

TEXT = b"Date,Close\n2001-01-01,5\n" * 50


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_content_by_the_ending(ending, compress, tmp_path):
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(compress(TEXT))
    with open_content(path) as content:
        assert content.stream.read() == TEXT
        assert content.progress == 1
        assert content.is_checked == bool(ending)


def test_zstd_and_zip(tmp_path):
    with pa.CompressedOutputStream(str(tmp_path / "a.csv.zst"), "zstd") as stream:
        stream.write(TEXT)
    with open_content(tmp_path / "a.csv.zst") as content:
        assert content.stream.read(10_000) == TEXT and not content.is_checked
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
    with open_content(tmp_path / "a.zip") as content:
        assert content.stream.read() == TEXT
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.csv", TEXT)
    with pytest.raises(PricesError, match="holds 2 files. Use a zip file with one"):
        next(open_content(tmp_path / "a.zip").gen)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_devices_are_refused(device):
    if not Path(device).exists():
        pytest.skip(f"no {device} on this machine")
    with pytest.raises(PricesError, match="neither a file nor a pipe"), open_content(Path(device)):
        pass


def test_a_pipe_that_nothing_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "WRITER_SECONDS", 0.1)
    os.mkfifo(tmp_path / "a.csv")
    began = time.monotonic()
    with pytest.raises(PricesError, match="nothing writes to"), open_content(tmp_path / "a.csv"):
        pass
    assert time.monotonic() - began < 3


def test_a_pipe_with_a_slow_writer_is_read(tmp_path):
    path = tmp_path / "a.csv"
    os.mkfifo(path)

    def write():
        with path.open("wb") as pipe:
            for part in (TEXT[:7], TEXT[7:]):
                time.sleep(0.1)
                pipe.write(part)
                pipe.flush()

    writer = threading.Thread(target=write)
    writer.start()
    with contextlib.ExitStack() as stack:
        stack.callback(writer.join)
        content = stack.enter_context(open_content(path))
        assert content.stream.read() == TEXT
        assert content.progress == 1 and not content.is_checked


def zip_files(**contents):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "bzip2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zip": zip_files(**{"a.csv": TEXT}),
}


@pytest.mark.parametrize("kind", PACKED)
def test_content_is_unpacked_whatever_the_ending(kind, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(PACKED[kind])
    with open_content(path) as content:
        assert content.head == TEXT and content.stream.read() == TEXT and content.is_checked
    (tmp_path / "a.csv.gz").write_bytes(TEXT)  # as a browser that unpacks it leaves it
    with open_content(tmp_path / "a.csv.gz") as content:
        assert content.stream.read() == TEXT and not content.is_checked


@pytest.mark.parametrize("inner", PACKED)
@pytest.mark.parametrize("outer", ["gzip", "zip"])
def test_what_is_packed_twice_is_refused(inner, outer, tmp_path):
    content = PACKED[inner]
    packed = gzip.compress(content) if outer == "gzip" else zip_files(**{"a.csv": content})
    (tmp_path / "a").write_bytes(packed)
    with pytest.raises(PricesError, match="packed twice"), open_content(tmp_path / "a"):
        pass


@pytest.mark.parametrize("content", [gzip.compress(b"", mtime=0), zip_files(**{"a.csv": b""})])
def test_nothing_in_a_container(content, tmp_path):
    (tmp_path / "a.gz").write_bytes(content)
    with (
        pytest.raises(PricesError, match="is empty when unpacked"),
        open_content(tmp_path / "a.gz"),
    ):
        pass


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["a.csv", "__MACOSX/._a.csv", ".DS_Store", "Thumbs.db", "x/.hidden"], ""),
        (["README.txt", "a.csv"], ""),
        (["a.csv", "status.txt", "LICENSE"], ""),
        (["x/", "x/a.dat"], ""),
        (["README.md", "a.txt"], ""),
        (["a.csv", "b.csv", "README"], "holds 2 files.*They are: a.csv, b.csv"),
        (["a.dat", "b.dat"], "holds 2 files"),
        (["1.csv", "2.csv", "3.csv", "4.csv"], "1.csv, 2.csv, 3.csv, ..."),
        (["__MACOSX/x"], "holds 0 files"),
    ],
)
def test_files_beside_the_prices_in_an_archive(files, says, tmp_path):
    contents = {name: TEXT if name.endswith(("csv", "dat", "a.txt")) else b"x" for name in files}
    (tmp_path / "a.zip").write_bytes(zip_files(**contents))
    if says:
        with pytest.raises(PricesError, match=says), open_content(tmp_path / "a.zip"):
            pass
        return
    with open_content(tmp_path / "a.zip") as content:
        assert content.stream.read() == TEXT


def test_archives_that_claim_very_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "MOST_READ", 2**12)
    path = tmp_path / "a.zip"
    path.write_bytes(zip_files(**{f"{place}.csv": b"x" for place in range(100)}))
    with pytest.raises(ValueError, match="its list of files has"), open_content(path):
        pass


def test_an_encrypted_archive_is_named(tmp_path):
    content = bytearray(zip_files(**{"a.csv": TEXT}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(PricesError, match="is encrypted"), open_content(tmp_path / "a.zip"):
        pass


def test_names():
    assert strip_endings("BRK.B.zip") == "BRK.B" and strip_endings("SPY.csv.zst") == "SPY"
    assert name_series(Path("/dev/stdin")) == name_series(Path("-")) == "stdin"
    assert name_series(Path("/proc/self/fd/12")) == "pipe" and name_series(Path("63.csv")) == "63"


READ = "import qmac, sys; p = qmac.read_prices(sys.argv[1]); print(p.name, len(p), p.close.sum())"
FRAME = pd.DataFrame({"Date": pd.date_range("1930-01-01", periods=20_000), "Close": 5.5})


def to_bytes(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


PIPED = {
    "text": FRAME.to_csv(index=False).encode(),
    "semicolons": FRAME.to_csv(index=False, sep=";", decimal=",").encode(),
    "utf-16": FRAME.to_csv(index=False, sep="\t").encode("utf-16"),
    "gzip": gzip.compress(FRAME.to_csv(index=False).encode()),
    "zip": zip_files(**{"a.csv": FRAME.to_csv(index=False)}),
    "json": FRAME.assign(Date=FRAME["Date"].astype("str")).to_json(orient="records").encode(),
    "parquet": to_bytes(FRAME.to_parquet),
    "feather": to_bytes(FRAME.to_feather),
}


@pytest.mark.parametrize("kind", PIPED)
def test_pipes_hold_every_kind_of_file(kind, tmp_path):
    """As ``qmac optimize <(cat prices.csv)``."""
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: os.fdopen(writing, "wb").write(PIPED[kind]))
    writer.start()
    try:
        import qmac

        prices = qmac.read_prices(f"/dev/fd/{reading}")
    finally:
        writer.join()
        os.close(reading)
    assert prices.name == "pipe" and prices.close.tolist() == [5.5] * len(FRAME)


@pytest.mark.parametrize("way", ["pipe", "file", "nothing"])
def test_standard_input(way, tmp_path):
    (tmp_path / "a.csv").write_bytes(PIPED["text"])
    with (tmp_path / "a.csv").open("rb") as file:
        child = subprocess.run(
            [sys.executable, "-c", READ, "-"],
            capture_output=True,
            **{"pipe": {"input": PIPED["gzip"]}, "file": {"stdin": file},
               "nothing": {"stdin": subprocess.DEVNULL}}[way],
        )  # fmt: skip
    if way == "nothing":
        assert b"neither a file nor a pipe" in child.stderr
    else:
        assert child.stdout == b"stdin 20000 110000.0\n", child.stderr


def test_two_pipes_are_two_symbols():
    from qmac.data.symbols import read_symbols

    ends = [os.pipe() for _ in range(2)]
    for place, (_, writing) in enumerate(ends):
        with os.fdopen(writing, "wb") as file:
            file.write(TEXT.splitlines()[0] + b"\n2001-01-01,%d\n" % (place + 5))
    prices = read_symbols([f"/dev/fd/{reading}" for reading, _ in ends]).prices
    for reading, _ in ends:
        os.close(reading)
    assert {name: each.close.tolist() for name, each in prices.items()} == {
        "pipe": [5], "pipe2": [6],
    }  # fmt: skip
