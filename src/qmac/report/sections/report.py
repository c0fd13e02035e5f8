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
from qmac.report.sections.settings import Settings, build_settings
from qmac.report.sections.strategies import Strategies, build_strategies
from qmac.results.result import Result
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
            "strategies": self.strategies.to_dict(),
            "landscape": self.heatmaps,
            "outcomes": self.distribution,
        }


def build_report(result: Result) -> Report:
    """Return the numbers of a report.

    Parameters
    ----------
    result : Result
        A result with its prices.

    Returns
    -------
    Report
        One field for each section.

    Raises
    ------
    ResultError
        If the result has no prices.
    OutOfMemoryError
        If there is no memory for it.
    """
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
        cautions=find_cautions(result, run, strategies, distribution),
        equity=None if run is None else build_equity(run),
        strategies=strategies,
        heatmaps=build_heatmaps(result),
        distribution=distribution,
    )
