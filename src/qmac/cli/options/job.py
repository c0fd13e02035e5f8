"""What a sweep follows from, and where and within what limits it is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from qmac._checks import check_choice
from qmac.cli.options.declaration import takes
from qmac.cli.options.reading import build_reading, find_symbols, read_prices, say_warnings
from qmac.cli.options.tables import (
    EXECUTOR,
    EXECUTORS,
    GRID,
    JOB,
    LIMITS,
    RANKING,
    RANKS,
    READING,
    RULES,
    WINDOW_ROLES,
)
from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits
from qmac.strategy.defaults import DEFAULT_WINDOWS
from qmac.strategy.rules import Rules


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


takes_rules = takes("rules", Rules, RULES)
takes_limits = takes("limits", Limits, LIMITS)
takes_job = takes("job", _build_job, JOB, uses=("limits",))
takes_job_options = takes("options", _collect_job, JOB, uses=("limits",))
takes_fold_options = takes(
    "options", _collect_job, {name: JOB[name] for name in JOB if name != "top"}, uses=("limits",)
)
"""The options of a job of which only the best combination counts."""
takes_executor = takes("executor", _choose_executor, EXECUTOR)
