"""The page of a job of many symbols: the winner of each, one table and one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from qmac.errors import ResultError
from qmac.grid import Combination
from qmac.metrics import METRICS
from qmac.report import figures
from qmac.report.asked import Asked, asked_of, day
from qmac.report.outcomes import outcomes_of
from qmac.report.page import COLUMNS, rendered, write_page, write_report
from qmac.results import Results
from qmac.symbols import safe_name


@dataclass(frozen=True)
class Winner:
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
class Winners:
    """The winners of a job."""

    directory: str
    """Where the job is; empty where it is in memory."""
    asked: Asked
    """Of the first symbol: question and rules are those of all."""
    rows: tuple[Winner, ...]
    left_out: tuple[str, ...]


def page_of(symbol: str, place: Path) -> Path:
    """Where the page of one symbol stands, beside that of the winners: ``report-SPY.html`` beside ``report.html``."""
    return place.with_name(f"{place.stem}-{safe_name(symbol)}.html")


def links_of(results: Results, place: Path) -> dict[str, str]:
    """To the pages of symbols that are there, by symbol."""
    pages = {symbol: page_of(symbol, place.expanduser()) for symbol in results}
    return {symbol: quote(page.name) for symbol, page in pages.items() if page.is_file()}


def winners_of(results: Results, directory: str = "", links: Mapping[str, str] | None = None) -> Winners:
    """The winners of a job; each result is read once."""
    rows, asked = [], None
    for symbol, result in results.items():
        asked = asked or asked_of(result)
        outcomes, prices = outcomes_of(result), result.prices
        metrics = {} if result.best is None else {name: float(result.top[name].iloc[0]) for name in METRICS}
        nan = float("nan")
        rows.append(
            Winner(
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
        raise ResultError("there is no result yet to make a page of. Go on with the job: qmac.resume(directory).")
    return Winners(directory, asked, tuple(rows), tuple(results.left_out.values()))


def write_winners(results: Results, path: Path, *, each: bool = False) -> Path:
    """Write the page of a job's winners, and those of its symbols; errors as in ``Results.report``."""
    for symbol in results if each else ():
        write_report(results[symbol], page_of(symbol, path))
    return write_page(path, lambda: page(winners_of(results, links=links_of(results, path))))


def page(winners: Winners) -> str:
    """Their HTML."""
    objective = winners.asked.objective
    return rendered(
        "winners.html",
        {"winners": figures.plot_winners(winners.rows, objective)},
        winners=winners,
        asked=winners.asked,
        columns=[name for name in COLUMNS if name != objective],
    )
