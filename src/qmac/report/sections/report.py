"""All numbers of a report, before anything is drawn: frozen dataclasses of plain values and arrays."""

from __future__ import annotations

from dataclasses import dataclass

from qmac.engine.backtest.backtest import backtest
from qmac.report.sections.cautions import Caution, cautions_of
from qmac.report.sections.distribution import DistributionSummary, distribution_of
from qmac.report.sections.equity import Equity, equity_of
from qmac.report.sections.heatmaps import Heatmaps, heatmaps_of
from qmac.report.sections.settings import Settings, settings_of
from qmac.report.sections.strategies import Strategies, strategies_of
from qmac.results.result import Result
from qmac.strategy.metrics import METRICS


@dataclass(frozen=True)
class Report:
    """What a page shows; all but ``asked`` is empty where no combination was scored."""

    asked: Settings
    metrics: tuple[tuple[str, float, float], ...]
    """Name, of the winner, of buy & hold."""
    cautions: tuple[Caution, ...]
    course: Equity | None
    strategies: Strategies
    landscape: Heatmaps | None
    outcomes: DistributionSummary | None


def report_of(result: Result) -> Report:
    """The numbers of a report.

    Raises
    ------
    ResultError : the prices were not kept with the result.
    """
    series, outcomes = result.series, distribution_of(result)
    strategies = strategies_of(result, series)
    run = (
        None
        if result.best is None
        else backtest(series.prices, result.best, result.rules, series.averages)
    )
    return Report(
        asked=settings_of(result),
        metrics=()
        if run is None
        else tuple((name, float(run.metrics[name]), result.hold[name]) for name in METRICS),
        cautions=cautions_of(result, run, strategies, outcomes),
        course=None if run is None else equity_of(run),
        strategies=strategies,
        landscape=heatmaps_of(result),
        outcomes=outcomes,
    )
