"""What is no table of prices is named as what it is, packed or not, with the way out."""

import gzip
import pickle
import sqlite3
import tarfile
import zipfile

import numpy as np
import pytest

import qmac
from qmac.data.foreign import FOREIGN, check_beginning, check_members, clean
from qmac.errors import PricesError

CONTENTS = {
    "a web page (HTML), 'Log in'": b"<!DOCTYPE html><html><head><title>Log\n in</title>",
    "a web page (HTML)": b"\n\n<HTML><body>",
    "XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n",
    "a PDF": b"%PDF-1.7\n",
    "an Excel file of the old kind": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a document in RTF": b"{\\rtf1\\ansi",
    "a pickle of Python": pickle.dumps({"Close": [5]}),
    "a pickle of Python, which": pickle.dumps([5], protocol=2),
    "HDF5": b"\x89HDF\r\n\x1a\n\0\0",
    "an array of NumPy": b"\x93NUMPY\x01\0",
    "Feather of version 1": b"FEA1\0\0",
    "a stream of Arrow": b"\xff\xff\xff\xff\x78\x01\0\0",
    "a file of Databento": b"DBN\x03\0\0",
    "a picture": b"\x89PNG\r\n\x1a\n",
    "a picture.": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "an archive that is not read": b"7z\xbc\xaf\x27\x1c\0\x04",
    "a zip file without content": b"PK\x05\x06" + bytes(18),
    "a program": b"\x7fELF\x02",
    "a script": b"#!/bin/sh\ncurl https://example.com\n",
    "an e-mail": b"MIME-Version: 1.0\nSubject: prices\n",
    "an answer of a server with its header": b"HTTP/1.1 200 OK\n",
}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.xlsx"])
@pytest.mark.parametrize("what", CONTENTS)
def test_files(what, name, tmp_path):
    content = CONTENTS[what]
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(PricesError) as error:
        qmac.read_prices(tmp_path / name)
    assert f"{name} is {what.rstrip('.')}" in str(error.value)


def test_files_of_other_programs(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table prices (close)")
    np.savez(tmp_path / "a.npz", close=[5])
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.npz", "a.csv")
    for name, says in {"a.db": "SQLite", "a.npz": "arrays of NumPy", "a.tar.gz": "tar"}.items():
        with pytest.raises(PricesError, match=says):
            qmac.read_prices(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    ["Date,Close\n", "<DATE>\t<CLOSE>\n", "<TICKER>,<PER>,<DATE>\n", "ORC,2024-01-02,5\n",
     "MZ,2024-01-02,5\n", "Obj,Date,Close\n", "BM,Date\n", "From,To,Close\n", "PK,Date\n",
     "#Date,Close\n"],
)  # fmt: skip
def test_tables_are_none_of_them(text):
    check_beginning(text.encode() * 50, "a.csv")


def test_documents_in_archives(tmp_path):
    for member, what in {"word/document.xml": "Word", "content.xml": "OpenOffice",
                         "xl/workbook.bin": "xlsb"}.items():  # fmt: skip
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(member, "x")
            archive.writestr("a.csv", "Date,Close\n2024-01-02,5\n")
        with pytest.raises(PricesError, match=what):
            qmac.read_prices(tmp_path / "a.zip")
    check_members(["a.csv"], "a.zip")


def test_every_kind_has_a_way_out():
    assert all(each.advice.endswith(".") and each.what for each in FOREIGN)
    assert len(clean("x" * 999)) == 120 and clean("a\x00b\tc") == "a b c"
