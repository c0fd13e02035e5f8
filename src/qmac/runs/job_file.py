"""Job files: the request of a run as TOML that people read, edit and run again.

``qmac optimize job.toml`` takes one. Keys are the names of the command line's options, with dashes
or underscores. Paths are relative to the file. ``prices`` is a path, a list of them, or a table of
symbol and file.

A job file may come from someone else, so it can only say what is computed: it names prices to read
and the new directory of the run, no other file to write, and no address.
"""

from __future__ import annotations

import json
import math
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from qmac._checks import check_path, describe
from qmac.data import sample
from qmac.data.sources.names import is_source_name
from qmac.errors import OptionError, printable, shell_quote, suggestion
from qmac.runs.creation import prices_file
from qmac.runs.header import OWN_AVERAGES, RunHeader
from qmac.storage.atomic import write_whole
from qmac.storage.files import look_up, read_bytes, resolve_typed
from qmac.strategy.constraints import Bounds, format_bounds
from qmac.strategy.grid import ROLES, Grid
from qmac.strategy.request import Request

NAME = "job.toml"
WINDOWS = ("windows", *ROLES)
"""Keys that may be a list of windows."""
COMMAND_LINE_ONLY = ("executor", "ray_address", "ray_dashboard", "prometheus_file", "report")
"""Options that are no keys: where a run is computed, and files that it writes beside its own."""
MOST_BYTES = 4 * 2**20
"""A run of 10,000 symbols has 1 MB; Python reads some MB of TOML in a second."""
DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){10}""", re.ASCII
)
"""A key of more parts than any of ours; the memory that Python takes grows by their square."""
SAMPLE = "sample = true"
"""The line of a job whose prices are bundled: no file of them is needed."""
SHORTEST_RANGE = 3
"""Fewer windows are a list."""


@dataclass(frozen=True)
class Option:
    """What a key may be: its parameter, and the type of that, as ``float`` or ``list[Path]``."""

    parameter: str
    kind: Any


def format_run(header: RunHeader, directory: Path | None = None) -> str:
    """Return the job file of a run.

    Parameters
    ----------
    header : RunHeader
        Header of the run.
    directory : Path or None
        The run's directory, with which paths begin; they are relative to it if None.

    Returns
    -------
    str
        TOML.
    """
    root = Path() if directory is None else directory.resolve()
    command = "optimize" if header.folds is None else "walk-forward"
    head = [f"# Repeats a run: qmac {command} job.toml --out NEW"]
    head += [f"# left out: {printable(reason)}" for reason in header.left_out.values()]
    if header.save_grid:
        head.append(
            "# It wrote every score, which needs a directory: --save-grid " + header.save_grid
        )
    if _is_sample({symbol: entry.sha256 for symbol, entry in header.prices.items()}):
        prices = [SAMPLE]
    else:
        prices = ["", "[prices]"]
        for symbol in header.prices:
            file = prices_file(root, symbol).as_posix()
            prices.append(f"{_quote(symbol)} = {_quote(file)}")
    has_own = header.fingerprint.has_own_averages
    request = format_request(header.request, has_own_averages=has_own)
    if header.folds is not None:  # qmac walk-forward has no such option
        request = [line for line in request if not line.startswith("top = ")]
    folds = [f"{name} = {_format(value)}" for name, value in (header.folds or {}).items() if value]
    return "\n".join([*head, *request, *folds, *prices, ""])


def _is_sample(checksums: Mapping[str, str | None]) -> bool:
    """Return whether checksums of prices by symbol are that of the bundled ones alone."""
    return checksums == {sample.NAME: sample.CHECKSUM}


def write(directory: Path, header: RunHeader) -> None:
    """Write the job file of a run into its directory, if it is not there.

    The header says the same, so a full disk may refuse it.

    Parameters
    ----------
    directory : Path
        The run's directory.
    header : RunHeader
        Header of the run.
    """
    with suppress(OSError, ValueError):  # ValueError: a name that no encoding has
        if look_up(directory / NAME) is None:
            write_whole(directory / NAME, [format_run(header).encode()])


def format_result(request: Request, prices: Mapping[str, Any]) -> str:
    """Return the job file of a result by itself, which does not know the file of its prices.

    Parameters
    ----------
    request : Request
        Request of the result.
    prices : mapping
        Name, bars, first and last date and averages of the result.

    Returns
    -------
    str
        TOML without prices, but for the bundled ones.
    """
    first, last = prices["first"][:10], prices["last"][:10]
    bars = f"{prices['name']}, {prices['bars']:,} bars, {first} to {last}"
    head = [f"# Repeats a result, on the same prices: {printable(bars)}"]
    if _is_sample({prices["name"]: prices.get("sha256")}):
        head.append(SAMPLE)
    else:
        head.append("# Name their file: qmac optimize job.toml PRICES, or")
        head.append('# prices = ["prices.csv"]')
    has_own = prices["averages"] == OWN_AVERAGES
    return "\n".join([*head, *format_request(request, has_own_averages=has_own), ""])


def format_request(request: Request, *, has_own_averages: bool) -> list[str]:
    """Return the lines of a job file that say what is computed.

    Parameters
    ----------
    request : Request
        Objective, grid, rules and constraints.
    has_own_averages : bool
        Whether the averages are the user's own, which no file gives.

    Returns
    -------
    list of str
        A line for each option that is not left out.
    """
    options: dict[str, Any] = {"objective": request.objective}
    if not request.maximize:
        options["minimize"] = True
    options |= list_grid_options(request.grid)
    options["top"] = request.top
    options |= _constraint_options(request.constraints)
    if has_own_averages:
        options["averages"] = OWN_AVERAGES
    for name, value in request.rules.to_dict().items():
        if value is not None and name != "fixed_fees":
            options[name] = value
    return [f"{name.replace('_', '-')} = {_format(value)}" for name, value in options.items()]


def list_grid_options(grid: Grid) -> dict[str, Any]:
    """Return the options that give a grid.

    Parameters
    ----------
    grid : Grid
        Window sets.

    Returns
    -------
    dict
        Windows in the words of the command line, and ``shared_windows`` where it is True.
    """
    roles = {role: spell_windows(windows) for role, windows in grid.roles.items()}
    options: dict[str, Any] = dict(roles)
    if len(set(roles.values())) == 1:
        options = {"windows": roles[ROLES[0]]}
    if grid.shared_windows:
        options["shared_windows"] = True
    return options


def _constraint_options(constraints: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Return ``min_trades`` and ``where``. Their order is that of ``filtered_by``."""
    bounds: dict[str, Bounds] = dict(constraints)
    least = _least_trades(constraints)
    if least:
        del bounds["total_trades"]
    where = []
    for metric, (low, high) in bounds.items():
        # undefined values do not satisfy even a bound of minus infinity
        limits = format_bounds(metric, (low, high)) or [(">=", "-inf")]
        where += [f"{metric} {sign} {number}" for sign, number in limits]
    options: dict[str, Any] = {"min_trades": least}
    if where:
        options["where"] = where
    return options


def _least_trades(constraints: Mapping[str, tuple[float, float]]) -> int:
    """Return the ``min_trades`` that gives the last constraint, 0 if none does."""
    if not constraints or list(constraints)[-1] != "total_trades":
        return 0
    low, high = constraints["total_trades"]
    is_count = 1 <= low < math.inf and low == int(low)
    return int(low) if is_count and high == math.inf else 0


def spell_windows(windows: Iterable[int]) -> str:
    """Return windows as the command line takes them.

    Parameters
    ----------
    windows : iterable of int
        Window lengths, ascending.

    Returns
    -------
    str
        Text that ``parse_windows`` reads as the same windows.

    Examples
    --------
    >>> spell_windows([2, 3, 4, 5]), spell_windows([5, 10, 15])
    ('2:5', '5:15:5')
    >>> spell_windows([5, 10, 20, 21, 22, 23])
    '5,10,20:23'
    """
    rest, parts = list(windows), []
    while rest:
        step, length = _leading_range(rest)
        if length < SHORTEST_RANGE:
            parts.append(str(rest.pop(0)))
            continue
        ending = f":{step}" if step > 1 else ""
        parts.append(f"{rest[0]}:{rest[length - 1]}{ending}")
        del rest[:length]
    return ",".join(parts)


def _leading_range(windows: list[int]) -> tuple[int, int]:
    """Return step and length of the longest range with which windows begin."""
    if len(windows) < 2:
        return 1, len(windows)
    step, length = windows[1] - windows[0], 2
    while length < len(windows) and windows[length] == windows[0] + length * step:
        length += 1
    return step, length


def read(path: Path, options: Mapping[str, Option]) -> dict[str, Any]:
    """Read the parameters that a job file gives.

    Parameters
    ----------
    path : Path
        The job file.
    options : mapping
        The options that are known, by key with underscores.

    Returns
    -------
    dict
        Values by name of the parameter.

    Raises
    ------
    OptionError
        If the file cannot be read, or is no TOML, a key is not known, or a value has another type.
    """
    path = check_path("job file", path)
    parameters: dict[str, Any] = {}
    for key, value in _parse(path).items():
        name = key.replace("-", "_")
        if name == "averages" and value == OWN_AVERAGES:
            raise OptionError(
                f"{path}: the run used averages of the user's own, which only "
                "qmac.optimize(averages=) takes."
            )
        if name in COMMAND_LINE_ONLY:
            raise OptionError(
                f"{path}: {key} is for the command line only: a job file names no cluster, and no "
                f"file to write but out. Use --{name.replace('_', '-')} there."
            )
        if name not in options:
            known = [
                option.replace("_", "-") for option in options if option not in COMMAND_LINE_ONLY
            ]
            hint = suggestion(key.replace("_", "-"), known)
            raise OptionError(f"{path}: {key} is not known. {hint}")
        option = options[name]
        if option.parameter in parameters:
            raise OptionError(
                f"{path}: {key} is there twice, with a dash and with an underscore. Drop one."
            )
        kind = WINDOWS if name in WINDOWS else option.kind
        parameters[option.parameter] = _convert(path, key, value, kind)
        if name == "prices":
            _check_prices(path, parameters[option.parameter])
    return parameters


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = read_bytes(resolve_typed(path), MOST_BYTES).decode("utf-8")
        if DEEP_KEY.search(text):
            raise ValueError("a key has more than ten parts")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise OptionError(
            f"{path}: there is no such file. Name a job file such as job.toml."
        ) from None
    except OSError as error:
        raise OptionError(
            f"{path} cannot be read: {error.strerror or error}. Name another job file."
        ) from None
    except (ValueError, RecursionError) as error:  # ValueError: an int of too many digits, too
        reason = str(error).replace("Cannot overwrite a value", "a key is there twice")
        raise OptionError(
            f'{path} is no TOML: {reason}. Write lines such as windows = "2:252".'
        ) from None


def _convert(path: Path, key: str, value: Any, kind: Any) -> Any:
    """Return a value of TOML as the parameter takes it."""
    if kind is Any:
        return value
    converter = CONVERTERS.get(kind, TEXT)
    try:
        converted = converter.convert(value)
    except TypeError:
        raise OptionError(
            f"{path}: {key} must be {converter.must}, got {describe(value)}."
        ) from None
    return _resolve(f"{path}: {key}", path.parent, converted)


def _check_prices(path: Path, prices: list[Path] | dict[str, Path]) -> None:
    """Refuse what a user may name, but no file of someone else.

    Pipes wait, devices are endless, and sources are on the network.
    """
    for file in prices.values() if isinstance(prices, dict) else prices:
        word = file.relative_to(path.parent) if file.is_relative_to(path.parent) else file
        if is_source_name(word) and not file.exists():
            raise OptionError(
                f"{path}: prices names {word.as_posix()}, and a job file fetches nothing. Fetch "
                "first, and name the file that this prints: qmac fetch "
                f"{shell_quote(word.as_posix())}"
            )
        if _is_special(file):
            raise OptionError(
                f"{path}: prices names {file}, which is neither a file nor a directory. A pipe or "
                "a device is for the command line only."
            )


def _is_special(file: Path) -> bool:
    try:
        mode = file.stat().st_mode
    except OSError:  # whoever reads it says why
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@dataclass(frozen=True)
class Converter:
    """How a value of TOML becomes that of a parameter, and what it must be, for people.

    ``convert`` raises TypeError for a value of another type.
    """

    must: str
    convert: Callable[[Any], Any]


def _to_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _to_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _to_path(value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise TypeError
    return Path(value)


def _to_paths(value: Any) -> list[Path] | dict[str, Path]:
    if isinstance(value, dict) and value:
        return {symbol: _to_path(file) for symbol, file in value.items()}
    return [_to_path(file) for file in _to_list(value)]


def _to_texts(value: Any) -> list[str]:
    texts = _to_list(value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    return texts


def _to_list(value: Any) -> list[Any]:
    """Return a list as it is, and a text as a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise TypeError
    return value


def _to_text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def _to_windows(value: Any) -> str:
    if not isinstance(value, list):
        return _to_text(value)
    if not value or any(type(part) not in (int, str) for part in value):
        raise TypeError
    return ",".join(map(str, value))


CONVERTERS: Mapping[Any, Converter] = {
    bool: Converter("true or false", _to_flag),
    int: Converter("a whole number", _to_count),
    float: Converter("a number", _to_float),
    Path: Converter("a path in quotes", _to_path),
    list[Path]: Converter("a path, a list of paths, or a table of symbol and path", _to_paths),
    list[str]: Converter("a text in quotes, or a list of them", _to_texts),
    WINDOWS: Converter('a text in quotes, such as "2:252"', _to_windows),
}
"""By type of the parameter; those of windows have their own."""
TEXT = Converter("a text in quotes", _to_text)
"""For parameters of any other type."""


def _resolve(name: str, folder: Path, value: Any) -> Any:
    """Return a value with its paths made relative to the folder of the job file."""
    if isinstance(value, Path):
        return folder / check_path(name, value)
    if isinstance(value, list):
        return [_resolve(name, folder, item) for item in value]
    if isinstance(value, dict):
        return {key: _resolve(name, folder, item) for key, item in value.items()}
    return value


def _format(value: Any) -> str:
    """Return a value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_format, value))}]"
    return _quote(value) if isinstance(value, str) else repr(value)


def _quote(text: str) -> str:
    """Return a text in quotes: what JSON escapes, TOML reads."""
    return "".join(map(_escape, json.dumps(text, ensure_ascii=False)))


def _escape(character: str) -> str:
    """Return a character that is not printable as TOML escapes it; it has no lone surrogates."""
    if character.isprintable() or "\ud800" <= character <= "\udfff":
        return character
    return f"\\U{ord(character):08x}"
