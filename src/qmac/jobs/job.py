"""A job: one question, and the series of which it is asked."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac._checks import check_count
from qmac.data.prices import Prices
from qmac.data.symbols import Symbols
from qmac.engine.dataset.signals import Averages, compute_averages
from qmac.engine.sweep.spec import LANES, SweepSpec, build_spec
from qmac.errors import OptionError, PricesError, ResultError, printable
from qmac.kernels.compiler.sources import hash_kernel_sources
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER, own_averages
from qmac.strategy.constraints import Constraints, check_constraints
from qmac.strategy.grid import Grid
from qmac.strategy.objective import check_objective
from qmac.strategy.rules import Rules

MOST_KEPT = 1_000_000
"""Kept rows are held by every thread and replayed bar by bar; more of them is another job."""


@dataclass(frozen=True)
class Job:
    """What is asked, of which series."""

    prices: Mapping[str, Prices]
    grid: Grid
    rules: Rules
    objective: str
    maximize: bool
    constraints: dict[str, tuple[float, float]]
    top: int
    averages: Averages | None = None
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    strict: bool = False
    """Whether a symbol that cannot be used ends the job."""

    def build_spec(self, series: Prices) -> SweepSpec:
        return build_spec(
            series,
            self.grid,
            self.rules,
            self.objective,
            self.maximize,
            self.constraints,
            min(self.top, self.grid.size),
        )

    @property
    def own(self) -> np.ndarray | None:
        """The user's own averages as an array, checked."""
        if self.averages is None:
            return None
        return compute_averages(
            next(iter(self.prices.values())), self.grid.windows, self.rules, self.averages
        )

    @property
    def asked(self) -> dict[str, Any]:
        """All that the answer follows from but the prices, as plain values; with them it is the run's fingerprint."""
        return {
            "grid": self.grid.to_dict(),
            "rules": self.rules.to_dict(),
            "objective": self.objective,
            "maximize": self.maximize,
            "constraints": {
                metric: [None if np.isinf(bound) else bound for bound in bounds]
                for metric, bounds in self.constraints.items()
            },
            "top": self.top,
            "averages": self.rules.average if self.own is None else own_averages(self.own),
            "lanes": LANES,
            "kernels": hash_kernel_sources(),
        }

    @classmethod
    def of_directory(cls, directory: RunDirectory) -> Job:
        """What a run was asked.

        Raises
        ------
        ResultError : it cannot go on here.
        """
        asked = directory.header["asked"]
        for name, here in (("kernels", hash_kernel_sources()), ("lanes", LANES)):
            if asked.get(name) != here:
                raise ResultError(
                    f"{directory.path} was begun by qmac {printable(directory.header['qmac'])}, whose kernels are not those of this "
                    "one. Go on with that version, or begin anew in another directory."
                )
        try:
            return cls(
                _Stored(directory), Grid(**asked["grid"]), Rules(**asked["rules"]), check_objective(asked["objective"]),
                asked["maximize"], check_constraints(asked["constraints"], 0), check_count("top", asked["top"], 1, MOST_KEPT),
                directory.averages(), directory.header["left_out"],
            )  # fmt: skip
        except ResultError:
            raise
        except Exception as error:  # a stranger's, with a checksum that fits, can fail in any way
            raise ResultError(
                f"{directory.path / HEADER} asks for what cannot be ({printable(error).removesuffix('.')}). Begin the run anew."
            ) from None


class _Stored(Mapping[str, Prices]):
    """The prices of a run, read when they are needed: 500 symbols of minute bars are gigabytes."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    def __getitem__(self, name: str) -> Prices:
        return self._directory.prices(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._directory.names)

    def __len__(self) -> int:
        return len(self._directory.names)


def job_of(
    symbols: Symbols,
    grid: Grid,
    objective: str,
    rules: Rules | None,
    top: int,
    min_trades: int,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    averages: Averages | None = None,
    strict: bool = False,
) -> Job:
    """Everything checked. Series that cannot be used, or are too short for windows and dates, are left out with a warning."""
    check_objective(objective)
    top, min_trades = (
        check_count("top", top, 1, MOST_KEPT),
        check_count("min_trades", min_trades, 0),
    )
    bounds = check_constraints(constraints, min_trades)
    if not isinstance(grid, Grid):
        raise OptionError(
            f"grid is a {type(grid).__name__}, but must be a qmac.Grid, such as Grid(windows=range(2, 253))."
        )
    job = Job(
        symbols.prices,
        grid,
        Rules.of(rules),
        objective,
        bool(maximize),
        bounds,
        top,
        averages,
        strict=strict,
    )
    left_out, usable = dict(symbols.bad), {}
    for name, series in symbols.prices.items():
        try:
            job.build_spec(series)
            usable[name] = series
        except PricesError as error:
            left_out[name] = error
    if left_out and (strict or not usable):
        raise next(iter(left_out.values()))
    reasons = {name: str(reason) for name, reason in left_out.items()}
    for reason in reasons.values():
        warnings.warn(f"left out: {reason}", stacklevel=3)
    return dataclasses.replace(job, prices=usable, left_out=reasons)
