"""A job file among the prices of a command, whose options the command line overrides."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import typer

from qmac.cli.options.declaration import Command, with_parameters
from qmac.cli.options.tables import FOLDS, JOB, MARKETS, WINDOW_ROLES
from qmac.cli.options.typed import is_explicit
from qmac.errors import OptionError

CONTEXT = "context"
"""Parameter of a command that gets what the command line says besides."""
OPTIMIZE_ONLY = ("out", "save_grid", "dry_run", "rows", "rank_by", "all_rows", "verbose")
"""Keys of a job file that other commands than ``optimize`` ignore, as they do those of ``luck`` and
``walk-forward``."""


def takes_file(command: Command) -> Command:
    """Let a command take a job file among its prices.

    Parameters
    ----------
    command : callable
        A command with the options of ``JOB``.

    Returns
    -------
    callable
        The command; options on the command line override those of the file.
    """
    signature = inspect.signature(command)

    @functools.wraps(command)
    def wrapper(*, context: typer.Context, **values: Any) -> None:
        file = _find_job_file(values["prices"] or ())
        if file is not None:
            values["prices"] = [path for path in values["prices"] if path != file]
            values |= _read_job_file(file, signature, values, context)
        if CONTEXT in signature.parameters:
            values[CONTEXT] = context
        command(**values)

    others = [each for each in signature.parameters.values() if each.name != CONTEXT]
    added = inspect.Parameter(CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return with_parameters(wrapper, [added, *others])


def _find_job_file(prices: Sequence[Path]) -> Path | None:
    files = [path for path in prices if path.suffix.lower() == ".toml"]
    if len(files) > 1:
        raise OptionError(f"{files[0]} and {files[1]} exclude each other. Use one job file.")
    return files[0] if files else None


def _read_job_file(
    file: Path, signature: inspect.Signature, values: Mapping[str, Any], context: typer.Context
) -> dict[str, Any]:
    """Return the parameters that a job file sets and the command line does not override."""
    from qmac.runs.job_file import read

    explicit = {name for name in values if is_explicit(context, name)}
    if not values["prices"]:  # the job file itself was the only one
        explicit.discard("prices")
    ignored = _overridden(explicit)
    settings = read(file, _job_file_options(signature))
    return {
        name: value for name, value in settings.items() if name in values and name not in ignored
    }


def _overridden(explicit: set[str]) -> set[str]:
    """Return the keys of a job file that explicit options override or contradict."""
    overridden = set(explicit)
    if explicit & {"prices", "sample"}:
        overridden |= {"prices", "sample"}
    if "windows" in explicit:
        overridden |= set(WINDOW_ROLES)
    return overridden


def _job_file_options(signature: inspect.Signature) -> dict[str, Any]:
    """Return the options of a command by the keys of a job file."""
    from qmac.runs.job_file import Option

    options = {key: Option(key, Any) for key in (*OPTIMIZE_ONLY, *MARKETS, *FOLDS, *JOB)}
    for parameter in signature.parameters.values():
        if parameter.name == CONTEXT:
            continue
        annotation, option = get_args(parameter.annotation)[:2]
        members = get_args(annotation) if NoneType in get_args(annotation) else (annotation,)
        key = _job_file_key(parameter.name, option)
        if key == parameter.name or key not in signature.parameters:  # --prices is no argument
            options[key] = Option(parameter.name, members[0])
    return options


def _job_file_key(name: str, option: Any) -> str:
    """Return the key of an option: ``json`` for the parameter ``as_json``, which is ``--json``."""
    declared = [option.default, *(option.param_decls or ())]
    flags = [str(flag) for flag in declared if str(flag).startswith("--")]
    key = flags[0].removeprefix("--") if flags else name
    return key.replace("-", "_")
