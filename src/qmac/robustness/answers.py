"""Any answer that a file may hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qmac.robustness.answer_file import read_file
from qmac.robustness.forward.answer import Forward
from qmac.robustness.luck.answer import Luck
from qmac.robustness.tries.answer import Tries

AGAIN = "Run qmac luck or qmac walk-forward again."


def read_any(path: Path) -> Luck | Forward | Tries:
    """Read an answer, whichever it is.

    Parameters
    ----------
    path : Path
        A file; no part of it is a link.

    Returns
    -------
    Luck, Forward or Tries
        The same answer.

    Raises
    ------
    ResultError
        If there is none, or it is damaged.
    """
    return read_file(path, _build, AGAIN)


def _build(values: Mapping[str, Any]) -> Luck | Forward | Tries:
    if "walk_forward" in values:
        return Forward.from_dict(values)
    return Tries.from_dict(values) if "tries" in values else Luck.from_dict(values)
