"""A run's settings in one line, for terminals, notebooks and ``qmac runs``."""

from __future__ import annotations

from qmac.strategy.constraints import Constraints, format_bounds
from qmac.strategy.grid import ROLES, Grid
from qmac.strategy.rules import Rules
from qmac.strategy.windows import format_windows

NO_COSTS = "Trading costs nothing."
ALWAYS_SHOWN = ("fees", "slippage", "average", "fill", "conflict")
"""Rules that the full line has even where they are the default."""


def describe_settings(
    objective: str,
    grid: Grid,
    rules: Rules,
    *,
    maximize: bool = True,
    average: str | None = None,
    constraints: Constraints | None = None,
) -> str:
    """Return the settings of a run in one line, with the rules that matter for every result.

    Parameters
    ----------
    objective : str
        Name of the metric.
    grid : Grid
        Windows of the four averages.
    rules : Rules
        Trading rules.
    maximize : bool
        Whether the highest objective is the best.
    average : str, optional
        Kind of the averages, ``"own"`` for averages of the user's own; by default that of the
        rules.
    constraints : mapping of str to tuple, optional
        Bounds by metric.

    Returns
    -------
    str
        Objective, constraints, windows, rules: the common ones, and others that differ from the
        default.

    Examples
    --------
    >>> describe_settings("total_return", Grid(windows=range(2, 9)), Rules(max_bars=30))
    'highest total_return, windows 2:8, fees 0, slippage 0.0025, sma, fill close, \
conflict ignore, max_bars 30'
    """
    parts = [f"{'highest' if maximize else 'lowest'} {objective}"]
    for metric, bounds in (constraints or {}).items():
        parts += [f"{metric} {sign} {number}" for sign, number in format_bounds(metric, bounds)]
    parts += _describe_grid(grid, common="windows ")
    parts += [
        f"fees {rules.fees:g}",
        f"slippage {rules.slippage:g}",
        average or rules.average,
        f"fill {rules.fill}",
        f"conflict {rules.conflict}",
    ]
    others = _changed_rules(rules)
    parts += [f"{name} {value}" for name, value in others.items() if name not in ALWAYS_SHOWN]
    return ", ".join(parts)


def describe_costs(rules: Rules) -> str:
    """Return what trading costs, in a sentence.

    Parameters
    ----------
    rules : Rules
        Trading rules.

    Returns
    -------
    str
        What a round trip costs, both fills together.

    Examples
    --------
    >>> describe_costs(Rules()), describe_costs(Rules(slippage=0))
    ('Each round trip costs 0.5 %.', 'Trading costs nothing.')
    """
    sides = (1 - rules.slippage) * (1 - rules.fees) / ((1 + rules.slippage) * (1 + rules.fees))
    cost = 100 * (1 - sides)
    fixed = f", and {rules.fixed_fees:g} at each end" if rules.fixed_fees else ""
    if not cost:
        return f"Trading costs {rules.fixed_fees:g} at each end." if fixed else NO_COSTS
    return f"Each round trip costs {cost:.2g} %{fixed}."


def describe_briefly(objective: str, grid: Grid, rules: Rules, *, maximize: bool = True) -> str:
    """Return the settings of a run in a line as short as possible: what is the default is left out.

    Parameters
    ----------
    objective : str
        Name of the metric.
    grid : Grid
        Windows of the four averages.
    rules : Rules
        Trading rules.
    maximize : bool
        Whether the highest objective is the best.

    Returns
    -------
    str
        Objective, windows, rules that are not the default.

    Examples
    --------
    >>> describe_briefly("sharpe_ratio", Grid(windows=range(2, 9)), Rules(fees=0.001))
    'sharpe_ratio, 2:8, fees 0.001'
    """
    parts = [objective if maximize else f"lowest {objective}"]
    parts += _describe_grid(grid)
    parts += [f"{name} {value}" for name, value in _changed_rules(rules).items()]
    return ", ".join(parts)


def _describe_grid(grid: Grid, common: str = "") -> list[str]:
    """Return the windows of all four averages as one part, or one for each that differs."""
    windows = {role: format_windows(grid.roles[role]) for role in ROLES}
    if len(set(windows.values())) == 1:
        parts = [f"{common}{windows[ROLES[0]]}"]
    else:
        parts = [f"{role} {shown}" for role, shown in windows.items()]
    return [*parts, "shared windows"] if grid.shared_windows else parts


def _changed_rules(rules: Rules) -> dict[str, object]:
    """Return the rules that are not the default."""
    defaults = Rules().to_dict()
    return {name: value for name, value in rules.to_dict().items() if value != defaults[name]}
