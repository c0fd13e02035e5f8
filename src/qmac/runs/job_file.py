"""Job files: what is asked of a run, as TOML that people read, edit and run again: ``qmac optimize job.toml``.

Keys are the names of the command line's options, with dashes or underscores. Paths are relative to the file.
``prices`` is a path, a list of them, or a table of symbol and file.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from qmac.errors import OptionError, printable, suggestion
from qmac.storage.directories import safe_name
from qmac.strategy.constraints import format_bounds
from qmac.strategy.grid import ROLES

NAME = "job.toml"
OWN = "own"
WINDOWS = ("windows", *ROLES)
"""Keys that may be a list of windows."""


@dataclass(frozen=True)
class Option:
    """What a key may be: the name of its parameter, and the type of that, such as ``float`` or ``list[Path]``."""

    parameter: str
    kind: Any


def of_run(header: Mapping[str, Any], directory: Path | None = None) -> str:
    """The job file of a run, by its header; paths are relative to the run's directory, or begin with ``directory``."""
    asked = header["asked"]
    folder = Path("prices") if directory is None else directory.resolve() / "prices"
    files = {name: (folder / f"{safe_name(name)}.parquet").as_posix() for name in header["prices"]}
    own = str(asked["averages"]).startswith(OWN)
    left_out = [f"# left out: {printable(reason)}" for reason in header["left_out"].values()]
    head = ["# Repeats a run: qmac optimize job.toml --out NEW", *left_out]
    if header.get("save_grid"):
        head.append(
            f"# It kept every score, which needs a directory: --save-grid {header['save_grid']}"
        )
    table = [
        "",
        "[prices]",
        *(f"{_text(name)} = {_text(file)}" for name, file in files.items()),
        "",
    ]
    return "\n".join([*head, *lines_of(asked, asked["top"], own=own), *table])


def keep(directory: Path, header: Mapping[str, Any]) -> None:
    """Put the job file of a run into its directory, if it is not there; the header says the same, so a full disk may refuse."""
    path, scratch = directory / NAME, directory / f".{NAME}.part"
    if path.exists():
        return
    try:
        scratch.write_text(of_run(header), "utf-8")
        os.replace(scratch, path)
    except (OSError, ValueError):  # ValueError: a name that no encoding has
        with suppress(OSError):
            scratch.unlink()


def of_result(asked: Mapping[str, Any], top: int, prices: Mapping[str, Any]) -> str:
    """The job file of a result by itself, which does not know the file of its prices."""
    bars = f"{prices['name']}, {prices['bars']:,} bars, {prices['first'][:10]} to {prices['last'][:10]}"
    head = [
        f"# Repeats a result, on the same prices: {printable(bars)}",
        "# Name their file: qmac optimize job.toml PRICES, or",
        '# prices = ["prices.csv"]',
    ]
    return "\n".join([*head, *lines_of(asked, top, own=prices["averages"] == OWN), ""])


def lines_of(asked: Mapping[str, Any], top: int, *, own: bool) -> list[str]:
    """The lines that say what is asked: objective, grid, rules, constraints."""
    grid, rules = asked["grid"], asked["rules"]
    found: dict[str, Any] = {"objective": asked["objective"]}
    found |= {} if asked["maximize"] else {"minimize": True}
    roles = {role: windows_text(grid[role]) for role in ROLES}
    found |= {"windows": roles[ROLES[0]]} if len(set(roles.values())) == 1 else roles
    found |= {"shared_windows": True} if grid["shared_windows"] else {}
    found |= {"top": top} | _conditions(asked["constraints"])
    found |= {"averages": OWN} if own else {}
    found |= {
        name: value for name, value in rules.items() if value is not None and name != "fixed_fees"
    }
    return [f"{name.replace('_', '-')} = {_value(value)}" for name, value in found.items()]


def _conditions(constraints: Mapping[str, Iterable[float | None]]) -> dict[str, Any]:
    """``min_trades`` and ``where``. Their order is kept, for it is that of ``filtered_by``."""
    bounds = {metric: tuple(bounds) for metric, bounds in constraints.items()}
    least = 0
    if bounds and list(bounds)[-1] == "total_trades":
        low, high = bounds["total_trades"]
        if low is not None and low >= 1 and low == int(low) and high in (None, float("inf")):
            least = int(low)
            del bounds["total_trades"]
    where = []
    for metric, (low, high) in bounds.items():
        limits = format_bounds(metric, (low, high)) or [
            (">=", "-inf")
        ]  # undefined values do not keep even that
        where += [f"{metric} {sign} {number}" for sign, number in limits]
    return {"min_trades": least} | ({"where": where} if where else {})


def windows_text(windows: Iterable[int]) -> str:
    """Windows as the command line takes them; ``parse_windows(windows_text(w)) == w``.

    >>> windows_text([2, 3, 4, 5]), windows_text([5, 10, 15]), windows_text([5, 10, 20, 21, 22, 23])
    ('2:5', '5:15:5', '5,10,20:23')
    """
    rest, parts = list(windows), []
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        run = 1
        while run < len(rest) and rest[run] == rest[0] + run * step:
            run += 1
        if run < 3:
            parts.append(str(rest.pop(0)))
            continue
        parts.append(f"{rest[0]}:{rest[run - 1]}" + (f":{step}" if step > 1 else ""))
        del rest[:run]
    return ",".join(parts)


def read(path: Path, options: Mapping[str, Option]) -> dict[str, Any]:
    """The parameters that a job file gives, by name; ``options`` are those that are known, by key with underscores.

    Raises
    ------
    OptionError : the file cannot be read, or is no TOML; a key that is not known, or a value of another kind.
    """
    path = path.expanduser()
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise OptionError(
            f"{path}: there is no such file. Name a job file such as job.toml."
        ) from None
    except OSError as error:
        raise OptionError(
            f"{path} cannot be read: {error.strerror or error}. Name another job file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OptionError(
            f'{path} is no TOML: {error}. Write lines such as windows = "2:252".'
        ) from None
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name == "averages" and value == OWN:
            raise OptionError(
                f"{path}: the run used averages of its own, which only qmac.optimize(averages=) can give."
            )
        if name not in options:
            known = [option.replace("_", "-") for option in options]
            raise OptionError(
                f"{path}: {key} is not known. {suggestion(key.replace('_', '-'), known)}"
            )
        if options[name].parameter in found:
            raise OptionError(
                f"{path}: {key} is there twice, with a dash and with an underscore. Drop one."
            )
        found[options[name].parameter] = _converted(path, key, name, value, options[name].kind)
    return found


def _converted(path: Path, key: str, name: str, value: Any, kind: Any) -> Any:
    """A value of TOML as the parameter takes it."""

    def wrong(must: str) -> OptionError:
        return OptionError(f"{path}: {key} is {_shown(value)}, but must be {must}.")

    if kind is Any:
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is bool:
        if not isinstance(value, bool):
            raise wrong("true or false")
        return value
    if kind is int:
        if not number or isinstance(value, float):
            raise wrong("a whole number")
        return value
    if kind is float:
        if not number:
            raise wrong("a number")
        return float(value)
    if kind is Path:
        if not isinstance(value, str):
            raise wrong("a path in quotes")
        return _path(path, value)
    if kind == list[Path]:
        if (
            isinstance(value, dict)
            and value
            and all(isinstance(file, str) for file in value.values())
        ):
            return {symbol: _path(path, file) for symbol, file in value.items()}
        files = [value] if isinstance(value, str) else value
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            raise wrong("a path, a list of paths, or a table of symbol and path")
        return [_path(path, file) for file in files]
    if kind == list[str]:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise wrong("a text in quotes, or a list of them")
        return texts
    if (
        name in WINDOWS
        and isinstance(value, list)
        and value
        and all(type(part) in (int, str) for part in value)
    ):
        return ",".join(map(str, value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) or number:
        return str(value)
    raise wrong('a text in quotes, such as "2:252"' if name in WINDOWS else "a text in quotes")


def _path(file: Path, value: str) -> Path:
    return file.parent / Path(value).expanduser()


def _value(value: Any) -> str:
    """In TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A text in quotes: what JSON escapes, TOML reads, and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
