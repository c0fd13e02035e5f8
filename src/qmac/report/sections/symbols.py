"""The winner of each symbol of a run of many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmac.errors import ResultError
from qmac.report.sections.luck import check_luck
from qmac.report.sections.settings import Settings, build_settings, drop_midnight
from qmac.results.collection import Results
from qmac.results.outline import Outline
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.many import Lucks
from qmac.robustness.luck.search import RESAMPLES
from qmac.strategy.grid import ROLES, Combination
from qmac.strategy.metrics import METRICS


@dataclass(frozen=True)
class SymbolRow:
    """The winner of one symbol beside buy & hold and all combinations of its grid."""

    symbol: str
    bars: int
    first: str
    last: str
    combination: Combination | None
    metrics: dict[str, float]
    """Metrics of the winner; empty where nothing was scored."""
    hold: float
    median: float
    share_positive: float
    share_better_than_hold: float
    sigmas: float
    p: float
    """Of the winner in random markets; NaN where none were swept."""
    adjusted_p: float
    """The same, adjusted for the number of symbols that have one (Holm)."""
    link: str
    """From this page to that of the symbol; empty where there is none."""


@dataclass(frozen=True)
class Symbols:
    """The winners of all symbols of a run."""

    directory: str
    """Directory of the run; empty where it is in memory."""
    settings: Settings
    """Settings of the first symbol: objective, grid and rules are those of all."""
    rows: tuple[SymbolRow, ...]
    left_out: tuple[str, ...]
    luck: tuple[str, ...]
    """What the answers about luck say together, in words."""

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers behind the page.

        Returns
        -------
        dict
            By the keys of ``qmac report --json``.
        """
        return {
            "directory": self.directory,
            "asked": self.settings,
            "rows": self.rows,
            "left_out": self.left_out,
            "luck": self.luck,
        }


def build_symbols(
    results: Results,
    directory: str = "",
    links: Mapping[str, str] | None = None,
    answers: Mapping[str, Luck] | None = None,
) -> Symbols:
    """Return the winners of a run.

    Parameters
    ----------
    results : Results
        Results by symbol.
    directory : str
        Directory of the run, for the commands that the page shows.
    links : mapping of str to str, optional
        Pages of single symbols.
    answers : mapping of str to Luck, optional
        What random markets say, by symbol.

    Returns
    -------
    Symbols
        A row for each symbol with a result.

    Raises
    ------
    ResultError
        If there is no result.
    OptionError
        If an answer is about another result.
    """
    settings, rows = None, []
    lucks = Lucks(answers or {}, _count_resamples(answers or {}))
    adjusted = lucks.table["adjusted_p"].to_dict() if lucks else {}
    for symbol in results:
        if settings is None:
            settings = build_settings(results[symbol])
        ps = (math.nan, math.nan)
        if symbol in lucks:
            check_luck(lucks[symbol], results[symbol])
            ps = (lucks[symbol].p, adjusted[symbol])
        row = _build_row(
            symbol, results.outline(symbol), settings.objective, ps, (links or {}).get(symbol, "")
        )
        rows.append(row)
    if settings is None:
        raise ResultError(
            "a page needs at least one result, got none. "
            "Resume the run first: qmac.resume(directory)."
        )
    left_out = [*results.left_out.values(), results.describe_missing()]
    return Symbols(
        directory,
        settings,
        tuple(rows),
        tuple(filter(None, left_out)),
        tuple(lucks.sentences) if lucks else (),
    )


def _count_resamples(answers: Mapping[str, Luck]) -> int:
    """Return how many random markets there are of each kind, as far as the answers show it."""
    counts = [each for answer in answers.values() for each in answer.counts.values()]
    return max((each.resamples for each in counts if not each.is_stopped), default=RESAMPLES)


def _build_row(
    symbol: str, outline: Outline, objective: str, ps: tuple[float, float], link: str
) -> SymbolRow:
    prices, best = outline.prices, outline.best
    combination, metrics = None, {}
    if best is not None:
        buy_fast, buy_slow, sell_fast, sell_slow = (int(best[role]) for role in ROLES)
        combination = buy_fast, buy_slow, sell_fast, sell_slow
        metrics = {name: float(best[name]) for name in METRICS}
    return SymbolRow(
        symbol=symbol,
        bars=int(prices["bars"]),
        first=drop_midnight(prices["first"]),
        last=drop_midnight(prices["last"]),
        combination=combination,
        metrics=metrics,
        hold=outline.hold[objective],
        median=outline.median,
        share_positive=outline.share_positive,
        share_better_than_hold=outline.share_better_than_hold,
        sigmas=outline.sigmas,
        p=ps[0],
        adjusted_p=ps[1],
        link=link,
    )
