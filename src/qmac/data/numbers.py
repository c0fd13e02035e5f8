"""Numbers as texts: decimal marks, thousands marks, signs of currencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ENGLISH = r"^[-+]?([1-9]\d{0,2}(,\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d+)?$"
CONTINENTAL = r"^[-+]?([1-9]\d{0,2}(\.\d{3})+|\d+)?(,\d*)?([eE][-+]?\d+)?$"
INDIAN = r"^[-+]?[1-9]\d?(,\d{2})+,\d{3}(\.\d*)?$"
"""Groups of two digits above the thousands."""
NOT_INDIAN = r"^[-+]?(\d{3}(,\d{3})+|\d{1,2}(,\d{3}){2,})(\.\d*)?$"
LEAST_INDIAN = 2
"""One alone may be a number that lost a digit."""
UNGROUPED = r"^[-+]?\d{4,}([.,]\d*)?$"
"""A number that has no marks between its groups, where a file has them."""
THOUSAND_FOLD = 4.0
"""A change of the logarithm that no price has, and a mark that is misread makes: it is 6.9."""
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
        english &= _all(_match_english(texts))
        continental &= _all(pc.match_substring_regex(texts, CONTINENTAL))
    if english == continental:
        return None
    return "." if english else ","


def find_open_decimal(columns: Sequence[Any], volumes: Sequence[Any] = ()) -> str | None:
    """Return the decimal mark of texts that are numbers with either one, such as 16.769.

    Their sizes prove it where some have no groups although they are 1,000 and more, where volumes
    prove their mark, or where one reading jumps between 999 and 1.000 and the other does not.

    Parameters
    ----------
    columns : sequence of array of str
        Prices, of which ``find_decimal`` shows no mark.
    volumes : sequence of array of str
        Volumes beside them.

    Returns
    -------
    str or None
        ``.`` or ``,``; None where nothing proves it.

    Examples
    --------
    >>> find_open_decimal([["998", "1.003"]]), find_open_decimal([["16.769"]], [["12345"]])
    (',', '.')
    """
    prices, volumes = [_clean(each) for each in columns], [_clean(each) for each in volumes]
    if not any(_any_match(each, r"\.") for each in prices):
        return None
    if any(_any_match(each, UNGROUPED) for each in (*prices, *volumes)):
        return "."
    mark = find_decimal(volumes) if volumes else None
    if any(_any_match(each, ",") for each in volumes) and mark is None:
        mark = "."  # the comma is that of thousands
    if mark is not None:
        return mark
    steps = {mark: max(_measure_step(read_numbers(each, mark)) for each in prices) for mark in ".,"}
    if abs(steps["."] - steps[","]) < THOUSAND_FOLD:
        return None
    return min(steps, key=lambda mark: steps[mark])


def _measure_step(numbers: np.ndarray) -> float:
    """Return the largest change of the logarithm of numbers."""
    present = numbers[numbers > 0]
    return float(np.abs(np.diff(np.log(present))).max(initial=0.0))


def _any_match(texts: Any, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(texts, pattern)).as_py() is True


def _match_english(texts: Any) -> Any:
    """Return which texts are numbers with a decimal point; groups of India in all or in none."""
    flags = pc.match_substring_regex(texts, ENGLISH)
    are_indian = pc.match_substring_regex(texts, INDIAN)
    if (pc.sum(are_indian).as_py() or 0) < LEAST_INDIAN or _any_match(texts, NOT_INDIAN):
        return flags
    return pc.or_(flags, are_indian)


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
    is_number = (
        _match_english(texts) if decimal == "." else pc.match_substring_regex(texts, CONTINENTAL)
    )
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
