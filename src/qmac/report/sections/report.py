"""All numbers of a report, before anything is drawn: frozen dataclasses of values and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qmac.engine.backtest.backtest import backtest
from qmac.errors import printable
from qmac.report.sections.cautions import Caution, find_cautions
from qmac.report.sections.distribution import DistributionSummary, summarize_distribution
from qmac.report.sections.equity import Equity, build_equity
from qmac.report.sections.heatmaps import Heatmaps, build_heatmaps
from qmac.report.sections.luck import (
    LuckSummary,
    check_luck,
    describe_luck_command,
    summarize_luck,
)
from qmac.report.sections.settings import Settings, build_settings
from qmac.report.sections.sharpe import SharpeSummary, check_tries, summarize_sharpe
from qmac.report.sections.strategies import Strategies, build_strategies
from qmac.report.sections.walk_forward import ForwardSummary, check_forward, summarize_forward
from qmac.results.result import Result
from qmac.robustness.forward.answer import Forward
from qmac.robustness.luck.answer import Luck
from qmac.robustness.tries.answer import Tries
from qmac.runtime.resources.admission import check_memory
from qmac.strategy.metrics import METRICS

BAR_BYTES, CELL_BYTES = 200, 100
"""Memory of a report for each bar and for each two windows. Measured: 186, and 40 at most."""


@dataclass(frozen=True)
class Report:
    """Sections of a page; all but ``settings`` are empty where no combination was scored."""

    settings: Settings
    metrics: tuple[tuple[str, float, float], ...]
    """Name, value of the winner, value of buy & hold."""
    cautions: tuple[Caution, ...]
    equity: Equity | None
    luck: LuckSummary | None
    """None where no random markets were swept."""
    sharpe: SharpeSummary | None
    """Beside ``luck``, where the highest Sharpe ratio was searched for."""
    forward: ForwardSummary | None
    """None where there is no walk-forward in the run."""
    luck_command: str
    """What to type for an answer; empty where there can be none."""
    strategies: Strategies
    heatmaps: Heatmaps | None
    distribution: DistributionSummary | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers behind the page.

        Returns
        -------
        dict
            By the keys of ``qmac report --json``, which are older than the names here.
        """
        return {
            "asked": self.settings,
            "metrics": self.metrics,
            "cautions": self.cautions,
            "course": self.equity,
            "luck": self.luck,
            "sharpe": self.sharpe,
            "walk_forward": self.forward,
            "strategies": self.strategies.to_dict(),
            "landscape": self.heatmaps,
            "outcomes": self.distribution,
        }


def build_report(
    result: Result,
    luck: Luck | None = None,
    directory: str = "",
    symbol: str = "",
    tries: Tries | None = None,
    forward: Forward | None = None,
) -> Report:
    """Return the numbers of a report.

    Parameters
    ----------
    result : Result
        A result with its prices.
    luck : Luck, optional
        What random markets say about its winner.
    directory : str
        Directory of its run, for the command that the page shows; empty where it is in memory.
    symbol : str
        Symbol in a run of many, for the same.
    tries : Tries, optional
        How many tries its search is worth.
    forward : Forward, optional
        The walk-forward of the same request and prices.

    Returns
    -------
    Report
        One field for each section.

    Raises
    ------
    ResultError
        If the result has no prices.
    OptionError
        If ``luck``, ``tries`` or ``forward`` is about another result.
    OutOfMemoryError
        If there is no memory for it.
    """
    if luck is not None:
        check_luck(luck, result)
    if tries is not None:
        check_tries(tries, result)
    if forward is not None:
        check_forward(forward, result)
    series = result.series
    needed = BAR_BYTES * len(series.prices) + CELL_BYTES * len(result.grid.windows) ** 2
    name = printable(result.prices["name"])
    check_memory(f"the report of {name}", needed, "take a machine with more")
    distribution = summarize_distribution(result)
    strategies = build_strategies(result, series)
    run, metrics = None, []
    if result.best is not None:
        run = backtest(series.prices, result.best, result.replay_rules, series.averages)
        metrics = [(name, float(run.metrics[name]), result.hold[name]) for name in METRICS]
    return Report(
        settings=build_settings(result),
        metrics=tuple(metrics),
        cautions=find_cautions(result, run, strategies, distribution, luck),
        equity=None if run is None else build_equity(run),
        luck=None if luck is None else summarize_luck(luck),
        sharpe=(
            None
            if run is None or luck is None
            else summarize_sharpe(result, run, tries, directory, symbol)
        ),
        forward=None if forward is None else summarize_forward(forward),
        luck_command=describe_luck_command(result, directory, symbol),
        strategies=strategies,
        heatmaps=build_heatmaps(result),
        distribution=distribution,
    )
