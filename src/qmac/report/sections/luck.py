"""How often luck alone does as well as the winner: counts and histograms of random markets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmac._checks import check_instance
from qmac.errors import OptionError, shell_quote
from qmac.results.identity import identify
from qmac.results.result import Result
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.sentences import NULL_NAMES
from qmac.robustness.luck.store import describe_question
from qmac.storage.json_text import compute_checksum

MOST_BARS = 40
"""On each side of the median; the first and the last bar include what is beyond."""


@dataclass(frozen=True, eq=False)
class NullSummary:
    """The best values of random markets of one kind."""

    null: str
    name: str
    """Null hypothesis in words."""
    resamples: int
    at_least: int
    """Resamples with a best at least as good as the winner."""
    p: float
    low: float
    high: float
    """Bounds of ``p``."""
    quantiles: tuple[tuple[float, float], ...]
    """Share and value of the best."""
    counts: np.ndarray
    """Resamples in each bar, ``(B,)``."""


@dataclass(frozen=True, eq=False)
class LuckSummary:
    """What random markets say about the winner."""

    objective: str
    headline: str
    sentences: tuple[str, ...]
    p: float
    low: float
    high: float
    verdict: str
    decided_by: str
    tried: int
    seed: int
    digest: str
    winner: float
    hold: float
    """Value of buy & hold; NaN where it is undefined."""
    edges: np.ndarray
    """Values of the objective, ascending, ``(B + 1,)``; one of them is that of the winner."""
    is_as_good: np.ndarray
    """Bars that are at least as good as the winner, ``(B,)``."""
    nulls: tuple[NullSummary, ...]


def summarize_luck(luck: Luck) -> LuckSummary:
    """Return the numbers of an answer with a histogram for each null hypothesis.

    Parameters
    ----------
    luck : Luck
        Any answer.

    Returns
    -------
    LuckSummary
        All histograms have the same edges.
    """
    edges, is_as_good, counts = _count_scores(luck)
    table = luck.table.to_dict("records")
    return LuckSummary(
        objective=luck.objective,
        headline=luck.headline,
        sentences=tuple(luck.sentences),
        p=luck.p,
        low=luck.interval.low,
        high=luck.interval.high,
        verdict=luck.verdict,
        decided_by=luck.decided_by,
        tried=luck.tried,
        seed=luck.seed,
        digest=luck.digest,
        winner=luck.best,
        hold=luck.hold,
        edges=edges,
        is_as_good=is_as_good,
        nulls=tuple(
            NullSummary(
                null=row["null"],
                name=NULL_NAMES.get(row["null"], row["null"]),
                resamples=row["resamples"],
                at_least=row["at_least"],
                p=row["p"],
                low=row["low"],
                high=row["high"],
                quantiles=((0.05, row["q05"]), (0.5, row["q50"]), (0.95, row["q95"])),
                counts=counts[row["null"]],
            )
            for row in table
        ),
    )


def _count_scores(luck: Luck) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return histograms of the best scores, with an edge at the winner.

    So no bar mixes random markets that do as well with others.

    Parameters
    ----------
    luck : Luck
        Any answer.

    Returns
    -------
    edges : numpy.ndarray
        Values of the objective, ascending, ``(B + 1,)``.
    is_as_good : numpy.ndarray
        Bars at least as good as the winner, ``(B,)``.
    counts : dict
        Resamples in each bar, ``(B,)``, by null hypothesis.
    """
    scores = {null: each[np.isfinite(each)] for null, each in luck.scores_by_null.items()}
    pooled = np.concatenate(list(scores.values()))
    width = _choose_width(pooled, luck.score)
    places = np.floor((pooled - luck.score) / width)
    middle = float(np.median(places)) if places.size else 0.0
    first = int(max(places.min(initial=middle), middle - MOST_BARS))
    last = int(min(places.max(initial=middle), middle + MOST_BARS))
    numbers = np.arange(first, last + 2)
    counts = {}
    for null, each in scores.items():
        bars = np.clip(np.floor((each - luck.score) / width), first, last).astype(np.int64)
        counts[null] = np.bincount(bars - first, minlength=last - first + 1)
    edges = luck.metric.values(luck.metric.sign * (luck.score + width * numbers))
    is_as_good = numbers[:-1] >= 0
    if luck.maximize:
        return edges, is_as_good, counts
    return edges[::-1], is_as_good[::-1], {null: each[::-1] for null, each in counts.items()}


def _choose_width(scores: np.ndarray, score: float) -> float:
    """Return the width of bars by the rule of Freedman and Diaconis, or any where that is 0."""
    if scores.size:
        low, high = np.quantile(scores, (0.25, 0.75)).tolist()
        width = float(2 * (high - low) / scores.size ** (1 / 3))
        if width > 0:
            return width
        return float(np.abs(scores - score).max()) / MOST_BARS or 1.0
    return 1.0


def check_luck(luck: Luck, result: Result) -> None:
    """Check that an answer is about the winner of a result.

    Parameters
    ----------
    luck : Luck
        What a user passed.
    result : Result
        The result of the page.

    Raises
    ------
    OptionError
        If it is about another one.
    """
    check_instance("luck", luck, Luck, "Use what result.luck() returns.")
    identity = identify(result)
    if identity is None or luck.question != compute_checksum(
        describe_question(identity, luck.seed)
    ):
        raise OptionError(
            f"luck must be the answer of qmac.luck for this result of {result.prices['name']}, "
            f"got that of another: {luck.headline} Use result.luck()."
        )


def describe_luck_command(result: Result, directory: str = "", symbol: str = "") -> str:
    """Return what to type for an answer, where a report has none.

    Parameters
    ----------
    result : Result
        The result of the report.
    directory : str
        Directory of its run or result; empty where it is in memory.
    symbol : str
        Symbol in a run of many.

    Returns
    -------
    str
        A command, or a line of Python; empty where random markets cannot be swept.
    """
    if result.best is None or result.prices["averages"] == "own":
        return ""
    if not directory:
        return "result.report(path, luck=result.luck())"
    choice = f" --symbol {shell_quote(symbol)}" if symbol else ""
    return f"qmac luck {shell_quote(directory)}{choice}"
