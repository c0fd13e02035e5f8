"""What is opened as a file of prices: files and pipes, and nothing that would not end."""

import bz2
import contextlib
import gzip
import lzma
import os
import threading
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from qmac.data import containers
from qmac.data.containers import open_content
from qmac.errors import PricesError

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
