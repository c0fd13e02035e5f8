"""Numbers as texts: decimal marks, thousands marks, signs of currencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ENGLISH = r"^[-+]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d+)?$"
CONTINENTAL = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+)?(,\d*)?([eE][-+]?\d+)?$"
CURRENCIES = "[$€£¥₹₩￥]|EUR|USD|GBP|CHF|JPY"
CURRENCY = rf"^\s*([-+]?)\s*(?:{CURRENCIES})\s*|\s*(?:{CURRENCIES})\s*$"
GROUP_MARKS = r"['\x{2019} \x{00a0}\x{202f}]"
GROUPED = rf"^[-+]?\d{{1,3}}({GROUP_MARKS}\d{{3}})+([.,]\d*)?$"
"""Apostrophes and blanks of several kinds between groups of three digits."""
EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>", "-", "--", ".",
         "#N/A")  # fmt: skip
"""Texts that stand for a value that is not there."""
SUFFIXES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def find_decimal(columns: Sequence[Any]) -> str | None:
    """Return the decimal mark that texts prove, all columns of prices taken together.

    A mark is proven by two marks in a number, or by digits behind a mark that are not three.

    Parameters
    ----------
    columns : sequence of array of str
        Texts of numbers.

    Returns
    -------
    str or None
        ``.`` or ``,``; None where both readings are possible, or neither.
    """
    english = continental = True
    for column in columns:
        texts = _clean(column)
        texts = texts.filter(pc.not_equal(texts, ""))
        english &= _all(pc.match_substring_regex(texts, ENGLISH))
        continental &= _all(pc.match_substring_regex(texts, CONTINENTAL))
    if english == continental:
        return None
    return "." if english else ","


def _all(flags: Any) -> bool:
    return pc.all(flags, min_count=0).as_py() is not False


def _clean(column: Any) -> Any:
    """Return texts without blanks, signs of currencies and marks between groups of three."""
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    texts = pc.fill_null(pc.utf8_trim_whitespace(texts), "")
    texts = pc.replace_substring_regex(texts, CURRENCY, r"\1")
    is_grouped = pc.match_substring_regex(texts, GROUPED)
    if pc.any(is_grouped).as_py():
        plain = pc.replace_substring_regex(texts, GROUP_MARKS, "")
        texts = pc.if_else(is_grouped, plain, texts)
    return texts


def read_numbers(column: Any, decimal: str) -> np.ndarray:
    """Return texts as numbers.

    Parameters
    ----------
    column : array of str
        Texts, ``(T,)``.
    decimal : str
        ``.`` or ``,``. The other one may stand between groups of three digits.

    Returns
    -------
    ndarray
        ``(T,)`` float64, the nearest to each text; NaN for what is no number.

    Examples
    --------
    >>> read_numbers(["1.234,5", "$7", "12'000", "1.23"], ",").tolist()
    [1234.5, 7.0, 12000.0, nan]
    """
    texts = _clean(column)
    is_number = pc.match_substring_regex(texts, ENGLISH if decimal == "." else CONTINENTAL)
    is_number = pc.and_(is_number, pc.match_substring_regex(texts, r"\d"))
    other = "," if decimal == "." else "."
    plain = pc.replace_substring(texts, other, "")
    if decimal == ",":
        plain = pc.replace_substring(plain, ",", ".")
    plain = pc.if_else(is_number, plain, "nan")
    plain = pc.replace_substring_regex(plain, r"^\+", "")
    numbers: np.ndarray = pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def read_volumes(column: Any) -> np.ndarray:
    """Return volumes as numbers, with K, M, B and T for thousands, millions and more.

    Parameters
    ----------
    column : array of str
        Texts such as ``"1.2M"``, ``(T,)``.

    Returns
    -------
    ndarray
        ``(T,)`` float64; NaN for what is no number.

    Examples
    --------
    >>> read_volumes(["1.2M", "500", "1,5K", "-"]).tolist()
    [1200000.0, 500.0, nan, nan]
    """
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    texts = pc.utf8_upper(pc.fill_null(pc.utf8_trim_whitespace(texts), ""))
    factors = np.ones(len(texts))
    for suffix, factor in SUFFIXES.items():
        factors[np.asarray(pc.ends_with(texts, suffix))] = factor
    bare = pc.replace_substring_regex(texts, "[KMBT]$", "")
    decimal = find_decimal([bare]) or "."
    return read_numbers(bare, decimal) * factors
