"""Scripts that trade the winner in other tools, by the tool's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qmac._checks import check_choice, check_path
from qmac.report.scripts.backtesting_script import write_backtesting
from qmac.report.scripts.backtrader_script import write_backtrader
from qmac.report.scripts.pine_script import write_pine
from qmac.report.scripts.strategy import ScriptStrategy, build_strategy
from qmac.report.scripts.vectorbt_script import write_vectorbt
from qmac.results.result import Result

SCRIPTS: dict[str, Callable[[ScriptStrategy], str]] = {
    "pine": write_pine,
    "vectorbt": write_vectorbt,
    "backtesting": write_backtesting,
    "backtrader": write_backtrader,
}
"""What writes a script, by the name of its tool. A new tool is one entry and its module."""


def write_script(
    result: Result,
    tool: str,
    combination: Sequence[int] | None = None,
    path: str | Path | None = None,
) -> str:
    """Return a script that trades one combination of a result in another tool.

    Parameters
    ----------
    result : Result
        With its prices.
    tool : str
        Key of ``SCRIPTS``.
    combination : sequence of int, optional
        Four windows; the winner by default.
    path : str or Path, optional
        File of the prices, which the script reads; by default ``prices.csv``, to be replaced.

    Returns
    -------
    str
        The script.

    Raises
    ------
    OptionError
        If the tool is not known, cannot do what the rules say, or there is no winner.
    GridError
        If the combination is invalid.
    ResultError
        If the prices are not with the result.
    """
    check_choice("tool", tool, SCRIPTS)
    file = None if path is None else check_path("path", path)
    return SCRIPTS[tool](build_strategy(result, combination, file))
