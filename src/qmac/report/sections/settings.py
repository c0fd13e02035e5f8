"""What was asked, on what data, and under which rules, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qmac._version import __version__
from qmac.results.result import Result
from qmac.strategy.averages import averages_in_words
from qmac.strategy.constraints import format_bounds
from qmac.strategy.description import describe_settings
from qmac.strategy.rules import CONFLICTS, FILLS, Rules
from qmac.strategy.windows import format_windows

SIGNS = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}


@dataclass(frozen=True)
class Settings:
    """The question and how it was answered."""

    name: str
    bars: int
    first: str
    last: str
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
    """The semantics, a sentence each."""
    periods_per_year: float
    seconds: float
    combinations_per_second: float
    threads: int
    machine: str
    version: str
    digest: str
    degradations: tuple[str, ...]
    failed: int
    """Cells that no machine could do: what they hold is in none of the figures."""


def settings_of(result: Result) -> Settings:
    """What a result was asked."""
    prices = result.prices
    return Settings(
        name=str(prices["name"]),
        bars=int(prices["bars"]),
        first=day(prices["first"]),
        last=day(prices["last"]),
        objective=result.objective,
        maximize=result.maximize,
        combinations=result.evaluated,
        scored=result.scored,
        unscored=result.unscored,
        filtered=result.filtered,
        filters=tuple(
            (bounds_in_words(metric, bounds), result.filtered_by[metric])
            for metric, bounds in result.constraints.items()
        ),
        windows=tuple(
            (role.replace("_", " "), format_windows(windows))
            for role, windows in result.grid.roles.items()
        ),
        rules=tuple(rules_in_words(result)),
        periods_per_year=result.periods_per_year,
        seconds=result.elapsed,
        combinations_per_second=result.combinations_per_second,
        threads=result.threads,
        machine=result.machine,
        version=__version__,
        digest=result.digest,
        degradations=tuple(_degradation(entry) for entry in result.degradations),
        failed=len(result.failed),
    )


def day(moment: str) -> str:
    """A date without the midnight that daily bars have."""
    return moment.removesuffix(" 00:00:00")


def bounds_in_words(metric: str, bounds: tuple[float, float]) -> str:
    """``total trades at least 10``."""
    parts = [f"{SIGNS[sign]} {number}" for sign, number in format_bounds(metric, bounds)]
    return f"{metric.replace('_', ' ')} {' and '.join(parts)}"


def rules_in_words(result: Result) -> list[str]:
    """The semantics of docs/strategy.md that this result was found under."""
    rules = result.rules
    sentences = [
        (
            f"Bought when the fast buy average crosses above the slow one, sold when the fast sell average crosses below its "
            f"slow one, on {averages_in_words(result.prices['averages'])} of the close. Long only, all cash in, all out."
        ),
        FILLS[rules.fill],
        CONFLICTS[rules.conflict],
        _costs(rules),
        *_exits(rules),
        "A position open at the end is valued at the last close, without cost.",
    ]
    if rules.start is not None:
        sentences.append(
            f"Trading starts at {rules.start}; bars before it only warm the averages up."
        )
    if rules.end is not None:
        sentences.append(f"Bars after {rules.end} are not looked at.")
    if result.grid.shared_windows:
        sentences.append("A buy and a sell average may have the same window.")
    how = "set" if rules.periods_per_year else "inferred from the dates"
    sentences.append(
        f"Annualised with {result.periods_per_year:.6g} bars a year ({how}). Cash at the start {rules.init_cash:g}."
    )
    return sentences


def _costs(rules: Rules) -> str:
    if not rules.fees and not rules.slippage:
        return "Trading costs nothing."
    parts = [f"a fill is {100 * rules.slippage:.4g} % worse than its price"] * (rules.slippage > 0)
    parts += [f"fees are {100 * rules.fees:.4g} % of a trade's value at each end"] * (
        rules.fees > 0
    )
    return f"Costs: {' and '.join(parts)}."


def _exits(rules: Rules) -> list[str]:
    words = {
        "stop_loss": "A fall of {:.4g} % below the entry closes a position.",
        "trailing_stop": "A fall of {:.4g} % below the highest high since the entry closes a position.",
        "take_profit": "A rise of {:.4g} % above the entry closes a position.",
    }
    sentences = [
        text.format(100 * getattr(rules, name))
        for name, text in words.items()
        if getattr(rules, name)
    ]
    if rules.max_bars is not None:
        sentences.append(f"A position is closed after {rules.max_bars} bars.")
    return sentences


def _degradation(entry: dict[str, Any]) -> str:
    """What the governor did, as it wrote it down."""
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
        Objective, windows and rules.
    """
    return describe_settings(
        result.objective,
        result.grid,
        result.rules,
        maximize=result.maximize,
        average=result.prices["averages"],
    )
