"""What following the winners of each train would have made: folds, accounts, equity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from qmac._checks import check_instance
from qmac.errors import OptionError
from qmac.report.sections.equity import MOST_BARS, to_wall_clock
from qmac.report.sections.settings import drop_midnight
from qmac.results.identity import identify
from qmac.results.result import Result
from qmac.robustness.forward.answer import Forward
from qmac.robustness.forward.store import describe_question
from qmac.storage.json_text import compute_checksum
from qmac.strategy.grid import ROLES, Combination

ACCOUNTS = {
    "followed": "winners followed",
    "hold": "buy & hold",
    "first": "first winner kept",
    "hindsight": "best in hindsight",
}
"""Accounts in words, by their names in ``Forward.metrics``."""
METRICS = (
    "total_return",
    "annualized_return",
    "sharpe_ratio",
    "max_drawdown",
    "total_trades",
    "exposure",
)
"""Columns of the table of accounts."""


@dataclass(frozen=True)
class FoldSummary:
    """One fold: what its train chooses, and how that does in its test."""

    number: int
    """From 1."""
    train_start: str
    train_end: str
    test_start: str
    test_end: str
    winner: Combination | None
    """None where nothing passes the constraints."""
    train_annualized: float
    """Return a year of the winner in its train."""
    test_score: float
    hold: float
    rank: int | None
    """Of the winner among all that are scored in the test; None where it is not."""
    scored: int
    better_than: float
    low: float
    median: float
    high: float
    """Quantiles 5, 50 and 95 % of all window sets in the test."""
    same_position: float
    """Share of the test's bars on which the winner before it holds the same; NaN for the first."""


@dataclass(frozen=True)
class AccountSummary:
    """One account over all tests."""

    account: str
    name: str
    """In words."""
    metrics: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class ForwardSummary:
    """What a walk-forward says."""

    name: str
    objective: str
    maximize: bool
    ranked_by: str
    combinations: int
    headline: str
    sentences: tuple[str, ...]
    kept_share: float
    ranked: int
    """Folds whose winner has a rank in the test."""
    above_median: int
    """Those of them whose winner is better than the median window set."""
    digest: str
    folds: tuple[FoldSummary, ...]
    accounts: tuple[AccountSummary, ...]
    bars: int
    """Of all tests."""
    dates: np.ndarray
    """Bars that are drawn, ``(N,)``."""
    equity: Mapping[str, np.ndarray]
    """Of each account at ``dates``, ``(N,)``."""
    borders: tuple[str, ...]
    """First dates of the tests but the first."""

    @property
    def shown_accounts(self) -> tuple[AccountSummary, ...]:
        """All accounts; with one fold, staying with the first winner is following it."""
        is_one = len(self.folds) == 1
        return tuple(row for row in self.accounts if not (is_one and row.account == "first"))

    @property
    def changes(self) -> int:
        """Folds whose winner is another than that of the fold before."""
        pairs = zip(self.folds[1:], self.folds[:-1], strict=True)
        return sum(fold.winner != before.winner for fold, before in pairs)


def summarize_forward(forward: Forward) -> ForwardSummary:
    """Return the numbers of a walk-forward.

    Parameters
    ----------
    forward : Forward
        Any answer.

    Returns
    -------
    ForwardSummary
        Of a long series, some of the bars are drawn, and all the numbers are of all bars.
    """
    equity, metrics = forward.equity, forward.metrics
    drawn = _choose_bars(equity)
    starts = to_wall_clock(pd.DatetimeIndex(forward.folds["test_start"]))
    return ForwardSummary(
        name=forward.name,
        objective=forward.objective,
        maximize=forward.maximize,
        ranked_by=forward.ranked_by,
        combinations=forward.combinations,
        headline=forward.headline,
        sentences=tuple(forward.sentences),
        kept_share=forward.kept_share,
        ranked=forward.above_median[1],
        above_median=forward.above_median[0],
        digest=forward.digest,
        folds=tuple(
            _build_fold(number, row)
            for number, row in enumerate(forward.folds.to_dict("records"), start=1)
        ),
        accounts=tuple(
            AccountSummary(account, name, _to_numbers(metrics[account]))
            for account, name in ACCOUNTS.items()
        ),
        bars=len(equity),
        dates=to_wall_clock(pd.DatetimeIndex(equity.index))[drawn],
        equity={account: equity[account].to_numpy()[drawn] for account in ACCOUNTS},
        borders=tuple(str(start)[:19] for start in starts[1:]),
    )


def check_forward(forward: Forward, result: Result) -> None:
    """Check that a walk-forward is about the prices and the request of a result.

    Parameters
    ----------
    forward : Forward
        What a user passed.
    result : Result
        The result of the page.

    Raises
    ------
    OptionError
        If it is about another one.
    """
    check_instance("forward", forward, Forward, "Use what qmac.walk_forward returns.")
    identity = identify(result)
    if identity is None or forward.question != compute_checksum(
        describe_question(identity, forward.layout)
    ):
        raise OptionError(
            "forward must be of the prices and settings of this result of "
            f"{result.prices['name']}, got others: {forward.headline} Use qmac.walk_forward with "
            "the same grid, objective, rules and constraints."
        )


def _to_numbers(metrics: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.items()}


def _build_fold(number: int, row: Mapping[Any, Any]) -> FoldSummary:
    dates = ("train_start", "train_end", "test_start", "test_end")
    has_winner = not pd.isna(row["buy_fast"])
    winner = cast(Combination, tuple(int(row[role]) for role in ROLES)) if has_winner else None
    return FoldSummary(
        number=number,
        **{name: drop_midnight(str(row[name])) for name in dates},
        winner=winner,
        train_annualized=row["train_annualized"],
        test_score=row["test_score"],
        hold=row["hold"],
        rank=None if pd.isna(row["rank"]) else int(row["rank"]),
        scored=int(row["scored"]),
        better_than=row["better_than"],
        low=row["q05"],
        median=row["q50"],
        high=row["q95"],
        same_position=row["same_position"],
    )


def _choose_bars(equity: pd.DataFrame) -> np.ndarray:
    """Return the bars that are drawn: all, or some and the lowest and highest of each account."""
    bars = len(equity)
    if bars <= MOST_BARS:
        return np.arange(bars)
    even = np.linspace(0, bars - 1, MOST_BARS).round().astype(np.int64)
    values = equity.to_numpy()
    return np.unique(np.concatenate((even, values.argmin(axis=0), values.argmax(axis=0))))
