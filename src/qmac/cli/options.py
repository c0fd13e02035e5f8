"""``qmac report`` and ``--rank-by``. Only what the command line itself needs is imported before they are called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, get_args

import typer

import qmac
from qmac.errors import OptionError, ResultError, suggestion
from qmac.strategy.averages import AVERAGES
from qmac.strategy.rules import CONFLICTS, FILLS

RANKS = ("objective", "plateau")
RankBy = Annotated[
    str,
    typer.Option(
        metavar="objective|plateau",
        help="Order of the table; plateau: the median of the objective over all window sets within two steps.",
        autocompletion=lambda: list(RANKS),
    ),
]
"""Option of the commands that show rows; goes to ``show_result`` and ``Result.summary``."""


def check_rank(rank_by: str) -> str:
    """The order of the rows, before a run of hours is begun for one that is not known."""
    if rank_by not in RANKS:
        raise OptionError(f"rank by {rank_by!r} is not known. {suggestion(rank_by, RANKS)}")
    return rank_by


Sample = Annotated[
    bool, typer.Option("--sample", help="Use the bundled S&P 500 prices, daily, 1999-2018.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")
]


def _there(path: Path) -> Path:
    """A directory that a command looks into."""
    path = path.expanduser()
    if not path.is_dir():
        reason = "is a file, not a directory" if path.exists() else "is not there"
        raise ResultError(
            f"{path} {reason}. Name a directory that 'qmac optimize --out' made; 'qmac runs' lists them."
        )
    return path


Directory = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="A directory that 'qmac optimize --out' made.", callback=_there
    ),
]
Rows = Annotated[int, typer.Option(help="Rows of the table.", min=1)]
OneSymbol = Annotated[str | None, typer.Option("--symbol", help="Only this one of a run of many.")]
RULES: dict[str, tuple[Any, Any]] = {
    "fees": (
        Annotated[
            float, typer.Option(help="Share of a trade's value paid at each end; 0.001 is 0.1 %.")
        ],
        0.0,
    ),
    "slippage": (
        Annotated[float, typer.Option(help="Share by which a fill is worse than its price.")],
        0.0025,
    ),
    "average": (
        Annotated[
            str,
            typer.Option(
                help="sma | ema | wma | hma | dema | tema | rma.",
                autocompletion=lambda: list(AVERAGES),
            ),
        ],
        "sma",
    ),
    "fill": (
        Annotated[
            str,
            typer.Option(
                help="close (of the signal's bar) | next_open.", autocompletion=lambda: list(FILLS)
            ),
        ],
        "close",
    ),
    "conflict": (
        Annotated[
            str,
            typer.Option(
                help="Entry and exit on one bar: ignore | opposite.",
                autocompletion=lambda: list(CONFLICTS),
            ),
        ],
        "ignore",
    ),
    "start": (
        Annotated[
            str | None,
            typer.Option(help="First date whose signals count; earlier bars only warm up."),
        ],
        None,
    ),
    "end": (
        Annotated[str | None, typer.Option(help="Last date; later bars are not looked at.")],
        None,
    ),
    "stop_loss": (
        Annotated[float | None, typer.Option(help="Fall that closes a position; 0.05 is 5 %.")],
        None,
    ),
    "take_profit": (
        Annotated[float | None, typer.Option(help="Rise that closes a position.")],
        None,
    ),
    "trailing_stop": (
        Annotated[
            float | None, typer.Option(help="Fall from the highest high that closes a position.")
        ],
        None,
    ),
    "max_bars": (
        Annotated[int | None, typer.Option(help="Bars after which a position is closed.")],
        None,
    ),
    "init_cash": (Annotated[float, typer.Option(help="Cash at the start.")], 100.0),
    "periods_per_year": (
        Annotated[
            float | None, typer.Option(help="Bars in a year; inferred from the dates by default.")
        ],
        None,
    ),
    "fixed_fees": (
        Annotated[float, typer.Option(help="Refused, with the reason.", hidden=True)],
        0.0,
    ),
}
"""Options that make up the ``Rules``, each with its default."""
LIMITS: dict[str, tuple[Any, Any]] = {
    "threads": (
        Annotated[
            int | None, typer.Option(help="Threads; all CPUs by default. The answer is the same.")
        ],
        None,
    ),
    "memory": (Annotated[str | None, typer.Option(help="Most memory to use, 4GiB or 80%.")], None),
    "cpu_share": (
        Annotated[float | None, typer.Option(help="Share of the CPUs to use, 0.5 for half.")],
        None,
    ),
    "disk_free": (
        Annotated[str, typer.Option(help="Space to leave free where --out is.")],
        "256MiB",
    ),
    "polite": (
        Annotated[bool, typer.Option("--polite", help="Make way for other programs.")],
        False,
    ),
    "max_time": (
        Annotated[str | None, typer.Option(help="Stop with a snapshot after 90s, 30min, 2h.")],
        None,
    ),
    "governor": (
        Annotated[str, typer.Option(help="act | observe (only write down what it would do).")],
        "act",
    ),
}
"""Options that make up the ``Limits``."""
EXECUTOR: dict[str, tuple[Any, Any]] = {
    "executor": (
        Annotated[
            str, typer.Option(help="threads (of this process) | ray (a cluster, or Ray here).")
        ],
        "threads",
    ),
    "ray_address": (
        Annotated[
            str | None,
            typer.Option(
                help="Of a running Ray cluster, auto or HOST:PORT; one is started if not given."
            ),
        ],
        None,
    ),
    "ray_dashboard": (
        Annotated[bool, typer.Option("--ray-dashboard", help="Show that of a Ray started here.")],
        False,
    ),
}
"""Options that say where a run is swept."""
JOB: dict[str, tuple[Any, Any]] = {
    "prices": (
        Annotated[
            list[Path] | None,
            typer.Argument(
                metavar="PRICES",
                help="CSV or Parquet files with a Close column, or directories of them; or a job file, job.toml.",
            ),
        ],
        None,
    ),
    "sample": (Sample, False),
    "windows": (
        Annotated[
            str | None,
            typer.Option(
                help="Windows of the averages: 2:252 (if none are given), 2:252:5 or 5,10,20."
            ),
        ],
        None,
    ),
    "buy_fast": (
        Annotated[str | None, typer.Option(help="Windows of one average; overrides --windows.")],
        None,
    ),
    "buy_slow": (Annotated[str | None, typer.Option(help="As --buy-fast.")], None),
    "sell_fast": (Annotated[str | None, typer.Option(help="As --buy-fast.")], None),
    "sell_slow": (Annotated[str | None, typer.Option(help="As --buy-fast.")], None),
    "shared_windows": (
        Annotated[bool, typer.Option("--shared-windows", help="Let buy and sell share a window.")],
        False,
    ),
    "objective": (
        Annotated[
            str,
            typer.Option(
                help="Metric to rank by, such as sharpe_ratio.", autocompletion=lambda: _metrics()
            ),
        ],
        "total_return",
    ),
    "minimize": (
        Annotated[bool, typer.Option("--minimize", help="Look for the lowest instead.")],
        False,
    ),
    "where": (
        Annotated[
            list[str] | None,
            typer.Option(help="Keep only what holds: 'total_trades >= 10'. May be given again."),
        ],
        None,
    ),
    "top": (Annotated[int, typer.Option(help="Best combinations to keep.")], 20),
    "min_trades": (Annotated[int, typer.Option(help="Filter combinations with fewer trades.")], 1),
    "strict": (
        Annotated[bool, typer.Option("--strict", help="End at a symbol that cannot be used.")],
        False,
    ),
    **RULES,
}
"""Options that make up a job."""


def _metrics() -> list[str]:
    from qmac.strategy.metrics import MEASURES

    return list(MEASURES)


def _job(
    *, prices: list[Path] | dict[str, Path] | None, sample: bool, windows: str | None, shared_windows: bool, objective: str, minimize: bool,
    where: list[str] | None, top: int, min_trades: int, strict: bool, **rest: Any,
) -> Any:  # fmt: skip
    from qmac.data.symbols import Symbols, read_named, read_symbols
    from qmac.jobs.job import job_of
    from qmac.strategy.constraints import parse_conditions
    from qmac.strategy.grid import (
        ROLES,
        Grid,
        parse_windows,  # here: NumPy and Numba are half of a start
    )

    rules = qmac.Rules(**{name: rest[name] for name in RULES})
    given = {role: parse_windows(rest[role]) for role in ROLES if rest[role] is not None}
    common = (
        parse_windows(windows)
        if windows is not None
        else None
        if len(given) == len(ROLES)
        else range(2, 253)
    )
    grid = Grid(common, **given, shared_windows=shared_windows)
    if sample and prices:
        raise OptionError(f"both {next(iter(prices))} and --sample are given. Give one of them.")
    if not sample and not prices:
        raise OptionError("no prices are given. Name a CSV or Parquet file, or add --sample.")
    series = qmac.sample_prices() if sample else None
    if series is not None:
        symbols = Symbols({series.name: series}, {})
    else:
        symbols = read_named(prices) if isinstance(prices, dict) else read_symbols(prices or [])
    return job_of(
        symbols, grid, objective, rules, top, min_trades,
        maximize=not minimize, constraints=parse_conditions(where or []), strict=strict,
    )  # fmt: skip


def _executor(executor: str, ray_address: str | None, ray_dashboard: bool) -> Any:
    """Makes the executor for limits; None for threads of this process."""
    known = ("threads", "ray")
    if executor not in known:
        raise OptionError(f"executor {executor!r} is not known. {suggestion(executor, known)}")
    if executor == "threads":
        if ray_address or ray_dashboard:
            raise OptionError(
                "an option of Ray is given, but the executor is threads. Add --executor ray."
            )
        return lambda _: None

    def made(limits: qmac.Limits) -> Any:
        return qmac.RayExecutor(ray_address, limits.threads, limits, dashboard=ray_dashboard)

    return made


def takes(
    name: str, made_by: Callable[..., Any], options: dict[str, tuple[Any, Any]]
) -> Callable[..., Any]:
    """Give a command ``options`` in place of its parameter ``name``, which gets what ``made_by`` makes of them."""

    def decorator(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            made = made_by(**{option: given.pop(option) for option in options})
            command(**{name: made}, **given)

        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != name]
        added = [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )
            for option, (kind, default) in options.items()
        ]
        wrapper.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {
            parameter.name: parameter.annotation for parameter in (*own, *added)
        }
        return wrapper

    return decorator


takes_rules = takes("rules", lambda **given: qmac.Rules(**given), RULES)
takes_limits = takes("limits", lambda **given: qmac.Limits(**given), LIMITS)
takes_job = takes("job", _job, JOB)
takes_executor = takes("executor", _executor, EXECUTOR)
OF_OPTIMIZE = ("out", "save_grid", "prometheus_file", "dry_run", "rows", "rank_by")
"""Keys of a job file that only ``optimize`` heeds; other commands pass over them."""


def takes_file(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take a job file among its prices; what stands on the command line overrides what it says."""
    signature = inspect.signature(command)

    @functools.wraps(command)
    def wrapper(*, context: typer.Context, **given: Any) -> None:
        files = [path for path in given["prices"] or () if path.suffix.lower() == ".toml"]
        if len(files) > 1:
            raise OptionError(f"both {files[0]} and {files[1]} are given. Give one job file.")
        if files:
            from qmac.runs.job_file import read

            given["prices"] = [path for path in given["prices"] if path not in files]
            said = {name for name in given if _is_said(context, name)} - (
                set() if given["prices"] else {"prices"}
            )
            found = read(files[0], _keys(signature))
            given |= {
                name: value
                for name, value in found.items()
                if name in set(given) - _overridden(said)
            }
        command(**given)

    added = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    wrapper.__signature__ = signature.replace(parameters=[added, *signature.parameters.values()])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {"context": typer.Context, **wrapper.__annotations__}
    return wrapper


def _is_said(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _overridden(said: set[str]) -> set[str]:
    """What of a job file does not count: what is said, and what would contradict it."""
    more = {"prices", "sample"} if said & {"prices", "sample"} else set()
    return (
        said
        | more
        | ({"buy_fast", "buy_slow", "sell_fast", "sell_slow"} if "windows" in said else set())
    )


def _keys(signature: inspect.Signature) -> dict[str, Any]:
    """The options of a command by the keys of a job file: ``json`` for what the parameter ``as_json`` takes."""
    from qmac.runs.job_file import Option

    keys = {key: Option(key, Any) for key in OF_OPTIMIZE}
    for parameter in signature.parameters.values():
        kind, option = get_args(parameter.annotation)[:2]
        kinds = (
            [inner for inner in get_args(kind) if inner is not NoneType]
            if isinstance(kind, UnionType)
            else [kind]
        )
        spelled = [
            name
            for name in (option.default, *(option.param_decls or ()))
            if str(name).startswith("--")
        ]
        key = spelled[0].lstrip("-") if spelled else parameter.name
        keys[key.replace("-", "_")] = Option(parameter.name, kinds[0])
    return keys
