"""The request of a run: one grid, the rules of its trades, and how combinations are ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmac._checks import check_count, check_flag, describe
from qmac._fields import protected
from qmac.errors import OptionError, warn
from qmac.strategy.constraints import Constraints, check_constraints, find_oddities
from qmac.strategy.grid import ROLES, Grid, choose_grid
from qmac.strategy.objective import check_objective
from qmac.strategy.rules import Rules

MOST_TOP_ROWS = 1_000_000
"""Top rows are held by every thread and replayed bar by bar; more of them is another job."""
MOST_WINDOWS = 100_000
"""Of a list in a file, which is looked through: maps of so many windows have a terabyte."""
TYPES: Mapping[str, type] = {
    "grid": dict,
    "rules": dict,
    "objective": str,
    "maximize": bool,
    "constraints": dict,
    "top": int,
}
"""Entries of ``Request.to_dict`` and their types."""


TYPE_NAMES: Mapping[type, str] = {
    float: "a number",
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
}
"""Types of JSON, for people."""


@protected("constraints")
@dataclass(frozen=True)
class Request:
    """What is computed for every series of a run, checked once at the border.

    ``check_request`` builds one from the arguments of a user, ``from_dict`` from a file.
    """

    grid: Grid
    rules: Rules
    objective: str
    """Metric to rank by."""
    maximize: bool
    """Whether the highest value of the objective is the best."""
    constraints: Mapping[str, tuple[float, float]]
    """Bounds by metric, infinite where there is none; their order is that of ``filtered_by``."""
    top: int
    """Number of best combinations in the result."""

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain values for JSON.

        Returns
        -------
        dict
            ``Request.from_dict`` builds the same request from it. Open bounds are None.

        Examples
        --------
        >>> request = check_request(Grid(windows=range(2, 9)), top=5)
        >>> request.to_dict()["constraints"]
        {'total_trades': [5.0, None]}
        >>> Request.from_dict(request.to_dict()) == request
        True
        """
        return {
            "grid": self.grid.to_dict(),
            "rules": self.rules.to_dict(),
            "objective": self.objective,
            "maximize": self.maximize,
            "constraints": {
                metric: [_finite_or_none(low), _finite_or_none(high)]
                for metric, (low, high) in self.constraints.items()
            },
            "top": self.top,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """Build a request from plain values, which may come from an untrusted file.

        Parameters
        ----------
        values : mapping
            What ``to_dict`` returned; other entries are ignored.

        Returns
        -------
        Request
            Checked as ``check_request`` does.

        Raises
        ------
        InputError
            If an entry is missing, has another type, or a value outside its bounds.
        """
        for name, kind in TYPES.items():
            check_type(name, values.get(name), kind)
        _check_grid_values(values["grid"])
        _check_constraint_values(values["constraints"])
        return cls(
            grid=Grid(**values["grid"]),
            rules=_build_rules(values["rules"]),
            objective=check_objective(values["objective"]),
            maximize=values["maximize"],
            constraints=check_constraints(values["constraints"], min_trades=0),
            top=check_count("top", values["top"], 1, MOST_TOP_ROWS),
        )


def check_request(
    grid: Grid | None,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
) -> Request:
    """Build a request from the arguments of ``qmac.optimize``, all of them checked.

    Parameters
    ----------
    grid : Grid or None
        Window sets; those of ``DEFAULT_WINDOWS`` for None.
    objective : str
        Metric to rank by.
    rules : Rules or None
        How signals become trades; ``Rules()`` if None.
    top : int
        Number of best combinations in the result.
    min_trades : int or None
        Short for the constraint ``{"total_trades": (min_trades, None)}``; 0 for none. None for
        ``DEFAULT_MIN_TRADES``, which bounds of total_trades replace.
    maximize : bool
        False to look for the lowest value.
    constraints : mapping or None
        (lowest, highest) by metric, None for no bound.

    Returns
    -------
    Request
        The same question as plain, frozen values.

    Raises
    ------
    InputError
        If an argument has another type, or a value outside its bounds.
    """
    check_objective(objective)
    top = check_count("top", top, 1, MOST_TOP_ROWS)
    if min_trades is not None:
        min_trades = check_count("min_trades", min_trades, 0)
    bounds = check_constraints(constraints, min_trades)
    for hint in find_oddities(bounds):
        warn(hint, stacklevel=3)  # the caller of qmac.optimize
    grid = choose_grid(grid)
    maximize = check_flag("maximize", maximize)
    return Request(grid, Rules.of(rules), objective, maximize, bounds, top)


def check_type(name: str, value: object, kind: type) -> None:
    """Check the type of an entry of an untrusted file.

    Parameters
    ----------
    name : str
        Name of the entry, for the message.
    value : object
        Its value.
    kind : type
        Its type; an ``int`` is no ``bool``.

    Raises
    ------
    OptionError
        If the value has another type.
    """
    is_unwanted_flag = kind is int and isinstance(value, bool)
    if is_unwanted_flag or not isinstance(value, kind):
        raise OptionError(f"{name} must be {TYPE_NAMES[kind]}, got {describe(value)}.")


def _check_grid_values(values: Mapping[str, Any]) -> None:
    """Check that a grid names its four window lists: JSON knows more than whole numbers."""
    check_type("grid.shared_windows", values.get("shared_windows"), bool)
    for role in ROLES:
        check_type(f"grid.{role}", values.get(role), list)
        count = len(values[role])
        if count > MOST_WINDOWS:
            raise OptionError(
                f"grid.{role} must have at most {MOST_WINDOWS:,} windows, got {count:,}."
            )
        for window in values[role]:
            check_type(f"grid.{role}[]", window, int)


def _check_constraint_values(values: Mapping[str, Any]) -> None:
    for metric, bounds in values.items():
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise OptionError(f"constraints.{metric} must be a list of two bounds.")
        for bound in bounds:
            if bound is not None:
                _check_number(f"constraints.{metric}", bound)


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name} must be numbers or null, got {describe(value)}.")


def _build_rules(values: Mapping[str, Any]) -> Rules:
    """Build rules from values of an untrusted file, whose names may be those of another version."""
    try:
        return Rules(**values)
    except (TypeError, OverflowError) as error:
        raise OptionError(f"rules are not those of this version: {error}.") from None


def _finite_or_none(bound: float) -> float | None:
    return None if math.isinf(bound) else bound
