"""Settings of a run, the data and the rules of its result, in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from qmac._version import __version__
from qmac.data.description import format_origin
from qmac.results.result import Result
from qmac.strategy.averages import averages_in_words
from qmac.strategy.constraints import format_bounds
from qmac.strategy.description import describe_settings
from qmac.strategy.formatting import to_words
from qmac.strategy.rules import CONFLICTS, FILLS, Rules
from qmac.strategy.windows import format_windows

SIGNS = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}


@dataclass(frozen=True)
class Settings:
    """Run settings and run details: what a result follows from, and how it was computed."""

    name: str
    bars: int
    first: str
    last: str
    origin: str
    """Layout, column and adjustment of the prices; empty in results of earlier versions."""
    objective: str
    maximize: bool
    combinations: int
    scored: int
    unscored: int
    filtered: int
    filters: tuple[tuple[str, int], ...]
    """Each constraint in words, and how many combinations it removes by itself."""
    windows: tuple[tuple[str, str], ...]
    """Each average and its windows."""
    rules: tuple[str, ...]
    """Trading rules, a sentence each."""
    periods_per_year: float
    seconds: float
    combinations_per_second: float
    threads: int
    machine: str
    version: str
    digest: str
    degradations: tuple[str, ...]
    failed: int
    """Cells that failed on every machine: their combinations are in none of the figures."""


def build_settings(result: Result) -> Settings:
    """Return the settings and the run details of a result.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    Settings
        Plain values and sentences.
    """
    prices = result.prices
    filters = [
        (describe_bounds(metric, bounds), result.filtered_by[metric])
        for metric, bounds in result.constraints.items()
    ]
    windows = [
        (to_words(role), format_windows(lengths)) for role, lengths in result.grid.roles.items()
    ]
    return Settings(
        name=str(prices["name"]),
        bars=int(prices["bars"]),
        first=drop_midnight(prices["first"]),
        last=drop_midnight(prices["last"]),
        origin=format_origin(prices),
        objective=result.objective,
        maximize=result.maximize,
        combinations=result.evaluated,
        scored=result.scored,
        unscored=result.unscored,
        filtered=result.filtered,
        filters=tuple(filters),
        windows=tuple(windows),
        rules=tuple(describe_rules(result)),
        periods_per_year=result.periods_per_year,
        seconds=result.elapsed,
        combinations_per_second=result.combinations_per_second,
        threads=result.threads,
        machine=result.machine,
        version=__version__,
        digest=result.digest,
        degradations=tuple(_describe_degradation(entry) for entry in result.degradations),
        failed=len(result.failed),
    )


def drop_midnight(moment: str) -> str:
    """Return a date without the midnight that daily bars have.

    Parameters
    ----------
    moment : str
        Date, or date and time.

    Returns
    -------
    str
        The date alone if the time is 00:00:00.

    Examples
    --------
    >>> drop_midnight("2018-12-31 00:00:00"), drop_midnight("2018-12-31 09:30:00")
    ('2018-12-31', '2018-12-31 09:30:00')
    """
    return moment.removesuffix(" 00:00:00")


def describe_bounds(metric: str, bounds: tuple[float, float]) -> str:
    """Return a constraint in words.

    Parameters
    ----------
    metric : str
        Name of the metric.
    bounds : tuple of float
        Lowest and highest value that pass.

    Returns
    -------
    str
        Such as ``total trades at least 10``.

    Examples
    --------
    >>> describe_bounds("total_trades", (10, float("inf")))
    'total trades at least 10'
    """
    limits = [f"{SIGNS[sign]} {number}" for sign, number in format_bounds(metric, bounds)]
    return f"{metric.replace('_', ' ')} {' and '.join(limits)}"


def describe_rules(result: Result) -> list[str]:
    """Return the trading rules of a result, as docs/strategy.md defines them.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    list of str
        Sentences.
    """
    rules = result.rules
    averages = averages_in_words(result.prices["averages"])
    signals = (
        "Entry where the fast buy average crosses above the slow buy average, exit where the fast "
        f"sell average crosses below the slow sell average, on {averages} of the close."
    )
    sentences = [
        f"{signals} Long only, all cash in, all out.",
        FILLS[rules.fill],
        CONFLICTS[rules.conflict],
        _describe_costs(rules),
        *_describe_changed(rules),
        "A position open at the end is valued at the last close, without cost.",
    ]
    if result.grid.shared_windows:
        sentences.append("A buy and a sell average may have the same window.")
    source = "set" if rules.periods_per_year else "inferred from the dates"
    basis = result.prices.get("basis")
    if basis and not rules.periods_per_year:
        source += f": {basis}"
    sentences.append(
        f"Annualised with {result.periods_per_year:.6g} bars a year ({source}). "
        f"Cash at the start: {rules.init_cash:g}."
    )
    return sentences


def _describe_costs(rules: Rules) -> str:
    parts = []
    if rules.slippage:
        parts.append(f"a fill is {100 * rules.slippage:.4g} % worse than its price")
    if rules.fees:
        parts.append(f"fees are {100 * rules.fees:.4g} % of a trade's value at each end")
    return f"Costs: {' and '.join(parts)}." if parts else "Trading costs nothing."


def _describe_changed(rules: Rules) -> list[str]:
    """Return a sentence for each rule that is set and has one in its metadata."""
    sentences = []
    for field in dataclasses.fields(rules):
        value, sentence = getattr(rules, field.name), field.metadata["sentence"]
        if sentence and value is not None:
            percent = 100 * value if isinstance(value, float) else None
            sentences.append(sentence.format(value=value, percent=percent))
    return sentences


def _describe_degradation(entry: dict[str, Any]) -> str:
    """Return a step of the governor as its log has it."""
    return ", ".join(f"{name} {value}" for name, value in entry.items())


def settings_line(result: Result) -> str:
    """Return the settings of a result in one line.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    str
        Objective, constraints, windows and rules.
    """
    return describe_settings(
        result.objective,
        result.grid,
        result.rules,
        maximize=result.maximize,
        average=result.prices["averages"],
        constraints=result.constraints,
    )
