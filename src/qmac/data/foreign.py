"""Files that are no tables of prices, known by how they begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from qmac.errors import PricesError

SHOWN = 120
"""Characters of a text in a message."""
AS_CSV = "Save the table in it as CSV."
TITLE = re.compile(rb"<title[^>]*>\s*([^<]+?)\s*<", re.IGNORECASE)


class Foreign(NamedTuple):
    """A kind of file that holds no table of prices, or none that is read."""

    what: str
    """What the file is, with its article."""
    beginning: str
    """Regular expression of its first bytes, without blanks before them."""
    advice: str
    """What to do."""


FOREIGN = (
    Foreign(
        "a web page (HTML)",
        r"(?i)(<!--.{0,2000}?-->\s*)?"
        r"<(!doctype html|html|head|body|script|style|table|title|meta|div)\b",
        "Use the link of the download itself, or log in first: a page of an error or of a login "
        "comes instead of the file.",
    ),
    Foreign(
        "XML",  # MetaTrader and Stooq write names of columns as <DATE>
        r"<\?xml|<(Error|rss|svg|Workbook|soap:\w+)\b|<\w[\w:.-]*\s+xmlns",
        "Download CSV or JSON instead.",
    ),
    Foreign(
        "a pointer of Git LFS, and not the file",
        r"version https://(git-lfs|hawser)\.",
        "Fetch the file: git lfs pull.",
    ),
    Foreign("a PDF", r"%PDF-", AS_CSV),
    Foreign(
        "an Excel file of the old kind (.xls), or another document of Office",
        r"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\t\x08[\x00-\x10]\x00\x00",
        "Open it and save it as .xlsx or CSV.",
    ),
    Foreign("a document in RTF", r"\{\\rtf", AS_CSV),
    Foreign(
        "a pickle of Python, which may run any program",
        r"\x80[\x02-\x05](\x95|[c}\](X\x8c])",
        "Load it in Python, if you trust it, and write it with to_parquet or to_csv.",
    ),
    Foreign(
        "a database of SQLite",
        r"SQLite format 3\x00",
        "Export the table: sqlite3 -header -csv FILE 'select * from TABLE'.",
    ),
    Foreign(
        "HDF5",
        r"\x89HDF\r\n\x1a\n",
        "Read it in Python with pandas.read_hdf, and write it with to_parquet.",
    ),
    Foreign("an array of NumPy", r"\x93NUMPY", "Write it as CSV with a column of dates."),
    Foreign(
        "Feather of version 1",
        r"FEA1",
        "Write it again: pandas.read_feather(FILE).to_feather(FILE).",
    ),
    Foreign(
        "a stream of Arrow",
        r"\xff\xff\xff\xff[\x00-\xff]{2}\x00\x00",
        "Write it as Feather or Parquet.",
    ),
    Foreign("a file of ORC", r"ORC[\x00-\x1f]", "Write it as Parquet."),
    Foreign("a file of Avro", r"Obj\x01", "Write it as Parquet."),
    Foreign(
        "a file of Databento's own kind (DBN)",
        r"DBN[\x01-\x04]",
        "Write it with to_parquet or to_csv of the library databento.",
    ),
    Foreign(
        "a picture",
        r"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\x00\x00\x00\x00",
        "Download the prices themselves as CSV.",
    ),
    Foreign(
        "an archive that is not read (7-Zip, RAR, tar or LZ4)",
        r"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x04\x22\x4d\x18|.{257}ustar",
        "Unpack it, and name the file in it.",
    ),
    Foreign(
        "a zip file without content, or one part of several",
        r"PK(\x05\x06|\x07\x08)",
        "Download it again, or join its parts.",
    ),
    Foreign("a program", r"\x7fELF|MZ.{1,2}\x00|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe", "Name a file."),
    Foreign("a script", r"#!\s*/|@echo off", "Run it, and name the file that it writes."),
    Foreign(
        "an e-mail",
        r"(From \S+@\S+ |(Return-Path|Received|Delivered-To|MIME-Version|Message-ID): ).*\n",
        "Save its attachment.",
    ),
    Foreign(
        "an answer of a server with its header (HTTP)",
        r"HTTP/\d(\.\d)? \d{3}",
        "Save the answer without its header: curl without -i.",
    ),
)
"""Every kind by what proves it; the first that matches is named."""
PATTERNS = tuple(
    (each, re.compile(each.beginning.encode("latin-1"), re.DOTALL)) for each in FOREIGN
)
MEMBERS = {
    "xl/workbook.bin": ("a binary Excel file (.xlsb)", "Open it and save it as .xlsx or CSV."),
    "word/document.xml": ("a document of Word", AS_CSV),
    "ppt/presentation.xml": ("slides of PowerPoint", AS_CSV),
    "content.xml": ("a document of OpenOffice", "Open it and save it as .xlsx or CSV."),
    "index/document.iwa": ("a document of Apple's Numbers", "Export it as CSV."),
    "meta-inf/manifest.mf": ("a program of Java", "Name a file of prices."),
}
"""Archives that are documents, by a file that is in them."""
BLANKS = b" \t\r\n"


def check_beginning(head: bytes, name: str) -> None:
    """Refuse what is no table of prices as what it is.

    Parameters
    ----------
    head : bytes
        First bytes of a file, unpacked; of a text in UTF-8.
    name : str
        Name of the file, for messages.

    Raises
    ------
    PricesError
        If they prove another kind of file; the message names it and the way out.

    Examples
    --------
    >>> check_beginning(b"%PDF-1.7", "prices.pdf")
    Traceback (most recent call last):
        ...
    qmac.errors.PricesError: prices.pdf is a PDF. Save the table in it as CSV.
    """
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip(BLANKS)
    for each, pattern in PATTERNS:
        if pattern.match(head) or pattern.match(begin):
            raise PricesError(f"{name} is {each.what}{_find_title(begin)}. {each.advice}")


def check_members(names: Sequence[str], name: str) -> None:
    """Refuse an archive that is a document of another program.

    Parameters
    ----------
    names : sequence of str
        Names of the files in it.
    name : str
        Name of the archive, for messages.

    Raises
    ------
    PricesError
        If they prove another kind of file.
    """
    for each in map(str.lower, names):
        what, advice = MEMBERS.get(each, ("arrays of NumPy", "Write them as CSV with dates."))
        if each in MEMBERS or each.endswith(".npy"):
            raise PricesError(f"{name} is {what}. {advice}")


def _find_title(head: bytes) -> str:
    """Return the title of a web page, for a message."""
    found = TITLE.search(head)
    return f", '{clean(found[1].decode('utf-8', 'replace'))}'" if found else ""


def clean(text: str) -> str:
    """Return a text of a file as one short line that can be printed.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Without line breaks and control characters.

    Examples
    --------
    >>> clean("Not\\n found")
    'Not found'
    """
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
