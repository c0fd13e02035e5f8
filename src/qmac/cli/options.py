"""Options that several commands share, and the commands' arguments that they become.

Options of ``Rules``, ``Limits`` and ``ReadOptions`` are derived from the fields of these classes:
a new field is an option of every command that takes them. Only what ``--help`` needs is imported
here; NumPy and Numba are half of a start.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import typer

from qmac._checks import check_choice, check_path
from qmac.cli import streams
from qmac.data.options import ReadOptions
from qmac.errors import OptionError, ResultError
from qmac.runtime.resources.limits import Limits
from qmac.storage.files import is_file, resolve_typed
from qmac.strategy.defaults import DEFAULT_MIN_TRADES, DEFAULT_WINDOWS
from qmac.strategy.rules import Rules

Command = Callable[..., None]
CONTEXT = "context"
"""Parameter of a command that gets what the command line says besides."""
RANKS = ("objective", "plateau")
EXECUTORS = ("threads", "ray")
WINDOW_ROLES = ("buy_fast", "buy_slow", "sell_fast", "sell_slow")
"""``strategy.grid.ROLES``, which needs NumPy."""
OPTIMIZE_ONLY = ("out", "save_grid", "dry_run", "rows", "rank_by", "all_rows", "verbose")
"""Keys of a job file that other commands than ``optimize`` ignore."""
LUCK_ONLY = ("resamples", "nulls", "stop_after", "seed", "tried", "tries")
"""Keys of a job file that other commands than ``luck`` ignore."""
WALK_ONLY = ("train", "test", "holdout", "anchored", "gap")
"""Keys of a job file that other commands than ``walk-forward`` ignore."""


class CommandOption(NamedTuple):
    """How typer reads an option, and its default."""

    annotation: Any
    default: Any = None

    def to_parameter(self, name: str) -> inspect.Parameter:
        """Return the option as a parameter of a command.

        Parameters
        ----------
        name : str
            Name of the parameter, from which typer derives the flag.

        Returns
        -------
        inspect.Parameter
            A keyword with a default.
        """
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=self.default,
            annotation=self.annotation,
        )


def build_options(settings: type, panel: str | None = None) -> dict[str, CommandOption]:
    """Return an option for each field of a frozen dataclass such as ``Rules``.

    Parameters
    ----------
    settings : type
        A dataclass whose fields have ``metadata`` with ``help``, and where they apply ``choices``
        (a sequence of str) and ``is_hidden`` (bool).
    panel : str, optional
        Heading above these options in the help.

    Returns
    -------
    dict of str to CommandOption
        In the order of the fields, by their names.
    """
    kinds = get_type_hints(settings)
    fields = dataclasses.fields(settings)
    return {field.name: _build_option(field, kinds[field.name], panel) for field in fields}


def _build_option(field: dataclasses.Field[Any], kind: Any, panel: str | None) -> CommandOption:
    text = field.metadata["help"]
    choices = field.metadata.get("choices", ())
    if choices:
        text = f"{text} One of: {', '.join(choices)}."
    flags = [f"--{field.name.replace('_', '-')}"] if kind is bool else []
    option = typer.Option(
        *flags,
        help=text,
        hidden=field.metadata.get("is_hidden", False),
        rich_help_panel=panel,
        autocompletion=_complete(choices) if choices else None,
    )
    return CommandOption(Annotated[_typer_type(kind), option], field.default)


def _complete(choices: Sequence[str]) -> Callable[[], list[str]]:
    """Return a function of the choices, which typer calls when a shell completes."""
    return lambda: list(choices)


def _typer_type(kind: Any) -> Any:
    """Return the type in which the command line reads a field: text where the field takes text."""
    members = get_args(kind) or (kind,)
    plain = next(known for known in (str, float, int, bool) if known in members)
    return plain | None if NoneType in members else plain


def _check_answer(path: Path) -> Path:
    """Return the path of a directory, or of the file of an answer, such as luck.json."""
    if is_file(check_path("DIR", path, ResultError)):
        from qmac.results.reader import find_answer

        file = find_answer(resolve_typed(path))
        if file is not None:
            return file
    return _check_directory(path)


def _metrics() -> list[str]:
    """Return the names of all metrics, imported when a shell completes."""
    from qmac.strategy.metrics import MEASURES

    return list(MEASURES)


def _check_directory(path: Path) -> Path:
    """Return the path of a directory that exists, with ``~`` expanded and links followed."""
    path = check_path("DIR", path, ResultError)
    if path.is_dir():
        return resolve_typed(path)
    reason = "is a file, not a directory" if path.exists() else "does not exist"
    raise ResultError(
        f"{path} {reason}. Name a directory that 'qmac optimize --out' wrote; "
        "'qmac runs' lists them."
    )


def check_rank(rank_by: str) -> str:
    """Return the order of the rows, checked before a run of hours begins.

    Parameters
    ----------
    rank_by : str
        Value of ``--rank-by``.

    Returns
    -------
    str
        The same value.

    Raises
    ------
    OptionError
        If it is not one of ``RANKS``.
    """
    return check_choice("rank_by", rank_by, RANKS)


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


RankBy = Annotated[
    str,
    typer.Option(
        metavar="objective|plateau",
        help="Order of the table; plateau: the median of the objective over all window sets "
        "within two steps.",
        autocompletion=_complete(RANKS),
        rich_help_panel="Ranking",
    ),
]
"""Option of the commands that show rows, for ``show_result`` and ``Result.summary``."""
Sample = Annotated[
    bool,
    typer.Option(
        "--sample",
        help="Use the bundled S&P 500 prices, daily, 1999-2018.",
        rich_help_panel="Prices",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object and nothing else on standard output."),
]
Directory = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A directory that 'qmac optimize --out' wrote.",
        callback=_check_directory,
    ),
]
DirectoryOrAnswer = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A directory that 'qmac optimize --out' wrote, or the file of an answer, luck.json.",
        callback=_check_answer,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(help="Number of rows in the table; by default as many as fit a screen.", min=1),
]
AllRows = Annotated[
    bool,
    typer.Option("--all-rows", help="Show rows one by one that are within two steps of a better."),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Also show the distribution, all metrics and each caution in full."
    ),
]
OneSymbol = Annotated[
    str | None,
    typer.Option("--symbol", help="Only this symbol of a run of many."),
]
RULES = build_options(Rules, "Trading rules")
LIMITS = build_options(Limits, "Machine")
READING_PANEL = "Prices"
READING = build_options(ReadOptions, READING_PANEL) | {
    "strict_prices": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--strict-prices",
                help="Stop at prices with a warning.",
                rich_help_panel=READING_PANEL,
            ),
        ],
        False,
    ),
    "offline": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--offline",
                help="Send no request for prices by name: use copies, of any age.",
                rich_help_panel=READING_PANEL,
            ),
        ],
        False,
    ),
}
"""How prices are read."""
EXECUTOR = {
    "executor": CommandOption(
        Annotated[
            str,
            typer.Option(
                help="threads of this process, or ray: a Ray cluster.",
                autocompletion=_complete(EXECUTORS),
                rich_help_panel="Cluster",
            ),
        ],
        "threads",
    ),
    "ray_address": CommandOption(
        Annotated[
            str | None,
            typer.Option(
                help="Address of a running Ray cluster: auto or HOST:PORT. "
                "By default Ray is started on this machine.",
                rich_help_panel="Cluster",
            ),
        ]
    ),
    "ray_dashboard": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--ray-dashboard",
                help="Start Ray's dashboard with Ray.",
                rich_help_panel="Cluster",
            ),
        ],
        False,
    ),
}
"""Where a run is computed."""
_ONE_AVERAGE = Annotated[
    str | None,
    typer.Option(help="Windows of this average; overrides --windows.", rich_help_panel="Grid"),
]
GRID = {
    "windows": CommandOption(
        Annotated[
            str | None,
            typer.Option(
                help="Window lengths in bars: 2:252 (the default), 2:252:5 or 5,10,20; "
                "ranges include both ends.",
                rich_help_panel="Grid",
            ),
        ]
    ),
    **dict.fromkeys(WINDOW_ROLES, CommandOption(_ONE_AVERAGE)),
    "shared_windows": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--shared-windows",
                help="Let a buy and a sell average have the same window.",
                rich_help_panel="Grid",
            ),
        ],
        False,
    ),
}
"""The windows of the four averages."""
PRICES = {
    "prices": CommandOption(
        Annotated[
            list[Path] | None,
            typer.Argument(
                metavar="PRICES",
                help="CSV or Parquet files with a Close column, or directories of them; names "
                "such as yahoo:SPY,QQQ; or a job file, job.toml.",
            ),
        ]
    ),
    "sample": CommandOption(Sample, False),
    "strict": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--strict",
                help="Stop at a symbol with invalid prices.",
                rich_help_panel="Prices",
            ),
        ],
        False,
    ),
}
"""The symbols of a job."""
RANKING = {
    "objective": CommandOption(
        Annotated[
            str,
            typer.Option(
                help="Metric to rank by, such as sharpe_ratio.",
                autocompletion=_metrics,
                rich_help_panel="Ranking",
            ),
        ],
        "total_return",
    ),
    "minimize": CommandOption(
        Annotated[
            bool,
            typer.Option(
                "--minimize", help="Rank the lowest value first.", rich_help_panel="Ranking"
            ),
        ],
        False,
    ),
    "where": CommandOption(
        Annotated[
            list[str] | None,
            typer.Option(
                help="Constraint on a metric, such as 'total_trades >= 10'. Can be repeated.",
                rich_help_panel="Ranking",
            ),
        ]
    ),
    "top": CommandOption(
        Annotated[
            int,
            typer.Option(
                help="Number of best combinations in the result.", rich_help_panel="Ranking"
            ),
        ],
        20,
    ),
    "min_trades": CommandOption(
        Annotated[
            int | None,
            typer.Option(
                help=f"Leave out combinations with fewer trades: {DEFAULT_MIN_TRADES} by default, "
                "unless --where bounds total_trades; 0 for none.",
                rich_help_panel="Ranking",
            ),
        ]
    ),
}
"""Which combinations are best."""
JOB = PRICES | GRID | RANKING | RULES | READING
"""All that the results of a run follow from."""


def takes(
    name: str,
    build: Callable[..., Any],
    options: Mapping[str, CommandOption],
    uses: Sequence[str] = (),
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command several options in place of one parameter.

    Parameters
    ----------
    name : str
        Parameter of the command. It gets what ``build`` returns.
    build : callable
        Called with the value of each option by its name.
    options : mapping of str to CommandOption
        What the command line takes instead.
    uses : sequence of str
        Other parameters of the command that ``build`` is called with.

    Returns
    -------
    callable
        The decorator.
    """

    def decorator(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        others = [each for each in signature.parameters.values() if each.name != name]
        added = [option.to_parameter(key) for key, option in options.items()]

        @functools.wraps(command)
        def wrapper(*arguments: Any, **values: Any) -> None:
            used = {key: values[key] for key in uses}
            given = {key: values.pop(key, option.default) for key, option in options.items()}
            command(*arguments, **{name: build(**given, **used)}, **values)

        return _with_parameters(wrapper, [*others, *added])

    return decorator


def _with_parameters(command: Command, parameters: Sequence[inspect.Parameter]) -> Command:
    """Return the command with the signature that typer reads."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _build_job(limits: Limits, **options: Any) -> Any:
    """Return the ``Job`` that the options of ``JOB`` describe, with its prices read."""
    from qmac.data.held_prices import list_warned
    from qmac.data.symbols import check_symbols
    from qmac.jobs.job import build_job
    from qmac.strategy.constraints import parse_conditions
    from qmac.strategy.request import check_request

    rules = Rules(**{name: options[name] for name in RULES})
    grid = _build_grid(**{name: options[name] for name in GRID})
    reading = build_reading(**{name: options[name] for name in READING})
    symbols = check_symbols(
        find_symbols(options["prices"], limits, reading, sample=options["sample"])
    )
    request = check_request(
        grid,
        options["objective"],
        rules,
        options["top"],
        options["min_trades"],
        maximize=not options["minimize"],
        constraints=parse_conditions(options["where"] or []),
    )
    job = build_job(symbols, request, strict=options["strict"])
    say_warnings(list_warned(job.prices), reading)
    return job


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


def _build_grid(*, windows: str | None, shared_windows: bool, **roles: str | None) -> Any:
    """Return the ``Grid``; ``DEFAULT_WINDOWS`` for averages that none are set for."""
    from qmac.strategy.grid import Grid
    from qmac.strategy.windows import parse_windows

    single = {role: parse_windows(text) for role, text in roles.items() if text is not None}
    common = None
    if windows is not None:
        common = parse_windows(windows)
    elif len(single) < len(WINDOW_ROLES):
        common = parse_windows(DEFAULT_WINDOWS)
    return Grid(common, **single, shared_windows=shared_windows)


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


def _choose_executor(
    executor: str, ray_address: str | None, ray_dashboard: bool
) -> Callable[[Limits], Any]:
    """Return a function of the limits that builds the executor; None for threads."""
    check_choice("executor", executor, EXECUTORS)
    if executor == "threads":
        if ray_address or ray_dashboard:
            name = "--ray-address" if ray_address else "--ray-dashboard"
            raise OptionError(f"{name} needs --executor ray, got threads. Add --executor ray.")
        return lambda _: None

    def build(limits: Limits) -> Any:
        from qmac.runtime.cluster.ray_executor import RayExecutor

        return RayExecutor(ray_address, limits.threads, limits, dashboard=ray_dashboard)

    return build


class JobOptions(NamedTuple):
    """The options of ``JOB``, before any prices are read."""

    limits: Limits
    values: dict[str, Any]

    @property
    def prices(self) -> Any:
        """Words of the command line, or files by symbol."""
        return self.values["prices"]

    @property
    def sample(self) -> bool:
        """Whether the bundled sample is read."""
        return bool(self.values["sample"])

    def read_prices(self, path: Path) -> Any:
        """Return the prices of another file, read as these are.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        Prices
            Checked.
        """
        return read_prices(path, build_reading(**{name: self.values[name] for name in READING}))

    def build(self) -> Any:
        """Read the prices.

        Returns
        -------
        Job
            What is swept.
        """
        return _build_job(self.limits, **{"top": RANKING["top"].default} | self.values)


def _collect_job(limits: Limits, **values: Any) -> JobOptions:
    return JobOptions(limits, values)


takes_rules = takes("rules", Rules, RULES)
takes_limits = takes("limits", Limits, LIMITS)
takes_reading = takes("reading", build_reading, READING)
takes_job = takes("job", _build_job, JOB, uses=("limits",))
takes_job_options = takes("options", _collect_job, JOB, uses=("limits",))
takes_fold_options = takes(
    "options", _collect_job, {name: JOB[name] for name in JOB if name != "top"}, uses=("limits",)
)
"""The options of a job of which only the best combination counts."""
takes_executor = takes("executor", _choose_executor, EXECUTOR)


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
    return _with_parameters(wrapper, [added, *others])


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

    explicit = {name for name in values if _is_explicit(context, name)}
    if not values["prices"]:  # the job file itself was the only one
        explicit.discard("prices")
    ignored = _overridden(explicit)
    settings = read(file, _job_file_options(signature))
    return {
        name: value for name, value in settings.items() if name in values and name not in ignored
    }


def _is_explicit(context: typer.Context, name: str) -> bool:
    """Return whether an option is on the command line, as opposed to its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


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

    options = {key: Option(key, Any) for key in (*OPTIMIZE_ONLY, *LUCK_ONLY, *WALK_ONLY, *JOB)}
    for parameter in signature.parameters.values():
        if parameter.name == CONTEXT:
            continue
        annotation, option = get_args(parameter.annotation)[:2]
        members = get_args(annotation) if NoneType in get_args(annotation) else (annotation,)
        key = _job_file_key(parameter.name, option)
        if key == parameter.name or key not in signature.parameters:  # --prices is no argument
            options[key] = Option(parameter.name, members[0])
    return options


def find_explicit(context: typer.Context, names: Collection[str]) -> list[str]:
    """Return which parameters are set on the command line.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    names : collection of str
        Parameters.

    Returns
    -------
    list of str
        Their names, in the order of the command's parameters.
    """
    return [name for name in context.params if name in names and _is_explicit(context, name)]


def repeat_words(context: typer.Context, names: Collection[str]) -> list[str]:
    """Return the words of the command line that set some parameters.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    names : collection of str
        Parameters.

    Returns
    -------
    list of str
        Of those that were typed, arguments first.
    """
    parameters = {each.name: each for each in context.command.params}
    arguments: list[str] = []
    options: list[str] = []
    for name in find_explicit(context, names):
        parameter, value = parameters[name], context.params[name]
        values = list(value) if isinstance(value, list | tuple) else [value]
        if parameter.param_type_name == "argument":
            arguments += map(str, values)
        elif value is True:
            options.append(parameter.opts[0])
        else:
            options += [word for each in values for word in (parameter.opts[0], str(each))]
    return arguments + options


def _job_file_key(name: str, option: Any) -> str:
    """Return the key of an option: ``json`` for the parameter ``as_json``, which is ``--json``."""
    declared = [option.default, *(option.param_decls or ())]
    flags = [str(flag) for flag in declared if str(flag).startswith("--")]
    key = flags[0].removeprefix("--") if flags else name
    return key.replace("-", "_")
