"""How many independent tries the best of a grid is worth: the answer, in memory and as a file."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qmac._fields import protected
from qmac.errors import printable
from qmac.robustness.answer_file import StoredAnswer, read_file
from qmac.robustness.luck.chance import Interval
from qmac.robustness.sharpe import solve_tries
from qmac.storage.json_text import to_json_values

ERRORS = 2
"""Standard errors on both sides of the mean, between which the number of tries is: 95 %."""


@protected("values", "degradations")
@dataclass(frozen=True, eq=False, repr=False)
class Tries(StoredAnswer):
    """How many independent tries a search is worth, as measured; ``float(tries)`` is the number."""

    kind = "tries"
    name: str
    """Symbol."""
    combinations: int
    """Size of the grid."""
    values: np.ndarray
    """Best Sharpe ratio of a bar, times the root of the number of bars, in each of some random
    markets without drift: the largest of standard normal numbers, if there were independent
    tries."""
    seed: int
    question: str
    """Checksum of request, prices, kernels, seed and number of random markets."""
    elapsed: float
    """Seconds."""
    degradations: list[dict[str, Any]] = field(default_factory=list)
    """Steps of the governor; none of them changes the answer."""

    @property
    def z(self) -> float:
        """Mean of ``values``."""
        return float(self.values.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of ``z``."""
        return float(self.values.std(ddof=1) / math.sqrt(self.values.size))

    @functools.cached_property
    def tries(self) -> float:
        """Number of independent tries whose best has a mean of ``z``."""
        return solve_tries(self.z)

    @functools.cached_property
    def interval(self) -> Interval:
        """Bounds of ``tries``, with 95 % confidence."""
        return Interval(*(solve_tries(self.z + n * self.standard_error) for n in (-ERRORS, ERRORS)))

    def __float__(self) -> float:
        return self.tries

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the question and the values: equal for any threads or machine."""
        digest = hashlib.sha256(self.question.encode())
        digest.update(self.values.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def sentences(self) -> list[str]:
        """What it says, in words."""
        low, high = map(format_tries, self.interval)
        worth = (
            f"The best of {self.combinations:,} window sets of {self.name} is worth "
            f"{format_tries(self.tries)} independent tries ({low} to {high})."
        )
        if self.combinations == 1:
            worth = f"The only window set of {self.name} is one try."
        side = "above" if self.z >= 0 else "below"
        measured = (
            f"In {self.values.size} random markets without drift, the best Sharpe ratio is "
            f"{abs(self.z):.2f} standard errors {side} 0 on average."
        )
        return [worth, measured]

    def summary(self) -> dict[str, Any]:
        """Return all figures.

        Returns
        -------
        dict
            Plain values, for JSON; ``high`` is None where it is infinite.
        """
        low, high = self.interval
        values = {
            "name": self.name,
            "combinations": self.combinations,
            "resamples": self.values.size,
            "seed": self.seed,
            "z": self.z,
            "standard_error": self.standard_error,
            "tries": self.tries,
            "low": low,
            "high": high,
            "values": self.values.tolist(),
            "digest": self.digest,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
            "sentences": self.sentences,
        }
        plain: dict[str, Any] = to_json_values(values)
        return plain

    def __repr__(self) -> str:
        return f"Tries({printable(self.sentences[0])})"

    def _pack(self) -> dict[str, Any]:
        return {"question": self.question}

    @classmethod
    def _unpack(cls, values: Mapping[str, Any]) -> Tries:
        summary = values["tries"]
        return cls(
            name=summary["name"],
            combinations=summary["combinations"],
            values=np.array(summary["values"], np.float64),
            seed=summary["seed"],
            question=values["question"],
            elapsed=summary["elapsed"],
            degradations=summary["degradations"],
        )


def format_tries(tries: float) -> str:
    """Return a number of tries with the digits that a measurement has.

    Parameters
    ----------
    tries : float
        1 or more.

    Returns
    -------
    str
        With two digits.

    Examples
    --------
    >>> format_tries(1.0), format_tries(128.6), format_tries(1234.5)
    ('1', '130', '1,200')
    """
    if not math.isfinite(tries):
        return "any number of"
    digits = 1 - math.floor(math.log10(tries))
    return f"{round(tries, min(digits, 0)):,.0f}"


def read_tries(path: Path) -> Tries:
    """Read an answer that ``Tries.save`` wrote.

    Parameters
    ----------
    path : Path
        The file; no part of it is a link.

    Returns
    -------
    Tries
        The same answer.

    Raises
    ------
    ResultError
        If there is none, or it is damaged.
    """
    return read_file(path, Tries.from_dict, "Count the tries again: result.tries(out=DIR).")
