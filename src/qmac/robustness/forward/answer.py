"""What a walk-forward says, in memory and as a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from qmac import _views
from qmac._fields import protected
from qmac.errors import printable
from qmac.results.pages import Reported
from qmac.robustness.answer_file import StoredAnswer, read_file
from qmac.robustness.forward.fold_sweep import FoldRecord, from_values, to_values
from qmac.robustness.forward.sentences import (
    Facts,
    describe,
    describe_headline,
    describe_outcome,
)
from qmac.storage.json_text import to_json_values
from qmac.strategy.grid import ROLES

AGAIN = "Run qmac walk-forward again."
DATES = ("train_start", "train_end", "test_start", "test_end")
"""Columns of ``Forward.folds``."""
WHOLE = (*ROLES, "rank", "scored")
"""Columns of whole numbers, empty where there is no winner or no score."""


@protected("folds", "equity", "metrics", "layout", "records", "degradations")
@dataclass(frozen=True, eq=False, repr=False)
class Forward(StoredAnswer, Reported):
    """What following the winners of a grid would have made. Nothing of it can be changed."""

    kind: ClassVar[str] = "walk_forward"
    _page: ClassVar[str] = "forward page"

    name: str
    """Symbol."""
    objective: str
    """The metric that chooses in each train."""
    maximize: bool
    """Whether the highest objective is the best."""
    ranked_by: str
    """The metric of ``test_score``, ``hold``, rank and quantiles: the objective if it is a sum over
    bars, else total_return."""
    combinations: int
    """Size of the grid."""
    layout: dict[str, Any]
    """How bars were divided: train, test, holdout, anchored, gap."""
    left_over: int
    """Bars after the last test, too few for another one."""
    folds: pd.DataFrame
    """A row for each fold: ``train_start``, ``train_end``, ``test_start``, ``test_end`` (dates of
    first and last bars), the four windows of the winner, ``train_score`` (objective in the train),
    ``train_annualized`` (return a year in the train), ``test_score`` (in the test, by
    ``ranked_by``), ``test_return``, ``hold`` (buy & hold in the test, by ``ranked_by``), ``rank``
    of the winner among all ``scored`` in the test, ``better_than`` (share of these), ``q05`` ...
    ``q95`` of all (to within a bin), ``same_position`` (share of the test's bars on which the
    winner before holds the same)."""
    equity: pd.DataFrame
    """Accounts at each close of the tests, ``(T, 4)`` by date, in currency: ``followed`` takes the
    position of the new winner before each test; ``hold`` buys and holds; ``first`` stays with the
    first winner; ``hindsight`` follows the best window sets of the tests, which could not be
    known."""
    metrics: pd.DataFrame
    """Every metric of each account over all bars of the tests; by name and account."""
    kept_share: float
    """Log growth a year of the followed account over the mean one of the winners in their trains
    (Pardo's walk-forward efficiency), 0 for a train without a winner; NaN where these did not
    grow."""
    records: list[dict[str, Any]]
    """What was swept, in the order of the folds: scores, counts, the digests of the trains."""
    question: str
    """Checksum of request, prices, kernels and folds."""
    elapsed: float
    """Seconds of all processes that swept for it."""
    degradations: list[dict[str, Any]] = field(default_factory=list)
    """Steps of the governor; none of them changes the answer."""

    @property
    def digest(self) -> str:
        """SHA-256 of the question and of all that was swept: equal for any threads or machine."""
        digest = hashlib.sha256(self.question.encode())
        digest.update(json.dumps(self.records, sort_keys=True).encode())
        return digest.hexdigest()

    @property
    def train_digests(self) -> list[str]:
        """The digest of each train's result: that of ``qmac.optimize`` on its bars."""
        return [record["digest"] for record in self.records if "digest" in record]

    @property
    def above_median(self) -> tuple[int, int]:
        """Folds whose winner is better than half of all window sets in the test; those with a rank.

        A winner has none where it has no score in the test, such as a ratio without a trade.
        """
        better_than = self.folds["better_than"]
        return int((better_than > 0.5).sum()), int(better_than.count())

    @property
    def headline(self) -> str:
        """What was done, in a sentence."""
        return describe_headline(
            self.name,
            self.combinations,
            self.objective,
            self.layout,
            len(self.folds),
            maximize=self.maximize,
        )

    @property
    def sentences(self) -> list[str]:
        """What it says, in words."""
        return describe(self._facts)

    @property
    def outcome(self) -> str:
        """What following the winners made, in a sentence that stands alone."""
        return describe_outcome(self._facts)

    @property
    def _facts(self) -> Facts:
        """What the sentences are about."""
        above, ranked = self.above_median
        return Facts(
            objective=self.objective,
            maximize=self.maximize,
            ranked_by=self.ranked_by,
            combinations=self.combinations,
            scored=int(self.folds["scored"].iloc[0]),
            folds=len(self.folds),
            ranked=ranked,
            above_median=above,
            without_winner=int(self.folds["buy_fast"].isna().sum()),
            better_than=float(self.folds["better_than"].iloc[0]),
            followed=self.metrics["followed"]["total_return"],
            hold=self.metrics["hold"]["total_return"],
            kept_share=self.kept_share,
            left_over=self.left_over,
        )

    def summary(self) -> dict[str, Any]:
        """Return everything but the equity.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        folds = self.folds
        for name in DATES:
            folds[name] = [_format_date(moment) for moment in folds[name]]
        for name in WHOLE:
            folds[name] = [None if pd.isna(value) else int(value) for value in folds[name]]
        values = {
            "name": self.name,
            "objective": self.objective,
            "maximize": self.maximize,
            "ranked_by": self.ranked_by,
            "combinations": self.combinations,
            "layout": {name: _to_count(value) for name, value in self.layout.items()},
            "left_over": self.left_over,
            "folds": folds.to_dict("records"),
            **{account: column.to_dict() for account, column in self.metrics.items()},
            "kept_share": self.kept_share,
            "above_median": self.above_median,
            "digest": self.digest,
            "train_digests": self.train_digests,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
            "sentences": self.sentences,
        }
        plain: dict[str, Any] = to_json_values(values)
        return plain

    def __repr__(self) -> str:
        followed, hold = (self.metrics[name]["total_return"] for name in ("followed", "hold"))
        return (
            f"Forward({printable(self.name)}: {len(self.folds)} folds, followed {followed:+.1%}, "
            f"buy & hold {hold:+.1%}, kept share {self.kept_share:.2f})"
        )

    def plot(self) -> Any:
        """Draw the equity of the accounts over all tests.

        Returns
        -------
        plotly.graph_objects.Figure
            Followed, buy & hold, the first winner, and the best in hindsight.

        Raises
        ------
        OptionError
            If Plotly is not installed.
        """
        return _views.draw("forward figure", self)

    def _repr_html_(self) -> str:
        html: str = _views.draw("forward table", self)
        return html

    def _pack(self) -> dict[str, Any]:
        answer = {name: getattr(self, name) for name in PLAIN}
        folds = self.folds
        dates = {name: _pack_dates(pd.DatetimeIndex(folds.pop(name))) for name in DATES}
        answer["folds"] = dates | _pack_columns(folds)
        answer["equity"] = {"date": _pack_dates(self.equity.index)} | _pack_columns(self.equity)
        answer["metrics"] = {"metric": list(self.metrics.index)} | _pack_columns(self.metrics)
        answer["kept_share"] = _pack_number(self.kept_share)
        return {"answer": answer}

    @classmethod
    def _unpack(cls, values: Mapping[str, Any]) -> Forward:
        answer = dict(values["answer"])
        plain = {name: answer[name] for name in PLAIN}
        plain["kept_share"] = _read_number(plain["kept_share"])
        read_records(plain["records"])
        folds, equity, metrics = (dict(answer[name]) for name in FRAMES)
        dates = {name: _unpack_dates(folds.pop(name)) for name in DATES}
        index = _unpack_dates(equity.pop("date"))
        names = pd.Index(metrics.pop("metric"), name="metric")
        return cls(
            **plain,
            folds=convert_whole(pd.DataFrame(dates | _unpack_columns(folds))),
            equity=pd.DataFrame(_unpack_columns(equity), index),
            metrics=pd.DataFrame(_unpack_columns(metrics), names),
        )


FRAMES = ("folds", "equity", "metrics")
PLAIN = tuple(entry.name for entry in dataclasses.fields(Forward) if entry.name not in FRAMES)
"""Fields that JSON holds as they are, but for numbers that are not finite."""


def list_records(records: list[FoldRecord]) -> list[dict[str, Any]]:
    """Return records as they are stored, in the order of the folds.

    Parameters
    ----------
    records : list of FoldRecord
        In any order.

    Returns
    -------
    list of dict
        Train and test of each fold.
    """
    ordered = sorted(records, key=lambda record: (record.fold, record.part != "train"))
    values: list[dict[str, Any]] = json.loads(json.dumps(list(map(to_values, ordered))))
    return values


def read_records(values: list[dict[str, Any]]) -> list[FoldRecord]:
    """Return the records of a list.

    Parameters
    ----------
    values : list of dict
        What ``list_records`` returned, or an untrusted file has.

    Returns
    -------
    list of FoldRecord
        In the same order.

    Raises
    ------
    ValueError, TypeError, KeyError
        If one is none.
    """
    return list(map(from_values, values))


def convert_whole(folds: pd.DataFrame) -> pd.DataFrame:
    """Return the table of folds with whole numbers where they may be missing.

    Parameters
    ----------
    folds : DataFrame
        Floats, NaN where missing.

    Returns
    -------
    DataFrame
        ``Int64`` columns.
    """
    return folds.astype(dict.fromkeys(WHOLE, "Int64"))


def _to_count(value: Any) -> Any:
    """Return a length in bars as a number; 4y is a text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _format_date(moment: Any) -> str:
    return str(moment).removesuffix(" 00:00:00")


def _pack_dates(index: pd.Index) -> dict[str, Any]:
    """Return dates as whole numbers with their unit and zone."""
    dates = pd.DatetimeIndex(index)
    zone = None if dates.tz is None else str(dates.tz)
    return {
        "name": dates.name,
        "unit": dates.unit,
        "zone": zone,
        "values": dates.asi8.tolist(),
    }


def _unpack_dates(packed: Mapping[str, Any]) -> pd.DatetimeIndex:
    numbers = np.array(packed["values"], np.int64)
    dates = pd.DatetimeIndex(numbers.view(f"M8[{packed['unit']}]"), name=packed["name"])
    return dates if packed["zone"] is None else dates.tz_localize("UTC").tz_convert(packed["zone"])


def _pack_columns(frame: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return columns of numbers; None where one is missing. Infinities are texts."""
    return {
        str(name): [_pack_number(value) for value in column.to_numpy(np.float64, na_value=np.nan)]
        for name, column in frame.items()
    }


def _pack_number(value: float) -> Any:
    if math.isfinite(value):
        return float(value)
    return None if math.isnan(value) else str(value)


def _unpack_columns(packed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.array([_read_number(value) for value in values], np.float64)
        for name, values in packed.items()
    }


def _read_number(value: Any) -> float:
    return math.nan if value is None else float(value)


def read_forward(path: Path) -> Forward:
    """Read an answer that ``Forward.save`` or ``qmac.walk_forward`` wrote.

    Parameters
    ----------
    path : Path
        The file; no part of it is a link.

    Returns
    -------
    Forward
        The same answer.

    Raises
    ------
    ResultError
        If there is none, or it is damaged.
    """
    return read_file(path, Forward.from_dict, AGAIN)
