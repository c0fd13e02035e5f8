"""How prices are read, and the prices that the words of a command line name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qmac.cli import streams
from qmac.cli.options.declaration import takes
from qmac.cli.options.tables import READING
from qmac.data.options import ReadOptions
from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits


class Reading(NamedTuple):
    """How prices are read."""

    options: ReadOptions
    """Of files."""
    is_strict: bool
    """Whether a warning about prices is an error."""
    is_offline: bool
    """Whether no request is sent for prices by name."""


def build_reading(*, strict_prices: bool, offline: bool, **values: Any) -> Reading:
    """Return what the options of ``READING`` say; an error names the option as it is typed.

    Parameters
    ----------
    strict_prices : bool
        Whether a warning is an error.
    offline : bool
        Whether no request is sent for prices by name.
    **values : Any
        Fields of ``ReadOptions``.

    Returns
    -------
    Reading
        Checked.

    Raises
    ------
    OptionError
        If a value is invalid.
    """
    try:
        return Reading(ReadOptions(**values), strict_prices, offline)
    except OptionError as error:
        name, _, rest = str(error).partition(" ")
        if name not in values:
            raise
        raise OptionError(f"--{name.replace('_', '-')} {rest}") from None


def read_prices(path: Path, reading: Reading) -> Any:
    """Return the prices of a file, and print what is odd in them.

    Parameters
    ----------
    path : Path
        The file, or a name of one symbol at a source, such as ``yahoo:SPY``.
    reading : Reading
        How it is read.

    Returns
    -------
    Prices
        Checked.

    Raises
    ------
    PricesError
        If the file is invalid, or has a warning and that is an error.
    """
    from qmac.jobs.prices import read_file_or_name

    prices = read_file_or_name(
        path, reading.options, offline=reading.is_offline, show=streams.show_fetch
    )
    say_warnings([prices], reading)
    return prices


def say_warnings(series: Collection[Any], reading: Reading) -> None:
    """Print what is odd in prices.

    Parameters
    ----------
    series : collection of Prices
        Of any symbols.
    reading : Reading
        Whether a warning is an error.

    Raises
    ------
    PricesError
        If there is one, and it is.
    """
    from qmac.data.description import check_warnings, warn_of_prices

    if reading.is_strict:
        check_warnings(series, "Correct the file, or leave --strict-prices out.")
    warn_of_prices(series)


def check_prices_source(prices: Any, *, sample: bool) -> None:
    """Check that prices come from one source: files, or ``--sample``.

    Parameters
    ----------
    prices : object
        Path or paths on the command line; empty or None if there are none.
    sample : bool
        Whether ``--sample`` is set.

    Raises
    ------
    OptionError
        If there are both or neither.
    """
    if sample and prices:
        first = prices if isinstance(prices, Path) else next(iter(prices))
        raise OptionError(f"{first} and --sample exclude each other. Use one of them.")
    if not sample and not prices:
        raise OptionError("prices are missing. Name a CSV or Parquet file, or add --sample.")


def find_symbols(
    prices: Sequence[Path] | dict[str, Path] | None,
    limits: Limits,
    reading: Reading,
    *,
    sample: bool,
) -> Any:
    """Return the symbols of files and names, of a job file's table of names, or of the sample.

    Parameters
    ----------
    prices : sequence of Path, or dict of str to Path
        Words of the command line, or files by symbol.
    limits : Limits
        Of memory.
    reading : Reading
        How they are read.
    sample : bool
        Whether the bundled sample is read.

    Returns
    -------
    Symbols
        Maybe without a valid one.

    Raises
    ------
    PricesError
        If a symbol is there twice, or a directory has no file of prices.
    OptionError
        If there is no file, or one beside the sample.
    """
    from qmac.data import symbols
    from qmac.data.sample import sample_prices
    from qmac.jobs.prices import find_series
    from qmac.runtime.resources.admission import build_memory_check

    check_prices_source(prices, sample=sample)
    if sample:
        series = sample_prices()
        return symbols.Symbols({series.name: series}, {})
    if isinstance(prices, dict):
        return symbols.read_named(prices, build_memory_check(limits), reading.options)
    return find_series(
        prices or [],
        reading.options,
        limits,
        offline=reading.is_offline,
        show=streams.show_fetch,
    )


takes_reading = takes("reading", build_reading, READING)
