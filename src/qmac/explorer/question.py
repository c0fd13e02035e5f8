"""Questions of the page: what the controls say, checked, and as a command that asks the same."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qmac._checks import check_count, check_flag, check_number
from qmac.errors import OptionError, suggestion
from qmac.strategy.constraints import check_constraints, format_bounds
from qmac.strategy.defaults import DEFAULT_MIN_TRADES
from qmac.strategy.objective import check_objective
from qmac.strategy.request import check_type
from qmac.strategy.rules import Rules

DEFAULT_OBJECTIVE = "total_return"
DEFAULT_TOP = 20
"""Rows of the command line's results."""
MOST_CONSTRAINTS = 16
MOST_MIN_TRADES = 1_000_000
HIDDEN = ("fixed_fees",)
"""Rules that are no option of the command line."""
TEXT_RULES = ("average", "fill", "conflict", "start", "end")
RULES = tuple(rule.name for rule in dataclasses.fields(Rules) if rule.name not in HIDDEN)


@dataclass(frozen=True)
class Question:
    """What the controls of the page say."""

    objective: str = DEFAULT_OBJECTIVE
    maximize: bool = True
    rules: Rules = field(default_factory=Rules)
    """Of all bars that are shown; its end is that of the bars out of sample."""
    edge: str | None = None
    """Last date in sample: later bars choose nothing. None where all bars choose."""
    min_trades: int = DEFAULT_MIN_TRADES
    constraints: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value by metric, infinite where there is no bound."""

    @property
    def rules_in_sample(self) -> Rules:
        """Rules of the sweep, which ends at the edge."""
        return self.rules if self.edge is None else replace(self.rules, end=self.edge)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of ``Session.optimize``, but for the number of rows."""
        return {
            "objective": self.objective,
            "maximize": self.maximize,
            "rules": self.rules_in_sample,
            "min_trades": self.min_trades,
            "constraints": dict(self.constraints),
        }

    def list_words(self) -> list[str]:
        """Return the options of ``qmac optimize`` that differ from their defaults.

        Returns
        -------
        list of str
            Words of a command line, not quoted.

        Examples
        --------
        >>> Question("sharpe_ratio", rules=Rules(fees=0.001), edge="2009-12-31").list_words()
        ['--objective', 'sharpe_ratio', '--fees', '0.001', '--end', '2009-12-31']
        """
        words = []
        if self.objective != DEFAULT_OBJECTIVE:
            words += ["--objective", self.objective]
        if not self.maximize:
            words.append("--minimize")
        default, rules = Rules(), self.rules_in_sample
        for name in RULES:
            value = getattr(rules, name)
            if value != getattr(default, name):
                words += [f"--{name.replace('_', '-')}", str(value)]
        if self.min_trades != DEFAULT_MIN_TRADES or "total_trades" in self.constraints:
            words += ["--min-trades", str(self.min_trades)]
        for metric, bounds in self.constraints.items():
            for sign, number in format_bounds(metric, bounds):
                words += ["--where", f"{metric} {sign} {number}"]
        return words

    def format_call(self) -> str:
        """Return the call of ``qmac.optimize`` that asks the same.

        Returns
        -------
        str
            With the variables ``prices`` and ``grid``.

        Examples
        --------
        >>> Question("sharpe_ratio", rules=Rules(fees=0.001), min_trades=7).format_call()
        "qmac.optimize(prices, grid, 'sharpe_ratio', qmac.Rules(fees=0.001), 20, min_trades=7)"
        """
        default, rules = Rules(), self.rules_in_sample
        values = {name: getattr(rules, name) for name in RULES}
        changed = [
            f"{name}={value!r}" for name, value in values.items() if value != getattr(default, name)
        ]
        text = f"qmac.Rules({', '.join(changed)})" if changed else "None"
        words = ["prices", "grid", repr(self.objective), text, str(DEFAULT_TOP)]
        if self.min_trades != DEFAULT_MIN_TRADES or "total_trades" in self.constraints:
            words.append(f"min_trades={self.min_trades}")
        if not self.maximize:
            words.append("maximize=False")
        if self.constraints:
            bounds = {
                metric: tuple(None if math.isinf(bound) else bound for bound in pair)
                for metric, pair in self.constraints.items()
            }
            words.append(f"constraints={bounds}")
        return f"qmac.optimize({', '.join(words)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the question as the page has it.

        Returns
        -------
        dict
            Plain values; ``build_question`` makes the same question of them.
        """
        rules = {name: value for name, value in self.rules.to_dict().items() if name in RULES}
        constraints = {
            metric: [None if math.isinf(bound) else bound for bound in bounds]
            for metric, bounds in self.constraints.items()
        }
        return {
            "objective": self.objective,
            "maximize": self.maximize,
            "edge": self.edge,
            "min_trades": self.min_trades,
            "constraints": constraints,
            **rules,
        }


def build_question(values: Any) -> Question:
    """Return the question of a page, which may say anything.

    Parameters
    ----------
    values : object
        A dict of JSON values; what is left out has its default.

    Returns
    -------
    Question
        Checked.

    Raises
    ------
    InputError
        If an entry is unknown, has another type, or a value outside its bounds.

    Examples
    --------
    >>> build_question({"fees": 0.001}).rules.fees
    0.001
    >>> build_question({"fee": 0.001})
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: question: 'fee' is not known. Did you mean 'fees'?
    """
    check_type("question", values, dict)
    known = Question().to_dict()
    for name in values:
        if name not in known:
            raise OptionError(f"question: {name!r} is not known. {suggestion(name, known)}")
    values = known | values
    return Question(
        objective=check_objective(_check_text("objective", values["objective"])),
        maximize=check_flag("maximize", values["maximize"]),
        rules=Rules(**{name: _check_rule(name, values[name]) for name in RULES}),
        edge=_check_edge(values["edge"]),
        min_trades=check_count("min_trades", values["min_trades"], 0, MOST_MIN_TRADES),
        constraints=_check_constraints(values["constraints"]),
    )


def _check_text(name: str, value: Any) -> str:
    check_type(name, value, str)
    return str(value)


def _check_rule(name: str, value: Any) -> Any:
    """Return the value of a rule; text only where a text is meant, which JSON can tell."""
    if value is None:
        return None if getattr(Rules(), name) is None else check_number(name, value)
    if name in TEXT_RULES:
        return _check_text(name, value)
    return check_number(name, value) if name != "max_bars" else check_count(name, value, 1)


def _check_edge(value: Any) -> str | None:
    """Return the edge as ``Rules`` writes a date."""
    if value is None:
        return None
    return str(Rules(end=_check_text("edge", value)).end)


def _check_constraints(values: Any) -> dict[str, tuple[float, float]]:
    check_type("constraints", values, dict)
    if len(values) > MOST_CONSTRAINTS:
        raise OptionError(
            f"constraints must be at most {MOST_CONSTRAINTS}, got {len(values)}. Drop some."
        )
    for metric, bounds in values.items():
        if not isinstance(bounds, list) or len(bounds) != 2 or bounds == [None, None]:
            raise OptionError(f"constraints.{metric} must be a list of two bounds, one not null.")
    return dict(check_constraints(values, min_trades=0))
