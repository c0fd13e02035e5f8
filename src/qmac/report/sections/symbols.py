"""The numbers of a job of many symbols: the winner of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmac.errors import ResultError
from qmac.report.sections.distribution import distribution_of
from qmac.report.sections.settings import Settings, day, settings_of
from qmac.results.collection import Results
from qmac.strategy.grid import Combination
from qmac.strategy.metrics import METRICS


@dataclass(frozen=True)
class SymbolRow:
    """The best of one symbol, beside buy & hold and all the others of its grid."""

    symbol: str
    bars: int
    first: str
    last: str
    combination: Combination | None
    metrics: dict[str, float]
    """Empty where nothing was scored."""
    hold: float
    median: float
    share_positive: float
    share_better_than_hold: float
    sigmas: float
    link: str
    """To its own page, from that of the winners; empty where there is none."""


@dataclass(frozen=True)
class Symbols:
    """The winners of a job."""

    directory: str
    """Where the job is; empty where it is in memory."""
    asked: Settings
    """Of the first symbol: question and rules are those of all."""
    rows: tuple[SymbolRow, ...]
    left_out: tuple[str, ...]


def symbols_of(
    results: Results, directory: str = "", links: Mapping[str, str] | None = None
) -> Symbols:
    """The winners of a job; each result is read once."""
    rows, asked = [], None
    for symbol, result in results.items():
        asked = asked or settings_of(result)
        outcomes, prices = distribution_of(result), result.prices
        metrics = (
            {}
            if result.best is None
            else {name: float(result.top[name].iloc[0]) for name in METRICS}
        )
        nan = float("nan")
        rows.append(
            SymbolRow(
                symbol=symbol,
                bars=int(prices["bars"]),
                first=day(prices["first"]),
                last=day(prices["last"]),
                combination=result.best,
                metrics=metrics,
                hold=result.hold[result.objective],
                median=dict(outcomes.quantiles)[0.5] if outcomes else nan,
                share_positive=outcomes.share_positive if outcomes else nan,
                share_better_than_hold=outcomes.share_better_than_hold if outcomes else nan,
                sigmas=outcomes.sigmas if outcomes else nan,
                link=(links or {}).get(symbol, ""),
            )
        )
    if asked is None:
        raise ResultError(
            "there is no result yet to make a page of. Go on with the job: qmac.resume(directory)."
        )
    return Symbols(directory, asked, tuple(rows), tuple(results.left_out.values()))
