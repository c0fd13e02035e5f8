"""Encodings of texts: proven or said, block after block, and no cost for ASCII."""

import io

import pytest

import qmac
from qmac.data import encodings, lines
from qmac.data.encodings import Text, decode_head, find_encoding
from qmac.data.options import ReadOptions
from qmac.data.readers import read_prices
from qmac.errors import PricesError

ROWS = "Date;Close;Schluß\n" + "".join(f"2024-01-{day:02};{day}.5;x\n" for day in range(1, 29))
PLAIN = ROWS.replace("ß", "ss")
CLOSES = [day + 0.5 for day in range(1, 29)]


def read_all(content, size):
    text = Text(io.BytesIO(content), content[:4096], "a.csv")
    return b"".join(iter(lambda: text.read(size), b""))


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_blocks_of_any_size(encoding, size):
    assert read_all(ROWS.encode(encoding), size) == ROWS.encode()


@pytest.mark.parametrize("text", [ROWS, PLAIN])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_files(encoding, text, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 100)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    prices = qmac.read_prices(path)
    assert prices.close.tolist() == CLOSES
    is_guess = encoding == "cp1252" and text is ROWS
    assert any("read as Windows-1252" in note for note in prices.origin.notes) == is_guess


def test_names_in_cp1252_are_those_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("Datum;Eröffn.;Schluß\n2024-01-02;4;5\n".encode("cp1252"))
    prices = read_prices(path, options=ReadOptions(date="Datum", close="Schluß"))
    assert prices.close.tolist() == [5] and prices.origin.close == "Schluß"


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32_is_named(encoding, tmp_path):
    (tmp_path / "a.csv").write_bytes(PLAIN.encode(encoding))
    with pytest.raises(PricesError, match="is a text in UTF-32"):
        qmac.read_prices(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Date,Close,N\n2024-01-02,5,é\n".encode() + b"2024-01-03,6,\xe9\n", "holds bytes that"),
        (b"Date,Close,N\n2024-01-02,5,\x81\n", "holds the byte 0x81"),
        (PLAIN.encode("utf-16")[:-1], "begins as UTF-16"),
        (PLAIN.encode("utf-16")[:200] + b"\0\xd8" * 9, "begins as UTF-16"),
    ],
)
def test_damage(content, says, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(PricesError, match=says):
        qmac.read_prices(tmp_path / "a.csv")


def test_later_blocks_are_of_the_same_encoding():
    text = Text(io.BytesIO(), b"", "a.csv")
    assert text.convert(b"plain\n") == b"plain\n" and not text.notes
    assert text.convert(b"\xe9\n") == "é\n".encode()
    assert text.convert("é\n".encode()) == "Ã©\n".encode() and text.notes
    text = Text(io.BytesIO(), b"", "a.csv")
    text.convert("é\n".encode())
    with pytest.raises(PricesError, match="in the line 'b"):
        text.convert(b"b\xe9\n")


def test_heads():
    assert find_encoding(b"", "a") == ("utf-8", 0)
    assert find_encoding(bytes(99), "a") == ("utf-8", 0)
    assert find_encoding("é".encode("cp1252") + PLAIN.encode(), "a") == ("utf-8", 0)
    assert decode_head(PLAIN.encode("utf-16-be"), "a") == PLAIN.encode()
    assert decode_head(PLAIN.encode("utf-16")[:7], "a").startswith(b"Da")


def test_ascii_is_not_decoded(monkeypatch):
    monkeypatch.setattr(encodings, "WINDOWS", "none")
    block = PLAIN.encode()
    assert Text(io.BytesIO(), block, "a").convert(block) is block
