"""The answer to whether the best combination is luck, in memory and as a file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac import _views
from qmac._fields import protected
from qmac.errors import printable
from qmac.robustness.answer_file import StoredAnswer, read_file
from qmac.robustness.luck.chance import LEVEL, Conclusion, Exceedances, Interval, conclude
from qmac.robustness.luck.chance import count_exceedances as count
from qmac.robustness.luck.sentences import Facts, describe
from qmac.storage.json_text import to_json_values
from qmac.strategy.formatting import format_value
from qmac.strategy.objective import Objective

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the best values of random markets."""


@protected("hold_metrics", "scores_by_null", "degradations")
@dataclass(frozen=True, eq=False, repr=False)
class Luck(StoredAnswer):
    """How often luck alone does as well as the best combination. Nothing of it can be changed."""

    kind = "luck"
    name: str
    """Symbol."""
    metric: Objective
    """How combinations were ranked, and how scores become values."""
    combinations: int
    """Size of the grid."""
    score: float
    """Score of the best combination, the higher the better."""
    hold_metrics: dict[str, float]
    """Metrics of buy & hold."""
    scores_by_null: dict[str, np.ndarray]
    """Best score of each resample that counts, in the order of their numbers; -inf where no
    combination was scored."""
    stop_after: int | None
    """Resamples that are at least as good, after which counting stops."""
    tried: int
    """Searches of which this is the best, itself included."""
    seed: int
    question: str
    """Checksum of request, prices, kernels and seed."""
    elapsed: float
    """Seconds, of all processes that swept random markets for it."""
    degradations: list[dict[str, Any]] = field(default_factory=list)
    """Steps of the governor; none of them changes the answer."""
    bars: int | None = None
    """Bars that may trade; None in answers of earlier versions."""

    @functools.cached_property
    def counts(self) -> Mapping[str, Exceedances]:
        """Counts by null hypothesis."""
        scores = self.scores_by_null.items()
        return {null: count(values, self.score, self.stop_after) for null, values in scores}

    @functools.cached_property
    def conclusion(self) -> Conclusion:
        """What all null hypotheses say together."""
        return conclude(self.counts, self.tried)

    @property
    def p(self) -> float:
        """Probability that luck alone does as well.

        It is the larger one of the null hypotheses, times the searches that were tried.
        """
        return self.conclusion.p

    @property
    def interval(self) -> Interval:
        """Bounds of the p that infinitely many resamples would give, with 95 % confidence."""
        return self.conclusion.interval

    @property
    def verdict(self) -> str:
        """What the interval says: one of ``chance.VERDICTS``."""
        return self.conclusion.verdict

    @property
    def decided_by(self) -> str:
        """Null hypothesis with the largest p."""
        return self.conclusion.decided_by

    @property
    def objective(self) -> str:
        """The metric that ranks combinations."""
        return self.metric.metric

    @property
    def maximize(self) -> bool:
        """Whether the highest objective is the best."""
        return self.metric.maximize

    @property
    def best(self) -> float:
        """Objective of the best combination."""
        return float(self._convert(np.array(self.score)))

    @property
    def hold(self) -> float:
        """Objective of buy & hold on the same bars; NaN where it is undefined."""
        return self.hold_metrics.get(self.objective, math.nan)

    def _convert(self, scores: np.ndarray) -> np.ndarray:
        """Return scores, the higher the better, as values of the objective."""
        values: np.ndarray = self.metric.values(scores * self.metric.sign)
        return values + 0.0  # a lowest value of 0 is not -0

    @property
    def scores(self) -> pd.DataFrame:
        """Resamples that count: null, number, score (the higher the better), value."""
        frames = [
            pd.DataFrame({"null": null, "number": np.arange(scores.size), "score": scores})
            for null, scores in self.scores_by_null.items()
        ]
        frame = pd.concat(frames, ignore_index=True)
        values = self._convert(frame["score"].to_numpy())
        frame["value"] = np.where(np.isfinite(frame["score"]), values, np.nan)
        return frame

    @property
    def table(self) -> pd.DataFrame:
        """A row for each null hypothesis: counts, p, its bounds, quantiles of the best values."""
        rows = []
        for null, counts in self.counts.items():
            rows.append(
                {
                    "null": null,
                    "resamples": counts.resamples,
                    "at_least": counts.at_least,
                    "p": counts.p,
                    "low": counts.interval.low,
                    "high": counts.interval.high,
                    "stopped": counts.is_stopped,
                    "nothing_scored": self._count_unscored(null),
                }
                | {f"q{100 * q:02.0f}": value for q, value in self._find_quantiles(null).items()}
            )
        return pd.DataFrame(rows)

    def _count_unscored(self, null: str) -> int:
        return int(np.isneginf(self.scores_by_null[null]).sum())

    def _find_quantiles(self, null: str) -> dict[float, float]:
        """Return quantiles of the best values of the resamples in which something was scored."""
        scores = self.scores_by_null[null]
        values = self._convert(scores[np.isfinite(scores)])
        if not values.size:
            return dict.fromkeys(QUANTILES, math.nan)
        return dict(zip(QUANTILES, np.quantile(values, QUANTILES).tolist(), strict=True))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the question and the scores that count: equal for any threads or machine."""
        digest = hashlib.sha256(self.question.encode())
        for null, scores in self.scores_by_null.items():
            digest.update(f" {null} {scores.size} ".encode())
            digest.update(scores.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def headline(self) -> str:
        """What is asked about, in a sentence."""
        best, hold = (format_value(self.objective, value) for value in (self.best, self.hold))
        chosen = "best" if self.maximize else "lowest, and so the best,"
        return (
            f"{self.name}: the {chosen} of {self.combinations:,} window sets has a "
            f"{self.objective} of {best}; buy & hold {hold}."
        )

    @property
    def sentences(self) -> list[str]:
        """What the counts say, in words."""
        has_gain = self.hold_metrics.get("total_return", 0.0) >= 0
        facts = Facts(self.name, self.objective, has_gain, self.tried, self.bars)
        sentences = describe(facts, self.conclusion, dict(self.counts))
        unscored = sum(map(self._count_unscored, self.scores_by_null))
        if unscored:
            sentences.append(
                f"In {unscored} of the random markets no combination passed the constraints; they "
                "count as worse."
            )
        return sentences

    def summary(self) -> dict[str, Any]:
        """Return everything but the single scores.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        rows = self.table.rename(columns={"null": "name"})
        names = [f"q{100 * q:02.0f}" for q in QUANTILES]
        nulls = [
            {name: value for name, value in row.items() if name not in names}
            | {"quantiles": {str(q): row[name] for q, name in zip(QUANTILES, names, strict=True)}}
            for row in rows.to_dict("records")
        ]
        values = {
            "name": self.name,
            "objective": self.objective,
            "maximize": self.maximize,
            "combinations": self.combinations,
            "bars": self.bars,
            "best": self.best,
            "hold": self.hold,
            "p": self.p,
            "low": self.interval.low,
            "high": self.interval.high,
            "level": LEVEL,
            "verdict": self.verdict,
            "decided_by": self.decided_by,
            "tried": self.tried,
            "seed": self.seed,
            "stop_after": self.stop_after,
            "nulls": nulls,
            "digest": self.digest,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
            "sentences": self.sentences,
        }
        plain: dict[str, Any] = to_json_values(values)
        return plain

    def __repr__(self) -> str:
        low, high = self.interval
        head = printable(self.headline)
        return f"Luck({head} p {self.p:.3f}, {low:.3f} to {high:.3f}: {self.verdict})"

    def _repr_html_(self) -> str:
        html: str = _views.draw("luck table", self)
        return html

    def plot(self) -> Any:
        """Draw histograms of the best values of random markets, beside the winner.

        Returns
        -------
        plotly.graph_objects.Figure
            A panel for each null hypothesis.

        Raises
        ------
        OptionError
            If Plotly is not installed.
        """
        return _views.draw("luck figure", self)

    def _pack(self) -> dict[str, Any]:
        answer = {name: getattr(self, name) for name in FIELDS}
        answer["metric"] = dataclasses.asdict(self.metric)
        answer["scores_by_null"] = {
            null: to_json_values(scores.tolist()) for null, scores in self.scores_by_null.items()
        }
        return {"answer": to_json_values(answer)}

    @classmethod
    def _unpack(cls, values: Mapping[str, Any]) -> Luck:
        answer = {name: values["answer"][name] for name in FIELDS if name not in ADDED}
        answer |= {name: values["answer"].get(name) for name in ADDED}
        answer["metric"] = Objective(**answer["metric"])
        answer["hold_metrics"] = {
            metric: _read_number(value, math.nan)
            for metric, value in answer["hold_metrics"].items()
        }
        answer["scores_by_null"] = {
            str(null): np.array([_read_number(score, -math.inf) for score in scores])
            for null, scores in answer["scores_by_null"].items()
        }
        return cls(**answer)


FIELDS = tuple(field.name for field in dataclasses.fields(Luck))
ADDED = ("bars",)
"""Fields that files of earlier versions lack."""


def _read_number(value: Any, missing: float) -> float:
    """Return a number of a file, where JSON has null for one that is not finite."""
    return missing if value is None else float(value)


def read_luck(path: Path) -> Luck:
    """Read an answer that ``Luck.save`` wrote.

    Parameters
    ----------
    path : Path
        The file; no part of it is a link.

    Returns
    -------
    Luck
        The same answer.

    Raises
    ------
    ResultError
        If there is none, or it is damaged.
    """
    return read_file(path, Luck.from_dict, "Run qmac luck again.")
